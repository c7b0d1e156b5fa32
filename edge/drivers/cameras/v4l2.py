"""A USB camera through V4L2: MJPG, one buffer, the newest picture only."""

import threading
import time
from dataclasses import dataclass
from typing import Any

from edge.drivers.newest import Newest
from edge.errors import CameraLost
from edge.ports import CameraFrame

RETRY_FIRST_S = 0.2
RETRY_MAX_S = 2.0


@dataclass(frozen=True, slots=True)
class V4l2Settings:
    device: int
    width: int = 640
    height: int = 480
    fps: int = 15


class V4l2Camera:
    def __init__(self, settings: V4l2Settings, source: Any) -> None:
        self._settings = settings
        self._source = source
        self._newest = Newest()
        self._lost: str | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    def newest(self, *, newer_than: int, within_s: float) -> CameraFrame | None:
        if self._lost is not None:
            raise CameraLost(self._lost)
        return self._newest.take(newer_than=newer_than, within_s=within_s)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(timeout=RETRY_MAX_S)

    def _run(self) -> None:
        seq = 0
        wait_s = RETRY_FIRST_S
        while not self._stop.is_set():
            ok, image = self._source.read()
            if ok:
                seq += 1
                wait_s = RETRY_FIRST_S
                self._lost = None
                self._newest.put(CameraFrame(image, time.monotonic_ns(), seq))
                continue
            self._lost = f"camera /dev/video{self._settings.device}: no picture. Check the cable."
            self._source.release()
            self._stop.wait(wait_s)
            wait_s = min(RETRY_MAX_S, wait_s * 2)
            self._source = _open(self._settings)
        self._source.release()


def _open(settings: V4l2Settings) -> Any:
    import cv2

    source = cv2.VideoCapture(settings.device, cv2.CAP_V4L2)
    source.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    source.set(cv2.CAP_PROP_FRAME_WIDTH, settings.width)
    source.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.height)
    source.set(cv2.CAP_PROP_FPS, settings.fps)
    source.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return source


def open_camera(**settings: Any) -> V4l2Camera:
    """Open /dev/videoN.

    Raises:
        CameraLost: there is no such device, or it gives no pictures.
    """
    chosen = V4l2Settings(**settings)
    source = _open(chosen)
    if not source.isOpened():
        raise CameraLost(
            f"camera /dev/video{chosen.device}: no such camera. Plug one in, or name another device in the configuration."
        )
    return V4l2Camera(chosen, source)
