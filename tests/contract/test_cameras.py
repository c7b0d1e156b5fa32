"""Every camera gives the newest picture and its time; one that is not there says so in one sentence.

replay plays a file; rtsp has a real server in a process of its own; v4l2 and picamera2 have no device on a machine
without one and stand on fakes of their libraries.
"""

import sys
import time
from itertools import pairwise

import cv2
import numpy as np
import pytest

from edge.drivers.cameras import picamera2, replay, rtsp, v4l2
from edge.drivers.newest import STALE_NS
from edge.errors import CameraLost
from tests.fakes.fake_picamera2 import Board
from tests.fakes.fake_v4l2 import Usb
from tests.fakes.rtsp_peer import RtspPeer
from tests.fakes.waiting import eventually

LIVE = [pytest.param("rtsp", marks=pytest.mark.rtsp), "v4l2", "picamera2"]


class Device:
    """A camera, and the hand that pulls its cable."""

    def __init__(self, kind, tmp_path, monkeypatch):
        self.kind = kind
        match kind:
            case "replay":
                write_clip(tmp_path / "a.avi")
                self.open = lambda: replay.open_camera(path=tmp_path / "a.avi")
            case "rtsp":
                self.peer = RtspPeer()
                self.open = lambda: rtsp.open_camera(url=self.peer.url)
            case "v4l2":
                self.usb = Usb()
                monkeypatch.setattr(cv2, "VideoCapture", self.usb.capture)
                self.open = lambda: v4l2.open_camera(device=0)
            case "picamera2":
                self.usb = Board()
                monkeypatch.setitem(sys.modules, "picamera2", self.usb.module())
                self.open = picamera2.open_camera

    def pull(self):
        if self.kind == "rtsp":
            self.peer.stop()
        else:
            self.usb.plugged = False

    def plug_in(self):
        if self.kind == "rtsp":
            self.peer.start()
        else:
            self.usb.plugged = True

    def put_away(self):
        if self.kind == "rtsp":
            self.peer.stop()


def write_clip(path):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 48))
    for i in range(6):
        writer.write(np.full((48, 64, 3), 40 + i, np.uint8))
    writer.release()


@pytest.fixture
def device(request, tmp_path, monkeypatch):
    made = Device(request.param, tmp_path, monkeypatch)
    yield made
    made.put_away()


@pytest.fixture
def camera(device):
    opened = device.open()
    yield opened
    opened.close()


def next_frame(camera, newer_than=0):
    found = []

    def came():
        frame = seen_or_none(camera, newer_than)
        found.extend([] if frame is None else [frame])
        return found

    eventually(came, what="no picture came")
    return found[0]


def seen_or_none(camera, newer_than=0):
    try:
        return camera.newest(newer_than=newer_than, within_s=0.2)
    except CameraLost:
        return None


def sentence_of(camera):
    try:
        camera.newest(newer_than=10**9, within_s=0.05)
    except CameraLost as error:
        return str(error)
    return ""


@pytest.mark.parametrize("device", ["replay", *LIVE], indirect=True)
def test_pictures_are_bgr_bytes_and_seq_and_time_only_go_on(camera):
    seq, t_ns = 0, 0
    for _ in range(8):
        frame = next_frame(camera, seq)
        assert frame.seq > seq
        assert t_ns < frame.t_ns <= time.monotonic_ns()
        assert frame.image.ndim == 3
        assert frame.image.shape[2] == 3
        assert frame.image.dtype == np.uint8
        assert frame.image.flags.c_contiguous
        seq, t_ns = frame.seq, frame.t_ns


@pytest.mark.parametrize("device", ["replay", *LIVE], indirect=True)
def test_a_picture_that_was_handed_out_is_not_written_over_by_the_next(camera):
    first = next_frame(camera)
    kept = first.image.copy()
    next_frame(camera, first.seq + 3)
    assert np.array_equal(first.image, kept)


@pytest.mark.parametrize("device", ["replay", *LIVE], indirect=True)
def test_nothing_newer_in_time_is_an_answer_and_not_an_error(camera):
    next_frame(camera)
    assert camera.newest(newer_than=10**9, within_s=0.05) is None


@pytest.mark.alone
@pytest.mark.parametrize("device", ["replay", *LIVE], indirect=True)
def test_who_takes_his_time_gets_the_newest_picture_and_no_backlog(camera):
    seqs = []
    for _ in range(6):
        frame = next_frame(camera, seqs[-1] if seqs else 0)
        assert time.monotonic_ns() - frame.t_ns <= STALE_NS + 200_000_000  # and a little for a busy machine
        seqs.append(frame.seq)
        camera.newest(newer_than=10**9, within_s=0.15)  # work of 150 ms
    assert all(later - earlier > 1 for earlier, later in pairwise(seqs))


@pytest.mark.parametrize("device", ["replay", *LIVE], indirect=True)
def test_a_closed_camera_leaves_no_thread_and_may_be_closed_again(device):
    camera = device.open()
    next_frame(camera)
    camera.close()
    camera.close()
    assert not camera._thread.is_alive()


@pytest.mark.parametrize("device", LIVE, indirect=True)
def test_a_pulled_cable_is_one_sentence_and_plugged_in_again_it_is_forgotten(device, camera):
    before = next_frame(camera)
    device.pull()
    eventually(lambda: sentence_of(camera), what="a camera that is gone is not called lost")
    assert sentence_of(camera).startswith("camera ")
    assert sentence_of(camera).count(": ") == 1
    assert "it is tried again by itself." in sentence_of(camera)
    device.plug_in()
    after = next_frame(camera, before.seq)
    assert after.t_ns > before.t_ns
    eventually(lambda: sentence_of(camera) == "", what="a camera that is back is still called lost")


@pytest.mark.parametrize(
    ("open_it", "sentence"),
    [
        (lambda folder: v4l2.open_camera(device=97), r"/dev/video97: no such camera"),
        (lambda folder: v4l2.open_camera(device="/dev/v4l/by-id/none"), r"by-id/none: no such camera"),
        (lambda folder: picamera2.open_camera(), "picamera2 is not installed"),
        (lambda folder: rtsp.open_camera(url_file=folder / "none"), "none: No such file or directory"),
    ],
)
def test_no_camera_is_one_clear_sentence(open_it, sentence, tmp_path, capfd):
    with pytest.raises(CameraLost, match=sentence):
        open_it(tmp_path)
