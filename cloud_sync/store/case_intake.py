"""Where cases come from: alarms the sink put aside, nodes that fell silent, discrepancies, and clocks that ran out.

Every look is cheap and takes no lock; only when something is to be done is there a transaction, and it decides
anew on what it then sees.  Doing it twice changes nothing the second time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from cloud_sync.core.case_clocks import due
from cloud_sync.core.case_levels import Level, clock_levels, levels_of, refused_levels, undelivered_levels
from cloud_sync.core.case_types import (
    ALERTS,
    CAMERA_LOST,
    CLOCK_OFF,
    DOOR_BOOT,
    NODE_OFFLINE,
    RAISED_BY,
    AlertKind,
    Case,
    CaseEvent,
    CaseState,
    Deed,
    Family,
    Finding,
    Severity,
)
from cloud_sync.core.reconcile import BY_HUMAN, LATE_EVIDENCE, RECORDS_CHANGED
from cloud_sync.ports import NodeLine
from cloud_sync.store import tables
from cloud_sync.store.case_groups import quieten, settle, unsettled
from cloud_sync.store.case_rows import case_of, link, move, open_with_key, raise_or_join
from cloud_sync.store.delivery_check import undelivered_nodes
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.read_nodes import node_lines
from cloud_sync.store.tables_vouched import refused_nodes

ALERTS_PER_RUN = 500  # the rest waits a quarter of a second
ACTOR, ROLE = "cases", "system"
SEEN_ONLY_AWAKE = (CAMERA_LOST.name, CLOCK_OFF.name)
DOOR_DISCREPANCY = "D23"  # joins the open alert case of its door (domain.md §10)


@dataclass(frozen=True, slots=True)
class _Alarm:
    ref: str
    kind: str
    node: str
    access_point: str | None
    contact: str
    seen_ms: int

    @property
    def subject(self) -> str:
        return self.access_point or self.node


def alert_key(subject: str, kind: str) -> str:
    return f"alert/{subject}/{kind}"


class CaseIntake:
    """One community's; call it from one thread."""

    def __init__(self, house: House) -> None:
        self._house = house
        # A silence before we listened is not a node's silence: after a stop everybody gets time to say hello.
        self._listening_since_ms = house.clock.now_ms()

    def take_alarms(self) -> int:
        """What the sink put aside; how many alarms that were."""
        with reading(self._house.engine).connect() as db:
            if not _alarms(db, self._house.community, 1):
                return 0
        with acting(self._house, ACTOR, ROLE) as act:
            alarms = _alarms(act.connection, self._house.community, ALERTS_PER_RUN)
            for alarm in alarms:
                _take_alarm(act, alarm)
            _forget(act, alarms)
            settle(act)
        return len(alarms)

    def look_around(self) -> int:
        """Nodes, discrepancies and clocks, as they are now; how many cases that changed."""
        now_ms = self._house.clock.now_ms()
        with reading(self._house.engine).connect() as db:
            if not self._has_work(db, now_ms):
                return 0
        with acting(self._house, ACTOR, ROLE) as act:
            levels = self._levels(act.connection, act.now_ms)
            changed = _apply_levels(act, levels)
            changed += _raise_discrepancies(act)
            changed += _close_met(act)
            changed += _run_clocks(act)
            return changed + settle(act)

    def _levels(self, db: sa.Connection, now_ms: int) -> tuple[Level, ...]:
        nodes = node_lines(db, self._house.community, now_ms)
        seen = _seen(nodes, now_ms)
        levels = levels_of(seen, now_ms, self._listening_since_ms, self._house.profile.silent_ms)
        silent = {level.node for level in levels if level.kind is NODE_OFFLINE}
        levels += clock_levels((node.node, node.clock_off_ms) for node in nodes if node.node not in silent)
        levels += undelivered_levels(undelivered_nodes(db, self._house.community))
        return levels + refused_levels(refused_nodes(db, self._house.community))

    def _has_work(self, db: sa.Connection, now_ms: int) -> bool:
        community = self._house.community
        held = _held_levels(db, community)
        return (
            _level_changes(self._levels(db, now_ms), held) != ([], [])
            or bool(db.execute(_uncovered(community).limit(1)).first())
            or bool(db.execute(_outlived(community).limit(1)).first())
            or bool(db.execute(_overdue(community, now_ms).limit(1)).first())
            or unsettled(db, community, now_ms)
        )


# --- alarms -------------------------------------------------------------------------------------------------------


