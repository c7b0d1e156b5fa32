"""One community from a seed to its files, a day at a time: what is remembered does not grow with the days."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

from cloud_sync.synth.deal import UNSCORED
from cloud_sync.synth.demand import expected
from cloud_sync.synth.doors import Line, Trouble
from cloud_sync.synth.guests import Guests
from cloud_sync.synth.homes import OWING_STATES, Homes, homes
from cloud_sync.synth.ledger import Ledgers, one_each
from cloud_sync.synth.others import Others
from cloud_sync.synth.parties import LEAD_MAX, Parties
from cloud_sync.synth.place import Place, place
from cloud_sync.synth.registers import Cells, Registers, operators_open
from cloud_sync.synth.rows import Calendar, Told, Truth
from cloud_sync.synth.shape import DataSet, Shape
from cloud_sync.synth.stay import DAY, Stay
from cloud_sync.synth.streams import Streams
from cloud_sync.synth.telling import Teller
from cloud_sync.synth.truths import operator_ref, truth_of
from cloud_sync.synth.write import BEFORE, Writer

PACKED_FROM = 1_000  # residents and beds; below that the events stay readable text
Progress = Callable[[int, int], None]  # (days done, events so far)


@dataclass(slots=True)
class Totals:
    events: int = 0
    stays: int = 0
    cancelled: int = 0
    people: int = 0  # who arrived
    truths: Counter[str] = field(default_factory=Counter)
    marks: Counter[str] = field(default_factory=Counter)  # truth rows that are no discrepancy


def device_key(streams: Streams, node: str) -> str:
    """The public half of a node's key, as ``node add`` wants it; the private half is ``streams.secret(node)``."""
    import base64

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = Ed25519PrivateKey.from_private_bytes(streams.secret(node)).public_key()
    return base64.b64encode(public.public_bytes_raw()).decode()


