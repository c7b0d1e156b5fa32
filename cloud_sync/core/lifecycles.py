"""Life-cycles as tables (domain.md §5): a transition that is not in a table is refused.

``None`` as a state means "not made yet".  The names of states and guards are those of the page; an event is the
page's word for it, shortened.
"""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from cloud_sync.core.guards import Guard


@dataclass(frozen=True, slots=True)
class Row:
    before: str | None
    event: str
    after: str
    guards: tuple[Guard, ...] = ()


@dataclass(frozen=True, slots=True)
class Lifecycle:
    name: str
    states: frozenset[str]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Transition:
    table: str
    before: str | None
    event: str
    after: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a transition does not happen; ``missing`` names the guards that would have allowed it."""

    table: str
    before: str | None
    event: str
    missing: tuple[Guard, ...] = ()

    @property
    def sentence(self) -> str:
        asked = f"a {self.table} that is {self.before or 'not made yet'} cannot take {self.event!r}"
        return f"{asked}: {', '.join(self.missing)} does not hold" if self.missing else asked


def advance(
    table: Lifecycle, state: str | None, event: str, guards: Collection[Guard] = ()
) -> Transition | Refusal:
    """One step: the first row for (state, event) whose guards all hold; ``guards`` are those that do hold."""
    missing: tuple[Guard, ...] = ()
    for row in table.rows:
        if row.before != state or row.event != event:
            continue
        lacking = tuple(guard for guard in row.guards if guard not in guards)
        if not lacking:
            return Transition(table.name, state, event, row.after)
        missing = missing or lacking
    return Refusal(table.name, state, event, missing)


def path(table: Lifecycle, state: str | None, target: str) -> tuple[Row, ...] | None:
    """The shortest way from ``state`` to ``target`` along the table, guards not judged; None when there is none."""
    queue: deque[tuple[str | None, tuple[Row, ...]]] = deque([(state, ())])
    seen: set[str | None] = {state}
    while queue:
        at, steps = queue.popleft()
        if at == target:
            return steps
        for row in table.rows:
            if row.before == at and row.after not in seen:
                seen.add(row.after)
                queue.append((row.after, (*steps, row)))
    return None


class ListingState(StrEnum):
    DRAFT = "DRAFT"
    FILED = "FILED"
    IN_REVIEW = "IN_REVIEW"
    RETURNED = "RETURNED"
    REJECTED = "REJECTED"
    ACTIVE = "ACTIVE"
    LAPSED = "LAPSED"
    SUSPENDED = "SUSPENDED"
    WITHDRAWING = "WITHDRAWING"
    WITHDRAWN = "WITHDRAWN"
    REVOKED = "REVOKED"
    CLOSED = "CLOSED"


class BookingState(StrEnum):
    RECEIVED = "RECEIVED"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"
    NO_SHOW = "NO_SHOW"
    FULFILLED = "FULFILLED"


class RegistrationState(StrEnum):
    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    VERIFIED = "VERIFIED"
    VERIFY_FAILED = "VERIFY_FAILED"
    REPORTED = "REPORTED"
    REPORT_RETRY = "REPORT_RETRY"
    ACKED = "ACKED"
    REPORT_REJECTED = "REPORT_REJECTED"
    CORRECTED = "CORRECTED"
    CHECKOUT_REPORTED = "CHECKOUT_REPORTED"
    RETAINED = "RETAINED"
    PURGED = "PURGED"


class StayState(StrEnum):
    EXPECTED = "EXPECTED"
    REGISTERED = "REGISTERED"
    IN_HOUSE = "IN_HOUSE"
    DUE_OUT = "DUE_OUT"
    OVERSTAY = "OVERSTAY"
    CHECKED_OUT = "CHECKED_OUT"
    CLOSED = "CLOSED"
    CANCELLED_BEFORE = "CANCELLED_BEFORE"
    CANCELLED_DURING = "CANCELLED_DURING"
    NO_SHOW = "NO_SHOW"


class PassState(StrEnum):
    PENDING = "PENDING"
    ARMED = "ARMED"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    EXIT_ONLY = "EXIT_ONLY"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"


class CredentialState(StrEnum):
    ISSUED = "ISSUED"
    READY = "READY"
    IN_USE = "IN_USE"
    ROTATED = "ROTATED"
    DESTROYED = "DESTROYED"


def _rows(before: Collection[str], event: str, after: str | None, *guards: Guard) -> tuple[Row, ...]:
    """One line of the page: several states may share it, and ``after=None`` leaves each where it is."""
    return tuple(Row(state, event, after or state, guards) for state in before)


_L = ListingState
LISTING = Lifecycle(
    "listing",
    frozenset(_L),
    (
        Row(None, "create", _L.DRAFT),
        Row(_L.DRAFT, "submit", _L.FILED),
        Row(_L.FILED, "assign reviewer", _L.IN_REVIEW, (Guard.REVIEWER_INDEPENDENT,)),
        Row(_L.IN_REVIEW, "return", _L.RETURNED),
        Row(_L.RETURNED, "resubmit", _L.FILED),
        Row(_L.IN_REVIEW, "reject", _L.REJECTED),
        Row(
            _L.IN_REVIEW,
            "approve",
            _L.ACTIVE,
            (Guard.COMMITMENT, Guard.DOCUMENTS, Guard.CHECKLISTS, Guard.REVIEWER_INDEPENDENT),
        ),
        Row(_L.ACTIVE, "warn", _L.ACTIVE),
        Row(_L.ACTIVE, "deduct deposit", _L.ACTIVE, (Guard.TWO_APPROVALS,)),
        *_rows((_L.ACTIVE, _L.LAPSED), "order rectification", _L.SUSPENDED, Guard.NAMED_HUMAN),
        Row(_L.SUSPENDED, "recheck passed", _L.ACTIVE),
        Row(_L.ACTIVE, "review overdue", _L.LAPSED),
        Row(_L.LAPSED, "review passed", _L.ACTIVE),
        Row(_L.LAPSED, "14 d over", _L.SUSPENDED, (Guard.NAMED_HUMAN,)),
        *_rows((_L.ACTIVE, _L.SUSPENDED, _L.LAPSED), "voluntary exit", _L.WITHDRAWING),
        Row(_L.WITHDRAWING, "last guest out", _L.WITHDRAWN),
        *_rows((_L.ACTIVE, _L.SUSPENDED, _L.LAPSED), "ban", _L.REVOKED, Guard.TWO_APPROVALS),
        *_rows((_L.REVOKED,), "last guest out", _L.CLOSED),
        *_rows((_L.REVOKED,), "relocation deadline", _L.CLOSED),
    ),
)

_B = BookingState
BOOKING = Lifecycle(
    "booking",
    frozenset(_B),
    (
        Row(None, "received", _B.RECEIVED),
        Row(_B.RECEIVED, "confirmed", _B.CONFIRMED),
        Row(_B.CONFIRMED, "modified", _B.CONFIRMED, (Guard.REVISION_NEWER,)),
        Row(_B.CONFIRMED, "cancelled", _B.CANCELLED),
        Row(_B.CONFIRMED, "no-show confirmed", _B.NO_SHOW, (Guard.NAMED_HUMAN,)),
        Row(_B.CONFIRMED, "stay closed", _B.FULFILLED),
        # A platform takes its cancellation back: the newest revision decides, in whatever order they come (ADR 0051).
        Row(_B.CANCELLED, "reinstated", _B.CONFIRMED, (Guard.REVISION_NEWER,)),
    ),
)

_R = RegistrationState
_BEFORE_ACKED = (
    _R.DRAFT,
    _R.SUBMITTED,
    _R.VERIFY_FAILED,
    _R.VERIFIED,
    _R.REPORTED,
    _R.REPORT_RETRY,
    _R.REPORT_REJECTED,
)
REGISTRATION = Lifecycle(
    "registration",
    frozenset(_R),
    (
        Row(None, "start", _R.DRAFT),
        Row(_R.DRAFT, "submit", _R.SUBMITTED, (Guard.REQUIRED_FIELDS, Guard.CURRENT_NOTICE)),
        Row(
            _R.SUBMITTED,
            "document check passed",
            _R.VERIFIED,
            (Guard.PROOFING_ENOUGH, Guard.MINOR_ACCOMPANIED),
        ),
        Row(_R.SUBMITTED, "check failed", _R.VERIFY_FAILED),
        Row(_R.VERIFY_FAILED, "corrected", _R.SUBMITTED),
        Row(_R.VERIFIED, "upstream accepted for sending", _R.REPORTED),
        *_rows((_R.VERIFIED, _R.REPORTED), "send failed", _R.REPORT_RETRY),
        Row(_R.REPORT_RETRY, "send succeeded", _R.REPORTED),
        Row(_R.REPORTED, "receipt", _R.ACKED),
        Row(_R.REPORTED, "rejected", _R.REPORT_REJECTED),
        Row(_R.REPORT_REJECTED, "corrected", _R.CORRECTED),
        Row(_R.CORRECTED, "resend", _R.REPORTED),
        Row(_R.ACKED, "facts change", _R.CORRECTED),
        Row(_R.ACKED, "checkout reported", _R.CHECKOUT_REPORTED),
        Row(_R.CHECKOUT_REPORTED, "stay closed", _R.RETAINED),
        Row(_R.RETAINED, "clock over", _R.PURGED, (Guard.NO_LEGAL_HOLD,)),
        *_rows(_BEFORE_ACKED, "booking cancelled before arrival", _R.PURGED),
    ),
)
# A registration in one of these has proved who the person is, whatever became of reporting it.
PROVED = frozenset(
    {
        _R.VERIFIED,
        _R.REPORTED,
        _R.REPORT_RETRY,
        _R.ACKED,
        _R.REPORT_REJECTED,
        _R.CORRECTED,
        _R.CHECKOUT_REPORTED,
        _R.RETAINED,
    }
)

_S = StayState
STAY = Lifecycle(
    "stay",
    frozenset(_S),
    (
        Row(None, "booking confirmed", _S.EXPECTED),
        Row(None, "walk-in", _S.EXPECTED),
        Row(_S.CANCELLED_BEFORE, "reinstated", _S.EXPECTED, (Guard.BOOKING_VALID,)),
        Row(_S.CANCELLED_DURING, "reinstated", _S.IN_HOUSE, (Guard.BOOKING_VALID,)),
        Row(_S.EXPECTED, "first member verified", _S.REGISTERED),
        *_rows((_S.EXPECTED, _S.REGISTERED), "booking cancelled", _S.CANCELLED_BEFORE),
        *_rows((_S.EXPECTED, _S.REGISTERED), "no-show confirmed", _S.NO_SHOW, Guard.NAMED_HUMAN),
        Row(_S.NO_SHOW, "guest arrives", _S.REGISTERED, (Guard.BOOKING_VALID,)),
        Row(_S.REGISTERED, "first entry taken", _S.IN_HOUSE),
        Row(_S.IN_HOUSE, "extended", _S.IN_HOUSE),
        Row(_S.IN_HOUSE, "moved to another room", _S.IN_HOUSE),
        Row(_S.IN_HOUSE, "departure day begins", _S.DUE_OUT),
        *_rows((_S.DUE_OUT, _S.OVERSTAY), "extended", _S.IN_HOUSE),
        Row(_S.DUE_OUT, "grace over", _S.OVERSTAY, (Guard.NOT_SEEN_OUT,)),
        Row(_S.OVERSTAY, "named person decides", _S.OVERSTAY, (Guard.NAMED_HUMAN,)),
        *_rows((_S.IN_HOUSE, _S.DUE_OUT, _S.OVERSTAY), "checkout", _S.CHECKED_OUT),
        *_rows((_S.IN_HOUSE, _S.DUE_OUT), "booking cancelled", _S.CANCELLED_DURING),
        Row(_S.CANCELLED_DURING, "last exit", _S.CHECKED_OUT),
        Row(
            _S.CHECKED_OUT,
            "closed",
            _S.CLOSED,
            (Guard.CHECKOUT_REPORTED, Guard.TEMPLATES_ERASED, Guard.RECONCILED),
        ),
    ),
)
STAY_INSIDE = frozenset({_S.IN_HOUSE, _S.DUE_OUT, _S.OVERSTAY, _S.CANCELLED_DURING})
STAY_OPEN = frozenset({_S.EXPECTED, _S.REGISTERED, _S.IN_HOUSE, _S.DUE_OUT, _S.OVERSTAY})
STAY_OVER = frozenset({_S.CHECKED_OUT, _S.CLOSED, _S.CANCELLED_BEFORE, _S.NO_SHOW})  # nobody of it is inside
STAY_AHEAD = frozenset({_S.EXPECTED, _S.REGISTERED})

_P = PassState
PASS = Lifecycle(
    "pass",
    frozenset(_P),
    (
        Row(None, "issue", _P.PENDING),
        Row(_P.PENDING, "prerequisites hold", _P.ARMED, (Guard.PREREQUISITES,)),
        Row(_P.ARMED, "window opens", _P.ACTIVE),
        Row(_P.ARMED, "prerequisite lost", _P.PENDING),
        *_rows((_P.ARMED, _P.ACTIVE), "modify", None),
        *_rows((_P.ARMED, _P.ACTIVE), "suspend", _P.SUSPENDED, Guard.NAMED_HUMAN),
        Row(_P.SUSPENDED, "resume", _P.ACTIVE, (Guard.WINDOW_OPEN,)),
        Row(_P.SUSPENDED, "resume", _P.ARMED),
        Row(_P.ACTIVE, "exit only", _P.EXIT_ONLY, (Guard.IN_HOUSE,)),
        Row(_P.EXIT_ONLY, "reinstated", _P.ACTIVE, (Guard.PREREQUISITES,)),
        *_rows((_P.ACTIVE, _P.EXIT_ONLY, _P.SUSPENDED), "checkout", _P.EXPIRED),
        *_rows((_P.ACTIVE, _P.EXIT_ONLY, _P.SUSPENDED), "window over", _P.EXPIRED),
        *_rows((_P.PENDING, _P.ARMED, _P.ACTIVE, _P.SUSPENDED), "revoke", _P.REVOKED, Guard.NOT_IN_HOUSE),
        *_rows((_P.EXPIRED, _P.REVOKED), "erase clock over", None),
    ),
)

_C = CredentialState
# LOCKED_OUT is a timer of the door that saw the failures (access.md §4.2); the service never holds it.
CREDENTIAL = Lifecycle(
    "credential",
    frozenset(_C),
    (
        Row(None, "issue", _C.ISSUED),
        Row(_C.ISSUED, "pass armed", _C.READY),
        Row(_C.READY, "first successful use", _C.IN_USE),
        *_rows((_C.READY, _C.IN_USE), "extend stay", None),
        *_rows((_C.ISSUED, _C.READY, _C.IN_USE), "re-issue", _C.ROTATED),
        *_rows((_C.ISSUED, _C.READY, _C.IN_USE, _C.ROTATED), "pass ended", _C.DESTROYED),
    ),
)
CREDENTIAL_LIVE = frozenset({_C.ISSUED, _C.READY, _C.IN_USE})

TABLES = (LISTING, BOOKING, REGISTRATION, STAY, PASS, CREDENTIAL)
