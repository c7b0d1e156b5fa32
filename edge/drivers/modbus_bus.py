"""One connection to one or more Modbus boards, shared by their locks and inputs, in a thread of its own.

A board that does not answer is alone in that: the others on its line stay in service, and only its own locks are put
to rest when it is back.  Its silence costs the others one time-out, at most twice a second.
"""

import logging
import os
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from edge.drivers.bus_plan import MS, ReadBack, Step, Write
from edge.drivers.modbus_station import InputSlot, LockSlot, Station
from edge.drivers.modbus_wire import (
    OFF,
    ON,
    READ_COILS,
    WRITE_COIL,
    BusSettings,
    Question,
    TooLate,
    Wire,
    WireBroken,
    WireRefusal,
    WireSilent,
)
from edge.errors import HardwareError
from edge.ports_io import BusLink

log = logging.getLogger(__name__)

# A thread that has nothing to do looks up this often, so that no wait is without an end.
IDLE_NS = 1_000 * MS

# The time left for the dead level and for the thread: together less than the second that ``close`` may take.
FAREWELL_S, JOIN_S = 0.55, 0.4


S = TypeVar("S", bound=LockSlot | InputSlot)


class Bus:
    """One line and its thread."""

    def __init__(self, settings: BusSettings) -> None:
        self.settings = settings
        self.users = 0
        self._wire = Wire(settings)
        self._stations: dict[int, Station] = {}
        self._lock = threading.Lock()  # guards the lists of slots, for a few instructions at a time
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._stopping = False
        self._was_reachable: dict[int, bool] = {}
        self._refused: set[Question] = set()  # reads the board said no to; as many as a poll has
        self._thread = threading.Thread(target=self._run, name=f"modbus {settings.where}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        with suppress(BlockingIOError):  # awake already, many times over
            os.eventfd_write(self._wake, 1)

    def add(self, settings: BusSettings, slot: LockSlot | InputSlot) -> None:
        with self._lock:
            station = self._stations.get(settings.unit) or Station(settings, time.monotonic_ns())
            self._stations = self._stations | {
                settings.unit: station
            }  # anew: the thread may be going through it
            if isinstance(slot, LockSlot):
                station.locks = [*station.locks, slot]
            else:
                station.inputs = [*station.inputs, slot]
        self.wake()

    def remove(self, slot: LockSlot | InputSlot) -> None:
        with self._lock:
            for station in self._stations.values():
                station.locks = [other for other in station.locks if other is not slot]
                station.inputs = [other for other in station.inputs if other is not slot]
            self._stations = {
                unit: station for unit, station in self._stations.items() if station.locks or station.inputs
            }

    def coil_taken(self, unit: int, coil: int) -> bool:
        station = self._stations.get(unit)
        return station is not None and any(slot.coil == coil for slot in station.locks)

    def stop(self) -> None:
        """Let the thread end; waits JOIN_S for it."""
        self._stopping = True
        self.wake()
        self._thread.join(JOIN_S)
        if not self._thread.is_alive():  # else it is in the middle of its last, bounded exchange
            os.close(self._wake)

    # --- the thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        with suppress(
            OSError
        ):  # gate-io starts every thread in the real-time class; the bus does not belong there
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        try:
            while not self._stopping:
                if not self._turn():
                    self._sleep()
        finally:
            self._wire.close()
            if not self._stopping:
                self._fall()

    def _fall(self) -> None:
        """Something nobody thought of ended the thread: no lock on this line is promised to anybody any more."""
        now = time.monotonic_ns()
        for station in self._stations.values():
            for slot in station.locks:
                slot.outbox.put(
                    [BusLink(False, now, None, "the bus thread ended; gate-io has to be restarted")]
                )
            for inputs in station.inputs:
                inputs.forget(now)

    def _turn(self) -> bool:
        """At most one exchange for each board; False when there was nothing to do."""
        busy = False
        for station in self._stations.values():
            busy |= self._serve(station)
        for station in self._stations.values():
            now = time.monotonic_ns()
            station.tick(now)
            self._say_goodbye(station)
        return busy

    def _serve(self, station: Station) -> bool:
        now = time.monotonic_ns()
        station.tick(now)
        if not station.in_contact and now < station.retry_at:
            return False
        if not self._wire.is_open and not self._connect():
            return False
        if self._stopping:
            return False
        for slot in station.locks:
            slot.plan.reach()
        now = time.monotonic_ns()
        if (found := station.step(now)) is not None:
            self._carry_out(station, *found)
            return True
        if (question := station.read(now)) is not None:
            self._poll(station, question)
            return True
        return False

    def _connect(self) -> bool:
        """No way to one board is no way to any."""
        try:
            self._wire.open()
        except WireBroken as error:
            now = time.monotonic_ns()
            for station in self._stations.values():
                if station.in_contact or now >= station.retry_at:
                    station.fell_silent(now, mute=False)
                    self._note(station, str(error))
            return False
        return True

    def _carry_out(self, station: Station, slot: LockSlot, step: Step) -> None:
        unit = station.settings.unit
        if isinstance(step, ReadBack):
            question = Question(unit, READ_COILS, slot.coil, 1)
        elif slot.flash is not None and step.pulse_ms is not None:
            question = Question(unit, WRITE_COIL, *slot.flash(step.energised, step.pulse_ms))
        else:
            question = Question(unit, WRITE_COIL, slot.coil, ON if step.energised else OFF)
        not_after_ns = step.not_after_ns if isinstance(step, Write) else None
        try:
            bits = self._ask(station, question, not_after_ns)
        except WireRefusal as error:
            slot.plan.refused(str(error), time.monotonic_ns())
            return
        except TooLate:
            slot.plan.unsent(time.monotonic_ns())
            return
        if bits is None:
            return
        if isinstance(step, Write):
            slot.plan.done(time.monotonic_ns())
        else:
            slot.plan.read(bits[0], time.monotonic_ns())

    def _poll(self, station: Station, question: Question) -> None:
        try:
            bits = self._ask(station, question, None)
        except WireRefusal as error:
            station.refuse(question, time.monotonic_ns())
            if question not in self._refused:  # said once, and not twenty times a second
                self._refused.add(question)
                log.warning("%s unit %d: %s", self.settings.where, question.unit, error)
            return
        if bits is not None:
            self._refused.discard(question)
            station.take(question, bits, time.monotonic_ns())

    def _ask(self, station: Station, question: Question, not_after_ns: int | None) -> list[bool] | None:
        """The answer; None when there was none, which everybody concerned was told.

        Raises:
            WireRefusal: the board said no, so it is there.
            TooLate: not sent.
        """
        # An unlock is never repeated, and who does not answer anyway shall not cost its neighbours twice.
        patient = station.in_contact and not_after_ns is None
        attempts = station.settings.attempts if patient else 1
        try:
            bits = self._repeat(station.settings, question, not_after_ns, attempts)
        except WireRefusal:
            station.heard(time.monotonic_ns())
            raise
        except WireSilent as error:
            station.fell_silent(time.monotonic_ns(), mute=True)
            self._note(station, str(error))
            return None
        except WireBroken as error:
            now = time.monotonic_ns()
            for other in self._stations.values():
                if other is station or other.in_contact:
                    other.fell_silent(now, mute=False)
            self._note(station, str(error))
            return None
        station.heard(time.monotonic_ns())
        self._note(station, "")
        return bits

    def _repeat(
        self, settings: BusSettings, question: Question, not_after_ns: int | None, attempts: int
    ) -> list[bool]:
        for _ in range(attempts - 1):
            try:
                return self._wire.exchange(question, settings.timeout_s, not_after_ns)
            except WireSilent:
                self._wire.open()
        return self._wire.exchange(question, settings.timeout_s, not_after_ns)

    def _note(self, station: Station, trouble: str) -> None:
        """One line in the log whenever a board is lost or found."""
        unit = station.settings.unit
        if self._was_reachable.get(unit) == (not trouble):
            return
        self._was_reachable[unit] = not trouble
        if trouble:
            log.warning("%s", trouble)
        else:
            log.info("%s unit %d answers", self.settings.where, unit)

    def _say_goodbye(self, station: Station) -> None:
        for slot in station.locks:
            if slot.leaving is not None and not slot.asks and not slot.plan.waiting:
                slot.leaving.set()

    def _sleep(self) -> None:
        now = time.monotonic_ns()
        wake_at = min((station.wake_at(now) for station in self._stations.values()), default=now + IDLE_NS)
        wait_ms = min(max(0, wake_at - now), IDLE_NS) / MS
        if _readable(self._wake, wait_ms):
            with suppress(BlockingIOError):
                os.eventfd_read(self._wake)


