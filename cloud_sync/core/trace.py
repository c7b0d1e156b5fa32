"""Looking up where a booking's people went, or who came through a door: only for a purpose, by two people, for a while.

There is no way to ask by a face: a request names a booking or a door, and nothing else can be written down.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from cloud_sync.core.policy import DAY_MS, HOUR_MS


class Purpose(StrEnum):
    POLICE = "police"
    COURT = "court"
    DANGER = "danger"
    COMPLAINT = "complaint"
    OWN = "own"


class TraceKind(StrEnum):
    BOOKING = "booking"
    DOOR = "door"


class TraceState(StrEnum):
    ASKED = "ASKED"
    APPROVED = "APPROVED"
    REFUSED = "REFUSED"


class Telling(StrEnum):
    """What was decided about telling whoever is in it."""

    TOLD = "told"
    DEFERRED = "deferred"
    NOT_TOLD = "not_told"


class Ground(StrEnum):
    """Why somebody is not told, or not yet (R4: articles 18 and 35)."""

    SECRECY = "secrecy"
    DUTY = "duty"
    DANGER = "danger"


# A written request has a number; danger to life does not wait for one, and says why instead.
NEEDS_CASE: frozenset[Purpose] = frozenset({Purpose.POLICE, Purpose.COURT})
WINDOW_MOST_MS: Mapping[TraceKind, int] = MappingProxyType(
    {TraceKind.BOOKING: 31 * DAY_MS, TraceKind.DOOR: 4 * HOUR_MS}  # a door's list is about everybody
)
ASKED_PER_DAY = 5  # by one person: more is browsing, not a case
APPROVE_WITHIN_MS = DAY_MS
SHOWN_FOR_MS = DAY_MS
DEFER_MOST_MS = 366 * DAY_MS  # then it is thought about anew


@dataclass(frozen=True, slots=True)
class TraceWish:
    """``case_ref`` is the number of the letter or case; empty where the purpose needs none."""

    kind: str
    ref: str
    purpose: str
    reason: str
    case_ref: str
    from_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class TellingRule:
    """``ground`` is empty where the person is told; ``until_ms`` is there where it is put off."""

    rule: str
    ground: str = ""
    until_ms: int | None = None


def fault_of(wish: TraceWish, now_ms: int) -> str:
    """A word for what is wrong with a wish, or nothing: scope | purpose | case | window."""
    try:
        kind, purpose = TraceKind(wish.kind), Purpose(wish.purpose)
    except ValueError:
        return "scope" if wish.kind not in list(TraceKind) else "purpose"
    if not wish.ref.strip():
        return "scope"
    if purpose in NEEDS_CASE and not wish.case_ref.strip():
        return "case"
    begins_well = wish.from_ms < wish.until_ms and wish.from_ms <= now_ms
    return "" if begins_well and wish.until_ms - wish.from_ms <= WINDOW_MOST_MS[kind] else "window"


def decision_fault(state: str, asked_by: str, asked_ms: int, actor: str, now_ms: int) -> str:
    """Why this person may not decide now, or nothing: decided | same_person | late."""
    if state != TraceState.ASKED:
        return "decided"
    if actor == asked_by:
        return "same_person"
    return "late" if now_ms - asked_ms > APPROVE_WITHIN_MS else ""


def showing_fault(state: str, decided_ms: int | None, now_ms: int) -> str:
    """Why nothing is shown now, or nothing: not_approved | over."""
    if state != TraceState.APPROVED or decided_ms is None:
        return "not_approved"
    return "over" if now_ms - decided_ms > SHOWN_FOR_MS else ""


def telling_fault(wish: TellingRule, newest: str, asked_by: str, actor: str, now_ms: int) -> str:
    """Why this cannot be the rule, or nothing: told | telling | ground | until | same_person.

    ``newest`` is the rule that stood before, "" at the first; whoever asked may tell people, and not keep it from them.
    """
    if newest == Telling.TOLD:
        return "told"
    if wish.rule not in list(Telling):
        return "telling"
    if wish.rule == Telling.TOLD:
        return ""
    if actor == asked_by:
        return "same_person"
    if wish.ground not in list(Ground):
        return "ground"
    if wish.rule == Telling.DEFERRED:
        ends_well = wish.until_ms is not None and now_ms < wish.until_ms <= now_ms + DEFER_MOST_MS
        return "" if ends_well else "until"
    return ""
