"""The lines of all doors, opened by their drivers: the only file here through which a wire moves."""

import logging
from collections.abc import Mapping
from typing import Self

from edge.core.events import AccessPointId
from edge.errors import HardwareError, LockSilent
from edge.gateio.drivers import resolve, settings_of
from edge.gateio.profile import PULSE_MIN_MS, DoorTable, Profile
from edge.ports import Feedback, InputLines, Level, LineEdge, LockCaps, LockLine, Point

log = logging.getLogger(__name__)

# hardware.md §2.4: a GPIO command is done within this, counted inside the node.
ACK_MS = 300

# Two missed beats and a half: the lease (board.LEASE_NS) seen from the other side.
SUPERVISE_MS = 2000


def open_lock(door: DoorTable, energised: bool) -> LockLine:
    """The door's output, at this level from the first moment."""
    name = AccessPointId(door.access_point)
    driver = resolve("locks", door.lock.driver)
    settings = settings_of(driver, door.lock.rest, f"{name}.lock")
    line: LockLine = driver.open(settings, name, energised=energised, dead=door.dead)
    return line


class Hands:
    """Opened lines; ``close`` leaves every output at its dead level, also when one of them fails."""

    def __init__(self) -> None:
        self._locks: dict[AccessPointId, LockLine] = {}
        self._levels: dict[AccessPointId, bool] = {}
        self._dead: dict[AccessPointId, bool] = {}
        self.inputs: dict[AccessPointId, InputLines] = {}

    @classmethod
    def open(cls, profile: Profile, wanted: Mapping[AccessPointId, bool]) -> Self:
        """Every output comes up at its wanted level.

        Raises:
            HardwareError: a line could not be had; those opened before are closed again.
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
        self._locks[name] = open_lock(door, energised)
        self._levels[name], self._dead[name] = energised, door.dead
        assert door.inputs is not None, "a hosted door has inputs (profile._check_drivers)"
        inputs = resolve("inputs", door.inputs.driver)
        settings = settings_of(inputs, door.inputs.rest, f"{name}.inputs")
        self.inputs[name] = inputs.open(settings, name)

    def drive(self, wanted: Mapping[AccessPointId, bool]) -> list[tuple[AccessPointId, bool]]:
        """Move what has to move; returns what moved.

        Raises:
            LockSilent: an output does not stand where it was put.
        """
        moved = [(door, level) for door, level in wanted.items() if self._levels[door] != level]
        for door, level in moved:
            self._locks[door].set(level)
            if self._locks[door].get() != level:
                raise LockSilent(f"{door}: the lock output does not follow. Check the relay and its line.")
            self._levels[door] = level
        return moved

    def energised(self) -> dict[AccessPointId, bool]:
        return dict(self._levels)

    def edges(self, door: AccessPointId) -> list[LineEdge]:
        return self.inputs[door].edges()

    def levels(self) -> list[tuple[AccessPointId, Point, Level]]:
        """Every point of every door, read from the device now."""
        return [
            (door, point, level)
            for door, inputs in self.inputs.items()
            for point, level in inputs.levels().items()
        ]

    def selftest(self, door: AccessPointId) -> str:
        return self._locks[door].selftest()

    def caps(self, door: DoorTable) -> LockCaps:
        """What the node may expect of this door's lock."""
        name = AccessPointId(door.access_point)
        bolt = Point.BOLT in self.inputs[name].levels()
        return LockCaps(
            fail_mode=door.lock_profile.fail_mode,
            self_timed_pulse=False,
            feedback=Feedback.BOLT if bolt else self._locks[name].feedback,
            min_pulse_ms=PULSE_MIN_MS,
            max_pulse_ms=door.max_pulse_ms,
            ack_ms=ACK_MS,
            supervise_ms=SUPERVISE_MS,
        )

    def close(self) -> list[tuple[AccessPointId, bool]]:
        """Repeatable; returns what moved."""
        moved = [(door, self._dead[door]) for door in self._locks if self._levels[door] != self._dead[door]]
        lines: list[LockLine | InputLines] = [*self._locks.values(), *self.inputs.values()]
        for line in lines:
            try:
                line.close()
            except (HardwareError, OSError) as error:
                log.error("%s", error)
        self._locks.clear()
        self.inputs.clear()
        return moved
