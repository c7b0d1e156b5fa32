"""What an event changes in a case besides its state: owner, clocks, who resolved, who checked (domain.md §11.3)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from cloud_sync.core.case_clocks import act_ms, ladder, next_action, next_look, raised_level, recheck_ms
from cloud_sync.core.case_more import (
    ACKNOWLEDGED,
    CLEARED_LATE,
    CLOSED_BY_DATA,
    MORE_EFFECTS,
    RESOLVED,
    UNVERIFIED,
    bursting,
    closed,
    resolved,
)
from cloud_sync.core.case_types import UNSEEN, WORKED, Case, CaseEvent, CaseState, Deed, Severity

_S, _E = CaseState, CaseEvent

Effect = Callable[[Case, Case, Deed, int], Case]


def _raised(case: Case, moved: Case, deed: Deed, now_ms: int) -> Case:
    """Counted; heavier if it is heavier now; the clock of the first look goes on as it was."""
    seen_ms = deed.seen_ms if deed.seen_ms is not None else now_ms
    again = replace(
        bursting(moved, seen_ms),
        active=True,
        count=case.count + 1,
        last_seen_ms=max(case.last_seen_ms, seen_ms),
    )
    severity = min(case.severity, deed.severity or case.severity)
    return again if severity is case.severity else _heavier(again, severity, now_ms)


def _heavier(case: Case, severity: Severity, now_ms: int) -> Case:
    """A heavier case follows its own ladder from the first rung, and its own clocks from now."""
    first = replace(case, severity=severity, level=0, owner_role=ladder(case.family, severity)[0].role)
    due_ms = next_look(first, now_ms) if case.state in UNSEEN else act_ms(first, now_ms)
    if case.state in UNSEEN:
        return replace(first, ack_due_ms=due_ms, next_ms=due_ms)
    if case.state is _S.SHELVED and severity is Severity.S1:
        return replace(first, next_ms=now_ms)  # S1 is never silenced: the shelving is over now
    return replace(first, act_due_ms=due_ms, next_ms=due_ms) if case.state in WORKED else first


def _cleared(case: Case, moved: Case, deed: Deed, now_ms: int) -> Case:
    seen_ms = deed.seen_ms if deed.seen_ms is not None else now_ms
    cleared = replace(moved, active=False, last_seen_ms=max(case.last_seen_ms, seen_ms))
    return closed(cleared, CLOSED_BY_DATA, now_ms) if moved.state is _S.CLOSED else cleared


def _acknowledged(_case: Case, moved: Case, deed: Deed, now_ms: int) -> Case:
    """The first receiver owns it; what was over before anybody looked is resolved, or closed, by looking."""
    owned = replace(moved, owner=deed.actor, note=deed.reason.strip() or moved.note)
    if moved.state is _S.CLOSED:
        return closed(owned, deed.code or ACKNOWLEDGED, now_ms)
    if moved.state is _S.RESOLVED:
        return resolved(owned, owned, deed, now_ms)
    due_ms = act_ms(owned, now_ms)
    return replace(owned, act_due_ms=due_ms, next_ms=due_ms)


def _looked_late(case: Case, moved: Case, _deed: Deed, now_ms: int) -> Case:
    level, role = raised_level(case)
    later = replace(moved, level=level, owner_role=role)
    return replace(later, next_ms=next_look(later, now_ms))


def _acted_late(case: Case, moved: Case, _deed: Deed, now_ms: int) -> Case:
    level, role = raised_level(case)
    later = replace(moved, level=level, owner_role=role)
    return replace(later, next_ms=next_action(later, now_ms))


def _offered(_case: Case, moved: Case, deed: Deed, _now_ms: int) -> Case:
    """Until the other accepts, clock and owner stay."""
    return replace(moved, offered_to=deed.to)


def _accepted(_case: Case, moved: Case, deed: Deed, _now_ms: int) -> Case:
    return replace(moved, owner=deed.actor, offered_to=None)


def _put_on_hold(_case: Case, moved: Case, deed: Deed, now_ms: int) -> Case:
    return replace(moved, held_ms=now_ms, next_ms=deed.until_ms, note=deed.reason.strip(), offered_to=None)


def _resumed(case: Case, moved: Case, _deed: Deed, now_ms: int) -> Case:
    """The action clock goes on where it stopped."""
    paused_ms = now_ms - (case.held_ms if case.held_ms is not None else now_ms)
    due_ms = case.act_due_ms + paused_ms if case.act_due_ms is not None else None
    return replace(moved, held_ms=None, act_due_ms=due_ms, next_ms=due_ms)


def _verified(_case: Case, moved: Case, deed: Deed, now_ms: int) -> Case:
    return closed(replace(moved, verified_by=deed.actor), moved.resolution or RESOLVED, now_ms)


def _rejected(case: Case, moved: Case, deed: Deed, now_ms: int) -> Case:
    """Back to whom it belongs; to who rejects it, where nobody ever owned it."""
    owner = case.owner or deed.actor
    due_ms = act_ms(moved, now_ms)
    return replace(
        moved, owner=owner, note=deed.reason.strip(), resolved_by=None, act_due_ms=due_ms, next_ms=due_ms
    )


def _unchecked(case: Case, moved: Case, _deed: Deed, now_ms: int) -> Case:
    if moved.state is _S.CLOSED:
        return closed(moved, UNVERIFIED, now_ms)
    level, role = raised_level(case)
    return replace(moved, level=level, owner_role=role, next_ms=recheck_ms(now_ms))


def _met(case: Case, moved: Case, deed: Deed, now_ms: int) -> Case:
    gone = replace(moved, active=False)
    if case.state is _S.RESOLVED and moved.state is _S.RESOLVED:
        return gone  # what the person wrote stays; the check is still to come
    if moved.state is _S.CLOSED:
        return closed(replace(gone, note=deed.reason or gone.note), deed.code or CLOSED_BY_DATA, now_ms)
    return resolved(gone, gone, replace(deed, code=deed.code or CLOSED_BY_DATA), now_ms)


def _retracted(_case: Case, moved: Case, deed: Deed, now_ms: int) -> Case:
    return closed(replace(moved, active=False, note=deed.reason or moved.note), CLEARED_LATE, now_ms)


def _reopened(case: Case, moved: Case, _deed: Deed, _now_ms: int) -> Case:
    return replace(moved, reopen_count=case.reopen_count + 1)


EFFECTS: Mapping[CaseEvent, Effect] = MappingProxyType(
    {
        _E.RAISE: _raised,
        _E.CLEARS: _cleared,
        _E.ACK: _acknowledged,
        _E.ACK_CLOCK: _looked_late,
        _E.ACT_CLOCK: _acted_late,
        _E.OFFER: _offered,
        _E.ACCEPT: _accepted,
        _E.HOLD: _put_on_hold,
        _E.RESUME: _resumed,
        _E.RESOLVE: resolved,
        _E.VERIFY: _verified,
        _E.REJECT: _rejected,
        _E.UNCHECKED: _unchecked,
        _E.MET: _met,
        _E.RETRACT: _retracted,
        _E.REOPEN: _reopened,
        **MORE_EFFECTS,
    }
)
