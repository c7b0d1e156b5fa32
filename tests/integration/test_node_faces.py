"""Whom a whole gate node decides on: look-alikes, code and face, a second enrolment.  Real pictures, real processes."""

import sqlite3
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the rig is not a test and not a package

from node_rig import NodeRig, Phone, pass_row

from demo.stage import Cue, wait_until
from edge.errors import GateError

pytestmark = pytest.mark.clips

AGREED = 15 | 32  # face, and the comparison with other guests
DOOR = "AP-t-001"


def walker(clips, start_s, end_s):
    return Cue(clips / "WolfgangLanger_Pexels.mp4", start_s, end_s)


def ready(rig):
    wait_until(lambda: rig.door().get("face") == "on", within_s=120, what="the face engine")


def enrol(rig, clips, pass_id, **more):
    shown = rig.stage.enter(walker(clips, 3.5, 14.4), "enrolling")
    rig.ask({"do": "enrol_camera", "pass_id": pass_id, "access_point": DOOR, **more})
    rig.stage.leave(shown)
    rig.lane_is_empty()


@pytest.mark.story("7a", "7b")
def test_two_who_look_alike_are_both_asked_for_the_code_and_the_code_opens(tmp_path_factory, clips):
    rig, phone = NodeRig(tmp_path_factory.mktemp("n"), clips), Phone()
    rig.put_passes(pass_row("p-one", phone, prereq=AGREED), pass_row("p-two", Phone(), prereq=AGREED))
    with rig:
        ready(rig)
        for who in ("p-one", "p-two"):
            enrol(rig, clips, who)
        told = rig.wait_event("sys.lookalike")
        assert (told["x"], told.get("pass_id"), told.get("subject_ref")) == ({"pairs": 1}, None, None)
        rig.stage.enter(walker(clips, 15.7, 18.6), "one of the two")
        denied = rig.wait_event("access.denied")
        assert (denied["reason"], denied.get("pass_id")) == ("x:Ambiguous", None)
        rig.stage.show_code(phone.code(), "guest")
        granted = rig.wait_event("access.granted")
        assert (granted["credential_kind"], granted["pass_id"]) == ("qr", "p-one")
        rig.wait_event("access.not_taken")
        rig.ask({"do": "erase", "pass_id": "p-two"})
        rig.lane_is_empty()
        rig.stage.enter(walker(clips, 15.7, 18.6), "the only one left")
        assert rig.wait_event("access.granted", n=2)["credential_kind"] == "face"
    with sqlite3.connect(rig.folder / "data" / "gallery.db") as db:
        assert db.execute("select count(*) from lookalike").fetchone() == (0,)
    db.close()


@pytest.mark.story("27e")
def test_at_a_door_of_code_and_face_the_code_brings_the_guest_to_the_look_and_the_face_opens(
    tmp_path_factory, clips
):
    rig, phone, other = NodeRig(tmp_path_factory.mktemp("n"), clips, mode="one_to_one"), Phone(), Phone()
    rig.put_passes(pass_row("p-face", phone), pass_row("p-code", other, prereq=7))
    with rig:
        ready(rig)
        enrol(rig, clips, "p-face")
        door = rig.door()
        assert (door["face_mode"], door["gallery_n"], door["expected_fpir"]) == ("one_to_one", 1, 1e-4)
        rig.stage.show_code(phone.code(), "guest")
        rig.stage.enter(walker(clips, 15.7, 18.6), "guest")
        granted = rig.wait_event("access.granted")
        assert (granted["credential_kind"], granted["match"]["gallery_n"]) == ("qr", 1)
        rig.wait_event("access.not_taken")
        rig.lane_is_empty()
        rig.stage.show_code(other.code(), "no face")
        alone = rig.wait_event("access.granted", n=2)
        assert (alone["credential_kind"], alone["pass_id"], alone.get("match")) == ("qr", "p-code", None)


def test_a_face_is_replaced_only_with_a_persons_word_and_that_is_written_down(tmp_path_factory, clips):
    rig = NodeRig(tmp_path_factory.mktemp("n"), clips)
    rig.put_passes(pass_row("p-face"))
    with rig:
        ready(rig)
        enrol(rig, clips, "p-face")
        with pytest.raises(GateError, match="approved by a person"):
            rig.ask({"do": "enrol_camera", "pass_id": "p-face", "access_point": DOOR})
        enrol(rig, clips, "p-face", by="chen", why="looks_changed")
        again = rig.wait_event("sys.enrolled", n=2)
        assert (again["actor"], again["reason"]) == ("chen", "looks_changed")
        assert rig.door()["gallery_n"] == 1
