"""Incremental reconciliation agrees with the full sweep on whatever happened (invariants 23, 24)."""

import json
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from cloud_sync.errors import NotFound, Refused
from cloud_sync.store import tables
from tests.fakes.community_house import (
    DOOR,
    NOON_MS,
    Gate,
    SteppedClock,
    booking_row,
    new_house,
    registration_row,
    take,
    with_guest,
)


@contextmanager
def community(folder: Path):
    books = new_house(folder, SteppedClock())
    gate = Gate(books)
    try:
        yield books, gate
    finally:
        gate.close()
        books.close()


def record(books) -> list[tuple[str, str, str]]:
    table = tables.discrepancy
    with books.engine.connect() as db:
        rows = db.execute(sa.select(table).order_by(table.c.kind, table.c.subject, table.c.window_ms))
        return [(row.kind, row.state, row.severity) for row in rows]


def the_pass(books) -> str:
    return books.registry.passes()[0].pass_id


def test_an_unregistered_entry_opens_d01_and_the_registration_closes_it(tmp_path):
    with community(tmp_path) as (books, gate):
        with_guest(books, registered=False)
        gate.tells("access.taken", direction="in", pass_id=the_pass(books))
        books.reconciler.run_touched()
        assert record(books) == [("D01", "open", "S2")]
        take(books, "registrations", registration_row())
        books.reconciler.run_touched()
        assert record(books) == [("D01", "closed", "S2")]


@pytest.mark.story("21g")
def test_a_no_show_is_inconclusive_until_the_gate_has_told_and_late_evidence_clears_it(tmp_path):
    with community(tmp_path) as (books, gate):
        with_guest(books)
        books.clock.step(hours=12)
        books.reconciler.run_touched()
        assert record(books) == [("D02", "inconclusive", "S3")]
        gate.says_hello()
        books.reconciler.run_touched()
        assert record(books) == [("D02", "open", "S3")]
        gate.tells("access.taken", direction="in", pass_id=the_pass(books))
        books.reconciler.run_touched()
        assert record(books) == [("D02", "closed", "S3")]


def test_a_forced_door_stays_open_until_a_person_explains_it(tmp_path):
    with community(tmp_path) as (books, gate):
        gate.tells("door.forced", access_point=DOOR)
        books.reconciler.run_touched()
        assert record(books) == [("D23", "open", "S1")]
        with books.engine.connect() as db:
            held = db.execute(sa.select(tables.discrepancy)).one()
        assert json.loads(held.evidence) == [f"gate-1/{gate.ledger.epoch}/1"]
        with pytest.raises(Refused):
            books.reconciler.close_by_human(held.id, " ", actor="wang")
        books.reconciler.close_by_human(held.id, "the locksmith", actor="wang")
        books.reconciler.run_full()
        assert record(books) == [("D23", "closed", "S1")]
        with pytest.raises(NotFound):
            books.reconciler.close_by_human(held.id, "again", actor="wang")
        gate.tells("door.forced", access_point=DOOR)
        books.reconciler.run_touched()
        assert record(books) == [("D23", "open", "S1")]


def test_a_revocation_without_receipt_is_d21_at_its_gravest(tmp_path):
    with community(tmp_path) as (books, gate):
        with_guest(books)
        with books.engine.begin() as db:
            held = {"root": "r1", "erase_ver": 0, "receipt_ver": 1, "receipt_root": "r1"}
            db.execute(
                tables.pass_set.insert().values(
                    community="dongfang", node="gate-1", auth_ver=1, built_ms=NOON_MS, **held
                )
            )
        gate.says_hello(auth_ver=1, root="r1")
        books.clock.step(ms=1)
        take(books, "bookings", booking_row(external_revision=2, state="cancelled"))
        books.reconciler.run_full()
        assert record(books) == []
        books.clock.step(hours=0.2)
        books.reconciler.run_full()
        assert record(books) == [("D21", "open", "S1")]


def test_a_changed_event_breaks_the_chain_and_is_d22(tmp_path):
    with community(tmp_path) as (books, gate):
        for _ in range(3):
            gate.tells("access.granted")
        assert books.reconciler.run_chains() == 0
        event = tables.event
        with books.engine.begin() as db:
            (body,) = db.execute(sa.select(event.c.body).where(event.c.seq == 2)).one()
            other = body.replace(b"access.granted", b"access.denied!")
            db.execute(event.update().where(event.c.seq == 2).values(body=other))
        assert books.reconciler.run_chains() == 1
        assert record(books) == [("D22", "open", "S2")]
        assert books.reconciler.run_full() == 0  # the cheap rules do not close what they did not look at
        with books.engine.begin() as db:
            db.execute(event.update().where(event.c.seq == 2).values(body=body))
        books.reconciler.run_chains()
        assert record(books) == [("D22", "closed", "S2")]


def test_what_left_a_node_on_its_clock_is_no_discrepancy_and_what_it_lost_is(tmp_path):
    with community(tmp_path) as (books, gate):
        gate.says_hello()
        books.reconciler.run_full()
        said = {"node": "gate-1", "epoch": gate.ledger.epoch, "h": "ab" * 32, "declared_ms": NOON_MS}
        key = {"community": books.config.community.code, **said}
        with books.engine.begin() as db:
            db.execute(sa.insert(tables.tombstone).values(lo=1, hi=900, reason="retention", **key))
        books.reconciler.run_full()
        assert record(books) == []
        with books.engine.begin() as db:
            db.execute(sa.insert(tables.tombstone).values(lo=901, hi=903, reason="disk full", **key))
        books.reconciler.run_full()
        assert record(books) == [("D22", "open", "S2")]
