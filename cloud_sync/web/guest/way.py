"""The way in as numbered steps and as a sketch with the same numbers: gate, building, its door, the floor, the room.

The sketch is drawn from what the records know of doors and rooms.  It is no plan: it says what comes after what.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cloud_sync.ports_guest import GuestDoor, GuestPlace
from cloud_sync.web.board import Speaker
from cloud_sync.web.texts import mark

GROUND, EAVES = 176, 40  # of the drawing, in its own units of 320 by 200
LEVELS_MAX = 8  # a higher house is drawn as high as this, with the floor at its top
LEVELS_MIN = 3
GATE_X, GATE_STEP, DOOR_X, STAIRS_X, ROOM_X, HOUSE_X = 34, 46, 178, 214, 262, 220
SAID = {
    "gate": mark("Gate: %(door)s"),
    "garage": mark("Garage: %(door)s"),
    "unit": mark("Door of the building: %(door)s"),
    "room": mark("Your room: %(door)s"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the list, and where its number stands in the sketch."""

    number: int
    words: str
    kind: str  # gate | garage | building | unit | floor | room
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Way:
    steps: tuple[Step, ...]
    levels: tuple[int, ...]  # where the floors of the house are drawn
    line: str  # the points of the dashed line

    @property
    def drawn(self) -> bool:
        """One door alone is no way that a sketch would explain."""
        return len(self.steps) > 1


def way_of(doors: Sequence[GuestDoor], place: GuestPlace | None, by: Speaker) -> Way:
    levels, level = _levels(place.floor if place else "")
    steps: list[Step] = []

    def add(words: str, kind: str, x: int, y: int) -> None:
        steps.append(Step(len(steps) + 1, words, kind, x, y))

    outside = [door for door in doors if door.kind in ("gate", "garage")]
    for at, door in enumerate(outside[:3]):
        add(_door(door, by), door.kind, GATE_X + at * GATE_STEP, GROUND)
    if place and place.building:
        add(_building(place, by), "building", HOUSE_X, EAVES)
    for door in doors:
        if door.kind == "unit":
            add(_door(door, by), "unit", DOOR_X, GROUND)
    if place and place.floor:
        add(by.say(mark("Floor %(floor)s"), floor=place.floor), "floor", STAIRS_X, level)
    for door in doors:
        if door.kind == "room":
            add(_door(door, by), "room", ROOM_X, level)
    walked = [(0, GROUND), (STAIRS_X, GROUND), (STAIRS_X, level), (ROOM_X, level)]
    return Way(tuple(steps), levels, " ".join(f"{x},{y}" for x, y in walked))


def _door(door: GuestDoor, by: Speaker) -> str:
    return by.say(SAID[door.kind], door=by.name(door.name_zh, door.name_en))


def _building(place: GuestPlace, by: Speaker) -> str:
    if place.stair:
        words = mark("Building %(building)s, stair %(stair)s")
        return by.say(words, building=place.building, stair=place.stair)
    return by.say(mark("Building %(building)s"), building=place.building)


def _levels(floor: str) -> tuple[tuple[int, ...], int]:
    """Lines between the floors, and the height at which this one is walked on; a floor in words is drawn in the middle."""
    number = int(floor) if floor.isascii() and floor.isdecimal() and len(floor) <= 3 else 2
    count = min(LEVELS_MAX, max(LEVELS_MIN, number))
    height = (GROUND - EAVES) // count
    lines = tuple(GROUND - at * height for at in range(1, count))
    return lines, GROUND - (min(max(number, 1), count) - 1) * height
