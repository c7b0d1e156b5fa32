"""Every imported row as it came, with its answer, for looking at afterwards: sqlite-utils in a file of its own.

What is personal is staged as a keyed hash only; two rows with the same number can be seen to agree, and that is all.
"""

import hmac
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cloud_sync.core.codes import ulid, ulid_ms
from cloud_sync.errors import StoreError
from cloud_sync.ports import RowAnswer
from cloud_sync.store.lean import Database

RUNS_KEPT = 10  # of each kind; older ones have been looked at or never will be
HASH_CHARS = 16


@dataclass(frozen=True, slots=True)
class Staged:
    """One row of a file before it is judged."""

    line: int
    cells: Mapping[str, str]


# In a file about persons a cell that is no reference may be a name in the wrong column.
_REFERENCE = re.compile(r"[A-Za-z0-9._:/-]{1,64}")


def _is_private(name: str, value: str, personal: Collection[str]) -> bool:
    return bool(value and personal and (name in personal or not _REFERENCE.fullmatch(value)))


class Staging:
    """The staging file; opened for each run and closed after it."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._key = key

    def stage(self, kind: str, run: str, rows: Sequence[Staged], personal: Collection[str]) -> None:
        """Keep the rows of one run, all as waiting; runs beyond the newest ten are dropped."""
        records = [
            {"run": run, "line": row.line, "status": "waiting", "reason": "", **self._masked(row, personal)}
            for row in rows
        ]
        with self._open() as db:
            if records:
                db.table(kind).insert_all(records, pk=("run", "line"), alter=True)
                self._forget_old(db, kind)

    def answer(self, kind: str, run: str, answers: Sequence[RowAnswer]) -> None:
        """Write down what became of each row of a run."""
        updates = [
            {"run": run, "line": one.line, "status": one.status, "reason": one.reason} for one in answers
        ]
        with self._open() as db:
            if updates:
                db.table(kind).upsert_all(updates, pk=("run", "line"), alter=True)

    def forget_before(self, before_ms: int) -> int:
        """Drop the runs that began before then; how many there were."""
        first = ulid(before_ms, bytes(10))
        gone = 0
        with self._open() as db:
            for kind in db.table_names():
                old = f"SELECT COUNT(DISTINCT run) FROM [{kind}] WHERE run < ?"
                gone += int(db.execute(old, [first]).fetchone()[0])
                db.table(kind).delete_where("run < ?", [first])
        return gone

    def oldest_ms(self) -> int | None:
        """When the oldest run that is kept began."""
        with self._open() as db:
            runs = [db.execute(f"SELECT MIN(run) FROM [{kind}]").fetchone()[0] for kind in db.table_names()]
        return min((ulid_ms(str(run)) for run in runs if run), default=None)

    def _masked(self, row: Staged, personal: Collection[str]) -> dict[str, str]:
        return {
            name: self._hashed(value) if _is_private(name, value, personal) else value
            for name, value in row.cells.items()
        }

    def _hashed(self, value: str) -> str:
        return "hmac:" + hmac.new(self._key, value.encode(), sha256).hexdigest()[:HASH_CHARS]

    def _forget_old(self, db: Database, kind: str) -> None:
        newest = f"SELECT DISTINCT run FROM [{kind}] ORDER BY run DESC LIMIT {RUNS_KEPT}"
        db.table(kind).delete_where(f"run NOT IN ({newest})")

    def _open(self) -> Database:
        try:
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            db = Database(self._path)
            db.execute("PRAGMA secure_delete = ON").fetchall()
        except OSError as error:
            raise StoreError(
                f"{self._path}: cannot be opened ({error.strerror}); check the folder."
            ) from error
        return db
