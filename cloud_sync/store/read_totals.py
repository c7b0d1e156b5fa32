"""Sums over the whole database for whoever watches the service: no person, no pass, only how much of what."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from cloud_sync.store.engine import reading
from cloud_sync.store.tables import (
    case_,
    command,
    conflict,
    counter,
    deadletter,
    discrepancy,
    erasure,
    gap,
    tombstone,
)


@dataclass(frozen=True, slots=True)
class Totals:
    """One consistent picture."""

    stored: Mapping[str, int]  # node → events stored since the database was made
    by_type: Mapping[str, int]
    missing: int  # events inside open gaps
    lost: int  # events declared lost by their node
    dead_letters: int
    conflicts: int
    discrepancies: Mapping[str, int]  # severity → open ones
    cases: int  # alerts and cases not closed
    commands_open: int
    erasures_owed: int


class StoredTotals:
    """Reads ``Totals``; every query is over small tables or ends in an index."""

    def __init__(self, engine: sa.Engine, community: str) -> None:
        self._engine = reading(engine)
        self._community = community

    def totals(self) -> Totals:
        """Raises StoreError where the database does not answer."""
        with self._engine.connect() as db:
            return Totals(
                stored=self._sums(db, counter.c.node, counter.c.n),
                by_type=self._sums(db, counter.c.type, counter.c.n),
                missing=self._sum(db, gap, gap.c.hi - gap.c.lo + 1),
                lost=self._sum(db, tombstone, tombstone.c.hi - tombstone.c.lo + 1),
                dead_letters=self._count(db, deadletter),
                conflicts=self._count(db, conflict),
                discrepancies=self._open_ones(db),
                cases=self._count(db, case_, case_.c.state != "CLOSED"),
                commands_open=self._count(db, command, command.c.state.in_(("QUEUED", "SENT"))),
                erasures_owed=self._count(db, erasure, erasure.c.acked_ms.is_(None)),
            )

    def _sums(self, db: sa.Connection, key: sa.Column[str], n: sa.Column[int]) -> dict[str, int]:
        table = key.table
        query = (
            sa.select(key, sa.func.sum(n))
            .where(table.c.community == self._community)
            .group_by(key)
            .order_by(key)
        )
        return {name: int(total) for name, total in db.execute(query)}

    def _sum(self, db: sa.Connection, table: sa.Table, n: sa.ColumnElement[int]) -> int:
        query = sa.select(sa.func.coalesce(sa.func.sum(n), 0)).where(table.c.community == self._community)
        return int(db.scalar(query) or 0)

    def _count(self, db: sa.Connection, table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
        query = (
            sa.select(sa.func.count()).select_from(table).where(table.c.community == self._community, *where)
        )
        return int(db.scalar(query) or 0)

    def _open_ones(self, db: sa.Connection) -> dict[str, int]:
        query = (
            sa.select(discrepancy.c.severity, sa.func.count())
            .where(discrepancy.c.community == self._community, discrepancy.c.state == "open")
            .group_by(discrepancy.c.severity)
        )
        return {severity: int(n) for severity, n in db.execute(query)}
