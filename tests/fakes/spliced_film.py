"""Two real clips cut together, so that the second person stands where the first one stood."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from edge.core.clock import ClockState
from edge.ports import CameraFrame, ClockReading
from edge.runtime.sightings import FaceSeen, unpack
from edge.runtime.watch import Watch
from models.engine import FaceEngine, Frame

FRAME_NS = 200_000_000


def frames_of(clip: Path) -> list[Frame]:
    video = cv2.VideoCapture(str(clip))
    frames = []
    while (answer := video.read())[0]:
        frames.append(np.ascontiguousarray(answer[1]))
    video.release()
    return frames


def stepped_into(engine: FaceEngine, frames: Sequence[Frame], place: Frame) -> list[Frame]:
    """These frames, moved and scaled so that each face lies where the face of ``place`` does."""
    x, y, w, h = engine.detect(place)[0].box
    height, width = place.shape[:2]
    moved = []
    for frame in frames:
        fx, fy, fw, fh = engine.detect(frame)[0].box
        scale = (w / fw + h / fh) / 2
        shift = (x + w / 2 - scale * (fx + fw / 2), y + h / 2 - scale * (fy + fh / 2))
        matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float64)
        picture = cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        moved.append(np.ascontiguousarray(picture))
    return moved


@dataclass
class Film:
    """A camera that gives one frame after another, 200 ms apart by its own clock."""

    frames: Sequence[Frame]
    at_ns: int = 10**12
    shown: int = field(default=0)

    def newest(self, *, newer_than: int, within_s: float) -> CameraFrame:
        self.at_ns += FRAME_NS
        self.shown += 1
        return CameraFrame(self.frames[self.shown - 1], self.at_ns, newer_than + 1)

    def close(self) -> None: ...


def told_of(engine: FaceEngine, frames: Sequence[Frame]) -> Iterator[FaceSeen]:
    """What the vision worker says of this film, as the node gets it."""
    film, told = Film(frames), []
    watch = Watch(
        {"lane": film}, engine, lambda _: [], lambda data: told.append(unpack(data)),
        lambda: ClockReading(0, film.at_ns, ClockState.TRUSTED, 0), detect_every_ns=1,
    )  # fmt: skip
    for _ in frames:
        watch.look()
    return iter([one for one in told if isinstance(one, FaceSeen)])
