"""The community's ratios in brief, for programs that know them; every figure there is stands in ``figures``."""

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
class CommunityMetrics:
    """``as_of_ms`` is the watermark: how far the slowest node has told.  ``open``: (kind, severity, age) → how many."""

    as_of_ms: int
    ratios: tuple[Ratio, ...]
    spot_checks: Share
    open: dict[tuple[str, str, str], int]
