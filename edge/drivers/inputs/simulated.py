"""Inputs without wires: a rig socket on which a director or a test presses, opens, burns, or cuts a wire.

One packet ``{"door", "point", "level"}`` sets one point; ``null`` is the level of a supervised wire that is cut.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from edge.core.events import AccessPointId
from edge.drivers.rig import Rig, check_path, play
from edge.errors import HardwareError
from edge.ports import Level, LineEdge, Point


@dataclass(frozen=True, slots=True)
class SimulatedInputsSettings:
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    rig: Path
    wired: tuple[Point, ...] = (Point.CONTACT, Point.REX, Point.FIRE)

    def __post_init__(self) -> None:
        check_path(self.rig)

    @property
    def points(self) -> frozenset[Point]:
        return frozenset(self.wired)


class SimulatedInputs:
    def __init__(self, rig: Rig, wired: tuple[Point, ...], door: AccessPointId) -> None:
        self._rig = rig
        self._door = door
        self._levels: dict[Point, Level] = dict.fromkeys(wired, False)
        self._edges: list[LineEdge] = []

    def fileno(self) -> int:
        return self._rig.fileno()

    def edges(self) -> list[LineEdge]:
        self._rig.hear(self._take)
        edges, self._edges = self._edges, []
        return edges

    def levels(self) -> dict[Point, Level]:
        return dict(self._levels)

    def close(self) -> None:
        self._rig.close()

    def _take(self, said: Mapping[str, object], now: int) -> str:
        point, level = _POINTS.get(str(said.get("point"))), said.get("level", "missing")
        if said.get("door") != self._door or point not in self._levels:
            return f"{said.get('door')} has no {said.get('point')} here"
        if level is not None and not isinstance(level, bool):
            return "the level is true, false, or null for a cut wire"
        if self._levels[point] is not level:
            self._levels[point] = level
            self._edges.append(LineEdge(point, level, now))
        return ""


_POINTS = {point.value: point for point in Point}


def open_inputs(settings: SimulatedInputsSettings, door: AccessPointId) -> SimulatedInputs:
    """Every wired point starts False: closed, not pressed, no fire."""
    return SimulatedInputs(Rig(settings.rig, door), settings.wired, door)


def set_point(rig: Path, door: str, point: Point, level: Level) -> int:
    """Set one point from outside; returns the time (CLOCK_MONOTONIC ns) at which gate-io took it.

    Raises:
        HardwareError: nobody is at the rig, or it has no such point.
    """
    try:
        return play(rig, {"door": door, "point": point, "level": level})
    except HardwareError as error:
        raise HardwareError(f"{door} {point} was not set: {error}") from error
