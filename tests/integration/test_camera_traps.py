"""What network cameras do on bad days, done to a real server; the age of every picture is read out of the picture."""

import signal
import threading
import time
from itertools import pairwise

import pytest

from edge.core.clock import ClockState
from edge.drivers.cameras import rtsp
from edge.errors import CameraLost
from edge.ports import ClockReading
from edge.runtime import watch
from edge.runtime.sightings import CameraState, Told, unpack
from tests.fakes.late_wire import LateWire
from tests.fakes.rtsp_peer import RtspPeer, true_age_ms
from tests.fakes.waiting import eventually

pytestmark = [pytest.mark.alone, pytest.mark.rtsp]
AGE_MAX_MS = (
    500 + 60
)  # the rule, what the camera and the wire need, and a busy machine before our clock is read
STALL_S = 6.0
PAUSE = threading.Event()


@pytest.fixture
def peer():
    made = RtspPeer()
    yield made
    made.stop()


class Looker:
    """A consumer: the true age and the drawn time of every picture it is handed."""

    def __init__(self, camera, work_s=0.0):
        self._camera = camera
        self._work_s = work_s
        self._seq = 0
        self.ages_ms: list[int] = []
        self.taken_ms: list[int] = []
        self.lost = ""

    def look(self):
        """One round; whether a picture came."""
        try:
            frame = self._camera.newest(newer_than=self._seq, within_s=0.1)
        except CameraLost as error:
            self.lost = str(error)
            PAUSE.wait(0.02)
            return False
        if frame is None:
            return False
        now_ns = time.monotonic_ns()  # at the moment it is handed out, before anything else takes time
        age_ms = true_age_ms(frame.image, now_ns)
        self._seq, self.lost = frame.seq, ""
        self.ages_ms.append(age_ms)
        self.taken_ms.append(now_ns // 1_000_000 - age_ms)
        PAUSE.wait(self._work_s)
        return True

    def look_for(self, seconds):
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            self.look()

    def look_until_more(self, pictures):
        wanted = len(self.ages_ms) + pictures
        eventually(
            lambda: self.look() and len(self.ages_ms) >= wanted, within_s=120, what="no more pictures came"
        )

    def check(self):
        assert max(self.ages_ms) <= AGE_MAX_MS, self.ages_ms
        assert all(a < b for a, b in pairwise(self.taken_ms)), self.taken_ms


@pytest.fixture
def looker(peer):
    camera = rtsp.open_camera(url=peer.url)
    yield Looker(camera)
    camera.close()


def test_after_a_stall_no_old_picture_is_handed_out(peer, looker):
    looker.look_until_more(10)
    peer.signal(signal.SIGSTOP)
    looker.look_for(STALL_S)
    assert "no picture comes" in looker.lost or "does not answer" in looker.lost
    peer.signal(signal.SIGCONT)
    looker.look_until_more(20)
    looker.check()


def test_after_a_stall_too_short_to_break_the_connection_nothing_old_is_handed_out_either(peer, looker):
    looker.look_until_more(10)
    peer.signal(signal.SIGSTOP)
    looker.look_for(1.2)
    peer.signal(signal.SIGCONT)
    looker.look_until_more(20)
    looker.check()


@pytest.fixture
def wire(peer):
    made = LateWire(int(peer.url.split(":")[2].split("/")[0]))
    yield made
    made.cut()


def test_what_a_wire_held_back_is_thrown_away_when_it_comes_at_once(wire):
    """The connection lives through it: only the camera's own stamps tell a picture of now from one of then."""
    camera = rtsp.open_camera(url=f"rtsp://127.0.0.1:{wire.port}/gate")
    looker = Looker(camera)
    looker.look_until_more(10)
    before = camera.stale_dropped
    wire.holding.set()
    looker.look_for(1.5)
    wire.holding.clear()
    looker.look_until_more(10)
    camera.close()
    looker.check()
    assert camera.stale_dropped - before >= 10


def test_a_connection_that_begins_with_what_piled_up_begins_with_the_first_picture_of_now(wire):
    camera = rtsp.open_camera(url=f"rtsp://127.0.0.1:{wire.port}/gate")
    looker = Looker(camera)
    eventually(
        lambda: wire.passed > 12_000, what="no picture is on its way"
    )  # the conversation before takes 3 kB
    wire.holding.set()
    looker.look_for(1.0)
    assert looker.ages_ms == []
    wire.holding.clear()
    looker.look_until_more(10)
    camera.close()
    looker.check()


def test_a_killed_server_that_comes_back_is_seen_again_by_the_same_camera(peer, looker):
    looker.look_until_more(5)
    peer.stop()
    eventually(lambda: not looker.look() and looker.lost, what="a dead server is not called lost")
    peer.start()
    looker.look_until_more(20)
    looker.check()
    assert looker.lost == ""


def test_who_takes_150_ms_for_each_picture_still_gets_fresh_ones(peer):
    camera = rtsp.open_camera(url=peer.url)
    slow = Looker(camera, work_s=0.15)
    slow.look_until_more(30)
    camera.close()
    slow.check()


def test_a_camera_that_is_switched_on_after_the_node_is_found(peer):
    peer.stop()
    camera = rtsp.open_camera(url=peer.url)
    looker = Looker(camera)
    eventually(lambda: not looker.look() and looker.lost, what="nobody there, and not lost")
    assert looker.lost.startswith(f"camera {peer.url}: it does not answer")
    peer.start()
    looker.look_until_more(5)
    looker.check()
    camera.close()


def test_the_very_same_picture_again_and_again_is_a_camera_that_sees_nothing(peer, monkeypatch):
    """The whole of the vision worker looks; only its patience is shorter here than ten seconds."""
    monkeypatch.setattr(watch, "FROZEN_NS", 2_000_000_000)
    told: list[Told] = []
    eyes = watch.Watch(
        {"front": rtsp.open_camera(url=peer.url)},
        None,
        lambda image: [],
        lambda packed: told.append(unpack(packed)),
        lambda: ClockReading(0, time.monotonic_ns(), ClockState.TRUSTED, 0),
        detect_every_ns=90_000_000,
    )

    def said(word):
        eyes.look()
        return [one.state for one in told if isinstance(one, CameraState)][-1:] == [word]

    eventually(lambda: said("OK"), what="a living camera is not OK")
    peer.signal(signal.SIGUSR1)
    eventually(lambda: said("DEGRADED"), what="a frozen picture is not noticed")
    assert told[-1].why == "camera front: the picture has not changed for 2 s"
    peer.signal(signal.SIGUSR1)
    eventually(lambda: said("OK"), what="a thawed picture is not noticed")
    peer.stop()
    eventually(lambda: said("LOST"), what="a dead server is not noticed")
    peer.start()
    eventually(lambda: said("OK"), what="the worker does not find its camera again")
    eyes.close()


def test_a_password_opens_the_camera_and_is_told_to_nobody(tmp_path, capfd):
    password = "s3cr3t-word"
    (tmp_path / "password").write_text(password)
    guarded = RtspPeer("--user", "gate", "--password-file", str(tmp_path / "password"))
    address = guarded.url.replace("rtsp://", f"rtsp://gate:{password}@")
    (tmp_path / "url").write_text(address + "\n")
    try:
        camera = rtsp.open_camera(url_file=tmp_path / "url")
        looker = Looker(camera)
        looker.look_until_more(3)
        guarded.stop()
        eventually(lambda: not looker.look() and looker.lost, what="a dead server is not called lost")
        camera.close()
    finally:
        guarded.stop()
    out, err = capfd.readouterr()
    assert password not in looker.lost + out + err
    assert guarded.url in looker.lost


def test_a_wrong_password_is_said_without_it(tmp_path, capfd):
    (tmp_path / "password").write_text("right")
    guarded = RtspPeer("--user", "gate", "--password-file", str(tmp_path / "password"))
    (tmp_path / "url").write_text(guarded.url.replace("rtsp://", "rtsp://gate:wr0ng-word@"))
    try:
        camera = rtsp.open_camera(url_file=tmp_path / "url")
        looker = Looker(camera)
        eventually(lambda: not looker.look() and looker.lost, what="a refused user is not lost")
        camera.close()
    finally:
        guarded.stop()
    out, err = capfd.readouterr()
    assert "refuses its user" in looker.lost
    assert "wr0ng-word" not in looker.lost + out + err
