"""A supply that is what a file says: ``{"state": "battery", "charge": 62, "left_s": 2400}``, for drills and tests."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from edge.errors import HardwareError
from edge.ports import SupplyReading, SupplyState

BYTES_MAX = 4_096


@dataclass(frozen=True, slots=True)
class SimulatedSupplySettings:
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    file: Path


class SimulatedSupply:
    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> SupplyReading:
        try:
            with self._file.open("rb") as stream:
                told = json.loads(stream.read(BYTES_MAX))
            return SupplyReading(SupplyState(told["state"]), _whole(told, "charge"), _whole(told, "left_s"))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise HardwareError(
                f"the supply {self._file} cannot be read ({error}). Write what it is into it."
            ) from error

    def close(self) -> None:
        """Nothing is held between two readings."""


def _whole(told: dict[str, object], name: str) -> int | None:
    value = told.get(name)
    return value if isinstance(value, int) and value >= 0 else None


def open_supply(settings: SimulatedSupplySettings) -> SimulatedSupply:
    return SimulatedSupply(settings.file)
