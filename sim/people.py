"""People at the door: they show something, try the handle, walk through, and let the leaf fall shut behind them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edge.ports import Point
from sim.house import BEGIN_MS, House, code_text
from sim.loop import Hours
from sim.script import MS_NS, S_NS, Guest
from sim.wires import Wires

TRY_AGAIN_NS = 400 * MS_NS
PATIENCE_NS = 9 * S_NS
STEP_MS = 30_000


@dataclass
class Counted:
    """What the night has seen."""

    passages: int = 0  # persons who went through a door that let them
    turned_away: int = 0
    forced: int = 0


class Leaf:
    """Open as long as somebody needs it open."""

    def __init__(self, hours: Hours, wires: Wires) -> None:
        self._hours, self._wires = hours, wires
        self._until = 0

    def open_for(self, ns: int) -> None:
        """At a barrier: drive into the beam, and be gone after so long."""
        self._until = max(self._until, self._hours.now_ns + ns)
        if self._wires.is_barrier:
            self._wires.put(Point.BEAM, True)
        else:
            self._wires.swing(to_open=True)
        self._hours.at(self._until, self._fall_shut)

    def _fall_shut(self) -> None:
        if self._hours.now_ns < self._until:
            return
        if self._wires.is_barrier:
            self._wires.put(Point.BEAM, False)
            self._wires.move_arm()
        elif self._wires.open:
            self._wires.swing(to_open=False)


class People:
    def __init__(self, hours: Hours, wires: Wires, house: House, guests: Mapping[str, Guest]) -> None:
        self._hours, self._wires, self._house = hours, wires, house
        self.guests = guests
        self.leaf = Leaf(hours, wires)
        self.counted = Counted()
        self.showed: Callable[[Guest, str, int], None] = lambda _guest, _by, _step: None
        self.on_screen: Callable[[bool], None] = lambda _held: None
        self.cannot_leave: Callable[[str], None] = lambda _why: None
        self.read = True  # the camera sees codes
        self.pressed_ns = 0
        pins = {guest.pin: guest.row.creds[1] for guest in guests.values()}
        house.read_pin = lambda digits: (
            (pins[digits].cred_id, pins[digits].verifier) if digits in pins else ("00" * 16, b"nobody")
        )

    # --- showing something -------------------------------------------------------------------------------------------

    def step_of(self, guest: Guest) -> int:
        """What the clock in this phone counts."""
        return (BEGIN_MS + self._hours.now_ns // MS_NS + guest.skew_ms) // STEP_MS

    def show(self, who: str, by: str) -> str:
        """Code or PIN of this guest, as it is now; the text that was shown."""
        guest = self.guests[who]
        if by == "pin":
            self.showed(guest, "pin", 0)
            self._house.type_pin(guest.pin)
            return ""
        step = self.step_of(guest)
        text = code_text(guest.cred_id, guest.key, step)
        if self.read:
            self.showed(guest, "code", step)
            self.on_screen(True)
            self._house.show_code(text)
            self.on_screen(False)
        return text

    # --- walking -----------------------------------------------------------------------------------------------------

    def enter(self, pace_ns: int, open_ns: int, persons: int = 1) -> None:
        """Try the handle after ``pace_ns``, for a while; ``persons`` go through where it gives way."""
        self._hours.at(
            self._hours.now_ns + pace_ns, self._try, self._hours.now_ns + PATIENCE_NS, open_ns, persons
        )

    def _try(self, until_ns: int, open_ns: int, persons: int) -> None:
        if self._gives_way():
            self.counted.passages += persons
            self.leaf.open_for(open_ns)
        elif self._hours.now_ns < until_ns:
            self._hours.at(self._hours.now_ns + TRY_AGAIN_NS, self._try, until_ns, open_ns, persons)
        else:
            self.counted.turned_away += persons

    def _gives_way(self) -> bool:
        if self._wires.is_barrier:
            return self._wires.open  # nobody lifts an arm
        return self._wires.open or self._wires.released

    def leave(self, pace_ns: int, open_ns: int) -> None:
        """Press, or turn the handle, and go."""
        profile = self._wires.fitted.profile
        pace_ns = min(pace_ns, (profile.t_rex_ms - 200) * MS_NS)
        now = self._hours.now_ns
        self._wires.put(Point.REX, True)
        self._hours.at(now + 250 * MS_NS, self._wires.put, Point.REX, False)
        self.pressed_ns = now
        self._hours.at(now + pace_ns, self._go_out, open_ns)

    def _go_out(self, open_ns: int) -> None:
        """A strike or bolt opens from inside by its handle, and where the button is wired into the lock's supply only,
        that is not this software's; any other magnet has to have let go, or nobody gets out.

        A vehicle has only its loop, and waits for the arm; beside it people walk.
        """
        if self._wires.is_barrier:
            self.enter(0, open_ns)
        elif (
            self._wires.fitted.release_energises
            or not self._wires.fitted.profile.rex_unlocks
            or self._wires.open
            or self._wires.released
        ):
            self.counted.passages += 1
            self.leaf.open_for(open_ns)
        else:
            self.cannot_leave("the magnet holds although somebody pressed to get out")

    def force(self, open_ns: int) -> None:
        """Levered open from outside."""
        self.counted.forced += 1
        if self._wires.is_barrier:
            self._wires.swing(to_open=True)
            self._hours.at(self._hours.now_ns + open_ns, self._wires.move_arm)
        else:
            self.leaf.open_for(open_ns)


__all__ = ["Counted", "Leaf", "People"]
