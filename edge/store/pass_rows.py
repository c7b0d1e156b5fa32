"""The rows of a node's passes on its disk: two slots that hold a whole set each, and the deltas behind them.

A change costs its own bytes and not the set's; ``tidy`` writes a whole set when the deltas have grown long.  Not for
use by more than one thread at a time: ``PassBook`` has the lock.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from cloud_sync.protocol import delta, merkle
from edge.core.events import PassId
from edge.core.passes import BadPassSet, Pass

# A whole set is written anew when the deltas are half as long as it, or this many: what a start has to read is bounded.
DELTAS_MAX = 256

Decode = Callable[[bytes], list[Pass]]


@dataclass(frozen=True, slots=True)
class Change:
    """From version ``since`` to ``auth_ver``, which has ``count`` rows and this root; ``packed`` are rows that travel."""

    since: int
    auth_ver: int
    count: int
    root: str
    gone: tuple[str, ...]
    packed: bytes


@dataclass(slots=True)
class Aboard:
    """A whole set as it was read: ``rows`` as told, and their hashes."""

    slot: int
    auth_ver: int
    root: str
    rows: dict[PassId, Pass]
    tree: merkle.Tree


def nothing() -> Aboard:
    return Aboard(1, 0, "", {}, merkle.Tree())


def hashes(raws: Mapping[str, bytes]) -> dict[str, bytes]:
    return {pass_id: merkle.row_hash(raw) for pass_id, raw in raws.items()}


def read_set(slot: int, auth_ver: int, root: str, packed: bytes, decode: Decode) -> Aboard:
    """A whole set, checked against its root.

    Raises:
        BadPassSet: the bytes are no rows, or not the rows of this root.
    """
    try:
        raws = dict(delta.split(packed))
        rows = {row.pass_id: row for row in decode(packed)} if packed else {}
    except ValueError as error:
        raise BadPassSet(str(error)) from error
    found = Aboard(slot, auth_ver, root, rows, merkle.Tree(hashes(raws)))
    if found.tree.root(auth_ver) != root:
        raise BadPassSet("the rows do not give the signed root")
    return found


class PassRows:
    """Reads and writes the tables ``slot`` and ``delta``; writing only within the caller's transaction."""

    def __init__(self, db: sqlite3.Connection, decode: Decode) -> None:
        self._db = db
        self._decode = decode

    def load(self) -> Aboard:
        """The newest slot that is whole, and what its deltas add; nothing if neither slot is."""
        for slot, auth_ver, root, packed in self._slots():
            try:
                found = read_set(slot, auth_ver, root, packed, self._decode)
            except BadPassSet:
                continue  # a torn slot: the one before, and the deltas that lead on from it; the floor stays
            self._follow(found)
            return found
        return nothing()

    def _slots(self) -> list[tuple[int, int, str, bytes]]:
        found = self._db.execute("select slot, auth_ver, root, rows from slot order by auth_ver desc")
        return found.fetchall()

    def _deltas(self, since: int) -> list[Change]:
        """The unbroken line of deltas from this version on."""
        line: list[Change] = []
        found = self._db.execute(
            "select since, auth_ver, root, gone, rows from delta where since >= ? order by auth_ver", (since,)
        )
        for before, auth_ver, root, gone, packed in found:
            if before == since:
                ids = tuple(msgspec.json.decode(gone, type=list[str]))
                line.append(Change(before, auth_ver, 0, root, ids, packed))
                since = auth_ver
        return line

    def _follow(self, found: Aboard) -> None:
        """One step after the other, as far as they are whole: the last that gave its root is where we are."""
        for change in self._deltas(found.auth_ver):
            try:
                raws = dict(delta.split(change.packed))
                rows = self._decode(change.packed) if change.packed else []
            except ValueError:
                return
            undo = found.tree.change({**dict.fromkeys(change.gone), **hashes(raws)})
            if found.tree.root(change.auth_ver) != change.root:
                found.tree.change(undo)
                return
            for pass_id in change.gone:
                found.rows.pop(PassId(pass_id), None)
            found.rows.update((row.pass_id, row) for row in rows)
            found.auth_ver, found.root = change.auth_ver, change.root

    def raws(self, slot: int) -> dict[str, bytes]:
        """Every row as it travelled, of this slot and its deltas."""
        for number, auth_ver, _, packed in self._slots():
            if number == slot:
                raws = dict(delta.split(packed))
                for change in self._deltas(auth_ver):
                    for pass_id in change.gone:
                        raws.pop(pass_id, None)
                    raws.update(delta.split(change.packed))
                return raws
        return {}

    def told_before(self, before_ms: int) -> list[Pass] | None:
        """Every pass that stands anywhere here, also where it has left since; None while a slot is younger than that."""
        (newest_ms,) = self._db.execute("select max(applied_ms) from slot").fetchone()
        if newest_ms is None or newest_ms >= before_ms:
            return None
        found = self._db.execute("select rows from slot union all select rows from delta")
        told: list[Pass] = []
        for (packed,) in found:
            with suppress(ValueError):
                told += self._decode(packed) if packed else []
        return told

    def put_slot(self, slot: int, auth_ver: int, root: str, packed: bytes, now_ms: int) -> None:
        """A whole set in place of the older slot; deltas that lead on from the other one stay."""
        self._db.execute(
            "insert or replace into slot (slot, auth_ver, root, applied_ms, rows) values (?, ?, ?, ?, ?)",
            (slot, auth_ver, root, now_ms, packed),
        )
        self._db.execute("delete from delta where auth_ver <= (select min(auth_ver) from slot)")

    def put_delta(self, change: Change) -> None:
        self._db.execute(
            "insert or replace into delta (auth_ver, since, root, gone, rows) values (?, ?, ?, ?, ?)",
            (
                change.auth_ver,
                change.since,
                change.root,
                msgspec.json.encode(change.gone).decode(),
                change.packed,
            ),
        )

    def is_long(self, slot: int) -> bool:
        """The deltas behind this slot are so many that a whole set is due."""
        (count, size) = self._db.execute(
            "select count(*), coalesce(sum(length(rows) + length(gone)), 0) from delta "
            "where auth_ver > (select auth_ver from slot where slot = ?)",
            (slot,),
        ).fetchone()
        (whole,) = self._db.execute(
            "select coalesce(max(length(rows)), 0) from slot where slot = ?", (slot,)
        ).fetchone()
        return bool(count and (count >= DELTAS_MAX or size > whole // 2))


def replaced(raws: Mapping[str, bytes], buckets: frozenset[int], packed: bytes) -> bytes:
    """The whole set when the rows of these buckets take the place of what is there.

    Raises:
        BadMessage: ``packed`` is no list of rows.
    """
    kept = {pass_id: raw for pass_id, raw in raws.items() if merkle.bucket_of(pass_id) not in buckets}
    kept.update(delta.split(packed))
    return join_sorted(kept)


def join_sorted(raws: Mapping[str, bytes]) -> bytes:
    ids: Sequence[str] = sorted(raws)
    return delta.join([raws[pass_id] for pass_id in ids])
