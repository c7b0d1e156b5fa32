"""Door inputs on GPIO lines, through gpiod 2: the kernel debounces and stamps, levels can be read again.

A plain line cannot tell a cut wire from an open door; that takes a supervised input.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Literal

from edge.core.events import AccessPointId
from edge.drivers.debounce import DEBOUNCE_MS
from edge.drivers.gpio_chip import chip_with, is_line_name
from edge.errors import HardwareError
from edge.ports import LineEdge, Point

if TYPE_CHECKING:
    import gpiod

# The kernel keeps this many edges for us; a button pressed by a fool at 20 Hz needs 40 a second.
EVENT_BUFFER = 256


@dataclass(frozen=True, slots=True)
class GpioPoint:
    """One input.  ``active_low`` with a pull-up means: closed to ground is True."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    line: str
    active_low: bool = True
    bias: Literal["pull_up", "pull_down", "disabled"] = "pull_up"
    debounce_ms: int | None = None

    def __post_init__(self) -> None:
        if not is_line_name(self.line):
            raise ValueError(f"line {self.line!r} is not a line name such as 'GPIO27'")
        if self.debounce_ms is not None and not 10 <= self.debounce_ms <= 300:
            raise ValueError(f"debounce_ms {self.debounce_ms} is not within 10 to 300")


@dataclass(frozen=True, slots=True)
class GpioInputsSettings:
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    chip: str | None = None
    contact: GpioPoint | None = None
    rex: GpioPoint | None = None
    fire: GpioPoint | None = None
    tamper: GpioPoint | None = None
    bolt: GpioPoint | None = None
    beam: GpioPoint | None = None
    power: GpioPoint | None = None
    reset: GpioPoint | None = None

    def __post_init__(self) -> None:
        lines = [point.line for point in self.wired().values()]
        if not lines:
            raise ValueError("no input is wired; name at least a contact")
        if len(set(lines)) != len(lines):
            raise ValueError("one line is named for two inputs")

    def wired(self) -> dict[Point, GpioPoint]:
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {point: named[point] for point in Point if named[point] is not None}

    @property
    def points(self) -> frozenset[Point]:
        return frozenset(self.wired())


class GpioInputs:
    def __init__(
        self, request: "gpiod.LineRequest", wired: dict[Point, str], by_offset: dict[int, Point]
    ) -> None:
        self._request = request
        self._wired = wired
        self._by_offset = by_offset

    def fileno(self) -> int:
        return self._request.fd

    def edges(self) -> list[LineEdge]:
        try:
            return list(self._read())
        except OSError as error:
            raise HardwareError(f"GPIO inputs cannot be read ({error}). Check the board.") from error

    def _read(self) -> Iterator[LineEdge]:
        from gpiod import EdgeEvent

        # read_edge_events waits when there is nothing; the question before it does not.
        if self._request.wait_edge_events(0):
            for event in self._request.read_edge_events():
                rising = event.event_type is EdgeEvent.Type.RISING_EDGE
                yield LineEdge(self._by_offset[event.line_offset], rising, event.timestamp_ns)

    def levels(self) -> dict[Point, bool]:
        try:
            values = self._request.get_values(list(self._wired.values()))
        except OSError as error:
            raise HardwareError(f"GPIO inputs cannot be read ({error}). Check the board.") from error
        return {point: bool(value) for point, value in zip(self._wired, values, strict=True)}

    def close(self) -> None:
        if self._request:
            self._request.release()


def open_inputs(settings: GpioInputsSettings, door: AccessPointId) -> GpioInputs:
    """All inputs of one door in one request; they share a chip.

    Raises:
        HardwareError: a line is not there or somebody else's.
    """
    wired = {point: made.line for point, made in settings.wired().items()}
    with chip_with(list(wired.values()), [settings.chip] if settings.chip else None) as chip:
        config: dict[Iterable[int | str] | int | str, gpiod.LineSettings | None] = {
            made.line: _line_settings(point, made) for point, made in settings.wired().items()
        }
        try:
            request = chip.request_lines(
                config, consumer=f"gate-in {door}"[:31], event_buffer_size=EVENT_BUFFER
            )
        except OSError as error:
            raise HardwareError(
                f"{door}: GPIO inputs {', '.join(wired.values())} cannot be taken ({error.strerror}). "
                "Who else holds them?"
            ) from error
        by_offset = {chip.line_offset_from_id(line): point for point, line in wired.items()}
    return GpioInputs(request, wired, by_offset)


def _line_settings(point: Point, made: GpioPoint) -> "gpiod.LineSettings":
    import gpiod
    from gpiod.line import Bias, Clock, Direction, Edge

    bias = {"pull_up": Bias.PULL_UP, "pull_down": Bias.PULL_DOWN, "disabled": Bias.DISABLED}[made.bias]
    return gpiod.LineSettings(
        direction=Direction.INPUT,
        edge_detection=Edge.BOTH,
        bias=bias,
        active_low=made.active_low,
        debounce_period=timedelta(milliseconds=made.debounce_ms or DEBOUNCE_MS[point]),
        event_clock=Clock.MONOTONIC,
    )
