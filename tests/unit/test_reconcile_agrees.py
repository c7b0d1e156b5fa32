"""Incremental reconciliation agrees with the full sweep on whatever happened, in whatever order (invariants 23-25)."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from cloud_sync.compose import Books
from cloud_sync.core.evidence import Complaint, Headcount, IdentityCheck, MinorConcern, WrongFact
from cloud_sync.core.policy import HOUR_MS
from cloud_sync.errors import NotFound
from cloud_sync.store import tables
from cloud_sync.store.evidence_store import end, tell
from cloud_sync.store.house import acting
from cloud_sync.store.reconcile_store import Reconciler
from tests.fakes.community_house import (
    GATE,
    NOON_MS,
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

STAYS_FOR_EVER = {"community", "node", "access_point", "sink_meta", "user", "audit"}
TOLD = {
    "crowd": Headcount(9, 60, at_night=True, source="sensor"),
    "check": IdentityCheck("PN-x", "chip"),
    "fact": WrongFact("room", "operator"),
    "minor": MinorConcern("night_visitor"),
    "plate": Complaint("no plate"),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    """One house for every history: making one costs more than what happens in it."""
    folder: Path = tmp_path_factory.mktemp("agrees")
    books = new_house(folder, SteppedClock())
    yield books
    books.close()


class History:
    """An empty community, two bookings, and a gate that tells."""

    def __init__(self, books: Books) -> None:
        with books.engine.begin() as db:
            for table in tables.metadata.sorted_tables:
                if table.name not in STAYS_FOR_EVER:
                    db.execute(sa.delete(table))
        books.clock.at_ms = NOON_MS  # type: ignore[attr-defined]
        self.books = replace(books, reconciler=Reconciler(books.house))
        self.gate = Gate(self.books)
        with_guest(self.books, registered=False)
        take(self.books, "bookings", booking_row("1002"))

    def close(self) -> None:
        self.gate.close()

    def stay(self, ref: str) -> str:
        with self.books.engine.connect() as db:
            joined = tables.stay.join(tables.booking, tables.stay.c.booking == tables.booking.c.booking)
            query = sa.select(tables.stay.c.stay).select_from(joined)
            query = query.where(tables.booking.c.external_ref == ref)
            return str(db.execute(query).scalar_one())

    def passes(self) -> list[str]:
        return sorted(line.pass_id for line in self.books.registry.passes())

    def record(self) -> list[tuple[str, str, str, str]]:
        table = tables.discrepancy
        with self.books.engine.connect() as db:
            rows = db.execute(sa.select(table).order_by(table.c.kind, table.c.subject, table.c.window_ms))
            return [(row.kind, row.subject, row.state, row.severity) for row in rows]

    def happen(self, what: str, which: object, how: object) -> None:
        getattr(self, what)(which, how)

    def taken(self, which: int, how: str) -> None:
        held = self.passes()
        self.gate.tells("access.taken", direction=how, pass_id=held[which % len(held)])

    def company(self, which: int, extra: int) -> None:
        held, grant = self.passes(), f"g{self.gate.ledger.head}"
        self.gate.tells("access.taken", direction="in", pass_id=held[which % len(held)], grant_id=grant)
        self.gate.tells(
            "access.tailgate", direction="in", grant_id=grant, x={"people": 1 + extra, "grants": 1}
        )

    def refused(self, which: int, _how: object) -> None:
        held = self.passes()
        words = {"decision": "deny", "reason": "Unauthorized", "access_point": "AP-elsewhere"}
        self.gate.tells("access.denied", pass_id=held[which % len(held)], **words)

    def register(self, ref: str, proofing: int) -> None:
        number = resident_id("00000119900131000" if ref == "1001" else "00000219900131000")
        take(self.books, "registrations", registration_row(ref, document_number=number, proofing=proofing))

    def book(self, ref: str, revision: int) -> None:
        take(self.books, "bookings", booking_row(ref, hours=(-1, revision * 3), external_revision=revision))

    def cancel(self, ref: str, revision: int) -> None:
        take(self.books, "bookings", booking_row(ref, external_revision=revision, state="cancelled"))

    def listing(self, state: str, most: int) -> None:
        take(self.books, "listings", listing_row(state=state, max_guests=most))

    def tell(self, word: str, which: str) -> None:
        subject = "1-301" if word == "plate" else self.stay(which)
        with acting(self.books.house, "wang", "staff") as act:
            tell(act, subject, "k", TOLD[word])

    def untell(self, word: str, which: str) -> None:
        subject = "1-301" if word == "plate" else self.stay(which)
        try:
            with acting(self.books.house, "wang", "staff") as act:
                end(act, subject, type(TOLD[word]).__name__, "k")
        except NotFound:
            pass  # nobody had told it

    def door(self, kind: str, _how: object) -> None:
        self.gate.tells(kind, access_point=GATE)

    def hello(self, clock: str, bound_ms: int) -> None:
        self.gate.says_hello(clock_state=clock, clock_bound_ms=bound_ms)

    def gap(self, _which: object, _how: object) -> None:
        self.gate.ledger.record(self.gate.ledger.rows[0][0] if self.gate.ledger.rows else b"{}")

    def step(self, _which: object, hours: int) -> None:
        """What time alone changes is the time-driven run's business."""
        self.books.clock.step(hours=hours)  # type: ignore[attr-defined]
        self.books.registry.advance_time(since_ms=self.books.clock.now_ms() - hours * HOUR_MS)
        self.books.reconciler.run_due()

    def run(self, _which: object, _how: object) -> None:
        self.books.reconciler.run_touched()


