"""Invariant 4, of pictures: whatever stands before a camera, what leaves the worker that looks holds none of it.

A photograph has no fixed bytes, so these frames have: noise, of which any stretch of 31 bytes is found wherever it stands,
in colour, in the other order of colours and in grey.  The worker is the only part of a node that is given frames.
"""

from dataclasses import dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.count import IMAGE_MARKS
from edge.core.clock import ClockState
from edge.ports import CameraFrame, ClockReading
from edge.runtime.watch import Watch
from models.engine import Face, Quality
from tests.fakes.faces_at_a_door import INFO

UP_NS = 90_000_000_000
PIECE = 16  # a stretch of 31 bytes holds a whole one, wherever it begins


@dataclass
class Noise:
    """A camera and an engine; ``pictures`` is everything they ever held, frames and faces cut out of them."""

    seed: int
    faces: list[float]  # where each stands, left to right
    pictures: list[np.ndarray] = field(default_factory=list)
    at_ns: int = UP_NS
    info = INFO

    def made(self, *shape: int) -> np.ndarray:
        self.pictures.append(np.random.default_rng([self.seed, len(self.pictures)]).integers(
            0, 256, shape, np.uint8
        ))  # fmt: skip
        return self.pictures[-1]

    def newest(self, *, newer_than, within_s):
        return CameraFrame(self.made(96, 128, 3), self.at_ns, newer_than + 1)

    def detect(self, _frame):
        return [Face((x, 20.0, 60.0, 60.0), np.zeros((5, 2), np.float32), 0.95) for x in self.faces]

    def align(self, _frame, _one):
        return self.made(112, 112, 3)

    def quality(self, _frame, _one, _chip, *, faces_in_frame):
        return Quality(0.95, 60.0, 120.0, 150.0, 0.0, 0.0, faces_in_frame)

    def embed(self, _chips):
        return np.eye(1, 128, dtype=np.float32)

    def close(self): ...


def shapes(picture: np.ndarray) -> list[bytes]:
    grey = picture.mean(axis=2).astype(np.uint8)
    return [picture.tobytes(), picture[:, :, ::-1].tobytes(), grey.tobytes()]


def seen_in(data: bytes, pictures: list[np.ndarray]) -> list[str]:
    """What of a picture stands in these bytes: a piece of one, or the mark of a file that holds one."""
    found = [name for name, mark in IMAGE_MARKS.items() if mark in data]
    held = [shape for picture in pictures for shape in shapes(picture)]
    pieces = (data[at : at + PIECE] for at in range(0, len(data) - PIECE + 1, PIECE))
    return [*found, *("a piece" for piece in pieces if any(piece in shape for shape in held))]


def looks(noise: Noise, times: int) -> list[bytes]:
    """Everything the real worker says while it looks that often."""
    told: list[bytes] = []
    watch = Watch(
        {"lane": noise}, noise, lambda _: [], told.append,
        lambda: ClockReading(0, noise.at_ns, ClockState.TRUSTED, 0), detect_every_ns=90_000_000, regions={},
    )  # fmt: skip
    for _ in range(times):
        noise.at_ns += 200_000_000
        watch.look()
    return told


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32), faces=st.lists(st.sampled_from([5.0, 30.0, 66.0]), max_size=3), times=st.integers(1, 4)
)  # fmt: skip
def test_invariant_04_no_piece_of_a_picture_leaves_the_worker_that_looks(seed, faces, times):
    noise = Noise(seed, faces)
    told = looks(noise, times)
    assert told
    assert noise.pictures
    assert [found for data in told for found in seen_in(data, noise.pictures)] == []


def test_invariant_04_catches_a_worker_that_tells_what_it_saw():
    noise = Noise(1, [30.0])
    told = looks(noise, 1)
    for shape in shapes(noise.pictures[0]):
        assert seen_in(told[0] + b"x" + shape[7 : 7 + 31], noise.pictures) == ["a piece"]
    assert seen_in(told[0] + b"\xff\xd8\xff\xe0", noise.pictures) == ["jpeg"]
