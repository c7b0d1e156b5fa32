"""The node's own truth: an append-only, numbered, hash-chained SQLite file (sync.md §2).

``append`` numbers, encodes, chains and commits with synchronous=FULL before it returns; what it returned is
never lost and never changed.  A new file is a new ``epoch``, so a number used again cannot be mistaken.
"""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from edge.core.events import Fact, NodeId, Stamp
from edge.core.open_grants import begins, ends, given_of, kept
from edge.ports import LedgerRow
from edge.store.ballast import Ballast
from edge.store.sqlite import connect, migrate, transaction

T = TypeVar("T")
Beside = Callable[[sqlite3.Connection, list[int]], None]


def _nothing_beside(_db: sqlite3.Connection, _seqs: list[int]) -> None:
    """Most facts come alone."""


def _leaves_a_mode(fact: Fact) -> bool:
    """A fact of access tells the mode it met, one of the door the mode it leaves (core.door_actions)."""
    return (
        fact.access_point is not None and fact.mode is not None and fact.type.startswith(("door.", "fire."))
    )


def _keep_open(db: sqlite3.Connection, fact: Fact) -> None:
    if begins(fact):
        db.execute("insert or replace into open_grant values (?, ?)", (fact.grant_id, kept(fact)))
    elif ends(fact):
        db.execute("delete from open_grant where grant_id = ?", (fact.grant_id,))


class Chain(Protocol):
    """The chain formula, handed in: the module ``cloud_sync.protocol.chain`` keeps this promise."""

    def start(self, node: str, epoch: str) -> bytes: ...

    def digest(self, body: bytes) -> bytes: ...

    def link(self, previous: bytes, body_digest: bytes) -> bytes: ...


class SqliteLedger:
    """One writer at a time; readers may come from any thread."""

    def __init__(
        self,
        path: Path,
        node: NodeId,
        *,
        encode: Callable[[Fact, Stamp], bytes],
        chain: Chain,
        new_epoch: Callable[[], str],
        ballast: Ballast,
    ) -> None:
        self._path = path
        self._encode = encode
        self._chain = chain
        self._lock = threading.Lock()
        self._db = connect(path)
        migrate(self._db, Path(__file__).parent / "migrations" / "ledger")
        with transaction(self._db, path):
            self._db.execute("insert or ignore into meta (one, epoch) values (1, ?)", (new_epoch(),))
        self.epoch, self.acked, self.sink_gen = self._db.execute(
            "select epoch, acked, sink_gen from meta"
        ).fetchone()
        self._node = node
        last = self._db.execute("select seq, h from event order by seq desc limit 1").fetchone()
        self._head: int = 0 if last is None else last[0]
        self._h: bytes = chain.start(node, self.epoch) if last is None else last[1]
        self._ballast = ballast

    @property
    def head(self) -> int:
        return self._head

    @property
    def disk_alarm(self) -> bool:
        """The reserve was freed, or could not be laid."""
        return self._ballast.alarm

    @property
    def oldest(self) -> int:
        """The lowest seq whose body is still held; head + 1 when none is."""
        with self._lock:
            row = self._db.execute("select min(seq) from event where body is not null").fetchone()
        return int(row[0]) if row[0] is not None else self._head + 1

    def append(self, facts: Sequence[Fact], stamp: Stamp) -> list[int]:
        """Number, encode, chain and commit all of them in one transaction; returns their seqs.

        On a full disk the reserve is freed first and ``disk_alarm`` raised, and recording goes on.

        Raises:
            DiskFull, StoreError: nothing of this call was recorded.
        """
        return self.append_with(facts, stamp, _nothing_beside)

    def append_with(self, facts: Sequence[Fact], stamp: Stamp, beside: Beside) -> list[int]:
        """As ``append``; what ``beside`` writes, told the seqs, is committed with the facts or not at all."""
        bodies = [self._encode(fact, stamp) for fact in facts]
        modes = {fact.access_point: fact.mode for fact in facts if _leaves_a_mode(fact)}

        def both(db: sqlite3.Connection, seqs: list[int]) -> None:
            db.executemany(
                "insert or replace into door_mode (access_point, mode) values (?, ?)", modes.items()
            )
            for fact in facts:
                _keep_open(db, fact)
            beside(db, seqs)

        with self._lock:
            return self._ballast.spend_on(lambda: self._write(bodies, both))

    def open_grants(self) -> list[Fact]:
        """Grants that have no end in this ledger yet, oldest first; those of the life that ended are among them."""
        with self._lock:
            rows = self._db.execute("select fact from open_grant order by rowid").fetchall()
        return [given_of(row[0]) for row in rows]

    def door_modes(self) -> dict[str, str]:
        """The mode each door was left in by the last fact of it that was kept."""
        with self._lock:
            return dict(self._db.execute("select access_point, mode from door_mode").fetchall())

    def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """One committed transaction in this file, for the tables beside the events.

        Raises:
            DiskFull, StoreError: nothing of it was kept.
        """

        def run() -> T:
            with transaction(self._db, self._path):
                return work(self._db)

        with self._lock:
            return self._ballast.spend_on(run)

    def _write(self, bodies: list[bytes], beside: Beside) -> list[int]:
        head, h, seqs = self._head, self._h, []
        with transaction(self._db, self._path):
            for body in bodies:
                d = self._chain.digest(body)
                h = self._chain.link(h, d)
                head += 1
                self._db.execute(
                    "insert into event (seq, body, d, h) values (?, ?, ?, ?)", (head, body, d, h)
                )
                seqs.append(head)
            beside(self._db, seqs)
        self._head, self._h = head, h
        return seqs

    def rows(self, seqs: range, *, bytes_max: int) -> list[LedgerRow]:
        """The rows of a range in order, as many whole ones as fit in ``bytes_max`` of bodies, one at least."""
        if not seqs:
            return []
        with self._lock:
            found = self._db.execute(
                "select seq, body, h from event where seq between ? and ? and body is not null order by seq",
                (seqs[0], seqs[-1]),
            ).fetchall()
        rows: list[LedgerRow] = []
        size = 0
        for seq, body, h in found:
            size += len(body) + 40  # the number, the short hash and punctuation around each body
            if rows and size > bytes_max:
                break
            rows.append(LedgerRow(seq, body, h))
        return rows

    def hash_at_head(self) -> bytes:
        """The full chain hash at ``head``, 32 bytes."""
        return self._h

    def remember(self, acked: int, sink_gen: str) -> None:
        """Note what the sink has; losing this note only costs sending again."""
        with self._lock, transaction(self._db, self._path):
            self._db.execute("update meta set acked = ?, sink_gen = ?", (acked, sink_gen))
        self.acked, self.sink_gen = acked, sink_gen

    def first_break(self) -> int | None:
        """The first seq whose chain hash does not follow from the rows before it, or None."""
        h = self._chain.start(self._node, self.epoch)
        with self._lock:
            for expected, (seq, body, d, stored) in enumerate(
                self._db.execute("select seq, body, d, h from event order by seq"), start=1
            ):
                h = self._chain.link(h, d)
                if seq != expected or h != stored or (body is not None and self._chain.digest(body) != d):
                    return expected
        return None

    def close(self) -> None:
        with self._lock:
            self._db.close()
