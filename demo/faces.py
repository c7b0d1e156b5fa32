"""The evening's acts about faces: one among a thousand, two who look alike, two people before one camera."""

import json
import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.progress import track

from cloud_sync.core.codes import listing_code
from demo import count, outside
from demo.acts import CONSENT_TEXT, STRANGER_S, WALK_S
from demo.crowd import books_of, common_part, consent, crowd, made_faces
from demo.mishaps import Mishaps
from demo.night import HOUSE
from demo.people import LISTING_TAKES, Guest, csv_files
from demo.stage import Cue, two_people, wait_until
from demo.world import GATE, LISTING_BODY, ROOM, UNIT, program
from models.plugins import open_face_engine

CROWD = int(os.environ.get("CROWD") or 1000)
SEED = 7
QUIET = not sys.stdout.isatty()
ATTACK_S = 10.0  # named within a second, asked for six
ARRIVED_S = (
    90.0  # a template crosses the bus twice and waits for the jobs' next beat, on a machine that may be busy
)
PRESENT_S = 300.0  # a thousand passes made, signed, sent and receipted
STILLS = ("obama.jpg", "biden.jpg", "single_face.jpg")
ALIKE = "single_face.jpg"  # the person of the stranger's clip


class Faces(Mishaps):
    """Acts o to s, after the night."""

    def play_faces(self) -> dict[str, int]:
        """Each act gives what the report counts of it."""
        told: dict[str, int] = {}
        for title, act in (
            (f"(o) an enrolled guest among {CROWD:,} others", self.act_o),
            ("(p) two guests who look alike are asked for a code", self.act_p),
            (
                "(q) pictures of her at the stair, which asks for signs of life",
                self.act_q,
            ),
            ("(r) the house recognises a guest who was enrolled at the gate", self.act_r),
            ("(s) two people in view, and only the nearer one is decided on", self.act_s),
        ):
            self.tell(title)
            told |= act()
            time.sleep(self.pause_s)
        return told

    @property
    def walker(self) -> Cue:
        return Cue(self.world.clips / "WolfgangLanger_Pexels.mp4", *WALK_S)

    @property
    def stranger(self) -> Cue:
        return Cue(self.world.clips / "noface_face.mov", *STRANGER_S)

    # --- one among a thousand -----------------------------------------------------------------------------------

    def act_o(self) -> dict[str, int]:
        """Everybody of the crowd may be recognised at the gate; she walks up and is named."""
        if not self.world.wish.face:
            return {"enrolled_others": 0, "granted_among_others": self.opens(GATE, "many")}
        with self.disturbed():
            others = self._invite()
        guest = self.world.guests["many"]
        self._trust_the_house()
        self._enrol_walker(GATE.node, GATE, guest)
        self.tell(f"  {others:,} others may be recognised here; {self._held():,} in all")
        decided = self.try_door(GATE, partial(self.walk, GATE, self.walker, "many"))
        named = decided["type"] == "access.granted" and decided["pass_id"] == guest.phone.pass_id
        return {
            "enrolled_others": decided["match"]["gallery_n"] - 1 if named else others,
            "granted_among_others": int(named),
        }

    def _trust_the_house(self) -> None:
        """The technician at the gate compares the fingerprint that the house showed, and lets it have faces."""
        wait_until(
            lambda: any(node["node"] == HOUSE for node in self.status(GATE.node)["faces"]["nodes"]),
            within_s=ARRIVED_S, what="the roster of nodes that may have faces",
        )  # fmt: skip
        self.world.node_command(
            GATE.node, "trust-receiver", HOUSE, "--fingerprint", self.world.fingerprints[HOUSE],
            "--by", "technician-2", "--reason", "compared at both screens",
        )  # fmt: skip

    def _invite(self) -> int:
        """Booked, registered, consenting and enrolled at the gate: how many hold a face there now."""
        guests = crowd(CROWD)
        way = {guest.room: [GATE.access_point, UNIT.access_point] for guest in guests.values()}
        before = set(outside.book(GATE.node))
        area, many = LISTING_BODY[0], -(-len(guests) // LISTING_TAKES)
        codes = [listing_code(area, f"9{n:07d}") for n in range(many)]
        for kind, text in csv_files(guests, codes, way).items():
            self.world.bring(kind, text)
            self.tell(f"  the officer's file of {len(guests):,} {kind} is in")
        self._consent(list(guests.values()))
        wait_until(
            lambda: len(self._consenting() - before) == len(guests) and self.world.receipted(),
            within_s=PRESENT_S,
            what="the crowd's passes at the doors",
            every_s=0.5,
        )
        return self._enrol_made(sorted(self._consenting() - before))

    def _consent(self, guests: Sequence[Guest]) -> None:
        version = json.loads(Path(GATE.node, "join.json").read_text())["consent_texts"][CONSENT_TEXT]
        books = books_of(Path("sync"))
        try:
            consent(
                books,
                track(guests, "the crowd consents", transient=True, disable=QUIET),
                CONSENT_TEXT,
                version,
            )
        finally:
            books.close()

    def _consenting(self) -> set[str]:
        """Passes aboard the gate's node whose holders consent to their face."""
        return {pass_id for pass_id, row in outside.book(GATE.node).items() if row.prereq & outside.CONSENTS}

    def _enrol_made(self, pass_ids: list[str]) -> int:
        engine = open_face_engine(self.world.wish.engine)
        engine.warm_up()
        common = common_part(engine, [self.world.clips / name for name in STILLS])
        faces = made_faces(engine.info, common, len(pass_ids), seed=SEED)
        engine.close()
        for pass_id, face in track(
            list(zip(pass_ids, faces, strict=True)), "the crowd is enrolled", transient=True, disable=QUIET
        ):
            self._ask(GATE.node, {"do": "enrol_template", "pass_id": pass_id, "template": face.hex()})
        return sum(outside.templates(GATE.node, pass_id) for pass_id in pass_ids)

    def _held(self) -> int:
        return int(self.status(GATE.node)["doors"][0]["gallery_n"])

    # --- two who look alike -------------------------------------------------------------------------------------

    def act_p(self) -> dict[str, int]:
        """No measure tells these two apart, which the node found out when the second enrolled; a code tells them apart at once."""
        if not self.world.wish.face:
            return {
                "alike_found": 0,
                "alike_by_face": 0,
                "alike_asked": 0,
                "alike_by_code": self.opens(GATE, "twin"),
            }
        for role in ("twin", "double"):
            self._enrol_photos(GATE.node, self.world.guests[role], ALIKE)
        decided = self.try_door(GATE, partial(self.walk, GATE, self.stranger, "twin"))
        return {
            "alike_found": count.tally(
                count.ledger(Path(GATE.node, "data/events.db"), GATE.node), "sys.lookalike"
            ),
            "alike_by_face": int(decided["type"] == "access.granted"),
            "alike_asked": int(decided["reason"] == "x:Ambiguous"),
            "alike_by_code": self.opens(GATE, "twin"),
        }

    # --- pictures of a guest ------------------------------------------------------------------------------------

    def act_q(self) -> dict[str, int]:
        """Her face, named each time; what is shown of it cannot turn as it is asked to, and the code screen comes."""
        if not self.world.wish.face:
            return {"opened_by_picture": 0, "code_beside_attack": self.opens(UNIT, "many")}
        self._wait_at_the_house()
        opened = 0
        for species in ("waved_photo", "screen_replay"):
            opened += self._show_picture(species)
        return {"opened_by_picture": opened, "code_beside_attack": self.opens(UNIT, "many")}

    def _show_picture(self, species: str) -> int:
        """1 when the door opened for it; it is held up as long as the film lasts."""
        before = len(self.decisions(UNIT))
        self.walk(UNIT, Cue(self._attack(species), 0.0, ATTACK_S), species.replace("_", "-"))
        self._seen_to_the_end(UNIT)
        decided = self.decisions(UNIT)[before:]
        for body in decided:
            self.tell(
                f"  {species}: {body['decision']} ({body['reason']} {body.get('x', {}).get('pad_why', '')})"
            )
        return int(any(body["type"] == "access.granted" for body in decided))

    def _attack(self, species: str) -> Path:
        """A film that somebody holds before the camera, made of hers by the same tool as the attack report."""
        film = Path(f"stage/{species}.y4m").absolute()
        self.world.once(
            program("gatehouse-models"), "attack-clip", "--species", species, "--clip", str(self.walker.clip),
            "--out", str(film), "--lane", str(self.world.clips / "no_face.mp4"), "--seconds", str(ATTACK_S),
            "--engine", self.world.wish.engine, folder="tmp",
        )  # fmt: skip
        return film

    def _wait_at_the_house(self) -> None:
        pass_id = self.world.guests["many"].phone.pass_id
        wait_until(
            lambda: outside.templates(HOUSE, pass_id) == 1, within_s=ARRIVED_S, what="the sealed template"
        )

    # --- enrolled at one node, known at the next ------------------------------------------------------------------

    def act_r(self) -> dict[str, int]:
        """Her template went sealed to the one node that two people let have it; her room knows her."""
        if not self.world.wish.face:
            return {"known_at_second_node": self.opens(ROOM, "many")}
        pass_id = self.world.guests["many"].phone.pass_id
        wait_until(
            lambda: outside.templates(HOUSE, pass_id) == 1, within_s=ARRIVED_S, what="the sealed template"
        )
        self.tell("  enrolled at the gate; the house holds the template too, sealed to its own key")
        decided = self.try_door(ROOM, partial(self.walk, ROOM, self.walker, "many"))
        named = decided["type"] == "access.granted" and decided["pass_id"] == pass_id
        return {"known_at_second_node": int(named)}

    # --- two people before one camera -----------------------------------------------------------------------------

    def act_s(self) -> dict[str, int]:
        """She stands at the door, somebody else behind her: one decision, and it is hers."""
        if not self.world.wish.face:
            return {"decided_of_two": self.opens(GATE, "many")}
        before = len(self.decisions(GATE))
        clip = Path(f"stage/two-{GATE.camera}.y4m").absolute()
        two_people(self.walker, self.stranger, clip)
        self.try_door(GATE, partial(self.walk, GATE, Cue(clip, 0.0, 60.0), "two"))
        self._seen_to_the_end(GATE)
        decided = self.decisions(GATE)[before:]
        guest = self.world.guests["many"].phone.pass_id
        hers = [body for body in decided if body["type"] == "access.granted" and body["pass_id"] == guest]
        return {"decided_of_two": len(decided) if len(hers) == 1 else 0}
