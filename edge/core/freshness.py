"""How old the node's knowledge may be, per subject class (access.md §7).  Exit is never asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import assert_never

from edge.core.clock import DAY_MS
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


def freshness(
    cls: SubjectClass, age_ms: int | None, *, online: bool, signed_code: bool, window_over: bool
) -> Freshness:
    """FRESH, STALE or EXPIRED; ``age_ms`` None is older than any limit."""
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


def countdown(cls: SubjectClass, age_ms: int | None, *, online: bool) -> Countdown:
    """For a person at the node: what ends when, if no news comes.  Guests end by their own passes, one by one."""
    state = freshness(cls, age_ms, online=online, signed_code=False, window_over=False)
    stale_ms, expires_ms = (
        None if age_ms is None else max(0, limit_ms - age_ms) for limit_ms in (FRESH_MAX_MS, STALE_MAX_MS)
    )
    match RULE[cls]:
        case Rule.BY_AGE:
            return Countdown(state, stale_ms or 0, expires_ms or 0)
        case Rule.TWO_FACTORS:
            return Countdown(state, stale_ms or 0, None)
        case Rule.SIGNED_CODE:
            return Countdown(state, None, 0)  # the moment contact is lost, the signed code alone counts
        case Rule.BY_WINDOW | Rule.ALWAYS:
            return Countdown(state, None, None)
        case rule:
            assert_never(rule)


def countdowns(age_ms: int | None, *, online: bool) -> Mapping[SubjectClass, Countdown]:
    return {cls: countdown(cls, age_ms, online=online) for cls in SubjectClass}


def _by_age(age_ms: int | None) -> Freshness:
    if age_ms is None or age_ms > STALE_MAX_MS:
        return Freshness.EXPIRED
    return Freshness.FRESH if age_ms <= FRESH_MAX_MS else Freshness.STALE


def link_state(freshness: Freshness, *, online: bool) -> str:
    """The link region as a decision saw it: ONLINE or OFFLINE_<freshness for this class>."""
    return "ONLINE" if online else f"OFFLINE_{freshness}"
