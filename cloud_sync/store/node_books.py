"""The books about nodes, read for reconciliation: every table once for all of them, however many were touched."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, cast

import sqlalchemy as sa

from cloud_sync.core.books import Hole, NodeBook
from cloud_sync.core.issue import is_due_at_nodes
from cloud_sync.protocol.vouched import RETENTION
from cloud_sync.store import tables
from cloud_sync.store.house import Act
from cloud_sync.store.issuing import held_row
from cloud_sync.store.pass_sets import is_online
from cloud_sync.store.places import scope_of

RECEIPT_SLACK_MS = 60_000  # a receipt may be for the set that was built just before the taking-away
NARROWED = "pass.narrow"  # tells the doors it was for before: a room moved out of is not in the row any more
TAKING_AWAY = ("pass.revoke", "pass.exit only", "pass.suspend", "pass.prerequisite lost", NARROWED)

Row = Any


def node_books(act: Act, nodes: Sequence[str]) -> tuple[NodeBook, ...]:
    """In this order, as one transaction sees them."""
    if not nodes:
        return ()
    states, sets = _one_each(act, tables.node_state, nodes), _one_each(act, tables.pass_set, nodes)
    since = {node: _unproved_since(held) for node, held in sets.items()}
    taken = _TakenAway(act, min(since.values(), default=act.now_ms))
    doors, erasures, holes = _doors(act, nodes), _erasures(act, nodes), _holes(act, nodes)
    return tuple(
        NodeBook(
            node=node,
            online=state is not None and is_online(state.online, state.hello_ms, act.now_ms),
            set_ver=held.auth_ver if held is not None else 0,
            set_root=held.root if held is not None else "",
            built_ms=held.built_ms if held is not None else 0,
            told_ver=state.auth_ver if state is not None else 0,
            told_root=state.root if state is not None else "",
            revoked_ms=taken.first(since[node], doors.get(node, frozenset())) if node in since else None,
            erase_ms=erasures.get(node),
            holes=tuple(holes.get(node, ())),
        )
        for node in nodes
        for state, held in [(states.get(node), sets.get(node))]
    )


def _of(act: Act, table: sa.Table, nodes: Sequence[str], *where: sa.ColumnElement[bool]) -> Sequence[Row]:
    mine = (table.c.community == act.house.community, table.c.node.in_(nodes))
    return act.connection.execute(sa.select(table).where(*mine, *where)).all()


def _one_each(act: Act, table: sa.Table, nodes: Sequence[str]) -> dict[str, Row]:
    return {row.node: row for row in _of(act, table, nodes)}


# --- what was taken away -----------------------------------------------------------------------------------------


def _unproved_since(held: Row) -> int:
    """What was taken away after this is neither covered by the node's receipt nor was a set built for it."""
    receipted = held.receipt_ver == held.auth_ver and held.receipt_root == held.root
    return int(held.built_ms if receipted else (held.receipt_ms or 0) - RECEIPT_SLACK_MS)


class _TakenAway:
    """What was taken away since then, oldest first; a row is decoded once, and only when some node asks that far."""

    def __init__(self, act: Act, since_ms: int) -> None:
        audit, pass_ = tables.audit, tables.pass_
        found = (
            sa.select(audit.c.at_ms, audit.c.action, audit.c.before, pass_.c.wire)
            .join(pass_, (pass_.c.community == audit.c.community) & (pass_.c.pass_id == audit.c.object))
            .where(
                audit.c.community == act.house.community,
                audit.c.action.in_(TAKING_AWAY),
                audit.c.at_ms > since_ms,
            )
            .order_by(audit.c.at_ms)
        )
        self._act = act
        self._rows = act.connection.execute(found).all()
        self._doors: dict[int, frozenset[str]] = {}

    def first(self, since_ms: int, doors: frozenset[str]) -> int | None:
        """When the first thing after that was taken away from any of these doors."""
        start = bisect_right(self._rows, since_ms, key=lambda row: int(row.at_ms))
        return next(
            (int(self._rows[i].at_ms) for i in range(start, len(self._rows)) if doors & self._doors_of(i)),
            None,
        )

    def _doors_of(self, i: int) -> frozenset[str]:
        """None for a pass that nodes are not to hold now."""
        if i not in self._doors:
            row = self._rows[i]
            wire = held_row(row.wire)
            if wire is None or not is_due_at_nodes(wire, self._act.house.profile, self._act.now_ms):
                self._doors[i] = frozenset()
            else:
                self._doors[i] = frozenset(scope_of(row.before) if row.action == NARROWED else wire.scope)
        return self._doors[i]


def _doors(act: Act, nodes: Sequence[str]) -> dict[str, frozenset[str]]:
    doors: dict[str, set[str]] = defaultdict(set)
    for row in _of(act, tables.access_point, nodes):
        doors[row.node].add(row.access_point)
    return {node: frozenset(mine) for node, mine in doors.items()}


# --- what is owed and what is missing ------------------------------------------------------------------------------


def _erasures(act: Act, nodes: Sequence[str]) -> dict[str, int]:
    """Since when the oldest erasure is without a receipt."""
    table = tables.erasure
    found = sa.select(table.c.node, sa.func.min(table.c.asked_ms)).where(
        table.c.community == act.house.community, table.c.node.in_(nodes), table.c.acked_ms.is_(None)
    )
    return {row[0]: row[1] for row in act.connection.execute(found.group_by(table.c.node))}


def _holes(act: Act, nodes: Sequence[str]) -> dict[str, list[Hole]]:
    holes: dict[str, list[Hole]] = defaultdict(list)
    for row in _of(act, tables.gap, nodes):
        name = f"{row.node}/{row.epoch}/{row.lo}-{row.hi}"
        holes[row.node].append(Hole(name, cast("int", row.first_seen_ms), "gap"))
    # What a node declared gone; not what left it on its own clock, acknowledged, as it has to.
    for row in _of(act, tables.tombstone, nodes, tables.tombstone.c.reason != RETENTION):
        name = f"{row.node}/{row.epoch}/{row.lo}-{row.hi}"
        holes[row.node].append(Hole(name, cast("int", row.declared_ms), "lost"))
    for row in _of(act, tables.conflict, nodes):
        name = f"{row.node}/{row.epoch}/{row.seq}"
        holes[row.node].append(Hole(name, cast("int", row.seen_ms), "conflict"))
    return holes
