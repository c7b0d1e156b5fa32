"""A door that stands unlocked at its hours, and whose first person has to be there before it does (access.md §4.4).

The schedule ranks below every person: it speaks once in an opening, and not at all once somebody commanded the door
in it.  Who came first is known from a passage that was *taken*, never from a grant that nobody used.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from edge.core.door_types import Mode
from edge.core.events import Fact
from edge.core.passes import SubjectClass

# Nobody else is asked to stand for a house that is open: a guest's or courier's passage opens it for nobody.
MAY_BE_FIRST = frozenset(
    {
        SubjectClass.RESIDENT,
        SubjectClass.LONG_TENANT,
        SubjectClass.OPERATOR,
        SubjectClass.MAINTENANCE,
        SubjectClass.GRID,
    }
)


class Wish(StrEnum):
    OPEN = "open"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class DoorHours:
    """``first_person``: one of these has to have gone through before the door stands open; empty: nobody has to."""

    schedule: str
    first_person: frozenset[SubjectClass] = frozenset()


@dataclass(frozen=True, slots=True)
class Standing:
    """What is remembered of a door with hours; times are UTC ms and count only within the opening they lie in."""

    first_ms: int | None = None  # somebody who may be first went in
    overruled_ms: int | None = None  # a person commanded the door


def heard(hours: DoorHours, standing: Standing, fact: Fact, now_ms: int) -> Standing:
    """What one fact of this door changes."""
    inward = fact.type == "access.taken" and fact.direction != "out"
    if inward and fact.cls in hours.first_person:
        return replace(standing, first_ms=now_ms)
    commanded = fact.actor is not None and fact.type.startswith(("door.", "fire.reset"))
    return replace(standing, overruled_ms=now_ms) if commanded else standing


def wish(
    hours: DoorHours, standing: Standing, since_ms: int | None, said_ms: int | None, mode: Mode
) -> Wish | None:
    """What the schedule asks of the door now.

    ``since_ms`` is where this opening began, None while closed; ``said_ms`` the opening in which the door was last
    asked to stand open, which a restart forgets, so that a door that boots locked in its hours is asked again.  A door
    that is busy (ACCESSED) or not yet up is asked later; one that a person or fire has in hand is left alone.
    """
    if since_ms is None:
        return Wish.CLOSE if said_ms is not None and mode is Mode.UNLOCKED else None
    if said_ms == since_ms or _before(since_ms, standing.overruled_ms):
        return None
    waits = bool(hours.first_person) and not _before(since_ms, standing.first_ms)
    return Wish.OPEN if mode is Mode.LOCKED and not waits else None


def _before(since_ms: int, at_ms: int | None) -> bool:
    return at_ms is not None and since_ms <= at_ms
