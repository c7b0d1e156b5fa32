"""Operators, listings, rooms and beds: sampled by their weights, then repaired to the exact totals (domain.md §18.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from cloud_sync.core.codes import BASE32, listing_code
from cloud_sync.synth.place import Place, Unit
from cloud_sync.synth.shape import Shape
from cloud_sync.synth.streams import Streams, weighted

ROOM_WEIGHTS = (4.0, 10.0, 20.0, 26.0, 22.0, 12.0, 6.0)  # 1 to 7 rooms
BED_WEIGHTS = (60.0, 36.0, 4.0)  # 1 to 3 beds
OPERATOR_LISTINGS_MAX = 12
STATES = (
    ("ACTIVE", 92.0),
    ("SUSPENDED", 2.0),
    ("IN_REVIEW", 2.0),
    ("LAPSED", 1.0),
    ("FILED", 1.0),
    ("WITHDRAWING", 1.0),
    ("REVOKED", 1.0),
)
OPEN_STATES = ("ACTIVE", "LAPSED")  # those that take guests
OWING_STATES = (
    *OPEN_STATES,
    "SUSPENDED",
    "WITHDRAWING",
)  # whose operators owe a daily return, if only of nobody
AREA = "000001"
COVERED_SHARE = 0.8  # of listings stand behind a unit door with a node


@dataclass(frozen=True, slots=True)
class Room:
    index: int
    listing: int
    ref: str
    label: str
    beds: int

    @property
    def occupancy(self) -> int:
        return self.beds * 2  # double beds


@dataclass(frozen=True, slots=True)
class Listing:
    index: int
    code: str
    name: str
    unit: Unit
    operator: int
    state: str
    rooms: tuple[int, ...]
    way: tuple[int, ...]  # access points, without the room's own lock


@dataclass(frozen=True, slots=True)
class Homes:
    listings: tuple[Listing, ...]
    rooms: tuple[Room, ...]
    hidden: tuple[Unit, ...]  # units that take guests without a listing
    operators: int


def sizes(rng: Random, weights: tuple[float, ...], count: int, total: int) -> list[int]:
    """``count`` numbers from 1 to ``len(weights)``, drawn by weight and then moved one by one to sum up to ``total``."""
    most = len(weights)
    assert count <= total <= count * most, f"{count} numbers of 1 to {most} cannot sum up to {total}"
    drawn = [1 + weighted(rng, weights) for _ in range(count)]
    off = total - sum(drawn)
    step = 1 if off > 0 else -1
    while off:
        at = rng.randrange(count)
        if 1 <= drawn[at] + step <= most:
            drawn[at] += step
            off -= step
    return drawn


def operators_of(rng: Random, operators: int, listings: int) -> list[int]:
    """The operator of each listing, by preferential attachment: everybody has one, and who has many gets more."""
    assert operators <= listings <= operators * OPERATOR_LISTINGS_MAX
    owners = list(range(operators))
    held = [1] * operators
    while len(owners) < listings:
        operator = owners[rng.randrange(len(owners))]
        if held[operator] < OPERATOR_LISTINGS_MAX:
            owners.append(operator)
            held[operator] += 1
    rng.shuffle(owners)
    return owners


def states_of(rng: Random, shape: Shape) -> list[str]:
    """Shares of §18.3 as whole numbers; or as many coded as the shape says, the rest filed."""
    if shape.coded is not None:
        states = ["ACTIVE"] * shape.coded + ["FILED"] * (shape.listings - shape.coded)
    else:
        states = [state for state, share in STATES[1:] for _ in range(round(shape.listings * share / 100))]
        states += ["ACTIVE"] * (shape.listings - len(states))
    rng.shuffle(states)
    return states


def homes(shape: Shape, place: Place, streams: Streams) -> Homes:
    rng = streams.of("homes")
    units = _units_for(rng, shape, place)
    owners = operators_of(streams.of("operators"), shape.operators, shape.listings)
    states = states_of(streams.of("states"), shape)
    per_listing = sizes(streams.of("rooms"), ROOM_WEIGHTS, shape.listings, shape.rooms)
    beds = sizes(streams.of("beds"), BED_WEIGHTS, shape.rooms, shape.beds)
    codes = _codes(streams.of("codes"), shape.listings)
    rooms: list[Room] = []
    listings: list[Listing] = []
    for k in range(shape.listings):
        unit = units[k]
        mine = tuple(range(len(rooms), len(rooms) + per_listing[k]))
        for number, index in enumerate(mine, start=1):
            label = f"{unit.ref}-{number}"
            rooms.append(Room(index, k, f"{shape.code}-{label}", label, beds[index]))
        name = f"{shape.name}{unit.ref}"
        listings.append(Listing(k, codes[k], name, unit, owners[k], states[k], mine, place.way_in(unit)))
    return Homes(tuple(listings), tuple(rooms), tuple(units[shape.listings :]), shape.operators)


def _units_for(rng: Random, shape: Shape, place: Place) -> Sequence[Unit]:
    """A dwelling for each listing, then one for each hidden unit; most of them behind a door that has a node."""
    wanted = shape.listings + shape.hidden_units
    covered = [unit for unit in place.units if (unit.building, unit.door) in place.unit_points]
    bare = [unit for unit in place.units if (unit.building, unit.door) not in place.unit_points]
    rng.shuffle(covered)
    rng.shuffle(bare)
    behind = max(min(len(covered), round(wanted * COVERED_SHARE)), wanted - len(bare))
    chosen = covered[:behind] + bare[: wanted - behind]
    rng.shuffle(chosen)
    return chosen


def _codes(rng: Random, count: int) -> list[str]:
    bodies: set[str] = set()
    codes: list[str] = []
    while len(codes) < count:
        body = "".join(rng.choice(BASE32) for _ in range(8))
        if body not in bodies:
            bodies.add(body)
            codes.append(listing_code(AREA, body))
    return codes
