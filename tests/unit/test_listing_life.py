"""A listing through the store: filed, reviewed, coded, suspended, restored, banned; and the passes that follow at once."""

import re

import pytest

from cloud_sync.core.codes import listing_code_fault
from cloud_sync.core.dossier import LAPSE_GRACE_MS, REVIEW_EVERY_MS, Answer, Verified
from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles import LISTING, ListingState
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_model import FilingWish, RoomWish, UnitWish
from cloud_sync.protocol.messages import PREREQ_LISTING
from cloud_sync.store import audit, tables
from cloud_sync.store.house import acting
from cloud_sync.store.listing_steps import listing_of, move_listing
from tests.fakes.community_house import DOOR, GATE, Gate, booking_row, registration_row, take
from tests.fakes.listing_house import (
    GOOD,
    OFFICER,
    OP,
    OPERATOR,
    OPERATOR_NAME,
    OTHER,
    STREET,
    UNIT,
    ListingHouse,
)

HOUR_MS = 3_600_000


@pytest.fixture
def house(tmp_path):
    made = ListingHouse(tmp_path)
    yield made
    made.close()


@pytest.fixture
def on_both(tmp_path, database):
    made = ListingHouse(tmp_path, database=database)
    yield made
    made.close()


def booked(house: ListingHouse, code: str, ref: str = "1001", hours=(-1, 20)) -> None:
    row = booking_row(ref, hours=hours, listing=code, room=f"{code}-301")
    take(house.books, "bookings", row)
    take(house.books, "registrations", registration_row(ref))


def passes(house: ListingHouse) -> list[str]:
    house.books.registry.advance_time(since_ms=house.clock.now_ms() - HOUR_MS)
    return [row.state for row in house.books.registry.rows_for("gate-1")]


def walk_in(house: ListingHouse) -> None:
    gate = Gate(house.books)
    (row,) = house.books.registry.rows_for("gate-1")
    gate.tells("access.taken", pass_id=row.pass_id, direction="in", decision="allow")
    gate.close()
    house.books.registry.advance_time(since_ms=house.clock.now_ms() - HOUR_MS)


def test_a_listing_goes_from_its_filing_to_its_code_on_either_database(on_both):
    code = on_both.file()
    assert on_both.state(code) == "DRAFT"
    assert listing_code_fault(code) is None
    assert on_both.desk.verify(code) is Verified.NOT_VALID
    assert on_both.desk.submit(code, OPERATOR) == "FILED"
    assert [row.listing for row in on_both.desk.queue().filed] == [code]
    assert on_both.desk.assign(code, OFFICER.name, OTHER) == "IN_REVIEW"
    with pytest.raises(Refused, match="required documents, checklists pass"):
        on_both.desk.decide(code, "approve", "looks fine", OFFICER)
    for kind in ("ownership", "fire_certificate", "floor_plan", "police_form", "staff_list"):
        on_both.desk.declare(code, kind, "seen", OFFICER)
    on_both.desk.inspect(code, GOOD, OFFICER)
    assert on_both.desk.listing(code, OFFICER).missing.nothing
    assert on_both.desk.decide(code, "approve", "all seen", OFFICER) == "ACTIVE"
    assert on_both.desk.verify(code) is Verified.VALID
    view = on_both.desk.listing(code, OFFICER)
    assert view.next_review_ms == on_both.clock.now_ms() + REVIEW_EVERY_MS
    made = on_both.sanctioned(code, 2)
    assert on_both.desk.verify(code) is Verified.SUSPENDED
    assert on_both.desk.appeal(made, "it was in date", OPERATOR) == "UNDER_APPEAL"
    assert on_both.desk.decide_sanction(made, "lift", "so it was", OTHER) == "LIFTED"
    assert on_both.state(code) == "ACTIVE"
    assert on_both.desk.queue().sanctions == ()


def test_every_step_is_an_audit_row_with_actor_role_states_reason_and_policy(house):
    code = house.coded()
    house.desk.leave(code, "moving away", OPERATOR)
    steps = [step for step in house.desk.listing(code, OFFICER).history if step.action.startswith("listing.")]
    told = [(step.actor, step.role, step.action, step.before, step.after) for step in reversed(steps)]
    moves = [line for line in told if line[4] in {"DRAFT", "FILED", "IN_REVIEW", "ACTIVE", "WITHDRAWING"}]
    assert moves == [
        ("mei", "operator", "listing.create", "", "DRAFT"),
        ("mei", "operator", "listing.submit", "DRAFT", "FILED"),
        ("zhao", "officer", "listing.assign reviewer", "FILED", "IN_REVIEW"),
        ("zhao", "officer", "listing.approve", "IN_REVIEW", "ACTIVE"),
        ("mei", "operator", "listing.voluntary exit", "ACTIVE", "WITHDRAWING"),
    ]
    assert all(
        "(policy cn-default 1)" in step.reason or step.reason == "policy cn-default 1" for step in steps
    )
    assert audit.first_break(house.books.engine, tables.audit, "dongfang") is None


