"""CSV files: every row answered once, good rows never lost to bad ones, the same file again changes nothing."""

import sqlite3

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_sync.errors import Refused
from cloud_sync.store import tables
from tests.fakes.community_house import (
    CODE,
    NAME,
    NOON_MS,
    booking_row,
    csv_of,
    listing_row,
    new_house,
    registration_row,
    resident_id,
    take,
)


@pytest.fixture
def books(tmp_path):
    books = new_house(tmp_path)
    take(books, "listings", listing_row())
    yield books
    books.close()


def answers(books, kind, data: bytes):
    return [
        (row.line, row.status, row.reason) for row in books.registry.import_csv(kind, data, actor="t").rows
    ]


def count(books, table) -> int:
    with books.engine.connect() as db:
        return db.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def states(books, table, column="state") -> list[str]:
    with books.engine.connect() as db:
        return sorted(db.execute(sa.select(table.c[column])).scalars())


def test_a_file_twice_is_the_file_once(books):
    assert take(books, "listings", listing_row()) == ["unchanged"]
    rows = [booking_row("1001"), booking_row("1002")]
    assert take(books, "bookings", *rows) == ["new", "new"]
    audited = count(books, tables.audit)
    assert take(books, "bookings", *rows) == ["unchanged", "unchanged"]
    assert take(books, "registrations", registration_row()) == ["new"]
    assert take(books, "registrations", registration_row()) == ["unchanged"]
    assert take(books, "registrations", registration_row(name="改名")) == ["updated"]
    assert count(books, tables.stay) == 2
    assert count(books, tables.audit) > audited


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
def test_spreadsheets_of_every_writing_are_read(books, encoding):
    take(books, "bookings", booking_row())
    data = csv_of([registration_row()]).decode().encode(encoding)
    assert [status for _, status, _ in answers(books, "registrations", data)] == ["new"]
    with books.engine.connect() as db:
        person = db.execute(sa.select(tables.person.c.person)).scalar_one()
    opened = books.house.vault.open_field(person, "name", actor="t", purpose="test", screen="test")
    assert opened == NAME


def test_bad_rows_are_answered_and_good_ones_are_kept(books):
    rows = [booking_row(str(1000 + n)) for n in range(4)]
    lines = csv_of(rows).decode().splitlines()
    lines.insert(2, '"xc,1999,never closed')
    lines.insert(4, "too,few")
    lines.insert(5, "")
    found = answers(books, "bookings", "\r\n".join(lines).encode())
    assert [(line, status) for line, status, _ in found] == [
        (2, "new"),
        (3, "rejected"),
        (4, "new"),
        (5, "rejected"),
        (7, "new"),
        (8, "new"),
    ]
    assert count(books, tables.booking) == 4


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"listing": "FY-000001-7K3M9QXD-0"}, "there is no listing"),
        ({"room": "R-9"}, "has no room"),
        ({"arrival": "tomorrow"}, "arrival is not a date and time"),
        ({"arrival": "2026-05-01"}, "arrival is not a date and time"),
        ({"departure": "2026-04-01T10:00"}, "departure is not after the arrival"),
        ({"headcount": "0"}, "headcount is not a whole number from 1 to 99"),
        ({"external_revision": "1.5"}, "external_revision is not a whole number"),
        ({"source": ""}, "source is empty"),
        ({"state": "maybe"}, "state is not one of"),
    ],
)
def test_a_booking_that_cannot_be_says_why_and_leaves_nothing(books, changes, sentence):
    ((_, status, reason),) = answers(books, "bookings", csv_of([booking_row(**changes)]))
    assert status == "rejected"
    assert sentence in reason
    assert count(books, tables.booking) == count(books, tables.stay) == 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"document_number": resident_id()[:-1] + "0"}, "check character"),
        ({"birth_date": "1991-01-31"}, "not the one inside"),
        ({"birth_date": "31.1.1990"}, "birth_date is not a date"),
        ({"document_type": NAME}, "document_type is not one of"),
        ({"proofing": "5"}, "proofing is not a whole number from 0 to 4"),
        ({"name": ""}, "name is empty"),
        ({"external_ref": "404"}, "there is no booking"),
    ],
)
def test_a_registration_that_cannot_be_says_why_without_naming_anybody(books, changes, sentence):
    take(books, "bookings", booking_row())
    ((_, status, reason),) = answers(books, "registrations", csv_of([registration_row(**changes)]))
    assert status == "rejected"
    assert sentence in reason
    assert NAME not in reason
    assert count(books, tables.registration) == 0


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is empty"),
        (b"\xff\xfe\x00\x81", "neither UTF-8 nor GBK"),
        (b"source,external_ref\nxc,1\n", "is missing"),
        (csv_of([booking_row(nickname="x")]), "'nickname' is not known"),
        (csv_of([booking_row()]).replace(b"source,", b"source,source,", 1), "stands twice"),
    ],
)
def test_a_file_that_cannot_be_read_changes_nothing(books, data, sentence):
    with pytest.raises(Refused, match=sentence):
        books.registry.import_csv("bookings", data, actor="t")
    assert count(books, tables.booking) == 0


