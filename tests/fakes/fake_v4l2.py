"""OpenCV's ``VideoCapture`` on a USB camera, as far as our driver uses it; no machine without one has the real thing."""

import threading
import time

import cv2
import numpy as np

FRAME_S = 1 / 15


class Usb:
    """What is plugged in."""

    def __init__(self) -> None:
        self.plugged = True
        self.hung = (
            threading.Event()
        )  # a driver that blocks in read, as some do when their camera has crashed
        self.realtime = False  # old drivers stamp with the wall clock
        self.late_s = 0.0
        self.opened: list[VideoCapture] = []

    def capture(self, device: int | str, api: int) -> "VideoCapture":
        """To be put in the place of ``cv2.VideoCapture``."""
        assert api == cv2.CAP_V4L2
        self.opened.append(VideoCapture(self))
        return self.opened[-1]


class VideoCapture:
    def __init__(self, usb: Usb) -> None:
        self._usb = usb
        self._open = usb.plugged
        self._stamp_ms = 0.0
        self._grey = 40
        self.asked: dict[int, float] = {}

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self._open

    def set(self, prop: int, value: float) -> bool:
        self.asked[prop] = value
        return True

    def get(self, prop: int) -> float:
        assert prop == cv2.CAP_PROP_POS_MSEC
        return self._stamp_ms

    def grab(self) -> bool:
        threading.Event().wait(FRAME_S)
        while self._usb.hung.is_set():
            threading.Event().wait(0.05)
        if not self._open or not self._usb.plugged:
            return False
        clock = time.time() if self._usb.realtime else time.monotonic()
        self._stamp_ms = (clock - self._usb.late_s) * 1000
        self._grey = 40 + (self._grey + 1) % 100
        return True

    def retrieve(self) -> tuple[bool, np.ndarray | None]:
        return True, np.full((480, 640, 3), self._grey, np.uint8)

    def release(self) -> None:
        self._open = False
