"""A run: quarter of an hour after quarter of an hour, what was told, what the doors saw, and what reconciliation makes of it."""

import heapq
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from cloud_sync.ports import RowAnswer
from cloud_sync.protocol.messages import PassRow
from cloud_sync.score.bus import Bus
from cloud_sync.score.doors import Doors, doors_of
from cloud_sync.score.findings import Finding, Watch
from cloud_sync.score.folder import Folder, Told
from cloud_sync.score.nodes import Nodes
from cloud_sync.score.people import Holder, People
from cloud_sync.score.town import ACTOR, BEGINNING, Town
from cloud_sync.store import tables
from cloud_sync.store.house import Act, acting
from cloud_sync.store.intake_rows import take_rows
from cloud_sync.store.minors_told import companion_of
from cloud_sync.store.reconcile_edges import touch_edges
from cloud_sync.store.timeline import advance_time

STEP_MS = 15 * 60_000
DAY_MS = 24 * 3_600_000
TOUCHED_RUNS_MAX = 1_000  # of one step; each takes some hundred subjects from the queue
_QUEUED = (
    sa.select(sa.func.count())
    .select_from(tables.touched)
    .where(tables.touched.c.community == sa.bindparam("mine"))
)
Progress = Callable[[int, int, int, int], None]  # days done, of so many, stays, events


@dataclass(slots=True)
class Played:
    """What a run was and what came of it."""

    stays: int = 0
    rows: int = 0
    refused: int = 0
    events: int = 0
    seconds: float = 0.0
    late_looks: int = 0  # findings that only the daily look at everything under way made
    swept: int = 0  # what the sweep at the end changed: 0, or the runs do not agree
    spent: dict[str, float] = field(default_factory=dict)
    found: list[Finding] = field(default_factory=list)
    doors: Doors | None = None


