"""Each rule about a stay: what opens it, what closes it, what it cannot know yet, and what late evidence does."""

from dataclasses import replace

import pytest

from cloud_sync.core.books import Drained, ListingBook, PersonBook
from cloud_sync.core.evidence import (
    Headcount,
    IdentityCheck,
    MinorConcern,
    Submission,
    WrongFact,
)
from cloud_sync.core.lifecycles import BookingState, ListingState, RegistrationState, StayState
from cloud_sync.core.policy import CN_DEFAULT, DAY_MS, HOUR_MS
from tests.fakes.rule_books import (
    ARMED,
    CAME,
    GATE,
    IN,
    LATE,
    MEMBER,
    MID,
    MINUTES,
    OTHER_GATE,
    OUT,
    OVER,
    STAY,
    TOLD_ALL,
    WAITING,
    at,
    company,
    gone,
    judged,
    listed,
    one,
    stayed,
    told,
    unsure,
)

BEHIND = Drained(IN, "TRUSTED", 0)
UNBELIEVED = Drained(200 * DAY_MS, "UNTRUSTED", 0)
REPORTS = replace(CN_DEFAULT, rules=replace(CN_DEFAULT.rules, reports_upstream=True))
LONG = replace(CN_DEFAULT, rules=replace(CN_DEFAULT.rules, off=frozenset()))
SHUT = {"listing_state": ListingState.SUSPENDED, "shut_ms": IN - DAY_MS}
WITHDRAWING = {"listing_state": ListingState.WITHDRAWING, "shut_ms": IN - DAY_MS}
RAISE, DOUBT = "raise", "inconclusive"
CHECKED_OUT = replace(gone(OUT - HOUR_MS), state=StayState.CHECKED_OUT, checked_out_ms=OUT)
QUIET = {"entries": (), "used": False, "presence": "unknown"}
SECOND = replace(MEMBER, pass_id="PS-2", person="PN-2")
PARTY = replace(STAY, members=(MEMBER, SECOND))
COUNT = Headcount(3, 40, at_night=True, source="sensor")


def check(outcome: str) -> IdentityCheck:
    return IdentityCheck("PN-1", outcome)  # type: ignore[arg-type]


