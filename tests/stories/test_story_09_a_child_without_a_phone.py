"""Story 9: a child's card and PIN for hours of the day opens gate and entrance in its hours, at nodes without network too."""

import asyncio
from datetime import UTC

import pytest

from cloud_sync.protocol.messages import Cred
from cloud_sync.protocol.pin import card_credential, pin_credential
from edge.core.door_rules import DoorRule, RuleSet
from edge.core.events import AccessPointId
from edge.core.schedule import Calendar, Schedule, read_hours
from edge.ports import Shown
from edge.runtime.rule_parts import local_time
from tests.fakes.lone_gate import GATE, KEY, pass_row
from tests.fakes.ruled_house import S_NS, RuledHouse

ENTRANCE = AccessPointId("AP-2")
PIN, CARD = "24681357", "04A1B2C3"
DAY = Schedule("child_day", (read_hours("07:00-21:00"),))
# The house's clock begins at 16:00.
EVENING_NS = 5 * 3600 * S_NS + 60 * S_NS  # a minute past nine


@pytest.mark.story("9a", "9b", "9c")
@pytest.mark.parametrize("online", [True, False], ids=["online", "offline"])
def test_in_its_hours_it_opens_and_afterwards_says_from_when(tmp_path, online):
    creds = [Cred("pin", *pin_credential(KEY, PIN)), Cred("card", *card_credential(KEY, CARD))]
    row = pass_row("PS-child", creds=creds, scope=[GATE, ENTRANCE], schedule=DAY.name)
    doors = {name: DoorRule(access_point=name) for name in (GATE, ENTRANCE)}
    house = RuledHouse(tmp_path, RuleSet(Calendar(local_time(UTC), {DAY.name: DAY}), doors), [row])

    async def play() -> None:
        await house.start()
        for gate in house.gates.values():
            gate.online = online
            gate.contact_age_ms = 0 if online else 3 * 86_400_000
        for name in doors:
            await house.walk(name, PIN)
        house.at_ns = EVENING_NS
        for gate in house.gates.values():
            await gate.gate.on_shown(Shown(gate.door, "card", f"32:{CARD}", house.at_ns))

    asyncio.run(play())
    house.close()
    for gate in house.gates.values():
        said = [(fact.type, fact.reason) for fact in gate.facts if fact.reason]
        assert said == [("access.granted", "Granted"), ("access.denied", "NotPermittedAtThisTime")]
        assert (len(gate.pulses), gate.shown[-1]) == (1, "wait_until")
