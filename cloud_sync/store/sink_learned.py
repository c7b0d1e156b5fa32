"""What the sink learned of a node and its next transaction has to know: in the database, so that any sink may go on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cloud_sync.store.sink_db import SinkDb

_READ = """
select refused, waiting_epoch, waiting_head, waiting_ms, bumped_gen from sink_node where community = ? and node = ?
"""
_WRITE = """
insert into sink_node (community, node, refused, waiting_epoch, waiting_head, waiting_ms, bumped_gen)
values (?, ?, ?, ?, ?, ?, ?)
on conflict (community, node) do update set
    refused = excluded.refused, waiting_epoch = excluded.waiting_epoch, waiting_head = excluded.waiting_head,
    waiting_ms = excluded.waiting_ms, bumped_gen = excluded.bumped_gen
"""


@dataclass(slots=True)
class OfNode:
    refused: str | None = None  # why nothing of it is believed
    waiting: tuple[str, int, int] | None = (
        None  # epoch, head, wall of its last hello, until all of that is here
    )
    bumped_gen: str | None = None  # the generation in which it was told to send again


class Learned:
    """Read at once for all nodes of a transaction, changed in place, written back once at its end."""

    def __init__(self, db: SinkDb, community: str) -> None:
        self._db = db
        self._community = community
        self._now: dict[str, OfNode] = {}
        self._before: dict[str, OfNode] = {}

    def look_up(self, nodes: Sequence[str]) -> None:
        found = self._db.ask_all(_READ, [(self._community, node) for node in nodes])
        for node, rows in zip(nodes, found, strict=True):
            self._now[node] = _of(*rows[0]) if rows else OfNode()
            self._before[node] = replace(self._now[node])

    def of(self, node: str) -> OfNode:
        """Of a node that was looked up."""
        return self._now[node]

    def bumped_in(self, sink_gen: str) -> int:
        """How many nodes were sent back in this generation, this transaction's among them."""
        rows = self._db.execute(
            "select node from sink_node where community = ? and bumped_gen = ?", (self._community, sink_gen)
        )
        stored = {node for (node,) in rows}
        return len(stored | {node for node, one in self._now.items() if one.bumped_gen == sink_gen})

    def write(self) -> None:
        for node in sorted(self._now):
            one = self._now[node]
            if one != self._before[node]:
                waiting = one.waiting or (None, None, None)
                self._db.execute(_WRITE, (self._community, node, one.refused, *waiting, one.bumped_gen))


def _of(refused: str | None, epoch: str | None, head: int, at_ms: int, bumped_gen: str | None) -> OfNode:
    return OfNode(refused, None if epoch is None else (epoch, head, at_ms), bumped_gen)
