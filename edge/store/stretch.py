"""What a ledger can still tell of a range: its rows, and a hole for everything else, without a seq left over."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.errors import StoreError
from edge.ports import Hole, LedgerRow, Stretch

RETENTION = "retention"  # the event's own clock has run out, or the ledger was full of newer ones
DISK_FULL = "disk full"  # never acknowledged, and given up for newer ones on a disk without any room
DAMAGED = "damaged page"
# The numbers, hashes and punctuation around each body; the words and the signature of a tombstone.
_AROUND_ROW, _AROUND_HOLE = 40, 280

_Row = tuple[int, bytes | None, bytes]


@dataclass(frozen=True, slots=True)
class Telling:
    """One epoch's rows in one open database; the caller holds its lock."""

    db: sqlite3.Connection
    path: Path
    epoch: str
    head: int
    past: bool = False  # of a ledger that ended

    def stretch(self, seqs: range, *, bytes_max: int) -> Stretch:
        """From the first seq on in order, as much as fits in ``bytes_max``, one row or hole at least.

        Raises:
            StoreError: the database could not be read.
        """
        try:
            return self._stretch(seqs[0], seqs[-1], bytes_max)
        except sqlite3.Error as error:
            raise StoreError(
                f"{self.path}: events {seqs[0]} to {seqs[-1]} cannot be read ({error}). Restart the node: "
                "what can be read is then copied into a new ledger."
            ) from error

    def _stretch(self, seq: int, last: int, bytes_max: int) -> Stretch:
        found = {row[0]: row for row in self._between(seq, last)}
        rows: list[LedgerRow] = []
        holes: list[Hole] = []
        size = 0
        while seq <= last:
            said = _with_body(found.get(seq)) or self._hole(seq)
            kept = self._kept(said) if isinstance(said, Hole) else [said]
            size += sum(len(row.body) + _AROUND_ROW for row in kept)
            size += _AROUND_HOLE if isinstance(said, Hole) else 0
            if size > bytes_max and (rows or holes):
                break
            rows += kept
            if isinstance(said, Hole):
                holes.append(said)
                seq = said.hi
            seq += 1
        return Stretch(rows, holes, seq - 1)

    def _kept(self, hole: Hole) -> list[LedgerRow]:
        found = self._between(hole.hi - hole.kept + 1, hole.hi) if hole.kept else []
        return [row for one in found if (row := _with_body(one)) is not None]

    def _hole(self, seq: int) -> Hole:
        """The hole that begins at ``seq``: it ends where something can be told again, or at the head."""
        gone = self._one("select hi, h, reason from gone where epoch = ? and hi >= ? order by hi", seq)
        if gone is not None:
            return Hole(seq, gone[0], gone[2], gone[1])
        told = self._one(
            f"select seq, h from {self._table} and seq >= ? and body is not null order by seq", seq
        )
        end = self.head if told is None else told[0] - 1
        blanks, last = self._blanks(seq, end)
        if last is not None:
            return Hole(seq, end, RETENTION if blanks == end - seq + 1 else DAMAGED, last)
        return Hole(seq, end, DAMAGED, None) if told is None else Hole(seq, told[0], DAMAGED, told[1], kept=1)

    def _blanks(self, lo: int, hi: int) -> tuple[int, bytes | None]:
        """How many rows of the range are left without their body, and the hash of the last seq if it is one."""
        (count,) = self.db.execute(
            f"select count(*) from {self._table} and seq between ? and ?", (self.epoch, lo, hi)
        ).fetchone()
        last = self._one(f"select h from {self._table} and seq = ?", hi)
        return count, None if last is None else last[0]

    @property
    def _table(self) -> str:
        return "past_event where epoch = ?" if self.past else "event where ? != ''"

    def _between(self, lo: int, hi: int) -> list[_Row]:
        return self.db.execute(
            f"select seq, body, h from {self._table} and seq between ? and ? order by seq",
            (self.epoch, lo, hi),
        ).fetchall()

    def _one(self, query: str, seq: int) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = self.db.execute(f"{query} limit 1", (self.epoch, seq)).fetchone()
        return found


def _with_body(row: _Row | None) -> LedgerRow | None:
    return None if row is None or row[1] is None else LedgerRow(row[0], row[1], row[2])
