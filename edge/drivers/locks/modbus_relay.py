"""A relay on a Modbus board: strike or maglock behind one coil, TCP or RTU.

A board that was frozen may carry out an unlock long after everybody gave up on it.  The first word it hears after its
silence is therefore the resting level (decision record 29), and such a lock ranks below a wired one.
"""

import threading
import time
from dataclasses import dataclass, replace
from typing import ClassVar

from edge.core.events import AccessPointId
from edge.drivers.bus_plan import MS, PATIENCE_NS, Contact, LockPlan
from edge.drivers.modbus_bus import FAREWELL_S, Bus, attach, detach
from edge.drivers.modbus_station import SUPERVISE_MS, LockSlot
from edge.drivers.modbus_wire import BusSettings
from edge.drivers.outbox import Outbox
from edge.ports import Feedback
from edge.ports_io import Ask, BusLink, BusTold

ACK_MS = 500

# gate-io cuts a long release into leases of a minute, for devices that end one by themselves.  Any other relay stays
# until it is asked; only a shorter pulse, whose end is known, is ended here as well, should nobody ask.
LEASE_MS = 60_000

# One answer for each ask, and links that nobody has fetched; with more, links give way (``_crowded``).
OUTBOX_MAX = 64


@dataclass(frozen=True, slots=True)
class ModbusRelaySettings:
    """``self_timed_pulse`` belongs to the board: true only for one that takes flash-on, tried at commissioning.

    The defaults below it are those of Waveshare's relay boards: address 0x0200 + coil, tenths of a second.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    bus: BusSettings
    coil: int
    self_timed_pulse: bool = False
    flash_on_base: int = 0x0200
    flash_off_base: int = 0x0400
    flash_unit_ms: int = 100

    def __post_init__(self) -> None:
        if not 0 <= self.coil <= 0xFFFF:
            raise ValueError(f"coil {self.coil} is not within 0 to 65535")
        if not 10 <= self.flash_unit_ms <= 1000:
            raise ValueError(f"flash_unit_ms {self.flash_unit_ms} is not within 10 to 1000")
        for base in (self.flash_on_base, self.flash_off_base):
            if not 0 <= base <= 0xFFFF - self.coil:
                raise ValueError(f"flash base {base} leaves no address for coil {self.coil}")

    def flash(self, energised: bool, pulse_ms: int) -> tuple[int, int]:
        """Address and word of a pulse that the board ends; never longer than asked, and never nothing."""
        base = self.flash_on_base if energised else self.flash_off_base
        return base + self.coil, min(0x7FFF, max(1, pulse_ms // self.flash_unit_ms))


class ModbusRelay:
    """A ``BusLock``.  Until the first ask names the resting level, it is the level the lock was opened at."""

    feedback = Feedback.COIL
    ack_ms = ACK_MS
    supervise_ms = SUPERVISE_MS

    def __init__(
        self, settings: ModbusRelaySettings, door: AccessPointId, *, energised: bool, dead: bool
    ) -> None:
        self._settings = settings
        self._door = door
        self._dead = dead
        self._seq = 0
        flash = settings.flash if settings.self_timed_pulse else None

        def make(now: int) -> LockSlot:
            plan = LockPlan(energised, now, supervise_ns=SUPERVISE_MS * MS)
            return LockSlot(settings.coil, flash, plan, Outbox(OUTBOX_MAX, _crowded))

        self._bus: Bus | None
        self._bus, self._slot = attach(settings.bus, make)

    @property
    def self_timed_pulse(self) -> bool:
        return self._settings.self_timed_pulse

    def ask(self, ask: Ask) -> None:
        self._seq = ask.seq
        if not self.self_timed_pulse and ask.pulse_ms is not None and ask.pulse_ms >= LEASE_MS:
            ask = replace(ask, pulse_ms=None)
        self._hand_over(ask, PATIENCE_NS)

    def _hand_over(self, ask: Ask, patience_ns: int) -> None:
        if self._bus is not None:
            self._slot.asks.append((ask, patience_ns))
            self._bus.wake()

    def fileno(self) -> int:
        return self._slot.outbox.fileno()

    def told(self) -> list[BusTold | BusLink]:
        return self._slot.outbox.take()

    def selftest(self) -> str:
        bus = self._settings.bus
        state = "answers" if self._slot.plan.contact is Contact.UP else "does not answer"
        return f"{self._door}: coil {self._settings.coil} of the Modbus board {bus.where} unit {bus.unit}, which {state}."

    def close(self) -> None:
        if self._bus is None:
            return
        self._slot.leaving = threading.Event()
        deadline_ns = time.monotonic_ns() + int(FAREWELL_S * 1e9)
        last = Ask(self._seq + 1, self._dead, None, deadline_ns, rest=self._dead)
        self._hand_over(last, int(FAREWELL_S * 1e9))
        self._slot.leaving.wait(FAREWELL_S)
        bus, self._bus = self._bus, None
        detach(bus, self._slot)
        self._slot.outbox.close()


def _crowded(items: list[BusTold | BusLink]) -> list[BusTold | BusLink]:
    """Answers are kept; of the links only the newest."""
    links = [item for item in items if isinstance(item, BusLink)]
    return [item for item in items if not isinstance(item, BusLink) or item is links[-1]]


def open_lock(
    settings: ModbusRelaySettings, door: AccessPointId, *, energised: bool, dead: bool
) -> ModbusRelay:
    """Returns at once; the board is reached, put to rest and read back in the background, and ``told`` says so.

    Raises:
        HardwareError: the coil is another lock's already, or its line is described in two ways.
    """
    return ModbusRelay(settings, door, energised=energised, dead=dead)
