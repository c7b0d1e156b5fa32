"""A ledger with a damaged page: what can be read moves into a new file and a new epoch (sync.md §2.5, ADR 0042).

Rows are read by bisection over their numbers, because one unreadable page fails every query that touches it; what
comes out is believed only where digest and chain agree.  Events the service has not acknowledged keep their epoch
and their numbers, so that none takes effect twice; new ones begin a new epoch.  The tables beside the events come
along, row by row.  The damaged file stays beside the new one, as ``*.damaged``, until the next one.
"""

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edge.errors import StoreError
from edge.store.sqlite import connect, migrate, transaction
from edge.store.stretch import RETENTION

STORAGE = "sys.storage"  # what happened to a ledger itself: salvaged, or events given up on a full disk
SALVAGED, UNREADABLE = "salvaged", "unreadable"
# Unreadable rows are found one by one; so many single failures cost about a second, then the rest of a table is lost.
FAILURES_MAX = 250_000
_BESIDE_FAILURES_MAX = 2_000
_ROW_BYTES = 100  # no row of a ledger is smaller: the file's size bounds how many there can be
_HASH_BYTES = 32
# Commands that may be among the lost are never carried out a second time: nothing below the highest known counts.
_RAISE_FLOOR = """
insert into command_floor (kid, ctr) select kid, max(ctr) from command where true group by kid
on conflict (kid) do update set ctr = max(ctr, excluded.ctr)
"""

Row = tuple[int, bytes | None, bytes, bytes]


