"""What has run out is ended, and what is left is proved: the work of a night (domain.md §15, invariant 12).

Each transaction is small, so that the sink never waits long.  Doing it twice changes nothing the second time.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.policy import DAY_MS
from cloud_sync.core.reconcile import Key, Verdict, Word
from cloud_sync.core.retention import BY_NAME, CLOCKS, HOLD_MOST_MS, SLACK_MS, Clock, Hold, Proof, keep_ms
from cloud_sync.errors import NotFound, Refused
from cloud_sync.store import emergencies, tables
from cloud_sync.store.chains import CHAINS, cut, sign_heads
from cloud_sync.store.engine import driver, reading
from cloud_sync.store.forgetting import key_of, orphans_of
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.reasons import checked_reason
from cloud_sync.store.reconcile_store import judge_now
from cloud_sync.store.shelves import Shelf, shelves
from cloud_sync.store.tables_privacy import legal_hold, retention_proof

ROWS_PER_ACT = 500
ROWS_PER_LOOK = 20_000
LOOKS_PER_SHELF = 100  # two million rows a night; what is left is overdue, and is said so
ACTOR, ROLE = "retention", "system"
KIND, SUBJECT = "D26", "retention/"


@dataclass(frozen=True, slots=True)
class _Holds:
    clocks: frozenset[str]
    stays: frozenset[str]

    def any(self) -> bool:
        return bool(self.clocks or self.stays)


@dataclass(frozen=True, slots=True)
class Aside:
    """Records that stand in a file of their own: ``end`` what began before a moment, and when the ``oldest`` began."""

    clock: str
    end: Callable[[int], int]
    oldest: Callable[[], int | None]


def run_retention(house: House, asides: Sequence[Aside] = ()) -> tuple[Proof, ...]:
    """End what is due, then prove; the lines of the proof as they were chained into the audit log."""
    removed = dict.fromkeys(BY_NAME, 0)
    for shelf in shelves():
        removed[shelf.clock] += _empty(house, shelf)
    removed |= _cut_chains(house)
    removed["vault.orphan"] = _sweep_vault(house) + _sweep_answers(house)
    for aside in asides:
        due_ms = house.clock.now_ms() - keep_ms(BY_NAME[aside.clock], house.profile)
        removed[aside.clock] = aside.end(due_ms)
    proof = prove_retention(house, removed, asides)
    with acting(house, ACTOR, ROLE) as act:
        for line in proof:
            _keep(act, line)
        judge_now(act, [_verdict(line) for line in proof])
    with acting(house, ACTOR, ROLE) as act:
        sign_heads(act)
    _settle(house)
    return proof


def newest_proof(house: House) -> tuple[Proof, ...]:
    """The lines of the last night, in the order of the clocks; none where there was no night yet."""
    return proof_lines(house.engine, house.community)


def proof_lines(engine: sa.Engine, community: str) -> tuple[Proof, ...]:
    """As ``newest_proof``, for whoever has no keys."""
    table = retention_proof
    with reading(engine).connect() as db:
        held = db.execute(sa.select(table).where(table.c.community == community)).all()
    lines = {
        row.clock: Proof(
            row.clock, row.keep_ms, row.oldest_ms, row.overdue, row.held, row.removed, row.ran_ms
        )
        for row in held
    }
    return tuple(lines[clock.name] for clock in CLOCKS if clock.name in lines)


# --- ending ----------------------------------------------------------------------------------------------------


def _empty(house: House, shelf: Shelf) -> int:
    """How many rows ended; bounded.  One look finds many, for what has ended still stands in the way of the next look."""
    removed = 0
    if shelf.end is None:
        return 0
    for _ in range(LOOKS_PER_SHELF):
        with reading(house.engine).connect() as db:
            found = _due_keys(db, house, shelf, ROWS_PER_LOOK)
        for start in range(0, len(found), ROWS_PER_ACT):
            removed += _end(house, shelf, found[start : start + ROWS_PER_ACT])
        if len(found) < ROWS_PER_LOOK:
            break
    return removed


def _end(house: House, shelf: Shelf, found: list[Any]) -> int:
    """Those of them that are due and free still, now that nobody else writes."""
    assert shelf.end is not None
    with acting(house, ACTOR, ROLE) as act:
        keys = _due_keys(act.connection, house, shelf, ROWS_PER_ACT, among=found)
        if keys:
            shelf.end(act, keys)
        return len(keys)


def _due_keys(
    db: sa.Connection, house: House, shelf: Shelf, most: int, *, among: list[Any] | None = None
) -> list[Any]:
    cutoff = house.clock.now_ms() - keep_ms(BY_NAME[shelf.clock], house.profile)
    holds = _holds(db, house)
    if shelf.clock in holds.clocks:
        return []
    columns = key_of(shelf.table)
    found = sa.select(*columns).where(*_due(house, shelf, cutoff), *_free(shelf, holds))
    if among is not None:
        found = found.where(sa.tuple_(*columns).in_([tuple(key) for key in among]))
    return list(db.execute(found.limit(most)).all())


def _due(house: House, shelf: Shelf, cutoff: int) -> Iterator[sa.ColumnElement[bool]]:
    yield shelf.table.c.community == house.community
    if shelf.early is not None:
        yield shelf.early(cutoff)
    yield shelf.begins <= cutoff
    yield from shelf.where


def _free(shelf: Shelf, holds: _Holds) -> Iterator[sa.ColumnElement[bool]]:
    if holds.stays and shelf.stay is not None:
        yield sa.func.coalesce(shelf.stay, "").not_in(sorted(holds.stays))


def _cut_chains(house: House) -> dict[str, int]:
    """A chain is cut from its beginning, so any hold at all keeps it whole: what it tells may be about that."""
    removed = {}
    for chain in CHAINS:
        with acting(house, ACTOR, ROLE) as act:
            due_ms = act.now_ms - keep_ms(BY_NAME[chain.name], house.profile)
            free = not _holds(act.connection, house).any()
            removed[chain.name] = cut(act, chain, due_ms) if free else 0
    return removed


def _sweep_vault(house: House) -> int:
    """What a crash between two commits left sealed for nobody; the vault is asked first, so that nobody new is in it."""
    sealed = house.vault.persons()
    with reading(house.engine).connect() as db:
        orphans = orphans_of(Act(house, db, house.clock.now_ms(), ACTOR, ROLE), sealed)
    if not orphans:
        return 0
    with acting(house, ACTOR, ROLE) as act:
        still = orphans_of(act, orphans)
        fields = sum(house.vault.forget(one) for one in still)
        act.note("retention.vault", "vault", None, f"{fields} fields of {len(still)}")
    return len(still)


def _sweep_answers(house: House) -> int:
    """With the write lock, so that nobody is between sealing an answer and its row."""
    with acting(house, ACTOR, ROLE) as act:
        return emergencies.sweep(act)


def _settle(house: House) -> None:
    """Pages that were overwritten still stand in SQLite's log; it is emptied into the file."""
    if house.engine.dialect.name == "sqlite":
        db = driver(house.engine)
        try:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            db.close()


