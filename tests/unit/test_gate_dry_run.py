"""A door on trial writes down what it would have said and holds nobody back; what is no key stays none."""

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.protocol import code
from cloud_sync.protocol.messages import Cred
from edge.core.door_events import Command, DpsClose, DpsOpen, RexPressed, Verb
from edge.core.events import GrantId
from tests.fakes.lone_gate import HOUR_MS, NOW_MS, LoneGate, pass_row

PHONE, CREDENTIAL = Ed25519PrivateKey.generate(), bytes(range(16))


def phone_pass(**changes: object):
    cred = Cred("qr", CREDENTIAL.hex(), PHONE.public_key().public_bytes_raw())
    return pass_row(creds=[cred], **changes)


def shown(key: Ed25519PrivateKey = PHONE) -> str:
    step = code.step_at(NOW_MS / 1000)
    return code.compose(CREDENTIAL, step, key.sign(code.unsigned(CREDENTIAL, step)))


def at_a_door(rows, text: str, *, dry_run: bool = True) -> LoneGate:
    async def play() -> LoneGate:
        gate = await LoneGate(rows, dry_run=dry_run).boot()
        await gate.gate.on_code(text, 0)
        return gate

    return asyncio.run(play())


HELD_BACK = {
    "x:NotRegistered": {"state": "PENDING", "prereq": 3},
    "CredentialExpired": {"not_after": NOW_MS - HOUR_MS},
    "CredentialNotActive": {"not_before": NOW_MS + 9 * HOUR_MS},
    "Unauthorized": {"scope": ["AP-9"]},
    "x:StayClosed": {"state": "PENDING", "prereq": 5},
}


@pytest.mark.parametrize("reason", HELD_BACK)
def test_a_would_be_denial_opens_and_is_written_down_with_its_reason(reason):
    gate = at_a_door([phone_pass(**HELD_BACK[reason])], shown())
    assert [(fact.type, fact.decision, fact.reason) for fact in gate.facts] == [
        ("access.would_deny", "deny", reason)
    ]
    assert gate.shown == ["welcome"]
    assert len(gate.pulses) == 1


@pytest.mark.parametrize("reason", HELD_BACK)
def test_the_same_door_in_earnest_holds_the_same_guest_back(reason):
    gate = at_a_door([phone_pass(**HELD_BACK[reason])], shown(), dry_run=False)
    assert [(fact.type, fact.reason) for fact in gate.facts] == [("access.denied", reason)]
    assert gate.pulses == []


def test_a_would_be_grant_is_no_grant_in_the_books_and_the_passage_is_one():
    async def play() -> LoneGate:
        gate = await LoneGate([phone_pass()], dry_run=True).boot()
        await gate.gate.on_code(shown(), 0)
        await gate.gate.on_event(DpsOpen())
        await gate.gate.on_event(DpsClose())
        return gate

    gate = asyncio.run(play())
    assert gate.kinds == ["access.would_allow", "access.taken", "door.closed"]
    granted, taken, _ = gate.facts
    assert (taken.grant_id, taken.pass_id) == (granted.grant_id, "PS-1")


def test_what_belongs_to_nobody_opens_nothing_and_is_written_down():
    forged = at_a_door([phone_pass()], shown(Ed25519PrivateKey.generate()))
    unknown = at_a_door([], shown())
    for gate in (forged, unknown):
        assert [(fact.type, fact.reason) for fact in gate.facts] == [
            ("access.would_deny", "CredentialNotFound")
        ]
        assert gate.pulses == []


def test_digits_cannot_be_tried_out_because_a_door_is_on_trial():
    async def play() -> LoneGate:
        gate = await LoneGate([pass_row(pin="482913")], dry_run=True).boot()
        for n in range(6):
            await gate.gate.on_pin(f"90000{n}")
        return gate

    gate = asyncio.run(play())
    assert gate.pulses == []
    assert gate.shown[-1] == "wait_until"


def test_a_door_that_a_person_closed_stays_closed_on_trial():
    async def play() -> LoneGate:
        gate = await LoneGate([phone_pass()], dry_run=True).boot()
        await gate.gate.on_event(Command(Verb.BLOCK, "guard:li", 1))
        await gate.gate.on_code(shown(), 0)
        return gate

    gate = asyncio.run(play())
    assert (gate.kinds[-1], gate.facts[-1].reason) == ("access.would_deny", "pt:Blocked")
    assert gate.pulses == []


def test_the_way_out_is_what_it_always_is():
    async def play() -> LoneGate:
        gate = await LoneGate([], dry_run=True).boot()
        await gate.gate.on_event(RexPressed(GrantId("g")))
        return gate

    assert asyncio.run(play()).kinds == ["door.rex"]


def test_in_earnest_an_unregistered_guest_is_shown_where_to_register():
    gate = at_a_door([phone_pass(state="PENDING", prereq=3)], shown(), dry_run=False)
    assert gate.shown[-1] == "register"