def test_what_is_missing_is_said_in_one_sentence_before_anybody_reviews(house):
    rooms = (RoomWish("301", 2, 2),)
    code = house.desk.file(FilingWish(OP, UNIT, "云居", 2, rooms), OPERATOR)
    with pytest.raises(Refused, match=r"document ownership.*document staff_list.*letter commitment"):
        house.desk.submit(code, OPERATOR)
    with pytest.raises(Refused, match="only the community says that it has seen"):
        house.desk.declare(code, "ownership", "seen", OPERATOR)


WRONG_FILINGS = [
    (FilingWish(OP, "9-999", "x", 1, (RoomWish("1", 1, 1),)), "register of units"),
    (FilingWish("OP-9", UNIT, "x", 1, (RoomWish("1", 1, 1),)), "no operator OP-9"),
    (FilingWish(OP, UNIT, " ", 1, (RoomWish("1", 1, 1),)), "name has 1 to 80"),
    (FilingWish(OP, UNIT, "x", 1, ()), "1 to 30 rooms"),
    (FilingWish(OP, UNIT, "x", 3, (RoomWish("1", 1, 2),)), "more than the rooms hold"),
    (FilingWish(OP, UNIT, "x", 1, (RoomWish("1", 0, 2),)), "beds 1 to 12"),
    (FilingWish(OP, UNIT, "x", 1, (RoomWish("a b", 1, 2),)), "label has letters"),
    (FilingWish(OP, UNIT, "x", 1, (RoomWish("1", 1, 2), RoomWish("1", 1, 2))), "same label"),
    (FilingWish(OP, UNIT, "x", 1, (RoomWish("1", 1, 2),), ownership="found"), "ownership is one of"),
]


def test_a_filing_that_cannot_be_is_one_clear_sentence(house):
    for wish, sentence in WRONG_FILINGS:
        with pytest.raises((Refused, NotFound), match=sentence):
            house.desk.file(wish, OPERATOR)
    assert house.desk.rows() == ()


def test_nobody_reviews_their_own_listing_a_relatives_or_one_they_filed(house):
    code = house.file()
    house.desk.submit(code, OPERATOR)
    house.desk.flag_interest(OFFICER.name, OP, "relative", OTHER)
    with pytest.raises(Refused, match="no flagged interest"):
        house.desk.assign(code, OFFICER.name, OTHER)
    with pytest.raises(Refused, match="may not review"):
        house.desk.assign(code, OPERATOR.name, OTHER)
    house.desk.assign(code, OTHER.name, OFFICER)
    house.desk.flag_interest(OTHER.name, OP, "partner", OFFICER)
    with pytest.raises(Refused, match="no flagged interest"):
        house.desk.decide(code, "approve", "fine", OTHER)
    house.desk.put_unit(UnitWish("1-302", "1"), "survey", OFFICER)
    by_hand = house.desk.file(FilingWish(OP, "1-302", "y", 1, (RoomWish("1", 1, 1),)), OFFICER)
    assert house.desk.listing(by_hand, OFFICER).missing.interested


def test_only_the_assigned_reviewer_decides_and_says_why(house):
    code = house.reviewed()
    with pytest.raises(Refused, match="the review is zhao's"):
        house.desk.decide(code, "approve", "fine", OTHER)
    with pytest.raises(Refused, match="say why"):
        house.desk.decide(code, "return", " ", OFFICER)
    assert house.desk.decide(code, "return", "the plan lacks the balcony", OFFICER) == "RETURNED"
    assert house.desk.listing(code, OPERATOR).reason == "the plan lacks the balcony"
    assert house.desk.submit(code, OPERATOR) == "FILED"
    house.desk.assign(code, OTHER.name, OTHER)
    assert house.desk.decide(code, "reject", "not for letting", OTHER) == "REJECTED"


def test_a_failing_fire_item_keeps_the_code_back(house):
    code = house.reviewed()
    house.clock.step(ms=1)
    house.desk.inspect(code, GOOD | {"F2": Answer.FAIL}, OFFICER)
    with pytest.raises(Refused, match="fire safety included"):
        house.desk.decide(code, "approve", "fine", OFFICER)
    with pytest.raises(Refused, match="answer every item"):
        house.desk.inspect(code, {"F1": Answer.PASS}, OFFICER)


