"""No grants before the list is signed: what a report has to say, and what a door without one still does."""

import asyncio
import json
import string
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.commission.walk import Pen, _end_ms
from edge.commission.words import WORDS, text
from edge.core.commissioning import (
    NEVER_LEFT_OUT,
    Check,
    Item,
    NotOne,
    Outcome,
    Report,
    Verdict,
    read_draft,
    read_signed,
    signed_file,
)
from edge.core.door_events import Command, FireOn, RexPressed, SchedOpen, Verb
from edge.core.door_types import Mode
from edge.core.events import AccessPointId, GrantId
from edge.core.reasons import GuestText
from edge.gateio.profile import DoorTable
from edge.gateio.wiring import wiring_of
from edge.runtime.commissioned import Commissioned
from edge.store.device_key import verify_ed25519
from tests.fakes.lone_gate import LoneGate

KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw()
DOOR = AccessPointId("AP-1")


def checks(**changed):
    return tuple(Check(item, changed.get(item, Outcome.PASSED), "seen", at_ms=5) for item in Item)


def report(ended_ms=10, **changed):
    usual = Report("n1", DOOR, "w", "strike_fail_secure", "T-7", "1", 1, ended_ms, checks())
    return replace(usual, **changed)


def kept(folder, one, key=KEY):
    folder.mkdir(exist_ok=True)
    data = signed_file(one, key.public_key().public_bytes_raw(), key.sign)
    (folder / f"{one.access_point}-{one.ended_ms}.json").write_bytes(data)
    return data


@pytest.fixture
def doors(tmp_path):
    return Commissioned(tmp_path / "c", "n1", {DOOR: "w"}, PUBLIC, verify_ed25519)


# --- reports ---------------------------------------------------------------------------------------------------------


def test_a_whole_passed_report_of_this_door_commissions_it(doors):
    assert "no report is signed" in doors.why_not(DOOR)
    kept(doors.folder, report())
    assert doors.why_not(DOOR) == ""
    assert "no report is signed" in doors.why_not(AccessPointId("AP-2"))


@pytest.mark.story("10f")
@pytest.mark.parametrize("item", Item)
def test_a_single_failed_item_keeps_the_door_shut_and_is_named(item, doors):
    kept(doors.folder, report(checks=checks(**{item: Outcome.FAILED})))
    assert f"the last walk ended failed at {item}" in doors.why_not(DOOR)


@pytest.mark.parametrize("item", Item)
def test_what_was_left_or_never_tried_is_no_report_yet(item, doors):
    for one in (checks(**{item: Outcome.LEFT}), tuple(c for c in checks() if c.item is not item)):
        assert report(checks=one).verdict is Verdict.UNFINISHED
    kept(doors.folder, report(checks=checks(**{item: Outcome.LEFT})))
    assert "no report is signed" in doors.why_not(DOOR)


@pytest.mark.parametrize("item", Item)
def test_only_what_a_door_can_be_without_may_be_not_fitted(item):
    verdict = report(checks=checks(**{item: Outcome.NOT_FITTED})).verdict
    assert verdict is (Verdict.UNFINISHED if item in NEVER_LEFT_OUT else Verdict.PASSED)


def test_the_last_try_at_an_item_counts_and_the_failed_one_stays_on_paper():
    tried = (Check(Item.REX, Outcome.FAILED, "never seen"), *checks())
    assert report(checks=tried).verdict is Verdict.PASSED
    read = read_signed(signed_file(report(checks=tried), PUBLIC, KEY.sign), verify_ed25519)
    assert not isinstance(read, NotOne)
    assert read[0].checks[0].outcome is Outcome.FAILED


def test_the_newest_walk_rules_and_an_interrupted_one_takes_nothing_away(doors):
    kept(doors.folder, report(10))
    kept(doors.folder, report(30, checks=checks(rex=Outcome.FAILED)))
    assert "failed at rex" in doors.why_not(DOOR)
    kept(doors.folder, report(40))
    assert doors.why_not(DOOR) == ""
    kept(doors.folder, report(50, checks=checks(rex=Outcome.LEFT)))
    assert doors.why_not(DOOR) == ""


def test_a_walk_after_the_clock_was_set_back_is_still_the_newest(tmp_path):
    pen = Pen(tmp_path, PUBLIC, KEY.sign, lambda: 100, "w", "1")
    assert _end_ms(pen, DOOR) == 100
    for name in (f"{DOOR}-900.json", f"{DOOR}-old.json", "AP-2-5000.json"):
        (tmp_path / name).write_bytes(b"{}")
    assert _end_ms(pen, DOOR) == 901


def test_another_wiring_needs_another_walk(doors):
    kept(doors.folder, report(wiring="other"))
    assert "wiring in the I/O profile was changed since" in doors.why_not(DOOR)


def test_a_strangers_report_neither_opens_a_door_nor_closes_it(doors):
    stranger = Ed25519PrivateKey.generate()
    kept(doors.folder, report(20), key=stranger)
    assert "no report is signed" in doors.why_not(DOOR)
    kept(doors.folder, report(10))
    kept(doors.folder, report(30, checks=checks(lock=Outcome.FAILED)), key=stranger)
    assert doors.why_not(DOOR) == ""
    kept(doors.folder, report(40, node="n2"))
    assert "is about AP-1 of node n2" in doors.why_not(DOOR)


