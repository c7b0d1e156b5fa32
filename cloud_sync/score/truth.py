"""Truth rows beside findings, matched by what the row itself says and nothing else.  This file knows no rule."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

KINDS = tuple(f"D{number:02}" for number in range(1, 27))
SLACK_MS = 30 * 60_000  # two looks of a quarter of an hour
LATE_MS = 84 * 3_600_000  # a site is cut off for three days, and then tells
ONCE = ("stay:", "stays:", "member:")  # subjects of which a row says one thing that is wrong
FLOOR_FROM = 10  # rows; with fewer a single one decides
RECALL, PRECISION = 0.98, 0.95  # of everything
KIND_RECALL, KIND_PRECISION = 0.90, 0.85
HIDDEN = "D07"  # a score that a person answers
HIDDEN_RECALL, HIDDEN_PRECISION = 0.80, 0.70


class Found(Protocol):
    """As much of a finding as is asked here."""

    kind: str
    subject: str
    since_ms: int
    until_ms: int | None
    evidence: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the truth table; ``names`` are the subjects that a finding about it may have."""

    number: int
    kind: str
    subject: str
    begin_ms: int
    end_ms: int
    note: str
    names: frozenset[str]

    @property
    def once(self) -> bool:
        return self.subject.startswith(ONCE)


@dataclass(slots=True)
class Tally:
    injected: int = 0
    found: int = 0  # rows that were found
    findings: int = 0
    true: int = 0  # findings that a row explains
    follows: int = 0  # findings about a subject whose row is of another kind, which brings this one with it
    missed: list[Row] = field(default_factory=list)
    false: list[Found] = field(default_factory=list)

    @property
    def recall(self) -> float:
        return self.found / self.injected if self.injected else 1.0

    @property
    def precision(self) -> float:
        judged = self.true + len(self.false)
        return self.true / judged if judged else 1.0


@dataclass(slots=True)
class Score:
    kinds: dict[str, Tally]
    unscored: Mapping[str, str]

    @property
    def whole(self) -> Tally:
        """Everything but what has its own goal."""
        total = Tally()
        for kind, one in self.kinds.items():
            if kind != HIDDEN:
                total.injected += one.injected
                total.found += one.found
                total.true += one.true
                total.findings += one.findings
                total.follows += one.follows
                total.missed += one.missed
                total.false += one.false
        return total

    def below(self) -> list[str]:
        """Which goals are missed: a sentence for each."""
        found = []
        whole = self.whole
        if whole.recall < RECALL:
            found.append(f"recall {whole.recall:.1%} of everything is below {RECALL:.0%}")
        if whole.precision < PRECISION:
            found.append(f"precision {whole.precision:.1%} of everything is below {PRECISION:.0%}")
        for kind, one in self.kinds.items():
            recall, precision = goals(kind)
            if one.injected >= FLOOR_FROM and one.recall < recall:
                found.append(f"{kind}: recall {one.recall:.1%} is below {recall:.0%}")
            if one.true + len(one.false) >= FLOOR_FROM and one.precision < precision:
                found.append(f"{kind}: precision {one.precision:.1%} is below {precision:.0%}")
        return found


def goals(kind: str) -> tuple[float, float]:
    """(recall, precision) that a kind has to reach."""
    return (HIDDEN_RECALL, HIDDEN_PRECISION) if kind == HIDDEN else (KIND_RECALL, KIND_PRECISION)


def score(
    rows: Sequence[Row],
    findings: Iterable[Found],
    *,
    unscored: Mapping[str, str],
    follows: Callable[[Found, Row], bool] = lambda _found, _row: False,
) -> Score:
    """Every row found or missed, every finding explained or false; a stretch that was open twice is two findings."""
    kinds = {kind: Tally() for kind in KINDS if kind not in unscored}
    by_name: dict[tuple[str, str], list[Row]] = {}
    others: dict[str, list[Row]] = {}
    for row in rows:
        if row.kind in kinds:
            kinds[row.kind].injected += 1
        for name in row.names:
            by_name.setdefault((row.kind, name), []).append(row)
            others.setdefault(name, []).append(row)
    hit: set[int] = set()
    for found in findings:
        tally = kinds.get(found.kind)
        if tally is None:
            continue
        tally.findings += 1
        explained = [row for row in by_name.get((found.kind, found.subject), ()) if _meets(found, row)]
        if explained:
            tally.true += 1
            hit.update(row.number for row in explained)
        elif any(follows(found, row) for row in others.get(found.subject, ())):
            tally.follows += 1
        else:
            tally.false.append(found)
    for row in rows:
        if row.kind in kinds:
            if row.number in hit:
                kinds[row.kind].found += 1
            else:
                kinds[row.kind].missed.append(row)
    return Score(kinds, unscored)


def _meets(found: Found, row: Row) -> bool:
    """About a stay there is one thing wrong, whenever it was told; what recurs has to be of the row's own time."""
    stands = found.until_ms is None
    until_ms = found.since_ms if found.until_ms is None else found.until_ms
    if row.once:
        return stands or until_ms >= row.begin_ms - SLACK_MS
    return found.since_ms <= row.end_ms + LATE_MS and until_ms >= row.begin_ms - SLACK_MS
