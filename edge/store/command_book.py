"""Which commands were carried out: a row on the disk before the lock moves, its result in the event's own commit.

The rows stand in the ledger's file, so that a result and its event are one transaction.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from edge.core.commands import MODE_OPS, ZONE, Answer, Op, Order, Past, State
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

    def stored(self, command_id: str) -> list[Answer]:
        """What became of it, at each of its doors; empty when it never was accepted."""

        def look(db: sqlite3.Connection) -> list[Answer]:
            rows = db.execute(
                "select id, state, why, mode, seq, iif(zone = '', '', door) from command where id = ? order by n",
                (command_id,),
            )
            return [Answer(row[0], State(row[1]), *row[2:]) for row in rows]

        return self._ledger.transact(look)

    def accept(self, orders: Sequence[Order], at_ms: int) -> list[int]:
        """Note that one command will be carried out now, at each of these doors; returns numbers above all before.

        Raises:
            StoreError: it stands there already, or the disk refused; then it must not be carried out anywhere.
        """

        def insert(db: sqlite3.Connection) -> list[int]:
            numbers = [_insert(db, order, at_ms) for order in orders]
            _prune(db, orders[0].kid)
            return numbers

        return self._ledger.transact(insert)

    def finish(self, answer: Answer, fact: Fact, stamp: Stamp) -> int:
        """Store the result and append its event in one commit; returns the event's seq."""

        def note(db: sqlite3.Connection, seqs: list[int]) -> None:
            db.execute(
                "update command set state = ?, why = ?, mode = ?, seq = ? where id = ? and ? in ('', door)",
                (answer.state, answer.why, answer.mode, seqs[0], answer.id, answer.door),
            )

        return self._ledger.append_with([fact], stamp, note)[0]

    def unfinished(self) -> list[Order]:
        """Accepted and without a result: the node ended in between, and nobody knows how far it got."""

        def look(db: sqlite3.Connection) -> list[Order]:
            return [
                Order(
                    tenant="",
                    node=f"{ZONE}{zone}" if zone else "",
                    door=AccessPointId(door),
                    id=id_,
                    ctr=ctr,
                    issued_ms=0,
                    expires_ms=0,
                    op=Op(op),
                    issuer=issuer,
                    kid=kid,
                    second=second,
                )
                for id_, kid, ctr, door, zone, op, issuer, second in db.execute(
                    "select id, kid, ctr, door, zone, op, issuer, second from command where state = ? order by n",
                    (State.ACCEPTED,),
                )
            ]

        return self._ledger.transact(look)


def _insert(db: sqlite3.Connection, order: Order, at_ms: int) -> int:
    who = (order.op, order.issuer, order.second)
    n = db.execute(
        "insert into command (id, kid, ctr, door, zone, op, issuer, second, at_ms, state) "
        "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (order.id, order.kid, order.ctr, order.door, order.zone, *who, at_ms, State.ACCEPTED),
    ).lastrowid
    assert n is not None
    return n


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
