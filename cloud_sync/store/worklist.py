"""The rows of imported spreadsheets that a person has to decide about, and what they decided (domain.md §§1.12, 8)."""

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.columns import Kind
from cloud_sync.core.roll import Bucket, Reason
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_imports import Decision, Matter, OpenedMatter, RunView
from cloud_sync.store import roll
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.import_claims import Claims, Told
from cloud_sync.store.registry_import import ROLE, SEALED
from cloud_sync.store.sheet_rows import SheetRow
from cloud_sync.store.tables_import import import_decision, import_row, import_run, roll_person

OPEN_BUCKETS = (Bucket.CONFLICT, Bucket.FUZZY, Bucket.UNMATCHED)
SCREEN = "import"
FILES_OF_ONE_ROW = 4  # the same row comes again in the next month's file
REASON_CHARS = 500
# Somebody is recorded whom the row may be, or may have followed.
_ABOUT_SOMEBODY = frozenset(
    {
        Reason.SOUND,
        Reason.ONE_EDIT,
        Reason.STAIR_MISSING,
        Reason.ONE_OF_SEVERAL,
        Reason.OTHER_NAME,
        Reason.DOCUMENT_OTHER_NAME,
        Reason.NAME_OTHER_DOCUMENT,
        Reason.DOCUMENT_ELSEWHERE,
        Reason.TAKEN_BEFORE,
    }
)
# Which dwelling is meant cannot be told from the row, so nobody can be put there.
_NO_DOOR = frozenset(
    {Reason.SEVERAL_DWELLINGS, Reason.ONE_OF_SEVERAL, Reason.STAIR_MISSING, Reason.OTHER_PLACE}
)


class SqlImportDesk:
    """``ImportDesk`` of ports_imports.py."""

    def __init__(self, house: House) -> None:
        self._house = house

    def runs(self, most: int) -> list[RunView]:
        table = import_run
        newest = (
            sa.select(table)
            .where(table.c.community == self._house.community)
            .order_by(table.c.at_ms.desc(), table.c.run)
            .limit(most)
        )
        with reading(self._house.engine).begin() as db:
            return [_run_view(row) for row in db.execute(newest)]

    def waiting(self) -> Mapping[Bucket, int]:
        table = import_row
        count = sa.func.count(sa.distinct(table.c.matter))
        asked = sa.select(table.c.bucket, count).where(*self._undecided()).group_by(table.c.bucket)
        with reading(self._house.engine).begin() as db:
            found = {str(bucket): int(n) for bucket, n in db.execute(asked)}
        return {bucket: found.get(bucket.value, 0) for bucket in OPEN_BUCKETS}

    def open_matters(self, bucket: Bucket | None, most: int) -> list[Matter]:
        """One for each matter: a row that came in three files is looked at once."""
        table = import_row
        wanted = [bucket.value] if bucket not in (None, Bucket.EXACT) else [one.value for one in OPEN_BUCKETS]
        asked = (
            _joined()
            .where(*self._undecided(), table.c.bucket.in_(wanted))
            .order_by(import_run.c.at_ms, table.c.run, table.c.sheet, table.c.line)
            .limit(most * FILES_OF_ONE_ROW)
        )
        found: dict[str, Matter] = {}
        with reading(self._house.engine).begin() as db:
            for row in db.execute(asked):
                found.setdefault(row.matter, _matter(row, None))
        return list(found.values())[:most]

    def matter(self, matter: str) -> Matter:
        with reading(self._house.engine).begin() as db:
            act = self._act(db, "", "")
            return _matter(_row_of(act, matter), act.row(import_decision, matter=matter))

    def open_matter(self, matter: str, *, actor: str, purpose: str) -> OpenedMatter:
        """The vault writes down who looked, before it opens."""
        with reading(self._house.engine).begin() as db:
            act = self._act(db, actor, ROLE)
            row = _row_of(act, matter)
            held = _matter(row, act.row(import_decision, matter=matter))
        look = {"actor": actor, "purpose": purpose, "screen": SCREEN}
        cells = json.loads(self._house.vault.open_field(matter, SEALED, **look))
        recorded = ""
        if row.person and held.kind == Kind.HOUSEHOLDS and self._house.vault.holds(str(row.person), "name"):
            recorded = self._house.vault.open_field(str(row.person), "name", **look)
        return OpenedMatter(held, cells, recorded)

    def decide(self, matter: str, decision: str, *, actor: str, reason: str) -> None:
        if not actor.strip() or not reason.strip():
            raise Refused("import.decide", "a decision is made by a named person and says why.")
        with reading(self._house.engine).begin() as db:
            held = _may_decide(self._act(db, actor, ROLE), matter, decision)
        # The vault writes down who looks in a transaction of its own, so it is opened before this one begins.
        told = self._told_again(held, actor, reason) if decision in ("add", "replace") else None
        with acting(self._house, actor, ROLE) as act:
            held = _may_decide(act, matter, decision)
            if told is not None:
                self._record(act, held, told, _row_of(act, matter), instead=decision == "replace")
            act.insert(
                import_decision,
                matter=matter,
                decision=decision,
                actor=actor,
                reason=reason.strip()[:REASON_CHARS],
                at_ms=act.now_ms,
            )
            act.note("registry.decide", matter, held.bucket.value, decision, reason.strip()[:REASON_CHARS])

    # --- within -------------------------------------------------------------------------------------------------

    def _record(self, act: Act, held: Matter, told: Told, row: Any, *, instead: bool) -> None:
        """What the row says goes on the roll; access is another book's."""
        assert told.door is not None
        unit = str(row.unit) if row.unit and held.reason is not Reason.DOCUMENT_ELSEWHERE else told.door.key
        if unit == told.door.key:
            roll.put_units(act, [told.door])
        if instead and row.person:
            person = act.row(roll_person, person=str(row.person))
            if person is None or person.until_ms is not None:
                raise Refused(
                    "import.decide",
                    "who was recorded there has left the roll meanwhile; import the file again.",
                )
            roll.end_resident(act, str(row.person))
        if held.kind == Kind.HOUSEHOLDS:
            roll.put_residents(act, [roll.newcomer(act, unit, told.name, told.document, told.number)])

    def _told_again(self, held: Matter, actor: str, reason: str) -> Told:
        """The sealed row, read as it was read when it came."""
        look = {"actor": actor, "purpose": reason, "screen": SCREEN}
        cells = json.loads(self._house.vault.open_field(held.id, SEALED, **look))
        rows = [SheetRow("", 1, tuple(cells)), SheetRow("", 2, tuple(cells.values()))]
        (told,) = Claims(self._house, Kind(held.kind)).read(rows)
        return told

    def _undecided(self) -> tuple[sa.ColumnElement[bool], ...]:
        table, done = import_row, import_decision
        decided = sa.select(done.c.matter).where(
            done.c.community == table.c.community, done.c.matter == table.c.matter
        )
        return (
            table.c.community == self._house.community,
            table.c.bucket != Bucket.EXACT.value,
            table.c.reason != Reason.REPEATED.value,
            table.c.adopted == 0,
            ~decided.exists(),
        )

    def _act(self, connection: sa.Connection, actor: str, role: str) -> Act:
        return Act(self._house, connection, self._house.clock.now_ms(), actor, role)


