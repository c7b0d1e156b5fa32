"""What one shift's report holds, read from the books: places and staff, and nothing of any guest.

Cases are those that gate staff may see, whoever reads the report: it is the gate's, and an officer's questions stay theirs.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from cloud_sync.core.case_types import FLOOD, CaseState, Family, Severity
from cloud_sync.core.cases import visible
from cloud_sync.core.roles import Role
from cloud_sync.ports_shifts import Sheet, SheetCase, SheetCommand, SheetDoor, SheetNote
from cloud_sync.store import tables
from cloud_sync.store.hidden import hidden_subjects
from cloud_sync.store.tables_shifts import shift_note
from cloud_sync.store.zone_tables import zone, zone_command

ROWS_MAX = 500  # of one list; a longer one is cut, and the report says so
AT_THE_DOOR = ("door.forced", "door.held")
TOLD = ("SENT", "OVER")  # a zone's command that two people gave; a proposal is none

T = TypeVar("T")


def read_sheet(db: sa.Connection, community: str, since_ms: int, now_ms: int) -> Sheet:
    """What happened since then, and what stands open now."""
    cut: list[str] = []

    def all_of(name: str, query: sa.Select[Any], make: Callable[[Any], T]) -> tuple[T, ...]:
        rows: Sequence[Any] = db.execute(query.limit(ROWS_MAX + 1)).all()
        if len(rows) > ROWS_MAX:
            cut.append(name)
        return tuple(make(row) for row in rows[:ROWS_MAX])

    unseen = hidden_subjects(db, community)
    cases = all_of("cases", _cases(community, since_ms), lambda row: row)
    commands = (
        *all_of("commands", _commands(community, since_ms), _command),
        *all_of("commands", _zone_commands(community, since_ms), _zone_command),
    )
    return Sheet(
        since_ms,
        now_ms,
        tuple(_case(row) for row in cases if row.subject not in unseen and _is_the_gates(row)),
        tuple(sorted(commands, key=lambda one: one.at_ms)),
        all_of("doors", _doors(community, since_ms), _door),
        all_of("notes", _notes(community, since_ms), lambda row: SheetNote(row.at_ms, row.actor, row.said)),
        tuple(dict.fromkeys(cut)),
    )


def _is_the_gates(row: Any) -> bool:
    return visible(Role.GUARD, Family(row.family), Severity(row.severity))


def _place(table: sa.Table) -> tuple[sa.Table, sa.ColumnElement[bool]]:
    point = tables.access_point
    same = (point.c.community == table.c.community) & (point.c.access_point == table.c.access_point)
    return point, same


def _cases(community: str, since_ms: int) -> sa.Select[Any]:
    case, node = tables.case_, tables.node
    point, at_door = _place(case)
    at_node = (node.c.community == case.c.community) & (node.c.node == case.c.node)
    ours = (case.c.state != CaseState.CLOSED) | (case.c.closed_ms >= since_ms)
    return (
        sa.select(case, point.c.name_zh, point.c.name_en, node.c.name.label("node_name"))
        .select_from(case.outerjoin(point, at_door).outerjoin(node, at_node))
        .where(case.c.community == community, ours)
        .order_by(case.c.severity, case.c.opened_ms, case.c.id)
    )


def _case(row: Any) -> SheetCase:
    """Where nothing is at a door or a node, there is no place: what else it is about may be somebody's stay."""
    return SheetCase(
        id=row.id,
        family=row.family,
        kind=row.kind,
        severity=row.severity,
        state=CaseState(row.state),
        place_zh=row.name_zh or row.node_name or "",
        place_en=row.name_en or row.node_name or "",
        about=row.subject if row.kind == FLOOD.name else "",
        owner=row.owner or "",
        since_ms=row.first_seen_ms,
    )


def _commands(community: str, since_ms: int) -> sa.Select[Any]:
    table = tables.command
    point, at_door = _place(table)
    return (
        sa.select(table, point.c.name_zh, point.c.name_en)
        .select_from(table.outerjoin(point, at_door))
        .where(table.c.community == community, table.c.iat_ms >= since_ms)
        .order_by(table.c.iat_ms, table.c.id)
    )


def _command(row: Any) -> SheetCommand:
    zh, en = row.name_zh or row.access_point, row.name_en or row.access_point
    return SheetCommand(row.id, row.iat_ms, row.op, zh, en, row.issuer, "", row.state, zone=False)


def _zone_commands(community: str, since_ms: int) -> sa.Select[Any]:
    table = zone_command
    same = (zone.c.community == table.c.community) & (zone.c.zone == table.c.zone)
    return (
        sa.select(table, zone.c.name_zh, zone.c.name_en)
        .select_from(table.outerjoin(zone, same))
        .where(table.c.community == community, table.c.iat_ms >= since_ms, table.c.state.in_(TOLD))
        .order_by(table.c.iat_ms, table.c.id)
    )


def _zone_command(row: Any) -> SheetCommand:
    zh, en = row.name_zh or row.zone, row.name_en or row.zone
    return SheetCommand(row.id, row.iat_ms, row.op, zh, en, row.issuer, row.second, row.state, zone=True)


def _doors(community: str, since_ms: int) -> sa.Select[Any]:
    """By when the service heard of it: what a gate tells late belongs to the shift that hears it."""
    table = tables.event
    point, at_door = _place(table)
    return (
        sa.select(table.c.wall_ms, table.c.type, table.c.access_point, point.c.name_zh, point.c.name_en)
        .select_from(table.outerjoin(point, at_door))
        .where(table.c.community == community, table.c.stored_ms >= since_ms, table.c.type.in_(AT_THE_DOOR))
        .order_by(table.c.stored_ms, table.c.node, table.c.seq)
    )


def _door(row: Any) -> SheetDoor:
    name = row.access_point or ""
    return SheetDoor(row.wall_ms, row.type, row.name_zh or name, row.name_en or name)


def _notes(community: str, since_ms: int) -> sa.Select[Any]:
    mine = (shift_note.c.community == community, shift_note.c.at_ms >= since_ms)
    return sa.select(shift_note).where(*mine).order_by(shift_note.c.at_ms, shift_note.c.note)