@pytest.mark.parametrize("field", ["by", "wiring", "verdict", "ended_ms", "checks", "format"])
def test_not_one_letter_of_a_report_can_be_changed(field):
    tree = json.loads(signed_file(report(checks=checks(rex=Outcome.FAILED)), PUBLIC, KEY.sign))
    tree["report"][field] = {"verdict": "passed", "ended_ms": 11, "checks": [], "format": 2}.get(field, "x")
    assert isinstance(read_signed(json.dumps(tree).encode(), verify_ed25519), NotOne)


def test_a_report_that_says_passed_over_a_failed_check_is_refused_even_when_signed():
    tree = json.loads(signed_file(report(checks=checks(rex=Outcome.FAILED)), PUBLIC, KEY.sign))
    tree["report"]["verdict"] = "passed"
    import base64

    from edge.core.commissioning import SIGNED, canonical

    tree["signature"] = base64.b64encode(KEY.sign(SIGNED + canonical(tree["report"]))).decode()
    refused = read_signed(canonical(tree), verify_ed25519)
    assert isinstance(refused, NotOne)
    assert "says of itself" in refused.why


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[1]", b"\xff\xff", b"9" * 70_000, b'{"report":1,"key":"","signature":""}']
)
def test_whatever_lies_in_the_folder_is_answered(data):
    assert isinstance(read_signed(data, verify_ed25519), NotOne)
    assert read_draft(data) is None


def test_a_wiring_is_the_same_with_its_usual_values_written_out():
    table = {
        "access_point": "AP-1", "lock_profile": "strike_fail_secure", "rex_unlocks": True,
        "lock": {"driver": "gpio_relay", "line": "GPIO17"},
    }  # fmt: skip
    plain = DoorTable.model_validate_json(json.dumps(table))
    written = DoorTable.model_validate_json(json.dumps(table | {"t_rex_ms": 3000, "readers": []}))
    moved = DoorTable.model_validate_json(
        json.dumps(table | {"lock": {"driver": "gpio_relay", "line": "GPIO5"}})
    )
    assert wiring_of(plain) == wiring_of(written) != wiring_of(moved)


# --- the door --------------------------------------------------------------------------------------------------------


def lone(**changed):
    lone_gate = LoneGate([], **changed)
    asyncio.run(lone_gate.boot())
    lone_gate.gate.withheld = lambda: "not commissioned: nobody walked the list"
    lone_gate.shown.clear()
    return lone_gate


def test_digits_at_a_door_without_a_list_open_nothing_and_send_to_the_guard():
    door = lone()
    asyncio.run(door.gate.on_pin("123456"))
    assert [(fact.type, fact.reason) for fact in door.facts] == [("access.denied", "pt:Blocked")]
    assert (door.pulses, door.shown[-1]) == ([], GuestText.SEE_GUARD)


def test_a_door_on_trial_holds_nobody_back_and_still_opens_for_nobody_before_its_list():
    door = lone(dry_run=True)
    asyncio.run(door.gate.on_pin("123456"))
    assert (door.pulses, door.shown[-1]) == ([], GuestText.SEE_GUARD)


@pytest.mark.parametrize(
    "event",
    [Command(Verb.ACCESS, "G-1", 1, GrantId("g-1")), Command(Verb.UNLOCK, "G-1", 1), SchedOpen()],
    ids=["access", "unlock", "schedule"],
)
def test_nobody_opens_it_from_afar_and_no_schedule_does(event):
    door = lone()
    did = asyncio.run(door.gate.step(event))
    assert did.fault == "not commissioned: nobody walked the list"
    assert (door.gate.state.mode, door.pulses) == (Mode.LOCKED, [])


def test_the_way_out_and_the_fire_release_are_not_withheld():
    door, latched = lone(), []

    async def latch(*asked):
        latched.append(asked[2:4])
        return await door.lock(*asked[:2])

    door.latch = latch
    asyncio.run(door.gate.on_event(RexPressed(GrantId("g-1"))))
    asyncio.run(door.gate.on_event(FireOn()))
    assert door.gate.state.mode is Mode.LOCKED_OPEN
    assert latched == [("fire", True)]
    assert "fire.release" in door.kinds


def test_the_technician_releases_it_once_and_that_is_on_record():
    door = lone()
    did = asyncio.run(door.gate.try_lock("T-7"))
    assert (did.fault, len(door.pulses)) == ("", 1)
    granted = [fact for fact in door.facts if fact.type == "access.granted"]
    assert [(fact.actor, fact.decision, fact.credential_kind) for fact in granted] == [
        ("T-7", "override", "guard")
    ]


# --- words -----------------------------------------------------------------------------------------------------------


def parts_of(words):
    return {name for _, name, _, _ in string.Formatter().parse(words) if name}


@pytest.mark.parametrize("key", WORDS)
def test_every_text_exists_in_both_languages_with_the_same_parts(key):
    zh, en = WORDS[key]
    assert zh != en or key == "item"  # a line around the item's own word
    assert parts_of(zh) == parts_of(en)


def test_every_item_and_outcome_has_its_word():
    for item in Item:
        assert text("item", "zh", item=item) != text("item", "en", item=item)
    for outcome in (Outcome.PASSED, Outcome.FAILED, Outcome.NOT_FITTED):
        assert "why" in text(f"was_{outcome}", "en", seen="why")
