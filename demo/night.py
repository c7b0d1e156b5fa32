"""The further acts of the evening: what dies comes back, and who is cut off keeps its word."""

import time
from functools import partial
from typing import Any

from demo.acts import Evening
from demo.people import Phone
from demo.stage import wait_until
from demo.world import GATE, NODES, UNIT, DoorPlan

CODE_STEP_S = 30.0


class Night(Evening):
    """Everything after midnight, on the same ground."""

    def fresh_code(self, door: DoorPlan, phone: Phone, who: str) -> dict[str, Any]:
        """Show a code that was not shown at this node before: one showing a door and step, so sometimes it waits."""
        node = next(plan.node for plan in NODES if door in plan.doors)
        used = phone.shown_at.get(node, 0)
        wait_until(
            lambda: phone.step() > used, within_s=CODE_STEP_S + 2, what="the phone's next code", every_s=0.2
        )
        phone.shown_at[node] = phone.step()
        return self.try_door(door, partial(self.show, door, phone.code(), who))

    def act_l(self) -> dict[str, int]:
        """Broker, service, node and gate-io die, each during a passage, and come back."""
        house = NODES[1].node
        opened = 0
        for name, door, role in (
            ("broker", GATE, "still"),
            ("sync", UNIT, "still"),
            (f"gate-io-{house}", GATE, "code"),
        ):
            self.world.kill(name)
            self.tell(f"  {name} is dead")
            decided = self.fresh_code(door, self.world.guests[role].phone, role)
            opened += decided["type"] == "access.granted"
            self.world.revive(name)
        opened += self._node_dies_in_a_passage(house)
        wait_until(self.world.receipted, within_s=60, what="everybody is back")
        return {"opened_during_faults": opened}

    def _node_dies_in_a_passage(self, house: str) -> bool:
        """Granted, the door is opened, and the node is killed: gate-io ends the pulse, the node reads the door again."""
        before = len(self.decisions(UNIT))
        phone = self.world.guests["code"].phone
        wait_until(
            lambda: phone.step() > phone.shown_at.get(house, 0),
            within_s=32,
            what="the next code",
            every_s=0.2,
        )
        self.show(UNIT, phone.code(), "guest")
        granted = self.outcome(UNIT, before)["type"] == "access.granted"
        self.world.kill(house)
        self.tell(f"  {house} is dead in the middle of a passage")
        time.sleep(0.5)
        self.world.revive(house)
        plan = next(plan for plan in NODES if plan.node == house)
        wait_until(lambda: self.world.serving(plan), within_s=60, what=f"{house} serves again")
        self._closed(UNIT)
        return granted