# kind, what it is, the stay, more, what is found
STAYS = [
    ("D01", "registered", STAY, {}, []),
    ("D01", "opens", replace(STAY, members=(LATE,)), {}, [(RAISE, "S2", "ST-1")]),
    ("D01", "opens at night", one(verified=False, entries=(at(MID, night=True),)), {}, [(RAISE, "S1", "ST-1")]),
    ("D01", "opens for a minor", one(verified=False, minor=True), {}, [(RAISE, "S1", "ST-1")]),
    ("D01", "whatever the watermark", replace(STAY, members=(LATE,)), {"drained": BEHIND}, [(RAISE, "S2", "ST-1")]),
    ("D01", "closes when they leave", one(verified=False, presence="out", outs=(at(MID, 2),)), {}, []),
    ("D02", "not late yet", WAITING, {"now_ms": IN + 12 * HOUR_MS}, []),
    ("D02", "opens", WAITING, {}, [(RAISE, "S3", "ST-1")]),
    ("D02", "beyond the watermark", WAITING, {"drained": BEHIND}, [(DOUBT, "S3", "ST-1")]),
    ("D02", "by a clock nobody believes", WAITING, {"drained": UNBELIEVED}, [(DOUBT, "S3", "ST-1")]),
    ("D02", "closes by an entry told late", STAY, {}, []),
    ("D02", "closes by a no-show confirmed", replace(WAITING, state=StayState.NO_SHOW), {}, []),
    ("D02", "one of the party", replace(PARTY, members=(MEMBER, replace(SECOND, **QUIET))), {}, [(RAISE, "S2", "PS-2")]),
    ("D02", "one of the party, undecided", replace(PARTY, members=(MEMBER, replace(SECOND, **QUIET))), {"drained": BEHIND}, [(DOUBT, "S2", "PS-2")]),
    ("D03", "within grace", STAY, {"now_ms": OUT + 50 * MINUTES}, []),
    ("D03", "opens", STAY, {"now_ms": OUT + 2 * HOUR_MS}, [(RAISE, "S3", "ST-1")]),
    ("D03", "a day later", STAY, {"now_ms": OUT + 25 * HOUR_MS}, [(RAISE, "S2", "ST-1")]),
    ("D03", "beyond the watermark", STAY, {"now_ms": OUT + 2 * HOUR_MS, "drained": BEHIND}, [(DOUBT, "S3", "ST-1")]),
    ("D03", "an entry after grace needs no watermark", one(entries=(CAME, at(OUT + 90 * MINUTES, 5))), {"now_ms": OUT + 2 * HOUR_MS, "drained": BEHIND}, [(RAISE, "S3", "ST-1")]),
    ("D03", "an entry that may be earlier does", one(entries=(CAME, unsure(OUT, OUT + 2 * HOUR_MS))), {"now_ms": OUT + 2 * HOUR_MS, "drained": BEHIND}, [(DOUBT, "S3", "ST-1")]),
    ("D03", "closes by checkout", CHECKED_OUT, {"now_ms": OUT + 2 * HOUR_MS}, []),
    ("D03", "opens when somebody comes back after it", replace(CHECKED_OUT, members=one(entries=(CAME, at(OUT + 90 * MINUTES, 5))).members), {"now_ms": OUT + 2 * HOUR_MS}, [(RAISE, "S3", "ST-1")]),
    ("D03", "not by whoever came before it", replace(CHECKED_OUT, members=STAY.members), {"now_ms": OUT + 2 * HOUR_MS}, []),
    ("D03", "closes by a late exit", gone(OUT), {"now_ms": OUT + 2 * HOUR_MS}, []),
    ("D04", "inside", STAY, {"now_ms": IN + 50 * HOUR_MS}, []),
    ("D04", "opens", gone(IN + 5 * HOUR_MS), {"now_ms": IN + 30 * HOUR_MS}, [(RAISE, "S4", "ST-1")]),
    ("D04", "may come back today", gone(IN + 5 * HOUR_MS), {"now_ms": IN + 28 * HOUR_MS}, []),
    ("D04", "beyond the watermark", gone(IN + 5 * HOUR_MS), {"now_ms": IN + 30 * HOUR_MS, "drained": BEHIND}, [(DOUBT, "S4", "ST-1")]),
    ("D04", "left when the stay ends", gone(OUT - HOUR_MS), {"now_ms": OUT + 2 * DAY_MS}, []),
    ("D04", "closes by checkout", replace(gone(IN + 5 * HOUR_MS), checked_out_ms=MID), {"now_ms": IN + 30 * HOUR_MS}, []),
    ("D05", "one count is no crowd", one(company=company(3)), {}, []),
    ("D05", "opens", one(company=company(3, 9)), {}, [(RAISE, "S2", "ST-1")]),
    ("D05", "grave above the maximum", one(company=company(3, 9, extra=3)), {}, [(RAISE, "S1", "ST-1")]),
    ("D05", "the other member walked along", replace(PARTY, members=(replace(MEMBER, company=company(3, 9)), replace(SECOND, entries=()))), {}, []),
    ("D05", "with both inside a third", replace(PARTY, members=(replace(MEMBER, company=company(3, 9)), SECOND)), {}, [(RAISE, "S2", "ST-1")]),
    ("D05", "a sensor at night", replace(STAY, told=(told(COUNT),)), {}, [(RAISE, "S2", "ST-1")]),
    ("D05", "a sensor for a moment", replace(STAY, told=(told(replace(COUNT, minutes=10)),)), {}, []),
    ("D05", "a spot check", replace(STAY, told=(told(Headcount(2, 0, at_night=False, source="spot_check")),)), {}, [(RAISE, "S2", "ST-1")]),
    ("D05", "closes when a check finds none", replace(STAY, told=(told(COUNT, ended_ms=MID),)), {}, []),
    ("D05", "closes by members added", replace(STAY, told=(told(COUNT),), members=(MEMBER, SECOND, replace(SECOND, pass_id="PS-3"))), {}, []),
    ("D08", "open", STAY, {}, []),
    ("D08", "opens by a first entry", replace(STAY, **SHUT), {}, [(RAISE, "S1", "ST-1")]),
    ("D08", "was inside before", replace(STAY, **{**SHUT, "shut_ms": IN + 5 * HOUR_MS}), {}, []),
    ("D08", "an attempt to register", replace(WAITING, **{**SHUT, "shut_ms": IN - 2 * DAY_MS}), {}, [(RAISE, "S2", "ST-1")]),
    ("D08", "a new order", replace(WAITING, booked_ms=IN, members=(), **SHUT), {}, [(RAISE, "S2", "ST-1")]),
    ("D08", "withdrawing keeps what was confirmed", replace(STAY, **WITHDRAWING), {}, []),
    ("D08", "an entry that may be earlier", replace(one(entries=(unsure(IN - 2 * DAY_MS, MID),)), **SHUT), {}, []),
    ("D08", "closes when cancelled", replace(WAITING, booked_ms=IN, members=(), booking_state=BookingState.CANCELLED, **SHUT), {}, []),
    ("D10", "no check", STAY, {}, []),
    ("D10", "opens", replace(STAY, told=(told(check("chip")),)), {}, [(RAISE, "S1", "ST-1")]),
    ("D10", "names differ", replace(STAY, told=(told(check("name_different")),)), {}, [(RAISE, "S1", "ST-1")]),
    ("D10", "closes by a check that passes", replace(STAY, told=(told(check("chip")), told(check("passed"), key="l"))), {}, []),
    ("D10", "opens again", replace(STAY, told=(told(check("passed")), told(check("checksum"), key="l"))), {}, [(RAISE, "S1", "ST-1")]),
    ("D11", "another room was used", one(elsewhere=(at(MID, 7),)), {}, [(RAISE, "S3", "ST-1")]),
    ("D11", "right", STAY, {}, []),
    ("D11", "twice the wrong stair", one(refused=(at(MID, 5), at(MID, 6))), {}, []),
    ("D11", "three times", one(refused=(at(MID, 5), at(MID, 6), at(MID, 7))), {}, [(RAISE, "S3", "ST-1")]),
    ("D11", "came two days late", one(entries=(at(IN + 49 * HOUR_MS),)), {"now_ms": OUT}, [(RAISE, "S3", "ST-1")]),
    ("D11", "may have come in time", one(entries=(unsure(IN, IN + 49 * HOUR_MS),)), {"now_ms": OUT}, []),
    ("D11", "left two days early", replace(STAY, checked_out_ms=OUT - 50 * HOUR_MS), {}, [(RAISE, "S3", "ST-1")]),
    ("D11", "told", replace(STAY, told=(told(WrongFact("room", "inspection")),)), {}, [(RAISE, "S3", "ST-1")]),
    ("D11", "closes when corrected", replace(STAY, told=(told(WrongFact("room", "inspection"), ended_ms=MID),)), {}, []),
    ("D12", "nothing is reported here", STAY, {}, []),
    ("D12", "opens", STAY, {"profile": REPORTS, "now_ms": IN + HOUR_MS}, [(RAISE, "S2", "ST-1")]),
    ("D12", "past the law's clock", STAY, {"profile": REPORTS}, [(RAISE, "S1", "ST-1")]),
    ("D12", "not due", one(due_ms=MID + 1), {"profile": REPORTS}, []),
    ("D12", "closes by a receipt", one(reported=RegistrationState.ACKED), {"profile": REPORTS}, []),
    ("D12", "a submission", replace(STAY, told=(told(Submission(MID - HOUR_MS, "pending")),)), {}, [(RAISE, "S2", "ST-1")]),
    ("D12", "a submission that was received", replace(STAY, told=(told(Submission(MID - HOUR_MS, "acked")),)), {}, []),
    ("D13", "not rejected", STAY, {}, []),
    ("D13", "opens", one(reported=RegistrationState.REPORT_REJECTED), {}, [(RAISE, "S2", "ST-1")]),
    ("D13", "a submission", replace(STAY, told=(told(Submission(OUT, "rejected")),)), {}, [(RAISE, "S2", "ST-1")]),
    ("D13", "closes by a receipt", one(reported=RegistrationState.ACKED), {}, []),
    ("D14", "far off", replace(WAITING, state=StayState.EXPECTED, members=()), {"now_ms": IN - 5 * HOUR_MS}, []),
    ("D14", "opens", replace(WAITING, state=StayState.EXPECTED, members=()), {"now_ms": IN - HOUR_MS}, [(RAISE, "S4", "ST-1")]),
    ("D14", "closes by a registration", WAITING, {"now_ms": IN - HOUR_MS}, []),
    ("D14", "closes when cancelled", replace(WAITING, state=StayState.CANCELLED_BEFORE, members=()), {"now_ms": IN - HOUR_MS}, []),
    ("D15", "carried", STAY, {}, []),
    ("D15", "opens by a pass", replace(STAY, state=StayState.CANCELLED_BEFORE, members=(replace(WAITING.members[0], pass_state=ARMED),)), {}, [(RAISE, "S1", "ST-1")]),
    ("D15", "opens by an entry", replace(CHECKED_OUT, members=(replace(MEMBER, pass_state=OVER, entries=(CAME, at(OUT + HOUR_MS, 8))),)), {"now_ms": OUT + 2 * HOUR_MS}, [(RAISE, "S1", "ST-1")]),
    ("D15", "an entry that may be earlier", replace(CHECKED_OUT, members=(replace(MEMBER, pass_state=OVER, entries=(CAME, unsure(IN, OUT + HOUR_MS))),)), {"now_ms": OUT + 2 * HOUR_MS}, []),
    ("D15", "closes when none remain", replace(CHECKED_OUT, members=(replace(MEMBER, pass_state=OVER, presence="out"),)), {"now_ms": OUT + 2 * HOUR_MS}, []),
    ("D18", "off", replace(STAY, planned_out_ms=IN + 31 * DAY_MS), {}, []),
    ("D18", "opens", replace(STAY, planned_out_ms=IN + 31 * DAY_MS), {"profile": LONG}, [(RAISE, "S3", "ST-1")]),
    ("D18", "closes when over", replace(CHECKED_OUT, planned_out_ms=IN + 31 * DAY_MS), {"profile": LONG}, []),
    ("D19", "walked", one(entries=(at(MID), at(MID + 60_000, 2, door=OTHER_GATE, node="gate-2"))), {}, []),
    ("D19", "opens", one(entries=(at(MID), at(MID + 9_000, 2, door=OTHER_GATE, node="gate-2"))), {}, [(RAISE, "S2", "PS-1")]),
    ("D19", "may have walked", one(entries=(at(MID), replace(unsure(MID, MID + HOUR_MS), ref="gate-2/e/2", door=OTHER_GATE))), {}, []),
    ("D19", "in again and again", one(entries=tuple(at(MID + n * HOUR_MS, n) for n in range(7)), outs=(at(IN + HOUR_MS, 90),)), {}, [(RAISE, "S2", "PS-1")]),
    ("D19", "where nobody is seen leaving", one(entries=tuple(at(MID + n * HOUR_MS, n) for n in range(7))), {}, []),
    ("D19", "closes by an exit told late", one(entries=tuple(at(MID + n * HOUR_MS, n) for n in range(7)), outs=(at(IN + HOUR_MS, 90), at(MID + 3 * HOUR_MS + 60_000, 91))), {}, []),
    ("D20", "nobody under age", STAY, {}, []),
    ("D20", "opens", one(minor=True, guarded=False), {}, [(RAISE, "S1", "ST-1")]),
    ("D20", "told", replace(STAY, told=(told(MinorConcern("unrelated_adult")),)), {}, [(RAISE, "S1", "ST-1")]),
    ("D20", "closes by the guardian", one(minor=True), {}, []),
    ("D20", "closed, the guardian's number erased", replace(one(minor=True, guarded=False), state=StayState.CLOSED), {}, []),
    ("D20", "closes by a person", replace(STAY, told=(told(MinorConcern("unrelated_adult"), ended_ms=MID),)), {}, []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "stay", "more", "found"),
    [(kind, stay, more, found) for kind, _, stay, more, found in STAYS],
    ids=[f"{kind} {what}" for kind, what, *_ in STAYS],
)
def test_a_rule_about_a_stay(kind, stay, more, found):
    assert judged(kind, stays=(stay,), **more) == found


