"""Cases as rows: read, written and noted inside one act, each change with the next number of ``rev``."""

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.case_types import (
    Case,
    CaseEvent,
    CaseState,
    Colour,
    Deed,
    Family,
    Finding,
    MatterClass,
    OwnerRole,
    Severity,
    Whistle,
)
from cloud_sync.core.cases import joins, open_case, take
from cloud_sync.core.lifecycles import Refusal
from cloud_sync.core.reconcile import BY_HUMAN
from cloud_sync.store import tables
from cloud_sync.store.house import Act

# An alarm that chatters all night says nothing new in its history; it is still counted in its case.
NOTES_MAX = 500

_PARSED: dict[str, Any] = {
    "family": Family,
    "severity": Severity,
    "state": CaseState,
    "owner_role": OwnerRole,
    "active": bool,
    "matter_class": MatterClass,
    "whistle": Whistle,
    "colour": Colour,
}


def case_of(row: sa.RowMapping) -> Case:
    """The frozen value behind a row."""
    words = {name: row[name] for name in Case.__dataclass_fields__}
    parsed = {
        name: _PARSED[name](value) if name in _PARSED and value is not None else value
        for name, value in words.items()
    }
    return Case(**parsed)


def _values(case: Case) -> dict[str, object]:
    return {**asdict(case), "active": int(case.active)}


def newest_rev(db: sa.Connection, community: str) -> int:
    """The number of the last change of any case of this community; 0 before the first."""
    newest = sa.select(sa.func.max(tables.case_.c.rev)).where(tables.case_.c.community == community)
    return db.execute(newest).scalar_one() or 0


def find(act: Act, case_id: str) -> Case | None:
    table = tables.case_
    query = sa.select(table).where(table.c.community == act.house.community, table.c.id == case_id)
    row = act.connection.execute(query).mappings().one_or_none()
    return case_of(row) if row is not None else None


def open_with_key(act: Act, group_key: str) -> list[Case]:
    """Cases of this key that are not closed, the newest first."""
    table = tables.case_
    query = (
        sa.select(table)
        .where(
            table.c.community == act.house.community,
            table.c.group_key == group_key,
            table.c.state != CaseState.CLOSED,
        )
        .order_by(table.c.opened_ms.desc(), table.c.id.desc())
    )
    return [case_of(row) for row in act.connection.execute(query).mappings()]


def begin(act: Act, finding: Finding, ref: str, *, why: str = "") -> Case:
    """A new case with its first note."""
    case = open_case(finding, act.new_id("CS"), act.now_ms)
    rev = newest_rev(act.connection, act.house.community) + 1
    act.insert(tables.case_, **_values(case), rev=rev)
    _note(act, case.id, CaseEvent.RAISE, None, case.state, why, ref)
    return case


def raise_or_join(act: Act, finding: Finding, ref: str) -> Case:
    """One more finding: part of the open case it belongs to, or a new one, linked to the one before."""
    before = open_with_key(act, finding.group_key)
    if before and joins(before[0], finding.seen_ms):
        deed = Deed(CaseEvent.RAISE, seen_ms=finding.seen_ms, severity=finding.severity)
        moved = move(act, before[0], deed, ref=ref)
        assert isinstance(moved, Case), "an open case takes a further finding"
        return moved
    case = begin(act, finding, ref)
    if before:
        link(act, case.id, before[0].id)
    return case


def move(act: Act, case: Case, deed: Deed, *, ref: str | None = None) -> Case | Refusal:
    """One step of the machine, kept and noted; a refusal changes nothing."""
    moved = take(case, deed, act.now_ms)
    if isinstance(moved, Refusal):
        return moved
    rev = newest_rev(act.connection, act.house.community) + 1
    act.update(tables.case_, {"id": case.id}, **_values(moved), rev=rev)
    said = " · ".join(part for part in (_said(deed), _reclassed(case, moved)) if part)
    _note(act, case.id, deed.event, case.state, moved.state, said, ref, actor=deed.actor)
    if moved.state is CaseState.CLOSED and case.state is not CaseState.CLOSED:
        _explain_linked(act, moved)
    return moved


def _said(deed: Deed) -> str:
    """What a person wrote, and to whom it went; never more."""
    parts = (deed.code, deed.reason.strip(), f"→ {deed.to}" if deed.to else "")
    return " · ".join(part for part in parts if part)


def _reclassed(before: Case, after: Case) -> str:
    """What it was taken for before, and now: the case itself has the newest only (invariant 26)."""
    return "" if before.severity is after.severity else f"{before.severity} → {after.severity}"


def _explain_linked(act: Act, case: Case) -> None:
    """People closed the case, so its discrepancies are explained; those that data closed are closed already."""
    for ref in links(act.connection, act.house.community, case.id):
        held = act.row(tables.discrepancy, id=ref)
        if held is None or held.state == "closed":
            continue
        why = f"{BY_HUMAN}{case.resolution}: {case.note or '–'}"
        closed = {"state": "closed", "closed_ms": act.now_ms, "updated_ms": act.now_ms}
        act.update(tables.discrepancy, {"id": ref}, **closed, close_reason=why)


def link(act: Act, case_id: str, ref: str) -> None:
    """Say that this case is also about ``ref``; saying it twice is fine."""
    if act.row(tables.case_link, case_id=case_id, ref=ref) is None:
        act.insert(tables.case_link, case_id=case_id, ref=ref)


def links(db: sa.Connection, community: str, case_id: str) -> tuple[str, ...]:
    table = tables.case_link
    query = sa.select(table.c.ref).where(table.c.community == community, table.c.case_id == case_id)
    return tuple(db.execute(query.order_by(table.c.ref)).scalars())


def _note(
    act: Act,
    case_id: str,
    event: CaseEvent,
    before: CaseState | None,
    after: CaseState,
    reason: str,
    ref: str | None,
    *,
    actor: str = "",
) -> None:
    table = tables.case_note
    mine = (table.c.community == act.house.community, table.c.case_id == case_id)
    n = act.connection.execute(sa.select(sa.func.count()).where(*mine)).scalar_one() + 1
    if n > NOTES_MAX and event in (CaseEvent.RAISE, CaseEvent.CLEARS) and not reason:
        return
    act.insert(
        table,
        case_id=case_id,
        n=n,
        at_ms=act.now_ms,
        actor=actor,
        event=event,
        before=before,
        after=after,
        reason=reason or None,
        ref=ref,
    )
