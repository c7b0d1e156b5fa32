"""The books read from the tables for reconciliation: whole for some stays, nodes and doors, in a fixed number of queries."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, cast

import sqlalchemy as sa

from cloud_sync.core.books import (
    Books,
    ClockName,
    DoorFact,
    Drained,
    Entry,
    MemberBook,
    StayBook,
)
from cloud_sync.core.lifecycles import PROVED, StayState
from cloud_sync.core.policy import DAY_MS
from cloud_sync.store import tables
from cloud_sync.store.house import Act
from cloud_sync.store.node_books import node_books
from cloud_sync.store.places import scope_of

DOOR_DAYS = (
    3  # a door's facts are judged again while they may still arrive late; longer outages raise D22 anyway
)
NIGHT = range(6)  # with the late evening: when nobody would come by chance
NIGHT_FROM = 22
DOOR_TYPES = {"door.forced": "forced", "door.held": "held", "access.not_taken": "not_taken"}


class Loader:
    """Reads within one transaction; everything has the time of its act."""

    def __init__(self, act: Act) -> None:
        self._act = act
        self._db = act.connection
        self._house = act.house

    def books(self, stays: Sequence[str], nodes: Sequence[str]) -> Books:
        """The books about these stays, and these nodes with their doors."""
        return Books(
            now_ms=self._act.now_ms,
            drained=self.drained(),
            stays=self._stays(stays),
            nodes=node_books(self._act, nodes),
            doors=self._door_facts(nodes),
        )

    def drained(self) -> dict[str, Drained]:
        """How far every node has told."""
        table = tables.node_state
        rows = self._all(sa.select(table), table)
        return {
            row.node: Drained(row.drained_through_ms, cast("ClockName", row.clock_state), row.clock_bound_ms)
            for row in rows
        }

    def _all(self, query: sa.Select[Any], table: sa.Table) -> Sequence[Any]:
        return self._db.execute(query.where(table.c.community == self._house.community)).all()

    # --- stays -------------------------------------------------------------------------------------------------

    def _stays(self, stays: Sequence[str]) -> tuple[StayBook, ...]:
        held = self._all(sa.select(tables.stay).where(tables.stay.c.stay.in_(stays)), tables.stay)
        members = self._members(stays)
        ways = self._ways({row.room for row in held})
        return tuple(
            StayBook(
                stay=row.stay,
                state=StayState(row.state),
                planned_in_ms=row.planned_in_ms,
                planned_out_ms=row.planned_out_ms,
                checked_out_ms=row.checked_out_ms,
                nodes=ways.get(row.room, ()),
                members=tuple(members.get(row.stay, ())),
            )
            for row in held
        )

    def nodes_on_the_way(self, stays: Sequence[str]) -> set[str]:
        """The nodes whose doors lead to the rooms of these stays."""
        table = tables.stay
        rooms = {row.room for row in self._all(sa.select(table.c.room).where(table.c.stay.in_(stays)), table)}
        return {node for way in self._ways(rooms).values() for node in way}

    def _ways(self, rooms: set[str]) -> dict[str, tuple[str, ...]]:
        """The nodes whose doors are on the way to each room."""
        point, room = tables.access_point, tables.room
        owner = {row.access_point: row.node for row in self._all(sa.select(point), point)}
        found = self._all(sa.select(room).where(room.c.room.in_(rooms)), room)
        return {
            row.room: tuple(sorted({owner[door] for door in scope_of(row.access_points) if door in owner}))
            for row in found
        }

    def _members(self, stays: Sequence[str]) -> dict[str, list[MemberBook]]:
        table = tables.pass_
        passes = self._all(sa.select(table).where(table.c.stay.in_(stays)).order_by(table.c.pass_id), table)
        ids = [row.pass_id for row in passes]
        entries, used = self._entries(ids)
        states = self._presence(ids)
        verified, minors = self._verified(stays), self._minors({row.person for row in passes})
        books: dict[str, list[MemberBook]] = defaultdict(list)
        for row in passes:
            books[row.stay].append(
                MemberBook(
                    pass_id=row.pass_id,
                    verified=(row.stay, row.person) in verified,
                    minor=row.person in minors,
                    entries=tuple(entries.get(row.pass_id, ())),
                    used=row.pass_id in used,
                    presence=states.get(row.pass_id, "unknown"),
                )
            )
        return books

    def _entries(self, passes: Sequence[str]) -> tuple[dict[str, list[Entry]], set[str]]:
        """(taken entries, passes that any event names)."""
        event = tables.event
        columns = (
            event.c.node,
            event.c.epoch,
            event.c.seq,
            event.c.type,
            event.c.direction,
            event.c.pass_id,
            event.c.wall_ms,
            event.c.clock_state,
            event.c.body,
        )
        found = self._all(sa.select(*columns).where(event.c.pass_id.in_(passes)), event)
        entries: dict[str, list[Entry]] = defaultdict(list)
        for row in found:
            if row.type == "access.taken" and row.direction != "out":
                entries[row.pass_id].append(self._entry(row))
        for held in entries.values():
            held.sort(key=lambda entry: entry.ref)
        return entries, {row.pass_id for row in found}

    def _entry(self, row: Any) -> Entry:
        trusted = row.clock_state != "UNTRUSTED"
        return Entry(
            ref=f"{row.node}/{row.epoch}/{row.seq}",
            wall_ms=row.wall_ms,
            clock=cast("ClockName", row.clock_state),
            bound_ms=int(json.loads(row.body).get("clock_bound_ms", 0)),
            night=trusted and self._is_night(row.wall_ms),
        )

    def _is_night(self, wall_ms: int) -> bool:
        hour = (wall_ms - self._house.midnight_ms(wall_ms)) // 3_600_000
        return hour in NIGHT or hour >= NIGHT_FROM

    def _presence(self, passes: Sequence[str]) -> dict[str, Any]:
        table = tables.presence
        return {
            row.pass_id: row.state
            for row in self._all(sa.select(table).where(table.c.pass_id.in_(passes)), table)
        }

    def _verified(self, stays: Sequence[str]) -> set[tuple[str, str]]:
        table = tables.registration
        proved = sa.select(table.c.stay, table.c.person).where(
            table.c.stay.in_(stays),
            table.c.status.in_(PROVED),
            table.c.proofing >= self._house.profile.proofing_min,
        )
        return {(row.stay, row.person) for row in self._all(proved, table)}

    def _minors(self, persons: set[str]) -> set[str]:
        table = tables.person
        found = sa.select(table.c.person).where(table.c.person.in_(persons), table.c.minor == 1)
        return {row.person for row in self._all(found, table)}

    # --- doors -------------------------------------------------------------------------------------------------

    def _door_facts(self, nodes: Sequence[str]) -> tuple[DoorFact, ...]:
        event = tables.event
        newer_ms = self._house.midnight_ms(self._act.now_ms) - DOOR_DAYS * DAY_MS
        found = sa.select(
            event.c.node, event.c.epoch, event.c.seq, event.c.type, event.c.access_point, event.c.wall_ms
        ).where(
            event.c.wall_ms >= newer_ms,
            event.c.type.in_(tuple(DOOR_TYPES)),
            event.c.node.in_(nodes),
            event.c.access_point.is_not(None),
        )
        return tuple(
            DoorFact(
                ref=f"{row.node}/{row.epoch}/{row.seq}",
                access_point=row.access_point,
                kind=cast("Any", DOOR_TYPES[row.type]),
                window_ms=self._house.midnight_ms(row.wall_ms),
            )
            for row in self._all(found, event)
        )
