"""What may leave a ledger, and when (sync.md §2.4, domain.md §15).

Only what the service has acknowledged leaves for its age or for the number of events; a clock that nobody trusts lets
nothing leave.  What leaves by age loses its body: number, digest and hash stay, and with them the chain.
"""

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime

from edge.core.events import ClockState
from edge.ports import ClockReading
from edge.store.stretch import RETENTION

DAY_MS = 86_400_000
RESIDENT_MS = 30 * DAY_MS
LONGEST_MS = 90 * DAY_MS  # guests, and everything that is about nobody
RESIDENTS = frozenset({"resident", "long_tenant"})
CAPACITY = 200_000  # events of one ledger file, with or without their bodies (sync.md §2.1)
FLOOR = 100_000  # so many of the newest are given up for nothing, acknowledged or not
# Rows looked at or erased in one turn: about 50 ms of a card, so that a fact at a door never waits longer for it.
TURN = 500


@dataclass(slots=True)
class Cursors:
    """How far each clock has been applied in this life of the node; at a start they begin again at the oldest."""

    residents: int = 0
    all: int = 0
    residents_wall_ms: int | None = None
    all_wall_ms: int | None = None


def erase_aged(db: sqlite3.Connection, cursors: Cursors, acked: int, now: ClockReading) -> int:
    """Bodies whose clock has run out go, ``TURN`` rows looked at for each clock; how many went.

    Called in a transaction of the ledger's file.
    """
    if now.state is ClockState.UNTRUSTED:
        return 0
    old, cursors.all, cursors.all_wall_ms = _aged(
        db, cursors.all, cursors.all_wall_ms, acked, now.wall_ms, LONGEST_MS
    )
    young, cursors.residents, cursors.residents_wall_ms = _aged(
        db, cursors.residents, cursors.residents_wall_ms, acked, now.wall_ms, RESIDENT_MS
    )
    gone = {seq for seq, _ in old} | {seq for seq, cls in young if cls in RESIDENTS}
    db.executemany("update event set body = null where seq = ?", [(seq,) for seq in sorted(gone)])
    return len(gone)


def _aged(
    db: sqlite3.Connection, after: int, wall_ms: int | None, acked: int, now_ms: int, life_ms: int
) -> tuple[list[tuple[int, str | None]], int, int | None]:
    """(seq, class) of rows behind ``after`` that are older than ``life_ms``; and where to go on, with its time."""
    found: list[tuple[int, str | None]] = []
    rows = db.execute(
        "select seq, body from event where seq > ? and seq <= ? order by seq limit ?", (after, acked, TURN)
    ).fetchall()
    for seq, body in rows:
        if body is not None:
            said_ms, cls = _read(body)
            # A time nobody trusted, or one still to come, says nothing: the event before it is the nearest witness.
            at_ms = said_ms if said_ms is not None and said_ms <= now_ms else wall_ms
            if at_ms is None or at_ms + life_ms > now_ms:
                break
            wall_ms = at_ms
            found.append((seq, cls))
        after = seq
    return found, after, wall_ms


def _read(body: bytes) -> tuple[int | None, str | None]:
    """When it was by a clock that could be believed, and the class of who it was about."""
    try:
        said = json.loads(body)
        cls = said.get("class")
        if said["clock_state"] == ClockState.UNTRUSTED.value:
            return None, cls
        return int(datetime.fromisoformat(said["wall"]).timestamp() * 1000), cls
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None, None  # not ours to judge: it leaves with its neighbours


def drop_oldest(db: sqlite3.Connection, epoch: str, through: int, reason: str, most: int = TURN) -> int:
    """Whole rows up to ``through`` leave, ``most`` at a time, the hash at their end stays; how many went."""
    first = db.execute("select min(seq) from event").fetchone()[0]
    if first is None or first > through:
        return 0
    hi = min(through, first + most - 1)
    (h,) = db.execute("select h from event where seq = ?", (hi,)).fetchone()
    db.execute("delete from gone where epoch = ? and hi = ? and reason = ?", (epoch, first - 1, reason))
    db.execute("insert into gone (epoch, hi, h, reason) values (?, ?, ?, ?)", (epoch, hi, h, reason))
    return db.execute("delete from event where seq <= ?", (hi,)).rowcount


def drop_over_capacity(db: sqlite3.Connection, epoch: str, acked: int, head: int, capacity: int) -> int:
    """The oldest acknowledged rows above the number a ledger holds leave; how many went."""
    first = db.execute("select min(seq) from event").fetchone()[0]
    over = 0 if first is None else head - first + 1 - capacity
    return drop_oldest(db, epoch, min(acked, first + over - 1), RETENTION) if over > 0 else 0
