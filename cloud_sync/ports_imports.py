"""What pages and commands may ask of imported spreadsheets: a report, a work list, and a person's decision."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from cloud_sync.core.roll import Bucket, Reason

# The row is the person it seems to be; the registry is right; the row is right beside, or instead of, who is recorded.
Decision = Literal["same", "keep", "add", "replace"]
DECISIONS: tuple[Decision, ...] = ("same", "keep", "add", "replace")


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row; nothing personal."""

    sheet: str
    line: int
    bucket: Bucket
    reason: Reason
    unit: str
    detail: str


@dataclass(frozen=True, slots=True)
class SheetSkipped:
    """A sheet without headings; its rows were not read."""

    sheet: str
    rows: int


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """``counts`` of all buckets add up to ``rows``; ``changed`` counts what is now in the books that was not before."""

    run: str
    kind: str
    rows: int
    counts: Mapping[Bucket, int]
    changed: int
    adopted: int
    dry_run: bool
    skipped: tuple[SheetSkipped, ...] = field(default_factory=tuple)

    @property
    def matched(self) -> int:
        return self.counts[Bucket.EXACT] + self.counts[Bucket.FUZZY]


@dataclass(frozen=True, slots=True)
class RunView:
    """One file that was imported."""

    run: str
    kind: str
    file: str
    rows: int
    counts: Mapping[Bucket, int]
    by: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Matter:
    """One row somebody has to look at; who it is stays sealed until they open it."""

    id: str
    run: str
    sheet: str
    line: int
    bucket: Bucket
    reason: Reason
    unit: str
    kind: str
    file: str
    decided: str = ""
    by: str = ""
    why: str = ""
    at_ms: int = 0
    may: tuple[Decision, ...] = ()  # what can be decided here; nothing once it is


@dataclass(frozen=True, slots=True)
class OpenedMatter:
    """The row as it came beside what the registry holds, in clear: opened for one named person."""

    matter: Matter
    row: Mapping[str, str]
    recorded: str  # the name, empty where the reason is about nobody


class ImportDesk(Protocol):
    """Every opening and every decision is by a named person and stands in the audit; access is never touched."""

    def runs(self, most: int) -> list[RunView]:
        """Newest first."""
        ...

    def open_matters(self, bucket: Bucket | None, most: int) -> list[Matter]:
        """What nobody has decided yet, oldest file and line first."""
        ...

    def waiting(self) -> Mapping[Bucket, int]:
        """How many of each bucket nobody has decided yet."""
        ...

    def open_matter(self, matter: str, *, actor: str, purpose: str) -> OpenedMatter:
        """Raises NotFound."""
        ...

    def matter(self, matter: str) -> Matter:
        """Raises NotFound."""
        ...

    def decide(self, matter: str, decision: str, *, actor: str, reason: str) -> None:
        """
        Raises:
            Refused: no reason, not one of ``may``, or somebody has decided already.
            NotFound: there is no such row.
        """
        ...
