"""How old the node's knowledge may be, per subject class (access.md §7).  Exit is never asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import assert_never

from edge.core.clock import DAY_MS
from edge.core.events import ClockState
from edge.core.passes import SubjectClass


class Freshness(StrEnum):
    FRESH = "FRESH"
    STALE = "STALE"
    EXPIRED = "EXPIRED"


class Rule(StrEnum):
    """The rows of the table of access.md §7."""

    BY_AGE = "by age of the last contact"
    BY_WINDOW = "until not_after"
    SIGNED_CODE = "signed code only, once contact is lost"
    TWO_FACTORS = "never ends; two factors once stale"
    ALWAYS = "always"


RULE: Mapping[SubjectClass, Rule] = MappingProxyType(
    {
        SubjectClass.RESIDENT: Rule.BY_AGE,
        SubjectClass.LONG_TENANT: Rule.BY_AGE,
        SubjectClass.GUEST: Rule.BY_WINDOW,
        SubjectClass.DAY_VISITOR: Rule.SIGNED_CODE,
        SubjectClass.COURIER: Rule.SIGNED_CODE,
        SubjectClass.OPERATOR: Rule.TWO_FACTORS,
        SubjectClass.MAINTENANCE: Rule.TWO_FACTORS,
        SubjectClass.GRID: Rule.TWO_FACTORS,
        SubjectClass.EMERGENCY: Rule.ALWAYS,  # such a pass lives 60 minutes at most: its window is its limit
    }
)

FRESH_MAX_MS = 7 * DAY_MS
STALE_MAX_MS = 30 * DAY_MS


def contact_age_ms(latest_ms: int, head_issued_ms: int | None) -> int | None:
    """Age of the newest verified head, by the latest it can be now; None when there never was one."""
    return None if head_issued_ms is None else max(0, latest_ms - head_issued_ms)


# What these rules give does not end with the lease: an operator or a rescuer has to get in where nothing else works.
BEYOND_THE_LEASE = frozenset({Rule.TWO_FACTORS, Rule.ALWAYS})


@dataclass(frozen=True, slots=True)
class Lease:
    """Until when the newest verified head lends the passes to this node (sync.md §7.4); None before the first head.

    It ends by the latest it can be now.  Where the time of day is not believed, what is known for certain (``floor_ms``)
    counts instead: access.md §8 gives such a node its longest outage from the last signed word, which is this same end.
    """

    until_ms: int | None

    def left_ms(self, clock: ClockState, now_ms: int, bound_ms: int, floor_ms: int) -> int | None:
        """What is left; at 0 nothing is honoured any more that a revocation could have taken away meanwhile."""
        if self.until_ms is None:
            return None
        latest_ms = floor_ms if clock is ClockState.UNTRUSTED else max(floor_ms, now_ms + bound_ms)
        return max(0, self.until_ms - latest_ms)


def freshness(
    cls: SubjectClass,
    age_ms: int | None,
    *,
    online: bool,
    signed_code: bool,
    window_over: bool,
    lease_over: bool = False,
) -> Freshness:
    """FRESH, STALE or EXPIRED; ``age_ms`` None is older than any limit."""
    if lease_over and RULE[cls] not in BEYOND_THE_LEASE:
        return Freshness.EXPIRED
    match RULE[cls]:
        case Rule.BY_AGE:
            return _by_age(age_ms)
        case Rule.BY_WINDOW:
            return Freshness.EXPIRED if window_over else Freshness.FRESH
        case Rule.SIGNED_CODE:
            return Freshness.FRESH if online or signed_code else Freshness.EXPIRED
        case Rule.TWO_FACTORS:
            fresh = _by_age(age_ms) is Freshness.FRESH
            return Freshness.FRESH if fresh else Freshness.STALE
        case Rule.ALWAYS:
            return Freshness.FRESH
        case rule:
            assert_never(rule)


@dataclass(frozen=True, slots=True)
class Countdown:
    """How a class stands now, and how long until that changes for the worse; None: time alone does not change it."""

    state: Freshness
    stale_in_ms: int | None
    expires_in_ms: int | None


def countdown(
    cls: SubjectClass, age_ms: int | None, *, online: bool, lease_left_ms: int | None = None
) -> Countdown:
    """For a person at the node: what ends when, if no news comes.  Guests end by their own passes, one by one.

    ``lease_left_ms`` is what is left of the lease, 0 when it is over, None before there was one.
    """
    over = lease_left_ms == 0
    state = freshness(cls, age_ms, online=online, signed_code=False, window_over=False, lease_over=over)
    stale_ms, expires_ms = (
        None if age_ms is None else max(0, limit_ms - age_ms) for limit_ms in (FRESH_MAX_MS, STALE_MAX_MS)
    )
    match RULE[cls]:
        case Rule.BY_AGE:
            return Countdown(state, stale_ms or 0, _sooner(expires_ms or 0, lease_left_ms))
        case Rule.TWO_FACTORS:
            return Countdown(state, stale_ms or 0, None)
        case Rule.SIGNED_CODE:
            return Countdown(state, None, 0)  # the moment contact is lost, the signed code alone counts
        case Rule.BY_WINDOW:
            return Countdown(state, None, lease_left_ms)
        case Rule.ALWAYS:
            return Countdown(state, None, None)
        case rule:
            assert_never(rule)


def countdowns(
    age_ms: int | None, *, online: bool, lease_left_ms: int | None = None
) -> Mapping[SubjectClass, Countdown]:
    return {cls: countdown(cls, age_ms, online=online, lease_left_ms=lease_left_ms) for cls in SubjectClass}


def _sooner(ends_ms: int, lease_left_ms: int | None) -> int:
    return ends_ms if lease_left_ms is None else min(ends_ms, lease_left_ms)


def _by_age(age_ms: int | None) -> Freshness:
    if age_ms is None or age_ms > STALE_MAX_MS:
        return Freshness.EXPIRED
    return Freshness.FRESH if age_ms <= FRESH_MAX_MS else Freshness.STALE


def link_state(freshness: Freshness, *, online: bool) -> str:
    """The link region as a decision saw it: ONLINE or OFFLINE_<freshness for this class>."""
    return "ONLINE" if online else f"OFFLINE_{freshness}"