class Community:
    """Everything that is drawn once, and the clockwork of its days."""

    def __init__(self, dataset: DataSet, shape: Shape, seed: int, days: int, out: Path) -> None:
        self._dataset, self._shape, self._seed, self._days = dataset, shape, seed, days
        self._streams = Streams(shape.code, seed)  # by community: dongfang-year goes on where dongfang ends
        self._calendar = Calendar(dataset.start)
        self.place: Place = place(shape, self._streams.of("place"))
        self.homes: Homes = homes(shape, self.place, self._streams)
        self._parties = Parties(shape, dataset, self.homes, self._streams)
        self._guests = Guests(self.place, self.homes)
        self._others = Others(shape, self.place, self.homes, self._streams, self._calendar)
        self._teller = Teller(self.homes, self._calendar)
        self._registers = Registers(shape, dataset, self.place, self.homes, self._others, self._streams, days)
        self._ledgers = Ledgers(
            self.place, self.homes, self._streams, self._calendar, dataset.script, shape.code
        )
        self._writer = Writer(out, self._calendar, packed=shape.residents + shape.beds >= PACKED_FROM)
        self._due: list[Told] = []
        self._number = 0
        self._missing: set[tuple[int, int]] = set()  # (operator, day) whose return nobody hands in
        self.totals = Totals()

    def run(self, progress: Progress) -> Totals:
        """Write every file of the run.

        Raises:
            RoomsUsedUp: the shape asks for more guests than it has beds.
        """
        self._begin()
        for day in range(self._days):
            self._book(day + LEAD_MAX)
            self._day(day)
            progress(day + 1, self.totals.events)
        self._writer.finish(self._manifest())
        return self.totals

    def _begin(self) -> None:
        for name, header, rows in self._registers.tables():
            self._writer.table(name, header, rows)
        header = (
            "access_point",
            "kind",
            "name_zh",
            "name_en",
            "node",
            "node_name",
            "location_class",
            "public_key",
        )
        keyed: set[str] = set()
        for name, cells in self._registers.door_lists():
            self._writer.table(name, header, [self._keyed(row, keyed) for row in cells])
        for truth in self._registers.truths():
            self._truth(truth)
        for day in range(LEAD_MAX):
            self._book(day)
        self._flush(BEFORE, 0)
        self._writer.end_day()

    def _keyed(self, row: Cells, keyed: set[str]) -> Cells:
        """A node's key stands on its first row."""
        node = row[4]
        key = "" if node in keyed else device_key(self._streams, node)
        keyed.add(node)
        return (*row, key)

    # --- what is told ------------------------------------------------------------------------------------------------

    def _book(self, day: int) -> None:
        """Everything about the stays that arrive on ``day``."""
        rng = self._streams.of(f"told/{day}")
        within = day < self._days
        for stay in self._parties.next_day(day):
            for at, kind, cells in self._teller.tell(rng, stay):
                self._tell(at, kind, cells)
            if not within:
                continue
            self._guests.expect(stay)
            self._count(stay)
            truth = truth_of(stay, self.homes)
            if truth is not None and truth.begin < self._days * DAY:
                self._truth(truth)
            if stay.label == "D12" and stay.turn % 2:
                self._missing.add((self.homes.listings[stay.listing].operator, day))

    def _count(self, stay: Stay) -> None:
        self.totals.cancelled += stay.cancelled
        self.totals.stays += not stay.cancelled
        self.totals.people += len(stay.present)
        if not stay.cancelled:
            text = self._calendar.text
            self._writer.stay(
                (
                    stay.source, stay.ref, self.homes.listings[stay.listing].code, self.homes.rooms[stay.room].ref,
                    text(stay.planned_in), text(stay.planned_out), self._calendar.day(stay.day),
                    str(stay.arrive - stay.day * DAY), str(len(stay.present)), str(stay.nights), text(stay.leave),
                    "yes" if stay.waited else "no", stay.label,
                )
            )  # fmt: skip

    def _tell(self, at: int, kind: str, cells: tuple[str, ...]) -> None:
        self._number += 1
        heapq.heappush(self._due, (at, self._number, kind, cells))

    def _flush(self, name: str, until: int) -> None:
        while self._due and self._due[0][0] < until:
            at, _, kind, cells = heapq.heappop(self._due)
            self._writer.told(name, at, kind, cells)

    def _truth(self, truth: Truth) -> None:
        counted = self.totals.truths if truth.kind.startswith("D") else self.totals.marks
        counted[truth.kind] += 1
        self._writer.truth(truth)

    # --- one day -----------------------------------------------------------------------------------------------------

    def _day(self, day: int) -> None:
        name, rng = self._calendar.day(day), self._streams.of(f"day/{day}")
        for fault in self._ledgers.begin(day):
            text = self._calendar.text
            self._writer.fault((fault.kind, fault.nodes, text(fault.begin), text(fault.end), fault.note))
        lines = self._walked(rng, day)
        self._hand_in(rng, day)
        for at, kind, cells in self._registers.day(rng, day):
            self._tell(at, kind, cells)
        self._flush(name, (day + 1) * DAY)
        self.totals.events += self._writer.events(name, self._written(day, lines))
        for truth in self._ledgers.over(day):
            self._truth(truth)
        self._writer.end_day()

    def _walked(self, rng: Random, day: int) -> list[Line]:
        """Everything doors saw on this day, in no order."""
        trouble = Trouble(self._streams.of(f"trouble/{day}"))
        lines: list[Line] = []
        for line, truth in self._others.mishaps(rng, trouble, day):
            self._truth(truth)
            if line is not None:
                lines.append(line)
        lines += self._guests.day(self._streams.of(f"guests/{day}"), trouble, day)
        lines += self._others.day(self._streams.of(f"others/{day}"), trouble, day)
        lines += self._others.spoofs(rng, day)
        for (at, kind, cells), seen in self._others.visitors(self._streams.of(f"visitors/{day}"), day):
            self._tell(at, kind, cells)
            lines += seen
        return lines

    def _written(self, day: int, lines: list[Line]) -> Iterator[str]:
        seen: set[tuple[str, str, int]] = set()
        for line, truths in self._ledgers.write(self._streams.of(f"ledger/{day}"), day, lines):
            if truths:
                for truth in one_each(truths, seen):
                    self._truth(truth)
            if line:
                yield line

    def _hand_in(self, rng: Random, day: int) -> None:
        """Every operator's return for this day, on the next morning; nobody inside is a return too."""
        inside = self._guests.night()
        for operator in operators_open(self.homes, OWING_STATES):
            if (operator, day) in self._missing:
                self._missing.discard((operator, day))
                continue
            at = (day + 1) * DAY + rng.randrange(8 * 60, 11 * 60 + 30)
            self._tell(
                at, "returns", (operator_ref(operator), self._calendar.day(day), str(inside.get(operator, 0)))
            )

    def _manifest(self) -> dict[str, object]:
        shape, start = self._shape, self._dataset.start
        mean = (
            sum(expected(start + timedelta(days=k), shape.arrivals) for k in range(self._days)) / self._days
        )
        return {
            "synthetic": True,  # for community.synthetic_flag: nothing of this may ever be reported upstream
            "dataset": self._dataset.name,
            "community": shape.code,
            "seed": self._seed,
            "start": start.isoformat(),
            "days": self._days,
            "mean_arrivals": shape.arrivals,
            "expected_per_day": round(mean, 3),
            "totals": {
                "operators": shape.operators, "listings": shape.listings, "rooms": shape.rooms, "beds": shape.beds,
                "access_points": shape.access_points, "dwellings": shape.dwellings,
            },
            "stays": self.totals.stays,
            "cancelled": self.totals.cancelled,
            "people": self.totals.people,
            "events": self.totals.events,
            "truths": dict(sorted(self.totals.truths.items())),
            "marks": dict(sorted(self.totals.marks.items())),
            "unscored": dict(UNSCORED),
        }  # fmt: skip
