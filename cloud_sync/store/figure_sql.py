"""What every figure is counted with: one moment's picture, counts, quantiles that the database takes itself, and rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.figures import ROWS_MAX, SPECS, AsOf, Figure, FigureRow
from cloud_sync.store import tables
from cloud_sync.store.house import House

QUANTILES = (50, 90, 95)


@dataclass(frozen=True, slots=True)
class Look:
    """One connection, one moment, one period."""

    db: sa.Connection
    house: House
    now_ms: int
    since_ms: int
    told_ms: int  # the watermark
    until_ms: int  # the end of the period: now, or earlier where a week that is over is asked for

    def within(self, moment: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Whether it fell into the period."""
        return moment.between(self.since_ms, self.until_ms)

    def mine(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        return table.c.community == self.house.community

    def number(self, query: sa.Select[*tuple[Any, ...]]) -> int:
        """The one value of a question, 0 for none."""
        return int(self.db.execute(query).scalar() or 0)

    def count(self, table: sa.FromClause, *where: sa.ColumnElement[bool]) -> int:
        return self.number(sa.select(sa.func.count()).select_from(table).where(self.mine(table), *where))

    def counts(self, query: sa.Select[*tuple[Any, ...]]) -> dict[Any, int]:
        """The rows of a question for (key, how many)."""
        return {row[0]: int(row[1]) for row in self.db.execute(query)}

    def figure(
        self, name: str, numerator: int, denominator: int | None, *part: str, as_of_ms: int | None = None
    ) -> Figure:
        told = SPECS[name].as_of is AsOf.TOLD
        moment = as_of_ms if as_of_ms is not None else self.told_ms if told else self.now_ms
        return Figure(name, numerator, denominator, moment, part)


@dataclass(frozen=True, slots=True)
class Spans:
    """How many there are, and the values below which half, nine tenths and nineteen twentieths of them lie."""

    n: int = 0
    median: int = 0
    p90: int = 0
    p95: int = 0


def spans(look: Look, values: sa.Select[Any]) -> Mapping[str, Spans]:
    """By the first column of ``values`` the nearest-rank quantiles of its second."""
    given = values.subquery()
    part, value = given.c
    ranked = sa.select(
        part.label("part"),
        value.label("value"),
        sa.func.row_number().over(partition_by=part, order_by=value).label("place"),
        sa.func.count().over(partition_by=part).label("n"),
    ).subquery()
    n = ranked.c.n
    at = [sa.func.max(sa.case((ranked.c.place == (n * q + 99) // 100, ranked.c.value))) for q in QUANTILES]
    query = sa.select(ranked.c.part, n, *at).group_by(ranked.c.part, n)
    return {row[0]: Spans(*(int(value) for value in row[1:])) for row in look.db.execute(query)}


def listed(look: Look, query: sa.Select[Any]) -> Iterator[FigureRow]:
    """The first rows of a question; its columns ``counts`` and ``of`` are what each adds, 1 where it does not say."""
    for row in look.db.execute(query.limit(ROWS_MAX)).mappings():
        cells = dict(row)
        counts, of = cells.pop("counts", 1), cells.pop("of", 1)
        yield FigureRow(int(counts or 0), int(of or 0), cells)


def whole() -> sa.ColumnElement[str]:
    """The part of a question that has only one."""
    return sa.cast(sa.literal(""), sa.Text)


def same(left: sa.FromClause, right: sa.FromClause, *keys: str) -> sa.ColumnElement[bool]:
    """The join of two tables of one community."""
    return sa.and_(*(left.c[key] == right.c[key] for key in ("community", *keys)))


def watermark(db: sa.Connection, community: str, now_ms: int) -> int:
    """How far the slowest registered node has told; a node that never told anything holds it at 0."""
    node, state = tables.node, tables.node_state
    told = sa.func.coalesce(state.c.drained_through_ms, 0)
    query = (
        sa.select(sa.func.min(told))
        .select_from(node.outerjoin(state, same(node, state, "node")))
        .where(node.c.community == community)
    )
    found = db.execute(query).scalar()
    return now_ms if found is None else int(found)
