"""A ribbon-cable camera of a Raspberry Pi, through picamera2.

picamera2 comes from Raspberry Pi OS (``apt install python3-picamera2``, and an environment made with
``--system-site-packages``): its bindings fit one build of libcamera and no other.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from edge.drivers.grabbing import GrabbingCamera, Source
from edge.drivers.stamps import of_our_clock
from edge.errors import CameraLost

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

READ_TIMEOUT_S = 2.0
BUFFERS = 4
ADVICE = "Check the ribbon cable and its latches; it is tried again by itself."


@dataclass(frozen=True, slots=True)
class Picamera2Settings:
    number: int = 0
    width: int = 1280
    height: int = 960
    lores_width: int = 640
    lores_height: int = 480
    stream: Literal["main", "lores"] = "lores"
    fps: int = 15

    def __post_init__(self) -> None:
        sizes = (self.width, self.height, self.lores_width, self.lores_height)
        if any(size <= 0 or size % 2 for size in sizes):
            raise ValueError("sizes are even numbers of pixels")
        if self.lores_width > self.width or self.lores_height > self.height:
            raise ValueError("lores is not larger than the main picture")
        if self.stream not in {"main", "lores"}:
            raise ValueError(f"stream is main or lores, not {self.stream!r}")


class Picamera2Source:
    """One started camera; the request in hand goes back before the next is taken, or its four buffers run out."""

    def __init__(self, camera: Any, settings: Picamera2Settings) -> None:
        self._camera = camera
        self._settings = settings
        self._request: Any = None

    def grab(self) -> bool:
        self._give_back()
        try:
            self._request = self._camera.capture_request(wait=READ_TIMEOUT_S)
        except TimeoutError:
            return False
        return True

    def taken_ns(self, arrived_ns: int) -> int | None:
        """``SensorTimestamp`` counts since boot, as CLOCK_MONOTONIC does on a machine that never sleeps."""
        return of_our_clock(arrived_ns, self._request.get_metadata().get("SensorTimestamp"))

    def picture(self) -> "NDArray[np.uint8]":
        import cv2
        import numpy as np

        image = self._request.make_array(self._settings.stream)  # a copy, not the camera's buffer
        if self._settings.stream == "lores":  # rows may be longer than the picture is wide
            image = cv2.cvtColor(image, cv2.COLOR_YUV2BGR_I420)[:, : self._settings.lores_width]
        return np.ascontiguousarray(image)

    def close(self) -> None:
        self._give_back()
        try:
            self._camera.stop()
        finally:
            self._camera.close()

    def _give_back(self) -> None:
        request, self._request = self._request, None
        if request is not None:
            request.release()


def _start(settings: Picamera2Settings) -> Source:
    """Raises CameraLost: no such camera, or somebody else has it."""
    from picamera2 import Picamera2

    try:
        camera = Picamera2(settings.number)
    except (IndexError, RuntimeError) as error:  # the list of cameras is too short; in use
        raise CameraLost("no such camera, or another program has it") from error
    try:
        camera.configure(
            camera.create_video_configuration(
                # "RGB888" names the bytes of a word: in memory blue comes first, as we want it.
                main={"size": (settings.width, settings.height), "format": "RGB888"},
                lores={"size": (settings.lores_width, settings.lores_height), "format": "YUV420"},
                controls={"FrameRate": float(settings.fps)},
                buffer_count=BUFFERS,
                queue=False,  # every request is filled after it was asked for
            )
        )
        camera.start()
    except BaseException:
        camera.close()  # or nobody, we neither, can open it again
        raise
    return Picamera2Source(camera, settings)


def open_camera(**settings: Any) -> GrabbingCamera:
    """Open a camera of this board.

    Raises:
        CameraLost: picamera2 is not installed, or there is no such camera.
        ValueError: settings that cannot be meant.
    """
    chosen = Picamera2Settings(**settings)
    name = f"picamera2 {chosen.number}"
    try:
        first = [_start(chosen)]
    except ImportError:
        raise CameraLost(
            f"camera {name}: picamera2 is not installed. On Raspberry Pi OS: apt install python3-picamera2, and make the "
            "environment with --system-site-packages."
        ) from None
    except CameraLost as error:
        raise CameraLost(f"camera {name}: {error}. {ADVICE}") from error
    return GrabbingCamera(name, lambda: first.pop() if first else _start(chosen), ADVICE)
