"""D01, D02, D03, D21, D22 and D23 over the books, and what becomes of what stands in the record."""

from dataclasses import replace

import pytest

from cloud_sync.core.books import Books, DoorFact, Drained, Hole, MemberBook, Moment, NodeBook, StayBook
from cloud_sync.core.judging import evaluate
from cloud_sync.core.lifecycles import StayState
from cloud_sync.core.policy import CN_DEFAULT, DAY_MS, HOUR_MS, MINUTE_MS
from cloud_sync.core.reconcile import (
    BY_HUMAN,
    Inconclusive,
    Key,
    Raise,
    Recorded,
    Retract,
    Verdict,
    Word,
    gather,
    settle,
)

IN, OUT = 100 * DAY_MS, 101 * DAY_MS
ENTRY = Moment("gate-1/e/1", IN + HOUR_MS - 10, IN + HOUR_MS + 10)
MEMBER = MemberBook("PS-1", verified=True, minor=False, entries=(), used=False, presence="unknown")
STAY = StayBook("ST-1", StayState.REGISTERED, IN, OUT, None, ("gate-1",), (MEMBER,))
NODE = NodeBook("gate-1", True, 2, "aa", IN, 2, "aa", None, None, ())
TOLD = Drained(IN + 13 * HOUR_MS, "TRUSTED", 10)


def verdicts(*, stay=None, node=None, doors=(), now_ms=IN + 13 * HOUR_MS, told=TOLD):
    """Everything that is not clear, as (kind, word, severity)."""
    books = Books(now_ms, {"gate-1": told}, (stay,) if stay else (), (node,) if node else (), tuple(doors))
    evaluation = evaluate(books, CN_DEFAULT)
    return [(v.key.kind, v.word.value, v.severity) for v in evaluation.verdicts if v.word is not Word.CLEAR]


def inside(**changes):
    member = replace(MEMBER, entries=(ENTRY,), used=True, presence="in", **changes)
    return replace(STAY, state=StayState.IN_HOUSE, members=(member,))


@pytest.mark.parametrize(
    ("stay", "found"),
    [
        (inside(), []),
        (inside(verified=False), [("D01", "raise", "S2")]),
        (inside(verified=False, minor=True), [("D01", "raise", "S1")]),
        (
            replace(
                STAY,
                members=(replace(MEMBER, verified=False, used=True, entries=(replace(ENTRY, night=True),)),),
            ),
            [("D01", "raise", "S1")],
        ),
    ],
    ids=["registered", "unregistered", "minor", "at night"],
)
def test_d01_somebody_entered_who_is_not_registered(stay, found):
    assert verdicts(stay=stay, now_ms=IN + 2 * HOUR_MS) == found


@pytest.mark.parametrize(
    ("told", "word"),
    [
        (TOLD, "raise"),
        (replace(TOLD, through_ms=IN + 12 * HOUR_MS), "inconclusive"),  # beyond the watermark
        (replace(TOLD, bound_ms=2 * HOUR_MS), "inconclusive"),  # the clock may be that wrong
        (replace(TOLD, clock="UNTRUSTED"), "inconclusive"),
    ],
)
def test_d02_counts_absence_only_where_every_door_has_told(told, word):
    assert verdicts(stay=STAY, told=told) == [("D02", word, "S3")]


def test_d02_is_not_yet_due_and_ends_with_an_entry():
    assert verdicts(stay=STAY, now_ms=IN + 12 * HOUR_MS) == []
    assert verdicts(stay=inside()) == []


def test_d02_finds_the_one_of_the_party_who_never_came():
    absent = replace(MEMBER, pass_id="PS-2")
    stay = replace(inside(), members=(*inside().members, absent))
    assert verdicts(stay=stay) == [("D02", "raise", "S2")]
    assert verdicts(stay=replace(stay, members=(*inside().members, replace(absent, used=True)))) == []


@pytest.mark.parametrize(
    ("hours", "told_hours", "presence", "found"),
    [
        (0.5, 5, "in", []),
        (1.5, 1.5, "in", [("D03", "raise", "S3")]),
        (1.5, 1.5, "unknown", [("D03", "raise", "S3")]),
        (1.5, 0.5, "in", [("D03", "inconclusive", "S3")]),
        (25, 25, "in", [("D03", "raise", "S2")]),
        (1.5, 1.5, "out", []),
    ],
)
def test_d03_overstay(hours, told_hours, presence, found):
    told = Drained(OUT + round(told_hours * HOUR_MS), "TRUSTED", 0)
    stay = inside()
    stay = replace(stay, state=StayState.DUE_OUT, members=(replace(stay.members[0], presence=presence),))
    assert verdicts(stay=stay, now_ms=OUT + round(hours * HOUR_MS), told=told) == found


def test_d03_an_entry_after_grace_counts_whatever_the_watermark():
    late = replace(ENTRY, since_ms=OUT + 90 * MINUTE_MS, until_ms=OUT + 91 * MINUTE_MS)
    stay = replace(inside(), members=(replace(inside().members[0], entries=(ENTRY, late)),))
    nothing_told = replace(TOLD, through_ms=0)
    assert verdicts(stay=stay, now_ms=OUT + 2 * HOUR_MS, told=nothing_told) == [("D03", "raise", "S3")]
    unsure = replace(late, since_ms=OUT)
    stay = replace(stay, members=(replace(stay.members[0], entries=(ENTRY, unsure)),))
    assert verdicts(stay=stay, now_ms=OUT + 2 * HOUR_MS, told=nothing_told) == [("D03", "inconclusive", "S3")]


