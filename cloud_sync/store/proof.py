"""The daily proof (sync.md §12): for every ledger what is held, what is declared lost, and whether the node's own
signed anchors agree with the chain as it is stored here."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from cloud_sync.protocol import chain
from cloud_sync.protocol.messages import Anchor
from cloud_sync.protocol.vouched import anchor_bytes
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
    told = db.execute(
        sa.select(anchor).where(*_is(anchor, key), anchor.c.seq <= upto).order_by(anchor.c.seq)
    ).all()
    h: bytes | None = chain.start(key[1], key[2])
    after, agreed, agreed_ms = 0, 0, 0
    broken: int | None = None
    for row in told:
        h = _hash_at(db, key, h, after, row.seq)
        after = row.seq
        if _signed(row) and (h is None or h.hex() == row.h):
            agreed, agreed_ms = (row.seq, row.at_ms) if h is not None else (agreed, agreed_ms)
        elif broken is None:
            broken = row.seq
    return Proof(key[1], key[2], upto, events, upto - events, len(told), agreed, agreed_ms, broken)


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


def _signed(row: sa.Row[tuple[object, ...]]) -> bool:
    told = Anchor(seq=row.seq, h=row.h, sig=row.sig, at=row.at_ms)
    return verified(row.device_key, anchor_bytes(row.node, row.epoch, told), told.sig)


def _is(table: sa.Table, key: Key) -> tuple[sa.ColumnElement[bool], ...]:
    columns = (table.c.community, table.c.node, table.c.epoch)
    return tuple(column == value for column, value in zip(columns, key, strict=True))
