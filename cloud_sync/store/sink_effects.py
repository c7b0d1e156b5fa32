"""What follows from a new event, in the transaction that stores it and only for rows that were really inserted."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import overload

from cloud_sync.core.case_types import ALERT_EVENTS, SILENT_EVENTS
from cloud_sync.ports import EntryLine
from cloud_sync.protocol.messages import EventBody
from cloud_sync.store.sink_db import SinkDb
from cloud_sync.store.sink_epoch import NewEvent

TAKEN = "access.taken"
COMPANY = "access.tailgate"

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
    """Gathered while frames are taken, written once at the end of the transaction.

    Rows that two sinks may want at once are written in the order of their keys, so that neither waits for the other.
    """

    def __init__(self, db: SinkDb, community: str, now_ms: int) -> None:
        self._db = db
        self._community = community
        self._now_ms = now_ms
        self._touched: set[str] = set()
        self._new: list[NewEvent] = []

    def touch(self, subject: str) -> None:
        self._touched.add(subject)

    def add(self, events: Sequence[NewEvent]) -> None:
        self._new += events

    def write(self) -> Sequence[EntryLine]:
        """Counters, presence, the queues of reconciliation and cases; returns the lines for whoever is watching."""
        counted: Counter[tuple[str, str]] = Counter()
        passages: list[tuple[object, ...]] = []
        alerts: list[tuple[object, ...]] = []
        touched = self._touched
        for event in self._new:
            counted[event.node, event.kind] += 1
            touched.add(event.node)
            if event.body is not None and event.body.pass_id is not None:
                touched.add(event.body.pass_id)
                if event.kind == TAKEN:
                    passages.append(self._passage(event, event.body))
            if event.kind == COMPANY:
                touched.add(f"event/{event.node}/{event.epoch}/{event.seq}")  # it names a grant, and no pass
            if event.kind in ALERT_EVENTS:
                alerts.append(self._alert(event))
        code = self._community
        self._db.executemany(_COUNT, [(code, *key, counted[key]) for key in sorted(counted)])
        self._db.executemany(_BE_PRESENT, sorted(passages, key=_pass_of))
        self._db.executemany(_ALERT, alerts)
        self._db.executemany(_TOUCH, [(code, subject, self._now_ms) for subject in sorted(touched)])
        return self._lines()

    def _passage(self, event: NewEvent, body: EventBody) -> tuple[object, ...]:
        state = body.direction or "unknown"
        at_ms = self._moment(event, body)
        first = at_ms if state == "in" else None
        return (self._community, body.pass_id, state, body.access_point or "", at_ms, first)

    def _moment(self, event: NewEvent, body: EventBody) -> int:
        """An untrusted clock is not believed where we know better: live events happened just now."""
        return self._now_ms if event.live and body.clock_state == "UNTRUSTED" else event.wall_ms

    def _alert(self, event: NewEvent) -> tuple[object, ...]:
        """What the jobs make cases from; an alarm of an earlier hour keeps its hour."""
        place = (event.body.access_point, event.body.contact) if event.body else (None, None)
        seen_ms = self._now_ms if event.live else min(event.wall_ms, self._now_ms)
        key = (self._community, event.node, event.epoch, event.seq, event.kind)
        return (*key, *place, seen_ms, self._now_ms)

    def _lines(self) -> Sequence[EntryLine]:
        shown = [event for event in self._new if event.kind not in SILENT_EVENTS]
        if not shown:
            return ()
        names = self._names({event.body.access_point for event in shown if event.body})
        return Lines(shown, names, self._now_ms)

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


class Lines(Sequence[EntryLine]):
    """Made when somebody looks: a sink whose pages run elsewhere never does."""

    def __init__(self, events: list[NewEvent], names: dict[str, tuple[str, str]], now_ms: int) -> None:
        self._events = events
        self._names = names
        self._now_ms = now_ms

    def __len__(self) -> int:
        return len(self._events)

    @overload
    def __getitem__(self, at: int) -> EntryLine: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[EntryLine]: ...
    def __getitem__(self, at: int | slice) -> EntryLine | Sequence[EntryLine]:
        if isinstance(at, slice):
            return [_line(event, self._names, self._now_ms) for event in self._events[at]]
        return _line(self._events[at], self._names, self._now_ms)

    def __iter__(self) -> Iterator[EntryLine]:
        return (_line(event, self._names, self._now_ms) for event in self._events)


def _pass_of(row: Sequence[object]) -> str:
    return str(row[1])


def _line(event: NewEvent, names: dict[str, tuple[str, str]], now_ms: int) -> EntryLine:
    body = event.body
    access_point = (body.access_point if body else None) or ""
    name_zh, name_en = names.get(access_point, (access_point, access_point))
    return EntryLine(
        node=event.node,
        epoch=event.epoch,
        seq=event.seq,
        type=event.kind,
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
