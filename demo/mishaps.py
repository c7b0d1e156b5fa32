"""The night in its order, and its act l: programs die, a network is gone for a night, a clock is wrong, a camera is
frozen, and people get home.
"""

import time
from pathlib import Path

from demo import count
from demo.night import HOUSE, MENDED_S, Night
from demo.people import HOUR_S
from demo.stage import wait_until
from demo.world import GATE, NODES, UNIT, DoorPlan

STEP_BACK_S = -3 * HOUR_S
NIGHT_HOURS = (2, 4, 6, 8)  # one guest comes home in each quarter of the night without a network
FROZEN_S = 20.0  # the camera is called frozen after ten seconds of the very same picture


class Mishaps(Night):
    """The whole night; each mishap ends with everything as it was."""

    def play_night(self) -> dict[str, int]:
        """Acts g to n; each gives what the report counts of it."""
        told: dict[str, int] = {}
        for title, act in (
            ("(g) 01:00: a guest without registration registers at the gate and goes up", self.act_g),
            ("(h) a guest whose documents fail is proved by the guard", self.act_h),
            ("(i) a stay is extended while a node is cut off", self.act_i),
            ("(j) a guest takes the face back and enters by code", self.act_j),
            ("(k) the forced door is handled by the guard, to closed", self.act_k),
            ("(l) whatever can die dies and comes back, and people get home", self.act_l),
            ("(m) a cancelled guest inside gets out and not back in", self.act_m),
            ("(n) the guard releases a door from the page", self.act_n),
        ):
            self.tell(title)
            told |= act()
            time.sleep(self.pause_s)
        return told

    def act_l(self) -> dict[str, int]:
        with self.disturbed():
            pin = self.make_pin("still")
            told = {"opened_during_faults": self._deaths()}
            told |= self._night_cut_off()
            told |= self._wrong_clock(pin)
            told |= self._frozen_camera(pin)
            wait_until(self.world.receipted, within_s=MENDED_S, what="everybody is back", every_s=0.2)
        return told

    # --- programs ---------------------------------------------------------------------------------------------

    def _deaths(self) -> int:
        """Broker, service, gate-io and node, each during a passage."""
        opened = 0
        for name, door in (("broker", GATE), ("sync", UNIT)):
            self.world.kill(name)
            self.tell(f"  {name} is dead")
            opened += self.opens(door, "still")
            self.world.revive(name)
        opened += self._gate_io_dies_in_a_passage()
        opened += self._node_dies_in_a_passage()
        wait_until(self.world.receipted, within_s=MENDED_S, what="all programs are back", every_s=0.2)
        return opened

    def _gate_io_dies_in_a_passage(self) -> int:
        """Granted, and the hand on the lock dies: the lock falls, nothing stays open, and the next guest gets in."""
        node = GATE.node
        granted = self._granted(GATE)
        self.world.kill(f"gate-io-{node}")
        self.tell(f"  gate-io of {node} is dead in the middle of a passage")
        self.world.revive(f"gate-io-{node}")
        wait_until(lambda: self.world.serving(NODES[0]), within_s=60, what=f"{node} serves again")
        self._closed(GATE)
        return granted * self.opens(GATE, "unregistered")

    def _node_dies_in_a_passage(self) -> int:
        """Granted, and the node dies: gate-io ends the pulse, the node reads the door again, and the next guest gets in."""
        granted = self._granted(UNIT)
        self.world.kill(HOUSE)
        self.tell(f"  {HOUSE} is dead in the middle of a passage")
        self.world.revive(HOUSE)
        wait_until(lambda: self.world.serving(NODES[1]), within_s=60, what=f"{HOUSE} serves again")
        self._closed(UNIT)
        return granted * self.opens(UNIT, "unregistered")

    def _granted(self, door: DoorPlan) -> int:
        """1 when the code was granted; nobody has gone through yet."""
        before = len(self.decisions(door))
        self.show(door, self.next_code(door, self.world.guests["code"].phone), "guest")
        return int(self.outcome(door, before)["type"] == "access.granted")

    # --- a night without a network ----------------------------------------------------------------------------

    def _night_cut_off(self) -> dict[str, int]:
        """Eight hours on the node's clock, by a clock that is vouched for; the guest's phone lives in the same night."""
        guest = self.world.guests["failing"]
        self.world.cables[HOUSE].cut()
        opened, held = 0, self._recorded()
        for hour in NIGHT_HOURS:
            self.move_clock(HOUSE, hour * HOUR_S)
            guest.phone.ahead_s = hour * HOUR_S
            self.tell(f"  cut off for {hour} hours")
            opened += self.opens(UNIT, "failing")
        guest.phone.ahead_s = 0
        held = self._recorded() - held
        self.move_clock(HOUSE, 0)
        self.mend()
        wait_until(self._all_stored, within_s=MENDED_S, what="the night's events are stored", every_s=0.2)
        return {"opened_while_cut_off": opened, "held_while_cut_off": held}

    def _recorded(self) -> int:
        return len(count.ledger(Path(HOUSE, "data/events.db"), HOUSE))

    def _all_stored(self) -> bool:
        stored = count.service(Path("sync/data/community.db")).keys
        return self._keys() <= stored

    # --- what is wrong ----------------------------------------------------------------------------------------

    def _wrong_clock(self, pin: str) -> dict[str, int]:
        """A clock that stepped back cannot judge a code of the moment; digits of a pass aboard still open."""
        self.move_clock(HOUSE, STEP_BACK_S, synchronised=False)
        self.tell("  the house's clock is three hours behind")
        by_code = self.opens(UNIT, "still")
        by_pin = self.type_pin(UNIT, pin)
        self.move_clock(HOUSE, 0)
        self.tell("  the clock is right again")
        return {
            "wrong_clock_code": by_code,
            "wrong_clock_pin": by_pin,
            "right_clock_code": self.opens(UNIT, "still"),
        }

    def _frozen_camera(self, pin: str) -> dict[str, int]:
        self.world.stages[GATE.access_point].freeze(FROZEN_S)
        wait_until(
            lambda: self._camera() == "DEGRADED", within_s=FROZEN_S, what="the frozen camera is noticed"
        )
        self.tell("  the gate's camera is frozen, and said so")
        by_pin = self.type_pin(GATE, pin)
        wait_until(lambda: self._camera() == "OK", within_s=FROZEN_S + 10, what="the camera lives again")
        return {"frozen_camera_pin": by_pin}

    def _camera(self) -> str:
        return str(self.status(NODES[0].node)["doors"][0]["camera"])
