"""Door inputs of an OSDP reader or door module, and its own tamper and power contacts.

A reader tells a change by itself; every second all of them are asked for again, because a change can be lost and a
level cannot.  While the reader is silent nothing is known, and ``levels`` says so.
"""

import logging
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar

from edge.core.events import AccessPointId
from edge.drivers.osdp_bus import attach, detach
from edge.drivers.osdp_link import Mailbox, OsdpPlace
from edge.drivers.osdp_peer import MS, Command, Event, Fate, Job, Peer, Report
from edge.ports import Level, LineEdge, Point

log = logging.getLogger(__name__)

# hardware.md §2.3: fire is a level that is read again this often; the others come along.
ASK_AGAIN_NS = 1000 * MS

# A contact that chatters at 20 Hz on every point for a second, twice.
EDGES_KEPT = 256


@dataclass(frozen=True, slots=True)
class OsdpPoint:
    """One input by its number on the reader; ``active`` says which of its two states is the point's True."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    input: int
    active: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.input <= 63:
            raise ValueError(f"input {self.input} is not within 0 to 63")


@dataclass(frozen=True, slots=True)
class OsdpInputsSettings(OsdpPlace):
    contact: OsdpPoint | None = None
    rex: OsdpPoint | None = None
    fire: OsdpPoint | None = None
    tamper: OsdpPoint | None = None
    bolt: OsdpPoint | None = None
    beam: OsdpPoint | None = None
    power: OsdpPoint | None = None
    reset: OsdpPoint | None = None
    own_tamper: bool = False  # the reader's housing, as the door's tamper point
    own_power: bool = False  # the reader's supply, as the door's power point

    def __post_init__(self) -> None:
        OsdpPlace.__post_init__(self)
        numbers = [point.input for point in self.wired().values()]
        if len(set(numbers)) != len(numbers):
            raise ValueError("one input is named for two points")
        if not self.points:
            raise ValueError("no input is wired; name at least a contact")
        if (self.tamper and self.own_tamper) or (self.power and self.own_power):
            raise ValueError("tamper and power are either an input or the reader's own, not both")

    def wired(self) -> dict[Point, OsdpPoint]:
        known = {field.name for field in fields(self)}
        named = {point: getattr(self, point.value) for point in Point if point.value in known}
        return {point: made for point, made in named.items() if made is not None}

    @property
    def points(self) -> frozenset[Point]:
        own = {Point.TAMPER: self.own_tamper, Point.POWER: self.own_power}
        return frozenset(self.wired()) | {point for point, taken in own.items() if taken}


class OsdpInputs:
    """An ``InputLines``; the methods of ``Part`` run in the bus thread."""

    rank = 1
    peer: Peer

    def __init__(self, settings: OsdpInputsSettings, door: AccessPointId) -> None:
        self._settings, self._door = settings, door
        self._wired = settings.wired()
        self._mail: Mailbox[LineEdge] = Mailbox(EDGES_KEPT)
        self._levels: dict[Point, Level] = dict.fromkeys(settings.points)
        self._ask_at = {Report.INPUT: 0} if self._wired else {}
        if settings.own_tamper or settings.own_power:
            self._ask_at[Report.LOCAL] = 0
        self._open = True
        self.bus = attach(settings, self)

    # --- from gate-io's timing thread ------------------------------------------------------------------------

    def fileno(self) -> int:
        return self._mail.fileno()

    def edges(self) -> list[LineEdge]:
        return self._mail.take()

    def levels(self) -> dict[Point, Level]:
        return dict(self._levels)

    def close(self) -> None:
        if self._open:
            self._open = False
            detach(self.bus, self)
            self._mail.close()

    # --- Part ------------------------------------------------------------------------------------------------

    def up(self, _: int) -> None:
        self._ask_at = dict.fromkeys(self._ask_at, 0)

    def down(self, now: int, _: str) -> None:
        self._take(dict.fromkeys(self._levels), now)

    def offline(self, _: int) -> None: ...

    def next_job(self, now: int) -> Job | None:
        for report, due in self._ask_at.items():
            if now >= due and (report is Report.LOCAL or self.peer.inputs()):
                self._ask_at[report] = now + ASK_AGAIN_NS
                command = {"command": Command.STATUS, "type": report}
                return Job(command, partial(self._asked, report))
        return None

    def hear(self, event: dict[str, Any], now: int) -> None:
        if event["event"] != Event.STATUS:
            return
        report = event["report"]
        if event["type"] == Report.INPUT:
            self._take({point: _level(report, made) for point, made in self._wired.items()}, now)
        elif event["type"] == Report.LOCAL and len(report) >= 2:
            own = {Point.TAMPER: self._settings.own_tamper, Point.POWER: self._settings.own_power}
            said = dict(zip(own, (bool(report[0]), bool(report[1])), strict=True))
            self._take({point: said[point] for point, taken in own.items() if taken}, now)

    def _asked(self, report: Report, fate: Fate, _: int) -> None:
        """The answer itself comes as an event.  A reader that refuses ends its session, and is not asked again."""
        if fate is Fate.REFUSED and self._ask_at.pop(report, None) is not None:
            log.warning(
                "%s: OSDP reader %d does not say its %s levels when asked; it has to tell every change",
                self._door,
                self._settings.address,
                report.name.lower(),
            )

    def _take(self, found: dict[Point, Level], now: int) -> None:
        for point, level in found.items():
            if self._levels[point] != level:
                self._levels[point] = level
                self._mail.put(LineEdge(point, level, now))


def _level(report: bytes, made: OsdpPoint) -> Level:
    """None for an input the reader does not have, and for a supervised one that is cut or shorted."""
    if made.input >= len(report) or report[made.input] > 1:
        return None
    return bool(report[made.input]) == made.active


def open_inputs(settings: OsdpInputsSettings, door: AccessPointId) -> OsdpInputs:
    """Returns at once; every level is None until the reader has told it.

    Raises:
        HardwareError: the library or the key file is not right, or the port is used twice with different settings.
    """
    return OsdpInputs(settings, door)