def _joined() -> sa.Select[Any]:
    same = (import_run.c.community == import_row.c.community) & (import_run.c.run == import_row.c.run)
    return sa.select(import_row, import_run.c.kind, import_run.c.file, import_run.c.at_ms).join(
        import_run, same
    )


def _may_decide(act: Act, matter: str, decision: str) -> Matter:
    """
    Raises:
        Refused: somebody has decided, or this cannot be decided here.
        NotFound: there is no such row.
    """
    held = _matter(_row_of(act, matter), act.row(import_decision, matter=matter))
    if held.decided:
        raise Refused("import.decided", f"{held.by} has decided already: {held.decided}.")
    if decision not in held.may:
        may = ", ".join(held.may) or "nothing"
        raise Refused("import.decide", f"{decision!r} cannot be decided here; {may} can.")
    return held


def _row_of(act: Act, matter: str) -> Any:
    """The newest row that says this.

    Raises:
        NotFound: none does, or it agrees with the registry.
    """
    table = import_row
    asked = _joined().where(
        table.c.community == act.house.community,
        table.c.matter == matter,
        table.c.bucket != Bucket.EXACT.value,
        table.c.reason != Reason.REPEATED.value,
    )
    row = act.connection.execute(
        asked.order_by(import_run.c.at_ms.desc(), table.c.line).limit(1)
    ).one_or_none()
    if row is None:
        raise NotFound(f"no imported row {matter[:40]} waits for anybody.")
    return row


def _run_view(row: Any) -> RunView:
    values = (row.exact, row.fuzzy, row.conflict, row.unmatched, row.rejected)
    counts = dict(zip(Bucket, values, strict=True))
    return RunView(row.run, row.kind, row.file, row.rows, counts, row.actor, row.at_ms)


def _matter(row: Any, decision: Any) -> Matter:
    bucket, reason = Bucket(row.bucket), Reason(row.reason)
    return Matter(
        id=row.matter,
        run=row.run,
        sheet=row.sheet,
        line=row.line,
        bucket=bucket,
        reason=reason,
        unit=row.unit,
        kind=row.kind,
        file=row.file,
        decided=decision.decision if decision else "",
        by=decision.actor if decision else "",
        why=decision.reason if decision else "",
        at_ms=decision.at_ms if decision else 0,
        may=() if decision or bucket is Bucket.REJECTED else _may(Kind(row.kind), reason),
    )


def _may(kind: Kind, reason: Reason) -> tuple[Decision, ...]:
    """A listing is coded and moved by its own life-cycle; here a person only says what the row is."""
    if kind is Kind.LISTINGS:
        return ("keep",) if reason is Reason.NO_LISTING else ("same", "keep")
    if kind is Kind.UNITS:
        return ("keep", "add") if reason is Reason.NO_DWELLING else ("same", "keep")
    found: tuple[Decision, ...] = ("same", "keep") if reason in _ABOUT_SOMEBODY else ("keep",)
    if reason in _NO_DOOR:
        return found
    return (*found, "add", "replace") if reason in _ABOUT_SOMEBODY else (*found, "add")
