"""When it is looked whether passes have arrived where they will be needed, and what keeps a node from being ready.

Twice a day by the community's own clock (domain.md §5.6): at 08:00 for everything needed until the next 08:00, at 22:00
for everything needed until the next day has ended.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

MORNING, EVENING = time(8), time(22)


class Unready(StrEnum):
    """Why a node is not ready for the guests of a day."""

    MISSING = "missing"  # a pass has no receipt for the version it has now
    OFFLINE = "offline"  # it is not heard: what is taken away today would not reach it
    LEASE = "lease"  # what it holds is lent, and the lease ends before the day does


@dataclass(frozen=True, slots=True)
class Check:
    """One look: due at ``at_ms``, for every pass needed until ``until_ms``."""

    at_ms: int
    until_ms: int


def newest_check(now_ms: int, zone: tzinfo) -> Check:
    """The check that was due last."""
    day = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone).date()
    return next(
        check
        for back in range(3)  # a clock set back at the hour itself may make a day begin late
        for check in _of_day(day - timedelta(days=back), zone)
        if check.at_ms <= now_ms
    )


def _of_day(day: date, zone: tzinfo) -> Iterator[Check]:
    """Both of one day, the later first."""
    next_day = day + timedelta(days=1)
    yield Check(_moment(day, EVENING, zone), _moment(next_day + timedelta(days=1), time(0), zone))
    yield Check(_moment(day, MORNING, zone), _moment(next_day, MORNING, zone))


def _moment(day: date, at: time, zone: tzinfo) -> int:
    return round(datetime.combine(day, at, zone).timestamp() * 1000)


def unready(*, missing: int, online: bool, lease_ends_ms: int | None, until_ms: int) -> tuple[Unready, ...]:
    """What is amiss at a node with passes that are needed; nothing where it is ready."""
    found = (
        (Unready.MISSING, missing > 0),
        (Unready.OFFLINE, not online),
        (Unready.LEASE, lease_ends_ms is not None and lease_ends_ms < until_ms),
    )
    return tuple(why for why, holds in found if holds)
