"""Verdicts over the books, and what to do about the discrepancies already open (domain.md §§9, 10).

A rule judges each (kind, subject, window) as RAISE, CLEAR or INCONCLUSIVE; ``settle`` compares the verdicts with
what stands in the record.  The same books give the same verdicts whether one subject is looked at or all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

EVIDENCE_MAX = 200  # refs per discrepancy; more tell nothing new
BY_HUMAN = "human: "  # how a close reason begins when a person gave it
LATE_EVIDENCE = "late evidence: "  # how one begins when it never was so
RECORDS_CHANGED = "no longer so: the records it was about have changed"


class Word(StrEnum):
    RAISE = "raise"
    CLEAR = "clear"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """At most one open discrepancy exists per key (invariant 23)."""

    kind: str
    subject: str
    window_ms: int


@dataclass(frozen=True, slots=True)
class Verdict:
    key: Key
    word: Word
    severity: str = ""
    evidence: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Verdicts, and the (kind, subject) pairs that were looked at in full: no verdict means nothing is there."""

    looked_at: frozenset[tuple[str, str]]
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A discrepancy as it stands in the record."""

    state: str  # open | inconclusive | closed
    severity: str
    evidence: tuple[str, ...]
    close_reason: str = ""


@dataclass(frozen=True, slots=True)
class Raise:
    key: Key
    severity: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Retract:
    key: Key
    reason: str


@dataclass(frozen=True, slots=True)
class Inconclusive:
    """Evidence lies beyond the watermark: it neither opens nor closes."""

    key: Key
    severity: str
    evidence: tuple[str, ...]


Finding = Raise | Retract | Inconclusive


def settle(evaluation: Evaluation, recorded: Mapping[Key, Recorded]) -> list[Finding]:
    """What has to change in the record, in key order; nothing when it agrees already."""
    findings: dict[Key, Finding] = {}
    for verdict in evaluation.verdicts:
        finding = _compare(verdict, recorded.get(verdict.key))
        if finding is not None:
            findings[verdict.key] = finding
    judged = {verdict.key for verdict in evaluation.verdicts}
    for key, row in recorded.items():
        if key not in judged and row.state != "closed" and (key.kind, key.subject) in evaluation.looked_at:
            findings[key] = Retract(key, RECORDS_CHANGED)
    return [findings[key] for key in sorted(findings)]


def _compare(verdict: Verdict, row: Recorded | None) -> Finding | None:
    key = verdict.key
    match verdict.word:
        case Word.RAISE:
            return None if _stands(verdict, row) else Raise(key, verdict.severity, verdict.evidence)
        case Word.CLEAR:
            return Retract(key, verdict.note) if row is not None and row.state != "closed" else None
        case Word.INCONCLUSIVE:
            fresh = row is None
            return Inconclusive(key, verdict.severity, verdict.evidence) if fresh else None


def _stands(verdict: Verdict, row: Recorded | None) -> bool:
    """True when the record needs no change: open with the same weight, or explained by a person."""
    if row is None or row.state == "inconclusive":
        return False
    if row.state == "closed":
        explained = row.close_reason.startswith(BY_HUMAN)
        return explained and set(verdict.evidence) <= set(row.evidence)
    return row.severity == verdict.severity and set(verdict.evidence) <= set(row.evidence)


def gather(looked_at: Iterable[tuple[str, str]], verdicts: Iterable[Verdict]) -> Evaluation:
    """An evaluation of everything given, each verdict with a bounded amount of evidence."""
    return Evaluation(frozenset(looked_at), tuple(map(_bounded, verdicts)))


def _bounded(verdict: Verdict) -> Verdict:
    if len(verdict.evidence) < 2:  # most have none, and most verdicts are of most stays
        return verdict
    return replace(verdict, evidence=tuple(sorted(verdict.evidence)[-EVIDENCE_MAX:]))
