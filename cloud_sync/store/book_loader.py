"""The books read from the tables for reconciliation: whole for some subjects, in a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import sqlalchemy as sa

from cloud_sync.core.books import Books, ClockName, Drained
from cloud_sync.store import tables
from cloud_sync.store.book_neighbours import NeighbourLoader
from cloud_sync.store.book_nodes import NodeLoader
from cloud_sync.store.book_stays import StayLoader, ways_of
from cloud_sync.store.house import Act

GATES = frozenset({"gate", "garage"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be judged.  ``spread``: what these stays change for their neighbours too; a sweep comes to those
    by itself.  ``paths``: every door's last day by kind of credential.
    """

    stays: Sequence[str] = ()
    nodes: Sequence[str] = ()
    topics: Sequence[str] = ()
    spread: bool = True
    paths: bool = False


class Loader:
    """Reads within one transaction; everything has the time of its act."""

    def __init__(self, act: Act) -> None:
        self._act = act

    def books(self, asked: Asked) -> Books:
        """The books about what is asked."""
        stays, nodes = StayLoader(self._act), NodeLoader(self._act)
        beside = NeighbourLoader(self._act, stays)
        held = stays.stays(asked.stays) if asked.stays else ()
        return Books(
            now_ms=self._act.now_ms,
            drained=self.drained(),
            stays=held,
            nodes=nodes.nodes(asked.nodes),
            doors=nodes.doors(asked.nodes),
            listings=beside.listings(held, spread=asked.spread) if held else (),
            persons=beside.persons(held) if held else (),
            topics=beside.topics(asked.topics),
            paths=nodes.paths() if asked.paths else (),
            gates=self._gates() if held else frozenset(),
        )

    def drained(self) -> dict[str, Drained]:
        """How far every node has told."""
        table = tables.node_state
        columns = (table.c.node, table.c.drained_through_ms, table.c.clock_state, table.c.clock_bound_ms)
        query = sa.select(*columns).where(table.c.community == self._act.house.community)
        return {
            row.node: Drained(row.drained_through_ms, cast("ClockName", row.clock_state), row.clock_bound_ms)
            for row in self._act.connection.execute(query)
        }

    def nodes_on_the_way(self, stays: Sequence[str]) -> set[str]:
        """The nodes whose doors lead to the rooms of these stays."""
        table = tables.stay
        query = sa.select(table.c.room).where(
            table.c.community == self._act.house.community, table.c.stay.in_(stays)
        )
        rooms = set(self._act.connection.execute(query).scalars())
        return {node for way in ways_of(self._act, rooms).values() for node in way} if rooms else set()

    def _gates(self) -> frozenset[str]:
        table = tables.access_point
        query = sa.select(table.c.access_point).where(
            table.c.community == self._act.house.community, table.c.kind.in_(GATES)
        )
        return frozenset(self._act.connection.execute(query).scalars())