# --- proving ---------------------------------------------------------------------------------------------------


def prove_retention(
    house: House, removed: dict[str, int] | None = None, asides: Sequence[Aside] = ()
) -> tuple[Proof, ...]:
    """One line for every clock, as things stand now; changes nothing."""
    gone = removed or {}
    now_ms = house.clock.now_ms()
    with reading(house.engine).connect() as db:
        holds = _holds(db, house)
        lines = {clock.name: _line(db, house, clock, holds, gone.get(clock.name, 0), now_ms) for clock in CLOCKS}  # fmt: skip
    for aside in asides:
        line, oldest_ms = lines[aside.clock], aside.oldest()
        late = oldest_ms is not None and oldest_ms < now_ms - line.keep_ms - SLACK_MS
        lines[aside.clock] = replace(line, oldest_ms=oldest_ms, overdue=int(late))
    return tuple(lines.values())


def _line(db: sa.Connection, house: House, clock: Clock, holds: _Holds, removed: int, now_ms: int) -> Proof:
    keep = keep_ms(clock, house.profile)
    mine = [shelf for shelf in shelves() if shelf.clock == clock.name]
    oldest: list[int] = []
    overdue = held = 0
    for shelf in mine:
        begun = sa.select(sa.func.min(shelf.begins)).where(
            shelf.table.c.community == house.community, *shelf.where
        )
        first = db.execute(begun).scalar()
        oldest += [int(first)] if first is not None else []
        late = tuple(_due(house, shelf, now_ms - keep - SLACK_MS - 1))
        every = _count(db, shelf, late)
        free = 0 if clock.name in holds.clocks else _count(db, shelf, (*late, *_free(shelf, holds)))
        overdue, held = overdue + free, held + every - free
    for chain in (chain for chain in CHAINS if chain.name == clock.name):
        first = db.execute(
            sa.select(sa.func.min(chain.c.at_ms)).where(chain.c.community == house.community)
        ).scalar()
        oldest += [int(first)] if first is not None else []
        late_rows = chain.c.community == house.community, chain.c.at_ms < now_ms - keep - SLACK_MS
        every = db.execute(sa.select(sa.func.count()).select_from(chain).where(*late_rows)).scalar_one()
        overdue, held = (overdue, held + every) if holds.any() else (overdue + every, held)
    return Proof(clock.name, keep, min(oldest, default=None), overdue, held, removed, now_ms)


