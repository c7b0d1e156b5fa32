"""What can be touched at the door: leaf, lock, contact, button, and the wires between them and gate-io."""

from collections.abc import Callable
from dataclasses import dataclass

from edge.core.door_profile import DoorProfile, LockProfile
from edge.ports import Level, Point
from sim.loop import Hours


@dataclass(frozen=True, slots=True)
class Fitted:
    """How one gate is built; ``shows_bolt`` is a lock monitor, ``peer`` another door of the same fire group."""

    profile: DoorProfile
    shows_bolt: bool = False
    peer: bool = False
    signed: bool = False  # a magnet that stays on when gate-io dies, because somebody signed for its way out

    @property
    def release_energises(self) -> bool:
        return self.profile.lock is not LockProfile.MAGLOCK_FAIL_SAFE

    @property
    def dead(self) -> bool:
        """The level of the output when nobody drives it."""
        return self.signed and not self.release_energises


BOLT_TRAVEL_NS = 400_000_000
ARM_TRAVEL_NS = 900_000_000


class Wires:
    """The truth about the door, and what its sensors say about it.

    A strike or a magnet follows its current at once, a motor bolt takes its way, a barrier's arm goes up and down by
    itself, and never down on a vehicle.
    """

    def __init__(self, hours: Hours, fitted: Fitted) -> None:
        self._hours = hours
        self.fitted = fitted
        lock = fitted.profile.lock
        self.is_barrier, self._is_motor = lock is LockProfile.BARRIER, lock is LockProfile.MOTOR_BOLT
        self._withdrawn = False  # where a motor bolt has got to
        self.energised = fitted.dead
        self.open = False
        self.jammed: bool | None = None  # the lock stays released (True) or shut (False), whatever is asked
        self.contact_broken = False
        self.bolt_broken = False
        self.pressed: dict[Point, Level] = {Point.REX: False, Point.FIRE: False, Point.RESET: False}
        self.sides: dict[Point, Level] = {Point.TAMPER: False, Point.POWER: False}
        if self.is_barrier:
            self.sides[Point.BEAM] = False
        self.tell: Callable[[Point, Level], None] = lambda _point, _level: None

    @property
    def released(self) -> bool:
        """A person can open the door from outside."""
        if self.jammed is not None:
            return self.jammed
        return self._withdrawn if self._is_motor else self.current

    @property
    def current(self) -> bool:
        """What the output asks of the lock: True, be free."""
        return self.energised == self.fitted.release_energises

    # --- what sensors say ------------------------------------------------------------------------------------------

    def level(self, point: Point) -> Level:
        match point:
            case Point.CONTACT:
                return None if self.contact_broken else self.open
            case Point.BOLT:
                return None if self.bolt_broken else self.released
            case _:
                return self.pressed[point] if point in self.pressed else self.sides[point]

    def levels(self) -> dict[Point, Level]:
        points = [Point.CONTACT, *self.pressed, *self.sides]
        points += [Point.BOLT] if self.fitted.shows_bolt else []
        return {point: self.level(point) for point in points}

    # --- what happens ----------------------------------------------------------------------------------------------

    def drive(self, energised: bool) -> None:
        before = self.released
        self.energised = energised
        self._tell_bolt(before)
        if self._is_motor:
            self._hours.at(self._hours.now_ns + BOLT_TRAVEL_NS, self._travel)
        elif self.is_barrier:
            self._hours.at(self._hours.now_ns + ARM_TRAVEL_NS, self.move_arm)

    def _travel(self) -> None:
        before = self.released
        self._withdrawn = self.current
        self._tell_bolt(before)

    def move_arm(self) -> None:
        """Up while it may be, down when nothing is under it."""
        if self.released or not self.sides[Point.BEAM]:
            self.swing(to_open=self.released)

    def jam(self, stays: bool | None) -> None:
        before = self.released
        self.jammed = stays
        self._tell_bolt(before)

    def _tell_bolt(self, before: bool) -> None:
        if self.fitted.shows_bolt and self.released != before and not self.bolt_broken:
            self.tell(Point.BOLT, self.released)

    def swing(self, to_open: bool) -> None:
        """The leaf moves."""
        if self.open != to_open:
            self.open = to_open
            if not self.contact_broken:
                self.tell(Point.CONTACT, to_open)

    def put(self, point: Point, level: Level) -> None:
        """Press, let go, turn, burn."""
        where = self.pressed if point in self.pressed else self.sides
        if where[point] != level:
            where[point] = level
            self.tell(point, level)

    def break_contact(self, broken: bool) -> None:
        if self.contact_broken != broken:
            self.contact_broken = broken
            self.tell(Point.CONTACT, self.level(Point.CONTACT))

    def break_bolt(self, broken: bool) -> None:
        if self.bolt_broken != broken:
            self.bolt_broken = broken
            self.tell(Point.BOLT, self.level(Point.BOLT))