class Play:
    """One community from before its first day to the end of its last."""

    def __init__(self, folder: Folder, town: Town, progress: Progress) -> None:
        self._folder, self._town, self._progress = folder, town, progress
        self._books, self._clock = town.books, town.clock
        with self._books.engine.connect() as db:
            found = sa.select(tables.node.c.node).where(tables.node.c.community == folder.code)
            names = sorted(db.execute(found).scalars())
        self._nodes = Nodes(folder, names)
        self.people = People(self._books)
        self._watch = Watch(self._books)
        self._doors = doors_of(folder, self._books)
        self._bus = Bus(town)
        self._kept: list[_Ordered] = []  # told, and not yet at its time
        self._before: dict[str, PassRow] = {}
        self._accompanied: set[str] = set()
        self._number = 0
        self._looked_ms = self._clock.now_ms()
        self.played = Played(doors=self._doors)

    def run(self) -> Played:
        """
        Raises:
            SyncError: the broker or the database gave up.
        """
        began = time.monotonic()
        try:
            self.people.meet_others()
            self._start()
            for day in range(self._folder.days):
                self._day(day)
                self._progress(day + 1, self._folder.days, self.played.stays, self.played.events)
            self._end()
        finally:
            self._bus.close()
        self.played.seconds = time.monotonic() - began
        self.played.found = self._watch.found
        return self.played

    def _start(self) -> None:
        """What was told before the first day, and the sweep that a service begins with."""
        for one in self._folder.before():
            self._keep(one)
        while self._kept and self._kept[0].at_ms < self._folder.begins_ms:
            self._step(self._until(self._kept[0].at_ms), None)
        self._clock.move_to(self._folder.begins_ms)
        self._town.take(BEGINNING)
        self._books.reconciler.run_full()
        self._watch.look(0)

    def _keep(self, told: Told) -> None:
        self._number += 1
        heapq.heappush(self._kept, _Ordered(told, self._number))

    def _until(self, at_ms: int) -> int:
        """The end of the step that this moment lies in."""
        return at_ms - at_ms % STEP_MS + STEP_MS

    def _day(self, day: int) -> None:
        text = (self._folder.start + timedelta(days=day)).isoformat()
        for one in self._folder.told(text):
            self._keep(one)
        lines = _Lines(self._folder.events(text))
        begins_ms = self._folder.begins_ms + day * DAY_MS
        for at_ms in range(begins_ms + STEP_MS, begins_ms + DAY_MS + 1, STEP_MS):
            self._step(at_ms, lines.until)
        self._timed("due", self._due)

    def _due(self) -> None:
        """Once a day everything under way: what the edges of a step do not say, such as a whole day of a door."""
        self.played.late_looks += self._books.reconciler.run_due()
        self._watch.look(self._looked_ms)

    # --- one step ------------------------------------------------------------------------------------------------

    def _step(self, until_ms: int, lines: Callable[[int], Iterator[dict[str, Any]]] | None) -> None:
        since_ms = self._clock.now_ms()
        self._clock.move_to(until_ms)
        seen = list(lines(until_ms)) if lines is not None else []
        self._timed("doors", lambda: self._stand(seen))
        self._timed("intake", lambda: self._take(until_ms))
        if seen:
            self._timed("doors", lambda: self._tell(seen))
        self._timed("time", lambda: advance_time(self._books.house, since_ms=since_ms))
        self._timed("judging", lambda: self._judge(since_ms))

    def _timed(self, name: str, work: Callable[[], object]) -> None:
        began = time.monotonic()
        work()
        self.played.spent[name] = self.played.spent.get(name, 0.0) + time.monotonic() - began

    def _take(self, until_ms: int) -> None:
        due: list[Told] = []
        while self._kept and self._kept[0].at_ms <= until_ms:
            due.append(heapq.heappop(self._kept).told)
        if not due:
            return

        def seen(act: Act, at: int, answer: RowAnswer) -> None:
            self._count(act, due[at], answer)

        take_rows(self._books.house, [(one.kind, one.cells) for one in due], actor=ACTOR, seen=seen)
        self._watch.look(self._looked_ms)  # what an act finds by itself may be put right in the same step
        if visitors := [one.cells["ref"] for one in due if one.kind == "visitors"]:
            self.people.meet_visitors(visitors)

    def _count(self, act: Act, one: Told, answer: RowAnswer) -> None:
        self.played.rows += 1
        self.played.refused += answer.status == "rejected"
        if one.kind == "bookings":
            self.played.stays += answer.status == "new"
        elif one.kind == "registrations" and answer.status != "rejected":
            self.people.registered(act, f"{one.cells['source']} {one.cells['external_ref']}", one.member)

    def _stand(self, lines: list[dict[str, Any]]) -> None:
        """The passes as they stand when the quarter of an hour begins; what is told in it may come before or after a passage."""
        self._look(lines)
        self._before = dict(self.people.rows)

    def _look(self, lines: list[dict[str, Any]]) -> dict[str, Holder]:
        named = {str(line[key]) for line in lines for key in ("who", "host") if key in line}
        held = {who: holder for who in named if (holder := self.people.holder(who)) is not None}
        self.people.look(holder.pass_id for holder in held.values())
        return held

    def _tell(self, lines: list[dict[str, Any]]) -> None:
        people, held = self.people, self._look(lines)
        for line in lines:
            who = line.get("who")
            if who is not None and " " in who and "direction" in line:
                holder = held.get(who)
                rows = (
                    []
                    if holder is None
                    else [self._before.get(holder.pass_id), people.rows.get(holder.pass_id)]
                )
                self._doors.judge(line, [row for row in rows if row is not None])
            self._nodes.write(line, people.pass_of)
        self._let_in(lines)
        self._bus.tell(self._nodes.frames(self._clock.now_ms()))
        self.played.events += len(lines)

    def _let_in(self, lines: list[dict[str, Any]]) -> None:
        """Whom a guard lets in who names a party: said on the staff's page, once for a party."""
        for line in lines:
            host = line.get("host")
            if host is None or line["direction"] != "in" or line["type"] != "access.granted":
                continue
            stay = self.people.stay_of(str(host).rsplit(" ", 1)[0])
            if stay is not None and stay not in self._accompanied:
                self._accompanied.add(stay)
                with acting(self._books.house, str(line["actor"]), "staff") as act:
                    companion_of(act, stay, line["at"])

    def _judge(self, since_ms: int) -> None:
        touch_edges(self._books.house, since_ms)
        for _ in range(TOUCHED_RUNS_MAX):
            self._books.reconciler.run_touched()
            self._watch.look(self._looked_ms)
            if not self._queued():
                break
        self._looked_ms = self._clock.now_ms()

    def _queued(self) -> bool:
        with self._books.engine.connect() as db:
            return bool(db.execute(_QUEUED, {"mine": self._books.house.community}).scalar())

    # --- the end -----------------------------------------------------------------------------------------------------

    def _end(self) -> None:
        """Nothing new is told; what stands must be what a sweep over everything would write."""
        self._judge(self._clock.now_ms())
        self.played.swept = self._books.reconciler.run_full()
        self._watch.look(self._looked_ms)


class _Ordered:
    """A told row in a heap, by its minute and then by when it was put there."""

    def __init__(self, told: Told, number: int) -> None:
        self.told, self.at_ms, self.number = told, told.at_ms, number

    def __lt__(self, other: "_Ordered") -> bool:
        return (self.at_ms, self.number) < (other.at_ms, other.number)


class _Lines:
    """A day's lines, taken as far as time has come."""

    def __init__(self, lines: Iterator[dict[str, Any]]) -> None:
        self._lines = lines
        self._next: dict[str, Any] | None = next(lines, None)

    def until(self, until_ms: int) -> Iterator[dict[str, Any]]:
        while self._next is not None and self._next["at"] < until_ms:
            yield self._next
            self._next = next(self._lines, None)
