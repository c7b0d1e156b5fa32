"""Invariants 8, 9, 13 and 28 of domain.md §7, each over whatever happens to bookings and registrations."""

import itertools
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles import PROVED, STAY_INSIDE
from cloud_sync.core.policy import HOUR_MS
from cloud_sync.errors import Refused
from cloud_sync.ports_model import Person
from cloud_sync.protocol.messages import PREREQ_FACE_CONSENT, PREREQ_REGISTERED, PassRow
from cloud_sync.store import tables
from cloud_sync.store.guests import ConsentWish
from cloud_sync.store.issuing import held_row
from cloud_sync.store.places import PiaRecord
from tests.fakes.community_house import (
    CODE,
    GATE,
    NOON_MS,
    ROOM,
    Gate,
    booking_row,
    listing_row,
    new_house,
    registration_row,
    resident_id,
    take,
)

# A disk that waits for each commit; a busy machine makes it longer.
pytestmark = pytest.mark.timeout(600)

_refs = itertools.count(1)
few = settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def books(tmp_path):
    books = new_house(tmp_path)
    take(books, "listings", listing_row(), listing_row(room=f"{CODE}-302", label="302"))
    yield books
    books.close()


@pytest.fixture
def gate(books):
    gate = Gate(books)
    yield gate
    gate.close()


def person(n: int) -> dict[str, object]:
    """Adult number n."""
    stem = f"00{n // 28 % 10_000:04d}1990{1 + n // 3 % 12:02d}{1 + n % 28:02d}000"
    return {
        "name": f"Guest {n}",
        "document_number": resident_id(stem),
        "birth_date": f"{stem[6:10]}-{stem[10:12]}-{stem[12:14]}",
    }


def inside(books) -> dict[str, set[str]]:
    """The documents proved in every stay that somebody is inside of."""
    stay, row, who = tables.stay, tables.registration, tables.person
    found = (
        sa.select(stay.c.stay, who.c.doc_hash)
        .join(row, row.c.stay == stay.c.stay)
        .join(who, who.c.person == row.c.person)
        .where(stay.c.state.in_(STAY_INSIDE), row.c.status.in_(PROVED))
    )
    held: dict[str, set[str]] = {}
    with books.engine.connect() as db:
        for one in db.execute(found):
            held.setdefault(one.stay, set()).add(one.doc_hash)
    return held


def comes_in(books, gate: Gate) -> None:
    for line in books.registry.passes():
        if line.state == "ACTIVE":
            gate.tells("access.taken", pass_id=line.pass_id, direction="in")
    books.registry.advance_time(since_ms=NOON_MS)


def arrives(books, gate: Gate, ref: str, number: int, size: int) -> int:
    """A party registers and comes in; how many registered people are inside now."""
    take(books, "bookings", booking_row(ref, room=(ROOM, f"{CODE}-302")[number % 2]))
    for _ in range(size):
        take(books, "registrations", registration_row(ref, **person(next(_refs))))
    comes_in(books, gate)
    return sum(len(documents) for documents in inside(books).values())


def test_invariant_08_catches_a_desk_that_does_not_count(books, gate, monkeypatch):
    monkeypatch.setattr("cloud_sync.store.capacity.check", lambda *_words: None)
    assert arrives(books, gate, f"C{next(_refs)}", 0, 3) == 3


def test_invariant_08_catches_an_exception_that_nobody_approved(books, gate, monkeypatch):
    monkeypatch.setattr("cloud_sync.store.capacity.extra", lambda *_words: 1)
    people = arrives(books, gate, f"C{next(_refs)}", 0, 3)
    books.reconciler.run_touched()
    assert (people, crowded(books)) == (3, 1)  # and it is told


OFFICER = Person("chen", "officer")
CROWD = st.lists(
    st.one_of(
        st.tuples(st.just("party"), st.integers(1, 3), st.just(0)),
        st.tuples(st.just("come in"), st.just(0), st.just(0)),
        st.tuples(st.just("approve"), st.integers(1, 2), st.integers(0, 2)),
        st.tuples(st.just("end"), st.just(0), st.just(0)),
    ),
    min_size=3,
    max_size=7,
)


def crowded(books) -> int:
    table = tables.discrepancy
    count = sa.select(sa.func.count()).where(table.c.kind == "D06", table.c.state == "open")
    with books.engine.connect() as db:
        return int(db.execute(count).scalar_one())


