"""Each rule about a unit, a listing, an operator, a door or a clock: what opens it and what closes it."""

from dataclasses import fields, replace
from types import NoneType

import pytest

from cloud_sync.core.books import PathBook, TopicBook
from cloud_sync.core.cases import HUMAN_KINDS
from cloud_sync.core.discrepancies import KINDS, PROPOSALS
from cloud_sync.core.evidence import (
    BODIES,
    Advertisement,
    Capacity,
    Complaint,
    DailyReturn,
    Household,
    Inspection,
    Overdue,
    PathTimes,
    ResidentPattern,
    TemplateMatch,
    UnitVisit,
    body_of,
    said_by,
)
from cloud_sync.core.judging import STAY_RULES, TOPIC_RULES
from cloud_sync.core.policy import CN_DEFAULT, DAY_MS, HOUR_MS
from cloud_sync.errors import Refused
from cloud_sync.web.words import DISCREPANCIES
from tests.fakes.rule_books import IN, MID, judged, told

RAISE = "raise"
LONG = replace(CN_DEFAULT, rules=replace(CN_DEFAULT.rules, off=frozenset()))


def topic(*bodies, subject="U-1", ended_ms=None, since_ms=IN, **more):
    found = (
        told(body, key=f"k{n}", subject=subject, ended_ms=ended_ms, since_ms=since_ms)
        for n, body in enumerate(bodies)
    )
    return TopicBook(subject, tuple(found), **more)


VISITS = [UnitVisit(f"PS-{n}", 1, visitor=True) for n in range(3)]
UNLOCKS = [UnitVisit(f"PS-{n}", 6, visitor=False) for n in range(2)]
NO_CODE, CODE = Advertisement("xc", "", "photo"), Advertisement("xc", "L-1", "photo")
SEEN = Inspection("wang", operating=True)
FULL = Capacity(3, 3, 5, 5)
MATCHED = Household("exact", MID - DAY_MS)
FACE, CODE_PATH = PathTimes("face", 40, 900), PathTimes("qr", 40, 2_000)

TOPICS = [
    ("D07", "nothing", topic(), {}, []),
    ("D07", "two visitors", topic(*VISITS[:2]), {}, []),
    ("D07", "three visitors", topic(*VISITS), {}, [(RAISE, "S2", "U-1")]),
    ("D07", "three a year ago", topic(*VISITS, since_ms=MID - 31 * DAY_MS), {}, []),
    ("D07", "many unlocks", topic(*UNLOCKS), {}, [(RAISE, "S2", "U-1")]),
    ("D07", "one neighbour's key", topic(replace(UNLOCKS[0], unlocks=20)), {}, []),
    ("D07", "advertised", topic(NO_CODE), {}, [(RAISE, "S2", "U-1")]),
    ("D07", "inspected", topic(SEEN), {}, [(RAISE, "S2", "U-1")]),
    ("D07", "complained of", topic(Complaint("no plate")), {}, [(RAISE, "S2", "U-1")]),
    ("D07", "entered without a code", topic(uncoded_entries=("ST-1",)), {}, [(RAISE, "S2", "U-1")]),
    ("D07", "closes by a code", topic(SEEN, coded=True), {}, []),
    ("D07", "closes when it stopped", topic(SEEN, ended_ms=MID), {}, []),
    ("D07", "is about units", topic(NO_CODE, subject="L-1", listing=True), {}, []),
    ("D09", "two faces alike", topic(TemplateMatch("PS-1", "PS-2"), subject="PS-1"), {}, [(RAISE, "S2", "PS-1")]),
    ("D09", "closes when explained", topic(TemplateMatch("PS-1", "PS-2"), subject="PS-1", ended_ms=MID), {}, []),
    ("D12", "not due", topic(DailyReturn(MID + 1, filed=False), subject="O-1"), {}, []),
    ("D12", "opens", topic(DailyReturn(MID - HOUR_MS, filed=False), subject="O-1"), {}, [(RAISE, "S2", "O-1")]),
    ("D12", "a day later", topic(DailyReturn(MID - 2 * DAY_MS, filed=False), subject="O-1"), {}, [(RAISE, "S1", "O-1")]),
    ("D12", "closes by a return, nil or not", topic(DailyReturn(MID - HOUR_MS, filed=True), subject="O-1"), {}, []),
    ("D16", "shows its code", topic(CODE, subject="L-1", listing=True), {}, []),
    ("D16", "shows none", topic(NO_CODE, subject="L-1", listing=True), {}, [(RAISE, "S3", "L-1")]),
    ("D16", "shows another's", topic(replace(CODE, shown_code="L-2"), subject="L-1", listing=True), {}, [(RAISE, "S3", "L-1")]),
    ("D16", "closes when fixed", topic(NO_CODE, subject="L-1", listing=True, ended_ms=MID), {}, []),
    ("D17", "as registered", topic(FULL, subject="L-1", listing=True), {}, []),
    ("D17", "a room more", topic(replace(FULL, rooms_seen=4), subject="L-1", listing=True), {}, [(RAISE, "S3", "L-1")]),
    ("D17", "closes when the register follows", topic(replace(FULL, rooms_seen=4, rooms_kept=4), subject="L-1", listing=True), {}, []),
    ("D18", "off", topic(ResidentPattern(5), subject="PS-9"), {}, []),
    ("D18", "opens", topic(ResidentPattern(5), subject="PS-9"), {"profile": LONG}, [(RAISE, "S3", "PS-9")]),
    ("D24", "matched", topic(MATCHED), {}, []),
    ("D24", "unmatched", topic(replace(MATCHED, bucket="unmatched")), {}, [(RAISE, "S4", "U-1")]),
    ("D24", "nobody looked", topic(replace(MATCHED, verified_ms=MID - 91 * DAY_MS)), {}, [(RAISE, "S4", "U-1")]),
    ("D25", "a face is no faster", topic(FACE, replace(CODE_PATH, median_ms=1_300), subject="AP-1"), {}, []),
    ("D25", "codes are slow", topic(FACE, CODE_PATH, subject="AP-1"), {}, [(RAISE, "S2", "AP-1/times")]),
    ("D25", "too few", topic(FACE, replace(CODE_PATH, passages=29), subject="AP-1"), {}, []),
    ("D26", "nothing", topic(Overdue("templates", 0), subject="templates"), {}, []),
    ("D26", "opens", topic(Overdue("templates", 2), subject="templates"), {}, [(RAISE, "S1", "templates")]),
    ("D26", "closes when erased", topic(Overdue("templates", 2), subject="templates", ended_ms=MID), {}, []),
]  # fmt: skip