REFS = st.sampled_from(["1001", "1002"])
WORDS = st.sampled_from(sorted(TOLD))
HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.just("taken"), st.sampled_from([0, 1]), st.sampled_from(["in", "out"])),
        st.tuples(st.just("company"), st.sampled_from([0, 1]), st.integers(1, 3)),
        st.tuples(st.just("refused"), st.sampled_from([0, 1]), st.just(0)),
        st.tuples(st.just("register"), REFS, st.integers(0, 4)),
        st.tuples(st.just("book"), REFS, st.integers(2, 9)),
        st.tuples(st.just("cancel"), REFS, st.integers(2, 9)),
        st.tuples(st.just("listing"), st.sampled_from(["ACTIVE", "SUSPENDED"]), st.sampled_from([1, 2])),
        st.tuples(st.just("tell"), WORDS, REFS),
        st.tuples(st.just("untell"), WORDS, REFS),
        st.tuples(
            st.just("door"), st.sampled_from(["door.forced", "door.held", "access.not_taken"]), st.just(0)
        ),
        st.tuples(st.just("hello"), st.sampled_from(["TRUSTED", "UNTRUSTED"]), st.integers(0, 5000)),
        st.tuples(st.just("gap"), st.just(""), st.just(0)),
        st.tuples(st.just("step"), st.just(""), st.sampled_from([1, 6, 14])),
        st.tuples(st.just("run"), st.just(""), st.just(0)),
    ),
    max_size=10,
)
SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]  # a history of ten happenings is short enough to read


@settings(max_examples=20, deadline=None, phases=PHASES, suppress_health_check=SLOW)
@given(HAPPENINGS)
@example([("hello", "TRUSTED", 0)])
@example([("hello", "UNTRUSTED", 0), ("register", "1002", 4)])
@example([("cancel", "1001", 2), ("hello", "TRUSTED", 0), ("taken", 1, "in")])
@example([("company", 0, 2), ("company", 0, 2), ("run", "", 0), ("register", "1002", 4)])
@example([("register", "1002", 4), ("listing", "ACTIVE", 1), ("run", "", 0), ("book", "1001", 9)])
@example([("tell", "plate", "1001"), ("listing", "SUSPENDED", 2), ("taken", 0, "in"), ("step", "", 14)])
@pytest.mark.invariant(24)
def test_after_the_incremental_run_a_full_sweep_finds_nothing_to_change(home, happenings):
    history = History(home)
    history.register("1001", 4)
    history.step("", 12)  # one stay is late, and its door has told nothing yet
    history.run("", 0)
    for happening in happenings:
        history.happen(*happening)
    history.run("", 0)
    before = history.record()
    assert Reconciler(home.house).run_full() == 0
    assert history.record() == before
    assert len({row[:2] for row in before if row[2] != "closed"}) <= len(before)
    history.close()


def told_in(home: Books, order: list[int], *, between: bool) -> list[tuple[str, str]]:
    """What is open once a gate that was cut off has told its day, in this order of its batches."""
    history = History(home)
    history.register("1001", 4)
    held, gate = history.passes(), history.gate
    for at, way in enumerate(("in", "out", "in", "in", "in", "out", "in", "in")):
        history.books.clock.step(hours=3)  # type: ignore[attr-defined]
        now = {"direction": way, "pass_id": held[at % len(held)], "grant_id": f"g{at}"}
        gate.write("access.taken", **now)
        if at % 2:
            gate.write("access.tailgate", grant_id=f"g{at}", x={"people": 3, "grants": 1})
    head = gate.ledger.head
    cuts = [1 + head * part // 4 for part in range(5)]
    for part in order:
        gate.hears(gate.ledger.batch(list(range(cuts[part], cuts[part + 1]))))
        if between:
            history.run("", 0)
    gate.says_hello()
    history.books.clock.step(hours=1)  # type: ignore[attr-defined]
    history.books.reconciler.run_due()
    history.run("", 0)
    found = [(kind, severity) for kind, _, state, severity in history.record() if state == "open"]
    history.close()
    return found


@settings(max_examples=6, deadline=None, phases=PHASES, suppress_health_check=SLOW)
@given(st.permutations(range(4)))
@pytest.mark.invariant(24, 25)
def test_events_that_come_late_and_out_of_order_leave_the_same_open(home, order):
    assert told_in(home, list(order), between=True) == told_in(home, [0, 1, 2, 3], between=False)


def test_a_company_counted_later_reaches_the_pass_it_came_with(home):
    history = History(home)
    history.register("1001", 4)
    history.run("", 0)
    for _ in range(2):
        history.company(0, 3)
    history.run("", 0)
    found = {row[0]: row[2:] for row in history.record()}
    assert found["D05"] == ("open", "S1")  # four people where two may sleep
    with history.books.engine.connect() as db:
        held = db.execute(sa.select(tables.discrepancy).filter_by(kind="D05")).one()
    assert len(json.loads(held.evidence)) == 2
    history.close()