NOW = IN + 13 * HOUR_MS


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, []),
        ({"told_ver": 1}, [("D21", "raise", "S3")]),
        ({"told_root": "bb"}, [("D21", "raise", "S3")]),
        ({"told_ver": 1, "built_ms": NOW - 5 * MINUTE_MS}, []),
        ({"told_ver": 1, "online": False}, [("D21", "inconclusive", "S3")]),
        ({"revoked_ms": NOW - 11 * MINUTE_MS, "online": False}, [("D21", "raise", "S1")]),
        ({"erase_ms": NOW - 11 * MINUTE_MS}, [("D21", "raise", "S1")]),
        ({"erase_ms": NOW - 9 * MINUTE_MS}, []),
        ({"set_ver": 0}, []),
    ],
)
def test_d21_a_node_that_does_not_hold_what_it_should(change, found):
    assert verdicts(node=replace(NODE, **change)) == found


@pytest.mark.parametrize(
    ("holes", "found"),
    [
        ((Hole("gate-1/e/5-6", NOW - 61_000, "gap"),), [("D22", "raise", "S2")]),
        ((Hole("gate-1/e/5-6", NOW - 59_000, "gap"),), []),
        ((Hole("gate-1/e/5-6", NOW, "lost"),), [("D22", "raise", "S2")]),
        (
            (Hole("gate-1/e/5", NOW, "conflict"), Hole("gate-1/e/6", NOW, "conflict")),
            [("D22", "raise", "S2")],
        ),
    ],
)
def test_d22_events_that_are_missing_or_contradict(holes, found):
    assert verdicts(node=replace(NODE, holes=holes)) == found


def facts(*kinds):
    return [DoorFact(f"gate-1/e/{n}", "AP-1", kind, IN) for n, kind in enumerate(kinds)]


@pytest.mark.parametrize(
    ("kinds", "found"),
    [
        (("forced",), [("D23", "raise", "S1")]),
        (("held", "forced"), [("D23", "raise", "S1")]),
        (("held",), [("D23", "raise", "S3")]),
        (("not_taken", "not_taken"), []),
        (("not_taken", "not_taken", "not_taken"), [("D23", "raise", "S3")]),
    ],
)
def test_d23_a_door_that_disagrees_with_its_events(kinds, found):
    assert verdicts(doors=facts(*kinds)) == found


KEY = Key("D02", "ST-1", IN)
OPEN = Recorded("open", "S3", ("a",))


def found(word: Word, row: Recorded | None, evidence=("a",)):
    evaluation = gather([("D02", "ST-1")], [Verdict(KEY, word, "S3", evidence, "note")])
    return settle(evaluation, {KEY: row} if row else {})


@pytest.mark.parametrize(
    ("word", "row", "finding"),
    [
        (Word.RAISE, None, Raise(KEY, "S3", ("a",))),
        (Word.RAISE, OPEN, None),
        (Word.RAISE, replace(OPEN, severity="S2"), Raise(KEY, "S3", ("a",))),
        (Word.RAISE, replace(OPEN, state="inconclusive"), Raise(KEY, "S3", ("a",))),
        (Word.RAISE, replace(OPEN, state="closed", close_reason="late evidence"), Raise(KEY, "S3", ("a",))),
        (Word.RAISE, replace(OPEN, state="closed", close_reason=f"{BY_HUMAN}seen"), None),
        (Word.CLEAR, OPEN, Retract(KEY, "note")),
        (Word.CLEAR, None, None),
        (Word.INCONCLUSIVE, None, Inconclusive(KEY, "S3", ("a",))),
        (Word.INCONCLUSIVE, OPEN, None),  # it neither opens nor closes
        (Word.INCONCLUSIVE, replace(OPEN, state="closed"), None),
    ],
)
def test_what_a_verdict_does_to_the_record(word, row, finding):
    assert found(word, row) == ([finding] if finding else [])


def test_what_a_person_explained_opens_again_on_new_evidence_only():
    explained = replace(OPEN, state="closed", close_reason=f"{BY_HUMAN}the postman")
    assert found(Word.RAISE, explained, ("a",)) == []
    assert found(Word.RAISE, explained, ("a", "b")) == [Raise(KEY, "S3", ("a", "b"))]


def test_a_window_that_moved_away_is_retracted():
    old = replace(KEY, window_ms=IN - 1)
    evaluation = gather([("D02", "ST-1")], [Verdict(KEY, Word.CLEAR)])
    (finding,) = settle(evaluation, {old: OPEN})
    assert isinstance(finding, Retract)
    assert finding.key == old


def test_settling_twice_changes_nothing_the_second_time():
    many = tuple(f"ref-{n}" for n in range(500))
    evaluation = gather([("D02", "ST-1")], [Verdict(KEY, Word.RAISE, "S3", many)])
    (raised,) = settle(evaluation, {})
    assert settle(evaluation, {KEY: Recorded("open", raised.severity, raised.evidence)}) == []
