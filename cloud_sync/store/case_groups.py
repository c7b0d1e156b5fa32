"""Root causes, chatter and floods on the books (domain.md §11.6): what guards see is what somebody has to look at."""

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from cloud_sync.core.case_groups import cascade, flood_severity, flooding, of_flood
from cloud_sync.core.case_more import chatters
from cloud_sync.core.case_types import (
    CHATTER,
    FLOOD,
    Case,
    CaseEvent,
    CaseState,
    Deed,
    Family,
    Finding,
)
from cloud_sync.core.policy import MINUTE_MS
from cloud_sync.store import tables
from cloud_sync.store.case_rows import case_of, find, link, move, raise_or_join
from cloud_sync.store.house import Act

SILENCE_MS = 10 * MINUTE_MS
WHY_SILENT = "chatters"
_MAY_BE_SILENCED = (CaseState.NEW, CaseState.RTN_UNACK, CaseState.ACKED)


@dataclass(frozen=True, slots=True)
class _Step:
    """One thing to be done now: a cause that is over, a child of a root, or a case of a flood."""

    event: CaseEvent
    case: Case
    root: Case | None = None
    flood: str = ""


def unsettled(db: sa.Connection, community: str, now_ms: int) -> bool:
    """Whether ``settle`` would change anything now; takes no lock."""
    return next(_steps(_open_alerts(db, community), now_ms), None) is not None


def settle(act: Act) -> int:
    """Explain what has a cause, let go what has none any more; how many cases that changed.

    Each round decides on what the last one left; a cause has children and these have none, so that few rounds do.
    """
    changed = 0
    for _ in range(len(CaseState)):
        steps = list(_steps(_open_alerts(act.connection, act.house.community), act.now_ms))
        if not steps:
            break
        for step in steps:
            changed += _take(act, step)
    return changed


def quieten(act: Act, case: Case) -> None:
    """A source that chatters is silenced for ten minutes, and is a case of maintenance."""
    if not chatters(case) or case.state not in _MAY_BE_SILENCED or case.kind == CHATTER.name:
        return
    silence = Deed(CaseEvent.SHELVE, reason=WHY_SILENT, until_ms=act.now_ms + SILENCE_MS)
    if not isinstance(move(act, case, silence), Case):
        return
    key = f"alert/{case.subject}/{CHATTER.name}"
    about = Finding(
        Family.ALERT,
        CHATTER.name,
        CHATTER.severity,
        case.subject,
        key,
        act.now_ms,
        case.node,
        case.access_point,
    )
    link(act, raise_or_join(act, about, case.id).id, case.id)


def _open_alerts(db: sa.Connection, community: str) -> list[Case]:
    """Open alerts, and the closed causes of open ones, in one reading."""
    table = tables.case_
    open_ = sa.select(table).where(
        table.c.community == community, table.c.family == Family.ALERT, table.c.state != CaseState.CLOSED
    )
    return [case_of(row) for row in db.execute(open_.order_by(table.c.opened_ms, table.c.id)).mappings()]


def _steps(cases: list[Case], now_ms: int) -> Iterator[_Step]:
    by_id = {case.id: case for case in cases}
    for case in cases:
        if case.state is CaseState.SUPPRESSED:
            cause = by_id.get(case.cause or "")
            if cause is None or not cause.active:
                yield _Step(CaseEvent.CAUSE_ENDS, case)
        elif case.kind == FLOOD.name and case.active and not _still_floods(case, cases):
            yield _Step(CaseEvent.CLEARS, case)
    for pair in cascade(cases):
        yield _Step(CaseEvent.SUPPRESS, pair.child, pair.root)
    roots = [case for case in cases if case.id not in {pair.child.id for pair in cascade(cases)}]
    yield from _flood_steps(roots, now_ms)


def _flood_steps(cases: list[Case], now_ms: int) -> Iterator[_Step]:
    standing = {case.subject: case for case in cases if case.kind == FLOOD.name and case.active}
    for kind in sorted({*standing, *flooding(cases, now_ms)}):
        for case in of_flood(cases, kind):
            if kind not in standing or case.opened_ms >= standing[kind].opened_ms or _fresh(case, now_ms):
                yield _Step(CaseEvent.SUPPRESS, case, standing.get(kind), kind)


def _fresh(case: Case, now_ms: int) -> bool:
    return case.opened_ms > now_ms - SILENCE_MS


def _still_floods(flood: Case, cases: list[Case]) -> bool:
    return any(case.active and case.cause == flood.id for case in cases)


def _take(act: Act, step: _Step) -> int:
    case = find(act, step.case.id)
    if case is None or case.state is not step.case.state:
        return 0  # an earlier step of this round has moved it
    root = step.root or (_flood(act, step.flood, case) if step.flood else None)
    moved = move(act, case, Deed(step.event, cause=root.id if root is not None else ""))
    if not isinstance(moved, Case):
        return 0
    if root is not None:
        link(act, case.id, root.id)
    return 1


def _flood(act: Act, kind: str, case: Case) -> Case:
    """The case that stands for all of this kind; as grave as the gravest that it hides."""
    key = f"alert/{kind}/{FLOOD.name}"
    seen = Finding(Family.ALERT, FLOOD.name, flood_severity([case]), kind, key, act.now_ms)
    held = [
        one
        for one in _open_alerts(act.connection, act.house.community)
        if one.group_key == key and one.active
    ]
    if held and held[0].severity <= seen.severity:
        return held[0]
    return raise_or_join(act, seen, kind)
