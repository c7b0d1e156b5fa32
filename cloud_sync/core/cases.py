"""The case machine (domain.md §11.3): which event leads where, under which guards, and what it changes.

``open_case`` and ``take`` are the only two ways a case comes to be and changes; both are told the time.  An event
that the table does not have, or whose guards do not hold, is answered with a ``Refusal`` and changes nothing.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from cloud_sync.core.case_clocks import (
    RECENT_MS,
    first_role,
    next_look,
)
from cloud_sync.core.case_effects import EFFECTS
from cloud_sync.core.case_types import (
    ALERTS,
    AWAY,
    BY_PEOPLE,
    OPEN,
    OWNED,
    QUIET,
    UNSEEN,
    WORKED,
    Case,
    CaseEvent,
    CaseState,
    Colour,
    Deed,
    Family,
    Finding,
    MatterClass,
    Severity,
    Whistle,
)
from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles import Lifecycle, Refusal, Row, advance
from cloud_sync.core.policy import DAY_MS, HOUR_MS
from cloud_sync.core.roles import COMMUNITY, LEVEL, Right, Role, may, role_of

# The same alarm within a minute is the same story; later, somebody who had acknowledged has to look again (§11.6).
REACTIVATION_MS = 60_000
HOLD_MOST_MS = DAY_MS

SHELF_MOST_MS = 8 * HOUR_MS

# Kinds that a person has to verify, whatever the data say later (§10); D01, D12 and D23 only while they are S1.
HUMAN_KINDS = frozenset({"D05", "D07", "D08", "D09", "D10", "D18", "D19", "D20"})
HUMAN_WHEN_S1 = frozenset({"D01", "D12", "D23"})

_S, _E = CaseState, CaseEvent
_CALM = frozenset({_S.NEW, _S.RTN_UNACK, _S.ACKED})  # what may be silenced, by a person or by its cause
_ASKED = frozenset({_S.TRANSFERRED, _S.DEPT_SIGNED})


def _rows(
    states: frozenset[CaseState], event: CaseEvent, after: CaseState | None, *guards: Guard
) -> tuple[Row, ...]:
    """One line of the page for several states; ``after=None`` leaves each where it is."""
    return tuple(Row(state, event, after or state, guards) for state in sorted(states))


CASE = Lifecycle(
    "case",
    frozenset(_S),
    (
        Row(None, _E.RAISE, _S.NEW),
        Row(_S.RTN_UNACK, _E.RAISE, _S.NEW),
        *_rows(OPEN - {_S.RTN_UNACK}, _E.RAISE, None),
        Row(_S.NEW, _E.CLEARS, _S.CLOSED, (Guard.ALERT, Guard.TRANSIENT)),
        Row(_S.NEW, _E.CLEARS, _S.RTN_UNACK, (Guard.ALERT,)),
        *_rows(OPEN - {_S.NEW}, _E.CLEARS, None, Guard.ALERT),
        Row(_S.NEW, _E.ACK, _S.ACKED, (Guard.DOOR_SHUT,)),
        Row(_S.RTN_UNACK, _E.ACK, _S.RESOLVED, (Guard.GRAVE, Guard.REASON)),
        Row(_S.RTN_UNACK, _E.ACK, _S.CLOSED, (Guard.LIGHT,)),
        *_rows(UNSEEN, _E.ACK_CLOCK, None),
        Row(_S.ACKED, _E.START, _S.IN_PROGRESS, (Guard.OWNER,)),
        *_rows(WORKED, _E.ACT_CLOCK, None),
        *_rows(WORKED, _E.OFFER, None, Guard.OWNER_OR_LEAD, Guard.COLLEAGUE),
        *_rows(WORKED, _E.ACCEPT, None, Guard.OFFERED),
        Row(_S.IN_PROGRESS, _E.HOLD, _S.ON_HOLD, (Guard.OWNER, Guard.REASON, Guard.UNTIL)),
        Row(_S.ON_HOLD, _E.RESUME, _S.IN_PROGRESS),
        Row(_S.IN_PROGRESS, _E.RESOLVE, _S.RESOLVED, (Guard.OWNER, Guard.REASON, Guard.DOOR_SHUT)),
        Row(
            _S.RESOLVED,
            _E.VERIFY,
            _S.CLOSED,
            (Guard.OTHER_PERSON, Guard.OPENERS_LEVEL, Guard.COMMUNITY),
        ),
        Row(_S.RESOLVED, _E.REJECT, _S.IN_PROGRESS, (Guard.OTHER_PERSON, Guard.REASON)),
        Row(_S.RESOLVED, _E.UNCHECKED, _S.CLOSED, (Guard.LIGHT, Guard.NEVER_WHISTLED)),
        Row(_S.RESOLVED, _E.UNCHECKED, _S.RESOLVED),
        *_rows(OPEN, _E.MET, _S.CLOSED, Guard.DISCREPANCY, Guard.DATA_CLOSES),
        *_rows(OPEN, _E.MET, _S.RESOLVED, Guard.DISCREPANCY),
        *_rows(OPEN, _E.RETRACT, _S.CLOSED, Guard.DISCREPANCY),
        Row(_S.CLOSED, _E.REOPEN, _S.CLOSED, (Guard.REASON, Guard.RECENT)),  # a new case, linked, begins
        Row(_S.NEW, _E.TRIAGE, _S.NEW, (Guard.MATTER, Guard.MATTER_CLASS)),
        *_rows(_CALM, _E.SHELVE, _S.SHELVED, Guard.NOT_S1, Guard.REASON, Guard.SHELF),
        Row(_S.SHELVED, _E.SHELF_OVER, _S.NEW, (Guard.STILL_TRUE,)),
        Row(_S.SHELVED, _E.SHELF_OVER, _S.RTN_UNACK),
        *_rows(_CALM, _E.SUPPRESS, _S.SUPPRESSED, Guard.CAUSE),
        Row(_S.SUPPRESSED, _E.CAUSE_ENDS, _S.NEW, (Guard.STILL_TRUE,)),
        Row(_S.SUPPRESSED, _E.CAUSE_ENDS, _S.CLOSED),
        *_rows(OPEN - {_S.OUT_OF_SERVICE}, _E.TAKE_OUT, _S.OUT_OF_SERVICE, Guard.ALERT, Guard.PERMIT),
        Row(_S.OUT_OF_SERVICE, _E.PUT_BACK, _S.NEW, (Guard.STILL_TRUE,)),
        Row(_S.OUT_OF_SERVICE, _E.PUT_BACK, _S.CLOSED),
        *_rows(WORKED, _E.WHISTLE, _S.TRANSFERRED, Guard.DEPARTMENT, Guard.REASON),
        Row(_S.TRANSFERRED, _E.SIGN_CLOCK, _S.TRANSFERRED),
        *_rows(_ASKED, _E.RETURN, _S.IN_PROGRESS, Guard.THE_DEPARTMENT, Guard.REASON),
        Row(_S.TRANSFERRED, _E.SIGN, _S.DEPT_SIGNED, (Guard.THE_DEPARTMENT,)),
        Row(_S.DEPT_SIGNED, _E.CONTACT, _S.DEPT_SIGNED, (Guard.THE_DEPARTMENT,)),
        Row(_S.DEPT_SIGNED, _E.DEPT_CLOCK, _S.DEPT_SIGNED),
        Row(_S.DEPT_SIGNED, _E.REPORT_IN, _S.DEPT_ACTING, (Guard.THE_DEPARTMENT,)),
        Row(_S.DEPT_ACTING, _E.RESULT, _S.RESOLVED, (Guard.THE_DEPARTMENT, Guard.REASON)),
    ),
)

_RIGHTS: Mapping[CaseEvent, Right] = MappingProxyType(
    {
        _E.ACK: Right.WORK_CASE,
        _E.START: Right.WORK_CASE,
        _E.OFFER: Right.WORK_CASE,
        _E.ACCEPT: Right.WORK_CASE,
        _E.HOLD: Right.WORK_CASE,
        _E.RESUME: Right.WORK_CASE,
        _E.RESOLVE: Right.WORK_CASE,
        _E.REOPEN: Right.LEAD_CASE,
        _E.TRIAGE: Right.TRIAGE,
        _E.WHISTLE: Right.WHISTLE,
        _E.SHELVE: Right.SHELVE,
        _E.TAKE_OUT: Right.SHELVE,
        _E.PUT_BACK: Right.SHELVE,
        **dict.fromkeys((_E.SIGN, _E.CONTACT, _E.REPORT_IN, _E.RESULT, _E.RETURN), Right.ACT_FOR_DEPARTMENT),
    }
)


_OF_DEPARTMENTS = frozenset({_E.SIGN, _E.CONTACT, _E.REPORT_IN, _E.RESULT, _E.RETURN})


def closes_by_data(kind: str, severity: Severity) -> bool:
    """Whether the closing condition closes a discrepancy by itself (§10, column *close*)."""
    return kind not in HUMAN_KINDS and not (severity is Severity.S1 and kind in HUMAN_WHEN_S1)


def visible(role: str, family: Family, severity: Severity) -> bool:
    """Gate staff see alerts and what needs them now; the books' slower questions are the officer's."""
    return may(role, Right.SEE_ALL_CASES) or (
        may(role, Right.SEE_STAFF) and (family is Family.ALERT or severity is Severity.S1)
    )


def right_for(event: CaseEvent, family: Family) -> Right | None:
    """The right a person needs for this event; None for events that are not a person's."""
    if event in (_E.VERIFY, _E.REJECT):
        return Right.VERIFY_ALERT if family is Family.ALERT else Right.VERIFY_DISCREPANCY
    return _RIGHTS.get(event)