def test_a_duty_that_is_over_or_elsewhere_lets_nobody_decide(house):
    code = house.reviewed()
    now = house.clock.now_ms()
    duty = house.desk.give_duty(OFFICER.name, "officer", "grid:4", OTHER, from_ms=now)
    with pytest.raises(Refused, match="no duty for unit"):
        house.desk.decide(code, "approve", "fine", OFFICER)
    house.desk.end_duty(duty, OTHER)
    house.desk.give_duty(OFFICER.name, "officer", "grid:3", OTHER, from_ms=now, until_ms=now + HOUR_MS)
    assert house.desk.decide(code, "approve", "fine", OFFICER) == "ACTIVE"
    house.clock.step(hours=2)
    with pytest.raises(Refused, match="no duty for unit"):
        house.desk.inspect(code, GOOD, OFFICER)


# --- the doors follow (domain.md §6) -----------------------------------------------------------------------------


def test_a_draft_arms_nothing_and_the_code_arms_it_at_once(house):
    code = house.reviewed()
    booked(house, code)
    assert passes(house) == ["PENDING"]
    house.desk.decide(code, "approve", "all seen", OFFICER)
    take(house.books, "registrations", registration_row())
    (row,) = house.books.registry.rows_for("gate-1")
    assert (row.state, row.scope) == ("ARMED", sorted([GATE, DOOR]))


def test_a_suspension_keeps_new_guests_out_and_a_recheck_lets_them_in_again(house):
    code = house.coded()
    booked(house, code)
    assert passes(house) == ["ARMED"]
    house.sanctioned(code, 2)
    (row,) = house.books.registry.rows_for("gate-1")
    assert (row.state, row.prereq & PREREQ_LISTING) == ("PENDING", 0)
    view = house.desk.listing(code, OFFICER)
    assert (view.in_house, view.expected) == (0, (("xc", "1001"),))
    with pytest.raises(Refused, match="inspect the listing first"):
        house.desk.decide(code, "recheck passed", "mended", OFFICER)
    house.clock.step(hours=1)
    house.desk.inspect(code, GOOD, OFFICER)
    house.desk.decide(code, "recheck passed", "mended", OFFICER)
    assert house.books.registry.rows_for("gate-1")[0].state == "ARMED"
    assert house.desk.listing(code, OFFICER).sanctions[0].state == "LIFTED"


def test_who_is_inside_keeps_their_door_while_the_listing_is_suspended(house):
    code = house.coded()
    booked(house, code)
    passes(house)
    walk_in(house)
    house.sanctioned(code, 2)
    (row,) = house.books.registry.rows_for("gate-1")
    assert row.state == "ARMED"
    assert house.desk.listing(code, OFFICER).in_house == 1
    later, earlier = (house.clock.now_ms() + hours * HOUR_MS for hours in (40, 10))
    with pytest.raises(Refused, match="not made longer"):
        house.books.registry.move_departure("xc", "1001", later, actor="test", reason="asked")
    assert house.books.registry.move_departure("xc", "1001", earlier, actor="test", reason="asked")


def test_a_ban_gives_a_day_to_move_and_then_only_the_way_out(house):
    code = house.coded()
    booked(house, code, hours=(-1, 60))
    passes(house)
    walk_in(house)
    house.sanctioned(code, 4)
    assert house.desk.verify(code) is Verified.NOT_VALID
    assert house.books.registry.rows_for("gate-1")[0].state == "ARMED"
    house.clock.step(hours=23)
    assert passes(house) == ["ARMED"]
    house.clock.step(hours=2)
    assert passes(house) == ["EXIT_ONLY"]
    assert house.state(code) == "CLOSED"


def test_a_banned_listing_with_nobody_inside_closes_by_itself(house):
    code = house.coded()
    house.sanctioned(code, 4)
    passes(house)
    assert house.state(code) == "CLOSED"


def test_a_withdrawn_listing_waits_for_its_last_guest(house):
    code = house.coded()
    booked(house, code)
    house.desk.leave(code, "moving away", OPERATOR)
    assert passes(house) == ["ARMED"]
    assert house.desk.verify(code) is Verified.VALID
    walk_in(house)
    house.books.registry.check_out("xc", "1001", actor="test")
    house.books.registry.advance_time(since_ms=house.clock.now_ms() - HOUR_MS)
    assert house.state(code) == "WITHDRAWN"
    assert house.desk.verify(code) is Verified.NOT_VALID


