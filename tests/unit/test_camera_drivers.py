"""The drivers on fakes of their libraries: hung devices, old pictures, buffers, and settings that cannot be meant."""

import sys
import time

import cv2
import numpy as np
import pytest

from edge.config import CameraConfig
from edge.drivers.cameras import picamera2, rtsp, v4l2
from edge.drivers.cameras.rtsp import shown
from edge.errors import CameraLost, ConfigError
from edge.eyes import open_cameras
from tests.fakes.fake_picamera2 import Board
from tests.fakes.fake_v4l2 import Usb
from tests.fakes.waiting import eventually


@pytest.fixture
def usb(monkeypatch):
    made = Usb()
    monkeypatch.setattr(cv2, "VideoCapture", made.capture)
    yield made
    made.hung.clear()


@pytest.fixture
def board(monkeypatch):
    made = Board()
    monkeypatch.setitem(sys.modules, "picamera2", made.module())
    return made


def seen(camera, newer_than=0):
    found = []

    def came():
        try:
            frame = camera.newest(newer_than=newer_than, within_s=0.2)
        except CameraLost:
            return False
        found.extend([] if frame is None else [frame])
        return found

    eventually(came, what="no picture came")
    return found[-1]


def is_lost(camera):
    try:
        camera.newest(newer_than=10**9, within_s=0.02)
    except CameraLost:
        return True
    return False


def test_a_usb_camera_is_asked_for_mjpg_and_one_buffer(usb):
    camera = v4l2.open_camera(device=0, width=1280, height=720, fps=10)
    seen(camera)
    camera.close()
    assert usb.opened[0].asked == {
        cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*"MJPG"),
        cv2.CAP_PROP_FRAME_WIDTH: 1280,
        cv2.CAP_PROP_FRAME_HEIGHT: 720,
        cv2.CAP_PROP_FPS: 10,
        cv2.CAP_PROP_BUFFERSIZE: 1,
    }
    assert len(usb.opened) == 1


def test_a_driver_that_blocks_in_read_keeps_nobody_waiting_and_is_called_lost(usb):
    camera = v4l2.open_camera(device=0)
    before = seen(camera)
    usb.hung.set()
    waited_s = []

    def asked():
        began = time.monotonic()
        lost = is_lost(camera)
        waited_s.append(time.monotonic() - began)
        return lost

    eventually(asked, what="a hung camera is not called lost")
    assert min(waited_s) < 0.5
    usb.hung.clear()
    assert seen(camera, before.seq).seq > before.seq
    camera.close()


@pytest.mark.parametrize("open_it", [lambda: v4l2.open_camera(device=0), picamera2.open_camera])
def test_pictures_the_kernel_stamped_long_ago_are_counted_and_not_shown(usb, board, open_it):
    usb.late_s = board.late_s = 0.7
    camera = open_it()
    eventually(lambda: camera.stale_dropped > 3, what="nothing was dropped")
    assert camera.newest(newer_than=0, within_s=0.05) is None
    eventually(lambda: is_lost(camera), what="nothing but old pictures, and not lost")
    with pytest.raises(CameraLost, match=r"its pictures are old \(\d+ thrown away so far\)"):
        camera.newest(newer_than=0, within_s=0)
    usb.late_s = board.late_s = 0.2
    frame = seen(camera)
    assert time.monotonic_ns() - frame.t_ns >= 200_000_000
    camera.close()


def test_an_old_driver_that_stamps_with_the_wall_clock_is_stamped_at_arrival(usb):
    usb.realtime = True
    camera = v4l2.open_camera(device=0)
    assert time.monotonic_ns() - seen(camera).t_ns < 5_000_000_000
    camera.close()


@pytest.mark.parametrize("stream", ["main", "lores"])
def test_a_ribbon_camera_hands_out_the_stream_that_was_asked_for_without_padding(board, stream):
    camera = picamera2.open_camera(stream=stream, width=1000, height=720, lores_width=500, lores_height=360)
    frame = seen(camera)
    camera.close()
    if stream == "main":
        assert frame.image.shape == (720, 1000, 3)
        assert tuple(frame.image[0, 0, [0, 2]]) == (200, 20), "blue comes first"
    else:
        assert frame.image.shape == (360, 500, 3)
        assert np.ptp(frame.image) == 0, "nothing from beyond the picture"


def test_a_ribbon_camera_is_configured_for_fresh_pictures(board):
    camera = picamera2.open_camera()
    seen(camera)
    asked = board.opened.camera_config
    camera.close()
    assert (asked["buffer_count"], asked["queue"]) == (4, False)
    assert asked["controls"] == {"FrameRate": 15.0}
    assert (asked["main"]["size"], asked["lores"]["size"]) == ((1280, 960), (640, 480))


def test_every_buffer_of_a_ribbon_camera_goes_back_and_the_camera_with_it(board):
    camera = picamera2.open_camera()
    first = seen(camera)
    seen(camera, first.seq + 8)  # twice as many as there are buffers
    camera.close()
    assert board.out == 0
    assert board.opened is None


def test_a_ribbon_camera_another_program_has_is_one_sentence(board):
    mine = picamera2.open_camera()
    with pytest.raises(CameraLost, match="another program has it"):
        picamera2.open_camera()
    mine.close()


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("rtsp://u:p%40ss@192.0.2.7:8554/live?token=t", "rtsp://192.0.2.7:8554/live"),
        ("rtsp://cam.example/ch1", "rtsp://cam.example/ch1"),
        ("rtsps://u:p@[2001:db8::7]:322/x#y", "rtsps://[2001:db8::7]:322/x"),
    ],
)
def test_what_is_said_of_an_address_holds_no_password_and_no_token(url, public):
    assert shown(url) == public


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "give either url, or url_file"),
        ({"url": "rtsp://a/b", "url_file": "x"}, "give either url, or url_file"),
        ({"url": "rtsp://u:p@a/b"}, "url holds a password"),
        ({"url": "http://a/b"}, "url holds no address such as"),
        ({"url": "rtsp://a:99999/b"}, "url holds no address such as"),
        ({"url": "rtsp:///b"}, "url holds no address such as"),
        ({"url": "rtsp://a/b c"}, "url holds no address such as"),
        ({"adress": "rtsp://a/b"}, "unexpected keyword argument 'adress'"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused_by_name(settings, sentence):
    camera = CameraConfig(name="front", driver="rtsp", settings=settings)
    with pytest.raises(ConfigError, match=r"cameras\.front\.settings") as refused:
        open_cameras([camera])
    assert sentence in str(refused.value)
    assert "u:p@" not in str(refused.value)


@pytest.mark.parametrize(
    "settings", [{"width": 641}, {"lores_width": 2000}, {"stream": "raw"}, {"lores_height": 0}]
)
def test_sizes_a_ribbon_camera_cannot_have_are_refused(board, settings):
    with pytest.raises(ValueError, match=r"sizes are|lores is not|stream is"):
        picamera2.open_camera(**settings)


@pytest.mark.parametrize("written", ["", "no address", "http://u:s3cret@a/b"])
def test_a_file_without_an_address_is_one_sentence_that_does_not_quote_it(tmp_path, written):
    (tmp_path / "url").write_text(written)
    with pytest.raises(CameraLost, match=r"holds no rtsp:// address\. Write the camera's address") as refused:
        rtsp.open_camera(url_file=tmp_path / "url")
    assert "s3cret" not in str(refused.value)