def open_case(finding: Finding, case_id: str, now_ms: int) -> Case:
    """A new case: true, and nobody has looked."""
    case = Case(
        id=case_id,
        family=finding.family,
        kind=finding.kind,
        severity=finding.severity,
        state=_S.NEW,
        subject=finding.subject,
        group_key=finding.group_key,
        opened_ms=now_ms,
        first_seen_ms=finding.seen_ms,
        last_seen_ms=finding.seen_ms,
        owner_role=first_role(finding.family, finding.severity),
        node=finding.node,
        access_point=finding.access_point,
        reopened_from=finding.reopened_from,
        opener=finding.opener,
        opener_role=finding.opener_role,
        burst_ms=finding.seen_ms,
    )
    due_ms = next_look(case, now_ms)
    return replace(case, ack_due_ms=due_ms, next_ms=due_ms)


def joins(case: Case, seen_ms: int) -> bool:
    """Whether one more finding with this case's key belongs to it, or is a new story.

    While nobody has acknowledged, or while it is silenced, everything joins.  Afterwards an alert joins within a
    minute; a discrepancy, which has one key for ever, always does, and so does what a person adds to a matter.
    """
    if case.state is _S.CLOSED:
        return False
    if case.family is not Family.ALERT or case.state in UNSEEN | QUIET:
        return True
    return case.state in OWNED | AWAY and seen_ms - case.last_seen_ms <= REACTIVATION_MS


