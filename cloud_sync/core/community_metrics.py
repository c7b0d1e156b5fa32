"""The community's ratios (domain.md §12): each says its name, what was counted, of how many, and as of when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cloud_sync.core.policy import DAY_MS, HOUR_MS
from cloud_sync.core.spot_check import Share

AGES = (
    ("0-2 h", 2 * HOUR_MS),
    ("2-24 h", DAY_MS),
    ("1-3 d", 3 * DAY_MS),
    ("3-7 d", 7 * DAY_MS),
)
OLDEST = "over 7 d"
PROOFING_LEVELS = range(5)


@dataclass(frozen=True, slots=True)
class Ratio:
    """``denominator`` 0 means that there is nothing to say, not nought per cent."""

    name: str
    numerator: int
    denominator: int
    as_of_ms: int

    @property
    def share(self) -> float | None:
        return self.numerator / self.denominator if self.denominator else None


@dataclass(frozen=True, slots=True)
class Entered:
    """A member who went in: when first, and when and how well the registration was verified, if it was."""

    first_ms: int
    verified_ms: int | None
    proofing: int


@dataclass(frozen=True, slots=True)
class OpenOne:
    kind: str
    severity: str
    opened_ms: int


@dataclass(frozen=True, slots=True)
class CommunityMetrics:
    """``as_of_ms`` is the watermark: how far the slowest node has told.  ``open``: (kind, severity, age) → how many."""

    as_of_ms: int
    ratios: tuple[Ratio, ...]
    spot_checks: Share
    open: dict[tuple[str, str, str], int]


def registration_rate(entered: Sequence[Entered], as_of_ms: int) -> Ratio:
    """Members verified at or before their first way in, of all who went in (登记率)."""
    return Ratio("registration_rate", sum(map(_in_time, entered)), len(entered), as_of_ms)


def registration_by_level(entered: Sequence[Entered], as_of_ms: int) -> tuple[Ratio, ...]:
    """The same, split by the level of proof: the parts add up to the whole."""
    return tuple(
        Ratio(
            f"registration_rate.proofing_{level}",
            sum(_in_time(one) and one.proofing == level for one in entered),
            len(entered),
            as_of_ms,
        )
        for level in PROOFING_LEVELS
    )


def _in_time(one: Entered) -> bool:
    return one.verified_ms is not None and one.verified_ms <= one.first_ms


def coding_coverage(states: Mapping[str, int], confirmed_hidden: int, as_of_ms: int) -> Ratio:
    """Listings with a code, of these and of the units confirmed to be let without one (赋码覆盖率)."""
    active = states.get("ACTIVE", 0)
    return Ratio("coding_coverage", active, active + confirmed_hidden, as_of_ms)


def reconciled_stays(closed: int, with_open: int, as_of_ms: int) -> Ratio:
    """Stays that ended a day ago and more without anything open about them (账实一致率)."""
    return Ratio("stay_reconciliation_rate", closed - with_open, closed, as_of_ms)


def true_registration(share: Share, as_of_ms: int) -> Ratio:
    """Spot checks that found everybody registered (抽查真实率); its interval is the share's own."""
    return Ratio("true_registration_estimate", share.good, share.of, as_of_ms)


def open_by_age(found: Sequence[OpenOne], now_ms: int) -> dict[tuple[str, str, str], int]:
    """(kind, severity, age) → how many."""
    counts: dict[tuple[str, str, str], int] = {}
    for one in found:
        key = (one.kind, one.severity, age_of(now_ms - one.opened_ms))
        counts[key] = counts.get(key, 0) + 1
    return dict(sorted(counts.items()))


def age_of(age_ms: int) -> str:
    return next((name for name, most_ms in AGES if age_ms < most_ms), OLDEST)
