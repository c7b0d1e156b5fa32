"""A USB camera through V4L2: MJPG, one buffer, the newest picture only."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge.drivers.grabbing import GrabbingCamera, Source
from edge.drivers.stamps import of_our_clock
from edge.errors import CameraLost

if TYPE_CHECKING:
    import cv2
    import numpy as np
    from numpy.typing import NDArray

READ_TIMEOUT_S = 2  # a camera that hangs gives no error by itself; OpenCV waits ten seconds unless told
ADVICE = "Check the cable; it is tried again by itself."


@dataclass(frozen=True, slots=True)
class V4l2Settings:
    device: int | str
    width: int = 640
    height: int = 480
    fps: int = 15

    @property
    def path(self) -> str:
        """Where the device is; a name under /dev/v4l/by-id stays with the camera when it is plugged in again."""
        return self.device if isinstance(self.device, str) else f"/dev/video{self.device}"


class V4l2Source:
    """One opened device."""

    def __init__(self, capture: "cv2.VideoCapture", position: int) -> None:
        """``position`` is the number of OpenCV's property for the kernel's time of the picture."""
        self._capture = capture
        self._position = position

    def grab(self) -> bool:
        return bool(self._capture.grab())

    def taken_ns(self, arrived_ns: int) -> int | None:
        stamped_ms = self._capture.get(self._position)
        return of_our_clock(arrived_ns, int(stamped_ms * 1e6) if stamped_ms > 0 else None)

    def picture(self) -> "NDArray[np.uint8] | None":
        ok, image = self._capture.retrieve()
        return image if ok else None  # type: ignore[return-value]  # always bytes without CAP_PROP_CONVERT_RGB off

    def close(self) -> None:
        self._capture.release()


def _open(settings: V4l2Settings) -> Source:
    """Raises CameraLost: no such device."""
    import cv2

    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(READ_TIMEOUT_S))
    capture = cv2.VideoCapture(settings.device, cv2.CAP_V4L2)
    if not capture.isOpened():
        raise CameraLost("no such camera")
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.width)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.height)
    capture.set(cv2.CAP_PROP_FPS, settings.fps)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return V4l2Source(capture, cv2.CAP_PROP_POS_MSEC)


def open_camera(**settings: Any) -> GrabbingCamera:
    """Open /dev/videoN.

    Raises:
        CameraLost: there is no such device.
    """
    chosen = V4l2Settings(**settings)
    try:
        first: list[Source] = [_open(chosen)]
    except CameraLost:
        raise CameraLost(
            f"camera {chosen.path}: no such camera. Plug one in, or name another device in the configuration."
        ) from None
    return GrabbingCamera(chosen.path, lambda: first.pop() if first else _open(chosen), ADVICE)
