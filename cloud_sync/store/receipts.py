"""Guests' passes with their doors, and which of these have them: read in one picture."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.delivery import Unready, unready
from cloud_sync.core.issue import GUEST
from cloud_sync.core.lifecycles import PassState
from cloud_sync.core.policy import DAY_MS, PolicyProfile
from cloud_sync.errors import NotFound
from cloud_sync.jurisdictions import policy_of
from cloud_sync.ports_delivery import Deliveries, DoorReceipt, NodeUnready, PassReceipts
from cloud_sync.store.engine import reading
from cloud_sync.store.hidden import hides
from cloud_sync.store.pass_sets import is_online
from cloud_sync.store.tables import access_point, community, node, node_state, pass_, room, stay
from cloud_sync.store.tables_delivery import delivery_check, delivery_unready, pass_line

OPENS = (PassState.ARMED, PassState.ACTIVE)
# What a head lends, less the time that the newest one may be old: a node that is heard has one of this age at most.
LENT_MS = 30 * DAY_MS - 3_600_000


@dataclass(frozen=True, slots=True)
class _Door:
    name_zh: str
    name_en: str
    node: str
    node_name: str
    online: bool
    lease_ends_ms: int | None


def _same(left: sa.Table, right: sa.Table, key: str) -> sa.ColumnElement[bool]:
    return (left.c.community == right.c.community) & (left.c[key] == right.c[key])


def needed(code: str, profile: PolicyProfile, now_ms: int, until_ms: int) -> sa.ColumnElement[bool]:
    """Guests' passes that are to open a door between now and then."""
    return sa.and_(
        pass_.c.community == code,
        pass_.c["class"] == GUEST,
        pass_.c.stay.is_not(None),
        pass_.c.state.in_(OPENS),
        pass_.c.not_before_ms - profile.early_most_ms < until_ms,
        pass_.c.not_after_ms > now_ms,
    )


def receipts(db: sa.Connection, code: str, which: sa.ColumnElement[bool], now_ms: int) -> list[PassReceipts]:
    """These passes, by the room and the hour they begin."""
    doors, lines = _doors(db, code, now_ms), _lines(db, which)
    query = (
        sa.select(pass_, room.c.label)
        .select_from(
            pass_.outerjoin(stay, _same(stay, pass_, "stay")).outerjoin(room, _same(room, stay, "room"))
        )
        .where(which)
        .order_by(pass_.c.not_before_ms, room.c.label, pass_.c.pass_id)
    )
    return [_receipts(row, doors, lines) for row in db.execute(query).mappings()]


def _receipts(row: sa.RowMapping, doors: dict[str, _Door], lines: dict[tuple[str, str], Any]) -> PassReceipts:
    way = [access for access in json.loads(row["scope"]) if access in doors]
    return PassReceipts(
        pass_id=row["pass_id"],
        subject_ref=row["subject_ref"],
        stay=row["stay"] or "",
        room=row["label"] or "",
        version=row["version"],
        not_before_ms=row["not_before_ms"],
        not_after_ms=row["not_after_ms"],
        doors=tuple(
            _receipt(access, doors[access], lines.get((row["pass_id"], doors[access].node)), row["version"])
            for access in way
        ),
    )


def _receipt(access: str, door: _Door, line: Any, version: int) -> DoorReceipt:
    told = line is not None and line.pass_version == version
    return DoorReceipt(
        access_point=access,
        name_zh=door.name_zh,
        name_en=door.name_en,
        node=door.node,
        node_name=door.node_name,
        online=door.online,
        since_ms=line.receipt_ms if told else None,
        told_ms=line.told_ms if told else None,
    )


def _doors(db: sa.Connection, code: str, now_ms: int) -> dict[str, _Door]:
    joined = access_point.join(node, _same(node, access_point, "node")).outerjoin(
        node_state, _same(node_state, node, "node")
    )
    query = sa.select(access_point, node.c.name, node_state.c.online, node_state.c.hello_ms).select_from(
        joined
    )
    return {
        row.access_point: _Door(
            row.name_zh,
            row.name_en,
            row.node,
            row.name,
            is_online(row.online, row.hello_ms, now_ms),
            row.hello_ms + LENT_MS if row.hello_ms else None,
        )
        for row in db.execute(query.where(access_point.c.community == code))
    }