class Chain(Protocol):
    """As in ``edge.store.ledger``."""

    def start(self, node: str, epoch: str) -> bytes: ...

    def digest(self, body: bytes) -> bytes: ...

    def link(self, previous: bytes, body_digest: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Rescued:
    """What became of a damaged ledger; ``kept`` and ``lost`` count what the service had not acknowledged."""

    epoch: str  # empty: nobody could say whose rows they were, and none was taken
    kept: int = 0
    lost: int = 0
    beside_lost: int = 0  # rows of the tables beside the events that could not be read
    readable: bool = True  # False: not even the names of the tables, and nobody knows how much is lost

    def sentence(self) -> str:
        """For a person."""
        if not self.readable:
            return "nothing could be read, and a new ledger was begun."
        return f"of what the service does not have, {self.kept} events were moved into a new ledger and {self.lost} are lost."

    def said(self) -> dict[str, int | str]:
        """For the log, and for the ``x`` of the event that tells the service."""
        counts = {"kept": self.kept, "lost": self.lost, "beside_lost": self.beside_lost}
        return {"epoch": self.epoch, **(counts if self.readable else {})}


def rescue(path: Path, node: str, *, chain: Chain, new_epoch: str, steps: Path) -> Rescued:
    """Make a whole new ledger beside a damaged one; ``finish`` puts it in its place.

    A crash at any moment leaves one of the two, whole: until all of it is on the disk the new one has another name.
    What happened stands in it as a fact to be told.

    Raises:
        DiskFull: there is no room for the new one.
        StoreError: the file cannot be opened at all.
    """
    part = _beside(path, ".part")
    for left in (part, _beside(part, "-wal"), _beside(part, "-shm")):
        left.unlink(missing_ok=True)
    with contextlib.closing(_open_damaged(path)) as old, contextlib.closing(connect(part)) as fresh:
        migrate(fresh, steps)
        with transaction(fresh, part):
            rescued = _copy(old, fresh, path, node, chain, new_epoch)
            tell_later(fresh, SALVAGED if rescued.readable else UNREADABLE, rescued.said())
        fresh.execute("pragma journal_mode=delete")  # one file, nothing beside it that could be left behind
    part.replace(_beside(path, ".new"))
    _on_disk(path.parent)
    return rescued


def tell_later(db: sqlite3.Connection, reason: str, said: dict[str, int | str]) -> None:
    """Keep a fact for the next turn of ``SqliteLedger.append``: only there is somebody who knows the time."""
    text = json.dumps({"type": STORAGE, "reason": reason, "x": said})
    db.execute("insert into untold (fact) values (?)", (text,))


def finish(path: Path) -> None:
    """Exchange the files, or go on where a crash interrupted that; nothing happens where nothing was begun."""
    fresh, damaged = _beside(path, ".new"), _beside(path, ".damaged")
    if not fresh.exists():
        return
    if path.exists():
        path.replace(damaged)
    elif not damaged.exists():
        fresh.unlink()  # somebody removed the ledger: what was half made of it says nothing
        return
    log = _beside(path, "-wal")
    if log.exists():  # before the new file gets this name: it must never be read with another's log
        log.replace(_beside(damaged, "-wal"))
    _beside(path, "-shm").unlink(missing_ok=True)
    fresh.replace(path)
    _on_disk(path.parent)


def was_ours(path: Path) -> bool:
    """True when a ledger of this node once stood here, whatever stands there now."""
    return bool(remembered_epoch(path))


def remembered_epoch(path: Path) -> str:
    """The epoch as it stands beside the database, for the day its own page cannot be read; empty where it does not."""
    try:
        return _beside(path, ".epoch").read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def remember_epoch(path: Path, epoch: str) -> None:
    """Write it beside the database; a disk that refuses that is told by the database itself."""
    if remembered_epoch(path) == epoch:
        return
    with contextlib.suppress(OSError):
        _beside(path, ".epoch.tmp").write_text(epoch + "\n")
        _beside(path, ".epoch.tmp").replace(_beside(path, ".epoch"))


def _on_disk(folder: Path) -> None:
    """The names in a folder survive a power cut from here on."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _open_damaged(path: Path) -> sqlite3.Connection:
    try:
        db = sqlite3.connect(path, isolation_level=None)
        with contextlib.suppress(sqlite3.DatabaseError):  # a first page that is none is found out later
            db.execute("pragma query_only=on")
            db.execute("pragma cell_size_check=on")
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot be opened for salvage ({error}). Keep a copy of it.") from error
    return db


def _copy(
    old: sqlite3.Connection, fresh: sqlite3.Connection, path: Path, node: str, chain: Chain, new_epoch: str
) -> Rescued:
    epoch, acked, sink_gen = _meta(old) or (remembered_epoch(path), 0, "")
    fresh.execute("insert into meta (one, epoch) values (1, ?)", (new_epoch,))
    if not _readable(old):
        return Rescued(epoch, readable=False)
    lost_of = {table: _copy_table(old, fresh, table) for table in _tables(fresh)}
    if lost_of["command"]:
        fresh.execute(_RAISE_FLOOR)
    beside_lost = sum(lost_of.values())
    if not epoch:
        return Rescued("", beside_lost=beside_lost)
    most = path.stat().st_size // _ROW_BYTES + _log_rows(path)
    rows = _believed(list(_readable_rows(old, most)), chain.start(node, epoch), chain)
    read = rows[-1][0] if rows else 0
    head = max(acked, read, _last_number(old, most))
    at_acked = [row for row in rows if row[0] == acked]
    if at_acked:
        fresh.execute("insert into gone values (?, ?, ?, ?)", (epoch, acked, at_acked[0][3], RETENTION))
    left = [row for row in rows if row[0] > acked]
    if head > acked:
        fresh.execute("insert into past values (?, ?, ?, ?)", (epoch, head, acked, sink_gen))
        fresh.executemany(
            "insert into past_event values (?, ?, ?, ?)", [(epoch, seq, body, h) for seq, body, _, h in left]
        )
    return Rescued(epoch, len(left), head - acked - len(left), beside_lost)


def _readable(old: sqlite3.Connection) -> bool:
    """The first page says which tables there are; without it SQLite reads nothing of the file."""
    try:
        (tables,) = old.execute("select count(*) from sqlite_master").fetchone()
    except sqlite3.Error:
        return False
    return int(tables) > 0


def _meta(old: sqlite3.Connection) -> tuple[str, int, str] | None:
    with contextlib.suppress(sqlite3.Error):
        row = old.execute("select epoch, acked, sink_gen from meta").fetchone()
        if row is not None and isinstance(row[0], str) and isinstance(row[1], int) and row[1] >= 0:
            return row[0], row[1], str(row[2])
    return None


def _last_number(old: sqlite3.Connection, most: int) -> int:
    """The highest number ever given, as SQLite counts it apart from the rows; 0 where that cannot be so."""
    with contextlib.suppress(sqlite3.Error):
        row = old.execute("select seq from sqlite_sequence where name = 'event'").fetchone()
        if row is not None and isinstance(row[0], int) and 0 <= row[0] <= _first(old) + most:
            return row[0]
    return 0


def _first(old: sqlite3.Connection) -> int:
    """The number the oldest readable row has, less one."""
    with contextlib.suppress(sqlite3.Error):
        row = old.execute("select seq from event order by seq limit 1").fetchone()
        if row is not None:
            return int(row[0]) - 1
    with contextlib.suppress(sqlite3.Error):
        return int(old.execute("select coalesce(max(hi), 0) from gone").fetchone()[0])
    return 0


def _log_rows(path: Path) -> int:
    log = _beside(path, "-wal")
    return log.stat().st_size // _ROW_BYTES if log.exists() else 0


def _readable_rows(old: sqlite3.Connection, most: int) -> Iterator[Row]:
    first = _first(old)

    def read(lo: int, hi: int) -> list[Row]:
        return old.execute(
            "select seq, body, d, h from event where seq between ? and ? order by seq", (lo, hi)
        ).fetchall()

    yield from bisect(read, first + 1, first + most, failures_max=FAILURES_MAX)


def bisect(read: Callable[[int, int], list[Any]], lo: int, hi: int, *, failures_max: int) -> Iterator[Any]:
    """Everything ``read`` can give between ``lo`` and ``hi``, in order, whatever it fails on in between."""
    ranges, failures = [(lo, hi)], 0
    while ranges and failures <= failures_max:
        lo, hi = ranges.pop()
        try:
            yield from read(lo, hi)
        except (sqlite3.Error, UnicodeDecodeError):
            failures += 1
            if lo < hi:
                middle = (lo + hi) // 2
                ranges += [(middle + 1, hi), (lo, middle)]


def _believed(rows: list[Row], start: bytes, chain: Chain) -> list[Row]:
    """Those whose body gives its digest and that follow from the row before, or the row behind follows from them."""
    sound = [row for row in rows if _is_row(row) and (row[1] is None or chain.digest(row[1]) == row[2])]
    follows: dict[int, bool] = {}
    previous, previous_h = 0, start
    for seq, _, d, h in sound:
        if seq == previous + 1:
            follows[seq] = chain.link(previous_h, d) == h
        previous, previous_h = seq, h
    return [
        row for row in sound if any(said := [follows.get(n) for n in (row[0], row[0] + 1)]) or not _any(said)
    ]


def _any(said: list[bool | None]) -> bool:
    """True when a neighbour had something to say at all."""
    return any(one is not None for one in said)


def _is_row(row: tuple[Any, ...]) -> bool:
    seq, body, d, h = row
    hashes = all(isinstance(one, bytes) and len(one) == _HASH_BYTES for one in (d, h))
    return isinstance(seq, int) and seq > 0 and hashes and (body is None or isinstance(body, bytes))


def _tables(fresh: sqlite3.Connection) -> list[str]:
    """Everything beside the events and what the file says of itself and its chain."""
    names = fresh.execute("select name from sqlite_master where type = 'table' order by name").fetchall()
    return [
        name
        for (name,) in names
        if name not in ("event", "meta", "anchor") and not name.startswith("sqlite_")
    ]


def _copy_table(old: sqlite3.Connection, fresh: sqlite3.Connection, table: str) -> int:
    """Copy what can be read; how many rows that was known of could not be."""
    # Software that was just updated may find a file of before: what it has no column for gets the new one's default.
    known = _columns(old, table)
    columns = [name for name in _columns(fresh, table) if name in known or not known]
    names = ", ".join(columns)

    def read(lo: int, hi: int) -> list[tuple[Any, ...]]:
        return old.execute(
            f"select {names} from {table} not indexed where rowid between ? and ? order by rowid", (lo, hi)
        ).fetchall()

    failed = 0

    def counted(lo: int, hi: int) -> list[tuple[Any, ...]]:
        nonlocal failed
        try:
            return read(lo, hi)
        except sqlite3.OperationalError:
            return []  # a table of a later version than the file's
        except sqlite3.DatabaseError:
            failed += lo == hi
            raise

    marks = ", ".join("?" * len(columns))
    for row in bisect(counted, 1, _last_rowid(old, table), failures_max=_BESIDE_FAILURES_MAX):
        with contextlib.suppress(sqlite3.IntegrityError):  # a row that was damaged into another's place
            fresh.execute(f"insert into {table} ({names}) values ({marks})", row)
    return failed


def _columns(db: sqlite3.Connection, table: str) -> list[str]:
    """None where the table is not there, or nobody can say."""
    with contextlib.suppress(sqlite3.Error):
        return [row[1] for row in db.execute(f"pragma table_info({table})")]
    return []


def _last_rowid(old: sqlite3.Connection, table: str) -> int:
    with contextlib.suppress(sqlite3.Error):
        (last,) = old.execute(f"select max(rowid) from {table}").fetchone()
        return int(last or 0)
    return _BESIDE_FAILURES_MAX
