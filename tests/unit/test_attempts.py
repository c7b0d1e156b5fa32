"""What was tried and refused, rows that share a commit, and stays that only time touches."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from cloud_sync.compose import Books
from cloud_sync.core.policy import HOUR_MS
from cloud_sync.store import tables
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act
from cloud_sync.store.intake_rows import take_rows
from cloud_sync.store.reconcile_edges import stays_with_edge, touch_edges
from tests.fakes.community_house import (
    CODE,
    NOON_MS,
    NUMBER,
    SteppedClock,
    booking_row,
    listing_row,
    new_house,
    registration_row,
    resident_id,
    take,
)

WRONG = NUMBER + ("0" if resident_id()[-1] != "0" else "1")


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    made = new_house(tmp_path, SteppedClock())
    yield made
    made.close()


def found(books: Books) -> list[tuple[str, str, str]]:
    table = tables.discrepancy
    with books.engine.connect() as db:
        return [(r.kind, r.subject, r.state) for r in db.execute(sa.select(table).order_by(table.c.kind))]


def the_stay(books: Books) -> str:
    with books.engine.connect() as db:
        return str(db.execute(sa.select(tables.stay.c.stay)).scalar_one())


def test_a_booking_where_nobody_may_be_lodged_is_refused_and_known(books):
    take(books, "listings", listing_row())
    take(books, "listings", listing_row(state="REVOKED"))
    assert take(books, "bookings", booking_row()) == ["rejected"]
    assert found(books) == [("D08", CODE, "open")]
    books.reconciler.run_touched()
    assert books.reconciler.run_full() == 0
    assert found(books) == [("D08", CODE, "open")]  # a person looks


def test_the_third_mistyped_document_opens_d10_and_a_good_one_answers_it(books):
    take(books, "listings", listing_row())
    take(books, "bookings", booking_row(headcount=1))
    for expected in ([], [], [("D10", the_stay(books), "open")]):
        assert take(books, "registrations", registration_row(document_number=WRONG)) == ["rejected"]
        assert [row for row in found(books) if row[0] == "D10"] == expected
    books.reconciler.run_touched()
    assert ("D10", the_stay(books), "open") in found(books)
    assert take(books, "registrations", registration_row()) == ["new"]
    books.reconciler.run_touched()
    assert ("D10", the_stay(books), "closed") in found(books)


def test_a_refused_row_costs_the_others_of_its_commit_nothing(books):
    take(books, "listings", listing_row())
    rows = [
        ("bookings", booking_row()),
        ("bookings", booking_row("1002", listing="nowhere")),
        ("registrations", registration_row("1002")),
        ("registrations", registration_row()),
    ]
    told: list[tuple[int, str]] = []
    answers = take_rows(
        books.house,
        [(kind, {name: str(value) for name, value in cells.items()}) for kind, cells in rows],
        actor="test",
        seen=lambda _act, at, answer: told.append((at, answer.status)),
    )
    assert [one.status for one in answers] == ["new", "rejected", "rejected", "new"]
    assert told == [(0, "new"), (1, "rejected"), (2, "rejected"), (3, "new")]
    with books.engine.connect() as db:
        assert db.execute(sa.select(sa.func.count()).select_from(tables.booking)).scalar() == 1
        assert db.execute(sa.select(sa.func.count()).select_from(tables.registration)).scalar() == 1
    assert len(books.house.vault.persons()) == 1


@pytest.mark.parametrize(
    ("hours", "edge"),
    [
        ((5, 30), False),  # begins in five hours
        ((3.9, 30), True),  # in less than four since a quarter of an hour ago
        ((-12.1, 30), True),  # nobody came for twelve hours
        ((-13, 30), False),
        ((-30, -1.1), True),  # the grace is over
        ((-30, -0.1), True),  # the stay is
        ((-30, -2), False),
    ],
)
def test_a_stay_has_an_edge_where_a_rule_counts_from(books, hours, edge):
    take(books, "listings", listing_row())
    take(books, "bookings", booking_row(hours=hours))
    since_ms = NOON_MS - HOUR_MS // 4
    with reading(books.engine).begin() as db:
        act = Act(books.house, db, NOON_MS, "test", "system")
        assert stays_with_edge(act, since_ms) == ({the_stay(books)} if edge else set())
    assert touch_edges(books.house, since_ms) == int(edge)
