"""The lines of all doors, opened by their drivers: the only file here through which a wire moves."""

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Self, cast

from edge.core.events import AccessPointId
from edge.errors import HardwareError, LockSilent
from edge.gateio.buses import Bus
from edge.gateio.drivers import Kind, resolve, settings_of
from edge.gateio.outputs import Wish
from edge.gateio.profile import PULSE_MIN_MS, DoorTable, DriverTable, Profile
from edge.ports import Feedback, InputLines, Level, LineEdge, LockCaps, LockLine, Point
from edge.ports_io import BusLock, IndicatorLines, ReaderLines, Show

log = logging.getLogger(__name__)

# hardware.md §2.4: a GPIO command is done within this, counted inside the node.
ACK_MS = 300

# Two missed beats and a half: the lease (board.LEASE_NS) seen from the other side.
SUPERVISE_MS = 2000

# Two guests one behind the other hear two beeps.
ANSWERS = (Show.GRANTED, Show.DENIED)


def open_lock(door: DoorTable, energised: bool, *, dead: bool) -> LockLine | BusLock:
    """The door's output, at this level from the first moment; a lock behind a bus is asked for it.

    ``dead`` is the level it is left at.
    """
    name = AccessPointId(door.access_point)
    driver = resolve("locks", door.lock.driver)
    settings = settings_of(driver, door.lock.rest, f"{name}.lock")
    lock: LockLine | BusLock = driver.open(settings, name, energised=energised, dead=dead)
    return lock