def take(case: Case, deed: Deed, now_ms: int) -> Case | Refusal:
    """One event on one case: what it is then, or why not."""
    right = right_for(deed.event, case.family)
    if right is not None and deed.role is not None and not may(deed.role, right):
        return Refusal("case", case.state, deed.event, (Guard.PERMITTED,))
    step = advance(CASE, case.state, deed.event, _guards(case, deed, now_ms))
    if isinstance(step, Refusal):
        return step
    change = EFFECTS.get(deed.event)
    moved = replace(case, state=CaseState(step.after))
    return change(case, moved, deed, now_ms) if change else moved


def possible(case: Case, actor: str, role: Role, now_ms: int) -> tuple[CaseEvent, ...]:
    """What this person could do now, given a reason, a colleague's name, a time, and a shut door."""
    return tuple(event for event in BY_PEOPLE if _could(case, event, actor, role, now_ms))


def _could(case: Case, event: CaseEvent, actor: str, role: Role, now_ms: int) -> bool:
    other = f"{actor}'"  # nobody's name: only that it is another's
    code = {_E.TRIAGE: MatterClass.SMALL, _E.WHISTLE: Whistle.WORK}.get(event, "")
    # A department's own desk asks for its own cases only, so that it is the one that was asked.
    to = case.department or other if event in _OF_DEPARTMENTS else other
    deed = Deed(event, actor, role, reason="-", code=code, to=to, until_ms=now_ms + 1, colour=Colour.BLUE)
    return not isinstance(take(replace(case, active=False), deed, now_ms), Refusal)


