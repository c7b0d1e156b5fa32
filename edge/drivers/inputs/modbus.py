"""Door inputs on a Modbus board: polled, debounced here, and not known (None) once the board is silent.

A point with an ``opposite`` input is supervised: the two always differ, so a cut or shorted wire is seen.
"""

from dataclasses import dataclass, fields
from typing import ClassVar

from edge.core.events import AccessPointId
from edge.drivers.bus_plan import MS
from edge.drivers.debounce import DEBOUNCE_MS, Debounce
from edge.drivers.modbus_bus import Bus, attach, detach
from edge.drivers.modbus_station import InputSlot
from edge.drivers.modbus_wire import BusSettings
from edge.drivers.outbox import Outbox
from edge.ports import Level, LineEdge, Point

# A button pressed by a fool at 20 Hz makes 40 edges a second; gate-io fetches them at once.
EDGES_MAX = 256


@dataclass(frozen=True, slots=True)
class ModbusPoint:
    """One point.  ``invert``: the input reads 1 while the point is False (a contact that is closed with the door)."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    input: int
    invert: bool = False
    opposite: int | None = None  # a second input, from the other side of a change-over contact
    debounce_ms: int | None = None

    def __post_init__(self) -> None:
        for number in self.inputs:
            if not 0 <= number <= 0xFFFF:
                raise ValueError(f"input {number} is not within 0 to 65535")
        if self.opposite == self.input:
            raise ValueError(f"input {self.input} is its own opposite")
        if self.debounce_ms is not None and not 10 <= self.debounce_ms <= 300:
            raise ValueError(f"debounce_ms {self.debounce_ms} is not within 10 to 300")

    @property
    def inputs(self) -> tuple[int, ...]:
        return (self.input,) if self.opposite is None else (self.input, self.opposite)

    def level(self, read: dict[int, bool]) -> Level:
        """What the bits say; None for a fault."""
        if self.opposite is not None and read[self.input] == read[self.opposite]:
            return None
        return read[self.input] != self.invert


@dataclass(frozen=True, slots=True)
class ModbusInputsSettings:
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    bus: BusSettings
    contact: ModbusPoint | None = None
    rex: ModbusPoint | None = None
    fire: ModbusPoint | None = None
    tamper: ModbusPoint | None = None
    bolt: ModbusPoint | None = None
    beam: ModbusPoint | None = None
    power: ModbusPoint | None = None
    reset: ModbusPoint | None = None

    def __post_init__(self) -> None:
        inputs = [number for point in self.wired().values() for number in point.inputs]
        if not inputs:
            raise ValueError("no input is wired; name at least a contact")
        if len(set(inputs)) != len(inputs):
            raise ValueError("one input is named twice")

    def wired(self) -> dict[Point, ModbusPoint]:
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {point: named[point] for point in Point if named[point] is not None}

    @property
    def points(self) -> frozenset[Point]:
        return frozenset(self.wired())


class Sampler:
    """Bits in, edges out; the bus thread's, apart from ``levels``, which is replaced whole."""

    def __init__(self, wired: dict[Point, ModbusPoint], outbox: Outbox[LineEdge]) -> None:
        self._wired = wired
        self._outbox = outbox
        self._debounce = {
            point: Debounce((made.debounce_ms or DEBOUNCE_MS[point]) * MS) for point, made in wired.items()
        }
        self.levels: dict[Point, Level] = dict.fromkeys(wired)

    def sample(self, read: dict[int, bool], now: int) -> None:
        found = []
        for point, made in self._wired.items():
            if not all(number in read for number in made.inputs):
                continue  # another door's part of the board
            debounce = self._debounce[point]
            since_ns = debounce.sample(made.level(read), now)
            if since_ns is not None:
                found.append(LineEdge(point, debounce.level, since_ns))
        self._publish(found)

    def forget(self, now: int) -> None:
        self._publish(
            [LineEdge(point, None, now) for point, debounce in self._debounce.items() if debounce.forget()]
        )

    def _publish(self, edges: list[LineEdge]) -> None:
        if edges:
            self.levels = {point: debounce.level for point, debounce in self._debounce.items()}
            self._outbox.put(edges)


class ModbusInputs:
    """An ``InputLines``.  Every level is None until the board has answered."""

    def __init__(self, settings: ModbusInputsSettings) -> None:
        wired = settings.wired()
        self._outbox: Outbox[LineEdge] = Outbox(EDGES_MAX)
        self._sampler = Sampler(wired, self._outbox)
        addresses = frozenset(number for made in wired.values() for number in made.inputs)
        slot = InputSlot(addresses, self._sampler.sample, self._sampler.forget)
        self._bus: Bus | None
        self._bus, self._slot = attach(settings.bus, lambda _: slot)

    def fileno(self) -> int:
        return self._outbox.fileno()

    def edges(self) -> list[LineEdge]:
        return self._outbox.take()

    def levels(self) -> dict[Point, Level]:
        return self._sampler.levels

    def close(self) -> None:
        """Returns within a second; repeatable."""
        bus, self._bus = self._bus, None
        if bus is not None:
            detach(bus, self._slot)
            self._outbox.close()


def open_inputs(settings: ModbusInputsSettings, door: AccessPointId) -> ModbusInputs:  # noqa: ARG001 — the port's
    """Returns at once; the first levels follow as edges.

    Raises:
        HardwareError: the line is described in two ways.
    """
    return ModbusInputs(settings)