def _readable(fd: int, within_ms: float) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(within_ms))


_buses: dict[str, Bus] = {}
_buses_lock = threading.Lock()


def attach(settings: BusSettings, make: Callable[[int], S]) -> tuple[Bus, S]:
    """The bus to this board, made if there is none yet, and on it what ``make`` made; it connects by itself.

    ``make`` is told the time after the library has been loaded, so that loading it is no silence of the board.

    Raises:
        HardwareError: two boards on one line disagree about it, or a coil has two locks.
    """
    with _buses_lock:
        bus = _buses.get(settings.where)
        if bus is None:
            bus = Bus(settings)
        elif bus.settings.line != settings.line:
            raise HardwareError(f"{settings.where}: its boards are given different line settings.")
        slot = make(time.monotonic_ns())
        if isinstance(slot, LockSlot) and bus.coil_taken(settings.unit, slot.coil):
            raise HardwareError(
                f"{settings.where} unit {settings.unit}: coil {slot.coil} is named for two locks."
            )
        bus.add(settings, slot)
        if bus.users == 0:
            _buses[settings.where] = bus
            bus.start()
        bus.users += 1
        return bus, slot


def detach(bus: Bus, slot: LockSlot | InputSlot) -> None:
    """Take the slot off; the last one ends the thread and the connection."""
    bus.remove(slot)
    with _buses_lock:
        bus.users -= 1
        if bus.users > 0:
            return
        del _buses[bus.settings.where]
    bus.stop()
