"""A community's spreadsheet laid beside the registry: every row in exactly one bucket, bad rows kept, nothing moved.

Rows are read, judged and written some hundreds at a time, so that neither memory nor the wait of a gate's events grows
with the file.  The same bytes are the same run: handing them over again changes nothing.  Passes are never touched.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from pathlib import Path

import sqlalchemy as sa

from cloud_sync.core.columns import Kind
from cloud_sync.core.roll import (
    Bucket,
    Listed,
    Reason,
    Verdict,
    judge_household,
    judge_listing,
    judge_unit,
    rejected,
)
from cloud_sync.ports_imports import ImportSummary, RowResult, SheetSkipped
from cloud_sync.store import roll
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.import_claims import Claims, Told
from cloud_sync.store.sheets import opened_sheets
from cloud_sync.store.tables_import import import_row, import_run

ROLE = "import"
BATCH = 1_000  # rows in one transaction: the sink waits for a few tens of milliseconds
BLOCK_BYTES = 1 << 20
FILE_NAME_CHARS = 80
SEALED = "import_row"
# Taken in when the file is said to be the registry itself.
_ADOPTED = frozenset({Reason.NO_DWELLING, Reason.NOBODY_RECORDED, Reason.NEW_MEMBER, Reason.OTHER_PLACE})

Tell = Callable[[RowResult], None]


@dataclass(slots=True)
class _Tally:
    counts: Counter[Bucket] = field(default_factory=Counter)
    rows: int = 0
    changed: int = 0
    adopted: int = 0


@dataclass(slots=True)
class _Judged:
    told: Told
    verdict: Verdict
    adopted: bool = False


class RegistryImport:
    """One file of one kind; ``run`` may be called again."""

    def __init__(self, house: House, path: Path, kind: Kind, *, actor: str, adopt: bool = False) -> None:
        self._house = house
        self._path = path
        self._kind = kind
        self._actor = actor
        self._adopt = adopt

    def run(self, *, dry_run: bool, tell: Tell = lambda _row: None) -> ImportSummary:
        """Judge every row, and keep what came of it unless ``dry_run``.

        Raises:
            ConfigError: the file cannot be read.
            Refused: nobody can read it as a spreadsheet with the headings of this kind.
            StoreError: the disk failed; what was written stands, and the file may be handed over again.
        """
        tally, seen = _Tally(), _Seen()
        claims = Claims(self._house, self._kind)
        with opened_sheets(self._path) as rows:
            run = self._run_id()
            told = claims.read(rows)
            while batch := list(islice(told, BATCH)):
                self._take(run, batch, tally, seen, tell, dry_run=dry_run)
        claims.check_headings()
        skipped = tuple(SheetSkipped(name, rows) for name, rows in claims.skipped.items())
        if not dry_run:
            tally.changed += self._keep_run(run, tally)
        return ImportSummary(
            run=run,
            kind=self._kind,
            rows=tally.rows,
            counts={bucket: tally.counts[bucket] for bucket in Bucket},
            changed=tally.changed,
            adopted=tally.adopted,
            dry_run=dry_run,
            skipped=skipped,
        )

    def _run_id(self) -> str:
        """The same for the same bytes, and says nothing about them to whoever has not the key."""
        digest = blake2b(self._kind.encode(), key=self._house.k_community[:64], digest_size=10)
        with self._path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
        return f"RI-{digest.hexdigest()}"

    def _take(
        self, run: str, batch: Sequence[Told], tally: _Tally, seen: "_Seen", tell: Tell, *, dry_run: bool
    ) -> None:
        with reading(self._house.engine).begin() as db:
            judged = self._judge(self._looking(db), batch, seen)
        for one in judged:
            tally.rows += 1
            tally.counts[one.verdict.bucket] += 1
            tell(_result(one))
        if not dry_run:
            self._keep_cells(judged)
            with acting(self._house, self._actor, ROLE) as act:
                adopted = self._take_in(act, judged) if self._adopt else 0
                tally.adopted += adopted
                tally.changed += adopted + self._keep_rows(act, run, judged)

    # --- judging ------------------------------------------------------------------------------------------------

    def _judge(self, act: Act, batch: Sequence[Told], seen: "_Seen") -> list[_Judged]:
        doors = [one.door for one in batch if one.door is not None]
        held = roll.beside(act, doors, [one.document for one in batch])
        known_places = roll.places(act)
        listed = roll.listings(act) if self._kind is Kind.LISTINGS else {}
        verdicts = (self._one(one, held, known_places, listed) for one in batch)
        return [_Judged(one, seen.look(one, verdict)) for one, verdict in zip(batch, verdicts, strict=True)]

    def _one(
        self,
        told: Told,
        held: roll.Beside,
        places: frozenset[str],
        listed: Mapping[str, Sequence[Listed]],
    ) -> Verdict:
        if told.fault is not None or told.door is None:
            return rejected(told.fault or Reason.ADDRESS_SHAPE, told.detail)
        dwellings, residents = held.of(told.door, told.document)
        if self._kind is Kind.UNITS:
            return judge_unit(told.door, dwellings, places)
        if self._kind is Kind.LISTINGS:
            by_code = next(iter(listed.get(told.listing, ())), None) if told.listing else None
            return judge_listing(told.listing, told.door, by_code, listed.get(told.door.lookup, ()))
        return judge_household(told.claim(), dwellings, residents, places)

    # --- keeping ------------------------------------------------------------------------------------------------

    def _keep_cells(self, judged: Sequence[_Judged]) -> None:
        """What somebody has to look at is sealed as it came, rejected rows too: nothing is lost, and nothing is legible."""
        cells = {
            one.told.matter: {SEALED: json.dumps(one.told.cells, ensure_ascii=False)}
            for one in judged
            if one.verdict.bucket is not Bucket.EXACT
        }
        if cells:
            self._house.vault.seal_many(cells)

    def _take_in(self, act: Act, judged: Sequence[_Judged]) -> int:
        """This file is the registry: what it says and the roll does not, the roll says from now on."""
        new = [
            one
            for one in judged
            if one.verdict.bucket is Bucket.UNMATCHED
            and one.verdict.reason in _ADOPTED
            and one.told.door is not None
            and self._kind is not Kind.LISTINGS
        ]
        units = roll.put_units(act, [one.told.door for one in new if one.told.door is not None])
        people = [
            roll.newcomer(act, one.told.door.key, one.told.name, one.told.document, one.told.number)
            for one in new
            if one.told.door is not None and self._kind is Kind.HOUSEHOLDS
        ]
        roll.put_residents(act, people)
        for one in new:
            one.adopted = True
        if new:
            act.note("registry.adopt", f"{units} dwellings", None, f"{len(people)} residents")
        return len(new)

    def _keep_rows(self, act: Act, run: str, judged: Sequence[_Judged]) -> int:
        """How many rows of this run are new or other than they were."""
        table = import_row
        keys = [(one.told.sheet, one.told.line) for one in judged]
        lines = [line for _, line in keys]
        mine = (table.c.community == act.house.community, table.c.run == run)
        asked = sa.select(table).where(
            *mine,
            table.c.line >= min(lines),
            table.c.line <= max(lines),
            table.c.sheet.in_({sheet for sheet, _ in keys}),
        )
        held = {(row.sheet, row.line): row for row in act.connection.execute(asked)}
        values = [self._row(act, run, one) for one in judged]
        changed = [one for one in values if not _is_held(held.get((one["sheet"], one["line"])), one)]
        for one in changed:
            if (one["sheet"], one["line"]) in held:
                gone = sa.delete(table).where(
                    *mine, table.c.sheet == one["sheet"], table.c.line == one["line"]
                )
                act.connection.execute(gone)
        if changed:
            act.connection.execute(sa.insert(table), changed)
        return len(changed)

    def _row(self, act: Act, run: str, one: _Judged) -> dict[str, object]:
        return {
            "community": act.house.community,
            "run": run,
            "sheet": one.told.sheet,
            "line": one.told.line,
            "bucket": one.verdict.bucket.value,
            "reason": one.verdict.reason.value,
            "detail": one.verdict.detail,
            "unit": one.verdict.unit,
            "person": one.verdict.person,
            "matter": one.told.matter,
            "adopted": int(one.adopted),
        }

    def _keep_run(self, run: str, tally: _Tally) -> int:
        """The file's own row; 1 when that is new or its sums are others now."""
        sums = {bucket.value: tally.counts[bucket] for bucket in Bucket} | {"rows": tally.rows}
        with acting(self._house, self._actor, ROLE) as act:
            held = act.row(import_run, run=run)
            if held is None:
                name = self._path.name[:FILE_NAME_CHARS]
                act.insert(
                    import_run,
                    run=run,
                    kind=self._kind,
                    file=name,
                    actor=self._actor,
                    at_ms=act.now_ms,
                    **sums,
                )
                act.note("registry.import", run, None, json.dumps(sums))
                return 1
            if tally.changed == 0:
                return 0
            act.update(import_run, {"run": run}, **sums)
            act.note("registry.import", run, None, json.dumps(sums))
            return 1

    def _looking(self, connection: sa.Connection) -> Act:
        return Act(self._house, connection, self._house.clock.now_ms(), self._actor, ROLE)


