"""What the quieter events change in a case: silenced, explained by a cause, out of service, and with a department (§11.3)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from cloud_sync.core.case_clocks import (
    SIGN_MS,
    act_ms,
    class_severity,
    contact_ms,
    first_role,
    next_look,
    raised_colour,
    recheck_ms,
    report_ms,
)
from cloud_sync.core.case_types import (
    Case,
    CaseEvent,
    CaseState,
    Colour,
    Deed,
    MatterClass,
    OwnerRole,
    Severity,
    Whistle,
)

CLEARED_LATE = "cleared_by_late_evidence"
UNVERIFIED = "unverified"
CLOSED_BY_DATA = "closed_by_data"
ACKNOWLEDGED = "acknowledged"
RESOLVED = "resolved"
CAUSE_OVER = "cause_over"
REPAIRED = "back_in_service"

BURST_MS = 60_000
CHATTERS_AT = 3

_S, _E = CaseState, CaseEvent

Effect = Callable[[Case, Case, Deed, int], Case]


def bursting(case: Case, seen_ms: int) -> Case:
    """One more finding: of the same minute, or the first of a new one."""
    same = abs(seen_ms - case.burst_ms) <= BURST_MS
    return replace(case, burst=case.burst + 1) if same else replace(case, burst=1, burst_ms=seen_ms)


def chatters(case: Case) -> bool:
    """Three findings within a minute of a source that may be silenced; an S1 never is (domain.md §11.6)."""
    return case.burst >= CHATTERS_AT and case.severity is not Severity.S1


def closed(case: Case, resolution: str, now_ms: int) -> Case:
    return replace(case, resolution=resolution, closed_ms=now_ms, next_ms=None, offered_to=None)


def resolved(_case: Case, moved: Case, deed: Deed, now_ms: int) -> Case:
    return replace(
        moved,
        resolution=deed.code or RESOLVED,
        note=deed.reason.strip() or moved.note,
        resolved_by=deed.actor or moved.resolved_by,
        offered_to=None,
        next_ms=recheck_ms(now_ms),
    )


def _triaged(_case: Case, moved: Case, deed: Deed, now_ms: int) -> Case:
    """Route and clocks by class; said again, both begin again (domain.md §11.7)."""
    class_ = MatterClass(deed.code)
    severity = class_severity(moved, class_)
    role = OwnerRole.STREET if class_ is MatterClass.BIG else first_role(moved.family, severity)
    said = replace(moved, matter_class=class_, severity=severity, level=0, owner_role=role)
    due_ms = next_look(said, now_ms)
    return replace(said, ack_due_ms=due_ms, next_ms=due_ms)


def _shelved(_case: Case, moved: Case, deed: Deed, _now_ms: int) -> Case:
    return replace(moved, next_ms=deed.until_ms, note=deed.reason.strip(), offered_to=None)


def _suppressed(_case: Case, moved: Case, deed: Deed, _now_ms: int) -> Case:
    return replace(moved, cause=deed.cause, next_ms=None, offered_to=None)


def _taken_out(_case: Case, moved: Case, deed: Deed, _now_ms: int) -> Case:
    return replace(moved, note=deed.reason.strip(), next_ms=None, offered_to=None)


def _heard_again(_case: Case, moved: Case, _deed: Deed, now_ms: int) -> Case:
    """It asks for eyes as on its first day: nobody's, on the first rung of its ladder."""
    fresh = replace(
        moved,
        owner=None,
        level=0,
        owner_role=first_role(moved.family, moved.severity),
        act_due_ms=None,
        cause=None,
    )
    due_ms = next_look(fresh, now_ms)
    return replace(fresh, ack_due_ms=due_ms, next_ms=due_ms)


def _cause_over(case: Case, moved: Case, deed: Deed, now_ms: int) -> Case:
    if moved.state is _S.CLOSED:
        return closed(moved, CAUSE_OVER, now_ms)  # which cause it was stays written in it
    return _heard_again(case, moved, deed, now_ms)


def _put_back(case: Case, moved: Case, deed: Deed, now_ms: int) -> Case:
    if moved.state is _S.CLOSED:
        return closed(moved, REPAIRED, now_ms)
    return _heard_again(case, moved, deed, now_ms)


# --- whistles -------------------------------------------------------------------------------------------------------


def _whistled(_case: Case, moved: Case, deed: Deed, now_ms: int) -> Case:
    """The department has an hour to sign; who received it first stays its owner."""
    return replace(
        moved,
        whistle=Whistle(deed.code),
        colour=Colour(deed.colour),
        department=deed.to,
        owner_role=OwnerRole.DEPARTMENT,
        offered_to=None,
        sign_due_ms=now_ms + SIGN_MS,
        contact_due_ms=None,
        report_due_ms=None,
        next_ms=now_ms + SIGN_MS,
    )


def _signed_late(_case: Case, moved: Case, _deed: Deed, now_ms: int) -> Case:
    """One colour up, and another hour; when the chief has been asked, nobody is left to ask."""
    colour = raised_colour(moved.colour)
    return replace(moved, colour=colour, next_ms=None if colour is Colour.RED else now_ms + SIGN_MS)


def _signed(_case: Case, moved: Case, deed: Deed, now_ms: int) -> Case:
    contact, report = contact_ms(moved, now_ms, deed.zone), report_ms(moved, now_ms, deed.zone)
    return replace(moved, contact_due_ms=contact, report_due_ms=report, next_ms=min(contact, report))


def _contacted(_case: Case, moved: Case, _deed: Deed, now_ms: int) -> Case:
    ahead = moved.report_due_ms if (moved.report_due_ms or 0) > now_ms else None
    return replace(moved, contact_due_ms=None, next_ms=ahead)


def _dept_late(_case: Case, moved: Case, _deed: Deed, now_ms: int) -> Case:
    ahead = [due for due in (moved.contact_due_ms, moved.report_due_ms) if due is not None and due > now_ms]
    return replace(moved, colour=raised_colour(moved.colour), next_ms=min(ahead, default=None))


def _reported_in(_case: Case, moved: Case, _deed: Deed, _now_ms: int) -> Case:
    return replace(moved, next_ms=None)


def _returned(_case: Case, moved: Case, deed: Deed, now_ms: int) -> Case:
    """Back to the first receiver, whose clock of action begins anew."""
    back = replace(
        moved, note=deed.reason.strip(), level=0, owner_role=first_role(moved.family, moved.severity)
    )
    due_ms = act_ms(back, now_ms)
    return replace(back, act_due_ms=due_ms, next_ms=due_ms)


MORE_EFFECTS: Mapping[CaseEvent, Effect] = MappingProxyType(
    {
        _E.TRIAGE: _triaged,
        _E.SHELVE: _shelved,
        _E.SHELF_OVER: _heard_again,
        _E.SUPPRESS: _suppressed,
        _E.CAUSE_ENDS: _cause_over,
        _E.TAKE_OUT: _taken_out,
        _E.PUT_BACK: _put_back,
        _E.WHISTLE: _whistled,
        _E.SIGN_CLOCK: _signed_late,
        _E.SIGN: _signed,
        _E.CONTACT: _contacted,
        _E.DEPT_CLOCK: _dept_late,
        _E.REPORT_IN: _reported_in,
        _E.RESULT: resolved,
        _E.RETURN: _returned,
    }
)
