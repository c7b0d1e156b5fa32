"""What can be touched at the door: leaf, lock, contact, button, and the wires between them and gate-io."""

from collections.abc import Callable
from dataclasses import dataclass

from edge.core.door_profile import DoorProfile, LockProfile
from edge.ports import Level, Point


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


class Wires:
    """The truth about the door, and what its sensors say about it."""

    def __init__(self, fitted: Fitted) -> None:
        self.fitted = fitted
        self.energised = fitted.dead
        self.open = False
        self.jammed: bool | None = None  # the lock stays released (True) or shut (False), whatever is asked
        self.contact_broken = False
        self.bolt_broken = False
        self.pressed: dict[Point, Level] = {Point.REX: False, Point.FIRE: False, Point.RESET: False}
        self.sides: dict[Point, Level] = {Point.TAMPER: False, Point.POWER: False}
        self.tell: Callable[[Point, Level], None] = lambda _point, _level: None

    @property
    def released(self) -> bool:
        """A person can open the door from outside."""
        if self.jammed is not None:
            return self.jammed
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
