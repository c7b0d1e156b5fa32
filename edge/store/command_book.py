"""Which commands were carried out: a row on the disk before the lock moves, its result in the event's own commit.

The rows stand in the ledger's file, so that a result and its event are one transaction.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from edge.core.commands import MODE_OPS, Answer, Op, Order, Past, State
from edge.core.events import AccessPointId, Fact, Stamp

# Far more than one key issues while a single one of them can still be believed (60 s at most), and a few 100 KB.
ROWS_PER_KEY_MAX = 2_000

_MODE_OPS = sorted(MODE_OPS)

T = TypeVar("T")


class Kept(Protocol):
    """The ledger, as far as tables beside the events are concerned."""

    def transact(self, work: Callable[[sqlite3.Connection], T]) -> T: ...

    def append_with(
        self, facts: Sequence[Fact], stamp: Stamp, beside: Callable[[sqlite3.Connection, list[int]], None]
    ) -> list[int]: ...


class SqlCommandBook:
    """``CommandBook`` of ports.py; every call is one transaction, on disk when it returns."""

    def __init__(self, ledger: Kept) -> None:
        self._ledger = ledger

    def past(self, order: Order) -> Past:
        """What is known about this order."""
        return self._ledger.transact(lambda db: _past(db, order))

    def stored(self, command_id: str) -> Answer | None:
        """What became of it; None when it never was accepted."""

        def look(db: sqlite3.Connection) -> Answer | None:
            row = db.execute(
                "select id, state, why, mode, seq from command where id = ?", (command_id,)
            ).fetchone()
            return None if row is None else Answer(row[0], State(row[1]), *row[2:])

        return self._ledger.transact(look)

    def accept(self, order: Order, at_ms: int) -> int:
        """Note that this order will be carried out now; returns a number above all before it.

        Raises:
            StoreError: it stands there already, or the disk refused; then it must not be carried out.
        """

        def insert(db: sqlite3.Connection) -> int:
            row = (order.id, order.kid, order.ctr, order.door, order.op, order.issuer, at_ms, State.ACCEPTED)
            n = db.execute(
                "insert into command (id, kid, ctr, door, op, issuer, at_ms, state) "
                "values (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            ).lastrowid
            _prune(db, order.kid)
            assert n is not None
            return n

        return self._ledger.transact(insert)

    def finish(self, answer: Answer, fact: Fact, stamp: Stamp) -> int:
        """Store the result and append its event in one commit; returns the event's seq."""

        def note(db: sqlite3.Connection, seqs: list[int]) -> None:
            result = (answer.state, answer.why, answer.mode, seqs[0], answer.id)
            db.execute("update command set state = ?, why = ?, mode = ?, seq = ? where id = ?", result)

        return self._ledger.append_with([fact], stamp, note)[0]

    def unfinished(self) -> list[Order]:
        """Accepted and without a result: the node ended in between, and nobody knows how far it got."""

        def look(db: sqlite3.Connection) -> list[Order]:
            return [
                Order("", "", AccessPointId(door), id_, ctr, 0, 0, Op(op), issuer, kid)
                for id_, kid, ctr, door, op, issuer in db.execute(
                    "select id, kid, ctr, door, op, issuer from command where state = ? order by n",
                    (State.ACCEPTED,),
                )
            ]

        return self._ledger.transact(look)


def _past(db: sqlite3.Connection, order: Order) -> Past:
    known = db.execute(
        "select 1 from command where id = ? or (kid = ? and ctr = ?)", (order.id, order.kid, order.ctr)
    ).fetchone()
    floor = db.execute("select ctr from command_floor where kid = ?", (order.kid,)).fetchone()
    (mode_ctr,) = db.execute(
        "select coalesce(max(ctr), 0) from command where kid = ? and door = ? "
        f"and op in ({','.join('?' * len(_MODE_OPS))})",
        (order.kid, order.door, *_MODE_OPS),
    ).fetchone()
    return Past(known is not None, floor[0] if floor else 0, mode_ctr)


def _prune(db: sqlite3.Connection, kid: str) -> None:
    """Keep the newest rows; the floor rises to what goes, and never comes down."""
    gone = db.execute(
        "select ctr from command where kid = ? and state <> ? order by ctr desc limit 1 offset ?",
        (kid, State.ACCEPTED, ROWS_PER_KEY_MAX),
    ).fetchone()
    if gone is None:
        return
    db.execute(
        "insert into command_floor (kid, ctr) values (?, ?) "
        "on conflict (kid) do update set ctr = max(ctr, excluded.ctr)",
        (kid, gone[0]),
    )
    db.execute(
        "delete from command where kid = ? and ctr <= ? and state <> ?", (kid, gone[0], State.ACCEPTED)
    )
