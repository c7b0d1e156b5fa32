"""The law of a place at work: its fields, its proof, its clock, and what a cancellation leaves."""

import pytest
import sqlalchemy as sa

from cloud_sync.core.policy import DAY_MS
from cloud_sync.store import tables
from cloud_sync.store.tables_booking import registration_clock
from tests.fakes.community_house import booking_row, csv_of, registration_row, take
from tests.fakes.guest_house import FORM, GuestHouse

MORE = {
    "family_name": "Testbird",
    "given_names": "Canary",
    "document_type": "passport",
    "document_issuer": "FRA",
    "document_number": "X1234567",
    "support_number": "S1",
    "sex": "F",
    "residence": "1 Example Street",
    "phone": "+44 7700 900123",
    "signature": "on paper",
}


@pytest.fixture
def house(tmp_path, request):
    made = GuestHouse(tmp_path, profile=request.param, face=False)
    yield made
    made.close()


def states(house) -> list[str]:
    with house.books.engine.connect() as db:
        return list(db.execute(sa.select(tables.registration.c.status)).scalars())


def clock(house):
    with house.books.engine.connect() as db:
        return db.execute(sa.select(registration_clock)).one()


@pytest.mark.parametrize("house", ["es"], indirect=True)
def test_spain_waits_for_its_fields_and_tells_a_cancellation(house):
    report = house.registry.import_csv("registrations", csv_of([registration_row()]), actor="t")
    assert states(house) == ["DRAFT"]
    assert (
        "family_name, given_names, nationality, sex, residence, phone, signature are still asked for"
        in report.rows[0].reason
    )
    assert [row.state for row in house.rows()] == ["PENDING"]
    take(
        house.books,
        "registrations",
        registration_row(nationality="CHN", **{k: v for k, v in MORE.items() if "document" not in k}),
    )
    assert states(house) == ["VERIFIED"]
    assert clock(house).runs_from == "arrival"
    house.clock.step(hours=-3)
    take(house.books, "bookings", booking_row(external_revision=2, state="cancelled"))
    assert states(house) == ["VERIFIED"]
    ended = clock(house)
    assert (ended.runs_from, ended.due_ms) == ("cancellation", house.clock.now_ms() + DAY_MS)
    with house.books.engine.connect() as db:
        person = db.execute(sa.select(tables.person.c.person)).scalars().first()
    assert house.books.house.vault.holds(person, "support_number")


@pytest.mark.parametrize("house", ["it"], indirect=True)
def test_italy_takes_nobody_who_was_not_seen(house):
    more = {**MORE, "sex": "F", "birth_place": "Nanchong", "nationality": "CHN", "place_of_issue": "Nanchong"}
    take(house.books, "registrations", registration_row(proofing=2, **more))
    assert states(house) == ["SUBMITTED"]
    take(house.books, "registrations", registration_row(proofing=3, **more))
    assert states(house) == ["VERIFIED"]


@pytest.mark.parametrize("house", ["pt"], indirect=True)
def test_portugal_reports_foreigners_only(house):
    take(house.books, "registrations", registration_row(nationality="PRT"))
    assert (clock(house).guest_kind, clock(house).runs_from, clock(house).due_ms) == ("national", "", None)


@pytest.mark.parametrize("house", ["cn-bj"], indirect=True)
def test_beijing_withholds_the_pass_until_somebody_saw_the_guest(house):
    house.read_notice()
    answer = house.registry.register_self(house.token, FORM)
    assert (answer.faults, answer.verified) == ({}, False)
    assert [row.state for row in house.rows()] == ["PENDING"]
    take(house.books, "registrations", registration_row(proofing=4))
    assert [row.state for row in house.rows()] == ["ARMED"]


@pytest.mark.parametrize("house", ["es", "nl", "uk"], indirect=True)
def test_where_face_is_forbidden_nobody_is_asked_for_it(house):
    assert "face_access" not in house.books.house.profile.consent_texts
