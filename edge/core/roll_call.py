"""How many people may be in which room, for whoever has to look for them: places and numbers, nobody's name.

A node knows whose pass holds now and whom it saw going in or out at its own doors.  The first is the upper bound that a
fire brigade needs; who left by another node's door still stands in it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edge.core.clock import TimeSpan
from edge.core.events import AccessPointId, Direction, Fact, PassId
from edge.core.passes import Pass, PassState, SubjectClass, Window

SEEN_MAX = 20_000  # passes of a large community; the longest unseen are forgotten first
TAKEN = "access.taken"
# Who sleeps here; whoever works or delivers here is no party of a room.
AT_HOME = frozenset({SubjectClass.GUEST, SubjectClass.RESIDENT, SubjectClass.LONG_TENANT})
THERE = frozenset({PassState.ARMED, PassState.EXIT_ONLY})
EARLY_MS = 0  # who may come early has not come to the room


@dataclass(frozen=True, slots=True)
class Place:
    """One room, or what comes nearest to one: the doors that the fewest passes open, as far as this node can tell."""

    doors: tuple[AccessPointId, ...]
    people: int  # whose pass holds now
    seen_in: int  # of them last seen here going in
    seen_out: int  # of them last seen here going out


@dataclass(frozen=True, slots=True)
class Roll:
    """``since_ms``: from when on passages were seen; ``at_ms`` None where the node does not know the time."""

    places: tuple[Place, ...]
    since_ms: int
    at_ms: int | None


@dataclass(frozen=True, slots=True)
class NoRoll:
    """``wait_s`` 0: the code is another one; above it, too many wrong ones came before."""

    wait_s: int = 0


def note_passage(seen: dict[PassId, Direction], fact: Fact) -> None:
    """Keep which way somebody went last; a passage of nobody's pass says nothing."""
    if fact.type == TAKEN and fact.pass_id is not None and fact.direction in ("in", "out"):
        seen.pop(fact.pass_id, None)
        seen[fact.pass_id] = fact.direction
        while len(seen) > SEEN_MAX:
            del seen[next(iter(seen))]


def roll_call(passes: Iterable[Pass], seen: Mapping[PassId, Direction], when: TimeSpan) -> tuple[Place, ...]:
    """All places with somebody in them, in the order of their doors; the sums are whatever they add up to."""
    held = [one for one in passes if _is_there(one, when)]
    opened_by = Counter(door for one in held for door in one.scope)
    parties: dict[tuple[AccessPointId, ...], list[Pass]] = {}
    for one in held:
        parties.setdefault(_rarest(one, opened_by), []).append(one)
    return tuple(_place(doors, party, seen) for doors, party in sorted(parties.items()))


def _is_there(one: Pass, when: TimeSpan) -> bool:
    holds = one.window(when, EARLY_MS) is Window.WITHIN
    return one.cls in AT_HOME and one.state in THERE and holds and bool(one.scope)


def _rarest(one: Pass, opened_by: Mapping[AccessPointId, int]) -> tuple[AccessPointId, ...]:
    """Everybody's pass opens the gate, a stairway's the entrance, and only the party's the room."""
    fewest = min(opened_by[door] for door in one.scope)
    return tuple(sorted(door for door in one.scope if opened_by[door] == fewest))


def _place(doors: tuple[AccessPointId, ...], party: list[Pass], seen: Mapping[PassId, Direction]) -> Place:
    ways = Counter(seen.get(one.pass_id) for one in party)
    return Place(doors, len(party), ways["in"], ways["out"])
