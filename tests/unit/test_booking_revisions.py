"""The newest revision decides: in any order of arrival, told once or often, the booking ends up the same (domain.md §5.2)."""

import itertools

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_sync.store import tables
from cloud_sync.store.bookings import BookingWish, take_booking
from cloud_sync.store.house import acting
from cloud_sync.store.tables_booking import booking_revision
from tests.fakes.community_house import (
    CODE,
    NOON_MS,
    ROOM,
    Gate,
    booking_row,
    csv_of,
    listing_row,
    new_house,
    registration_row,
    take,
)

HOUR = 3_600_000
OTHER = f"{CODE}-302"
_refs = itertools.count(1)


def house(tmp_path, database: str = ""):
    books = new_house(tmp_path, database=database)
    take(books, "listings", listing_row(max_guests=9), listing_row(max_guests=9, room=OTHER, label="302"))
    return books


@pytest.fixture
def books(tmp_path):
    books = house(tmp_path)
    yield books
    books.close()


def told(books, ref: str, revision: int, *, cancelled: bool, room: str = ROOM, hours: int = 20) -> str:
    wish = BookingWish(
        "xc", ref, revision, CODE, room, NOON_MS + 72 * HOUR, NOON_MS + (72 + hours) * HOUR, 1, cancelled
    )
    with acting(books.house, "t", "intake") as act:
        return take_booking(act, 0, wish).status


def ends_as(books, ref: str) -> tuple[object, ...]:
    booking, stay, pass_ = tables.booking, tables.stay, tables.pass_
    with books.engine.connect() as db:
        held = db.execute(sa.select(booking).where(booking.c.external_ref == ref)).one()
        lives = db.execute(sa.select(stay).where(stay.c.booking == held.booking)).one()
        found = set(db.execute(sa.select(pass_.c.state).where(pass_.c.stay == lives.stay)).scalars())
    newest = "".join(found - {"REVOKED"}) or "REVOKED"
    plan = () if held.state == "CANCELLED" else (lives.room, lives.planned_in_ms, lives.planned_out_ms)
    words = (held.external_revision, held.state, held.room, held.departure_ms, lives.state, newest)
    return (*words, *plan)


revision = st.tuples(st.booleans(), st.sampled_from([ROOM, OTHER]), st.integers(1, 30))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(revisions=st.lists(revision, min_size=1, max_size=5), data=st.data())
def test_any_order_of_arrival_ends_in_the_same_booking(books, revisions, data):
    numbered = list(enumerate(revisions, start=1))
    stammered = numbered + data.draw(st.lists(st.sampled_from(numbered), max_size=3))
    shuffled = data.draw(st.permutations(stammered))
    ends = set()
    for order in (numbered, shuffled):
        ref = f"P{next(_refs)}"
        for number, (cancelled, room, hours) in order:
            told(books, ref, number, cancelled=cancelled, room=room, hours=hours)
        ends.add(ends_as(books, ref))
    assert len(ends) == 1, ends


def test_a_cancellation_that_is_taken_back_lets_the_guest_register_again(books):
    far = {"hours": (72, 90)}
    take(books, "bookings", booking_row(**far))
    take(books, "registrations", registration_row())
    take(books, "bookings", booking_row(external_revision=2, state="cancelled", **far))
    assert ends_as(books, "1001")[1] == "CANCELLED"
    take(books, "bookings", booking_row(external_revision=3, **far))
    assert ends_as(books, "1001")[1::3][:2] == ("CONFIRMED", "EXPECTED")
    assert take(books, "registrations", registration_row()) == ["new"]
    assert ends_as(books, "1001")[4:6] == ("REGISTERED", "ARMED")


def test_a_guest_inside_whose_booking_came_back_may_come_in_again(books):
    take(books, "bookings", booking_row())
    take(books, "registrations", registration_row())
    (line,) = books.registry.passes()
    gate = Gate(books)
    gate.tells("access.taken", pass_id=line.pass_id, direction="in")
    books.registry.advance_time(since_ms=NOON_MS)
    take(books, "bookings", booking_row(external_revision=2, state="cancelled"))
    assert ends_as(books, "1001")[4:6] == ("CANCELLED_DURING", "EXIT_ONLY")
    take(books, "bookings", booking_row(external_revision=3))
    assert ends_as(books, "1001")[4:6] == ("IN_HOUSE", "ACTIVE")
    gate.close()


def test_a_room_that_is_let_already_is_said_and_still_recorded(books):
    assert told(books, "A", 1, cancelled=False) == "new"
    report = books.registry.import_csv("bookings", csv_of([booking_row("B", hours=(80, 99))]), actor="t")
    assert (report.rows[0].status, report.rows[0].reason) == (
        "new",
        f"room {ROOM} is let to another stay in that time",
    )


def test_every_telling_is_kept_once_and_counted(tmp_path, database):
    books = house(tmp_path, database)
    for number, cancelled in ((2, False), (1, False), (2, False), (3, True), (3, True)):
        told(books, "K", number, cancelled=cancelled)
    with books.engine.connect() as db:
        table = booking_revision
        rows = db.execute(
            sa.select(table.c.revision, table.c.effect, table.c.times).order_by(table.c.revision)
        ).all()
    books.close()
    assert [tuple(row) for row in rows] == [(1, "history", 1), (2, "applied", 2), (3, "applied", 2)]
