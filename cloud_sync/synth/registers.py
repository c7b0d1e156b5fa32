"""The files a community begins with, and the books beside them: dwellings, listings, people, advertisements."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from random import Random

from cloud_sync.synth.homes import Homes
from cloud_sync.synth.ledger import room_node
from cloud_sync.synth.others import GUARDS_COUNT, PATTERNS, Others
from cloud_sync.synth.people import People
from cloud_sync.synth.place import STREETS, Place
from cloud_sync.synth.rows import Calendar, Truth
from cloud_sync.synth.shape import DataSet, Shape
from cloud_sync.synth.stay import DAY
from cloud_sync.synth.streams import Streams
from cloud_sync.synth.truths import operator_ref

FEW = 30  # wrong ones of each kind that has no rate
VERIFY_EVERY = 60  # days
STALE_DAYS = 200
ROOM_ROWS_MAX = 1_900  # rows in one list of doors
Cells = tuple[str, ...]
Table = tuple[str, Cells, Iterator[Cells]]


class Registers:
    def __init__(
        self,
        shape: Shape,
        dataset: DataSet,
        place: Place,
        homes: Homes,
        others: Others,
        streams: Streams,
        days: int,
    ) -> None:
        self._shape, self._dataset, self._place, self._homes, self._others = (
            shape,
            dataset,
            place,
            homes,
            others,
        )
        self._streams, self._days = streams, days
        self._calendar = Calendar(dataset.start)
        rng = streams.of("wrong")
        few = min(FEW, max(1, shape.listings // 8))
        picked = rng.sample(range(shape.listings), 2 * few)
        self._wrong_ads, self._wrong_rooms = set(picked[:few]), set(picked[few:])
        self._stale = {unit.index for unit in rng.sample(others.homes_of, min(few, len(others.homes_of)))}

    # --- tables written once -------------------------------------------------------------------------------------

    def tables(self) -> Iterator[Table]:
        """(file, header, rows) of everything that stands before the first day."""
        yield (
            "operators.csv",
            ("operator", "kind", "name", "phone", "uscc", "commitment_signed_at"),
            self._operators(),
        )
        header: Cells = (
            "listing",
            "name",
            "unit",
            "operator",
            "state",
            "max_guests",
            "room",
            "label",
            "access_points",
        )
        yield "listings.csv", header, self._listings()
        yield "rooms.csv", ("room", "listing", "label", "beds", "max_occupancy", "lock"), self._rooms()
        header = ("unit", "building", "unit_door", "floor", "door_no", "address", "use", "last_verified_at")
        yield "units.csv", header, self._units()
        yield "grids.csv", ("grid", "parent", "level", "name", "households"), self._grids()
        header = ("ref", "name", "class", "access_points", "valid_from", "valid_until", "card")
        yield "residents.csv", header, self._residents()
        yield "staff.csv", header, self._staff()
        yield (
            "advertisements.csv",
            ("platform", "advertisement", "unit", "shown_code"),
            self._advertisements(),
        )
        header = ("as_of", "households", "operating", "registered")
        yield "census.csv", header, self._census()

    def door_lists(self) -> Iterator[tuple[str, list[Cells]]]:
        """The doors with a node, then the rooms' locks in lists that a machine will take."""
        points: list[Cells] = [
            (p.ref, p.kind, p.name_zh, p.name_en, p.node, p.node, p.location) for p in self._place.points
        ]
        yield "access_points.csv", points
        locks: list[Cells] = []
        for room in self._homes.rooms:
            node = room_node(self._shape.code, self._homes.listings[room.listing].unit.building)
            locks.append(
                (f"room-{room.ref}", "room", f"{room.label}房", f"Room {room.label}", node, node, "")
            )
        locks.sort(key=lambda row: row[4])
        for number, first in enumerate(range(0, len(locks), ROOM_ROWS_MAX), start=1):
            yield f"room_locks_{number}.csv", locks[first : first + ROOM_ROWS_MAX]

    def _operators(self) -> Iterator[Cells]:
        rng = self._streams.of("operator people")
        people = People(rng, self._dataset.start)
        for operator in range(self._homes.operators):
            person = people.one()
            company = rng.random() < 0.3
            uscc = f"00{rng.randrange(10**15):015}0" if company else ""
            signed = self._dataset.start - timedelta(days=rng.randrange(30, 700))
            name = f"{person.name}民宿" if company else person.name
            kind = "company" if company else "person"
            yield operator_ref(operator), kind, name, person.phone, uscc, signed.isoformat()

    def _listings(self) -> Iterator[Cells]:
        points, rooms = self._place.points, self._homes.rooms
        for listing in self._homes.listings:
            way = " ".join(points[point].ref for point in listing.way)
            guests = min(99, sum(rooms[room].occupancy for room in listing.rooms))
            for index in listing.rooms:
                room = rooms[index]
                yield (
                    listing.code, listing.name, listing.unit.ref, operator_ref(listing.operator), listing.state,
                    str(guests), room.ref, room.label, f"{way} room-{room.ref}",
                )  # fmt: skip

    def _rooms(self) -> Iterator[Cells]:
        for room in self._homes.rooms:
            code = self._homes.listings[room.listing].code
            yield room.ref, code, room.label, str(room.beds), str(room.occupancy), f"room-{room.ref}"

    def _units(self) -> Iterator[Cells]:
        short = {listing.unit.index for listing in self._homes.listings} | {
            u.index for u in self._homes.hidden
        }
        rng = self._streams.of("units")
        for unit in self._place.units:
            street = STREETS[unit.building % len(STREETS)]
            age = STALE_DAYS if unit.index in self._stale else rng.randrange(20)
            seen = self._dataset.start - timedelta(days=age)
            address = (
                f"{street}{100 + unit.building}号{unit.building}栋{unit.door}单元{unit.floor}{unit.flat:02}室"
            )
            use = "short-let" if unit.index in short and unit not in self._homes.hidden else "self"
            yield (
                unit.ref, str(unit.building), str(unit.door), str(unit.floor), f"{unit.floor}{unit.flat:02}",
                address, use, seen.isoformat(),
            )  # fmt: skip

    def _grids(self) -> Iterator[Cells]:
        """Micro-grids of neighbouring dwellings, seven to a grid, all under the community."""
        code, units, size = self._shape.code, len(self._place.units), self._shape.micro_grid
        yield code, "", "community", self._shape.name, str(units)
        micro = max(1, round(units / size))
        bounds = [round(k * units / micro) for k in range(micro + 1)]
        for grid in range((micro + 6) // 7):
            held = bounds[min(micro, grid * 7 + 7)] - bounds[grid * 7]
            yield f"{code}-g{grid + 1:02}", code, "grid", f"第{grid + 1}网格", str(held)
        for k in range(micro):
            held = bounds[k + 1] - bounds[k]
            yield f"{code}-m{k + 1:03}", f"{code}-g{k // 7 + 1:02}", "micro", f"第{k + 1}微网格", str(held)

    def _residents(self) -> Iterator[Cells]:
        rng = self._streams.of("resident people")
        people = People(rng, self._dataset.start)
        begins, ends = self._window(-365, 3 * 365)
        for k, resident in enumerate(self._others.residents):
            way = " ".join(self._place.points[point].ref for point in self._place.way_in(resident.unit))
            yield resident.ref, people.one().name, "resident", way, begins, ends, _card(1, k)

    def _staff(self) -> Iterator[Cells]:
        rng = self._streams.of("staff people")
        people = People(rng, self._dataset.start)
        begins, ends = self._window(-90, 2 * 365)
        gates = " ".join(self._place.points[p].ref for p in (*self._place.gates_in, *self._place.gates_out))
        for k in range(GUARDS_COUNT):
            yield f"S-G{k + 1}", people.one().name, "maintenance", gates, begins, ends, _card(2, k)
        for k, (ref, _) in enumerate(self._others.staff):
            yield ref, people.one().name, "operator", gates, begins, ends, _card(3, k)

    def _window(self, first: int, last: int) -> tuple[str, str]:
        return self._calendar.text(first * DAY), self._calendar.text(last * DAY)

    def _advertisements(self) -> Iterator[Cells]:
        listings = self._homes.listings
        for listing in listings:
            shown = listing.code
            if listing.index in self._wrong_ads:
                shown = "" if listing.index % 2 else listings[listing.index - 1].code
            yield "platform-b", f"AD-{listing.index:05}", listing.unit.ref, shown
        for k, unit in enumerate(self._homes.hidden):
            if PATTERNS[k % 5] == "b":
                yield "platform-b", f"AD-H{k:04}", unit.ref, ""

    def _census(self) -> Iterator[Cells]:
        """Seed article: 241 households, 225 seen operating at the peak, 91 registered; later 101 coded."""
        shape = self._shape
        if shape.operating_peak is None or shape.coded is None:
            return
        first, last = self._calendar.day(0), self._calendar.day(self._days)
        yield first, str(shape.dwellings), str(shape.operating_peak), str(shape.coded)
        yield last, str(shape.dwellings), str(shape.listings), str(shape.listings)

    # --- what happens over the days ---------------------------------------------------------------------------------

    def day(self, rng: Random, day: int) -> Iterator[tuple[int, str, Cells]]:
        """Dwellings looked at again, inspections, complaints, and listings that get their code."""
        noon = day * DAY + 12 * 60
        for unit in self._place.units:
            if day > 0 and (day + unit.index) % VERIFY_EVERY == 0 and unit.index not in self._stale:
                yield noon, "verifications", (unit.ref, "grid")
        for listing in self._homes.listings:
            beds = sum(self._homes.rooms[room].beds for room in listing.rooms)
            wrong = listing.index in self._wrong_rooms
            regular = listing.index % VERIFY_EVERY == day % VERIFY_EVERY
            if day == self._seen_on(listing.index) if wrong else regular:
                found = (str(len(listing.rooms)), str(beds + (2 if wrong else 0)))
                yield noon + 60, "inspections", (listing.code, listing.unit.ref, *found, "")
        for k, unit in enumerate(self._homes.hidden):
            if day != self._seen_on(k):
                continue
            if PATTERNS[k % 5] == "c":
                yield noon + 90, "inspections", ("", unit.ref, "", "", "guests, and no code at the door")
            elif PATTERNS[k % 5] == "d":
                yield noon + 120 + rng.randrange(600), "complaints", (unit.ref, "unfiled listing")
        yield from self._coded(day)

    def _seen_on(self, k: int) -> int:
        return k % max(1, min(self._days, 21))

    def _coded(self, day: int) -> Iterator[tuple[int, str, Cells]]:
        """Where the census asks for it: the filed listings get their codes one after the other, all before the end."""
        if self._shape.coded is None:
            return
        filed = [listing for listing in self._homes.listings if listing.state != "ACTIVE"]
        for k, listing in enumerate(filed):
            if day == k * self._days // len(filed):
                yield day * DAY + 10 * 60, "listing_states", (listing.code, "ACTIVE", "coded")

    # --- the truth about registers -----------------------------------------------------------------------------------

    def truths(self) -> Iterator[Truth]:
        last = self._days * DAY
        notes = {
            "a": "short visitor passes, one after the other", "b": "advertised without a code",
            "c": "found by an inspection", "d": "a complaint names the door", "e": "ever changing strangers unlock",
        }  # fmt: skip
        for k, unit in enumerate(self._homes.hidden):
            pattern = PATTERNS[k % 5]
            yield Truth("D07", f"unit:{unit.ref}", 0, last, f"pattern {pattern}", notes[pattern])
        for listing in self._homes.listings:
            if listing.index in self._wrong_ads:
                shown = "no code shown" if listing.index % 2 else "another listing's code shown"
                yield Truth("D16", f"listing:{listing.code}", 0, last, f"AD-{listing.index:05}", shown)
            if listing.index in self._wrong_rooms:
                at = self._seen_on(listing.index) * DAY + 13 * 60
                yield Truth(
                    "D17", f"listing:{listing.code}", at, last, "inspections", "two beds more than filed"
                )
        for unit in self._place.units:
            if unit.index in self._stale:
                yield Truth(
                    "D24",
                    f"unit:{unit.ref}",
                    0,
                    last,
                    "last_verified_at",
                    f"not looked at for {STALE_DAYS} days",
                )


def operators_open(homes: Homes, states: Sequence[str]) -> list[int]:
    """Operators who have to hand in a daily return."""
    return sorted({listing.operator for listing in homes.listings if listing.state in states})


def _card(kind: int, k: int) -> str:
    return f"00{kind:02}{k:08X}"
