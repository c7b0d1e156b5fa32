"""A lock without iron that keeps its own record: who counts openings counts them here, not at the actors.

Each change is one JSON line: ``{"t_ns", "wall_ms", "door", "event": "energise" | "de-energise"}``.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from edge.core.events import AccessPointId
from edge.errors import LockSilent
from edge.ports import Feedback

TAIL_BYTES = 16_384  # about 150 moves: enough to find a door's last one in a record that several share


@dataclass(frozen=True, slots=True)
class SimulatedLockSettings:
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    record: Path  # appended to; made when it is not there


class SimulatedLock:
    """Moves at once and remembers on disk."""

    feedback = Feedback.COIL

    def __init__(self, fd: int, door: AccessPointId, *, energised: bool, dead: bool) -> None:
        self._fd = fd
        self._door = door
        # Iron falls when its driver dies; the record of that is written when somebody drives it again.
        self._energised = _left_energised(fd, door)
        self._dead = dead
        self.set(False)
        self.set(energised)

    def set(self, energised: bool) -> None:
        if energised == self._energised:
            return
        self._energised = energised
        line = {
            "t_ns": time.monotonic_ns(),
            "wall_ms": time.time_ns() // 1_000_000,
            "door": self._door,
            "event": "energise" if energised else "de-energise",
        }
        try:
            os.write(self._fd, json.dumps(line).encode() + b"\n")
        except OSError as error:
            raise LockSilent(f"{self._door}: the simulated lock cannot keep its record ({error}).") from error

    def get(self) -> bool:
        return self._energised

    def selftest(self) -> str:
        return f"{self._door}: a simulated lock, {'energised' if self._energised else 'de-energised'}."

    def close(self) -> None:
        if self._fd < 0:
            return
        self.set(self._dead)
        os.close(self._fd)
        self._fd = -1


def _left_energised(fd: int, door: AccessPointId) -> bool:
    """True when the last line about this door says energised: whoever wrote it died."""
    tail = os.pread(fd, TAIL_BYTES, max(0, os.fstat(fd).st_size - TAIL_BYTES))
    events = [json.loads(line) for line in tail.splitlines() if line.startswith(b"{") and line.endswith(b"}")]
    mine = [event["event"] for event in events if event["door"] == door]
    return bool(mine) and mine[-1] == "energise"


def open_lock(
    settings: SimulatedLockSettings, door: AccessPointId, *, energised: bool, dead: bool
) -> SimulatedLock:
    """Starts de-energised, as iron does, and moves to ``energised``."""
    try:
        settings.record.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(settings.record, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise LockSilent(
            f"{door}: the record {settings.record} cannot be opened ({error.strerror}). Choose another path."
        ) from error
    return SimulatedLock(fd, door, energised=energised, dead=dead)
