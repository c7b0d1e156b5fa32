"""Weekly hours with holidays, in the community's own time: is this open now, since when, and when does it open next?

Nothing here reads a clock or knows a time zone: ``ToLocal`` is handed in and turns UTC milliseconds into the local date
and minute.  A night in which the clocks change needs no rule of its own: hours are always asked for by the minute that
stands on the wall, so an hour that does not exist is never open and one that comes twice is open twice.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

MINUTE_MS = 60_000
DAY_MINUTES = 1_440
# Offsets of time zones change at whole quarters of an hour of UTC, so within one of them local minutes run on evenly.
QUARTER_MS = 15 * MINUTE_MS
# How far ahead the next opening is looked for, and how far back the beginning of this one: longer than any run of
# holidays, and bounded.
AHEAD_QUARTERS = 31 * 96
BACK_QUARTERS = 8 * 96

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"(?:(\w{3})(?:-(\w{3}))? )?(\d\d):(\d\d)-(\d\d):(\d\d)")


@dataclass(frozen=True, slots=True)
class Local:
    """A minute as the clock on the wall shows it; ``minute`` counts from midnight."""

    day: date
    minute: int


ToLocal = Callable[[int], Local]


@dataclass(frozen=True, slots=True)
class Hours:
    """From ``start`` up to and without ``end``, in minutes of a day, on these weekdays (Monday is 0)."""

    days: frozenset[int]
    start: int
    end: int


def read_hours(text: str) -> Hours:
    """``mon-fri 08:00-18:00``, ``sun 10:00-24:00`` or, for every day, ``06:30-22:00``.

    Raises:
        ValueError: not of this shape, or an end that is not after its start; hours over midnight are two.
    """
    found = _HOURS.fullmatch(text.strip().lower())
    if found is None or any(day not in (None, *DAYS) for day in found.groups()[:2]):
        raise ValueError(f"hours {text!r} are not like 'mon-fri 08:00-18:00' (days mon to sun)")
    first, last, *clock = found.groups()
    start, end = (60 * int(clock[i]) + int(clock[i + 1]) for i in (0, 2))
    if not start < end <= DAY_MINUTES or max(int(clock[1]), int(clock[3])) > 59:
        raise ValueError(f"hours {text!r} do not end after they start; write hours over midnight as two")
    return Hours(_days(first, last), start, end)


def _days(first: str | None, last: str | None) -> frozenset[int]:
    if first is None:
        return frozenset(range(7))
    start, end = DAYS.index(first), DAYS.index(last or first)
    return frozenset((start + i) % 7 for i in range((end - start) % 7 + 1))


@dataclass(frozen=True, slots=True)
class Schedule:
    """Named hours; on a holiday there are none, unless they run ``through_holidays``."""

    name: str
    hours: tuple[Hours, ...]
    through_holidays: bool = False

    def is_open(self, now: Local, holidays: frozenset[date]) -> bool:
        return any(start <= now.minute < end for start, end in self.spans(now.day, holidays))

    def spans(self, day: date, holidays: frozenset[date]) -> list[tuple[int, int]]:
        """The open minutes of one day."""
        if day in holidays and not self.through_holidays:
            return []
        return [(one.start, one.end) for one in self.hours if day.weekday() in one.days]


def written_out(text: str) -> Schedule | None:
    """A pass may carry its hours itself, such as ``07:00-21:00``, for every day; None where the word is a name."""
    try:
        return Schedule(text, (read_hours(text),), through_holidays=True)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Calendar:
    """All schedules of a node, its holidays, and its community's time."""

    to_local: ToLocal
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    holidays: frozenset[date] = frozenset()

    def named(self, name: str) -> Schedule | None:
        """The schedule of this name, else the hours that the word itself says."""
        return self.schedules.get(name) or written_out(name)

    def is_open(self, name: str, now_ms: int) -> bool:
        """Whether a schedule is open; one that nobody knows never is."""
        schedule = self.named(name)
        return schedule is not None and schedule.is_open(self.to_local(now_ms), self.holidays)

    def opens_ms(self, name: str, now_ms: int) -> int | None:
        """The minute in which it next opens, in UTC ms; ``now_ms`` where it is open; None within 31 days."""
        schedule = self.named(name)
        if schedule is None:
            return None
        if self.is_open(name, now_ms):
            return now_ms
        at_ms = now_ms - now_ms % MINUTE_MS
        for _ in range(AHEAD_QUARTERS):
            end_ms = at_ms - at_ms % QUARTER_MS + QUARTER_MS
            found = self._first_open(schedule, at_ms, end_ms)
            if found is not None:
                return found
            at_ms = end_ms
        return None

    def _first_open(self, schedule: Schedule, at_ms: int, end_ms: int) -> int | None:
        """The first open minute of [at, end), which lies within one quarter."""
        local = self.to_local(at_ms)
        last = local.minute + (end_ms - at_ms) // MINUTE_MS - 1
        starts = [
            max(start, local.minute)
            for start, end in schedule.spans(local.day, self.holidays)
            if start <= last and end > local.minute
        ]
        return at_ms + (min(starts) - local.minute) * MINUTE_MS if starts else None

    def since_ms(self, name: str, now_ms: int) -> int | None:
        """Where this opening began, to the minute; None while closed.  Looked for 8 days back, no further."""
        schedule = self.named(name)
        if schedule is None or not self.is_open(name, now_ms):
            return None
        at_ms = now_ms - now_ms % MINUTE_MS
        for _ in range(BACK_QUARTERS):
            begin_ms = (at_ms - 1) - (at_ms - 1) % QUARTER_MS
            shut = self._last_shut(schedule, begin_ms, at_ms)
            if shut is not None:
                return shut + MINUTE_MS
            at_ms = begin_ms
        return at_ms

    def _last_shut(self, schedule: Schedule, begin_ms: int, end_ms: int) -> int | None:
        """The last shut minute of [begin, end), which lies within one quarter."""
        first = self.to_local(begin_ms)
        spans = schedule.spans(first.day, self.holidays)
        for number in range((end_ms - begin_ms) // MINUTE_MS - 1, -1, -1):
            if not any(start <= first.minute + number < end for start, end in spans):
                return begin_ms + number * MINUTE_MS
        return None
