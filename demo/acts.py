"""What happens this evening, act by act.  The acts only show things to cameras and move doors; they decide nothing.

A *twist* changes one input of one act (another face, another key, an open window …); a test plays the evening with
all twists and sees every outcome flip.
"""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from demo import count
from demo.people import Guest, Phone
from demo.stage import Cue, wait_until
from demo.world import GATE, NODES, ROOM, UNIT, DoorPlan, World
from edge.core.events import AccessPointId
from edge.drivers.inputs.simulated import set_point
from edge.ports import Point
from edge.runtime import control

OUTCOME_S = 90.0
THROUGH_S = 0.8  # one person through an open door
# The walking guest is enrolled in one part of a clip and walks in another, seconds and many expressions later.
ENROL_S = (3.5, 14.4)  # looks ahead, then a little to one side; never to the other, and is taken as they look
WALK_S = (15.7, 18.7)
STRANGER_S = (3.65, 6.3)
CONSENT_TEXT = "face_access"
CONSENTING = ("face", "still", "many", "twin", "double")
COMPARE_TEXT = "face_lookalike"
COMPARED = ("twin", "double")  # who agreed to be compared with others who agreed

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Shown:
    """Somebody in front of a camera, as the camera's own record will name it."""

    door: DoorPlan
    clip: str


