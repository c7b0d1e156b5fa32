"""A network camera over RTSP: OpenCV's FFmpeg, TCP only, the newest picture only.

The address may hold a password.  Then it stands in a file (``url_file``), and nothing that a person or a log can read
is made of it but host, port and path.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from edge.drivers.grabbing import GrabbingCamera
from edge.drivers.stamps import OwnClock
from edge.errors import CameraLost

if TYPE_CHECKING:
    import cv2
    import numpy as np
    from numpy.typing import NDArray

OPEN_TIMEOUT_MS = 3000
READ_TIMEOUT_MS = 2000
URL_LENGTH_MAX = 2048
# TCP, or a lost packet smears the picture; pictures only, or FFmpeg corrects their times by the sound's.  OpenCV takes
# these from the environment and from nowhere else, for whatever it opens from then on: so nothing that means anything
# to a file stands here ("nobuffer" would lose the beginning of a clip).
OPTIONS = "rtsp_transport;tcp|allowed_media_types;video"
ADVICE = "Check its cable and its address; it is tried again by itself."


@dataclass(frozen=True, slots=True)
class RtspSettings:
    url: str | None = None
    url_file: Path | None = None

    def __post_init__(self) -> None:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("give either url, or url_file where the address holds a password")
        if self.url is not None:
            _checked(self.url, "url")
            if "@" in urlsplit(self.url).netloc:
                raise ValueError(
                    "url holds a password. Put it into a file of its own and name that as url_file"
                )


def _checked(url: str, where: str) -> str:
    try:
        parts = urlsplit(url)
        right = parts.scheme in {"rtsp", "rtsps"} and bool(parts.hostname) and (parts.port or 554) > 0
    except ValueError:
        right = False
    if not right or len(url) > URL_LENGTH_MAX or not url.isprintable() or " " in url:
        raise ValueError(f"{where} holds no address such as rtsp://192.0.2.7:554/stream1")
    return url


def shown(url: str) -> str:
    """The address without user, password and query: what may be read by anybody."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _address(settings: RtspSettings) -> str:
    if settings.url is not None:
        return settings.url
    assert settings.url_file is not None
    try:
        return _checked(settings.url_file.read_text().strip(), str(settings.url_file))
    except (OSError, ValueError) as error:
        what = (
            (error.strerror or "cannot be read") if isinstance(error, OSError) else "holds no rtsp:// address"
        )
        raise CameraLost(
            f"camera {settings.url_file}: {what}. Write the camera's address into it, one line."
        ) from None  # the cause may quote the file


class RtspSource:
    """One connection."""

    def __init__(self, capture: "cv2.VideoCapture", position: int) -> None:
        """``position`` is the number of OpenCV's property for the stream's own time."""
        self._capture = capture
        self._position = position
        self._clock = OwnClock()

    def grab(self) -> bool:
        return bool(self._capture.grab())

    def taken_ns(self, arrived_ns: int) -> int | None:
        stamped_ms = self._capture.get(self._position)
        return self._clock.taken_ns(arrived_ns, int(stamped_ms * 1e6) if stamped_ms > 0 else None)

    def picture(self) -> "NDArray[np.uint8] | None":
        ok, image = self._capture.retrieve()
        return image if ok else None  # type: ignore[return-value]  # always bytes without CAP_PROP_CONVERT_RGB off

    def close(self) -> None:
        self._capture.release()


def _connect(url: str) -> RtspSource:
    """Raises CameraLost within the open timeout."""
    import cv2

    os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", OPTIONS)
    capture = cv2.VideoCapture(
        url,
        cv2.CAP_FFMPEG,
        [
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_MS),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_TIMEOUT_MS),
            *(cv2.CAP_PROP_N_THREADS, 1),  # a decoder of n threads holds n - 1 pictures back
        ],
    )
    if not capture.isOpened():
        raise CameraLost("it does not answer, or refuses its user or path")
    return RtspSource(capture, cv2.CAP_PROP_POS_MSEC)


def open_camera(**settings: Any) -> GrabbingCamera:
    """A camera that does not answer yet is no error: it is lost after two seconds, and back by itself.

    Raises:
        CameraLost: the file with the address cannot be read.
        ValueError: settings that cannot be meant.
    """
    given = dict(settings)
    if given.get("url_file") is not None:
        given["url_file"] = Path(given["url_file"])
    url = _address(RtspSettings(**given))
    return GrabbingCamera(shown(url), lambda: _connect(url), ADVICE)
