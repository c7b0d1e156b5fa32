"""The node's own truth: an append-only, numbered, hash-chained SQLite file (sync.md §2).

``append`` numbers, encodes, chains and commits with synchronous=FULL before it returns; what it returned is
never lost and never changed.  A new file is a new ``epoch``, so a number used again cannot be mistaken.
A damaged file is replaced by a new one with all that could be read (``salvage``); what leaves a ledger, and when,
stands in ``retention``.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol, TypeVar

import structlog

from edge.core.events import Fact, NodeId, Stamp
from edge.core.open_grants import begins, ends, given_of, kept
from edge.errors import Damaged, DiskFull, NoDatabase, StoreError
from edge.ports import ClockReading, LedgerRow, MadeAnchor, Stretch
from edge.store import retention, salvage
from edge.store.ballast import Ballast
from edge.store.past import PastLedger
from edge.store.sqlite import connect, migrate, settle, transaction
from edge.store.stretch import DISK_FULL, RETENTION, Telling

STEPS = Path(__file__).parent / "migrations" / "ledger"
ANCHOR_EVERY_MS = 86_400_000
# On a full disk so many leave at a time, so that the log of one turn is small; all turns give about 1 MB, the reserve.
ROOM_ROWS, ROOM_TURNS = 200, 10
# Pages in the log before they go to their places.  SQLite's 1,000 are 4 MB, four times the reserve.
LOG_PAGES = 128
LAST_PAGES = 100  # 0.4 MB: what the log leaves of the reserve

log = structlog.get_logger()

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
        capacity: int = retention.CAPACITY,
        floor: int = retention.FLOOR,
    ) -> None:
        self._path = path
        self._encode = encode
        self._chain = chain
        self._node = node
        self._ballast = ballast
        self._capacity, self._floor = capacity, floor
        self._lock = threading.Lock()
        self._cursors = retention.Cursors()
        self._bounded = (
            False  # the file does not grow any more, until a person made room and restarted the node
        )
        self.salvaged: salvage.Rescued | None = None  # what became of the file that stood here before
        self._db = self._open(new_epoch)
        with transaction(self._db, path):
            self._db.execute("insert or ignore into meta (one, epoch) values (1, ?)", (new_epoch(),))
        self.epoch, self.acked, self.sink_gen = self._db.execute(
            "select epoch, acked, sink_gen from meta"
        ).fetchone()
        self._noted = (self.acked, self.sink_gen)  # as it stands on the disk
        salvage.remember_epoch(path, self.epoch)
        self._head, self._h = self._last()
        (self._untold,) = self._db.execute("select count(*) from untold").fetchone()

    def _open(self, new_epoch: Callable[[], str]) -> sqlite3.Connection:
        """The file in its newest shape; where a page is damaged, one with all that could be read."""
        salvage.finish(self._path)
        try:
            db = self._connected()
            migrate(db, STEPS)
        except (Damaged, NoDatabase) as error:
            if isinstance(error, NoDatabase) and not salvage.was_ours(self._path):
                raise  # somebody put it there, and it is nobody's to replace
            log.error("ledger_damaged", why=str(error))
            db = self._salvaged(new_epoch)
        return db

    def _salvaged(self, new_epoch: Callable[[], str]) -> sqlite3.Connection:
        rescued = self._ballast.spend_on(
            lambda: salvage.rescue(
                self._path, self._node, chain=self._chain, new_epoch=new_epoch(), steps=STEPS
            )
        )
        salvage.finish(self._path)
        self.salvaged = rescued
        log.error("ledger_salvaged", readable=rescued.readable, **rescued.said())
        return self._connected()

    def _connected(self) -> sqlite3.Connection:
        db = connect(self._path)
        db.execute(f"pragma wal_autocheckpoint={LOG_PAGES}")
        return db

    def _last(self) -> tuple[int, bytes]:
        """Head and the chain's hash there."""
        last = self._db.execute("select seq, h from event order by seq desc limit 1").fetchone()
        return last or self._base() or (0, self._chain.start(self._node, self.epoch))

    def _base(self) -> tuple[int, bytes] | None:
        """The last number that has left altogether, and the chain's hash there."""
        base: tuple[int, bytes] | None = self._db.execute(
            "select hi, h from gone where epoch = ? order by hi desc limit 1", (self.epoch,)
        ).fetchone()
        return base

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
        modes = {fact.access_point: fact.mode for fact in facts if _leaves_a_mode(fact)}

        def both(db: sqlite3.Connection, seqs: list[int]) -> None:
            db.executemany("delete from untold where n = ?", [(n,) for n, _ in untold])
            seqs = seqs[len(untold) :]
            db.executemany(
                "insert or replace into door_mode (access_point, mode) values (?, ?)", modes.items()
            )
            for fact in facts:
                _keep_open(db, fact)
            beside(db, seqs)

        with self._lock:
            untold = self._read_untold()
            bodies = [self._encode(fact, stamp) for fact in [*(fact for _, fact in untold), *facts]]
            seqs = self._spend(lambda: self._write(bodies, both))
            self._untold -= len(untold)
            return seqs[len(untold) :]

    def _read_untold(self) -> list[tuple[int, Fact]]:
        """What happened to the ledger itself, told before the next fact."""
        if not self._untold:
            return []
        rows = self._db.execute("select n, fact from untold order by n").fetchall()
        return [(n, given_of(text)) for n, text in rows]

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
            with self._turn():
                return work(self._db)

        with self._lock:
            return self._spend(run)

    def _spend(self, write: Callable[[], T]) -> T:
        """Do it; on a full disk with the reserve, then with the room of the oldest events, then not at all."""
        try:
            done = self._ballast.spend_on(write)
        except DiskFull:
            self._stop_growing()
            if not self._make_room(all_events=True):
                raise
            return write()
        if self._ballast.alarm and not self._bounded:
            self._stop_growing()
            self._make_room(all_events=False)
        return done

    def _stop_growing(self) -> None:
        """From the alarm on the file takes half of the reserve and no more: what is freed in it is used again.

        A log whose pages do not fit into the file any more could never be emptied, and nothing be deleted.
        """
        if self._bounded:
            return
        self._bounded = True
        with suppress(sqlite3.Error):
            self._move_log()
            (pages,) = self._db.execute("pragma page_count").fetchone()
            self._db.execute(f"pragma max_page_count={pages + LAST_PAGES}")

    def _make_room(self, *, all_events: bool) -> bool:
        """The oldest acknowledged events leave; if asked, behind them others, but never the newest ``floor``.

        What was never acknowledged leaves a tombstone and a fact.  The pages go to what comes next.
        """
        went = 0
        for _ in range(ROOM_TURNS):
            try:
                self._move_log()
                turn = self._drop_for_room(all_events=all_events)
            except (DiskFull, sqlite3.Error):
                break
            went += turn
            if not turn:
                break
        log.error("disk_full_events_left", count=went)
        return went > 0

    def _drop_for_room(self, *, all_events: bool) -> int:
        with self._turn():
            acked = min(self.acked, self._head - 1)
            went = retention.drop_oldest(self._db, self.epoch, acked, RETENTION, ROOM_ROWS)
            if went or not all_events:
                return went
            went = retention.drop_oldest(self._db, self.epoch, self._head - self._floor, DISK_FULL, ROOM_ROWS)
            if went:
                salvage.tell_later(self._db, "given_up", {"events": went})
        self._untold += went > 0
        return went

    def _move_log(self) -> None:
        """What stands in the log goes to its pages, so that the log begins again at its start."""
        self._db.execute("pragma wal_checkpoint(passive)").fetchall()

    def _write(self, bodies: list[bytes], beside: Beside) -> list[int]:
        head, h, seqs = self._head, self._h, []
        with self._turn():
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

    def stretch(self, seqs: range, *, bytes_max: int) -> Stretch:
        """What this ledger says from the first of these seqs on: rows, and holes for what has left.

        As much as fits in ``bytes_max``, one row or hole at least; a hole may end behind the last of ``seqs``.
        """
        with self._lock:
            return Telling(self._db, self._path, self.epoch, self._head).stretch(seqs, bytes_max=bytes_max)

    def rows(self, seqs: range, *, bytes_max: int) -> list[LedgerRow]:
        """Of ``stretch`` only what has a body, without the holes."""
        return self.stretch(seqs, bytes_max=bytes_max).rows if seqs else []

    def pasts(self) -> list[PastLedger]:
        """Ledgers that ended with a damaged page and that the service does not have whole."""
        with self._lock:
            found = self._db.execute(
                "select epoch, head, acked, sink_gen from past order by rowid"
            ).fetchall()
        return [
            PastLedger(
                Telling(self._db, self._path, epoch, head, past=True),
                acked,
                sink_gen,
                self._lock,
                self.transact,
            )
            for epoch, head, acked, sink_gen in found
        ]

    def keep_house(self, now: ClockReading) -> int:
        """A bounded turn of what may leave (``retention``); how many bodies and rows left.  Call it every minute."""

        def turn(db: sqlite3.Connection) -> int:
            dropped = retention.drop_over_capacity(
                db, self.epoch, min(self.acked, self._head - 1), self._head, self._capacity
            )
            return dropped + retention.erase_aged(db, self._cursors, self.acked, now)

        left = self.transact(turn)
        if left:
            with self._lock:
                settle(self._db, self._path)
        return left

    def anchor(self, now: ClockReading) -> MadeAnchor | None:
        """The newest anchor; made anew where a day has passed by the node's own clock, None where nothing is here."""

        def turn(db: sqlite3.Connection) -> MadeAnchor | None:
            last = db.execute("select seq, h, at_ms from anchor").fetchone()
            known = None if last is None else MadeAnchor(*last)
            if not self._head or (known is not None and 0 <= now.wall_ms - known.at_ms < ANCHOR_EVERY_MS):
                return known
            made = (self._head, self._h, now.wall_ms)
            db.execute("insert or replace into anchor values (1, ?, ?, ?)", made)
            return MadeAnchor(*made)

        return self.transact(turn)

    def tip(self) -> tuple[int, bytes]:
        """``head`` and the full chain hash there, 32 bytes, of one moment."""
        with self._lock:
            return self._head, self._h

    def remember(self, acked: int, sink_gen: str) -> None:
        """Note what the sink has; it goes to the disk with what is written next, or with the next ``keep_house``.

        A commit for each acknowledgement would double the wear of the card; losing the note costs sending again.
        """
        with self._lock:
            self.acked, self.sink_gen = acked, sink_gen
            if sink_gen == self._noted[1]:
                return
        self.transact(lambda _: None)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One transaction; what the sink has is noted along with it.  The caller holds the lock."""
        said = (self.acked, self.sink_gen)
        with transaction(self._db, self._path):
            if said != self._noted:
                self._db.execute("update meta set acked = ?, sink_gen = ?", said)
            yield
        self._noted = said

    def first_break(self) -> int | None:
        """The first seq whose chain hash does not follow from the rows before it, or None."""
        with self._lock:
            base, h = self._base() or (0, self._chain.start(self._node, self.epoch))
            for expected, (seq, body, d, stored) in enumerate(
                self._db.execute("select seq, body, d, h from event order by seq"), start=base + 1
            ):
                h = self._chain.link(h, d)
                if seq != expected or h != stored or (body is not None and self._chain.digest(body) != d):
                    return expected
        return None

    def close(self) -> None:
        with self._lock:
            with suppress(StoreError), self._turn():
                pass
            self._db.close()
