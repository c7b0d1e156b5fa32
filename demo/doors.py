"""Acts t to z: what a door does when a person, a fire, a power cut or its own lock misbehaves."""

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from cloud_sync.core.codes import listing_code
from demo import count, outside
from demo.browsers import command, guard_of, press
from demo.building4 import LOCK, Building4
from demo.faces import Faces
from demo.night import HOUSE
from demo.people import csv_files
from demo.stage import Cue, two_people, wait_until
from demo.world import ADMIN, GATE, HOUSE4, LANE, LISTING_BODY, ROOM4, SIDE, UNIT, DoorPlan
from edge.errors import GateError, HardwareError
from edge.ports import Point

SOON_S = 75.0
CARD_BITS, CARD_HEX = 32, "5A3C19E7"
CARD_NUMBER = CARD_HEX  # as it is printed on the card
TRIES, AGAIN_S = 6, 4.0  # a person holds a card up again; a busy machine can lose a reader for a second
CAR_STANDS_S = 7.0  # a grant lasts five
LOOKED_NS = 1_500_000_000  # of a film before the camera: a dozen looks
HELD_S = 40.0  # a gate may stand open for fifteen seconds before anybody is told


class Doors(Faces):
    """The whole evening; every act leaves its doors locked and quiet."""

    def play_doors(self) -> dict[str, int]:
        """Acts t to z; each gives what the report counts of it."""
        told: dict[str, int] = {}
        self.building = Building4(self.world)
        try:
            self._wire_building4()
            return told | self._play_doors(told)
        finally:
            self.building.close()

    def _play_doors(self, told: dict[str, int]) -> dict[str, int]:
        for title, act in (
            ("(t) somebody walks in behind a guest", self.act_t),
            ("(u) luggage holds a door open", self.act_u),
            ("(v) fire at building 4: it opens by itself, and a person ends it", self.act_v),
            ("(w) the power fails while a door stands open", self.act_w),
            ("(x) a door is locked down, and a guest inside still gets out", self.act_x),
            ("(y) building 4: a card, a PIN at the keypad, and a car", self.act_y),
            ("(z) a room's bolt jams", self.act_z),
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

    # --- building 4 -------------------------------------------------------------------------------------------

    def _wire_building4(self) -> None:
        """Its doors join, and one guest gets a room, a parking lane, a PIN and a card there."""
        self.tell(
            "building 4 joins: a reader and a barrier's reader on OSDP, a Modbus board, a lock on Zigbee"
        )
        self.building.open()
        driver = self.world.guests["driver"]
        way = {driver.room: [door.access_point for door in (GATE, SIDE, LANE, ROOM4)]}
        self.world.bring(
            "listings", csv_files({"driver": driver}, listing_code(*LISTING_BODY), way)["listings"]
        )
        wait_until(self._can_open_its_room, within_s=60, what="the driver's pass at building 4", every_s=0.2)
        self.pin = self.make_pin("driver")
        self.world.sync("card", "add", driver.phone.pass_id, typed=CARD_NUMBER + "\n")
        wait_until(self._has_a_card, within_s=60, what="the card at building 4", every_s=0.2)

    def _can_open_its_room(self) -> bool:
        row = outside.book(HOUSE4.node).get(self.world.guests["driver"].phone.pass_id)
        return row is not None and ROOM4.access_point in row.scope and row.state == "ARMED"

    def _has_a_card(self) -> bool:
        row = outside.book(HOUSE4.node).get(self.world.guests["driver"].phone.pass_id)
        return row is not None and "card" in {cred.kind for cred in row.creds}

    def decided(self, door: DoorPlan, do: Callable[[], None]) -> dict[str, Any]:
        """What this door decides about what is done."""
        before = len(self.decisions(door))
        do()
        body = self.outcome(door, before)
        opened = "granted" if body["type"] == "access.granted" else "refused"
        self.tell(f"  {door.name_en}: {opened} ({body['credential_kind']}, {body['reason']})")
        return body

    def held_up(self, door: DoorPlan, do: Callable[[], None]) -> dict[str, Any]:
        """As ``decided`` for something held to a reader: who is not answered, or told to wait for the lock, does it again."""
        before = len(self.decisions(door))
        for _ in range(TRIES):
            do()
            with suppress(TimeoutError):
                wait_until(
                    lambda before=before: len(self.decisions(door)) > before,
                    within_s=AGAIN_S,
                    what="an answer",
                    every_s=0.1,
                )
                body = self.decisions(door)[-1]
                if body["reason"] != "x:LockSilent":
                    self.tell(
                        f"  {door.name_en}: {body['decision']} ({body['credential_kind']}, {body['reason']})"
                    )
                    return body
                before = len(self.decisions(door))
        raise TimeoutError(f"{door.name_en} did not answer {TRIES} times")

    def act_y(self) -> dict[str, int]:
        """Everything here goes over real wires: the reader, the relay and the beam are programs of their own."""
        by_card = self._through_the_side(lambda: self.building.side.tell(f"card {CARD_BITS} {CARD_HEX}"))
        by_pin = self._through_the_side(lambda: self.building.side.tell(f"keys {self.pin}#"))
        stranger = self.held_up(SIDE, lambda: self.building.side.tell("card 26 00000040"))
        return {
            "osdp_card": by_card,
            "osdp_pin": by_pin,
            "osdp_stranger": int(stranger["type"] == "access.granted"),
        } | self._through_the_lane()

    def _through_the_side(self, show: Callable[[], None]) -> int:
        before, taken = self.building.side_released(), self.told(SIDE, "access.taken")
        self.held_up(SIDE, show)
        wait_until(
            lambda: self.building.side_released() > before,
            within_s=SOON_S,
            what="the module's output",
            every_s=0.05,
        )
        self.building.put(SIDE.access_point, 0, True)
        self.wait_told(SIDE, "access.taken", taken + 1)
        self.building.put(SIDE.access_point, 0, False)
        self._closed(SIDE)
        return self.told(SIDE, "access.taken") - taken

    def _through_the_lane(self) -> dict[str, int]:
        """The car stands in the beam for longer than a grant lasts; the arm does not come down on it."""
        building, taken = self.building, self.told(LANE, "access.taken")
        self.held_up(LANE, lambda: building.lane.tell(f"card {CARD_BITS} {CARD_HEX}"))
        wait_until(building.coil_on, within_s=SOON_S, what="the barrier's coil", every_s=0.05)
        building.put(LANE.access_point, 0, True)
        building.put(LANE.access_point, 2, True)
        self.wait_told(LANE, "access.taken", taken + 1)
        time.sleep(CAR_STANDS_S)
        waited = int(building.coil_on())
        self.tell(
            f"  the car stands in the beam for {CAR_STANDS_S:.0f} s: the arm stays {'up' if waited else 'DOWN'}"
        )
        building.put(LANE.access_point, 2, False)
        wait_until(lambda: not building.coil_on(), within_s=SOON_S, what="the barrier closes", every_s=0.05)
        building.put(LANE.access_point, 0, False)
        self._closed(LANE)
        return {"barrier": self.told(LANE, "access.taken") - taken, "barrier_waited": waited}

    # --- a jammed bolt ----------------------------------------------------------------------------------------

    def act_z(self) -> dict[str, int]:
        """The lock says itself that it is stuck: nobody is told to go in, staff are, and the next try opens."""
        jammed, taken = self.told(ROOM4, "door.jammed"), self.told(ROOM4, "access.taken")
        self.building.locks.tell(f"jam {LOCK}")
        self.decided(ROOM4, partial(self.world.type_at, ROOM4, self.pin))
        self.wait_told(ROOM4, "door.jammed", jammed + 1)
        self.tell("  the bolt is jammed; the guard is told")
        self.building.locks.tell(f"unjam {LOCK}")
        self.wait_told(ROOM4, "door.bolt_free", 1, 60)
        opened = self.decided(ROOM4, partial(self.world.type_at, ROOM4, self.pin))
        self.wait_told(ROOM4, "access.taken", taken + 1)
        last = [body for body in self.facts(ROOM4) if body["type"] == "access.taken"][-1]
        self.wait_mode(ROOM4, "LOCKED")
        wait_until(lambda: self.building.bolt() == "locked", within_s=SOON_S, what="the bolt", every_s=0.1)
        return {
            "jammed": self.told(ROOM4, "door.jammed") - jammed,
            "room_after_jam": int(
                opened["type"] == "access.granted" and last["x"]["confidence"] == "assumed"
            ),
            "jam_closed": self.settle_case("jammed", ROOM4, "oiled the bolt"),
        }

    # --- a tailgater ------------------------------------------------------------------------------------------

    def act_t(self) -> dict[str, int]:
        """One code, two people in the picture, two bodies in the beam: nobody is held up, and somebody looks."""
        if not self.world.wish.face:
            return {"tailgated": 0, "tailgate_case": 0}
        clip = Path("stage/tailgate.y4m").absolute()
        # Neither of the two has a face that opens this door: whoever is named gets a grant, and is no tailgater.
        two_people(self.stranger, self.stranger, clip)
        flagged = self.told(GATE, "access.tailgate")
        self.enters(GATE, "many")
        self.walk(GATE, Cue(clip, 0.0, 60.0), "behind")
        wait_until(partial(self._was_looked_at, GATE), within_s=SOON_S, what="two people before the camera")
        for level in (True, False, True, False):
            self.move(GATE, Point.BEAM, level)
        self.move(GATE, Point.CONTACT, False)
        self._closed(GATE)
        self.wait_told(GATE, "door.tailgating", 1)
        self._seen_to_the_end(GATE)
        self.tell("  one pass, two people: written down, and a case for eyes")
        return {
            "tailgated": self.told(GATE, "access.tailgate") - flagged,
            "tailgate_case": int(
                bool(
                    wait_until(
                        lambda: outside.case("tailgate_rate", GATE.access_point), within_s=30, what="the case"
                    )
                )
            ),
        }

    def _was_looked_at(self, door: DoorPlan) -> bool:
        clip = self.shown[-1].clip
        seen = [
            line
            for line in count.lines(Path(door.node, f"shown-{door.camera}.jsonl"))
            if line["clip"] == clip
        ]
        return bool(seen) and time.monotonic_ns() - seen[-1]["first_ns"] > LOOKED_NS

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
        """The panel's contact opens reader door and barrier at once, without the node; nobody ends it while it burns."""
        with self.disturbed():
            return self._fire()

    def _fire(self) -> dict[str, int]:
        building, doors = self.building, (SIDE, LANE)
        before, resets = building.side_released(), sum(self.told(door, "fire.reset") for door in doors)
        self.world.kill(HOUSE4.node)
        self.tell("  the node is dead; gate-io is not")
        since = time.monotonic()
        building.put(SIDE.access_point, 2, True)
        wait_until(
            lambda: building.side_released() > before and building.coil_on(),
            within_s=5,
            what="fire",
            every_s=0.01,
        )
        self.tell(f"  reader door and barrier free after {(time.monotonic() - since) * 1e3:.0f} ms")
        self.bring_back(HOUSE4.node)
        for door in doors:
            self.wait_mode(door, "LOCKED_OPEN")
        early = self._reset()
        building.put(SIDE.access_point, 2, False)
        self.tell("  the alarm is over; the doors stay open until somebody turns the key")
        wait_until(self._reset, within_s=SOON_S, what="the reset", every_s=0.3)
        for door in doors:
            self.wait_mode(door, "LOCKED")
        wait_until(lambda: not building.coil_on(), within_s=SOON_S, what="the barrier closes", every_s=0.05)
        wait_until(self.world.receipted, within_s=60, what="building 4 is back", every_s=0.2)
        return {
            "fire_released": len(doors),
            "fire_reset_while_burning": int(early),
            "fire_reset": sum(self.told(door, "fire.reset") for door in doors) - resets,
            "evacuated": self._evacuated(),
        }

    def _evacuated(self) -> int:
        """The guard opens the lane from the page for everybody to leave, gate-io falls meanwhile, and it stays open."""
        with guard_of(self.world) as tablet:
            command(tablet, LANE, "lockopen", "the fire brigade needs the lane")
            self.wait_mode(LANE, "LOCKED_OPEN")
            wait_until(self.building.coil_on, within_s=SOON_S, what="the barrier opens", every_s=0.05)
            self.world.kill(f"gate-io-{HOUSE4.node}")
            self.world.revive(f"gate-io-{HOUSE4.node}")
            wait_until(lambda: self._lock(LANE) == "OK", within_s=SOON_S, what="gate-io is back", every_s=0.1)
            wait_until(self.building.coil_on, within_s=SOON_S, what="the latch is back", every_s=0.05)
            self.tell("  evacuated by the guard; gate-io fell and came back, and the lane is open still")
            command(tablet, LANE, "lockopen_release", "they have gone")
        self.wait_mode(LANE, "LOCKED")
        wait_until(
            lambda: not self.building.coil_on(), within_s=SOON_S, what="the barrier closes", every_s=0.05
        )
        return self.told(LANE, "door.evacuate")

    def _lock(self, door: DoorPlan) -> str:
        doors = self.status(door.node)["doors"]
        return str(next(one["lock"] for one in doors if one["access_point"] == door.access_point))

    def _reset(self) -> bool:
        """A technician ends the release, standing before the doors; whether it ended."""
        try:
            self.world.node_command(HOUSE4.node, "reset-fire", "--by", "technician-2")
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