def _lines(db: sa.Connection, which: sa.ColumnElement[bool]) -> dict[tuple[str, str], Any]:
    query = sa.select(pass_line).join(pass_, _same(pass_, pass_line, "pass_id")).where(which)
    return {(row.pass_id, row.node): row for row in db.execute(query)}


@dataclass(frozen=True, slots=True)
class Amiss:
    node: str
    missing: int
    why: tuple[Unready, ...]


def nodes_amiss(
    db: sa.Connection, code: str, profile: PolicyProfile, now_ms: int, until_ms: int, under_way_ms: int = 0
) -> list[Amiss]:
    """Nodes with passes that are needed until then and which are not ready; a pass told that recently is under way."""
    found = receipts(db, code, needed(code, profile, now_ms, until_ms), now_ms)
    nodes: dict[str, set[str]] = {}
    for one in found:
        for door in one.doors:
            nodes.setdefault(door.node, set())
            if door.since_ms is None and (door.told_ms is None or now_ms - door.told_ms >= under_way_ms):
                nodes[door.node].add(one.pass_id)
    state = {door.node: door for door in _doors(db, code, now_ms).values()}
    all_of = [
        Amiss(name, len(missing), unready(
            missing=len(missing),
            online=state[name].online,
            lease_ends_ms=state[name].lease_ends_ms,
            until_ms=until_ms,
        ))
        for name, missing in sorted(nodes.items())
    ]  # fmt: skip
    return [one for one in all_of if one.why]


def unreceipted(
    db: sa.Connection, code: str, profile: PolicyProfile, now_ms: int
) -> Iterator[tuple[str, str, int | None]]:
    """Node, pass, and since when it stands in the node's set, of every pass that a node is to hold by now and has no
    receipt for; once for each door."""
    which = needed(code, profile, now_ms, now_ms + profile.preload_ms - profile.early_most_ms)
    for one in receipts(db, code, which, now_ms):
        for door in one.doors:
            if door.since_ms is None:
                yield door.node, one.pass_id, door.told_ms


class StoredDeliveries:
    """``DeliveryReader`` on the service's database."""

    def __init__(self, engine: sa.Engine, code: str) -> None:
        self._engine = engine
        self._code = code

    def deliveries(self, now_ms: int, *, of: str = "", most: int) -> Deliveries:
        """Raises NotFound where there is no such community."""
        with reading(self._engine).begin() as db:
            home = db.execute(sa.select(community).where(community.c.community == self._code)).one_or_none()
            if home is None:
                raise NotFound(f"There is no community {self._code!r} in this database.")
            check = db.execute(
                sa.select(delivery_check)
                .where(delivery_check.c.community == self._code)
                .order_by(delivery_check.c.at_ms.desc())
                .limit(1)
            ).one_or_none()
            until_ms = max(check.until_ms if check else 0, now_ms + DAY_MS)
            which = needed(self._code, policy_of(home.profile), now_ms, until_ms)
            which &= ~hides(
                self._code, pass_.c.stay
            )  # the nightly check counts such passes; nobody is shown them
            found = [one for one in receipts(db, self._code, which, now_ms) if _is(one, of)]
            late = self._unready(db, check.at_ms) if check else ()
        found.sort(key=lambda one: not one.missing)
        return Deliveries(
            home.name_zh,
            home.name_en,
            now_ms,
            until_ms,
            check.at_ms if check else None,
            late,
            tuple(found[:most]),
            max(0, len(found) - most),
        )

    def _unready(self, db: sa.Connection, at_ms: int) -> tuple[NodeUnready, ...]:
        table = delivery_unready
        query = (
            sa.select(table, node.c.name)
            .join(node, _same(node, table, "node"))
            .where(table.c.community == self._code, table.c.at_ms == at_ms, table.c.cleared_ms.is_(None))
            .order_by(table.c.missing.desc(), table.c.node)
        )
        return tuple(
            NodeUnready(row.node, row.name, row.missing, tuple(row.why.split()), row.found_ms)
            for row in db.execute(query)
        )


def _is(one: PassReceipts, of: str) -> bool:
    return not of or of in (one.room, one.stay, one.pass_id)
