"""What is booked for the days ahead, beside what became of the days behind: every number is a count of stays."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from cloud_sync.core.lifecycles import StayState

DAYS = 7  # so many behind today, and so many from today on
CANCELLED = frozenset({StayState.CANCELLED_BEFORE, StayState.CANCELLED_DURING})
NEVER_CAME = CANCELLED | {StayState.NO_SHOW}


class What(StrEnum):
    KNOWN = "known"  # expected, and booked before the day began
    EXPECTED = "expected"
    ARRIVED = "arrived"
    LEAVING = "leaving"
    LEFT = "left"
    NIGHT = "night"  # booked for the night that begins on this day
    SEEN = "seen"  # came in before that night's end, and had not checked out by then


@dataclass(frozen=True, slots=True)
class StayFact:
    """One stay as the books have it now; ``first_ms``: its first entry at a door."""

    stay: str
    room: str
    state: str
    people: int
    received_ms: int
    planned_ms: int
    until_ms: int
    first_ms: int | None
    left_ms: int | None


@dataclass(frozen=True, slots=True)
class ForecastDay:
    """One day between two midnights; ``over``: it has ended, so that what came can be laid beside what was booked."""

    day: date
    over: bool
    found: dict[What, tuple[StayFact, ...]]

    def count(self, what: What) -> int:
        return len(self.found[what])

    @property
    def people(self) -> int:
        """Booked for the night."""
        return sum(fact.people for fact in self.found[What.NIGHT])


@dataclass(frozen=True, slots=True)
class Forecast:
    """``told_ms`` is the watermark: arrivals after it may be missing."""

    now_ms: int
    told_ms: int
    today: date
    days: tuple[ForecastDay, ...]


def day_from(facts: Iterable[StayFact], day: date, starts_ms: int, ends_ms: int, now_ms: int) -> ForecastDay:
    tests: dict[What, Callable[[StayFact], bool]] = {
        What.EXPECTED: lambda one: one.state not in CANCELLED and starts_ms <= one.planned_ms < ends_ms,
        What.LEAVING: lambda one: one.state not in NEVER_CAME and starts_ms <= one.until_ms < ends_ms,
        What.NIGHT: lambda one: one.state not in NEVER_CAME and one.planned_ms < ends_ms < one.until_ms,
    }
    all_ = tuple(facts)
    found = {what: tuple(one for one in all_ if holds(one)) for what, holds in tests.items()}
    expected, leaving = found[What.EXPECTED], found[What.LEAVING]
    found[What.KNOWN] = tuple(one for one in expected if one.received_ms < starts_ms)
    found[What.ARRIVED] = tuple(one for one in expected if one.first_ms is not None)
    found[What.LEFT] = tuple(one for one in leaving if one.left_ms is not None)
    found[What.SEEN] = tuple(one for one in all_ if _there(one, ends_ms))
    return ForecastDay(day, ends_ms <= now_ms, found)


def _there(one: StayFact, ends_ms: int) -> bool:
    came = one.first_ms is not None and one.first_ms < ends_ms
    return came and (one.left_ms is None or one.left_ms > ends_ms) and one.until_ms > ends_ms
