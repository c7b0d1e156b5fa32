"""The light and the beeper of an OSDP reader.

What is shown last is shown again after the reader was away; a sound is not, but for an alarm.
"""

import logging
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import Any, Literal

from edge.core.events import AccessPointId
from edge.drivers.osdp_bus import attach, detach
from edge.drivers.osdp_link import OsdpPlace
from edge.drivers.osdp_peer import Command, Fate, Job, Peer
from edge.ports_io import Show

log = logging.getLogger(__name__)

CLOSE_S = 0.4

SET, SILENT, TONE = 1, 1, 2  # control codes of osdp_LED and osdp_BUZ


class Colour(IntEnum):
    NONE = 0
    RED = 1
    GREEN = 2
    AMBER = 3
    BLUE = 4


@dataclass(frozen=True, slots=True)
class Look:
    """Colour and rhythm; times in tenths of a second, ``beeps`` 0 = none, None = until something else is shown."""

    colour: Colour
    on: int = 10
    off: int = 0
    beep_on: int = 0
    beep_off: int = 0
    beeps: int | None = 0


# No two of them differ by colour alone: one guest in twelve does not tell red from green.  And none flashes three times
# a second, which can hurt people with photosensitive epilepsy (WCAG 2.3.1).
LOOKS = {
    Show.GRANTED: Look(Colour.GREEN, beep_on=2, beeps=1),
    Show.DENIED: Look(Colour.RED, 2, 3, beep_on=1, beep_off=1, beeps=3),
    Show.WAIT: Look(Colour.AMBER, 5, 5, beep_on=1, beeps=1),
    Show.PREALARM: Look(Colour.AMBER, 2, 8, beep_on=2, beep_off=8, beeps=None),
    Show.ALARM: Look(Colour.RED, 3, 2, beep_on=5, beep_off=1, beeps=None),
    Show.FREE: Look(Colour.GREEN, 5, 5, beep_on=1, beep_off=9, beeps=None),
}
DARK = Look(Colour.NONE)
IDLE = {"off": DARK, "red": Look(Colour.RED), "blue": Look(Colour.BLUE)}


@dataclass(frozen=True, slots=True)
class OsdpIndicatorSettings(OsdpPlace):
    reader: int = 0
    led: int = 0
    idle: Literal["off", "red", "blue"] = "red"
    sound: bool = True

    def __post_init__(self) -> None:
        OsdpPlace.__post_init__(self)
        if not (0 <= self.reader <= 7 and 0 <= self.led <= 7):
            raise ValueError(f"reader {self.reader} or led {self.led} is not within 0 to 7")


class OsdpIndicator:
    """An ``IndicatorLines``; the methods of ``Part`` run in the bus thread."""

    rank = 2
    peer: Peer

    def __init__(self, settings: OsdpIndicatorSettings, door: AccessPointId) -> None:
        self._settings, self._door = settings, door
        self._shown = IDLE[settings.idle]
        self._asked: deque[Look] = deque(maxlen=1)
        self._due: deque[dict[str, Any]] = deque()
        self._cannot: set[int] = set()
        self._closing = False
        self._closed = threading.Event()
        self.bus = attach(settings, self)

    # --- from gate-io's timing thread ------------------------------------------------------------------------

    def show(self, what: Show) -> None:
        self._asked.append(LOOKS.get(what) or IDLE[self._settings.idle])
        self.bus.wake()

    def close(self) -> None:
        if self._closing:
            return
        self._asked.append(DARK)
        self._closing = True
        self.bus.wake()
        self._closed.wait(CLOSE_S)
        detach(self.bus, self)

    # --- Part ------------------------------------------------------------------------------------------------

    def up(self, _: int) -> None:
        self._due.clear()
        self._due.append(self._led(self._shown))
        if self._shown.beeps is None:
            self._due.append(self._buzzer(self._shown))

    def down(self, _: int, __: str) -> None:
        self._due.clear()

    def offline(self, _: int) -> None:
        with suppress(IndexError):
            self._shown = self._asked.popleft()
        if self._closing:
            self._closed.set()

    def next_job(self, _: int) -> Job | None:
        with suppress(IndexError):
            look = self._asked.popleft()
            self._due.clear()
            self._due.append(self._led(look))
            if look.beeps != 0 or self._shown.beeps is None or look is DARK:
                self._due.append(self._buzzer(look))
            self._shown = look
        while self._due:
            command = self._due.popleft()
            kind = command["command"]
            if self._able(kind):
                return Job(command, partial(self._done, kind))
        if self._closing:
            self._closed.set()
        return None

    def hear(self, event: dict[str, Any], now: int) -> None: ...

    # --- what is sent ----------------------------------------------------------------------------------------

    def _able(self, command: int) -> bool:
        """A reader that refuses one light ends its whole session: it is asked for nothing it does not have."""
        if command in self._cannot or (command == Command.BUZZER and not self._settings.sound):
            return False
        return (self.peer.sounds() if command == Command.BUZZER else self.peer.lights()) > 0

    def _done(self, command: int, fate: Fate, _: int) -> None:
        if fate is Fate.REFUSED and command not in self._cannot:
            self._cannot.add(command)
            what = "beeper" if command == Command.BUZZER else f"light {self._settings.led}"
            log.warning(
                "%s: OSDP reader %d refused its %s; it is not asked again",
                self._door,
                self._settings.address,
                what,
            )

    def _led(self, look: Look) -> dict[str, Any]:
        return {
            "command": Command.LED,
            "reader": self._settings.reader,
            "led_number": self._settings.led,
            "temporary": False,
            "control_code": SET,
            "on_count": look.on,
            "off_count": look.off,
            "on_color": look.colour,
            "off_color": Colour.NONE if look.off else look.colour,
        }

    def _buzzer(self, look: Look) -> dict[str, Any]:
        return {
            "command": Command.BUZZER,
            "reader": self._settings.reader,
            "control_code": SILENT if look.beeps == 0 else TONE,
            "on_count": look.beep_on,
            "off_count": look.beep_off,
            "rep_count": look.beeps or 0,
        }


def open_indicator(settings: OsdpIndicatorSettings, door: AccessPointId) -> OsdpIndicator:
    """Returns at once; what is shown first is the idle light.

    Raises:
        HardwareError: the library or the key file is not right, or the port is used twice with different settings.
    """
    return OsdpIndicator(settings, door)