def _is_held(held: sa.Row[tuple[object, ...]] | None, new: Mapping[str, object]) -> bool:
    """A row that was taken in agrees with the registry from then on; its record stays what became of it."""
    if held is None:
        return False
    kept = held._asdict()
    if kept["adopted"] and new["matter"] == kept["matter"]:
        return True
    return all(kept[name] == value for name, value in new.items())


def _result(one: _Judged) -> RowResult:
    verdict = one.verdict
    return RowResult(
        one.told.sheet, one.told.line, verdict.bucket, verdict.reason, verdict.unit, verdict.detail
    )


@dataclass(slots=True)
class _Seen:
    """What earlier rows of this file said: a household counts once.  Some hundred bytes for each row."""

    said: dict[str, tuple[str, int]] = field(default_factory=dict)  # matter -> where it first stood
    taken: dict[str, tuple[str, int, bool]] = field(
        default_factory=dict
    )  # person -> the row that is them, exactly?

    def look(self, told: Told, verdict: Verdict) -> Verdict:
        if verdict.bucket is Bucket.REJECTED:
            return verdict
        where = (told.sheet, told.line)
        first = self.said.setdefault(told.matter, where)
        if first != where:
            return rejected(Reason.REPEATED, _where(*first))
        if verdict.bucket in (Bucket.EXACT, Bucket.FUZZY) and verdict.person:
            return self._once(verdict, where)
        return verdict

    def _once(self, verdict: Verdict, where: tuple[str, int]) -> Verdict:
        exactly = verdict.bucket is Bucket.EXACT
        *earlier, was_exact = self.taken.setdefault(verdict.person, (*where, exactly))
        if tuple(earlier) == where:
            return verdict
        detail = _where(where[0], self.taken[verdict.person][1])
        if exactly and was_exact:
            return rejected(Reason.REPEATED, detail)
        return Verdict(Bucket.CONFLICT, Reason.TAKEN_BEFORE, verdict.unit, verdict.person, detail)


def _where(sheet: str, line: int) -> str:
    return f"{sheet} {line}".strip()
