"""Acts t to z: what a door does when a person, a fire, a power cut or its own lock misbehaves."""

import time
from functools import partial
from pathlib import Path
from typing import Any

from demo import count, outside
from demo.browsers import command, guard_of, press
from demo.faces import Faces
from demo.night import HOUSE
from demo.stage import wait_until
from demo.world import ADMIN, ROOM, UNIT, DoorPlan
from edge.errors import GateError, HardwareError
from edge.ports import Point

SOON_S = 25.0
HELD_S = 40.0  # a gate may stand open for fifteen seconds before anybody is told


class Doors(Faces):
    """The whole evening; every act leaves its doors locked and quiet."""

    def play_doors(self) -> dict[str, int]:
        """Acts u to x; each gives what the report counts of it."""
        told: dict[str, int] = {}
        for title, act in (
            ("(u) luggage holds a door open", self.act_u),
            ("(v) fire: the house opens by itself, and a person ends it", self.act_v),
            ("(w) the power fails while a door stands open", self.act_w),
            ("(x) a door is locked down, and a guest inside still gets out", self.act_x),
        ):
            self.tell(title)
            told |= act()
            time.sleep(self.pause_s)
        return told

    # --- what these acts are made of --------------------------------------------------------------------------

    def told(self, door: DoorPlan, kind: str) -> int:
        """How often this door has written down such a thing."""
        return sum(body["type"] == kind for body in self.facts(door))

    def wait_told(self, door: DoorPlan, kind: str, times: int, within_s: float = SOON_S) -> None:
        wait_until(
            lambda: self.told(door, kind) >= times,
            within_s=within_s,
            what=f"{kind} at {door.name_en}",
            every_s=0.1,
        )

    def wait_mode(self, door: DoorPlan, mode: str) -> None:
        wait_until(
            lambda: self._mode(door)[0] == mode,
            within_s=SOON_S,
            what=f"{door.name_en} is {mode}",
            every_s=0.1,
        )

    def bring_back(self, node: str) -> None:
        """Start a killed node again, and wait until it answers."""
        self.world.revive(node)
        wait_until(partial(self._answers, node), within_s=60, what=f"{node} answers", every_s=0.1)

    def _answers(self, node: str) -> bool:
        try:
            return bool(self.status(node)["doors"])
        except GateError:  # not up yet; the wait has a bound
            return False

    def enters(self, door: DoorPlan, role: str) -> dict[str, Any]:
        """Show this guest's code and open the door, which is still open when this returns."""
        taken, before = self.told(door, "access.taken"), len(self.decisions(door))
        self.show(door, self.next_code(door, self.world.guests[role].phone), role)
        decided = self.outcome(door, before)
        self.move(door, Point.CONTACT, True)
        self.wait_told(door, "access.taken", taken + 1)
        return decided

    def way_out(self, door: DoorPlan) -> int:
        """1 when a press of the exit button released the lock; somebody then walks out and the door falls shut."""
        lock = Path(door.node, f"lock-{door.camera}.jsonl")
        before = sum(line["event"] == "energise" for line in count.lines(lock))
        self.move(door, Point.REX, True)
        self.move(door, Point.REX, False)
        wait_until(
            lambda: sum(line["event"] == "energise" for line in count.lines(lock)) > before,
            within_s=SOON_S, what=f"the way out at {door.name_en}",
        )  # fmt: skip
        taken = self.told(door, "access.taken")
        self.move(door, Point.CONTACT, True)
        self.wait_told(door, "access.taken", taken + 1)
        self.move(door, Point.CONTACT, False)
        return 1

    def settle_case(self, kind: str, door: DoorPlan, said: str) -> int:
        """1 when the guard settled it and another person checked."""
        case = wait_until(lambda: outside.case(kind, door.access_point), within_s=30, what=f"the case {kind}")
        wait_until(lambda: outside.case_state(case) == "RTN_UNACK", within_s=30, what=f"the end of {kind}")
        with guard_of(self.world) as tablet:
            press(tablet, case, "acknowledge", reason=said, code="person_dealt_with")
        press(self.world.http, case, "verify", reason="looked at the door")
        self.tell(f"  {kind}: {outside.case_state(case)}")
        return int(outside.case_state(case) == "CLOSED")

    # --- luggage ----------------------------------------------------------------------------------------------

    def act_u(self) -> dict[str, int]:
        """He has both hands full; the door warns before anybody is called, and is quiet again once it is shut."""
        held = self.told(UNIT, "door.held")
        self.enters(UNIT, "code")
        self.wait_told(UNIT, "door.prealarm", 1)
        self.tell("  the door beeps")
        self.wait_told(UNIT, "door.held", held + 1, HELD_S)
        self.tell("  held open: the guard is told")
        self.move(UNIT, Point.CONTACT, False)
        self._closed(UNIT)
        self.lane_empty(UNIT)
        return {
            "held": self.told(UNIT, "door.held") - held,
            "held_closed": self.settle_case("held", UNIT, "helped with the suitcases"),
        }

    # --- fire -------------------------------------------------------------------------------------------------

    def act_v(self) -> dict[str, int]:
        """The panel's contact opens both doors at once, without the node; nobody ends it while it burns."""
        doors, since = (UNIT, ROOM), time.monotonic_ns()
        self.world.kill(HOUSE)
        self.tell("  the node is dead; gate-io is not")
        self.move(UNIT, Point.FIRE, True)
        slowest = max(
            wait_until(partial(self._released_ns, door, since), within_s=5, what="fire") for door in doors
        )
        self.tell(f"  both doors free after {(slowest - since) / 1e6:.0f} ms")
        self.bring_back(HOUSE)
        for door in doors:
            self.wait_mode(door, "LOCKED_OPEN")
        early = self._reset()
        self.move(UNIT, Point.FIRE, False)
        self.tell("  the alarm is over; the doors stay open until somebody turns the key")
        wait_until(self._reset, within_s=SOON_S, what="the reset")
        for door in doors:
            self.wait_mode(door, "LOCKED")
        wait_until(
            lambda: self._camera_ok(UNIT) and self._camera_ok(ROOM), within_s=SOON_S, what="the cameras"
        )
        return {
            "fire_released": len(doors),
            "fire_reset_while_burning": int(early),
            "fire_reset": sum(self.told(door, "fire.reset") for door in doors),
        }

    def _released_ns(self, door: DoorPlan, since: int) -> int:
        """When the lock itself moved after ``since``, or 0."""
        lines = count.lines(Path(door.node, f"lock-{door.camera}.jsonl"))
        moved = [line["t_ns"] for line in lines if line["event"] == "energise" and line["t_ns"] > since]
        return int(moved[0]) if moved else 0

    def _reset(self) -> bool:
        """A technician ends the release, standing before the doors; whether it ended."""
        try:
            self.world.node_command(HOUSE, "reset-fire", "--by", "technician-2")
        except RuntimeError:  # refused, in a sentence
            return False
        return True

    def _camera_ok(self, door: DoorPlan) -> bool:
        found = next(
            one for one in self.status(door.node)["doors"] if one["access_point"] == door.access_point
        )
        return bool(found["camera"] == "OK")

    # --- power ------------------------------------------------------------------------------------------------

    def act_w(self) -> dict[str, int]:
        """Both programs end at once with somebody in the door; the door comes back knowing that it stands open."""
        with self.disturbed():
            return self._power_cut()

    def _power_cut(self) -> dict[str, int]:
        forced, boots = self.told(UNIT, "door.forced"), self.told(UNIT, "door.boot")
        self.enters(UNIT, "code")
        for name in (HOUSE, f"gate-io-{HOUSE}"):
            self.world.kill(name)
        self.tell("  node and gate-io are gone; the door stands open")
        self.world.revive(f"gate-io-{HOUSE}")
        wait_until(partial(self._set_open, UNIT), within_s=SOON_S, what="gate-io is back")
        self.bring_back(HOUSE)
        self.wait_told(UNIT, "door.boot", boots + 1, 60)
        boot = [body for body in self.facts(UNIT) if body["type"] == "door.boot"][-1]
        self.tell(f"  back: the contact says {boot['contact']}, and nobody is accused of forcing it")
        self.move(UNIT, Point.CONTACT, False)
        self._closed(UNIT)
        wait_until(lambda: self._camera_ok(UNIT), within_s=SOON_S, what="the camera")
        self.lane_empty(UNIT)
        return {
            "open_at_boot": int(boot["contact"] == "open"),
            "forced_by_power": self.told(UNIT, "door.forced") - forced,
            "out_after_power": self.way_out(UNIT),
            "in_after_power": self.opens(UNIT, "code"),
        }

    def _set_open(self, door: DoorPlan) -> bool:
        """The wire says open; false while nobody reads it."""
        try:
            self.move(door, Point.CONTACT, True)
        except HardwareError:  # gate-io is still starting; the wait has a bound
            return False
        return True

    # --- lockdown ---------------------------------------------------------------------------------------------

    def act_x(self) -> dict[str, int]:
        """Nobody gets in, not even over a restart; who is inside walks out; two people end it."""
        with guard_of(self.world) as tablet:
            command(tablet, UNIT, "lockdown", "somebody with a knife in the yard")
            self.wait_mode(UNIT, "LOCKED_DOWN")
            refused = self.fresh_code(UNIT, self.world.guests["code"].phone, "code")
            out = self.way_out(UNIT)
            with self.disturbed():
                boots = self.told(UNIT, "door.boot")
                self.world.kill(HOUSE)
                self.bring_back(HOUSE)
                self.wait_told(UNIT, "door.boot", boots + 1, 60)
            self.wait_mode(UNIT, "LOCKED_DOWN")
            self.tell("  still locked down after a restart")
            wait_until(lambda: self._camera_ok(UNIT), within_s=SOON_S, what="the camera")
            wait_until(self.world.receipted, within_s=60, what="the node is back", every_s=0.2)
            asked = self.told(UNIT, "door.release_asked")
            command(tablet, UNIT, "lockdown_release", "the police took him along")
            self.wait_told(UNIT, "door.release_asked", asked + 1)
            alone = self._mode(UNIT)[0]
            command(self.world.http, UNIT, "lockdown_release", "seen by a second person")
        self.wait_mode(UNIT, "LOCKED")
        self.tell(f"  the guard alone: {alone}; with {ADMIN[0]}: LOCKED")
        return {
            "lockdown_refused": int(refused["reason"] == "LockedDown"),
            "lockdown_out": out,
            "lockdown_ended_alone": int(alone != "LOCKED_DOWN"),
            "in_after_lockdown": self.opens(UNIT, "code"),
        }
