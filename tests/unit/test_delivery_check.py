"""Every pass that is needed until the next 08:00 is receipted at every door's node, or a case is open (domain.md §5.6)."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from cloud_sync.core.case_types import CaseEvent as E
from cloud_sync.core.delivery import Unready, newest_check, unready
from cloud_sync.core.policy import HOUR_MS, MINUTE_MS
from cloud_sync.ports_cases import CaseWish
from cloud_sync.store import tables
from tests.fakes.community_house import DOOR, GATE, booking_row, take
from tests.fakes.delivery_house import CHEN, NODE, DeliveryHouse

FAILED = [("delivery_failed", NODE)]


@pytest.fixture
def house(tmp_path, database):
    made = DeliveryHouse(tmp_path, database)
    yield made
    made.close()


@pytest.fixture
def morning(house):
    """Everything was there last night; a new version of the pass went out at half past seven, and it is a minute to eight."""
    house.beats(2)
    house.until(22, day=1)
    house.until(7, 30)
    house.answers = False
    lengthen(house)
    house.beat()
    house.until(7, 59)
    assert house.cases() == []
    return house


def late(house):
    return [
        (one.node, one.missing, one.why)
        for one in house.reader.deliveries(house.clock.now_ms(), most=9).unready
    ]


def lengthen(house):
    """An hour longer: a new version of the pass."""
    take(house.books, "bookings", booking_row(hours=(26, 71), external_revision=2))


# --- the hour ------------------------------------------------------------------------------------------------------


def moment(zone, *when):
    return round(datetime(*when, tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("zone", "now", "at", "until"),
    [
        ("Asia/Shanghai", (2026, 5, 2, 8, 0), (2026, 5, 2, 8), (2026, 5, 3, 8)),
        ("Asia/Shanghai", (2026, 5, 2, 7, 59), (2026, 5, 1, 22), (2026, 5, 3, 0)),
        ("Asia/Shanghai", (2026, 5, 2, 21, 59), (2026, 5, 2, 8), (2026, 5, 3, 8)),
        ("Asia/Shanghai", (2026, 5, 2, 23, 59), (2026, 5, 2, 22), (2026, 5, 4, 0)),
        ("Europe/Berlin", (2026, 3, 29, 9, 0), (2026, 3, 29, 8), (2026, 3, 30, 8)),  # an hour shorter
        ("Europe/Berlin", (2026, 10, 24, 12, 0), (2026, 10, 24, 8), (2026, 10, 25, 8)),  # an hour longer
        ("America/Lima", (2026, 1, 1, 0, 30), (2025, 12, 31, 22), (2026, 1, 2, 0)),
    ],
)
def test_the_check_that_was_due_last_is_told_by_the_communitys_own_clock(zone, now, at, until):
    check = newest_check(moment(zone, *now), ZoneInfo(zone))
    assert (check.at_ms, check.until_ms) == (moment(zone, *at), moment(zone, *until))


def test_there_is_a_check_at_every_moment_of_a_year():
    zone, hour = ZoneInfo("Europe/Berlin"), HOUR_MS
    start = round(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
    for n in range(366 * 24):
        check = newest_check(start + n * hour, zone)
        assert check.at_ms <= start + n * hour < check.until_ms


def test_what_keeps_a_node_from_being_ready_is_named():
    ready = {"missing": 0, "online": True, "lease_ends_ms": 10, "until_ms": 10}
    assert unready(**ready) == ()
    assert unready(**{**ready, "lease_ends_ms": None}) == ()
    assert unready(**{**ready, "missing": 2, "online": False}) == (Unready.MISSING, Unready.OFFLINE)
    assert unready(**{**ready, "lease_ends_ms": 9}) == (Unready.LEASE,)


# --- at eight ------------------------------------------------------------------------------------------------------


@pytest.mark.invariant(27)
def test_at_eight_a_node_without_the_pass_of_todays_guest_is_a_case_and_a_late_receipt_closes_it(morning):
    house = morning
    house.until(8)
    assert house.cases() == FAILED
    (line,) = house.desk.queue(CHEN)
    assert (line.case.severity, line.case.node, line.case.state) == ("S2", NODE, "NEW")
    assert late(house) == [(NODE, 1, ("missing",))]
    house.receipt()
    house.beats(6)
    assert house.cases() == []
    (closed,) = house.desk.closed(CHEN, most=9)
    assert (closed.case.kind, closed.case.resolution) == ("delivery_failed", "closed_by_data")
    assert late(house) == []


def test_where_everything_is_receipted_nothing_is_said(house):
    house.beats(2)
    assert house.doors() == {GATE: True, DOOR: True}
    house.until(8)
    house.beats(30)
    assert house.cases() == []


def test_one_case_for_a_check_and_a_node_whatever_people_do_with_it_and_however_often_the_service_starts(
    morning,
):
    house = morning
    house.until(8)
    house.beats(7)
    (line,) = house.desk.queue(CHEN)
    assert line.case.count == 1
    for event in (E.ACK, E.START, E.RESOLVE):
        house.desk.act(line.case.id, CaseWish(event, reason="let in by hand", code="resolved"), CHEN)
    house.desk.act(line.case.id, CaseWish(E.VERIFY), house_colleague(house))
    house.beats(7)
    house.restart()
    house.beats(100)
    assert house.cases() == []
    house.until(22)  # the next day's check finds it still missing
    assert house.cases() == FAILED


def house_colleague(house):
    house.books.accounts.add("zhao", "officer", "a quiet evening", actor="test")
    return next(user for user in house.books.accounts.users() if user.name == "zhao")


def test_in_the_evening_the_next_days_guests_are_looked_for(house):
    house.beats(2)
    house.until(21, 30, day=1)
    house.answers = False
    lengthen(house)
    house.beat()
    house.until(21, 59, day=1)
    assert house.cases() == []
    house.until(22, day=1)
    assert house.cases() == FAILED


def test_a_guest_of_the_day_after_is_nobodys_business_yet(tmp_path):
    house = DeliveryHouse(tmp_path, hours=(98, 120))  # the 5th of May at 14:00: not within 72 hours
    house.answers = False
    house.beat()
    house.until(22, day=1)
    house.until(8)
    assert house.cases() == []
    house.close()


@pytest.mark.invariant(27)
def test_between_the_checks_a_pass_that_is_an_hour_late_is_a_case_each_time(house):
    """Also where the same check had found that node before, and it had been ready since."""
    house.beats(2)
    for hour in (9, 13):
        house.until(hour)
        house.answers = False
        take(house.books, "bookings", booking_row(hours=(26, 70 + hour), external_revision=hour))
        house.beat()
        house.until(hour, 59)
        assert house.cases() == []
        house.until(hour + 1, 6)
        assert house.cases() == FAILED
        house.answers = True
        house.beats(7)
        assert house.cases() == []


def test_a_service_that_starts_anew_still_knows_how_late_a_pass_is(house):
    house.beats(2)
    house.until(9)
    house.answers = False
    lengthen(house)
    house.beat()
    house.until(9, 59)
    house.restart()
    house.beats(80)
    assert house.cases() == []  # nobody has had the time to say hello
    house.beats(20)
    assert house.cases() == FAILED


def test_a_check_that_the_service_slept_through_is_made_when_nodes_had_time_to_say_hello(morning):
    house = morning
    house.clock.step(hours=2)
    house.restart()
    house.beats(80)
    assert house.cases() == []
    house.beats(20)
    assert house.cases() == FAILED


def test_what_was_told_a_moment_ago_is_under_way_until_a_minute_has_passed(house):
    house.beats(2)
    house.until(7, 59)
    house.answers = False
    lengthen(house)
    house.until(8)
    house.beats(40)
    assert house.doors() == {GATE: False, DOOR: False}
    assert house.cases() == []
    house.beats(30)
    assert house.cases() == FAILED


def test_a_node_that_has_every_pass_and_is_silent_is_said_too(house):
    """Its silence explains it, so the guards' list has the silence alone."""
    house.beats(2)
    house.until(7, 50)
    house.alive = house.answers = False
    house.until(8)
    assert house.cases() == [("node_offline", NODE)]
    assert state_of(house, "delivery_failed") == "SUPPRESSED"
    assert late(house) == [(NODE, 0, ("offline",))]
    house.alive = True
    house.beats(6)
    assert ("delivery_failed", NODE) not in house.cases()
    assert state_of(house, "delivery_failed") == "CLOSED"


