"""A reader without a bus: a rig socket on which a director or a test shows a card, types digits or scans a text.

One packet ``{"door", "kind", "data"}`` is one read; ``kind`` and ``data`` as in ``edge.ports_io.Read``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from edge.core.events import AccessPointId
from edge.drivers.rig import Rig, check_path, play
from edge.ports_io import Read, ReadKind

KEPT_MAX = 16

SHAPES: dict[ReadKind, re.Pattern[str]] = {
    "card": re.compile(r"[1-9][0-9]{0,2}:(?:[0-9a-f]{2}){1,64}"),
    "keys": re.compile(r"[0-9]{1,16}"),
    "text": re.compile(r"[^\x00-\x1f]{1,512}"),
}


@dataclass(frozen=True, slots=True)
class SimulatedReaderSettings:
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    rig: Path

    def __post_init__(self) -> None:
        check_path(self.rig)


class SimulatedReader:
    online = True

    def __init__(self, rig: Rig, door: AccessPointId) -> None:
        self._rig = rig
        self._door = door
        self._reads: list[Read] = []

    def fileno(self) -> int:
        return self._rig.fileno()

    def reads(self) -> list[Read]:
        self._rig.hear(self._take)
        reads, self._reads = self._reads, []
        return reads

    def selftest(self) -> str:
        return f"{self._door}: a simulated reader."

    def close(self) -> None:
        self._rig.close()

    def _take(self, said: Mapping[str, object], now: int) -> str:
        kind, data = _kind(said.get("kind")), said.get("data")
        if said.get("door") != self._door:
            return f"{said.get('door')} has no reader here"
        if kind is None or not isinstance(data, str) or not SHAPES[kind].fullmatch(data):
            return "a read is a card (26:9ab10c80), keys (4711) or text"  # what was shown is not repeated
        self._reads = [*self._reads, Read(kind, data, now)][-KEPT_MAX:]
        return ""


def _kind(word: object) -> ReadKind | None:
    return next((kind for kind in SHAPES if kind == word), None)


def open_reader(settings: SimulatedReaderSettings, door: AccessPointId) -> SimulatedReader:
    return SimulatedReader(Rig(settings.rig, door), door)


def present(rig: Path, door: str, kind: ReadKind, data: str) -> int:
    """Show one thing from outside; returns the time (CLOCK_MONOTONIC ns) at which gate-io took it.

    Raises:
        HardwareError: nobody is at the rig, or it is no read.
    """
    return play(rig, {"door": door, "kind": kind, "data": data})