def _alarms(db: sa.Connection, community: str, most: int) -> list[_Alarm]:
    table = tables.alert_queue
    query = (
        sa.select(table)
        .where(table.c.community == community)
        .order_by(table.c.stored_ms, table.c.node, table.c.epoch, table.c.seq)
        .limit(most)
    )
    return [
        _Alarm(
            f"{row.node}/{row.epoch}/{row.seq}",
            row.type,
            row.node,
            row.access_point,
            row.contact or "",
            row.seen_ms,
        )
        for row in db.execute(query)
    ]


def _forget(act: Act, alarms: Iterable[_Alarm]) -> None:
    table = tables.alert_queue
    for alarm in alarms:
        node, epoch, seq = alarm.ref.split("/")
        mine = (table.c.node == node, table.c.epoch == epoch, table.c.seq == int(seq))
        act.connection.execute(sa.delete(table).where(table.c.community == act.house.community, *mine))


def _take_alarm(act: Act, alarm: _Alarm) -> None:
    kind = RAISED_BY.get(alarm.kind)
    if kind is not None:
        quieten(act, raise_or_join(act, _finding(kind, alarm), alarm.ref))
    for cleared in _cleared_by(alarm):
        for case in open_with_key(act, alert_key(alarm.subject, cleared.name)):
            if case.active:
                move(act, case, Deed(CaseEvent.CLEARS, seen_ms=alarm.seen_ms), ref=alarm.ref)


def _cleared_by(alarm: _Alarm) -> tuple[AlertKind, ...]:
    if alarm.kind == DOOR_BOOT:
        shut = alarm.contact.lower() == "closed"
        return tuple(kind for kind in ALERTS.values() if kind.shut_first) if shut else ()
    return tuple(kind for kind in ALERTS.values() if alarm.kind in kind.cleared_by)


def _finding(kind: AlertKind, alarm: _Alarm) -> Finding:
    return Finding(
        family=Family.ALERT,
        kind=kind.name,
        severity=kind.severity,
        subject=alarm.subject,
        group_key=alert_key(alarm.subject, kind.name),
        seen_ms=alarm.seen_ms,
        node=alarm.node,
        access_point=alarm.access_point,
    )


# --- nodes and cameras ------------------------------------------------------------------------------------------


def _seen(
    nodes: Sequence[NodeLine], now_ms: int
) -> Iterable[tuple[str, int | None, tuple[tuple[str, str, str], ...]]]:
    """What ``levels_of`` needs of each node: when it was last heard, and its doors' kinds and cameras."""
    for node in nodes:
        heard_ms = None if node.silent_for_s is None else now_ms - round(node.silent_for_s * 1000)
        doors = tuple((door.access_point, door.kind, door.camera) for door in node.doors)
        yield node.node, heard_ms, doors


def _held_levels(db: sa.Connection, community: str) -> dict[str, Case]:
    """Open cases about a condition, the newest of each key."""
    table = tables.case_
    kinds = [kind.name for kind in ALERTS.values() if not kind.raised_by]
    query = sa.select(table).where(
        table.c.community == community, table.c.kind.in_(kinds), table.c.state != CaseState.CLOSED
    )
    rows = db.execute(query.order_by(table.c.opened_ms, table.c.id)).mappings()
    return {row["group_key"]: case_of(row) for row in rows}


def _level_changes(levels: Iterable[Level], held: dict[str, Case]) -> tuple[list[Level], list[Case]]:
    """Conditions that became true, and open cases whose condition is gone; a silent node's cameras and clock are not known."""
    now = {alert_key(level.subject, level.kind.name): level for level in levels}
    silent = {level.node for level in now.values() if level.kind is NODE_OFFLINE}
    fresh = [level for key, level in now.items() if key not in held or not held[key].active]
    gone = [
        case
        for key, case in held.items()
        if case.active and key not in now and not (case.kind in SEEN_ONLY_AWAKE and case.node in silent)
    ]
    return fresh, gone


def _apply_levels(act: Act, levels: tuple[Level, ...]) -> int:
    fresh, gone = _level_changes(levels, _held_levels(act.connection, act.house.community))
    for level in fresh:
        finding = Finding(
            family=Family.ALERT,
            kind=level.kind.name,
            severity=level.severity,
            subject=level.subject,
            group_key=alert_key(level.subject, level.kind.name),
            seen_ms=act.now_ms,
            node=level.node,
            access_point=level.access_point,
        )
        quieten(act, raise_or_join(act, finding, level.node))
    for case in gone:
        move(act, case, Deed(CaseEvent.CLEARS))
    return len(fresh) + len(gone)


# --- discrepancies ----------------------------------------------------------------------------------------------