@pytest.mark.parametrize("kind", sorted({row[0] for row in STAYS}))
def test_every_rule_about_a_stay_is_seen_to_open_and_to_stay_shut(kind):
    found = [row[4] for row in STAYS if row[0] == kind]
    assert [] in found
    assert any(one[0] == RAISE for row in found for one in row)


def capacity(*stays, most=4):
    return {"listings": (ListingBook("L-1", most, stays, frozenset(stay.stay for stay in stays)),)}


FIRST, NEXT = listed("ST-1", IN, OUT, 3), listed("ST-2", IN + DAY_MS, OUT, 2)


@pytest.mark.parametrize(
    ("books", "found"),
    [
        (capacity(FIRST), []),
        (capacity(replace(FIRST, registered=5)), [(RAISE, "S2", "ST-1")]),
        (capacity(FIRST, NEXT), [(RAISE, "S2", "ST-2")]),  # the last to come is one too many
        (capacity(FIRST, replace(NEXT, planned_in_ms=OUT, planned_out_ms=OUT + DAY_MS)), []),
        (capacity(FIRST, replace(NEXT, registered=1)), []),  # reduced
        (capacity(FIRST, NEXT, most=5), []),
        (capacity(FIRST, replace(NEXT, extra=1)), []),  # an exception was approved
        (capacity(replace(FIRST, room_max=2, extra=1)), []),
        (capacity(replace(FIRST, counts=False), NEXT), []),  # cancelled
        (capacity(FIRST, NEXT, most=0), []),  # not known
        (capacity(replace(FIRST, room_max=3)), []),
        (
            capacity(replace(FIRST, room_max=2)),
            [(RAISE, "S2", "ST-1")],
        ),  # its room, whatever the listing may hold
    ],
)
def test_d06_counts_who_sleeps_in_a_listing_at_once(books, found):
    assert judged("D06", **books) == found


