"""Reconciliation's own questions on both databases: neighbours, persons, units, follow-ups, checks on the spot."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from cloud_sync.compose import Books
from cloud_sync.core.discrepancies import PROPOSALS, Step
from cloud_sync.core.evidence import Household, Overdue
from cloud_sync.core.spot_check import Share, commitment, draw, population_hash
from cloud_sync.errors import NotFound, Refused
from cloud_sync.store import tables
from cloud_sync.store.case_intake import CaseIntake
from cloud_sync.store.evidence_store import EvidenceBook, tell
from cloud_sync.store.follow_ups import take_up, waiting
from cloud_sync.store.house import acting
from cloud_sync.store.reconcile_store import Reconciler
from cloud_sync.store.spot_checks import SpotChecks
from cloud_sync.store.tables_rules import follow_up
from tests.fakes.community_house import (
    CODE,
    GATE,
    Gate,
    SteppedClock,
    booking_row,
    listing_row,
    new_house,
    registration_row,
    resident_id,
    take,
    with_guest,
)


@contextmanager
def community(folder: Path, database: str) -> Iterator[tuple[Books, Gate]]:
    books = new_house(folder, SteppedClock(), database=database)
    gate = Gate(books)
    try:
        yield books, gate
    finally:
        gate.close()
        books.close()


def found(books: Books, kind: str) -> list[tuple[str, str]]:
    table = tables.discrepancy
    with books.engine.connect() as db:
        rows = db.execute(sa.select(table).filter_by(kind=kind).order_by(table.c.opened_ms, table.c.id))
        return [(row.state, row.severity) for row in rows]


def only(books: Books, kind: str) -> sa.Row:
    with books.engine.connect() as db:
        return db.execute(sa.select(tables.discrepancy).filter_by(kind=kind)).one()


def test_what_a_stay_changes_beside_it_is_judged_with_it(tmp_path, database):
    """One house for several rules: on PostgreSQL a house costs more than all of them."""
    with community(tmp_path, database) as (books, gate):
        take(
            books,
            "listings",
            listing_row(),
            listing_row(room=f"{CODE}-302", label="302"),
        )
        take(books, "bookings", booking_row("1001"), booking_row("1002", room=f"{CODE}-302"))
        other = "00000219900131000"
        take(
            books,
            "registrations",
            registration_row("1001"),
            registration_row("1002", document_number=resident_id(other)),
        )
        take(books, "listings", listing_row(max_guests=1))
        books.reconciler.run_touched()
        assert found(books, "D06") == [("open", "S2")]  # the second of two in a listing for one
        take(
            books,
            "listings",
            listing_row(max_guests=3),
            listing_row(max_guests=3, room=f"{CODE}-302", label="302"),
        )
        books.reconciler.run_touched()
        assert found(books, "D06") == [("closed", "S2")]
        take(books, "registrations", registration_row("1002"))  # the document of the first stay
        for line in books.registry.passes():
            gate.tells("access.taken", direction="in", pass_id=line.pass_id)
        books.reconciler.run_touched()
        assert found(books, "D09") == [("open", "S2")]
        for line in books.registry.passes():
            words = {"decision": "deny", "reason": "Unauthorized", "access_point": "AP-elsewhere"}
            for _ in range(3):
                gate.tells("access.denied", pass_id=line.pass_id, **words)
        gate.tells(
            "access.denied", pass_id=line.pass_id, access_point=GATE, reason="Unauthorized", decision="deny"
        )
        books.reconciler.run_touched()
        assert [word for word, _ in found(books, "D11")] == ["open", "open"]  # one for each stay
        take(
            books,
            "listings",
            listing_row(state="SUSPENDED"),
            listing_row(state="SUSPENDED", room=f"{CODE}-302", label="302"),
        )
        books.clock.step(ms=1)  # type: ignore[attr-defined]
        take(books, "bookings", booking_row("1003", hours=(30, 50)))
        books.reconciler.run_touched()
        assert ("open", "S2") in found(books, "D08")
        assert Reconciler(books.house).run_full() == 0


def test_told_evidence_opens_and_closes_and_an_s4_is_no_case(tmp_path, database):
    with community(tmp_path, database) as (books, _gate):
        with_guest(books)
        told = EvidenceBook(books.house)
        told.tell("9-901", "Complaint", "call-1", {"matter": "no plate"}, actor="wang")
        with acting(books.house, "import", "system") as act:
            tell(act, "9-902", "row-7", Household("unmatched", act.now_ms))
            tell(act, "templates", "now", Overdue("templates", 3))
        books.reconciler.run_touched()
        assert [found(books, kind) for kind in ("D07", "D24", "D26")] == [
            [("open", "S2")],
            [("open", "S4")],
            [("open", "S1")],
        ]
        CaseIntake(books.house).look_around()
        with books.engine.connect() as db:
            kinds = set(db.execute(sa.select(tables.case_.c.kind)).scalars())
        assert {"D07", "D26"} <= kinds
        assert "D24" not in kinds
        told.end("9-901", "Complaint", "call-1", actor="wang")
        with acting(books.house, "purge", "system") as act:
            tell(act, "templates", "now", Overdue("templates", 0))
        books.reconciler.run_touched()
        assert [found(books, kind)[0][0] for kind in ("D07", "D24", "D26")] == ["closed", "open", "closed"]
        assert told.types() == {"Household": 1, "Overdue": 1}
        with pytest.raises(NotFound):
            told.end("9-901", "Complaint", "call-1", actor="wang")
        with pytest.raises(Refused):
            told.tell("9-901", "Complaint", "call-1", {"matter": 3}, actor="wang")
        assert Reconciler(books.house).run_full() == 0


def steps(books: Books) -> dict[str, str]:
    """Step → whether it waits, was taken up or withdrawn."""
    with books.engine.connect() as db:
        rows = db.execute(sa.select(follow_up)).all()
    return {
        row.step: "taken" if row.taken_ms else "withdrawn" if row.withdrawn_ms else "waits" for row in rows
    }


def test_each_step_is_asked_for_once_and_a_proposal_waits_for_its_person(tmp_path, database):
    with community(tmp_path, database) as (books, gate):
        with_guest(books, registered=False)
        held = books.registry.passes()[0].pass_id
        gate.tells("access.taken", direction="in", pass_id=held)
        books.reconciler.run_touched()
        assert steps(books) == {"alert": "waits", "notice": "waits", "points": "waits"}
        (proposal,) = waiting(books.house, PROPOSALS)
        assert (proposal.step, proposal.kind, proposal.listing, proposal.operator) == (
            "points",
            "D01",
            CODE,
            "OP-1",
        )
        take(books, "registrations", registration_row())
        books.reconciler.run_touched()
        assert steps(books) == {"alert": "withdrawn", "notice": "withdrawn", "points": "waits"}
        with acting(books.house, "wang", "staff") as act:
            take_up(act, proposal.discrepancy, Step.POINTS)
        with pytest.raises(NotFound), acting(books.house, "wang", "staff") as act:
            take_up(act, proposal.discrepancy, Step.POINTS)
        assert waiting(books.house, Step) == []
        Reconciler(books.house).run_full()
        assert steps(books)["points"] == "taken"


@pytest.mark.story("30b", "30a")
def test_a_spot_check_is_promised_drawn_and_visited(tmp_path, database):
    with community(tmp_path, database) as (books, gate):
        with_guest(books)
        gate.tells("access.taken", direction="in", pass_id=books.registry.passes()[0].pass_id)
        books.registry.advance_time(since_ms=books.clock.now_ms() - 1)
        checks = SpotChecks(books.house)
        promised = checks.promise(actor="wang")
        assert (promised.seed, promised.visits) == ("", ())
        drawn = checks.begin(promised.name, 5, actor="wang")
        (visit,) = drawn.visits
        assert commitment(bytes.fromhex(drawn.seed)) == promised.commitment
        assert (drawn.population, drawn.population_hash) == (1, population_hash([visit.stay]))
        assert list(draw(bytes.fromhex(drawn.seed), drawn.name, [visit.stay], 5)) == [visit.stay]
        checks.visited(drawn.name, visit.stay, 4, actor="wang")
        books.reconciler.run_touched()
        assert found(books, "D05") == [("open", "S1")]
        assert json.loads(only(books, "D05").evidence) == [f"Headcount/{drawn.name}"]
        assert (checks.estimate(), checks.read(drawn.name).share) == (Share(0, 1), Share(0, 1))
        again = checks.begin(checks.promise(actor="wang").name, 5, actor="wang")
        checks.visited(again.name, visit.stay, 1, actor="li")
        books.reconciler.run_touched()
        assert found(books, "D05") == [("closed", "S1")]
        for wrong in (
            lambda: checks.begin(drawn.name, 5, actor="wang"),
            lambda: checks.begin(promised.name, 0, actor="wang"),
            lambda: checks.visited(drawn.name, visit.stay, 1, actor="wang"),
            lambda: checks.visited(drawn.name, visit.stay, 101, actor="wang"),
        ):
            with pytest.raises(Refused):
                wrong()
        for wrong in (
            lambda: checks.read("SC-none"),
            lambda: checks.visited(drawn.name, "ST-none", 1, actor="wang"),
        ):
            with pytest.raises(NotFound):
                wrong()


@pytest.mark.story("30a", "30b")
def test_a_draw_follows_from_its_seed_and_a_share_shows_how_little_was_counted():
    names = [f"ST-{n}" for n in range(100)]
    first = draw(b"seed", "SC-1", names, 10)
    assert list(first) == list(draw(b"seed", "SC-1", reversed(names), 10))
    assert list(first) != list(draw(b"seed", "SC-2", names, 10))
    assert len(set(first)) == 10
    assert draw(b"seed", "SC-1", names[:3], 10) == draw(b"seed", "SC-1", names[:3], 3)
    assert (Share(0, 0).low, Share(0, 0).high) == (0.0, 1.0)
    assert (round(Share(9, 10).low, 3), round(Share(9, 10).high, 3)) == (0.596, 0.982)
