"""Story 12: a passport read by its zone at 02:00; the clock of 24 hours starts at the first entry and is on record."""

import pytest
import sqlalchemy as sa

from cloud_sync.core.policy import DAY_MS
from cloud_sync.store.tables_booking import registration_clock
from tests.unit.test_mrz import TD3

ZONE_LINES = TD3.replace("\n", "/")
PASSPORT = {
    "name": "Anna Maria Eriksson",
    "document_type": "passport",
    "document_issuer": "UTO",
    "document_number": "L898902C3",
    "birth_date": "1974-08-12",
    "mrz": ZONE_LINES,
}


def clock_of(community):
    with community.books.engine.connect() as db:
        return db.execute(sa.select(registration_clock)).one()


@pytest.mark.story("12a", "12c")
def test_the_zone_is_checked_and_the_clock_starts_with_the_first_entry(community):
    assert community.registers(**PASSPORT) == "new"
    planned = clock_of(community)
    assert (planned.guest_kind, planned.runs_from, planned.started_ms) == ("foreigner", "entry", None)
    assert planned.due_ms == community.stay().planned_in_ms + DAY_MS
    community.clock.step(hours=14)  # 02:00
    entered_ms = community.clock.now_ms()
    (row,) = community.rows()
    community.comes_in(row)
    running = clock_of(community)
    assert (running.started_ms, running.due_ms) == (entered_ms, entered_ms + DAY_MS)
    assert community.registrations()[0].due_ms == entered_ms + DAY_MS


@pytest.mark.story("12a")
def test_a_zone_that_says_another_number_or_a_wrong_digit_is_refused(community):
    assert community.registers(**{**PASSPORT, "document_number": "L898902C4"}) == "rejected"
    assert (
        community.registers(**{**PASSPORT, "mrz": ZONE_LINES.replace("L898902C36", "L898902C35")})
        == "rejected"
    )
    assert community.registrations() == []
    assert {row.state for row in community.rows()} == {"PENDING"}


def test_nothing_of_the_passport_stands_in_the_open_books(community):
    community.registers(**PASSPORT)
    with community.books.engine.connect() as db:
        dump = "\n".join(db.connection.driver_connection.iterdump())
    assert "ERIKSSON" not in dump.upper()
    assert "L898902C3" not in dump