def person(*stays):
    return {"persons": (PersonBook("PN-1", stays),)}


ONE = stayed("ST-1", IN, IN + HOUR_MS, OUT)


@pytest.mark.parametrize(
    ("books", "found"),
    [
        (person(ONE), []),
        (person(ONE, stayed("ST-2", MID, MID, OUT)), [(RAISE, "S2", "PN-1")]),
        (
            person(ONE, stayed("ST-2", OUT, OUT - 20 * MINUTES, OUT + DAY_MS)),
            [],
        ),  # half an hour to change rooms
        (person(replace(ONE, until_ms=MID), stayed("ST-2", MID, MID, OUT)), []),  # an exit that was told late
    ],
)
def test_d09_one_document_inside_two_stays_at_once(books, found):
    assert judged("D09", **books) == found


def test_a_kind_that_is_off_says_nothing_and_the_watermark_is_that_of_the_slowest_door():
    silent = replace(CN_DEFAULT, rules=replace(CN_DEFAULT.rules, off=frozenset({"D02"})))
    assert judged("D02", stays=(WAITING,), profile=silent) == []
    two = replace(WAITING, nodes=("gate-1", "gate-2"))
    assert judged("D02", stays=(two,), drained=TOLD_ALL) == [(DOUBT, "S3", "ST-1")]
    assert judged("D02", stays=(replace(WAITING, nodes=()),)) == [(DOUBT, "S3", "ST-1")]


def test_gates_are_the_edge_and_a_door_behind_one_is_reached_at_once():
    behind = at(MID + 2_000, 2, door="AP-9", node="gate-2")
    assert judged("D19", stays=(one(entries=(at(MID, door=GATE), behind)),)) == []
