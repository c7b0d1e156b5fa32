"""Clips as a camera that keeps their own time: nothing is waited for and nothing is missed, however slow the reader."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.core.clock import ClockState
from edge.ports import CameraFrame, ClockReading

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UP_NS = 90_000_000_000  # a machine that has been on for a while


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a clip; ``times`` plays it so often, as a lane in which nothing happens."""

    clip: Path
    start_s: float = 0.0
    end_s: float = 1e6
    times: int = 1


class ClipCamera:
    """Each picture of the parts in order, at the pace of its clip; ``over`` once the last was given."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._pictures = _timed(parts)
        self._next = next(self._pictures)
        self._seq = 0
        self.t_ns = self._next[1]
        self.over = False

    @property
    def seen(self) -> int:
        """How many pictures were given."""
        return self._seq

    def newest(self, *, newer_than: int, within_s: float) -> CameraFrame:  # noqa: ARG002 - the promise of a camera
        image, self.t_ns = self._next
        self._seq += 1
        following = next(self._pictures, None)
        self.over = following is None
        self._next = following or self._next
        return CameraFrame(image, self.t_ns, self._seq)

    def clock(self) -> ClockReading:
        """The time of the last picture."""
        return ClockReading(0, self.t_ns, ClockState.TRUSTED, 0)

    def close(self) -> None: ...


def _timed(parts: Sequence[Part]) -> "Iterator[tuple[NDArray[np.uint8], int]]":
    t_ns = UP_NS
    for part in parts:
        for _ in range(part.times):
            for image, period_ns in _pictures(part):
                yield image, t_ns
                t_ns += period_ns


def _pictures(part: Part) -> "Iterator[tuple[NDArray[np.uint8], int]]":
    import cv2

    video = cv2.VideoCapture(str(part.clip))
    fps = video.get(cv2.CAP_PROP_FPS)
    if not fps:
        raise SystemExit(f"{part.clip}: cannot be read as a video; `make clips` brings it.")
    at = 0
    try:
        while at < part.end_s * fps:
            read, image = video.read()
            if not read:
                break
            if at >= part.start_s * fps:
                yield image, round(1e9 / fps)
            at += 1
    finally:
        video.release()
