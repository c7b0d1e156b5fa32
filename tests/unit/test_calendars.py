"""Calendars of platforms: polled politely, believed when they say something, and never when they say nothing."""

from datetime import date, time, timedelta

import pytest
import sqlalchemy as sa

from cloud_sync.config import FeedConfig
from cloud_sync.connectors.calendar.fetch import fetch
from cloud_sync.connectors.calendar.ical import entries
from cloud_sync.core.case_types import CaseState
from cloud_sync.errors import ConnectorError
from cloud_sync.feeding import FeedWork
from cloud_sync.store import tables
from cloud_sync.store.feeds import SqlFeeds
from tests.fakes.calendar_peer import CalendarPeer, calendar, event
from tests.fakes.community_house import (
    CODE,
    ROOM,
    ZONE,
    Gate,
    booking_row,
    listing_row,
    new_house,
    registration_row,
    take,
)

DAY = date(2026, 5, 1)


def night(after: int, nights: int = 1) -> tuple[date, date]:
    begins = DAY + timedelta(days=after)
    return begins, begins + timedelta(days=nights)


@pytest.fixture
def peer():
    peer = CalendarPeer()
    yield peer
    peer.close()


class Polled:
    """A community that reads one room's calendar."""

    def __init__(self, folder, peer: CalendarPeer, database: str = "") -> None:
        self.books = new_house(folder, database=database)
        take(self.books, "listings", listing_row())
        self.feed = FeedConfig(name="bnb-301", source="bnb", url=peer.url, listing=CODE, room=ROOM)
        config = self.books.config.model_copy(update={"booking_feeds": (self.feed,)})
        self.feeds = SqlFeeds(self.books.house)
        self.work = FeedWork(self.feeds, config, self.books.clock)

    def poll(self) -> int:
        self.books.clock.step(hours=0.2)
        return self.work()

    def states(self, table: sa.Table = tables.booking) -> list[str]:
        column = table.c.external_ref if "external_ref" in table.c else table.c.state
        with self.books.engine.connect() as db:
            return list(db.execute(sa.select(table.c.state).order_by(column)).scalars())


@pytest.fixture
def polled(tmp_path, peer):
    polled = Polled(tmp_path, peer)
    yield polled
    polled.books.close()


def test_entries_become_bookings_and_blocked_days_do_not(polled, peer):
    peer.page = calendar(
        [
            event("a@bnb", *night(1)),
            event("b", *night(3, 2), SUMMARY="Reserved"),
            event("c", *night(9), SUMMARY="Airbnb (Not available)"),
            event("d", *night(10), RRULE="FREQ=DAILY"),
        ]
    )
    polled.poll()
    with polled.books.engine.connect() as db:
        rows = db.execute(sa.select(tables.booking).order_by(tables.booking.c.arrival_ms)).all()
    assert [(row.source, row.external_ref[:2], row.state) for row in rows] == [
        ("bnb", "u-", "CONFIRMED"),
        ("bnb", "b", "CONFIRMED"),
    ]
    assert rows[1].departure_ms - rows[1].arrival_ms == 45 * 3_600_000  # 15:00 to 12:00, two nights later


def test_what_has_not_changed_is_not_sent_again(polled, peer):
    peer.page = calendar([event("a", *night(1))])
    assert [polled.poll() for _ in range(3)] == [1, 1, 1]
    assert peer.asked == [200, 304, 304]
    assert polled.work() == 0  # not yet its turn


def test_two_empty_reads_cancel_nothing_and_people_are_told_once(polled, peer):
    peer.page = calendar([event("a", *night(1)), event("b", *night(4))])
    polled.poll()
    peer.page = calendar([])
    polled.poll()
    assert polled.states(tables.case_) == []
    polled.poll()
    polled.poll()
    assert polled.states() == ["CONFIRMED", "CONFIRMED"]
    assert polled.states(tables.case_) == [CaseState.NEW]
    state = polled.feeds.state("bnb-301")
    assert (state.misses, "empty" in state.fault) == (3, True)
    peer.page = calendar([event("a", *night(1)), event("b", *night(4))])
    polled.poll()
    assert polled.states(tables.case_) == [CaseState.RTN_UNACK]
    assert polled.feeds.state("bnb-301").misses == 0