class Hands:
    """Opened lines; ``close`` leaves every output at its dead level, also when one of them fails."""

    def __init__(self) -> None:
        self._locks: dict[AccessPointId, LockLine] = {}
        self._levels: dict[AccessPointId, bool] = {}
        self._dead: dict[AccessPointId, bool] = {}
        self._lights: dict[AccessPointId, list[IndicatorLines]] = {}
        self._shown: dict[AccessPointId, Show] = {}
        self._missing: dict[AccessPointId, list[str]] = {}
        self.buses: dict[AccessPointId, Bus] = {}
        self.inputs: dict[AccessPointId, InputLines] = {}
        self.readers: list[tuple[AccessPointId, ReaderLines]] = []

    @classmethod
    def open(cls, profile: Profile, wanted: Mapping[AccessPointId, bool]) -> Self:
        """Every output comes up at its wanted level.

        Raises:
            HardwareError: a lock or its inputs could not be had; those opened before are closed again.
        """
        hands = cls()
        try:
            for door in profile.hosted:
                hands._open_door(door, wanted[AccessPointId(door.access_point)])
        except BaseException:
            hands.close()
            raise
        return hands

    def _open_door(self, door: DoorTable, energised: bool) -> None:
        name = AccessPointId(door.access_point)
        self._dead[name] = door.dead
        self._keep_lock(name, open_lock(door, energised, dead=door.dead), energised)
        assert door.inputs is not None, "a hosted door has inputs (profile._check_drivers)"
        self.inputs[name] = _open("inputs", door.inputs, name)
        self.readers += [(name, reader) for reader in self._open_extras("readers", door.readers, name)]
        self._lights[name] = self._open_extras("indicators", door.indicators, name)

    def _open_extras(self, kind: Kind, tables: list[DriverTable], name: AccessPointId) -> list[Any]:
        """Those that can be had: a reader that is not there keeps no door from its exit button."""
        found = []
        for table in tables:
            try:
                found.append(_open(kind, table, name))
            except (HardwareError, OSError) as error:
                log.error("%s. The door goes on without it until the next start.", str(error).rstrip("."))
                self._missing.setdefault(name, []).append(str(error))
        return found

    def _keep_lock(self, name: AccessPointId, lock: LockLine | BusLock, energised: bool) -> None:
        if hasattr(lock, "ask"):
            self.buses[name] = Bus(cast("BusLock", lock), energised=energised)
        else:
            self._locks[name] = lock
            self._levels[name] = energised

    # --- outputs ---------------------------------------------------------------------------------------------

    def drive(self, wanted: Mapping[AccessPointId, bool]) -> list[tuple[AccessPointId, bool]]:
        """Move what has to move and can be moved at once; returns what moved.

        Raises:
            LockSilent: an output does not stand where it was put.
        """
        moved = [(door, wanted[door]) for door, level in self._levels.items() if wanted[door] != level]
        for door, level in moved:
            self._locks[door].set(level)
            if self._locks[door].get() != level:
                raise LockSilent(f"{door}: the lock output does not follow. Check the relay and its line.")
            self._levels[door] = level
        return moved

    def next_ask(self, wish: Callable[[AccessPointId], Wish]) -> int | None:
        """When a lock behind a bus has to be asked again, if nothing changes."""
        due = [bus.next_ask(wish(door)) for door, bus in self.buses.items()]
        return min((at for at in due if at is not None), default=None)

    def energised(self) -> dict[AccessPointId, bool]:
        """As far as it is known: a lock behind a bus stands where it last said it does."""
        return self._levels | {door: bus.energised for door, bus in self.buses.items()}

    def silent(self) -> list[AccessPointId]:
        return [door for door, bus in self.buses.items() if not bus.online]

    # --- inputs, lights --------------------------------------------------------------------------------------

    def edges(self, door: AccessPointId) -> list[LineEdge]:
        return self.inputs[door].edges()

    def levels(self) -> list[tuple[AccessPointId, Point, Level]]:
        """Every point of every door, read from the device now."""
        return [
            (door, point, level)
            for door, inputs in self.inputs.items()
            for point, level in inputs.levels().items()
        ]

    def show(self, door: AccessPointId, what: Show) -> None:
        """A state once per change, since a rhythm that is begun anew with every word is none; an answer every time."""
        if door not in self._lights or (self._shown.get(door) is what and what not in ANSWERS):
            return
        self._shown[door] = what
        for light in self._lights[door]:
            with suppress(HardwareError, OSError):  # no decision depends on it
                light.show(what)

    # --- about them ------------------------------------------------------------------------------------------

    def selftest(self, door: AccessPointId) -> str:
        """One sentence for each device of the door; changes nothing."""
        lock = self.buses[door].lock if door in self.buses else self._locks[door]
        readers = [reader.selftest() for at, reader in self.readers if at == door]
        return " ".join([lock.selftest(), *readers, *self._missing.get(door, [])])

    def caps(self, door: DoorTable) -> LockCaps:
        """What the node may expect of this door's lock."""
        name = AccessPointId(door.access_point)
        bus = self.buses[name].lock if name in self.buses else None
        feedback = self._locks[name].feedback if bus is None else bus.feedback
        return LockCaps(
            fail_mode=door.lock_profile.fail_mode,
            self_timed_pulse=bus is not None and bus.self_timed_pulse,
            feedback=Feedback.BOLT if Point.BOLT in self.inputs[name].levels() else feedback,
            min_pulse_ms=PULSE_MIN_MS,
            max_pulse_ms=door.max_pulse_ms,
            ack_ms=ACK_MS if bus is None else bus.ack_ms,
            supervise_ms=SUPERVISE_MS if bus is None else bus.supervise_ms,
        )

    def close(self) -> list[tuple[AccessPointId, bool]]:
        """Repeatable; returns what moved.  Wires first: they take no time, a bus may take its second."""
        now_dead = self.energised().items()
        moved = [(door, self._dead[door]) for door, level in now_dead if level != self._dead[door]]
        for door, bus in self.buses.items():  # all at once, so that their seconds are the same second
            bus.follow(Wish(self._dead[door], self._dead[door]), 0)
        lights = [light for lights in self._lights.values() for light in lights]
        _close(self._locks.values())
        _close(bus.lock for bus in self.buses.values())
        _close([*self.inputs.values(), *(reader for _, reader in self.readers), *lights])
        for kept in (self._locks, self._levels, self.buses, self.inputs, self.readers, self._lights):
            kept.clear()
        return moved


def _open(kind: Kind, table: DriverTable, door: AccessPointId) -> Any:
    driver = resolve(kind, table.driver)
    return driver.open(settings_of(driver, table.rest, f"{door}.{kind}"), door)


def _close(lines: Iterable[LockLine | BusLock | InputLines | ReaderLines | IndicatorLines]) -> None:
    for line in lines:
        try:
            line.close()
        except (HardwareError, OSError) as error:
            log.error("%s", error)
