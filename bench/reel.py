"""Pictures as a camera that keeps their own time: nothing is waited for and nothing is missed, however slow the reader."""

from pathlib import Path
from typing import Any

from edge.core.clock import ClockState
from edge.ports import CameraFrame, ClockReading

UP_NS = 90_000_000_000  # a machine that has been on for a while


class Reel:
    """Each picture in order, at this pace; ``over`` once the last was given."""

    def __init__(self, pictures: "list[Any]", fps: float) -> None:
        self._pictures, self._period_ns = pictures, round(1e9 / fps)
        self._seq = 0

    @property
    def over(self) -> bool:
        return self._seq == len(self._pictures)

    def newest(self, *, newer_than: int, within_s: float) -> CameraFrame:  # noqa: ARG002 - the promise of a camera
        self._seq += 1
        return CameraFrame(self._pictures[self._seq - 1], self.time_ns(self._seq), self._seq)

    def time_ns(self, seq: int) -> int:
        """When the picture of this number, from 1 on, was taken."""
        return UP_NS + seq * self._period_ns

    def clock(self) -> ClockReading:
        """The time of the last picture."""
        return ClockReading(0, self.time_ns(self._seq), ClockState.TRUSTED, 0)

    def close(self) -> None: ...


def film(clip: Path) -> "tuple[list[Any], float]":
    """All pictures of a clip and their pace."""
    import cv2

    video = cv2.VideoCapture(str(clip))
    pictures, fps = [], video.get(cv2.CAP_PROP_FPS)
    while (answer := video.read())[0]:
        pictures.append(answer[1])
    video.release()
    if not pictures:
        raise SystemExit(f"{clip}: no picture can be read as a video; `make clips` brings it.")
    return pictures, fps
