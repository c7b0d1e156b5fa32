"""Story 9: a child's card and PIN for hours of the day opens gate and entrance in its hours, at nodes without network too."""

import asyncio
from dataclasses import replace
from datetime import UTC

import pytest

from cloud_sync.errors import Refused
from cloud_sync.protocol.messages import Cred
from cloud_sync.protocol.pin import card_credential, pin_credential
from cloud_sync.store.guardians import tell_guardians
from edge.core.door_rules import DoorRule, RuleSet
from edge.core.events import AccessPointId
from edge.core.schedule import Calendar, Schedule, read_hours
from edge.ports import Shown
from edge.runtime.rule_parts import local_time
from tests.fakes.community_house import resident_id
from tests.fakes.lone_gate import GATE, KEY, pass_row
from tests.fakes.ruled_house import S_NS, RuledHouse
from tests.fakes.web_house import visiting

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


ADULT = {
    "name": "测试",
    "document_type": "resident_id",
    "document_number": resident_id(),
    "birth_date": "1990-01-31",
}
CHILD = resident_id("00000120160131000")
CHILD_FORM = {
    "name": "儿童测试", "document_type": "resident_id", "document_number": CHILD, "birth_date": "2016-01-31",
    "guardian_contact": "0000 138", "relation": "mother",
}  # fmt: skip


@pytest.fixture
def family(at_home):
    """A mother who registered herself, and her child of ten: (community, the child's subject)."""
    at_home.read_notice()
    assert at_home.registry.register_self(at_home.token, ADULT).verified
    added = at_home.registry.add_companion(at_home.token, CHILD_FORM)
    assert added.faults == {}
    return at_home, added.subject_ref


def schedules(town) -> set[str]:
    return {row.schedule for row in town.registry.rows_for("gate-1")}


@pytest.mark.story("9d")
def test_the_guardian_chooses_the_hours_on_the_link_and_the_nodes_get_them(family):
    town, child = family
    with visiting(town.app(), **{"accept-language": "en"}) as site:
        home = f"/g/{town.token}"
        assert 'id="set-hours"' in site.get(f"{home}/pass?who={child}").text
        assert 'id="set-hours"' not in site.get(f"{home}/pass").text
        site.post(f"{home}/hours", data={"who": child, "begins": "07:00", "ends": "21:00"})
        assert "from 07:00-21:00, every day" in site.get(f"{home}/pass?who={child}").text
        assert schedules(town) == {"", "07:00-21:00"}
        wrong = site.post(f"{home}/hours", data={"who": child, "begins": "21:00", "ends": "07:00"})
        assert "do not end after they begin" in wrong.text
        site.post(f"{home}/hours", data={"who": child, "begins": "", "ends": ""})
    assert schedules(town) == {""}


@pytest.mark.story("9d")
def test_a_node_without_any_schedule_of_its_own_keeps_the_hours_that_the_pass_says(tmp_path):
    creds = [Cred("pin", *pin_credential(KEY, PIN))]
    row = pass_row("PS-child", creds=creds, scope=[GATE], schedule="07:00-21:00")
    house = RuledHouse(
        tmp_path, RuleSet(Calendar(local_time(UTC)), {GATE: DoorRule(access_point=GATE)}), [row]
    )

    async def play() -> None:
        await house.start()
        await house.walk(GATE, PIN)
        house.at_ns = EVENING_NS
        await house.gates[GATE].gate.on_pin(PIN)

    asyncio.run(play())
    house.close()
    said = [fact.reason for fact in house.gates[GATE].facts if fact.reason]
    assert said == ["Granted", "NotPermittedAtThisTime"]


@pytest.mark.story("9d")
def test_nobody_else_of_the_party_has_hours(family):
    town, _child = family
    with pytest.raises(Refused, match="for a child"):
        town.registry.set_child_hours(town.token, None, "07:00", "21:00", tell=False)


@pytest.mark.story("9e")
def test_who_asked_for_it_is_written_to_once_an_hour_and_nobody_else(family):
    town, child = family
    house = replace(town.books.house, channels=frozenset({"sms"}))
    held = next(row for row in town.registry.passes() if row.subject_ref == child)

    def late() -> int:
        denied = {"decision": "deny", "reason": "NotPermittedAtThisTime", "credential_kind": "card"}
        town.clock.step(ms=1000)
        town.gate.tells("access.denied", pass_id=held.pass_id, **denied)
        town.clock.step(ms=1000)
        return tell_guardians(house)

    town.registry.set_child_hours(town.token, child, "07:00", "21:00", tell=False)
    assert late() == 0
    town.registry.set_child_hours(town.token, child, "07:00", "21:00", tell=True)
    assert [tell_guardians(house), late(), late()] == [0, 1, 0]
    town.clock.step(hours=1)
    assert late() == 1
    due = town.books.outbox.claim(most=3)
    assert [(one.topic, one.channel, one.to) for one in due] == [("child_hours", "sms", "0000 138")] * 2
    assert CHILD_FORM["name"] not in str([one.said for one in due])