@dataclass
class Evening:
    """The acts' shared ground."""

    world: World
    tell: Tell
    twists: frozenset[str] = frozenset()
    pause_s: float = 0.0
    shown: list[Shown] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)  # each guest's link
    amid_faults: set[tuple[str, str, int]] = field(default_factory=set)  # recorded while something was broken

    # --- before the first act ---------------------------------------------------------------------------------

    def check_in(self) -> None:
        """Everybody's phone gets its code key, and who wants to enter by face consents and is enrolled."""
        world = self.world
        for role, guest in world.guests.items():
            token = world.guest_link(guest)
            self.tokens[role] = token
            self.bind_phone(guest, token)
            if world.wish.face and role in CONSENTING:
                self.consent(token)
            if world.wish.face and role in COMPARED:
                self.consent(token, COMPARE_TEXT)
        wait_until(world.receipted, within_s=60, what="every node's receipt for the passes")
        if world.wish.face:
            self._enrol()

    def bind_phone(self, guest: Guest, token: str) -> None:
        answer = self.world.http.post(
            f"/api/v1/guest/{token}/code-key",
            json={"public_key": base64.b64encode(guest.phone.public).decode()},
        )
        bound = answer.raise_for_status().json()
        guest.phone.credential = bytes.fromhex(bound["credential"])
        guest.phone.pass_id = bound["pass_id"]

    def consent(self, token: str, purpose: str = CONSENT_TEXT) -> None:
        version = json.loads(Path(NODES[0].node, "join.json").read_text())["consent_texts"][purpose]
        wish = {"purpose": purpose, "text_version": version, "language": "zh", "channel": "link"}
        self.world.http.post(f"/api/v1/guest/{token}/consents", json=wish).raise_for_status()

    def _enrol(self) -> None:
        """The walking guest at two cameras, another guest from photos; with twists, somebody else in their place."""
        guests = self.world.guests
        for plan, door in ((NODES[0], GATE), (NODES[1], ROOM)):
            if "a" in self.twists:
                self._enrol_photos(plan.node, guests["face"], "obama.jpg", "obama2.jpg")
            else:
                self._enrol_walker(plan.node, door, guests["face"])
        stills = ("single_face.jpg",) if "c" in self.twists else ("obama.jpg", "obama2.jpg")
        self._enrol_photos(NODES[0].node, guests["still"], *stills)

    def _enrol_walker(self, node: str, door: DoorPlan, guest: Guest) -> None:
        cue = Cue(self.world.clips / "WolfgangLanger_Pexels.mp4", *ENROL_S)
        shown = self.world.stages[door.access_point].enter(cue, "enrolling")
        self._ask(
            node, {"do": "enrol_camera", "pass_id": guest.phone.pass_id, "access_point": door.access_point}
        )
        self.world.stages[door.access_point].leave(shown)
        self.lane_empty(door)

    def _enrol_photos(self, node: str, guest: Guest, *names: str) -> None:
        photos = [f"--photo={self.world.clips / name}" for name in names]
        self.world.node_command(node, "enrol", "--pass", guest.phone.pass_id, *photos)

    def _ask(self, node: str, question: dict[str, Any]) -> dict[str, Any]:
        return control.ask(Path(node, "data/control.sock"), question)

    # --- what an act is made of -------------------------------------------------------------------------------

    def walk(self, door: DoorPlan, cue: Cue, who: str) -> None:
        clip = self.world.stages[door.access_point].enter(cue, who)
        self.shown.append(Shown(door, clip))

    def show(self, door: DoorPlan, text: str, who: str) -> None:
        clip = self.world.stages[door.access_point].show_code(text, who)
        self.shown.append(Shown(door, clip))

    def outcome(self, door: DoorPlan, since: int) -> dict[str, Any]:
        """The next decision at this door after ``since`` of them, from the node's own ledger."""

        def decided() -> list[dict[str, Any]]:
            self.world.alive()
            return self.decisions(door)[since:]

        return wait_until(decided, within_s=OUTCOME_S, what=f"a decision at {door.name_en}")[0]

    def decisions(self, door: DoorPlan) -> list[dict[str, Any]]:
        kinds = ("access.granted", "access.denied")
        return [
            body
            for body in self.facts(door)
            if body["type"] in kinds and body.get("credential_kind") != "rex"
        ]

    def facts(self, door: DoorPlan) -> list[dict[str, Any]]:
        return [
            event.body
            for event in count.ledger(Path(door.node, "data/events.db"), door.node)
            if event.body.get("access_point") == door.access_point
        ]

    def move(self, door: DoorPlan, point: Point, level: bool) -> None:
        set_point(Path(door.node, f"rig-{door.camera}.sock"), AccessPointId(door.access_point), point, level)

    def pass_through(self, door: DoorPlan, clip: str = "") -> None:
        """Open the door, go through and out of the camera's picture, let it fall shut."""
        taken = sum(body["type"] == "access.taken" for body in self.facts(door))
        self.move(door, Point.CONTACT, True)
        wait_until(
            lambda: sum(body["type"] == "access.taken" for body in self.facts(door)) > taken,
            within_s=OUTCOME_S, what=f"the passage at {door.name_en}",
        )  # fmt: skip
        if clip:
            self.world.stages[door.access_point].leave(clip)
        time.sleep(THROUGH_S)
        self.move(door, Point.CONTACT, False)
        self._closed(door)

    def _closed(self, door: DoorPlan) -> None:
        wait_until(
            lambda: self._mode(door) == ("LOCKED", "closed"),
            within_s=OUTCOME_S,
            what=f"{door.name_en} is locked again",
        )

    def _mode(self, door: DoorPlan) -> tuple[str, str]:
        doors = self._ask(door.node, {"do": "status"})["doors"]
        found = next(one for one in doors if one["access_point"] == door.access_point)
        return found["mode"], found["contact"]

    def lane_empty(self, door: DoorPlan) -> None:
        """Whoever stood there has left, and the camera has shown the empty lane for a moment."""

        def empty() -> bool:
            lines = list(count.lines(Path(door.node, f"shown-{door.camera}.jsonl")))
            return (
                lines[-1]["clip"].startswith("idle")
                and time.monotonic_ns() - lines[-1]["first_ns"] > 500_000_000
            )

        wait_until(empty, within_s=OUTCOME_S, what=f"an empty picture at {door.name_en}")

    def try_door(self, door: DoorPlan, do: Callable[[], None]) -> dict[str, Any]:
        """Show something at a door, wait for the decision, and go through if it opened."""
        before = len(self.decisions(door))
        do()
        decided = self.outcome(door, before)
        opened = decided["type"] == "access.granted"
        kind, reason = decided["credential_kind"], decided["reason"]
        self.tell(f"  {door.name_en}: {'opens' if opened else 'stays shut'} ({kind}, {reason})")
        if opened:
            self.pass_through(door, self.shown[-1].clip)
        self.lane_empty(door)
        return decided

    # --- the acts ---------------------------------------------------------------------------------------------

    def play(self) -> None:
        """The first acts."""
        for title, act in (
            ("(a) a booked, registered, consenting guest walks home", self.act_a),
            ("(b) another guest enters by code", self.act_b),
            ("(c) a stranger tries", self.act_c),
            ("(d) a guest whose stay is over shows the code, and leaves", self.act_d),
            ("(e) a guest without registration shows the code", self.act_e),
            ("(f) a door is forced", self.act_f),
        ):
            self.tell(title)
            act()
            time.sleep(self.pause_s)

    def act_a(self) -> None:
        phone, cue = (
            self.world.guests["face"].phone,
            Cue(self.world.clips / "WolfgangLanger_Pexels.mp4", *WALK_S),
        )
        for door in (GATE, ROOM):
            if self.world.wish.face:
                self.try_door(door, partial(self.walk, door, cue, "guest"))
            else:
                self.try_door(door, lambda door=door: self.show(door, phone.code(), "guest"))

    def act_b(self) -> None:
        phone = self.world.guests["code"].phone
        if "b" in self.twists:
            phone.key = Phone().key
        for door in (GATE, UNIT):
            self.try_door(door, lambda door=door: self.show(door, phone.code(), "guest"))

    def act_c(self) -> None:
        if self.world.wish.face:
            self.try_door(
                GATE,
                lambda: self.walk(GATE, Cue(self.world.clips / "noface_face.mov", *STRANGER_S), "stranger"),
            )
        else:
            self.try_door(GATE, lambda: self.show(GATE, Phone().code(), "stranger"))

    def act_d(self) -> None:
        self.try_door(GATE, lambda: self.show(GATE, self.world.guests["late"].phone.code(), "late"))
        self.tell("  East gate, lane 1: the way out is asked for")
        before = sum(
            body.get("credential_kind") == "rex" and body["type"] == "access.granted"
            for body in self.facts(GATE)
        )
        self.move(GATE, Point.REX, True)
        self.move(GATE, Point.REX, False)
        wait_until(
            lambda: sum(body.get("credential_kind") == "rex" and body["type"] == "access.granted" for body in self.facts(GATE)) > before,
            within_s=OUTCOME_S, what="the way out",
        )  # fmt: skip
        self.pass_through(GATE)

    def act_e(self) -> None:
        self.try_door(
            GATE, lambda: self.show(GATE, self.world.guests["unregistered"].phone.code(), "unregistered")
        )

    def act_f(self) -> None:
        if "f" in self.twists:
            self.try_door(UNIT, lambda: self.show(UNIT, self.world.guests["still"].phone.code(), "guest"))
            return
        self.move(UNIT, Point.CONTACT, True)
        wait_until(
            lambda: any(body["type"] == "door.forced" for body in self.facts(UNIT)),
            within_s=OUTCOME_S, what="the forced door is noticed",
        )  # fmt: skip
        self.tell("  Building 12, stair 3: forced, the alarm is up")
        self.move(UNIT, Point.CONTACT, False)
        self._closed(UNIT)

    # --- after the last act -----------------------------------------------------------------------------------

    def settle(self) -> None:
        """Wait until nothing moves any more and everything recorded has been stored."""
        state: dict[str, int] = {}

        def quiet() -> bool:
            self.world.alive()
            heads = {
                plan.node: len(count.ledger(Path(plan.node, "data/events.db"), plan.node))
                for plan in self.world.nodes
            }
            stored = count.service(Path("sync/data/community.db")).rows
            same = heads == state and stored == sum(heads.values())
            state.clear()
            state.update(heads)
            time.sleep(1.0)
            return same

        wait_until(quiet, within_s=60, what="every event of every node is stored")