def test_an_overdue_review_lapses_and_is_suspended_only_after_fourteen_days_by_a_person(house):
    code = house.coded()
    house.clock.step(ms=REVIEW_EVERY_MS)
    house.books.registry.advance_time(since_ms=0)
    assert house.state(code) == "LAPSED"
    assert house.desk.verify(code) is Verified.VALID
    with pytest.raises(Refused, match="14 more days"):
        house.desk.decide(code, "14 d over", "no answer", OFFICER)
    house.clock.step(ms=LAPSE_GRACE_MS)
    house.books.registry.advance_time(since_ms=0)
    assert house.state(code) == "LAPSED"
    assert [row.listing for row in house.desk.queue().lapsed] == [code]
    assert house.desk.decide(code, "14 d over", "no answer", OFFICER) == "SUSPENDED"


def test_a_review_in_time_starts_a_new_year(house):
    code = house.coded()
    house.clock.step(ms=REVIEW_EVERY_MS)
    house.books.registry.advance_time(since_ms=0)
    assert house.desk.decide(code, "review passed", "looked again", OFFICER) == "ACTIVE"
    house.books.registry.advance_time(since_ms=0)
    assert house.state(code) == "ACTIVE"


def test_an_operator_sees_and_moves_only_what_is_theirs(house):
    code = house.coded()
    house.books.accounts.add("lan", "operator", "a quiet evening at the gate", actor="test")
    stranger = type(OPERATOR)("lan", "operator")
    for deed in (
        lambda: house.desk.listing(code, stranger),
        lambda: house.desk.leave(code, "why not", stranger),
        lambda: house.desk.declare(code, "ownership", "absent", stranger),
        lambda: house.desk.file(FilingWish(OP, UNIT, "x", 1, (RoomWish("1", 1, 1),)), stranger),
    ):
        with pytest.raises(NotFound, match="there is no"):
            deed()
    with pytest.raises(Refused, match="may not"):
        house.desk.decide(code, "recheck passed", "please", OPERATOR)
    with pytest.raises(Refused, match="may not"):
        house.desk.inspect(code, GOOD, STREET)


def test_an_operators_name_is_in_the_vault_and_nowhere_else(house, tmp_path):
    house.coded()
    house.books.close()
    canary = OPERATOR_NAME.encode()
    holding = [path.name for path in tmp_path.rglob("*") if path.is_file() and canary in path.read_bytes()]
    assert holding == []


def test_the_dossier_of_a_unit_keeps_who_changed_what_and_turns_stale(house):
    house.desk.put_unit(UnitWish(UNIT, "1", grid="3", use="long_let"), "tenant moved in", OTHER)
    house.desk.count_residents(UNIT, "resident", 2, OFFICER)
    view = house.desk.unit(UNIT)
    assert (view.wish.use, view.residents[0][:2], view.stale) == ("long_let", ("resident", 2), False)
    changed = [step for step in view.history if step.action == "unit.change"]
    assert [(step.actor, step.before, step.after) for step in changed] == [
        ("qian", "use=short_let", "use=long_let")
    ]
    assert "tenant moved in" in changed[0].reason
    house.clock.step(hours=24 * 91)
    assert house.desk.unit(UNIT).stale


# --- every pair (B23) ---------------------------------------------------------------------------------------------


def audited(act, code: str) -> int:
    rows = act.rows(tables.audit, object=code)
    return sum(str(row.action).startswith("listing.") for row in rows)


def test_the_store_takes_every_step_of_the_table_and_no_other(house):
    """From every state, every event: either it is in the table and audited, or it changes nothing and leaves no row."""
    code = house.coded()
    known = {(row.before, row.event): row.after for row in LISTING.rows}
    tried = 0
    with acting(house.books.house, "zhao", "officer") as act:
        for state in ListingState:
            for event in sorted({row.event for row in LISTING.rows}):
                act.update(tables.listing, {"listing": code}, state=state)
                before, held = audited(act, code), listing_of(act, code)
                try:
                    move_listing(act, held, event, frozenset(Guard), reason="tried")
                except Refused:
                    assert (state, event) not in known
                after = known.get((state, event), state)
                assert listing_of(act, code).state == after
                assert audited(act, code) - before == int((state, event) in known)
                tried += 1
    assert tried == len(ListingState) * 18


def test_the_store_refuses_every_guarded_step_without_one_of_its_guards(house):
    code = house.coded()
    guarded = [(row, guard) for row in LISTING.rows for guard in row.guards]
    assert len(guarded) == 12
    with acting(house.books.house, "zhao", "officer") as act:
        for row, lacking in guarded:
            act.update(tables.listing, {"listing": code}, state=row.before)
            held, others = listing_of(act, code), frozenset(Guard) - {lacking}
            with pytest.raises(Refused, match=re.escape(lacking)):
                move_listing(act, held, row.event, others, reason="tried")
            assert listing_of(act, code).state == row.before
