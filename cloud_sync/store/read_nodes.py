"""Nodes and their doors for the pages: what they last said, joined with what the community registered."""

from collections.abc import Sequence
from typing import Literal

import sqlalchemy as sa

from cloud_sync.core.whole import is_late
from cloud_sync.ports import DoorLine, LateNode, NodeLine, SupplyLine
from cloud_sync.protocol.messages import BadMessage, DoorHealth, State, decode
from cloud_sync.store.pass_sets import is_online
from cloud_sync.store.tables import access_point, gap, mark, node, node_state, pass_set

SILENT = DoorHealth(
    access_point="", mode="unknown", contact="unknown", alarm="unknown", camera="unknown", lock="unknown"
)


def node_lines(db: sa.Connection, code: str, now_ms: int) -> tuple[NodeLine, ...]:
    """Every registered node; one that never spoke is there too, offline, with a watermark of 0."""
    doors = _doors(db, code)
    state = (node_state.c.community == node.c.community) & (node_state.c.node == node.c.node)
    rows = db.execute(
        sa.select(
            node.c.node,
            node.c.name,
            node_state.c.epoch,
            node_state.c.head,
            node_state.c.hello_ms,
            node_state.c.drained_through_ms,
            node_state.c.auth_ver.label("told_ver"),
            node_state.c.root.label("told_root"),
            node_state.c.online,
            node_state.c.clock_state,
            node_state.c.clock_bound_ms,
            node_state.c.software,
            node_state.c.outbox,
            node_state.c.free_mb,
            node_state.c.wire,
            node_state.c.clock_off_ms,
            node_state.c.health,
            _missing().label("missing"),
            mark.c.upto,
            pass_set.c.auth_ver,
            pass_set.c.root,
        )
        .select_from(
            node.outerjoin(node_state, state)
            .outerjoin(
                mark,
                (mark.c.community == node.c.community)
                & (mark.c.node == node.c.node)
                & (mark.c.epoch == node_state.c.epoch),
            )
            .outerjoin(
                pass_set, (pass_set.c.community == node.c.community) & (pass_set.c.node == node.c.node)
            )
        )
        .where(node.c.community == code)
        .order_by(node.c.node)
    ).mappings()
    return tuple(_node(row, doors.get(row["node"], ()), now_ms) for row in rows)


def late_nodes(lines: Sequence[NodeLine], now_ms: int) -> tuple[LateNode, ...]:
    """Whose events are not all here, longest missing first."""
    late = [line for line in lines if is_late(line.drained_through_ms, now_ms)]
    return tuple(
        LateNode(line.node, line.name, line.drained_through_ms, line.online)
        for line in sorted(late, key=lambda line: (line.drained_through_ms, line.node))
    )


def _missing() -> sa.ScalarSelect[int]:
    """How many events stand in the gaps of a node, in all of its ledgers."""
    mine = (gap.c.community == node.c.community) & (gap.c.node == node.c.node)
    return sa.select(sa.func.coalesce(sa.func.sum(gap.c.hi - gap.c.lo + 1), 0)).where(mine).scalar_subquery()


def _doors(db: sa.Connection, code: str) -> dict[str, list[sa.RowMapping]]:
    doors: dict[str, list[sa.RowMapping]] = {}
    query = (
        sa.select(access_point).where(access_point.c.community == code).order_by(access_point.c.access_point)
    )
    for row in db.execute(query).mappings():
        doors.setdefault(row["node"], []).append(row)
    return doors


def _node(row: sa.RowMapping, doors: Sequence[sa.RowMapping], now_ms: int) -> NodeLine:
    health = _health(row["health"])
    told = {door.access_point: door for door in health.doors} if health else {}
    upto = row["upto"] or 0
    return NodeLine(
        node=row["node"],
        name=row["name"],
        online=is_online(row["online"], row["hello_ms"], now_ms),
        silent_for_s=(now_ms - row["hello_ms"]) / 1000 if row["hello_ms"] else None,
        head=max(row["head"] or 0, upto),
        acked=upto,
        drained_through_ms=row["drained_through_ms"] or 0,
        clock_state=row["clock_state"] or "UNTRUSTED",
        pass_set=_pass_set(row),
        faults=tuple(health.faults) if health else (),
        doors=tuple(_door(door, told.get(door["access_point"], SILENT)) for door in doors),
        hello_ms=row["hello_ms"] or 0,
        clock_bound_ms=row["clock_bound_ms"] or 0,
        software=row["software"] or "",
        outbox=row["outbox"],
        free_mb=row["free_mb"],
        wire=row["wire"],
        missing=int(row["missing"]),
        clock_off_ms=row["clock_off_ms"],
        supply=_supply(health),
    )


def _health(raw: bytes | None) -> State | None:
    """The last state a node told; None when it told none, or one we could not read."""
    if not raw:
        return None
    try:
        return decode(raw, State)
    except BadMessage:
        return None


def _supply(health: State | None) -> SupplyLine | None:
    told = health.supply if health else None
    return None if told is None else SupplyLine(told.state, told.charge, told.left_s)


def _pass_set(row: sa.RowMapping) -> Literal["equal", "behind", "unknown"]:
    if row["auth_ver"] is None or not row["hello_ms"]:
        return "unknown"
    return "equal" if (row["told_ver"], row["told_root"]) == (row["auth_ver"], row["root"]) else "behind"


def _door(row: sa.RowMapping, told: DoorHealth) -> DoorLine:
    return DoorLine(
        access_point=row["access_point"],
        name_zh=row["name_zh"],
        name_en=row["name_en"],
        kind=row["kind"],
        mode=told.mode,
        contact=told.contact,
        alarm=told.alarm,
        camera=told.camera,
        face=told.face,
        liveness=told.liveness,
        gallery_n=told.gallery_n,
        threshold=told.threshold,
        threshold_note=told.threshold_note,
        expected_fpir=told.expected_fpir,
        engine=told.engine,
        dry_run=told.dry_run,
        face_mode=told.face_mode,
        tail=told.tail,
        verified_by=told.verified_by,
    )