# --- guards ----------------------------------------------------------------------------------------------------


def _guards(case: Case, deed: Deed, now_ms: int) -> frozenset[Guard]:
    leads = may(deed.role, Right.LEAD_CASE)
    holds = {
        Guard.OWNER: deed.actor == case.owner,
        Guard.OWNER_OR_LEAD: deed.actor == case.owner or leads,
        Guard.OTHER_PERSON: bool(deed.actor) and deed.actor != case.resolved_by,
        Guard.OFFERED: bool(deed.actor) and deed.actor == case.offered_to,
        Guard.COLLEAGUE: bool(deed.to) and deed.to != case.owner,
        Guard.REASON: bool(deed.reason.strip()),
        Guard.UNTIL: deed.until_ms is not None and now_ms < deed.until_ms <= now_ms + HOLD_MOST_MS,
        Guard.DOOR_SHUT: _settles_door(case, deed),
        Guard.ALERT: case.family is Family.ALERT,
        Guard.DISCREPANCY: case.family is Family.DISCREPANCY,
        Guard.TRANSIENT: case.severity is Severity.S4
        or (case.kind in ALERTS and ALERTS[case.kind].transient),
        Guard.GRAVE: case.severity.grave,
        Guard.LIGHT: not case.severity.grave,
        Guard.DATA_CLOSES: closes_by_data(case.kind, case.severity),
        Guard.MATTER: case.family is Family.MATTER,
        Guard.MATTER_CLASS: deed.code in frozenset(MatterClass),
        Guard.NOT_S1: case.severity is not Severity.S1,
        Guard.SHELF: deed.until_ms is not None and now_ms < deed.until_ms <= now_ms + SHELF_MOST_MS,
        Guard.STILL_TRUE: case.active,
        Guard.CAUSE: bool(deed.cause),
        Guard.PERMIT: bool(deed.reason.strip()),
        Guard.DEPARTMENT: bool(deed.to)
        and deed.colour in frozenset(Colour)
        and deed.code in frozenset(Whistle),
        Guard.THE_DEPARTMENT: bool(deed.to) and deed.to == case.department,
        Guard.NEVER_WHISTLED: case.whistle is None,
        Guard.OPENERS_LEVEL: _level(deed.role) >= _level(case.opener_role),
        Guard.COMMUNITY: case.whistle is None or deed.role in COMMUNITY,
        Guard.RECENT: case.closed_ms is not None and now_ms - case.closed_ms <= RECENT_MS,
    }
    return frozenset(guard for guard, true in holds.items() if true)


def _level(role: str | None) -> int:
    """How high somebody stands; the world, a clock, a resident or a guest stands below all."""
    known = role_of(role) if role else None
    return LEVEL.get(known, -1) if known is not None else -1


def _settles_door(case: Case, deed: Deed) -> bool:
    """A forced or held door is settled shut; leaving it open takes the right to, and a reason.

    A held door may be acknowledged while open (who goes there says so); a forced one may not (§11.3).
    """
    kind = ALERTS.get(case.kind)
    if kind is None or not kind.shut_first or not case.active:
        return True
    if deed.event is _E.ACK and case.kind != "forced":
        return True
    return may(deed.role, Right.FORCIBLE_ACK) and bool(deed.reason.strip())


def again(case: Case, now_ms: int) -> Finding:
    """What a case opened again begins as: the same story, linked to the closed one."""
    return Finding(
        family=case.family,
        kind=case.kind,
        severity=case.severity,
        subject=case.subject,
        group_key=case.group_key,
        seen_ms=now_ms,
        node=case.node,
        access_point=case.access_point,
        reopened_from=case.id,
        opener=case.opener,
        opener_role=case.opener_role,
    )
