"""From where to where a door leads, and who crossed it: what zones are counted by.

Only a passage that was *taken* moves anybody.  Some move nobody we know: the exit button, a visitor whom staff let in,
a resident who is logged by class alone, a forced door, a release.
"""

from dataclasses import dataclass

from edge.core.door_types import Mode
from edge.core.events import CredentialKind, Direction, Fact, PassId

# While a door stands like this, people cross it and no fact says so.
FREE = frozenset({Mode.UNLOCKED, Mode.LOCKED_OPEN})
UNSEEN = frozenset(
    {"door.forced", "door.mode", "door.evacuate", "fire.release", "fire.reset", "access.tailgate"}
)


@dataclass(frozen=True, slots=True)
class Way:
    """A passage by credential leads from ``zone_from`` to ``zone_to``; the exit button the way out, whichever it is."""

    zone_from: str
    zone_to: str
    direction: Direction = "in"

    @property
    def zones(self) -> frozenset[str]:
        return frozenset({self.zone_from, self.zone_to})

    @property
    def leaves(self) -> bool:
        """The way out is not judged, whatever is configured."""
        return self.direction == "out"


@dataclass(frozen=True, slots=True)
class Crossing:
    """One person went from one zone into another; ``pass_id`` is None where nobody knows who it was."""

    pass_id: PassId | None
    zone_from: str
    zone_to: str


def crossing(way: Way, fact: Fact) -> Crossing | None:
    """Who crossed, or None where this fact moves nobody."""
    if fact.type != "access.taken":
        return None
    back = fact.credential_kind is CredentialKind.REX and not way.leaves
    ends = (way.zone_to, way.zone_from) if back else (way.zone_from, way.zone_to)
    return Crossing(fact.pass_id, *ends)


def shakes(way: Way, fact: Fact) -> bool:
    """Whether people may have crossed here whom nobody knows: what is recorded of both zones is not sure any more."""
    crossed = crossing(way, fact)
    return fact.type in UNSEEN or (crossed is not None and crossed.pass_id is None)