def _count(db: sa.Connection, shelf: Shelf, where: Collection[sa.ColumnElement[bool]]) -> int:
    found = sa.select(sa.func.count()).select_from(shelf.table).where(*where)
    return int(db.execute(found).scalar_one())


def _keep(act: Act, line: Proof) -> None:
    values = {
        "keep_ms": line.keep_ms,
        "oldest_ms": line.oldest_ms,
        "overdue": line.overdue,
        "held": line.held,
        "removed": line.removed,
        "ran_ms": line.ran_ms,
    }
    if act.row(retention_proof, clock=line.clock) is None:
        act.insert(retention_proof, clock=line.clock, **values)
    else:
        act.update(retention_proof, {"clock": line.clock}, **values)
    act.note("retention.proof", line.clock, None, proof_text(line))


def proof_text(line: Proof) -> str:
    """As it stands in the audit log: numbers and days, nobody's data."""
    oldest = day_of(line.oldest_ms)
    return f"oldest {oldest}, overdue {line.overdue}, held {line.held}, removed {line.removed}"


def day_of(moment_ms: int | None) -> str:
    return "-" if moment_ms is None else f"{datetime.fromtimestamp(moment_ms / 1000, UTC):%Y-%m-%d}"


def _verdict(line: Proof) -> Verdict:
    key = Key(KIND, f"{SUBJECT}{line.clock}", 0)
    if line.is_kept:
        return Verdict(key, Word.CLEAR, note="nothing is older than its clock and a day")
    return Verdict(key, Word.RAISE, "S1", (f"{line.clock}: {line.overdue} since {day_of(line.oldest_ms)}",))


# --- legal holds -------------------------------------------------------------------------------------------------


def _holds(db: sa.Connection, house: House) -> _Holds:
    rows = _active(db, house)
    return _Holds(
        frozenset(row.ref for row in rows if row.kind == "clock"),
        frozenset(row.ref for row in rows if row.kind == "stay"),
    )


def _active(db: sa.Connection, house: House) -> list[Any]:
    table = legal_hold
    mine = (table.c.community == house.community, table.c.lifted_ms.is_(None))
    found = sa.select(table).where(*mine, table.c.until_ms > house.clock.now_ms())
    return list(db.execute(found.order_by(table.c.hold)).all())


def active_holds(house: House) -> tuple[Hold, ...]:
    with reading(house.engine).connect() as db:
        return tuple(
            Hold(row.hold, row.kind, row.ref, row.author, row.reason, row.made_ms, row.until_ms)
            for row in _active(db, house)
        )


def hold(act: Act, *, clock: str = "", booking: tuple[str, str] | None = None, reason: str, days: int) -> str:
    """Keep a class of records, or everything of one booking's stay, beyond its clock; the hold's id.

    Raises:
        Refused: no reason, no end within a year, or nothing that can be held.
        NotFound: no such booking.
    """
    said = checked_reason(reason)
    if not 0 < days * DAY_MS <= HOLD_MOST_MS:
        raise Refused("hold.end", f"a hold ends within {HOLD_MOST_MS // DAY_MS} days; make it anew then.")
    if (clock in BY_NAME) == (booking is not None):
        raise Refused("hold.scope", f"name one booking, or one class of: {', '.join(BY_NAME)}.")
    kind, ref = ("clock", clock) if booking is None else ("stay", _stay_of(act, *booking))
    made = act.new_id("LH")
    act.insert(
        legal_hold,
        hold=made,
        kind=kind,
        ref=ref,
        author=act.actor,
        reason=said,
        made_ms=act.now_ms,
        until_ms=act.now_ms + days * DAY_MS,
    )
    act.note("hold.make", made, None, f"{kind} {ref}", said)
    return made


def lift(act: Act, held: str, reason: str) -> None:
    """End a hold before its day.

    Raises:
        NotFound: there is no such hold that still holds.
    """
    row = act.row(legal_hold, hold=held)
    if row is None or row.lifted_ms is not None:
        raise NotFound(f"there is no hold {held} to lift.")
    act.update(legal_hold, {"hold": held}, lifted_ms=act.now_ms, lifted_by=act.actor)
    act.note("hold.lift", held, None, None, checked_reason(reason))


def _stay_of(act: Act, source: str, external_ref: str) -> str:
    booking = act.row(tables.booking, source=source, external_ref=external_ref)
    if booking is None:
        raise NotFound(f"there is no booking {source} {external_ref}.")
    (stay,) = act.rows(tables.stay, booking=str(booking.booking))
    return str(stay.stay)