@few
@given(acts=CROWD)
def test_invariant_08_no_more_people_are_in_house_and_registered_than_the_listing_takes(books, gate, acts):
    """Parties register ahead of each other and come in when they like; the listing takes two in its two rooms.

    What was approved is counted here by hand: for a stay of one night it counts from one day on, and until it is ended.
    Who is above the number because an approval ended while they were inside is told as D06.
    """
    refs: list[str] = []
    approved: dict[str, int] = {}
    ended = False
    for what, n, days in acts:
        if what == "party":
            refs.append(f"C{next(_refs)}")
            take(books, "bookings", booking_row(refs[-1], room=(ROOM, f"{CODE}-302")[len(refs) % 2]))
            for _ in range(n):
                take(books, "registrations", registration_row(refs[-1], **person(next(_refs))))
        elif what == "come in":
            comes_in(books, gate)
        elif what == "approve":
            made = books.listings.approve_exception(CODE, n, days, "a cot for the baby", OFFICER)
            approved[made] = n if days >= 1 else 0
        elif approved:
            made, _ = approved.popitem()
            books.listings.end_exception(made, "the cot is gone", OFFICER)
            ended = True
        people = sum(len(documents) for documents in inside(books).values())
        if people > 2 + max(approved.values(), default=0):
            books.reconciler.run_touched()
            assert ended
            assert crowded(books) >= 1
    for made in approved:
        books.listings.end_exception(made, "over", OFFICER)
    for ref in refs:
        leaves(books, ref)


def leaves(books, ref: str) -> None:
    joined = tables.stay.join(tables.booking, tables.booking.c.booking == tables.stay.c.booking)
    state = sa.select(tables.stay.c.state).select_from(joined).where(tables.booking.c.external_ref == ref)
    with books.engine.connect() as db:
        is_inside = db.execute(state).scalar_one() in STAY_INSIDE
    if is_inside:
        books.registry.check_out("xc", ref, actor="t")
    else:
        books.registry.cancel_booking("xc", ref, actor="t", reason="over")


@pytest.mark.story("7d")
@few
@given(proofing=st.sampled_from([2, 3, 4]))
def test_invariant_09_a_document_that_is_inside_elsewhere_is_seen_by_a_person_first(books, gate, proofing):
    who = person(next(_refs))
    first, second = f"D{next(_refs)}", f"D{next(_refs)}"
    take(books, "bookings", booking_row(first), booking_row(second, room=f"{CODE}-302"))
    take(books, "registrations", registration_row(first, **who))
    comes_in(books, gate)
    take(books, "registrations", registration_row(second, proofing=proofing, **who))
    comes_in(books, gate)
    twice = [documents for documents in inside(books).values() if documents]
    assert len(twice) == (2 if proofing >= 3 else 1)
    books.registry.check_out("xc", first, actor="t")
    if len(twice) == 2:
        books.registry.check_out("xc", second, actor="t")


def test_invariant_09_catches_a_desk_that_does_not_look_elsewhere(books, gate, monkeypatch):
    monkeypatch.setattr("cloud_sync.store.duplicates.waits", lambda *_words: False)
    who = person(next(_refs))
    for room in (ROOM, f"{CODE}-302"):
        ref = f"D{next(_refs)}"
        take(books, "bookings", booking_row(ref, room=room))
        take(books, "registrations", registration_row(ref, proofing=2, **who))
        comes_in(books, gate)
    assert len([documents for documents in inside(books).values() if documents]) == 2


CHILD = resident_id("00000120150131000")


@few
@given(
    contact=st.sampled_from(["", "138 0000"]),
    relation=st.sampled_from(["", "mother"]),
    proofing=st.integers(0, 4),
)
def test_invariant_13_no_pass_of_a_minor_arms_without_guardian_contact_and_relation(
    books, contact, relation, proofing
):
    ref = f"M{next(_refs)}"
    take(books, "listings", listing_row(max_guests=9))
    take(books, "bookings", booking_row(ref))
    row = registration_row(
        ref,
        document_number=CHILD,
        birth_date="2015-01-31",
        proofing=proofing,
        guardian_contact=contact,
        relation=relation,
    )
    take(books, "registrations", row)
    armed = [row for row in rows_of(books, ref) if row.prereq & PREREQ_REGISTERED]
    assert bool(armed) == (bool(contact and relation) and proofing >= 2)


def rows_of(books, ref: str) -> list[PassRow]:
    """What nodes hold of this booking's passes."""
    found = (
        sa.select(tables.pass_.c.wire)
        .join(tables.stay, tables.stay.c.stay == tables.pass_.c.stay)
        .join(tables.booking, tables.booking.c.booking == tables.stay.c.booking)
        .where(tables.booking.c.external_ref == ref)
    )
    with books.engine.connect() as db:
        wires = db.execute(found).scalars().all()
    return [row for wire in wires if (row := held_row(wire)) is not None]


def test_invariant_13_catches_a_desk_that_asks_no_guardian(books, monkeypatch):
    monkeypatch.setattr("cloud_sync.store.registering._proof", lambda *_words, **_more: set(Guard))
    ref = f"M{next(_refs)}"
    take(books, "bookings", booking_row(ref))
    take(books, "registrations", registration_row(ref, document_number=CHILD, birth_date="2015-01-31"))
    assert [row.state for row in rows_of(books, ref) if row.prereq & PREREQ_REGISTERED] == ["ARMED"]


