"""A guest with somebody behind: filmed people, the real vision worker, and a beam that two bodies break."""

import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the rig is not a test and not a package

from node_rig import NodeRig, Phone, pass_row

from demo import count
from demo.stage import Cue, two_people, wait_until
from edge.drivers.inputs.simulated import set_point
from edge.ports import Point

pytestmark = pytest.mark.clips
DOOR = "AP-t-001"
LOOKED_NS = 1_500_000_000  # of a film before the camera: a dozen looks


class BeamRig(NodeRig):
    """A high-risk gate with a camera and a beam."""

    def __init__(self, folder: Path, clips: Path) -> None:
        super().__init__(folder, clips)
        io = folder / "io.toml"
        io.write_text(
            io.read_text().replace('wired = ["contact", "rex"]', 'wired = ["contact", "rex", "beam"]')
        )
        self.config.write_text(
            self.config.read_text().replace('kind = "gate"', 'kind = "gate"\ntailgate = "case"')
        )

    def put(self, point: Point, level: bool) -> None:
        set_point(self.folder / "rig.sock", DOOR, point, level)

    def was_looked_at(self, clip: str) -> bool:
        shown = [line for line in count.lines(self.folder / "shown.jsonl") if line["clip"].startswith(clip)]
        return bool(shown) and time.monotonic_ns() - shown[-1]["first_ns"] > LOOKED_NS

    def walk(self, film: str, bodies: int) -> None:
        """Through the open door, with this film before the camera."""
        self.put(Point.CONTACT, True)
        self.wait_event("access.taken")
        clip = self.stage.enter(Cue(self.folder / film, 0.0, 60.0), "walk").removesuffix(".cue")
        wait_until(lambda: self.was_looked_at(clip), within_s=60, what=f"{film} before the camera")
        for level in (True, False) * bodies:
            self.put(Point.BEAM, level)
        self.put(Point.CONTACT, False)
        self.wait_event("door.closed")


@pytest.mark.parametrize(
    ("people", "bodies", "flagged"), [("two", 2, True), ("one", 2, False), ("two", 1, False)]
)
def test_two_people_and_two_bodies_behind_one_code_are_a_case(
    tmp_path_factory, clips, people, bodies, flagged
):
    rig, phone = BeamRig(tmp_path_factory.mktemp("b"), clips), Phone()
    guest = Cue(clips / "WolfgangLanger_Pexels.mp4", 15.7, 18.6)
    stranger = Cue(clips / "noface_face.mov", 3.6, 6.3)
    two_people(
        guest, stranger if people == "two" else Cue(clips / "no_face.mp4", 0, 3), rig.folder / "film.y4m"
    )
    rig.put_passes(pass_row("p-code", phone))
    with rig:
        wait_until(lambda: rig.door().get("face") == "on", within_s=90, what="the face engine")
        rig.stage.show_code(phone.code(), "guest")
        rig.wait_event("access.granted")
        rig.walk("film.y4m", bodies)
        flags = [event.body for event in rig.events("access.tailgate")]
    assert [(flag["x"]["cues"], flag["x"]["people"], flag.get("pass_id")) for flag in flags] == (
        [("count,body", 2, None)] if flagged else []
    )
    assert len(rig.events("door.tailgating")) == int(flagged)
    assert count.photos([rig.folder], but=[rig.folder / "stage", rig.folder / "film.y4m"]) == []
