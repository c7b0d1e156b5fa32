"""The books read from the tables for reconciliation: whole for some subjects, in a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass

from cloud_sync.core.books import Books, Drained, StayBook
from cloud_sync.store.book_neighbours import NO_CODE, NeighbourLoader
from cloud_sync.store.book_nodes import NodeLoader
from cloud_sync.store.book_stays import Places, StayLoader
from cloud_sync.store.house import Act


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be judged.  ``spread``: what these stays change beside them too (the nodes on their way, later stays
    in their listing, their units); a sweep comes to those by itself.  ``paths``: every door's last day by kind of
    credential.
    """

    stays: Sequence[str] = ()
    nodes: Sequence[str] = ()
    topics: Sequence[str] = ()
    suspects: frozenset[str] = frozenset()  # units of which it is open whether they are let without a code
    spread: bool = True
    paths: bool = False


class Loader:
    """Reads within one transaction; everything has the time of its act."""

    def __init__(self, act: Act) -> None:
        self._act = act
        self._places = Places(act)
        self._nodes = NodeLoader(act, self._places)

    def drained(self) -> dict[str, Drained]:
        """How far every node has told."""
        return self._nodes.drained

    def roots(self) -> dict[str, str]:
        """What every node is to hold, in one word."""
        return {node: str(row.root) for node, row in self._nodes.sets.items()}

    def books(self, asked: Asked) -> Books:
        """The books about what is asked."""
        stays = StayLoader(self._act, self._places)
        beside = NeighbourLoader(self._act, stays)
        held = stays.stays(asked.stays) if asked.stays else ()
        nodes, topics = set(asked.nodes), set(asked.topics)
        if asked.spread and held:
            nodes |= {node for stay in held for node in stay.nodes}
            topics |= _units(held, stays, asked.suspects)
        return Books(
            now_ms=self._act.now_ms,
            drained=self.drained(),
            stays=held,
            nodes=self._nodes.nodes(sorted(nodes)),
            doors=self._nodes.doors(sorted(nodes)),
            listings=beside.listings(held, spread=asked.spread) if held else (),
            persons=beside.persons(held) if held else (),
            topics=beside.topics(sorted(topics)),
            paths=self._nodes.paths() if asked.paths else (),
            gates=self._places.gates(),
        )


def _units(held: Sequence[StayBook], stays: StayLoader, suspects: frozenset[str]) -> set[str]:
    """The units of these stays, where something was or is said of them."""
    units = {stay.unit for stay in held if stay.unit}
    uncoded = {stay.unit for stay in held if stay.unit and stay.listing_state in NO_CODE}
    return uncoded | {unit for unit in units if unit in stays.told} | (units & suspects)
