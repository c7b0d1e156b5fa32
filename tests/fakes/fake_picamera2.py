"""picamera2's API as far as our driver uses it: names, arguments, returns and refusals of its release 0.3.

``Board`` is the hardware behind it.  Requests are a pool of ``buffer_count``; who does not release them starves.
"""

import threading
import time
from types import ModuleType

import numpy as np

FRAME_S = 1 / 15


class Board:
    """What is plugged in, and how many requests are out."""

    def __init__(self, cameras: int = 1) -> None:
        self.cameras = cameras
        self.plugged = True
        self.late_s = 0.0  # how long ago the next picture was taken
        self.opened: Picamera2 | None = None
        self.out = 0
        self.grey = 60

    def module(self) -> ModuleType:
        """To be put into ``sys.modules``."""
        made = ModuleType("picamera2")
        made.Picamera2 = lambda camera_num=0: Picamera2(self, camera_num)
        return made


class CompletedRequest:
    def __init__(self, camera: "Picamera2") -> None:
        self._camera = camera
        self.config = camera.camera_config.copy()
        self.ref_count = 1
        self._stamp = time.monotonic_ns() - int(camera.board.late_s * 1e9)
        camera.board.grey = 60 + (camera.board.grey + 1) % 60
        self._grey = camera.board.grey

    def get_metadata(self) -> dict:
        assert self.ref_count > 0, "a request is read before it is released"
        return {"SensorTimestamp": self._stamp, "ExposureTime": 9998, "FrameDuration": 66666}

    def make_array(self, name: str) -> np.ndarray:
        assert self.ref_count > 0, "a request is read before it is released"
        stream = self.config[name]
        (w, h), stride = stream["size"], stream["stride"]
        if stream["format"] == "RGB888":
            image = np.empty((h, w, 3), np.uint8)
            image[:] = (200, self._grey, 20)  # blue, green, red
            return image
        assert stream["format"] == "YUV420"
        image = np.full((h * 3 // 2, stride), 128, np.uint8)
        image[:h, :w] = self._grey
        image[:h, w:] = 255  # what lies beyond the picture is noise
        return image

    def release(self) -> None:
        self.ref_count -= 1
        if self.ref_count < 0:
            raise RuntimeError("CompletedRequest: lock now has negative ref_count")
        self._camera.board.out -= 1


class Picamera2:
    def __init__(self, board: Board, camera_num: int = 0) -> None:
        if not board.plugged or camera_num >= board.cameras:
            raise IndexError("list index out of range")
        if board.opened is not None:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        self.board = board
        self.camera_config: dict | None = None
        self.started = False
        self._stopped = threading.Event()
        board.opened = self

    def create_video_configuration(
        self,
        main={},  # noqa: B006 - as the original
        lores=None,
        raw={},  # noqa: B006
        transform=None,
        colour_space=None,
        buffer_count=6,
        controls={},  # noqa: B006
        display="main",
        encode="main",
        queue=True,
        sensor={},  # noqa: B006
        use_case="video",
    ) -> dict:
        streams = {"main": {"format": "XBGR8888", "size": (1280, 720)} | main, "lores": lores}
        return streams | {"buffer_count": buffer_count, "queue": queue, "controls": controls}

    def configure(self, camera_config: dict) -> None:
        if self.started:
            raise RuntimeError("Camera must be stopped before configuring")
        for name in ("main", "lores"):
            stream = camera_config[name]
            if not isinstance(stream["size"], tuple) or any(side % 2 for side in stream["size"]):
                raise RuntimeError("width and height should be even")
            bytes_each = 3 if stream["format"] == "RGB888" else 1
            stream["stride"] = -(-stream["size"][0] * bytes_each // 64) * 64
        if any(
            low > high
            for low, high in zip(camera_config["lores"]["size"], camera_config["main"]["size"], strict=True)
        ):
            raise RuntimeError("lores stream dimensions may not exceed main stream")
        self.camera_config = camera_config

    def start(self, config=None, show_preview=False) -> None:
        if self.camera_config is None:
            raise RuntimeError("Camera has not been configured")
        self.started = True

    def capture_request(self, wait=None, signal_function=None, flush=None) -> CompletedRequest:
        """``wait`` in seconds; TimeoutError when nothing came."""
        starved = self.board.out >= self.camera_config["buffer_count"]
        if not self.started or not self.board.plugged or starved:
            self._stopped.wait(wait)
            raise TimeoutError
        self._stopped.wait(FRAME_S)
        self.board.out += 1
        return CompletedRequest(self)

    def stop(self) -> None:
        self.started = False

    def close(self) -> None:
        self.started = False
        self.board.opened = None
