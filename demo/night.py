"""The further acts of the evening: who arrives without papers, what is taken back, and what the guard does."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from demo import count, outside
from demo.acts import WALK_S, Evening
from demo.browsers import (
    command,
    declare,
    guard_of,
    link_for,
    new_pin,
    phone_of,
    press,
    prove,
    read_notice,
    say_booking,
)
from demo.people import HOUR_S, Guest, Phone, local_time
from demo.stage import Cue, wait_until
from demo.world import GATE, NODES, ROOM, UNIT, DoorPlan
from edge.ports import Point

CODE_STEP_S = 30.0
HOUSE = NODES[1].node
ARMED_S = 30.0  # generous: measured well under a second where the node is online
MENDED_S = 90.0  # a node that was cut off finds out, waits its turn, and comes back
AFTER_THE_FIRST_STAY_S = 3 * HOUR_S  # the evening's doors move their clocks; nobody waits so long


class Night(Evening):
    """The acts after midnight, on the same ground; act l is in ``Mishaps``."""

    # --- what these acts are made of --------------------------------------------------------------------------

    def next_code(self, door: DoorPlan, phone: Phone) -> str:
        """A code that was not shown at this node before; a code lives for thirty seconds, so sometimes it waits."""
        wait_until(
            lambda: phone.step() > phone.shown_at.get(door.node, 0),
            within_s=CODE_STEP_S + 2,
            what="the phone's next code",
            every_s=0.2,
        )
        phone.shown_at[door.node] = phone.step()
        return phone.code()

    def fresh_code(self, door: DoorPlan, phone: Phone, who: str) -> dict[str, Any]:
        """Show such a code, go through if it opens, and tell the decision."""
        before = phone.shown_at.get(door.node, 0)
        decided = self.try_door(door, partial(self.show, door, self.next_code(door, phone), who))
        if decided["type"] == "access.denied":
            phone.shown_at[door.node] = before  # not used up: the same code may open once the reason is gone
        return decided

    def opens(self, door: DoorPlan, role: str) -> int:
        """1 when this guest's code opens this door now."""
        return int(self.fresh_code(door, self.world.guests[role].phone, role)["type"] == "access.granted")

    def make_pin(self, role: str) -> str:
        """The digits of this guest, once every node online knows them."""
        with phone_of(self.world) as phone:
            pin = new_pin(phone, self.tokens[role])
        wait_until(self.world.receipted, within_s=ARMED_S, what="the PIN's arrival at the doors", every_s=0.2)
        return pin

    def type_pin(self, door: DoorPlan, pin: str) -> int:
        """1 when these digits, typed at the door's screen, open it."""
        decided = self.try_door(door, partial(self.world.type_at, door, pin))
        return int(decided["type"] == "access.granted")

    @contextmanager
    def disturbed(self) -> Iterator[None]:
        """What is recorded in here says nothing about how fast an undisturbed evening is."""
        before = self._keys()
        yield
        self.amid_faults |= self._keys() - before

    def _keys(self) -> set[tuple[str, str, int]]:
        return {
            event.key
            for plan in self.world.nodes
            for event in count.ledger(Path(plan.node, "data/events.db"), plan.node)
        }

    def move_clock(self, node: str, offset_s: float, *, synchronised: bool = True) -> None:
        """Move a node's time of day, and wait until it judges its clock as it should."""
        file = Path(node, "clock.json")
        hidden = file.with_suffix(".new")
        hidden.write_text(json.dumps({"offset_ms": int(offset_s * 1000), "synchronised": synchronised}))
        hidden.rename(file)
        wanted = "TRUSTED" if synchronised else "UNTRUSTED"
        wait_until(
            lambda: self.status(node)["clock"] == wanted, within_s=10, what=f"{node}'s clock", every_s=0.1
        )

    def status(self, node: str) -> dict[str, Any]:
        return self._ask(node, {"do": "status"})

    def wait_armed(self, guest: Guest) -> None:
        """The pass stands ARMED in every node's own book."""
        wait_until(
            lambda: all(outside.pass_state(plan.node, guest.phone.pass_id) == "ARMED" for plan in NODES),
            within_s=ARMED_S,
            what=f"{guest.title}: the pass is armed at every node",
            every_s=0.05,
        )

    # --- arriving ---------------------------------------------------------------------------------------------

    def act_g(self) -> dict[str, int]:
        """Refused in act e, she scans the code on the door's screen, says her booking, and the guard sends her a link."""
        guest = self.world.guests["unregistered"]
        with phone_of(self.world) as phone, guard_of(self.world) as tablet:
            say_booking(phone, GATE, guest.ref)
            self.tell("  the code on the screen scanned, the booking named")
            token = link_for(tablet, guest.ref)
            self.tokens["unregistered"] = token
            read_notice(phone, token)
            declare(phone, token, guest, guest.document)
        self.tell("  registered by phone")
        self.wait_armed(guest)
        return {"registered_at_gate": self.opens(GATE, "unregistered") + self.opens(ROOM, "unregistered")}

    def act_h(self) -> dict[str, int]:
        token, guest = self.tokens["failing"], self.world.guests["failing"]
        wrong = guest.document[:-1] + ("0" if guest.document[-1] != "0" else "1")
        with phone_of(self.world) as phone:
            read_notice(phone, token)
            for _ in range(3):
                self.tell(f"  the page says: {' '.join(declare(phone, token, guest, wrong))}")
        refused = 1 - self.opens(GATE, "failing")
        with guard_of(self.world) as tablet:
            proved = prove(tablet, guest, "seen at the gate with the card")
        self.tell("  proved by the guard, who saw the document")
        self.wait_armed(guest)
        opened = self.opens(GATE, "failing") + self.opens(ROOM, "failing")
        return {"proved_by_guard": refused * proved * opened}

    # --- changes ----------------------------------------------------------------------------------------------

    def act_i(self) -> dict[str, int]:
        with self.disturbed():
            return self._extended()

    def _extended(self) -> dict[str, int]:
        guest = self.world.guests["longer"]
        pass_id = guest.phone.pass_id
        self.world.cables[HOUSE].cut()
        self.tell("  the house's node is cut off")
        until = local_time(20)
        self.world.sync("booking", "extend", "demo", guest.ref, until, "--reason", "asked at 23:50")
        wait_until(
            lambda: outside.pass_end(NODES[0].node, pass_id) > time.time() + AFTER_THE_FIRST_STAY_S,
            within_s=ARMED_S,
            what="the gate knows",
        )
        self.tell("  extended, and the first stay runs out")
        guest.phone.ahead_s = AFTER_THE_FIRST_STAY_S
        for plan in NODES:
            self.move_clock(plan.node, AFTER_THE_FIRST_STAY_S)
        known, unknown = self.opens(GATE, "longer"), self.opens(UNIT, "longer")
        self.mend()
        wait_until(
            lambda: outside.pass_end(HOUSE, pass_id) > time.time() + AFTER_THE_FIRST_STAY_S,
            within_s=MENDED_S,
            what="the house knows",
            every_s=0.2,
        )
        after = self.opens(UNIT, "longer")
        guest.phone.ahead_s = 0
        for plan in NODES:
            self.move_clock(plan.node, 0)
        return {"extended_online": known, "extended_offline": unknown, "extended_after": after}

    def mend(self) -> None:
        self.world.cables[HOUSE].mend()
        self.tell("  the house's node is back")

    def act_j(self) -> dict[str, int]:
        if not self.world.wish.face:
            return {"erased_nodes": 0, "face_after_erase": 0, "code_after_erase": 0}
        with self.disturbed():
            return self._taken_back()

    def _taken_back(self) -> dict[str, int]:
        pass_id = self.world.guests["face"].phone.pass_id
        self.world.cables[HOUSE].cut()
        with phone_of(self.world) as phone:
            phone.post(f"/g/{self.tokens['face']}/face/remove").raise_for_status()
        wait_until(
            lambda: outside.templates(NODES[0].node, pass_id) == 0, within_s=10, what="the gate erases"
        )
        self.tell("  erased at the gate; the house, cut off, has yet to hear of it")
        by_code = self.opens(GATE, "face")
        self.mend()
        wait_until(
            lambda: outside.templates(HOUSE, pass_id) == 0,
            within_s=MENDED_S,
            what="the house erases",
            every_s=0.2,
        )
        before = self._by_face(HOUSE)
        self.walk(ROOM, Cue(self.world.clips / "WolfgangLanger_Pexels.mp4", *WALK_S), "guest")
        self._seen_to_the_end(ROOM)
        wait_until(lambda: outside.erasures_acked() >= len(NODES), within_s=30, what="both receipts")
        return {
            "erased_nodes": outside.erasures_acked(),
            "face_after_erase": self._by_face(HOUSE) - before,
            "code_after_erase": by_code,
        }

    def _by_face(self, node: str) -> int:
        events = count.ledger(Path(node, "data/events.db"), node)
        return count.tally(events, "access.granted", credential_kind="face")

    def _seen_to_the_end(self, door: DoorPlan) -> None:
        """The last one shown was seen from beginning to end."""
        clip = self.shown[-1].clip
        record = Path(door.node, f"shown-{door.camera}.jsonl")
        wait_until(
            lambda: any(line["clip"] == clip for line in count.lines(record)), within_s=30, what="the guest"
        )
        self.lane_empty(door)

    def act_m(self) -> dict[str, int]:
        guest = self.world.guests["still"]
        inside = self.opens(GATE, "still")
        self.world.sync("booking", "cancel", "demo", guest.ref, "--reason", "cancelled on the platform")
        wait_until(
            lambda: outside.pass_state(NODES[0].node, guest.phone.pass_id) != "ARMED",
            within_s=ARMED_S,
            what="the gate knows",
        )
        self.tell("  cancelled; the guest, inside, asks for the way out")
        presses = self._ways_out()
        self.move(GATE, Point.REX, True)
        self.move(GATE, Point.REX, False)
        wait_until(lambda: self._ways_out() > presses, within_s=15, what="the way out")
        self.pass_through(GATE)
        return {
            "cancelled_out": inside * (self._ways_out() - presses),
            "cancelled_back_in": self.opens(GATE, "still"),
        }

    def _ways_out(self) -> int:
        return sum(
            body["type"] == "access.granted" and body.get("credential_kind") == "rex"
            for body in self.facts(GATE)
        )

    # --- the guard --------------------------------------------------------------------------------------------

    def act_k(self) -> dict[str, int]:
        """Shut again, the door's case still asks for eyes; whoever settles it is not who closes it."""
        case = wait_until(
            lambda: outside.case("forced", UNIT.access_point), within_s=30, what="the forced door's case"
        )
        wait_until(
            lambda: outside.case_state(case) == "RTN_UNACK", within_s=30, what="the case knows it is shut"
        )
        said = "a child ran against the door; nobody inside"
        with guard_of(self.world) as tablet:
            press(tablet, case, "acknowledge", reason=said, code="person_dealt_with")
        self.tell(f"  the guard looked: {outside.case_state(case)}")
        press(self.world.http, case, "verify", reason="looked at the door")
        self.tell(f"  another person checked: {outside.case_state(case)}")
        return {"case_closed": int(outside.case_state(case) == "CLOSED")}

    def act_n(self) -> dict[str, int]:
        before = self._openings(UNIT)
        with guard_of(self.world) as tablet:
            command(tablet, UNIT, "release", "delivery with a trolley")
        wait_until(lambda: self._openings(UNIT) > before, within_s=15, what="the lock moves")
        self.tell(f"  {UNIT.name_en}: released by the guard")
        self.pass_through(UNIT)
        return {"released_by_guard": self._openings(UNIT) - before}

    def _openings(self, door: DoorPlan) -> int:
        return sum(
            line["event"] == "energise" for line in count.lines(Path(door.node, f"lock-{door.camera}.jsonl"))
        )
