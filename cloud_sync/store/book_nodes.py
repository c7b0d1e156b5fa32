"""Nodes and doors as reconciliation reads them: sets and receipts, holes, and what doors did; a few queries for many."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, cast

import sqlalchemy as sa

from cloud_sync.core.books import ClockName, DoorFact, Drained, Hole, NodeBook, PathBook
from cloud_sync.core.issue import is_due_at_nodes
from cloud_sync.core.policy import DAY_MS
from cloud_sync.protocol.vouched import RETENTION
from cloud_sync.store import tables
from cloud_sync.store.asking import ask, ask_all, many, mine
from cloud_sync.store.book_stays import Places
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


_STATE, _SET, _ERASURE, _EVENT = tables.node_state, tables.pass_set, tables.erasure, tables.event
_STATES = sa.select(
    _STATE.c.node,
    _STATE.c.drained_through_ms,
    _STATE.c.clock_state,
    _STATE.c.clock_bound_ms,
    _STATE.c.auth_ver,
    _STATE.c.root,
    _STATE.c.online,
    _STATE.c.hello_ms,
).where(mine(_STATE))
_SETS = sa.select(_SET).where(mine(_SET))


_OWED = "owed"


def _holes_query() -> sa.CompoundSelect[Any]:
    """(node, epoch, lo, hi, since, kind); not what left a node on its own clock, acknowledged, as it has to.

    Erasures that a node owes come with them, for they are asked with the same nodes.
    """
    gap, lost, other = tables.gap, tables.tombstone, tables.conflict
    named = many("nodes")
    return sa.union_all(
        sa.select(gap.c.node, gap.c.epoch, gap.c.lo, gap.c.hi, gap.c.first_seen_ms, sa.literal("gap")).where(
            mine(gap), gap.c.node.in_(named)
        ),
        sa.select(
            lost.c.node, lost.c.epoch, lost.c.lo, lost.c.hi, lost.c.declared_ms, sa.literal("lost")
        ).where(mine(lost), lost.c.node.in_(named), lost.c.reason != RETENTION),
        sa.select(
            other.c.node, other.c.epoch, other.c.seq, other.c.seq, other.c.seen_ms, sa.literal("conflict")
        ).where(mine(other), other.c.node.in_(named)),
        sa.select(
            _ERASURE.c.node,
            sa.literal(""),
            sa.literal(0),
            sa.literal(0),
            sa.func.min(_ERASURE.c.asked_ms),
            sa.literal(_OWED),
        )
        .where(mine(_ERASURE), _ERASURE.c.node.in_(named), _ERASURE.c.acked_ms.is_(None))
        .group_by(_ERASURE.c.node),
    )


_HOLES = _holes_query()
_TAKEN_AWAY = (
    sa.select(tables.audit.c.at_ms, tables.audit.c.action, tables.audit.c.before, tables.pass_.c.wire)
    .join(
        tables.pass_,
        (tables.pass_.c.community == tables.audit.c.community)
        & (tables.pass_.c.pass_id == tables.audit.c.object),
    )
    .where(
        mine(tables.audit),
        tables.audit.c.action.in_(TAKING_AWAY),
        tables.audit.c.at_ms > sa.bindparam("since"),
    )
    .order_by(tables.audit.c.at_ms)
)
_FACTS = sa.select(
    _EVENT.c.node, _EVENT.c.epoch, _EVENT.c.seq, _EVENT.c.type, _EVENT.c.access_point, _EVENT.c.wall_ms
).where(
    mine(_EVENT),
    sa.text(DOOR_WORDS),
    _EVENT.c.node.in_(many("nodes")),
    _EVENT.c.wall_ms >= sa.bindparam("since"),
    _EVENT.c.access_point.is_not(None),
)


class NodeLoader:
    """Reads within one transaction."""

    def __init__(self, act: Act, places: Places) -> None:
        self._act = act
        self._places = places
        states, sets = ask_all(act, (_STATES, {}), (_SETS, {}))
        self._states = {row.node: row for row in states}
        self.drained = {  # how far every node has told
            name: Drained(row.drained_through_ms, cast("ClockName", row.clock_state), row.clock_bound_ms)
            for name, row in self._states.items()
        }
        self.sets = {row.node: row for row in sets}  # what each is to hold, as last built

    def nodes(self, nodes: Sequence[str]) -> tuple[NodeBook, ...]:
        if not nodes:
            return ()
        holes, owed = self._holes(nodes)
        taken = self._taken_away(nodes)
        doors = self._places.doors_of(nodes) if taken else {}
        books = []
        for node in nodes:
            state, held = self._states.get(node), self.sets.get(node)
            books.append(
                NodeBook(
                    node=node,
                    online=state is not None and is_online(state.online, state.hello_ms, self._act.now_ms),
                    set_ver=held.auth_ver if held is not None else 0,
                    set_root=held.root if held is not None else "",
                    built_ms=held.built_ms if held is not None else 0,
                    told_ver=state.auth_ver if state is not None else 0,
                    told_root=state.root if state is not None else "",
                    revoked_ms=self._unreceipted(node, taken, doors.get(node, set())),
                    erase_ms=owed.get(node),
                    holes=tuple(holes[node]),
                )
            )
        return tuple(books)

    def _unreceipted(
        self, node: str, taken: Sequence[tuple[int, frozenset[str]]], doors: set[str]
    ) -> int | None:
        """When the oldest thing was taken away that neither a receipt covers nor a set was built for."""
        held = self.sets.get(node)
        if held is None:
            return None
        since_ms = _uncovered_ms(held)
        return next((at_ms for at_ms, scope in taken if at_ms > since_ms and doors & scope), None)

    def _taken_away(self, nodes: Sequence[str]) -> list[tuple[int, frozenset[str]]]:
        """(when, from which doors), the oldest first: asked once for all nodes, from the receipt that is oldest on."""
        since = [_uncovered_ms(held) for node in nodes if (held := self.sets.get(node)) is not None]
        found = []
        for row in ask(self._act, _TAKEN_AWAY, since=min(since)) if since else ():
            wire = held_row(row.wire)
            if wire is not None and is_due_at_nodes(wire, self._act.house.profile, self._act.now_ms):
                scope = scope_of(row.before) if row.action == NARROWED else wire.scope
                found.append((int(row.at_ms), frozenset(scope)))
        return found

    def _holes(self, nodes: Sequence[str]) -> tuple[dict[str, list[Hole]], dict[str, int]]:
        """(the holes of each ledger, since when a node owes the receipt of an erasure)."""
        holes: dict[str, list[Hole]] = defaultdict(list)
        owed: dict[str, int] = {}
        for node, epoch, lo, hi, since_ms, kind in ask(self._act, _HOLES, nodes=nodes):
            if kind == _OWED:
                owed[node] = int(since_ms)
                continue
            seqs = str(lo) if kind == "conflict" else f"{lo}-{hi}"
            holes[node].append(Hole(f"{node}/{epoch}/{seqs}", since_ms, kind))
        return holes, owed

    def doors(self, nodes: Sequence[str]) -> tuple[DoorFact, ...]:
        """What doors did in the last days against what they should; D23 looks at each day."""
        if not nodes:
            return ()
        house = self._act.house
        newer_ms = house.midnight_ms(self._act.now_ms) - DOOR_DAYS * DAY_MS
        return tuple(
            DoorFact(
                ref=f"{row.node}/{row.epoch}/{row.seq}",
                access_point=row.access_point,
                kind=cast("Any", DOOR_TYPES[row.type]),
                window_ms=house.midnight_ms(row.wall_ms),
            )
            for row in ask(self._act, _FACTS, nodes=nodes, since=newer_ms)
        )

    def paths(self) -> tuple[PathBook, ...]:
        """Every door's last day by kind of credential: reads all events of that day, so only now and then."""
        event, now_ms = tables.event, self._act.now_ms
        granted, taken, refused = (
            sa.func.sum(sa.case((event.c.type == kind, 1), else_=0))
            for kind in ("access.granted", "access.taken", "access.denied")
        )
        query = (
            sa.select(event.c.access_point, event.c.credential_kind, granted, taken, refused)
            .where(
                event.c.community == self._act.house.community,
                event.c.wall_ms > now_ms - DAY_MS,
                event.c.access_point.is_not(None),
                event.c.credential_kind.is_not(None),
                event.c.type.in_(("access.granted", "access.taken"))
                | ((event.c.type == "access.denied") & event.c.reason.in_(NOT_READ)),
            )
            .group_by(event.c.access_point, event.c.credential_kind)
            .order_by(event.c.access_point, event.c.credential_kind)
        )
        counts: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
        for door, kind, said, passed, missed in self._act.connection.execute(query):
            # A lock that a radio drives tells that it was opened, and no decision before.
            let_in = max(int(said), int(passed))
            counts[door].append((kind, let_in, let_in + int(missed)))
        return tuple(PathBook(door, tuple(counts[door])) for door in self._places.everywhere())


def _uncovered_ms(held: Any) -> int:
    """From when on what was taken away is in no set that the node has receipted."""
    receipted = held.receipt_ver == held.auth_ver and held.receipt_root == held.root
    return int(held.built_ms if receipted else (held.receipt_ms or 0) - RECEIPT_SLACK_MS)
