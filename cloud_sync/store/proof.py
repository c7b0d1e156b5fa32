"""The daily proof (sync.md §12): for every ledger what is held, what is declared lost, and whether the node's own
signed anchors agree with the chain as it is stored here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from cloud_sync.protocol.messages import Anchor
from cloud_sync.protocol.vouched import anchor_bytes
from cloud_sync.store.chain_check import left_for_files
from cloud_sync.store.engine import reading
from cloud_sync.store.sink_epoch import walk
from cloud_sync.store.sink_vouched import verified
from cloud_sync.store.tables import event, mark, tombstone
from cloud_sync.store.tables_vouched import anchor

Key = tuple[str, str, str]  # community, node, epoch


@dataclass(frozen=True, slots=True)
class Proof:
    """``events + lost = upto``; ``anchor`` is the newest that lies within and agrees, ``broken`` the first that does not."""

    node: str
    epoch: str
    upto: int
    events: int
    lost: int
    anchors: int
    anchor: int
    anchor_ms: int
    broken: int | None

    def line(self) -> str:
        """One sentence for a report."""
        said = (
            f"proof: {self.node} {self.epoch}: 1-{self.upto}, {self.events} events, {self.lost} declared lost"
        )
        if self.broken is not None:
            return f"{said}, and at {self.broken} the chain here is not what the node signed"
        if self.anchor:
            at = datetime.fromtimestamp(self.anchor_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            return f"{said}, as the node signed at {self.anchor} ({at})"
        return f"{said}, no anchor of the node yet"


def proofs(engine: sa.Engine) -> Iterator[Proof]:
    """One for every ledger any node ever had; slow, it follows every chain once."""
    with reading(engine).connect() as db:
        keys = db.execute(
            sa.select(mark.c.community, mark.c.node, mark.c.epoch).order_by(mark.c.node, mark.c.epoch)
        ).all()
        for key in keys:
            yield _proof(db, tuple(key))


def _proof(db: sa.Connection, key: Key) -> Proof:
    upto = db.execute(sa.select(mark.c.upto).where(*_is(mark, key))).scalar_one()
    events = db.execute(
        sa.select(sa.func.count()).select_from(event).where(*_is(event, key), event.c.seq <= upto)
    ).scalar_one()
    after, h, left = left_for_files(db, key)
    gone = anchors_agree(db, key, after)
    here = anchors_follow(db, key, after, h, upto)
    newest = here if here.seq else gone
    broken = gone.broken if gone.broken is not None else here.broken
    lost = upto - events - left
    told = gone.anchors + here.anchors
    return Proof(key[1], key[2], upto, events + left, lost, told, newest.seq, newest.at_ms, broken)


@dataclass(frozen=True, slots=True)
class Anchors:
    """How many there are within a stretch, the newest that agrees (0: none), and the first that does not."""

    anchors: int
    seq: int
    at_ms: int
    broken: int | None


def anchors_agree(db: sa.Connection, key: Key, upto: int) -> Anchors:
    """Anchors within what left for files: each agreed with its chain before the rows went (``archive``)."""
    holes = db.execute(sa.select(tombstone.c.lo, tombstone.c.hi).where(*_is(tombstone, key))).all()
    agreed, at_ms, broken = 0, 0, None
    told = _told(db, key, 0, upto)
    for row in told:
        if not _signed(row):
            broken = row.seq if broken is None else broken
        elif not any(lo <= row.seq < hi for lo, hi in holes):
            agreed, at_ms = row.seq, row.at_ms
    return Anchors(len(told), agreed, at_ms, broken)


def anchors_follow(db: sa.Connection, key: Key, after: int, h: bytes, upto: int) -> Anchors:
    """Anchors above ``after``, where the chain stands at ``h``, held against the chain as the rows give it."""
    at: bytes | None = h
    agreed, at_ms, broken = 0, 0, None
    told = _told(db, key, after, upto)
    for row in told:
        at = _hash_at(db, key, at, after, row.seq)
        after = row.seq
        if _signed(row) and (at is None or at.hex() == row.h):
            agreed, at_ms = (row.seq, row.at_ms) if at is not None else (agreed, at_ms)
        elif broken is None:
            broken = row.seq
    return Anchors(len(told), agreed, at_ms, broken)


def _told(db: sa.Connection, key: Key, after: int, upto: int) -> Sequence[sa.Row[Any]]:
    within = (anchor.c.seq > after, anchor.c.seq <= upto)
    return db.execute(sa.select(anchor).where(*_is(anchor, key), *within).order_by(anchor.c.seq)).all()


def _hash_at(db: sa.Connection, key: Key, h: bytes | None, after: int, seq: int) -> bytes | None:
    """The chain's hash at ``seq``, followed from ``after``; None inside a hole, where nothing can be said."""
    holes = db.execute(
        sa.select(tombstone.c.hi, tombstone.c.h)
        .where(*_is(tombstone, key), tombstone.c.hi > after, tombstone.c.hi <= seq)
        .order_by(tombstone.c.hi)
    ).all()
    rows = db.execute(
        sa.select(event.c.seq, event.c.body, event.c.h)
        .where(*_is(event, key), event.c.seq > after, event.c.seq <= seq)
        .order_by(event.c.seq)
    )
    last = after

    def followed() -> Iterator[tuple[int, bytes, str]]:
        nonlocal last
        for at, body, short in rows:
            last = at
            yield at, body if isinstance(body, bytes) else str(body).encode(), short

    found, _ = walk(h, after, followed(), [(hi, said) for hi, said in holes])
    last = max([last, *(hi for hi, _ in holes)])
    return found if last == seq else None


def _signed(row: sa.Row[Any]) -> bool:
    told = Anchor(seq=row.seq, h=row.h, sig=row.sig, at=row.at_ms)
    return verified(row.device_key, anchor_bytes(row.node, row.epoch, told), told.sig)


def _is(table: sa.Table, key: Key) -> tuple[sa.ColumnElement[bool], ...]:
    columns = (table.c.community, table.c.node, table.c.epoch)
    return tuple(column == value for column, value in zip(columns, key, strict=True))
