"""The evidence for D22: a node's chain, followed again from the bodies as they are stored."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from cloud_sync.protocol import chain
from cloud_sync.store.engine import reading
from cloud_sync.store.sink_epoch import walk
from cloud_sync.store.tables import event, mark, tombstone
from cloud_sync.store.tables_archive import archived


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """What following one ledger's chain up to its mark found; ``first_break`` is None when it holds."""

    node: str
    epoch: str
    upto: int
    events: int
    declared_lost: int
    first_break: int | None


def verify_chain(engine: sa.Engine, community: str, node: str, epoch: str) -> ChainCheck:
    """Recompute every hash up to the mark; a changed, exchanged or vanished row shows as the first break.

    What left for files counts, and is believed up to the hash at which it ends (``archive.check_files`` proves them).
    """
    with reading(engine).connect() as db:
        key = (community, node, epoch)
        upto, mark_h = db.execute(sa.select(mark.c.upto, mark.c.h).where(*_is(mark, key))).one_or_none() or (
            0,
            chain.start(node, epoch).hex(),
        )
        holes = db.execute(
            sa.select(tombstone.c.lo, tombstone.c.hi, tombstone.c.h)
            .where(*_is(tombstone, key), tombstone.c.hi <= upto)
            .order_by(tombstone.c.hi)
        ).all()
        after, h_after, left = left_for_files(db, key)
        counted = _Counted(holes=[(lo, hi) for lo, hi, _ in holes], after=after)
        rows = db.execute(
            sa.select(event.c.seq, event.c.body, event.c.h)
            .where(*_is(event, key), event.c.seq <= upto)
            .order_by(event.c.seq)
        )
        h, broken = walk(
            h_after,
            after,
            counted.through((seq, _bytes(body), h) for seq, body, h in rows),
            [(hi, tomb_h) for _, hi, tomb_h in holes if hi > after],
        )
    first = counted.first_break(upto, broken[0] if broken else None)
    if first is None and (h is None or h.hex() != mark_h):
        first = upto
    events = left + counted.events
    return ChainCheck(node, epoch, upto, events, upto - events if first is None else 0, first)


def left_for_files(db: sa.Connection, key: tuple[str, str, str]) -> tuple[int, bytes, int]:
    """What left for files: up to which seq, the chain hash there, and how many events."""
    query = sa.select(archived.c.hi, archived.c.h, archived.c.kinds).where(*_is(archived, key))
    found = db.execute(query.order_by(archived.c.hi)).all()
    if not found:
        return 0, chain.start(key[1], key[2]), 0
    events = sum(sum(json.loads(one.kinds).values()) for one in found)
    return found[-1].hi, bytes.fromhex(found[-1].h), events


def verify_node(engine: sa.Engine, community: str, node: str) -> list[ChainCheck]:
    """Every ledger this node ever had."""
    with reading(engine).connect() as db:
        epochs = db.scalars(
            sa.select(mark.c.epoch).where(mark.c.community == community, mark.c.node == node)
        ).all()
    return [verify_chain(engine, community, node, epoch) for epoch in epochs]


def _is(table: sa.Table, key: tuple[str, str, str]) -> tuple[sa.ColumnElement[bool], ...]:
    columns = (table.c.community, table.c.node, table.c.epoch)
    return tuple(column == value for column, value in zip(columns, key, strict=True))


def _bytes(body: object) -> bytes:
    """SQLite keeps whatever type somebody wrote by hand; that is a finding, not a crash."""
    return body if isinstance(body, bytes) else str(body).encode()


class _Counted:
    """Counts rows as they stream by and notes the first seq that is neither stored nor declared lost."""

    def __init__(self, holes: list[tuple[int, int]], after: int = 0) -> None:
        self._holes = holes
        self._expected = after + 1
        self._absent: int | None = None
        self.events = 0

    def through(self, rows: Iterable[tuple[int, bytes, str]]) -> Iterable[tuple[int, bytes, str]]:
        for row in rows:
            self._skip_to(row[0])
            self.events += 1
            self._expected = row[0] + 1
            yield row

    def _skip_to(self, seq: int) -> None:
        while self._absent is None and self._expected < seq:
            ends = [hi for lo, hi in self._holes if lo <= self._expected <= hi]
            if not ends:
                self._absent = self._expected
                return
            self._expected = max(ends) + 1

    def first_break(self, upto: int, broken: int | None) -> int | None:
        self._skip_to(upto + 1)
        found = [seq for seq in (self._absent, broken) if seq is not None]
        return min(found, default=None)
