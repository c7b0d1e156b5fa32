"""Nodes and doors as reconciliation reads them: sets and receipts, holes, and what doors did; a few queries for many."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, cast

import sqlalchemy as sa

from cloud_sync.core.books import DoorFact, Hole, NodeBook, PathBook
from cloud_sync.core.issue import is_due_at_nodes
from cloud_sync.core.policy import DAY_MS
from cloud_sync.protocol.vouched import RETENTION
from cloud_sync.store import tables
from cloud_sync.store.house import Act
from cloud_sync.store.issuing import held_row
from cloud_sync.store.pass_sets import is_online
from cloud_sync.store.places import scope_of
from cloud_sync.store.tables_rules import DOOR_WORDS

# A door's facts are judged again while they may still arrive late; longer outages raise D22 anyway.
DOOR_DAYS = 3
RECEIPT_SLACK_MS = 60_000  # a receipt may be for the set that was built just before the taking-away
DOOR_TYPES = {"door.forced": "forced", "door.held": "held", "access.not_taken": "not_taken"}
NARROWED = "pass.narrow"  # tells the doors it was for before: a room moved out of is not in the row any more
TAKING_AWAY = ("pass.revoke", "pass.exit only", "pass.suspend", "pass.prerequisite lost", NARROWED)
# Denials that are the door's failure to take a code, not the pass's being over or for another door.
NOT_READ = ("CredentialNotFound", "x:CodeReplayed", "x:CodeOutOfTime")


class NodeLoader:
    """Reads within one transaction."""

    def __init__(self, act: Act) -> None:
        self._act = act

    def nodes(self, nodes: Sequence[str]) -> tuple[NodeBook, ...]:
        if not nodes:
            return ()
        states = self._by_node(tables.node_state, nodes)
        sets = self._by_node(tables.pass_set, nodes)
        erasures = self._erasures(nodes)
        holes = self._holes(nodes)
        doors = self._doors(nodes)
        books = []
        for node in nodes:
            state, held = states.get(node), sets.get(node)
            books.append(
                NodeBook(
                    node=node,
                    online=state is not None and is_online(state.online, state.hello_ms, self._act.now_ms),
                    set_ver=held.auth_ver if held is not None else 0,
                    set_root=held.root if held is not None else "",
                    built_ms=held.built_ms if held is not None else 0,
                    told_ver=state.auth_ver if state is not None else 0,
                    told_root=state.root if state is not None else "",
                    revoked_ms=self._unreceipted(doors[node], held),
                    erase_ms=erasures.get(node),
                    holes=tuple(holes[node]),
                )
            )
        return tuple(books)

    def _rows(self, table: sa.Table, nodes: Sequence[str], *where: Any) -> Sequence[Any]:
        mine = (table.c.community == self._act.house.community, table.c.node.in_(nodes))
        return self._act.connection.execute(sa.select(table).where(*mine, *where)).all()

    def _by_node(self, table: sa.Table, nodes: Sequence[str]) -> dict[str, Any]:
        return {row.node: row for row in self._rows(table, nodes)}

    def _doors(self, nodes: Sequence[str]) -> dict[str, set[str]]:
        doors: dict[str, set[str]] = defaultdict(set)
        for row in self._rows(tables.access_point, nodes):
            doors[row.node].add(row.access_point)
        return doors

    def _unreceipted(self, doors: set[str], held: Any) -> int | None:
        """When the oldest thing was taken away that neither a receipt covers nor a set was built for."""
        if held is None:
            return None
        receipted = held.receipt_ver == held.auth_ver and held.receipt_root == held.root
        since_ms = held.built_ms if receipted else (held.receipt_ms or 0) - RECEIPT_SLACK_MS
        audit, pass_ = tables.audit, tables.pass_
        found = (
            sa.select(audit.c.at_ms, audit.c.action, audit.c.before, pass_.c.wire)
            .join(pass_, (pass_.c.community == audit.c.community) & (pass_.c.pass_id == audit.c.object))
            .where(
                audit.c.community == self._act.house.community,
                audit.c.action.in_(TAKING_AWAY),
                audit.c.at_ms > since_ms,
            )
            .order_by(audit.c.at_ms)
        )
        for row in self._act.connection.execute(found):
            wire = held_row(row.wire)
            if wire is None:
                continue
            scope = scope_of(row.before) if row.action == NARROWED else wire.scope
            if doors & set(scope) and is_due_at_nodes(wire, self._act.house.profile, self._act.now_ms):
                return int(row.at_ms)
        return None

    def _erasures(self, nodes: Sequence[str]) -> dict[str, int]:
        table = tables.erasure
        query = (
            sa.select(table.c.node, sa.func.min(table.c.asked_ms))
            .where(
                table.c.community == self._act.house.community,
                table.c.node.in_(nodes),
                table.c.acked_ms.is_(None),
            )
            .group_by(table.c.node)
        )
        return {node: int(asked_ms) for node, asked_ms in self._act.connection.execute(query)}

    def _holes(self, nodes: Sequence[str]) -> dict[str, list[Hole]]:
        holes: dict[str, list[Hole]] = defaultdict(list)
        for row in self._rows(tables.gap, nodes):
            holes[row.node].append(_hole(row, f"{row.lo}-{row.hi}", row.first_seen_ms, "gap"))
        # Not what left a node on its own clock, acknowledged, as it has to.
        for row in self._rows(tables.tombstone, nodes, tables.tombstone.c.reason != RETENTION):
            holes[row.node].append(_hole(row, f"{row.lo}-{row.hi}", row.declared_ms, "lost"))
        for row in self._rows(tables.conflict, nodes):
            holes[row.node].append(_hole(row, str(row.seq), row.seen_ms, "conflict"))
        return holes

    def doors(self, nodes: Sequence[str]) -> tuple[DoorFact, ...]:
        """What doors did in the last days against what they should; D23 looks at each day."""
        if not nodes:
            return ()
        event = tables.event
        newer_ms = self._act.house.midnight_ms(self._act.now_ms) - DOOR_DAYS * DAY_MS
        found = sa.select(
            event.c.node, event.c.epoch, event.c.seq, event.c.type, event.c.access_point, event.c.wall_ms
        ).where(
            event.c.community == self._act.house.community,
            sa.text(DOOR_WORDS),
            event.c.wall_ms >= newer_ms,
            event.c.node.in_(nodes),
            event.c.access_point.is_not(None),
        )
        return tuple(
            DoorFact(
                ref=f"{row.node}/{row.epoch}/{row.seq}",
                access_point=row.access_point,
                kind=cast("Any", DOOR_TYPES[row.type]),
                window_ms=self._act.house.midnight_ms(row.wall_ms),
            )
            for row in self._act.connection.execute(found)
        )

    def paths(self) -> tuple[PathBook, ...]:
        """Every door's last day by kind of credential: reads all events of that day, so only now and then."""
        event, now_ms = tables.event, self._act.now_ms
        good = sa.func.sum(sa.case((event.c.type == "access.granted", 1), else_=0))
        query = (
            sa.select(event.c.access_point, event.c.credential_kind, good, sa.func.count())
            .where(
                event.c.community == self._act.house.community,
                event.c.wall_ms > now_ms - DAY_MS,
                event.c.access_point.is_not(None),
                event.c.credential_kind.is_not(None),
                (event.c.type == "access.granted")
                | ((event.c.type == "access.denied") & event.c.reason.in_(NOT_READ)),
            )
            .group_by(event.c.access_point, event.c.credential_kind)
            .order_by(event.c.access_point, event.c.credential_kind)
        )
        counts: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
        for door, kind, let_in, judged in self._act.connection.execute(query):
            counts[door].append((kind, int(let_in), judged))
        doors = [row.access_point for row in self._act.rows(tables.access_point)]
        return tuple(PathBook(str(door), tuple(counts[str(door)])) for door in doors)


def _hole(row: Any, seqs: str, since_ms: int, kind: Any) -> Hole:
    return Hole(f"{row.node}/{row.epoch}/{seqs}", since_ms, kind)
