"""A phone held into the picture is one showing of its code, until its pass or the node's clock changes."""

import asyncio
from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.protocol import code
from cloud_sync.protocol.messages import Cred, PassRow
from edge.core.events import ClockState
from edge.core.reasons import Reason
from edge.runtime.attempts import SAME_CODE_NS
from tests.fakes.lone_gate import NOW_MS, LoneGate, pass_row

PHONE, CREDENTIAL = Ed25519PrivateKey.generate(), bytes(range(16))
STEP = code.step_at(NOW_MS / 1000)
SHOWN = code.compose(CREDENTIAL, STEP, PHONE.sign(code.unsigned(CREDENTIAL, STEP)))
UNREGISTERED = {"state": "PENDING", "prereq": 3}
MOMENT_NS = 200_000_000


def row(**changes: object) -> PassRow:
    return pass_row(creds=[Cred("qr", CREDENTIAL.hex(), PHONE.public_key().public_bytes_raw())], **changes)


def decided(looks: Sequence[tuple[int, list[PassRow]]]) -> list[str]:
    """What the ledger says after one code was seen at these moments, the node knowing these passes then."""

    async def play() -> LoneGate:
        gate = await LoneGate(looks[0][1]).boot()
        for at_ns, rows in looks:
            gate.rows = rows
            await gate.gate.on_code(SHOWN, at_ns)
        return gate

    return [fact.type for fact in asyncio.run(play()).facts]


def test_a_code_held_up_is_refused_once():
    waiting = [row(**UNREGISTERED)]
    assert decided([(n * MOMENT_NS, waiting) for n in range(5)]) == ["access.denied"]


def test_registered_while_the_code_is_held_up_the_door_opens():
    waiting, ready = [row(**UNREGISTERED)], [row(pass_version=2)]
    assert decided([(0, waiting), (MOMENT_NS, waiting), (2 * MOMENT_NS, ready)]) == [
        "access.denied",
        "access.granted",
    ]


def test_the_clock_right_again_while_the_code_is_held_up_the_door_opens():
    async def play() -> LoneGate:
        gate = await LoneGate([row()], clock=ClockState.UNTRUSTED).boot()
        for n in range(4):
            gate.clock = ClockState.UNTRUSTED if n < 2 else ClockState.TRUSTED
            await gate.gate.on_code(SHOWN, n * MOMENT_NS)
        return gate

    facts = asyncio.run(play()).facts
    assert [(fact.type, fact.reason) for fact in facts] == [
        ("access.denied", Reason.CLOCK_UNTRUSTED),
        ("access.granted", Reason.GRANTED),
    ]


def test_who_enters_by_pin_beside_a_refused_code_changes_nothing_for_the_code():
    async def play() -> LoneGate:
        rows = [row(), pass_row("PS-2", pin="48151623")]
        gate = await LoneGate(rows, clock=ClockState.UNTRUSTED).boot()
        await gate.gate.on_code(SHOWN, 0)
        gate.clock = ClockState.TRUSTED
        await gate.gate.on_pin("48151623")
        await gate.gate.on_code(SHOWN, MOMENT_NS)
        return gate

    assert [fact.type for fact in asyncio.run(play()).facts if fact.type.startswith("access")] == [
        "access.denied",
        "access.granted",
        "access.granted",
    ]


def test_what_changes_for_others_does_not_refuse_anybody_again():
    waiting, other = row(**UNREGISTERED), pass_row("PS-2")
    assert decided([(0, [waiting]), (MOMENT_NS, [waiting, other])]) == ["access.denied"]


@pytest.mark.parametrize("again", [[row()], [row(pass_version=2)], [row(**UNREGISTERED)]])
def test_a_code_that_opened_is_not_judged_again_while_it_is_held_up(again):
    assert decided([(0, [row()]), (MOMENT_NS, again)]) == ["access.granted"]


def test_a_code_taken_away_and_shown_again_is_judged_again():
    waiting = [row(**UNREGISTERED)]
    assert decided([(0, waiting), (SAME_CODE_NS, waiting)]) == ["access.denied", "access.denied"]