def state_of(house, kind):
    with house.books.engine.connect() as db:
        return db.execute(sa.select(tables.case_.c.state).where(tables.case_.c.kind == kind)).scalar_one()


# --- what counts as a receipt --------------------------------------------------------------------------------------


def test_a_receipt_counts_for_the_versions_it_names_with_the_equal_root_and_no_other(house):
    house.answers = False
    house.beat()
    first = house.newest()
    house.receipt((first[0], "0" * 64))
    assert house.doors() == {GATE: False, DOOR: False}
    house.receipt(first)
    assert house.doors() == {GATE: True, DOOR: True}
    lengthen(house)
    house.beat()
    assert house.newest()[0] > first[0]
    assert house.doors() == {GATE: False, DOOR: False}
    house.receipt(first)
    assert house.doors() == {GATE: False, DOOR: False}
    house.receipt()
    assert house.doors() == {GATE: True, DOOR: True}


def test_a_hello_proves_the_same_as_a_lost_receipt_and_one_that_fell_back_takes_it_back(house):
    house.answers = False
    house.beat()
    house.told = house.newest()
    house.hello()
    assert house.doors() == {GATE: True, DOOR: True}
    house.told = (0, "")
    house.hello()
    assert house.doors() == {GATE: False, DOOR: False}


def test_a_service_that_starts_anew_forgets_no_receipt(house):
    house.beats(2)
    house.restart()
    house.clock.step(ms=10 * MINUTE_MS)
    house.alive = house.answers = False
    house.beats(2)
    assert house.doors() == {GATE: True, DOOR: True}


def test_a_database_from_before_there_were_lines_gets_them_with_the_receipts_it_has(house):
    house.beats(2)
    with house.books.engine.begin() as db:
        db.exec_driver_sql("delete from pass_line")
    assert house.doors() == {GATE: False, DOOR: False}
    house.restart()
    house.alive = house.answers = False
    house.beat()
    assert house.doors() == {GATE: True, DOOR: True}
