"""A gate node on its own, cut off from everything: real pictures, real lock process, real ledger."""

import sqlite3
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the rig is not a test and not a package

from node_rig import NodeRig, Phone, pass_row

from cloud_sync.protocol import chain
from demo import count
from demo.stage import Cue, wait_until
from edge.drivers.inputs.simulated import set_point
from edge.errors import GateError
from edge.ports import Point

pytestmark = pytest.mark.clips


@pytest.fixture
def rig(tmp_path_factory, clips):
    # A socket's path may have 107 bytes; pytest's own folders are longer.
    return NodeRig(tmp_path_factory.mktemp("n"), clips)


def guest(clips, start_s, end_s):
    return Cue(clips / "WolfgangLanger_Pexels.mp4", start_s, end_s)


@pytest.mark.story("1a", "42b")
def test_a_guest_enrols_enters_by_face_and_a_stranger_does_not(rig, clips):
    rig.put_passes(pass_row("p-face"))
    with rig:
        wait_until(lambda: rig.door().get("face") == "on", within_s=90, what="the face engine")
        shown = rig.stage.enter(guest(clips, 3.5, 14.4), "enrolling")
        assert (
            rig.ask({"do": "enrol_camera", "pass_id": "p-face", "access_point": "AP-t-001"})["pictures"] == 3
        )
        rig.stage.leave(shown)
        rig.lane_is_empty()
        rig.stage.enter(guest(clips, 15.7, 18.6), "face")
        granted = rig.wait_event("access.granted")
        assert (granted["credential_kind"], granted["pass_id"]) == ("face", "p-face")
        rig.stage.enter(Cue(clips / "noface_face.mov", 3.6, 6.3), "stranger")
        denied = rig.wait_event("access.denied")
        assert (denied["reason"], denied.get("pass_id")) == ("CredentialNotFound", None)
        rig.wait_event("access.not_taken")
    assert rig.lock_moves() == ["energise", "de-energise"]
    assert count.photos([rig.folder], but=[rig.folder / "stage"]) == []


def test_the_one_who_just_enrolled_is_not_let_in_by_the_same_pictures(rig, clips):
    rig.put_passes(pass_row("p-face"))
    with rig:
        wait_until(lambda: rig.door().get("face") == "on", within_s=90, what="the face engine")
        rig.stage.enter(guest(clips, 6, 14.4), "enrolling")
        rig.ask({"do": "enrol_camera", "pass_id": "p-face", "access_point": "AP-t-001"})
        rig.lane_is_empty()
    assert rig.events("access.granted") == []


@pytest.mark.story("2c", "40c")
def test_without_consent_nobody_is_enrolled_and_the_code_still_opens(rig):
    phone = Phone()
    rig.put_passes(pass_row("p-code", phone, prereq=7))
    with rig:
        with pytest.raises(GateError, match="no current consent for face access"):
            rig.ask({"do": "enrol_camera", "pass_id": "p-code", "access_point": "AP-t-001"})
        rig.stage.show_code(phone.code(), "guest")
        assert rig.wait_event("access.granted")["credential_kind"] == "qr"


def test_erased_means_gone_from_the_disk_and_from_the_next_look(rig, clips):
    rig.put_passes(pass_row("p-face"))
    with rig:
        wait_until(lambda: rig.door().get("face") == "on", within_s=90, what="the face engine")
        rig.stage.enter(guest(clips, 3.5, 14.4), "enrolling")
        rig.ask({"do": "enrol_camera", "pass_id": "p-face", "access_point": "AP-t-001"})
        assert rig.door()["gallery_n"] == 1
        assert rig.ask({"do": "erase", "pass_id": "p-face"}) == {"erased": 1}
        assert rig.door()["gallery_n"] == 0
    with sqlite3.connect(rig.folder / "data" / "gallery.db") as db:
        assert db.execute("select count(*) from template").fetchone() == (0,)
    db.close()


