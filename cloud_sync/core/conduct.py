"""Rules of conduct, the points they take, and the bands (domain.md §§5.9, 5.10, invariant 6).  Data and arithmetic.

Nothing here knows a door: points, bands and sanctions act on a listing's state, and only people make them act.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from cloud_sync.core.lifecycles_conduct import PointsState
from cloud_sync.core.policy import DAY_MS

CONFIRM_WITHIN_MS = 14 * DAY_MS  # a proposal nobody confirmed by then is dismissed
APPEAL_DECIDED_WITHIN_MS = 5 * DAY_MS
POINTS_LAST_MS = 365 * DAY_MS
TIERS = (1, 2, 3, 4)
LIGHT_TIERS = frozenset({1, 2})  # one named officer; the others need two
# What each tier does to the listing: the event of its life-cycle (domain.md §5.1).
EVENT_OF_TIER: Mapping[int, str] = MappingProxyType(
    {1: "warn", 2: "order rectification", 3: "deduct deposit", 4: "ban"}
)


class Band(StrEnum):
    GREEN = "green"
    BLUE = "blue"
    YELLOW = "yellow"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule at one version.  ``points``: how many it takes; ``tier``: the step of the ladder it may lead to, 0 none."""

    id: str
    version: int
    category: str
    zh: str
    en: str
    evidence: str
    points: int
    tier: int = 0


@dataclass(frozen=True, slots=True)
class BandTable:
    """From how many points on a listing stands in a band; the highest floor first."""

    version: int
    start: int
    floors: tuple[tuple[int, Band], ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """One entry as the ledger has it: enough to count it or to leave it out."""

    delta: int
    state: PointsState
    effective_ms: int | None
    expires_ms: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """``balance`` is the sum of what counts now; ``left`` what remains of the start, never below zero."""

    balance: int
    left: int
    band: Band
    table_version: int


BANDS = BandTable(1, 10, ((10, Band.GREEN), (6, Band.BLUE), (3, Band.YELLOW), (0, Band.RED)))

RULES: tuple[Rule, ...] = (
    Rule("C01", 1, "registration", "入住人员未登记", "a guest was not registered", "D01", 3, 1),
    Rule("C02", 1, "registration", "实住人数超过登记人数", "more people than registered", "D05", 2, 1),
    Rule("C03", 1, "registration", "未按时报送每日入住信息", "the daily return was missing", "D12", 1),
    Rule("C04", 1, "capacity", "超过核定人数接待", "more guests than the listing is coded for", "D06", 2, 1),
    Rule("C05", 1, "order", "夜间噪声扰民，经劝告不改", "noise at night, again after a warning", "matter", 3, 1),
    Rule("C06", 1, "environment", "公共区域堆放垃圾或杂物", "rubbish or goods left in common areas", "inspection", 1),
    Rule("C07", 1, "fire", "消防设施缺失或失效", "fire equipment missing or out of order", "inspection", 4, 2),
    Rule("C08", 1, "fire", "违规用电、用气或充电", "electricity, gas or charging against the rules", "inspection", 3, 2),
    Rule("C09", 1, "register", "停业整改期间继续接待", "guests taken in while suspended", "D08", 6, 4),
    Rule("C10", 1, "register", "房源信息与实际不符", "rooms or beds are not as filed", "D17", 2, 1),
    Rule("C11", 1, "register", "平台页面未标明房源码", "the platform page does not show the code", "D16", 1),
    Rule("C12", 1, "register", "积分降至红色", "the points have fallen to red", "points", 0, 2),
)  # fmt: skip
BAND_RULE = "C12"


def counts(entry: Counted, now_ms: int) -> bool:
    """Whether an entry takes effect now: confirmed, not under appeal, and within its twelve months."""
    return (
        entry.state is PointsState.EFFECTIVE
        and entry.effective_ms is not None
        and entry.effective_ms <= now_ms
        and (entry.expires_ms is None or now_ms < entry.expires_ms)
    )


def standing(entries: Iterable[Counted], now_ms: int, table: BandTable = BANDS) -> Standing:
    """Where a listing stands: from its ledger and the table of bands alone."""
    balance = sum(entry.delta for entry in entries if counts(entry, now_ms))
    left = min(table.start, max(0, table.start + balance))
    band = next(band for floor, band in table.floors if left >= floor)
    return Standing(balance, left, band, table.version)
