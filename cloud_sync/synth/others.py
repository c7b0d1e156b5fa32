"""Everybody else at the doors: residents, staff, visitors, and the guests of units without a code (domain.md §18.5)."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from cloud_sync.synth.doors import FOLLOWED, FORCED, SPOOFED, Line, Trouble, taken
from cloud_sync.synth.homes import Homes
from cloud_sync.synth.place import Place, Unit
from cloud_sync.synth.rows import Calendar, Truth
from cloud_sync.synth.shape import Shape
from cloud_sync.synth.stay import DAY
from cloud_sync.synth.streams import Streams, poisson

# How the passages of a day fall on its hours; the busiest has 11 %.
HOURS = (
    0.3, 0.2, 0.1, 0.1, 0.3, 1.5, 4.0, 9.0, 11.0, 6.0, 4.5, 4.5, 5.5, 4.5, 4.0, 4.0, 5.0, 8.0, 10.0, 7.0, 5.0, 3.5, 1.7, 0.3,
)  # fmt: skip
PEAK = (7, 8, 17, 18)
TRIPS = 2.0
SECOND_POINT = 0.7  # 1.7 points for a passage
FOLLOWED_SHARE = 0.015
SPOOFS_A_MONTH = 5
FORCED_EVERY = 3  # days
UNREADABLE_EVERY = 3
VISITS_A_DAY = 10.0
STAFF_AT_WORK = 250
GUARDS_COUNT = 4
MINUTE = 60_000
HOUR_MS = 60 * MINUTE
PATTERNS = ("a", "b", "c", "d", "e")
NEW_GUEST_EVERY = {"a": 4, "e": 2}  # days between two strangers with passes of their own
Row = tuple[int, str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Resident:
    ref: str
    unit: Unit
    second: int  # the point after the gate
    into: str
    out: str


def _cumulated(weights: tuple[float, ...]) -> list[float]:
    total, sums = 0.0, []
    for weight in weights:
        total += weight
        sums.append(total)
    return sums


_HOUR_SUMS = _cumulated(HOURS)


class Others:
    def __init__(
        self, shape: Shape, place: Place, homes: Homes, streams: Streams, calendar: Calendar
    ) -> None:
        self._shape, self._place, self._homes, self._calendar = shape, place, homes, calendar
        rng = streams.of("residents")
        taken_units = {listing.unit.index for listing in homes.listings} | {
            unit.index for unit in homes.hidden
        }
        self.homes_of = [unit for unit in place.units if unit.index not in taken_units] or list(place.units)
        self.residents = [self._resident(rng, k) for k in range(shape.residents)]
        self.staff = self._staff(streams.of("staff"))
        self._visits = 0.0
        self._visited = 0

    def _resident(self, rng: Random, k: int) -> Resident:
        unit = self.homes_of[rng.randrange(len(self.homes_of))]
        garages = [at for at, point in enumerate(self._place.points) if point.kind == "garage"]
        second = self._place.unit_points.get((unit.building, unit.door))
        if second is None:
            second = self._place.lobbies.get(unit.building, garages[k % len(garages)] if garages else 0)
        ref = f"R-{k + 1:05}"
        return Resident(
            ref, unit, second, taken("in", ref, "resident", "card"), taken("out", ref, "resident", "card")
        )

    def _staff(self, rng: Random) -> list[tuple[str, int]]:
        """(reference, operator): 0 to 4 for each operator."""
        found: list[tuple[str, int]] = []
        for operator in range(self._homes.operators):
            found += [(f"S-{operator + 1:04}-{k}", operator) for k in range(rng.randrange(5))]
        return found

    # --- one day -----------------------------------------------------------------------------------------------------

    def day(self, rng: Random, trouble: Trouble, day: int) -> list[Line]:
        out: list[Line] = []
        start = day * DAY * MINUTE
        for resident in self.residents:
            self._walks(rng, trouble, out, start, resident)
        self._work(rng, out, start)
        return out

    def _walks(self, rng: Random, trouble: Trouble, out: list[Line], start: int, resident: Resident) -> None:
        count = 2 * poisson(rng, TRIPS)
        if not count:
            return
        hours = sorted(rng.choices(range(24), cum_weights=_HOUR_SUMS, k=count))
        gates, who = (self._place.gates_out, self._place.gates_in), (resident.ref, "resident", "card")
        for k, hour in enumerate(hours):
            ms = (
                start
                + hour * HOUR_MS
                + (k * HOUR_MS) // count
                + int(rng.random() * (HOUR_MS / count - 90_000))
            )
            body, gate = (
                (resident.into if k % 2 else resident.out),
                gates[k % 2][int(rng.random() * len(gates[k % 2]))],
            )
            trouble.passage(out, ms, gate, body, who)
            if rng.random() < SECOND_POINT:
                out.append((ms + (70_000 if k % 2 else -50_000), resident.second, body))
            if k % 2 and hour in PEAK and rng.random() < FOLLOWED_SHARE:
                out.append((ms + 4_000, gate, FOLLOWED))

    def _work(self, rng: Random, out: list[Line], start: int) -> None:
        if not self.staff:
            return
        for ref, _ in rng.sample(self.staff, min(len(self.staff), STAFF_AT_WORK)):
            begins = start + rng.randrange(8 * 60, 15 * 60) * MINUTE
            for minutes, direction, gates in (
                (0, "in", self._place.gates_in),
                (95, "out", self._place.gates_out),
            ):
                for again in (0, 100):
                    at = begins + (minutes + again) * MINUTE
                    out.append((at, rng.choice(gates), taken(direction, ref, "operator", "card")))

    def mishaps(self, rng: Random, trouble: Trouble, day: int) -> Iterator[tuple[Line | None, Truth]]:
        """What is wrong at a door today: forced, spoofed, unreadable (the last has no line of its own)."""
        gates = self._place.gates_in
        if day % FORCED_EVERY == 0:
            point = rng.randrange(len(self._place.points))
            at = day * DAY + rng.randrange(DAY - 1)
            truth = Truth(
                "D23",
                self._point(point),
                day * DAY,
                (day + 1) * DAY,
                f"door.forced at {self._calendar.text(at)}",
                "forced",
            )
            yield (at * MINUTE, point, FORCED), truth
        if day % UNREADABLE_EVERY == 0:
            point = rng.choice(gates)
            trouble.unreadable.add(point)
            note = "codes are refused at the first try"
            yield (
                None,
                Truth("D25", self._point(point), day * DAY, (day + 1) * DAY, "access.denied of codes", note),
            )

    def spoofs(self, rng: Random, day: int) -> list[Line]:
        """Somebody holds a picture up: an alert of the door, no discrepancy."""
        if rng.random() >= SPOOFS_A_MONTH / 30:
            return []
        at = (day * DAY + rng.randrange(DAY)) * MINUTE
        return [(at + k * 7_000, self._place.gates_in[0], SPOOFED) for k in range(3)]

    def _point(self, point: int) -> str:
        return f"access_point:{self._place.points[point].ref}"

    # --- visitors ----------------------------------------------------------------------------------------------------

    def visitors(self, rng: Random, day: int) -> Iterator[tuple[Row, list[Line]]]:
        """Visitors of residents, each unit in its turn; and the strangers who come to units without a code."""
        self._visits += VISITS_A_DAY * self._shape.residents / 6_000
        while self._visits >= 1:
            self._visits -= 1
            unit = self.homes_of[self._visited * 7 % len(self.homes_of)]
            self._visited += 1
            yield self._visit(rng, day, unit, 4 * 60)
        for k, unit in enumerate(self._homes.hidden):
            every = NEW_GUEST_EVERY.get(PATTERNS[k % 5])
            if every and (day + k) % every == 0:
                yield self._visit(rng, day, unit, DAY * (1 + (day + k) % 2))

    def _visit(self, rng: Random, day: int, unit: Unit, minutes: int) -> tuple[Row, list[Line]]:
        begins = day * DAY + rng.randrange(12 * 60, 18 * 60)
        ref = f"V-{day:04}-{unit.ref}"
        way = self._place.way_in(unit)
        row = (
            ref, unit.ref, " ".join(self._place.points[point].ref for point in way),
            self._calendar.text(begins), self._calendar.text(begins + minutes), "qr",
        )  # fmt: skip
        body = taken("in", ref, "visitor", "qr")
        lines = [((begins + 6) * MINUTE, rng.choice(self._place.gates_in), body)]
        door = self._place.unit_points.get((unit.building, unit.door))
        if door is not None:
            lines.append(((begins + 8) * MINUTE, door, body))
        return (begins - 30, "visitors", row), lines
