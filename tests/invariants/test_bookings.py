"""Invariants 8, 9, 13 and 28 of domain.md §7, each over whatever happens to bookings and registrations."""

import itertools

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_sync.core.lifecycles import PROVED, STAY_INSIDE
from cloud_sync.protocol.messages import PREREQ_REGISTERED
from cloud_sync.store import tables
from cloud_sync.store.issuing import held_row
from tests.fakes.community_house import (
    CODE,
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
few = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


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


@few
@given(parties=st.lists(st.integers(1, 3), min_size=1, max_size=3))
def test_invariant_08_no_more_people_are_in_house_and_registered_than_the_listing_takes(books, gate, parties):
    """Each party comes in before the next one registers, as at a desk; the listing takes two in its two rooms.

    Parties that register ahead of each other and come in later are D06, which reconciliation finds.
    """
    refs: list[str] = []
    for number, size in enumerate(parties):
        refs.append(f"C{next(_refs)}")
        room = (ROOM, f"{CODE}-302")[number % 2]
        take(books, "bookings", booking_row(refs[-1], room=room))
        for _ in range(size):
            take(books, "registrations", registration_row(refs[-1], **person(next(_refs))))
        comes_in(books, gate)
        assert sum(len(documents) for documents in inside(books).values()) <= 2
    for ref in refs:
        with books.engine.connect() as db:
            state = db.execute(
                sa.select(tables.stay.c.state)
                .join(tables.booking, tables.booking.c.booking == tables.stay.c.booking)
                .where(tables.booking.c.external_ref == ref)
            ).scalar_one()
        if state in STAY_INSIDE:
            books.registry.check_out("xc", ref, actor="t")


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
    with books.engine.connect() as db:
        stay = db.execute(
            sa.select(tables.stay.c.stay)
            .join(tables.booking, tables.booking.c.booking == tables.stay.c.booking)
            .where(tables.booking.c.external_ref == ref)
        ).scalar_one()
        wires = db.execute(sa.select(tables.pass_.c.wire).where(tables.pass_.c.stay == stay)).scalars().all()
    armed = [row for wire in wires if (row := held_row(wire)) is not None and row.prereq & PREREQ_REGISTERED]
    assert bool(armed) == (bool(contact and relation) and proofing >= 2)


change = st.one_of(
    st.tuples(st.just("departure"), st.integers(1, 60)),
    st.tuples(st.just("room"), st.sampled_from([ROOM, f"{CODE}-302"])),
)


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

    def secrets() -> list[tuple[object, ...]]:
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

    before = secrets()
    assert len(before) == 2
    room, hours = ROOM, 20
    for revision, (what, value) in enumerate(changes, start=2):
        hours, room = (value, room) if what == "departure" else (hours, value)
        row = booking_row(ref, hours=(-1, hours), room=room, external_revision=revision)
        assert take(books, "bookings", row) == ["updated"]
    assert secrets() == before