@pytest.mark.parametrize("fault", ["error", "huge", "redirect", "html"])
def test_two_failed_reads_cancel_nothing_and_tell_no_secret(polled, peer, fault):
    peer.page = calendar([event("a", *night(1))])
    polled.poll()
    peer.fault = fault
    polled.poll()
    polled.poll()
    assert polled.states() == ["CONFIRMED"]
    assert polled.states(tables.case_) == [CaseState.NEW]
    assert "secret" not in polled.feeds.state("bnb-301").fault


def test_a_far_side_that_drips_is_cut_off(peer):
    peer.fault = "drip"
    with pytest.raises(ConnectorError, match="too long"):
        fetch(peer.url, "", "", within_s=0.3)


def test_an_entry_that_is_gone_twice_is_cancelled_and_once_is_not(polled, peer):
    both = [event("a", *night(1)), event("b", *night(4))]
    peer.page = calendar(both)
    polled.poll()
    peer.page = calendar(both[:1])
    polled.poll()
    assert polled.states() == ["CONFIRMED", "CONFIRMED"]
    peer.page = calendar(both)
    polled.poll()
    peer.page = calendar(both[:1])
    polled.poll()
    assert polled.states() == ["CONFIRMED", "CONFIRMED"]
    polled.poll()
    assert polled.states() == ["CONFIRMED", "CANCELLED"]
    peer.page = calendar(both)
    polled.poll()
    assert polled.states() == ["CONFIRMED", "CONFIRMED"]


def test_nobody_inside_is_cancelled_by_a_calendar_that_forgot_them(polled, peer):
    peer.page = calendar([event("a", *night(0)), event("z", *night(8))])
    polled.poll()
    take(polled.books, "registrations", registration_row("a", source="bnb"))
    (line, *_) = [one for one in polled.books.registry.passes() if one.state != "PENDING"]
    gate = Gate(polled.books)
    polled.books.clock.step(hours=4)
    gate.tells("access.taken", pass_id=line.pass_id, direction="in")
    polled.books.registry.advance_time(since_ms=0)
    peer.page = calendar([event("z", *night(8))])
    for _ in range(3):
        polled.poll()
    assert polled.states() == ["CONFIRMED", "CONFIRMED"]
    assert "IN_HOUSE" in polled.states(tables.stay)
    gate.close()


def test_an_older_copy_changes_nothing_and_a_newer_entry_moves_the_stay(polled, peer):
    peer.page = calendar([event("a", *night(1), sequence=5)])
    polled.poll()
    peer.page = calendar([event("a", *night(2), sequence=4)])
    polled.poll()
    with polled.books.engine.connect() as db:
        first = db.execute(sa.select(tables.stay.c.planned_in_ms)).scalar_one()
    peer.page = calendar([event("a", *night(2), sequence=6)])
    polled.poll()
    with polled.books.engine.connect() as db:
        moved = db.execute(sa.select(tables.stay.c.planned_in_ms)).scalar_one()
    assert moved - first == 24 * 3_600_000


def test_the_same_nights_of_another_source_are_one_booking(polled, peer):
    take(
        polled.books,
        "bookings",
        booking_row("1001", arrival="2026-05-02T16:00", departure="2026-05-03T11:00"),
    )
    peer.page = calendar([event("copied", *night(1))])
    polled.poll()
    assert polled.states() == ["CONFIRMED"]
    polled.poll()
    assert polled.states() == ["CONFIRMED"]


def test_the_store_does_the_same_on_postgresql(tmp_path, peer, database):
    polled = Polled(tmp_path, peer, database)
    peer.page = calendar([event("a", *night(1)), event("b", *night(4))])
    polled.poll()
    peer.page = calendar([])
    polled.poll()
    polled.poll()
    assert (polled.states(), polled.states(tables.case_)) == (["CONFIRMED", "CONFIRMED"], [CaseState.NEW])
    polled.books.close()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\x00",
        b"BEGIN:VCALENDAR",
        b"BEGIN:VEVENT\r\nEND:VEVENT\r\n",
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:nonsense\r\nDTEND:x\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
    ],
)
def test_what_is_no_calendar_is_one_sentence_or_no_booking(data):
    try:
        said = [entry.ref for entry in entries(data, zone=ZONE, check_in=time(15), check_out=time(12))]
    except ConnectorError as error:
        said = [] if str(error).endswith(".") else [str(error)]
    assert said == []