def test_the_external_revision_decides_and_not_the_order_of_arrival(books):
    take(books, "bookings", booking_row(external_revision=5, headcount=2))
    ((_, status, reason),) = answers(
        books, "bookings", csv_of([booking_row(external_revision=4, headcount=1)])
    )
    assert (status, "kept as history" in reason) == ("unchanged", True)
    assert take(books, "bookings", booking_row(external_revision=6, hours=(-1, 30))) == ["updated"]
    (line,) = books.registry.passes()
    assert line.version == 2
    assert line.not_after_ms == NOON_MS + 36 * 3_600_000
    assert take(books, "bookings", booking_row(external_revision=7, state="cancelled")) == ["updated"]
    assert states(books, tables.pass_) == ["REVOKED"]
    assert take(books, "bookings", booking_row(external_revision=8)) == ["updated"]
    assert states(books, tables.booking) == ["CONFIRMED"]


def test_proof_below_the_minimum_is_recorded_and_opens_nothing(books):
    take(books, "bookings", booking_row())
    ((_, status, reason),) = answers(books, "registrations", csv_of([registration_row(proofing=1)]))
    assert status == "new"
    assert "proofing" in reason
    assert states(books, tables.registration, "status") == ["SUBMITTED"]
    assert states(books, tables.pass_) == ["PENDING"]
    assert take(books, "registrations", registration_row(proofing=4)) == ["updated"]
    assert states(books, tables.registration, "status") == ["VERIFIED"]
    assert states(books, tables.pass_) == ["ACTIVE"]


def test_a_minor_needs_a_guardians_contact_and_relation(books):
    take(books, "bookings", booking_row())
    child = {"document_number": resident_id("00000120150131000"), "birth_date": "2015-01-31"}
    assert take(books, "registrations", registration_row(**child)) == ["new"]
    assert states(books, tables.registration, "status") == ["SUBMITTED"]
    with_guardian = registration_row(**child, guardian_contact="+86 000 1234 5678", relation="mother")
    assert take(books, "registrations", with_guardian) == ["updated"]
    assert states(books, tables.registration, "status") == ["VERIFIED"]


def test_each_of_the_party_has_a_pass_and_the_listing_does_not_overflow(books):
    take(books, "bookings", booking_row())
    people = [
        registration_row(document_number=resident_id(f"0000{n:02}19900131000"), name=f"guest {n}")
        for n in range(1, 4)
    ]
    assert take(books, "registrations", *people) == ["new", "new", "rejected"]
    assert states(books, tables.pass_) == ["ACTIVE", "ACTIVE"]
    assert len({line.subject_ref for line in books.registry.passes()}) == 2


def test_a_returning_guest_is_the_same_person_with_another_pseudonym(books):
    take(books, "bookings", booking_row("1001"), booking_row("1002", hours=(40, 60)))
    assert take(books, "registrations", registration_row("1001"), registration_row("1002")) == ["new", "new"]
    assert count(books, tables.person) == 1
    assert len({line.subject_ref for line in books.registry.passes()}) == 2


def test_a_listing_moves_along_its_table_only(books):
    assert take(books, "listings", listing_row(state="SUSPENDED")) == ["updated"]
    assert take(books, "listings", listing_row(state="ACTIVE")) == ["updated"]
    assert take(books, "listings", listing_row(state="WITHDRAWN")) == ["updated"]
    ((_, status, reason),) = answers(books, "listings", csv_of([listing_row(state="ACTIVE")]))
    assert (status, f"listing {CODE} is WITHDRAWN and cannot become ACTIVE." == reason) == ("rejected", True)


def test_a_suspended_listing_closes_the_door_to_who_is_not_inside(books):
    take(books, "bookings", booking_row())
    take(books, "registrations", registration_row())
    (armed,) = books.registry.rows_for("gate-1")
    take(books, "listings", listing_row(state="SUSPENDED"))
    (row,) = books.registry.rows_for("gate-1")
    assert (armed.state, row.state) == ("ARMED", "PENDING")
    assert row.pass_version == armed.pass_version + 1
    assert take(books, "registrations", registration_row(name="另一人")) == ["rejected"]


def test_staged_rows_carry_answers_and_no_person(books, tmp_path):
    take(books, "bookings", booking_row())
    take(books, "registrations", registration_row(), registration_row("404"))
    with sqlite3.connect(tmp_path / "data" / "staging.db") as db:
        rows = db.execute(
            "SELECT line, status, name, document_number, proofing FROM registrations"
        ).fetchall()
    db.close()
    assert [(line, status) for line, status, *_ in rows] == [(2, "new"), (3, "rejected")]
    assert all(name.startswith("hmac:") and number.startswith("hmac:") for _, _, name, number, _ in rows)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400))
def test_any_bytes_at_all_are_answered_or_refused(books, noise):
    data = csv_of([booking_row("7777")]) + noise
    try:
        report = books.registry.import_csv("bookings", data, actor="t")
    except Refused:
        return
    lines = [row.line for row in report.rows]
    assert lines == sorted(set(lines))
    assert report.rows[0].status in {"new", "unchanged"}
