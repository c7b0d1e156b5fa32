"""What the community's officer reads in the morning (domain.md §12): every number is a count of rows that can be looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

Metric = Literal["registration", "arrivals", "in_house", "discrepancies", "gates", "cases"]
Cell = str | int | bool | None

HOUR_MS = 3_600_000
# How long something has been open, as the officer asks about it: upper ends, the last one open.
AGES_MS = (2 * HOUR_MS, 24 * HOUR_MS, 72 * HOUR_MS, 168 * HOUR_MS)


@dataclass(frozen=True, slots=True)
class Counted:
    """One row behind a number: ``counts`` says whether it is in the numerator; every row is in the denominator."""

    counts: bool
    cells: Mapping[str, Cell]  # never a name; ``…_ms`` are moments


@dataclass(frozen=True, slots=True)
class Measure:
    """Numerator and denominator are the rows and nothing else."""

    metric: Metric
    rows: tuple[Counted, ...]
    as_of_ms: int

    @property
    def numerator(self) -> int:
        return sum(row.counts for row in self.rows)

    @property
    def denominator(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class Morning:
    """One day of a community, and how it stands now."""

    name_zh: str
    name_en: str
    synthetic: bool
    day: date
    now_ms: int
    watermark_ms: int
    measures: Mapping[Metric, Measure]
    levels: tuple[
        tuple[int | None, int], ...
    ]  # proofing level (None: not verified in time) → people of that day
    by_hour: tuple[int, ...]  # first entries of stays on that day, by the community's hour
    ages: tuple[tuple[str, tuple[int, ...]], ...]  # kind of discrepancy → how many of each age


class MorningReader(Protocol):
    def morning(self, community: str, now: datetime, day: date) -> Morning:
        """Raises NotFound where there is no such community."""
        ...