@pytest.fixture
def with_faces(books):
    pia = PiaRecord("a", "b", "c", "d", "t", NOON_MS + 9_000 * HOUR_MS, synthetic=True)
    books.registry.enable_face(GATE, books.registry.record_pia(pia), "chen")
    take(books, "listings", listing_row(max_guests=90))
    return books


def consents(books, born: date, guardian: str | None) -> tuple[bool, bool]:
    """Somebody born then asks for their face; whether it is on record, and whether nodes may enrol it."""
    ref, day = f"F{next(_refs)}", f"{born:%Y%m%d}"
    take(books, "bookings", booking_row(ref))
    number = resident_id(f"00{next(_refs) % 10_000:04d}{day}000")
    words = {"guardian_contact": "138 0000", "relation": "mother"}
    row = registration_row(ref, document_number=number, birth_date=born.isoformat(), **words)
    assert take(books, "registrations", row) == ["new"]
    wish = ConsentWish("face_access", "face_access-1", "zh", "staff", guardian)
    try:
        books.registry.consent_for_booking("xc", ref, wish, actor="chen")
    except Refused:
        return False, any(one.prereq & PREREQ_FACE_CONSENT for one in rows_of(books, ref))
    return True, any(one.prereq & PREREQ_FACE_CONSENT for one in rows_of(books, ref))


FOURTEEN = date(2012, 5, 1)  # who was born on this day is fourteen at noon of the tests


@few
@given(
    days=st.sampled_from([-1, 0, 1]) | st.integers(-2_000, 2_000), guardian=st.sampled_from([None, "GR-1"])
)
def test_invariant_13_no_face_under_fourteen_without_a_guardian_s_consent(with_faces, days, guardian):
    recorded, aboard = consents(with_faces, FOURTEEN + timedelta(days=days), guardian)
    assert recorded == aboard == (days <= 0 or guardian is not None)


def test_invariant_13_catches_an_age_that_nobody_asks_for(with_faces, monkeypatch):
    monkeypatch.setattr("cloud_sync.store.guests.old_enough", lambda *_words: True)
    monkeypatch.setattr("cloud_sync.store.registry.guests.old_enough", lambda *_words: True)
    assert consents(with_faces, FOURTEEN + timedelta(days=900), None) == (True, True)


change = st.one_of(
    st.tuples(st.just("departure"), st.integers(1, 60)),
    st.tuples(st.just("room"), st.sampled_from([ROOM, f"{CODE}-302"])),
)


def secrets(books, ref: str) -> list[tuple[object, ...]]:
    table, pass_ = tables.credential, tables.pass_
    found = (
        sa.select(table.c.cred_id, table.c.kind, table.c.verifier, table.c.pass_id)
        .join(pass_, pass_.c.pass_id == table.c.pass_id)
        .join(tables.stay, tables.stay.c.stay == pass_.c.stay)
        .join(tables.booking, tables.booking.c.booking == tables.stay.c.booking)
        .where(tables.booking.c.external_ref == ref)
        .order_by(table.c.cred_id)
    )
    with books.engine.connect() as db:
        return [tuple(row) for row in db.execute(found)]


def test_invariant_28_catches_an_extension_that_makes_a_new_key(books, monkeypatch):
    ref = f"S{next(_refs)}"
    take(books, "bookings", booking_row(ref))
    take(books, "registrations", registration_row(ref, **person(next(_refs))))
    books.registry.bind_code_key(books.registry.guest_link("xc", ref), None, bytes([9]) * 32)
    before = secrets(books, ref)

    def rotates(act, *_words):
        act.connection.execute(sa.update(tables.credential).values(verifier=b"new"))

    monkeypatch.setattr("cloud_sync.store.issuing.settle_credentials", rotates)
    take(books, "bookings", booking_row(ref, hours=(-1, 44), external_revision=2))
    assert secrets(books, ref) != before


@few
@given(changes=st.lists(change, min_size=1, max_size=4))
def test_invariant_28_extending_shortening_and_moving_change_no_secret(books, changes):
    ref = f"S{next(_refs)}"
    take(books, "listings", listing_row(max_guests=9))
    take(books, "bookings", booking_row(ref))
    take(books, "registrations", registration_row(ref, **person(next(_refs))))
    token = books.registry.guest_link("xc", ref)
    books.registry.bind_code_key(token, None, bytes([9]) * 32)
    books.registry.issue_pin(token, None)

    before = secrets(books, ref)
    assert len(before) == 2
    room, hours = ROOM, 20
    for revision, (what, value) in enumerate(changes, start=2):
        hours, room = (value, room) if what == "departure" else (hours, value)
        row = booking_row(ref, hours=(-1, hours), room=room, external_revision=revision)
        assert take(books, "bookings", row) == ["updated"]
    assert secrets(books, ref) == before
