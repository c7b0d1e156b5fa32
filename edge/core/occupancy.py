"""How many may be in a space: a laundry, a gym, a store room.  Never a dwelling (access.md §5 step 12).

Counted by passages taken, in and out, the exit button included.  A count drifts (two through one opening, a door that
stood open), so it never goes below nobody and begins anew at 04:00 with anti-passback's forgiveness.
"""

from dataclasses import dataclass
from datetime import date

from edge.core.decision_types import Ruling
from edge.core.ways import Crossing, Way

# Kinds of door that lead into somebody's home; people counts never deny entry there.
DWELLINGS = frozenset({"room", "unit"})


@dataclass(frozen=True, slots=True)
class Count:
    """People in one space, as counted since ``night`` began."""

    people: int
    night: date


def people_now(count: Count | None, night: date) -> int:
    return count.people if count is not None and count.night == night else 0


def after(count: Count | None, zone: str, crossed: Crossing, night: date) -> Count | None:
    """The count of ``zone`` after somebody crossed; None where the crossing has nothing to do with it."""
    if crossed.zone_from == crossed.zone_to or zone not in (crossed.zone_from, crossed.zone_to):
        return None
    people = people_now(count, night)
    return Count(people + 1 if zone == crossed.zone_to else max(0, people - 1), night)


def judged(way: Way, limit: int | None, count: Count | None, night: date) -> Ruling:
    """Whether one more may go in; the way out is never judged."""
    if limit is None or way.leaves:
        return Ruling.NOT_CONFIGURED
    return Ruling.MET if people_now(count, night) < limit else Ruling.BROKEN
