"""What follows from a new event, in the transaction that stores it and only for rows that were really inserted."""

import sqlite3
from collections import Counter
from collections.abc import Sequence

from cloud_sync.core.case_types import ALERT_EVENTS, SILENT_EVENTS
from cloud_sync.ports import EntryLine
from cloud_sync.protocol.messages import EventBody
from cloud_sync.store.sink_epoch import UNDECODABLE, NewEvent

TAKEN = "access.taken"

_COUNT = """
insert into counter (community, node, type, n) values (?, ?, ?, ?)
on conflict (community, node, type) do update set n = counter.n + excluded.n
"""
# A late event from a node that was cut off must not move a guest back to where he was then; his first entry may
# still turn out to be earlier than thought.
_BE_PRESENT = """
insert into presence (community, pass_id, state, access_point, as_of_ms, first_entry_ms) values (?, ?, ?, ?, ?, ?)
on conflict (community, pass_id) do update set
    state = case when excluded.as_of_ms >= presence.as_of_ms then excluded.state else presence.state end,
    access_point =
        case when excluded.as_of_ms >= presence.as_of_ms then excluded.access_point else presence.access_point end,
    as_of_ms = case when excluded.as_of_ms >= presence.as_of_ms then excluded.as_of_ms else presence.as_of_ms end,
    first_entry_ms = case
        when presence.first_entry_ms is null or excluded.first_entry_ms < presence.first_entry_ms
        then coalesce(excluded.first_entry_ms, presence.first_entry_ms) else presence.first_entry_ms end
"""
# The newest touch wins, so that a reader who deletes "touched until then" never loses a later one.
_TOUCH = """
insert into touched (community, subject, since_ms) values (?, ?, ?)
on conflict (community, subject) do update set since_ms = excluded.since_ms
"""
_ALERT = """
insert into alert_queue (community, node, epoch, seq, type, access_point, contact, seen_ms, stored_ms)
values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (community, node, epoch, seq) do nothing
"""


class Effects:
    """Gathered while frames are taken, written once at the end of the transaction."""

    def __init__(self, db: sqlite3.Connection, community: str, now_ms: int) -> None:
        self._db = db
        self._community = community
        self._now_ms = now_ms
        self._touched: set[str] = set()
        self._new: list[NewEvent] = []

    def touch(self, subject: str) -> None:
        self._touched.add(subject)

    def add(self, events: Sequence[NewEvent]) -> None:
        self._new += events

    def write(self) -> tuple[EntryLine, ...]:
        """Counters, presence, the queues of reconciliation and cases; returns the lines for whoever is watching."""
        counted = Counter((event.node, kind_of(event)) for event in self._new)
        self._db.executemany(_COUNT, [(self._community, *key, n) for key, n in counted.items()])
        for event in self._new:
            self.touch(event.node)
            if event.body is not None and event.body.pass_id is not None:
                self.touch(event.body.pass_id)
                self._presence(event, event.body, event.body.pass_id)
        self._db.executemany(_ALERT, [self._alert(event) for event in self._new if _alarms(event)])
        self._db.executemany(_TOUCH, [(self._community, subject, self._now_ms) for subject in self._touched])
        return self._lines()

    def _presence(self, event: NewEvent, body: EventBody, pass_id: str) -> None:
        if body.type != TAKEN:
            return
        state = body.direction or "unknown"
        at_ms = self._moment(event, body)
        first = at_ms if state == "in" else None
        row = (self._community, pass_id, state, body.access_point or "", at_ms, first)
        self._db.execute(_BE_PRESENT, row)

    def _moment(self, event: NewEvent, body: EventBody) -> int:
        """An untrusted clock is not believed where we know better: live events happened just now."""
        return self._now_ms if event.live and body.clock_state == "UNTRUSTED" else event.wall_ms

    def _alert(self, event: NewEvent) -> tuple[object, ...]:
        """What the jobs make cases from; an alarm of an earlier hour keeps its hour."""
        place = (event.body.access_point, event.body.contact) if event.body else (None, None)
        seen_ms = self._now_ms if event.live else min(event.wall_ms, self._now_ms)
        key = (self._community, event.node, event.epoch, event.seq, kind_of(event))
        return (*key, *place, seen_ms, self._now_ms)

    def _lines(self) -> tuple[EntryLine, ...]:
        shown = [event for event in self._new if kind_of(event) not in SILENT_EVENTS]
        names = self._names({event.body.access_point for event in shown if event.body})
        return tuple(_line(event, names, self._now_ms) for event in shown)

    def _names(self, wanted: set[str | None]) -> dict[str, tuple[str, str]]:
        found: dict[str, tuple[str, str]] = {}
        for access_point in wanted - {None}:
            row = self._db.execute(
                "select name_zh, name_en from access_point where community = ? and access_point = ?",
                (self._community, access_point),
            ).fetchone()
            if row is not None and access_point is not None:
                found[access_point] = row
        return found


def _alarms(event: NewEvent) -> bool:
    return kind_of(event) in ALERT_EVENTS


def kind_of(event: NewEvent) -> str:
    return event.body.type if event.body else UNDECODABLE


def _line(event: NewEvent, names: dict[str, tuple[str, str]], now_ms: int) -> EntryLine:
    body = event.body
    access_point = (body.access_point if body else None) or ""
    name_zh, name_en = names.get(access_point, (access_point, access_point))
    return EntryLine(
        node=event.node,
        epoch=event.epoch,
        seq=event.seq,
        type=kind_of(event),
        access_point=access_point,
        access_point_zh=name_zh,
        access_point_en=name_en,
        decision=body.decision if body else None,
        reason=body.reason if body else None,
        credential_kind=body.credential_kind if body else None,
        subject_ref=body.subject_ref if body else None,
        wall_ms=event.wall_ms,
        stored_ms=now_ms,
        live=event.live,
    )
