"""The physical community: buildings, unit doors, dwellings, access points and their nodes (domain.md §18.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from cloud_sync.synth.shape import Shape

STREETS = ("望云街", "听溪路", "长荷里", "半山巷", "星渡大道")  # invented, all of them


@dataclass(frozen=True, slots=True)
class Unit:
    """A dwelling."""

    index: int
    building: int  # from 1
    door: int  # unit door within the building, from 1
    floor: int
    flat: int

    @property
    def ref(self) -> str:
        return f"{self.building}-{self.door}-{self.floor:02}{self.flat:02}"


@dataclass(frozen=True, slots=True)
class Point:
    """An access point with the node that owns it; ``building`` and ``door`` are 0 where it belongs to all."""

    ref: str
    kind: str  # gate | garage | unit
    name_zh: str
    name_en: str
    node: str
    direction: str  # in | out | both
    location: str
    building: int = 0
    door: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    units: tuple[Unit, ...]
    points: tuple[Point, ...]
    gates_in: tuple[int, ...]  # indexes into ``points``
    gates_out: tuple[int, ...]
    unit_points: dict[tuple[int, int], int]  # (building, door) -> point, where the door has a node
    lobbies: dict[int, int]  # building -> point
    lat: float  # in the middle of a lake: nobody lives there
    lon: float

    def way_in(self, unit: Unit) -> tuple[int, ...]:
        """The access points a dweller of this unit may open, in the order of the way in."""
        way = [*self.gates_in, *self.gates_out]
        if unit.building in self.lobbies:
            way.append(self.lobbies[unit.building])
        point = self.unit_points.get((unit.building, unit.door))
        return tuple(way if point is None else [*way, point])


def place(shape: Shape, rng: Random) -> Place:
    """Every dwelling and every door; only which unit doors are covered is left to chance."""
    units = _units(shape)
    doors = sorted({(unit.building, unit.door) for unit in units})
    covered = sorted(rng.sample(doors, shape.covered_doors))
    points = _points(shape, covered)
    at = {point.ref: k for k, point in enumerate(points)}
    return Place(
        units=units,
        points=points,
        gates_in=tuple(at[p.ref] for p in points if p.kind == "gate" and p.direction == "in"),
        gates_out=tuple(at[p.ref] for p in points if p.kind == "gate" and p.direction == "out"),
        unit_points={(p.building, p.door): at[p.ref] for p in points if p.kind == "unit" and p.door},
        lobbies={p.building: at[p.ref] for p in points if p.kind == "unit" and not p.door},
        lat=round(30.7 + rng.random() / 100, 5),
        lon=round(103.6 + rng.random() / 100, 5),
    )


def _units(shape: Shape) -> tuple[Unit, ...]:
    units: list[Unit] = []
    building = 0
    for kind in shape.buildings:
        for _ in range(kind.count):
            building += 1
            for door in range(1, kind.unit_doors + 1):
                for floor in range(1, kind.floors + 1):
                    for flat in range(1, kind.flats + 1):
                        units.append(Unit(len(units), building, door, floor, flat))
    return tuple(units)


def _points(shape: Shape, covered: Sequence[tuple[int, int]]) -> tuple[Point, ...]:
    """Numbered through; each has a node of its own, called like it."""
    wanted: list[tuple[str, str, str, str, str, int, int]] = []
    for gate in range(1, shape.gates + 1):
        for direction, zh, en in (("in", "进口", "in"), ("out", "出口", "out")):
            wanted.append(("gate", f"{gate}号门{zh}", f"Gate {gate}, {en}", direction, "entrance", 0, 0))
    wanted += [
        ("garage", f"{garage}号车库", f"Garage {garage}", "both", "garage", 0, 0)
        for garage in range(1, shape.garages + 1)
    ]
    for lobby in range(1, shape.lobbies + 1):
        names = (f"{lobby}栋地下电梯厅", f"Basement lobby {lobby}")
        wanted.append(("unit", *names, "both", "corridor", lobby, 0))
    for building, door in covered:
        names = (f"{building}栋{door}单元", f"Building {building}, door {door}")
        wanted.append(("unit", *names, "both", "stairwell", building, door))
    return tuple(
        Point(
            ref=f"AP-{shape.code}-{k:03}",
            kind=kind,
            name_zh=zh,
            name_en=en,
            node=f"{shape.code}-{k:03}",
            direction=direction,
            location=location,
            building=building,
            door=door,
        )
        for k, (kind, zh, en, direction, location, building, door) in enumerate(wanted, start=1)
    )
