"""A voice that keeps its own record: one JSON line ``{"t_ns", "door", "language", "text", "volume"}`` for all it says."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from edge.core.events import AccessPointId
from edge.errors import HardwareError
from edge.ports import Words


@dataclass(frozen=True, slots=True)
class SimulatedVoiceSettings:
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    record: Path  # appended to; made when it is not there


class SimulatedVoice:
    def __init__(self, record: Path, door: AccessPointId) -> None:
        self._record = record
        self._door = door

    def prepare(self, words: Words, wanted: Callable[[], bool]) -> None:
        """Nothing is needed beforehand."""

    def say(self, words: Words, volume: float, wanted: Callable[[], bool]) -> None:
        if not wanted():
            return
        line = {"t_ns": time.monotonic_ns(), "door": self._door, "language": words.language, "text": words.text, "volume": volume}  # fmt: skip
        try:
            fd = os.open(self._record, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                os.write(fd, json.dumps(line, ensure_ascii=False).encode() + b"\n")
            finally:
                os.close(fd)
        except OSError as error:
            raise HardwareError(
                f"{self._door}: the record {self._record} cannot be written ({error.strerror}). Choose another path."
            ) from error


def open_voice(settings: SimulatedVoiceSettings, door: AccessPointId, *, cache: Path) -> SimulatedVoice:  # noqa: ARG001
    return SimulatedVoice(settings.record, door)