def _uncovered(community: str) -> sa.Select[tuple[object, ...]]:
    """Open discrepancies no open case is about, or whose case takes them lighter than they are now."""
    found, case, tie = tables.discrepancy, tables.case_, tables.case_link
    covered = (
        sa.select(case.c.id)
        .select_from(tie.join(case, (case.c.community == tie.c.community) & (case.c.id == tie.c.case_id)))
        .where(
            tie.c.community == community,
            tie.c.ref == found.c.id,
            case.c.state != CaseState.CLOSED,
            (case.c.severity <= found.c.severity) | (case.c.family == Family.ALERT),
        )
    )
    return sa.select(found).where(
        found.c.community == community,
        found.c.state == "open",
        found.c.severity != Severity.S4,  # a trend: it is reported, and nobody is called (domain.md §11.4)
        ~sa.exists(covered.correlate(found)),
    )


def _raise_discrepancies(act: Act) -> int:
    rows = act.connection.execute(
        _uncovered(act.house.community).order_by(tables.discrepancy.c.opened_ms)
    ).all()
    for row in rows:
        case = _door_case(act, row.subject) if row.kind == DOOR_DISCREPANCY else None
        link(act, (case or _discrepancy_case(act, row)).id, row.id)
    return len(rows)


def _door_case(act: Act, access_point: str) -> Case | None:
    """The open alert case of this door that its discrepancy is really about."""
    doors = [kind.name for kind in ALERTS.values() if kind.shut_first]
    open_now = [case for kind in doors for case in open_with_key(act, alert_key(access_point, kind))]
    return open_now[0] if open_now else None


def _discrepancy_case(act: Act, row: sa.Row[tuple[object, ...]]) -> Case:
    place = act.row(tables.access_point, access_point=row.subject)
    node = row.subject if act.row(tables.node, node=row.subject) is not None else None
    finding = Finding(
        family=Family.DISCREPANCY,
        kind=row.kind,
        severity=Severity(row.severity),
        subject=row.subject,
        group_key=f"discrepancy/{row.kind}/{row.subject}/{row.window_ms}",
        seen_ms=row.opened_ms,
        node=place.node if place is not None else node,
        access_point=row.subject if place is not None else None,
    )
    return raise_or_join(act, finding, row.id)


def _outlived(community: str) -> sa.Select[tuple[object, ...]]:
    """Open discrepancy cases whose discrepancy the records, or a person elsewhere, have closed."""
    found, case, tie = tables.discrepancy, tables.case_, tables.case_link
    joined = case.join(tie, (tie.c.community == case.c.community) & (tie.c.case_id == case.c.id)).join(
        found, (found.c.community == tie.c.community) & (found.c.id == tie.c.ref)
    )
    waits = case.c.state.not_in((CaseState.CLOSED, CaseState.RESOLVED))
    return (
        sa.select(case, found.c.close_reason, found.c.id.label("ref"))
        .select_from(joined)
        .where(
            case.c.community == community,
            case.c.family == Family.DISCREPANCY,
            found.c.state == "closed",
            waits | (case.c.active == 1),
        )
    )


def _close_met(act: Act) -> int:
    rows = act.connection.execute(
        _outlived(act.house.community).where(tables.case_.c.state != CaseState.CLOSED)
    )
    closed = rows.mappings().all()
    for row in closed:
        reason = row["close_reason"] or ""
        late = reason == RECORDS_CHANGED or reason.startswith(LATE_EVIDENCE)
        actor = _explainer(act, row["ref"]) if reason.startswith(BY_HUMAN) else ""
        event = CaseEvent.RETRACT if late else CaseEvent.MET
        move(act, case_of(row), Deed(event, actor, reason=reason), ref=row["ref"])
    return len(closed)


def _explainer(act: Act, discrepancy: str) -> str:
    """Who explained it on the command line: the check has to be somebody else's."""
    table = tables.audit
    query = sa.select(table.c.actor).where(
        table.c.community == act.house.community,
        table.c.action == "discrepancy.close",
        table.c.object == discrepancy,
    )
    return act.connection.execute(query.order_by(table.c.n.desc()).limit(1)).scalar() or ""


# --- clocks -------------------------------------------------------------------------------------------------------


def _overdue(community: str, now_ms: int) -> sa.Select[tuple[object, ...]]:
    table = tables.case_
    return sa.select(table).where(
        table.c.community == community, table.c.state != CaseState.CLOSED, table.c.next_ms <= now_ms
    )


def _run_clocks(act: Act) -> int:
    rows = act.connection.execute(_overdue(act.house.community, act.now_ms)).mappings().all()
    for case in map(case_of, rows):
        event = due(case, act.now_ms)
        assert event is not None, f"{case.id} has a clock that means nothing"
        move(act, case, Deed(event))
    return len(rows)
