"""Digits at the door: who has them is let in like anybody else, and who has not learns nothing."""

import asyncio
from dataclasses import replace

import pytest

from edge.core.credentials import TRIES_MAX
from edge.core.door_events import DpsOpen
from tests.fakes.lone_gate import HOUR_MS, NOW_MS, LoneGate, pass_row

PIN = "734910"

MINE, OTHER = "482913", "482914"
S_NS = 1_000_000_000


def typed(gate: LoneGate, *digits: str, every_ns: int = S_NS) -> LoneGate:
    async def play() -> None:
        await gate.boot()
        for one in digits:
            gate.at_ns += every_ns
            await gate.gate.on_pin(one)

    asyncio.run(play())
    return gate


def test_a_pin_opens_its_own_pass():
    gate = typed(LoneGate([pass_row(pin=MINE), pass_row("PS-2", pin=OTHER)]), MINE)
    (fact,) = gate.facts
    assert (fact.type, fact.credential_kind, fact.pass_id) == ("access.granted", "pin", "PS-1")
    assert gate.shown == ["welcome"]
    assert len(gate.pulses) == 1


WRONG = {
    "nobody's": ([], OTHER),
    "too short to be one": ([pass_row(pin=MINE)], "4829"),
    "the stay is over": ([pass_row(pin=MINE, not_after=NOW_MS - HOUR_MS)], MINE),
    "too early": ([pass_row(pin=MINE, not_before=NOW_MS + 9 * HOUR_MS)], MINE),
    "another door": ([pass_row(pin=MINE, scope=["AP-9"])], MINE),
    "revoked": ([pass_row(pin=MINE, state="REVOKED")], MINE),
    "not registered": ([pass_row(pin=MINE, state="PENDING", prereq=3)], MINE),
    "staff a week without contact": ([pass_row(pin=MINE, cls="operator")], MINE),
}


@pytest.mark.parametrize(("rows", "digits"), WRONG.values(), ids=WRONG)
def test_every_pin_that_does_not_open_is_answered_alike(rows, digits, monkeypatch):
    gate = LoneGate(rows)
    if any(row.cls == "operator" for row in rows):
        fresh = gate.gate.hands.knowledge
        gate.gate.hands = replace(
            gate.gate.hands, knowledge=lambda: replace(fresh(), online=False, contact_age_ms=9 * 24 * HOUR_MS)
        )
    typed(gate, digits)
    assert gate.shown[-1] == "pin_refused"
    assert not {"register", "see_guard", "wait_until", "use_code"} & set(gate.shown)
    assert gate.pulses == []
    assert "access.granted" not in gate.kinds


def test_the_fifth_wrong_pin_makes_everybody_wait_whoever_they_are():
    wrong = [f"90000{n}" for n in range(TRIES_MAX)]
    gate = typed(LoneGate([pass_row(pin=MINE)]), *wrong, MINE)
    assert gate.kinds == ["access.denied"] * TRIES_MAX
    assert gate.shown[-1] == "wait_until"
    typed_later = asyncio.run(_later(gate, 31 * S_NS))
    assert typed_later.kinds[-1] == "access.granted"


async def _later(gate: LoneGate, wait_ns: int) -> LoneGate:
    gate.at_ns += wait_ns
    await gate.gate.on_pin(MINE)
    return gate


def test_a_node_without_the_community_s_key_reads_no_pins():
    gate = typed(LoneGate([pass_row(pin=MINE)], key=b""), MINE)
    assert [fact.reason for fact in gate.facts] == ["CredentialNotFound"]


def test_a_credential_of_another_kind_is_no_pin_even_with_its_bytes():
    row = pass_row(pin=MINE)
    (cred,) = row.creds
    gate = typed(LoneGate([pass_row(creds=[type(cred)("card", cred.cred_id, cred.verifier)])]), MINE)
    assert [fact.reason for fact in gate.facts] == ["CredentialNotFound"]


@pytest.mark.story("40b")
@pytest.mark.parametrize("prereq", [16, 16 | 7])
def test_whoever_chose_class_only_logging_leaves_their_class_and_nothing_else(prereq):
    rows = [pass_row(pin=MINE, cls="resident", prereq=prereq)]

    async def play() -> LoneGate:
        gate = await LoneGate(rows).boot()
        await gate.gate.on_pin(MINE)
        await gate.gate.on_event(DpsOpen())
        return gate

    facts = asyncio.run(play()).facts
    assert [fact.type for fact in facts] == ["access.granted", "access.taken"]
    for fact in facts:
        assert fact.cls == "resident"
        assert (fact.subject_ref, fact.pass_id, fact.pass_version) == (None, None, None)


def test_others_of_the_same_class_are_named_by_their_pseudonym():
    gate = typed(LoneGate([pass_row(pin=MINE, cls="resident", prereq=0)]), MINE)
    assert [(fact.subject_ref, fact.pass_id) for fact in gate.facts] == [("SJ-PS-1", "PS-1")]


def test_a_refusal_of_a_class_only_pass_names_nobody_either():
    over = pass_row(pin=MINE, cls="resident", prereq=16, not_after=NOW_MS - HOUR_MS)
    (fact,) = typed(LoneGate([over]), MINE).facts
    assert (fact.type, fact.cls, fact.subject_ref, fact.pass_id) == ("access.denied", "resident", None, None)


@pytest.mark.story("10h")
def test_who_asked_for_more_time_at_the_door_has_ten_seconds_more():
    async def play() -> None:
        usual = await LoneGate([pass_row(pin=PIN)]).boot()
        slow = await LoneGate([pass_row(pin=PIN, prereq=7 | 64)]).boot()
        for gate in (usual, slow):
            await gate.gate.on_pin(PIN)
        assert (usual.pulses, slow.pulses) == ([5_000], [15_000])

    asyncio.run(play())
