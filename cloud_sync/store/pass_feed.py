"""What changed of the passes since somebody last looked: lines written with each change, and what fell due by time."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.issue import is_due_at_nodes
from cloud_sync.ports import PassNews
from cloud_sync.store import tables
from cloud_sync.store.engine import reading
from cloud_sync.store.house import House
from cloud_sync.store.issuing import held_row

CHANGES_MAX = 5_000  # more at once wait for the next look
IDS_PER_QUERY = 500


class StoredPassFeed:
    """``PassSource`` on the community's books.  One reader at a time; another process may write at any time."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._doors: dict[str, str] = {}
        self._looked_ms = 0
        self._told: list[str] = []  # lines that were told, and are taken away at the next look

    def news(self, *, whole: bool) -> PassNews:
        """What may have changed since the last call, or everything."""
        now_ms = self._house.clock.now_ms()
        self._forget()
        with reading(self._house.engine).begin() as db:
            doors = self._read_doors(db)
            lines = self._lines(db)
            whole = whole or doors != self._doors or now_ms < self._looked_ms
            if whole:
                rows: dict[str, bytes | None] = dict(self.due(db, now_ms))
            else:
                ids = {str(line.pass_id) for line in lines} | self._fallen_due(db, now_ms)
                rows = self._of(db, sorted(ids), now_ms)
        self._doors, self._looked_ms = doors, now_ms
        self._told = [str(line.change) for line in lines]
        return PassNews(whole, rows, doors)

    def _mine(self, table: sa.Table) -> sa.ColumnElement[bool]:
        return table.c.community == self._house.community

    def _forget(self) -> None:
        table = tables.pass_change
        if not self._told:
            return
        with self._house.engine.begin() as db:
            for some in _some(self._told):
                db.execute(sa.delete(table).where(self._mine(table), table.c.change.in_(some)))
        self._told = []

    def _read_doors(self, db: sa.Connection) -> dict[str, str]:
        table = tables.access_point
        found = db.execute(sa.select(table.c.access_point, table.c.node).where(self._mine(table)))
        return {row[0]: row[1] for row in found}

    def _lines(self, db: sa.Connection) -> Sequence[Any]:
        table = tables.pass_change
        found = sa.select(table.c.change, table.c.pass_id).where(self._mine(table))
        return db.execute(found.order_by(table.c.change).limit(CHANGES_MAX)).all()

    def _fallen_due(self, db: sa.Connection, now_ms: int) -> set[str]:
        """Passes that came within the time nodes know them, or left it, since the last look."""
        table, profile = tables.pass_, self._house.profile
        since_ms = self._looked_ms
        comes = table.c.not_before_ms.between(since_ms + profile.preload_ms, now_ms + profile.preload_ms)
        goes = table.c.not_after_ms.between(
            since_ms - profile.erase_after_ms, now_ms - profile.erase_after_ms
        )
        found: set[str] = set()
        for crossed in (comes, goes):
            found |= set(db.execute(sa.select(table.c.pass_id).where(self._mine(table), crossed)).scalars())
        return found

    def _of(self, db: sa.Connection, ids: list[str], now_ms: int) -> dict[str, bytes | None]:
        table = tables.pass_
        rows: dict[str, bytes | None] = dict.fromkeys(ids)
        for some in _some(ids):
            mine = sa.select(table.c.pass_id, table.c.wire).where(
                self._mine(table), table.c.pass_id.in_(some)
            )
            for pass_id, wire in db.execute(mine):
                rows[pass_id] = self._if_due(bytes(wire), now_ms)
        return rows

    def due(self, db: sa.Connection, now_ms: int) -> Iterator[tuple[str, bytes]]:
        """Every pass that nodes are to hold now, as it travels."""
        table, profile = tables.pass_, self._house.profile
        found = sa.select(table.c.pass_id, table.c.wire).where(
            self._mine(table),
            table.c.not_before_ms - profile.preload_ms <= now_ms,
            table.c.not_after_ms + profile.erase_after_ms > now_ms,
        )
        for pass_id, wire in db.execute(found):
            raw = self._if_due(bytes(wire), now_ms)
            if raw is not None:
                yield pass_id, raw

    def _if_due(self, wire: bytes, now_ms: int) -> bytes | None:
        row = held_row(wire)
        return wire if row is not None and is_due_at_nodes(row, self._house.profile, now_ms) else None


def _some(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for i in range(0, len(ids), IDS_PER_QUERY):
        yield ids[i : i + IDS_PER_QUERY]
