"""How long the node's supply lasts: asked every few seconds, told when it says something else (ADR 0070)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge.errors import HardwareError
from edge.ports import Clock, SupplyDriver, SupplyReading, SupplyState

EVERY_S = 10.0
# What was read longer ago says nothing any more: three readings in a row have failed by then.
STALE_NS = 35 * 1_000_000_000
TOLD_EVERY_NS = (
    60 * 1_000_000_000
)  # on battery the minutes are told anew this often; on mains when the charge moves
CHARGE_STEP = 5  # percent
UNKNOWN = SupplyReading(SupplyState.UNKNOWN)
ON_BATTERY = (
    "the mains are gone: this node lives on its battery. Put a person at its doors before it is empty."
)
SAYS_NOTHING = "the supply does not say whether the mains are there. Look at its UPS."
NEARLY_EMPTY = (
    "the mains are gone and the battery is nearly empty: every lock is about to go to its declared state."
)


@dataclass(frozen=True, slots=True)
class _Read:
    reading: SupplyReading
    at_ns: int


class Around(Protocol):
    """The devices around the node, for a technician."""

    def fed(self) -> SupplyReading | None: ...

    def faults(self) -> tuple[str, ...]: ...


class SupplyDesk:
    """``now`` is what is known of the supply; None where no driver reads one."""

    def __init__(self, driver: SupplyDriver | None, clock: Clock, tell_state: Callable[[], None]) -> None:
        self._driver = driver
        self._clock = clock
        self._tell_state = tell_state
        self._last: _Read | None = None
        self._told: _Read | None = None
        self._why = ""

    def now(self) -> SupplyReading | None:
        if self._driver is None:
            return None
        last = self._last
        fresh = last is not None and self._clock.read().mono_ns - last.at_ns <= STALE_NS
        return last.reading if last is not None and fresh else UNKNOWN

    def fault(self) -> str:
        """What somebody has to do about it, or nothing."""
        now = self.now()
        match now.state if now is not None else SupplyState.MAINS:
            case SupplyState.BATTERY:
                return ON_BATTERY
            case SupplyState.LOW:
                return NEARLY_EMPTY
            case SupplyState.UNKNOWN:
                return self._why
            case SupplyState.MAINS:
                return ""

    async def run(self) -> None:
        """Until it is cancelled; the driver may wait as long as it is allowed to, and nobody waits for it."""
        while self._driver is not None:
            await self.look(self._driver)
            self.tell()
            await asyncio.sleep(EVERY_S)

    async def look(self, driver: SupplyDriver) -> None:
        """Ask once; what cannot be asked leaves the last answer, until it is too old."""
        try:
            reading = await asyncio.to_thread(driver.read)
        except HardwareError as error:
            self._why = str(error)
        else:
            self._last = _Read(reading, self._clock.read().mono_ns)
            self._why = SAYS_NOTHING if reading.state is SupplyState.UNKNOWN else ""

    def tell(self) -> None:
        """The service hears of it when it is news."""
        now = self.now()
        if now is None:
            return
        at_ns = self._clock.read().mono_ns
        if self._told is None or _is_news(self._told, now, at_ns):
            self._told = _Read(now, at_ns)
            self._tell_state()

    def close(self) -> None:
        if self._driver is not None:
            self._driver.close()


def _is_news(told: _Read, now: SupplyReading, at_ns: int) -> bool:
    if told.reading.state is not now.state:
        return True
    if now.state in (SupplyState.BATTERY, SupplyState.LOW):
        return told.reading != now and at_ns - told.at_ns >= TOLD_EVERY_NS
    return abs((told.reading.charge or 0) - (now.charge or 0)) >= CHARGE_STEP
