"""A light that keeps its own record: one JSON line ``{"t_ns", "door", "show"}`` for everything it was told."""

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from edge.core.events import AccessPointId
from edge.errors import HardwareError
from edge.ports_io import Show

DARK = "dark"  # what ``close`` leaves


@dataclass(frozen=True, slots=True)
class SimulatedIndicatorSettings:
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    record: Path  # appended to; made when it is not there


class SimulatedIndicator:
    def __init__(self, fd: int, door: AccessPointId) -> None:
        self._fd = fd
        self._door = door

    def show(self, what: Show) -> None:
        self._write(what)

    def close(self) -> None:
        if self._fd >= 0:
            self._write(DARK)
            os.close(self._fd)
            self._fd = -1

    def _write(self, what: str) -> None:
        line = {"t_ns": time.monotonic_ns(), "door": self._door, "show": what}
        with suppress(OSError):  # closed, or a full disk: no decision depends on a light
            os.write(self._fd, json.dumps(line).encode() + b"\n")


def open_indicator(settings: SimulatedIndicatorSettings, door: AccessPointId) -> SimulatedIndicator:
    """Raises HardwareError when the record cannot be opened."""
    try:
        settings.record.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(settings.record, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise HardwareError(
            f"{door}: the record {settings.record} cannot be opened ({error.strerror}). Choose another path."
        ) from error
    return SimulatedIndicator(fd, door)
