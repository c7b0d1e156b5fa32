"""The lines of a day, numbered by node and written in the order of time."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from cloud_sync.synth.doors import HELD, Line
from cloud_sync.synth.faults import (
    LOSING,
    MONTH,
    Spell,
    bend,
    by_chance,
    gap_node,
    lines_of,
    lost_truth,
    nodes_of,
)
from cloud_sync.synth.homes import Homes
from cloud_sync.synth.place import Place
from cloud_sync.synth.rows import Calendar, Truth
from cloud_sync.synth.shape import Fault
from cloud_sync.synth.stay import DAY
from cloud_sync.synth.streams import Streams

MINUTE = 60_000
ZONE_MS = 8 * 60 * MINUTE  # the community's own time is eight hours ahead


@dataclass(slots=True)
class Ledgers:
    """Every node's counter and what it suffers; days are written in order."""

    place: Place
    homes: Homes
    streams: Streams
    calendar: Calendar
    script: tuple[Fault, ...] | None
    code: str
    seqs: dict[str, int] = field(default_factory=dict)
    spells: dict[str, list[Spell]] = field(default_factory=dict)
    _owners: list[tuple[str, str]] = field(default_factory=list)  # (node, access point) by point
    _late: list[Line] = field(default_factory=list)  # lines of tomorrow that were made today
    _pending: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._owners = [(point.node, point.ref) for point in self.place.points]
        for room in self.homes.rooms:
            building = self.homes.listings[room.listing].unit.building
            self._owners.append((room_node(self.code, building), f"room-{room.ref}"))
        if self.script is not None:
            self._pending = list(self.script)

    def begin(self, day: int) -> list[Fault]:
        """The faults that begin on this day."""
        if self.script is None and day % MONTH == 0:
            self._pending += by_chance(self.streams, self.place, day // MONTH)
        today = [fault for fault in self._pending if fault.begin < (day + 1) * DAY]
        self._pending = [fault for fault in self._pending if fault.begin >= (day + 1) * DAY]
        for fault in today:
            for node in nodes_of(fault, self.place):
                self.spells.setdefault(node, []).append(
                    Spell(fault.kind, fault.begin * MINUTE, fault.end * MINUTE)
                )
            self._late += [line for last in (day, day + 1) for line in lines_of(fault, self.place, last)]
        return today

    def write(self, rng: Random, day: int, lines: Iterable[Line]) -> Iterator[tuple[str, list[Truth]]]:
        """(line, truths that it shows), in the order of time; lines beyond midnight wait for their own day."""
        ends = (day + 1) * DAY * MINUTE
        every = [*self._late, *lines]
        self._late = [line for line in every if line[0] >= ends]
        today = sorted(line for line in every if line[0] < ends)
        epoch_ms = int((self.calendar.midnight.toordinal() - 719_163) * DAY * MINUTE) - ZONE_MS
        gap = gap_node(rng, self.place, day)
        skip_from = (day * DAY + rng.randrange(8 * 60, 20 * 60)) * MINUTE
        for ms, point, body in today:
            node, access_point = self._owners[point]
            seq = self.seqs.get(node, 0) + 1
            truths: list[Truth] = []
            if node == gap and ms >= skip_from:
                gap = None
                self.seqs[node] = seq
                at = ms // MINUTE
                yield "", [Truth("D22", f"node:{node}", at, at, f"seq {seq}-{seq}", "lost on the way")]
                continue
            self.seqs[node] = seq
            if body is HELD:
                truths = [self._held(day, access_point)]
            written = self._suffer(node, ms, seq, body, epoch_ms, truths) if node in self.spells else body
            if written is None:
                continue
            where = f'"at":{epoch_ms + ms},"node":"{node}","seq":{seq},"access_point":"{access_point}"'
            yield f"{{{where},{written}}}\n", truths

    def _held(self, day: int, access_point: str) -> Truth:
        return Truth(
            "D23", f"access_point:{access_point}", day * DAY, (day + 1) * DAY, "door.held", "held open"
        )

    def _suffer(
        self, node: str, ms: int, seq: int, body: str, epoch_ms: int, truths: list[Truth]
    ) -> str | None:
        """The line as the node's faults leave it; None when nobody will ever read it."""
        for spell in self.spells[node]:
            if spell.begin <= ms < spell.end:
                if spell.kind in LOSING:
                    spell.first_lost = spell.first_lost or seq
                    spell.last_lost = seq
                    truths.clear()
                    return None
                body = bend(spell, ms, body, epoch_ms)
        return body

    def over(self, day: int) -> Iterator[Truth]:
        """Forget the faults that are past; what was lost in them is told once."""
        for node in sorted(self.spells):
            past = [spell for spell in self.spells[node] if spell.end <= (day + 1) * DAY * MINUTE]
            yield from (lost_truth(node, spell) for spell in past if spell.last_lost)
            self.spells[node] = [spell for spell in self.spells[node] if spell not in past]
            if not self.spells[node]:
                del self.spells[node]


def room_node(code: str, building: int) -> str:
    return f"{code}-rooms-{building:02}"


def one_each(truths: Sequence[Truth], seen: set[tuple[str, str, int]]) -> Iterator[Truth]:
    """A door held twice on a day is one truth."""
    for truth in truths:
        key = (truth.kind, truth.subject, truth.begin)
        if key not in seen:
            seen.add(key)
            yield truth