def test_with_face_switched_off_the_code_has_the_same_door(tmp_path_factory, clips):
    rig, phone = NodeRig(tmp_path_factory.mktemp("n"), clips, face=False), Phone()
    rig.put_passes(pass_row("p-code", phone))
    with rig:
        assert rig.door()["face"] == "off"
        rig.stage.show_code(phone.code(), "guest")
        assert rig.wait_event("access.granted")["credential_kind"] == "qr"
        rig.wait_event("access.not_taken")
    assert rig.lock_moves() == ["energise", "de-energise"]


def test_a_node_with_an_empty_sealing_key_and_a_ruined_book_of_peers_says_so_and_opens_by_code(
    tmp_path_factory, clips
):
    rig, phone = NodeRig(tmp_path_factory.mktemp("n"), clips, face=False), Phone()
    rig.put_passes(pass_row("p-code", phone))
    (rig.folder / "data" / "sealing.key").write_bytes(b"")
    (rig.folder / "data" / "peers.db").write_bytes(b"no database")
    with rig:
        assert "peers.db" in rig.ask({"do": "status"})["faults"][0]
        rig.stage.show_code(phone.code(), "guest")
        assert rig.wait_event("access.granted")["pass_id"] == "p-code"


def test_a_taken_passage_a_way_out_and_a_forced_door(rig):
    phone = Phone()
    rig.put_passes(pass_row("p-code", phone))
    with rig:
        rig.stage.show_code(phone.code(), "guest")
        rig.wait_event("access.granted")
        rig_socket = rig.folder / "rig.sock"
        set_point(rig_socket, "AP-t-001", Point.CONTACT, True)
        assert rig.wait_event("access.taken")["pass_id"] == "p-code"
        set_point(rig_socket, "AP-t-001", Point.CONTACT, False)
        rig.wait_event("door.closed")
        set_point(rig_socket, "AP-t-001", Point.REX, True)
        set_point(rig_socket, "AP-t-001", Point.REX, False)
        out = rig.wait_event("access.granted", n=2)
        assert (out["credential_kind"], out["direction"], out.get("subject_ref")) == ("rex", "out", None)
        wait_until(lambda: rig.lock_moves()[-1] == "de-energise", within_s=40, what="the way out is over")
        rig.wait_event("access.not_taken")
        set_point(rig_socket, "AP-t-001", Point.CONTACT, True)
        assert rig.wait_event("door.forced")["door_result"] == "forced"


def test_a_screenshot_of_a_code_is_refused_after_the_rotation(rig):
    phone = Phone()
    rig.put_passes(pass_row("p-code", phone))
    with rig:
        at_s = time.time()
        rig.stage.show_code(phone.code(at_s=at_s), "guest")
        rig.wait_event("access.granted")
        rig.wait_event("access.not_taken")
        rig.stage.show_code(phone.code(at_s=at_s - 30), "screenshot")
        assert rig.wait_event("access.denied")["reason"] == "x:CodeReplayed"


@pytest.mark.story("1c")
def test_killed_in_the_middle_of_a_passage_it_comes_back_with_its_chain(rig):
    phone = Phone()
    rig.put_passes(pass_row("p-code", phone))
    with rig:
        rig.stage.show_code(phone.code(), "guest")
        rig.wait_event("access.granted")
        rig._programs[-1].kill()
        rig._programs.pop().wait()
        wait_until(
            lambda: rig.lock_moves()[-1] == "de-energise",
            within_s=40,
            what="gate-io ends the pulse by itself",
        )
        rig.start(
            "-c", "from edge.cli import main; main()", "run", "--config", str(rig.config), log="node.log"
        )
        wait_until(
            lambda: rig.door().get("mode") == "LOCKED" and rig.door()["camera"] == "OK",
            within_s=120,
            what="the node is back",
        )
        rig.stage.show_code(phone.code(at_s=time.time() + 30), "guest again")
        rig.wait_event("access.granted", n=2)
    with sqlite3.connect(rig.folder / "data" / "events.db") as db:
        (epoch,) = db.execute("select epoch from meta").fetchone()
        rows = db.execute("select seq, d, h from event order by seq").fetchall()
    db.close()
    assert chain.first_break("n1", epoch, rows) is None