@pytest.mark.story("7d", "18c", "29b")
@pytest.mark.parametrize(
    ("kind", "book", "more", "found"),
    [(kind, book, more, found) for kind, _, book, more, found in TOPICS],
    ids=[f"{kind} {what}" for kind, what, *_ in TOPICS],
)
def test_a_rule_about_a_subject_that_is_no_stay(kind, book, more, found):
    assert judged(kind, topics=(book,), **more) == found


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ((("qr", 96, 100),), []),
        ((("qr", 94, 100),), [(RAISE, "S2", "AP-1")]),
        ((("qr", 20, 29),), []),
        ((("face", 1, 100), ("pin", 100, 100)), []),
    ],
)
def test_d25_counts_how_often_a_known_code_was_let_in(counts, found):
    assert judged("D25", paths=(PathBook("AP-1", counts),)) == found


def test_the_table_has_every_kind_and_says_of_each_what_the_program_does():
    assert list(KINDS) == [f"D{n:02}" for n in range(1, 27)]
    assert {kind.id for kind in KINDS.values() if kind.close == "human"} == HUMAN_KINDS
    by_hand = {name for kind in KINDS.values() for name in kind.by_hand}
    assert by_hand == set(BODIES)
    others = {"D06", "D09", "D21", "D22", "D23", "D25"}  # these have books of their own
    assert {*STAY_RULES, *TOPIC_RULES, *others} == set(KINDS)
    assert {step for kind in KINDS.values() for step in kind.steps} > PROPOSALS
    assert set(KINDS) <= set(DISCREPANCIES)


def sample(kind: type) -> dict:
    made = {"str": "x", "int": 3, "bool": True}
    hints = {field.name: field.type for field in fields(kind)}
    said = {}
    for name, hint in hints.items():
        said[name] = made.get(getattr(hint, "__name__", ""))
        if said[name] is None:
            said[name] = hint.__args__[0]
    return said


@pytest.mark.parametrize("name", sorted(BODIES))
def test_evidence_is_read_back_as_it_was_told_and_refused_in_one_sentence(name):
    said = sample(BODIES[name])
    body = body_of(name, said)
    assert (type(body), said_by(body)) == (BODIES[name], said)
    first = next(iter(said))
    for wrong in (
        {**said, "more": 1},
        {k: v for k, v in said.items() if k != first},
        {**said, first: NoneType},
    ):
        with pytest.raises(Refused):
            body_of(name, wrong)
    with pytest.raises(Refused, match="is not one of"):
        body_of("Gossip", said)
