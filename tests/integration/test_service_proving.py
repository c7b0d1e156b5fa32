"""Staff prove who stands at the gate: the registration is verified, the pass opens, room included, and it says by whom."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from cloud_sync.core.policy import CN_DEFAULT
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_staff import Proof
from cloud_sync.store import tables
from tests.fakes.community_house import (
    DOOR,
    GATE,
    NAME,
    NOON_MS,
    NUMBER,
    SteppedClock,
    booking_row,
    listing_row,
    new_house,
    registration_row,
    resident_id,
    take,
    with_guest,
)
from tests.fakes.row_at_a_door import said_at

HERE = "guard:li"


@pytest.fixture
def books(tmp_path):
    books = new_house(tmp_path, SteppedClock())
    take(books, "listings", listing_row())
    yield books
    books.close()


def proof(*, method="staff", reason="seen with the card", subject_ref="", **typed) -> Proof:
    form = {
        "name": NAME,
        "document_type": "resident_id",
        "document_number": resident_id(),
        "birth_date": "1990-01-31",
    }
    return Proof("xc", "1001", method, reason, {**form, **typed}, subject_ref)


def rows(books):
    return books.registry.rows_for("gate-1")


def registrations(books):
    table = tables.registration
    with books.engine.connect() as db:
        return [tuple(one) for one in db.execute(sa.select(table.c.status, table.c.proofing, table.c.method))]


def audited(books, action):
    table = tables.audit
    with books.engine.connect() as db:
        found = db.execute(sa.select(table.c.actor, table.c.role, table.c.reason).filter_by(action=action))
        return [tuple(one) for one in found]


@pytest.mark.story("10a")
def test_a_guest_nobody_registered_is_proved_at_the_gate_and_goes_up_to_the_room(books):
    with_guest(books, registered=False)
    (held,) = rows(books)
    assert said_at(held, GATE, NOON_MS) == "x:NotRegistered"
    done = books.registry.prove(proof(), actor=HERE)
    (held,) = rows(books)
    assert (done.pass_id, done.doors, done.proofing) == (held.pass_id, (GATE, DOOR), 4)
    assert (done.not_before_ms, done.not_after_ms) == (held.not_before, held.not_after)
    assert said_at(held, GATE, NOON_MS) == "Granted"
    assert said_at(held, DOOR, NOON_MS, room=True) == "Granted"
    assert registrations(books) == [("VERIFIED", 4, "staff")]


def test_who_looked_how_and_why_stands_in_the_audit_and_no_name_does(books):
    with_guest(books, registered=False)
    books.registry.prove(proof(), actor=HERE)
    ((actor, role, reason),) = audited(books, "registration.prove")
    assert (actor, role) == (HERE, "staff")
    assert reason.startswith("level 4, staff: seen with the card")
    database = books.config.database.read_bytes()
    assert NAME.encode() not in database
    assert NUMBER.encode() not in database


@pytest.mark.parametrize(("method", "level"), [("staff", 4), ("live-video", 3)])
def test_in_person_is_level_four_and_a_call_level_three(books, method, level):
    with_guest(books, registered=False)
    assert books.registry.prove(proof(method=method), actor=HERE).proofing == level
    assert registrations(books) == [("VERIFIED", level, method)]


def test_a_community_that_asks_to_see_people_is_not_satisfied_with_a_call(books):
    with_guest(books, registered=False)
    strict = replace(CN_DEFAULT, proofing_min=4)
    books.registry._house = replace(books.house, profile=strict)
    with pytest.raises(Refused, match="asks for level 4"):
        books.registry.prove(proof(method="live-video"), actor=HERE)
    assert registrations(books) == []
    assert books.registry.prove(proof(), actor=HERE).pass_state == "ACTIVE"


def fails_three_checks(books, token):
    books.registry.read_notice(token, books.house.profile.registration_notice, "r1")
    wrong = {
        "name": NAME, "document_type": "resident_id", "document_number": resident_id()[:-1] + "1",
        "birth_date": "1990-01-31",
    }  # fmt: skip
    for _ in range(3):
        assert books.registry.register_self(token, wrong).faults
    assert registrations(books)[0][0] == "VERIFY_FAILED"


def test_a_guest_whose_checks_failed_is_proved_and_the_open_question_is_closed(books):
    fails_three_checks(books, with_guest(books, registered=False))
    found = sa.select(tables.discrepancy.c.kind, tables.discrepancy.c.state)
    with books.engine.connect() as db:
        assert db.execute(found).all() == [("D10", "open")]
    books.registry.prove(proof(), actor=HERE)
    assert registrations(books) == [("VERIFIED", 4, "staff")]
    with books.engine.connect() as db:
        assert db.execute(found).all() == [("D10", "closed")]
    (held,) = rows(books)
    assert said_at(held, DOOR, NOON_MS, room=True) == "Granted"


def test_what_was_typed_for_a_place_gives_way_to_who_stands_there(books):
    with_guest(books, registered=False)
    typed = "00000119900131018"
    take(books, "registrations", registration_row(proofing=1, document_number=resident_id(typed)))
    (member,) = books.registry.party("xc", "1001").members
    assert (member.registration, member.proofing) == ("SUBMITTED", 1)
    done = books.registry.prove(proof(subject_ref=member.subject_ref), actor=HERE)
    assert done.subject_ref == member.subject_ref
    (after,) = books.registry.party("xc", "1001").members
    assert (after.registration, after.proofing, after.pass_state) == ("VERIFIED", 4, "ACTIVE")
    with books.engine.connect() as db:
        (person,) = db.execute(sa.select(tables.person.c.person)).scalars().all()
    opened = books.house.vault.open_field(person, "document_number", actor="t", purpose="test", screen="test")
    assert opened == resident_id()


def test_without_a_place_named_another_document_is_another_person(books):
    with_guest(books)
    other = "00000119900131018"
    done = books.registry.prove(proof(name="乙", document_number=resident_id(other)), actor=HERE)
    roles = {one.subject_ref: one.role for one in books.registry.party("xc", "1001").members}
    assert roles[done.subject_ref] == "companion"
    assert len(rows(books)) == 2


@pytest.mark.story("14a")
def test_a_child_is_proved_with_their_guardian_and_not_without(books):
    with_guest(books)
    child = "00000120160131000"
    words = {"name": "丙", "document_number": resident_id(child), "birth_date": "2016-01-31"}
    refused = books.registry.prove(proof(**words), actor=HERE)
    assert refused.faults == {"guardian_contact": "guardian_missing", "relation": "relation_missing"}
    assert len(registrations(books)) == 1
    done = books.registry.prove(proof(**words, guardian_contact="555-0100", relation="mother"), actor=HERE)
    assert done.pass_state == "ACTIVE"


def test_proved_twice_is_proved_once(books):
    with_guest(books, registered=False)
    first = books.registry.prove(proof(), actor=HERE)
    before = rows(books)
    assert books.registry.prove(proof(), actor=HERE) == first
    assert rows(books) == before


def test_where_the_listing_may_not_take_guests_nobody_is_proved_into_it(books):
    with_guest(books, registered=False)
    take(books, "listings", listing_row(state="SUSPENDED"))
    with pytest.raises(Refused, match="SUSPENDED"):
        books.registry.prove(proof(), actor=HERE)
    assert registrations(books) == []


@pytest.mark.parametrize(
    ("typed", "faults"),
    [
        ({"document_number": resident_id()[:-1] + "0"}, {"document_number": "number_check"}),
        ({"birth_date": "1991-01-31"}, {"birth_date": "birth_differs"}),
        ({"name": ""}, {"name": "name_missing"}),
    ],
)
def test_what_cannot_be_is_said_field_by_field_and_changes_nothing(books, typed, faults):
    with_guest(books, registered=False)
    assert books.registry.prove(proof(**typed), actor=HERE).faults == faults
    assert registrations(books) == []


def test_nobody_is_proved_without_a_reason_and_nothing_of_them_is_printed(books):
    with_guest(books, registered=False)
    with pytest.raises(Refused, match="say why"):
        books.registry.prove(proof(reason="  "), actor=HERE)
    assert NUMBER not in repr(proof())
    assert NAME not in repr(proof())


def test_nobody_is_proved_for_a_stay_that_is_over_or_not_there(books):
    with pytest.raises(NotFound, match="no booking"):
        books.registry.prove(proof(), actor=HERE)
    with_guest(books)
    books.registry.cancel_booking("xc", "1001", actor=HERE, reason="by phone")
    with pytest.raises(Refused, match="nobody registers"):
        books.registry.prove(proof(), actor=HERE)


# --- who stands at the gate and says which booking is theirs -----------------------------------------------------


def test_whoever_says_a_booking_waits_for_the_staff_beside_the_bookings_it_fits(books):
    take(books, "bookings", booking_row("HM-77"))
    books.registry.announce_arrival(GATE, " hm-77 ")
    books.clock.step(ms=1)
    books.registry.announce_arrival(GATE, "no such thing")
    unknown, known = books.registry.arrivals()
    assert (known.said, known.access_point, known.name_en) == ("hm-77", GATE, "South gate")
    assert known.bookings == (("xc", "HM-77"),)
    assert unknown.bookings == ()


def test_who_is_registered_meanwhile_waits_no_longer_and_the_rest_of_the_party_does(books):
    take(books, "bookings", booking_row(headcount=2))
    books.registry.announce_arrival(GATE, "1001")
    books.registry.announce_arrival(GATE, "no such thing")
    books.registry.prove(proof(), actor=HERE)
    assert {one.said for one in books.registry.arrivals()} == {"1001", "no such thing"}
    second = proof(document_number=resident_id("00000119850131000"), birth_date="1985-01-31")
    books.registry.prove(second, actor=HERE)
    assert {one.said for one in books.registry.arrivals()} == {"no such thing"}


def test_what_nobody_could_mean_is_dropped_without_a_word(books):
    books.registry.announce_arrival("AP-nowhere", "HM-77")
    books.registry.announce_arrival(GATE, "\x07")
    books.registry.announce_arrival(GATE, "   ")
    assert books.registry.arrivals() == ()


def test_the_answer_is_a_link_for_the_phone_that_stands_there_and_is_given_once(books):
    take(books, "bookings", booking_row("HM-77"))
    books.registry.announce_arrival(GATE, "HM-77")
    (waits,) = books.registry.arrivals()
    token = books.registry.answer_arrival(waits.id, "xc", "HM-77", actor=HERE)
    assert books.registry.guest_view(token).is_open
    assert books.registry.arrivals() == ()
    with pytest.raises(NotFound, match="nobody waits"):
        books.registry.answer_arrival(waits.id, "xc", "HM-77", actor=HERE)


def test_a_flood_of_words_is_bounded_and_a_day_old_one_is_gone(books):
    for n in range(210):
        books.clock.step(ms=1)
        books.registry.announce_arrival(GATE, f"N-{n}")
    assert len(books.registry.arrivals()) == 200
    assert books.registry.arrivals()[0].said == "N-209"
    books.clock.step(hours=24.1)
    assert books.registry.arrivals() == ()
    books.registry.announce_arrival(GATE, "N-300")
    with books.engine.connect() as db:
        assert db.execute(sa.select(sa.func.count()).select_from(tables.arrival)).scalar_one() == 1
