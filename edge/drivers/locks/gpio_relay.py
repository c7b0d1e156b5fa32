"""A relay on one GPIO line: strike or maglock, through gpiod 2.

The kernel may let the line float, or keep driving it, once this process is dead: wiring decides what is dead then
(hardware.md §3.4).  While we live, ``close`` leaves the dead level.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from edge.core.events import AccessPointId
from edge.drivers.gpio_chip import chip_with, is_line_name
from edge.errors import LockSilent
from edge.ports import Feedback

if TYPE_CHECKING:
    import gpiod


@dataclass(frozen=True, slots=True)
class GpioRelaySettings:
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    line: str
    active_low: bool = False  # True: the relay pulls in when the line is low
    chip: str | None = None  # a path; without it every chip is searched for the name

    def __post_init__(self) -> None:
        if not is_line_name(self.line):
            raise ValueError(f"line {self.line!r} is not a line name such as 'GPIO17'")


class GpioRelay:
    """The line is ours alone from the moment it is opened."""

    # The value of an output line is what we wrote, not what the relay did.
    feedback = Feedback.NONE

    def __init__(self, request: "gpiod.LineRequest", line: str, door: AccessPointId, *, dead: bool) -> None:
        self._request = request
        self._line = line
        self._door = door
        self._dead = dead

    def set(self, energised: bool) -> None:
        from gpiod.line import Value

        try:
            self._request.set_value(self._line, Value.ACTIVE if energised else Value.INACTIVE)
        except OSError as error:
            raise LockSilent(
                f"{self._door}: GPIO line {self._line} cannot be driven ({error}). Check the board."
            ) from error

    def get(self) -> bool:
        try:
            return bool(self._request.get_value(self._line))
        except OSError as error:
            raise LockSilent(
                f"{self._door}: GPIO line {self._line} cannot be read ({error}). Check the board."
            ) from error

    def selftest(self) -> str:
        return f"{self._door}: {self._line} is held, {'energised' if self.get() else 'de-energised'}."

    def close(self) -> None:
        if not self._request:
            return
        self.set(self._dead)
        self._request.release()


def open_lock(settings: GpioRelaySettings, door: AccessPointId, *, energised: bool, dead: bool) -> GpioRelay:
    """The line comes up at ``energised``; there is no moment at another level.

    Raises:
        LockSilent: another program holds the line.
        HardwareError: no chip has it.
    """
    import gpiod
    from gpiod.line import Direction, Value

    level = Value.ACTIVE if energised else Value.INACTIVE
    wanted = gpiod.LineSettings(
        direction=Direction.OUTPUT, active_low=settings.active_low, output_value=level
    )
    with chip_with([settings.line], [settings.chip] if settings.chip else None) as chip:
        try:
            request = chip.request_lines({settings.line: wanted}, consumer=f"gate-lock {door}"[:31])
        except OSError as error:
            raise LockSilent(
                f"{door}: GPIO line {settings.line} cannot be taken ({error.strerror}). Who else holds it?"
            ) from error
    return GpioRelay(request, settings.line, door, dead=dead)
