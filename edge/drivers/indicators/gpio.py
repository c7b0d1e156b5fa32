"""A red light, a green light and a beeper on GPIO lines, through gpiod 2; any of them may be missing.

The rhythm is kept by a thread of ordinary priority: a light that is late by a tenth of a second is still a light.
"""

import logging
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import cycle
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from edge.core.events import AccessPointId
from edge.drivers.gpio_chip import chip_with, is_line_name
from edge.errors import HardwareError
from edge.ports_io import Show

if TYPE_CHECKING:
    import gpiod

log = logging.getLogger(__name__)

# A dead line must not hold up the end of the process.
STOP_WITHIN_S = 1.0

RED, GREEN, BEEP = "red", "green", "beep"


@dataclass(frozen=True, slots=True)
class Step:
    """What is on, and for how long."""

    on: frozenset[str]
    ms: int


@dataclass(frozen=True, slots=True)
class Pattern:
    """Steps one after another; the last one stays, or all begin anew."""

    steps: tuple[Step, ...]
    again: bool = False


def _on(ms: int, *lamps: str) -> Step:
    return Step(frozenset(lamps), ms)


# From three flashes a second on, a light can hurt people with photosensitive epilepsy (WCAG 2.3.1); the fastest of
# these is two.
PATTERNS = MappingProxyType(
    {
        Show.IDLE: Pattern((_on(0),)),
        Show.GRANTED: Pattern((_on(150, GREEN, BEEP), _on(0, GREEN))),
        Show.DENIED: Pattern((_on(100, RED, BEEP), _on(100, RED), _on(100, RED, BEEP), _on(0, RED))),
        Show.WAIT: Pattern((_on(500, GREEN, RED), _on(500)), again=True),
        Show.PREALARM: Pattern((_on(200, RED, BEEP), _on(800, RED)), again=True),
        Show.ALARM: Pattern((_on(250, RED, BEEP), _on(250, BEEP)), again=True),
        Show.FREE: Pattern((_on(1000, GREEN), _on(1000)), again=True),
    }
)


@dataclass(frozen=True, slots=True)
class Lamp:
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    line: str
    active_low: bool = False  # True: it is on while the line is low

    def __post_init__(self) -> None:
        if not is_line_name(self.line):
            raise ValueError(f"line {self.line!r} is not a line name such as 'GPIO5'")


@dataclass(frozen=True, slots=True)
class GpioIndicatorSettings:
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    chip: str | None = None
    red: Lamp | None = None
    green: Lamp | None = None
    beep: Lamp | None = None

    def __post_init__(self) -> None:
        lines = [lamp.line for lamp in self.wired().values()]
        if not lines:
            raise ValueError("nothing is wired; name at least one of red, green, beep")
        if len(set(lines)) != len(lines):
            raise ValueError("one line is named twice")

    def wired(self) -> dict[str, Lamp]:
        named = {RED: self.red, GREEN: self.green, BEEP: self.beep}
        return {name: lamp for name, lamp in named.items() if lamp is not None}


class GpioIndicator:
    def __init__(self, request: "gpiod.LineRequest", wired: dict[str, str], door: AccessPointId) -> None:
        self._request = request
        self._wired = wired
        self._door = door
        self._told = threading.Condition()
        self._pattern = PATTERNS[Show.IDLE]
        self._turn = 0  # counts what was told
        self._ending = False
        self._player = threading.Thread(target=self._play, name=f"light {door}", daemon=True)
        self._player.start()

    def show(self, what: Show) -> None:
        with self._told:
            self._pattern = PATTERNS[what]
            self._turn += 1
            self._told.notify()

    def close(self) -> None:
        with self._told:
            self._ending = True
            self._told.notify()
        self._player.join(STOP_WITHIN_S)
        if self._request:
            self._request.release()

    def _play(self) -> None:
        # The unit starts every thread in the real-time class; this one has all the time in the world.
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        try:
            while self._play_one():
                pass
            self._set(frozenset())
        except OSError as error:
            log.error("%s: the lights cannot be driven (%s). Check the board.", self._door, error)

    def _play_one(self) -> bool:
        """Play what was told last until something else is; False at the end."""
        with self._told:
            pattern, turn = self._pattern, self._turn
        steps = cycle(pattern.steps) if pattern.again else iter(pattern.steps)
        for step in steps:
            self._set(step.on)
            if self._changed(turn, step.ms / 1000):
                return not self._ending
        self._changed(turn, None)
        return not self._ending

    def _changed(self, turn: int, within_s: float | None) -> bool:
        with self._told:
            return self._told.wait_for(lambda: self._ending or self._turn != turn, within_s)

    def _set(self, on: frozenset[str]) -> None:
        from gpiod.line import Value

        values: dict[int | str, Value] = {
            line: Value.ACTIVE if name in on else Value.INACTIVE for name, line in self._wired.items()
        }
        self._request.set_values(values)


def open_indicator(settings: GpioIndicatorSettings, door: AccessPointId) -> GpioIndicator:
    """All lamps of one door in one request, dark; they share a chip.

    Raises:
        HardwareError: a line is not there or somebody else's.
    """
    import gpiod
    from gpiod.line import Direction, Value

    wired = settings.wired()
    lines = [lamp.line for lamp in wired.values()]
    config: dict[Iterable[int | str] | int | str, gpiod.LineSettings | None] = {
        lamp.line: gpiod.LineSettings(
            direction=Direction.OUTPUT, active_low=lamp.active_low, output_value=Value.INACTIVE
        )
        for lamp in wired.values()
    }
    with chip_with(lines, [settings.chip] if settings.chip else None) as chip:
        try:
            request = chip.request_lines(config, consumer=f"gate-light {door}"[:31])
        except OSError as error:
            raise HardwareError(
                f"{door}: GPIO lights {', '.join(lines)} cannot be taken ({error.strerror}). Who else holds them?"
            ) from error
    return GpioIndicator(request, {name: lamp.line for name, lamp in wired.items()}, door)
