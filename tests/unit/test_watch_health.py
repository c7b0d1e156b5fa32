"""A camera whose pictures say nothing: frozen, or covered."""

import numpy as np
import pytest

from edge.core.clock import ClockState
from edge.ports import CameraFrame, ClockReading
from edge.runtime.sightings import CameraState, unpack
from edge.runtime.watch import FROZEN_NS, Watch

FRAME_NS = 100_000_000
SIZE = (480, 640, 3)
NOISE = np.random.default_rng(7)


def lane():
    picture = np.full(SIZE, 60, np.int16)
    picture[200:, :300] = 140
    return noisy(picture)


def covered():
    return noisy(np.full(SIZE, (40, 22, 30), np.int16))  # a warm grey: blue, green and red differ


def noisy(picture):
    return (picture + NOISE.integers(-2, 3, SIZE)).clip(0, 255).astype(np.uint8)


class Shows:
    def __init__(self, pictures):
        self._pictures = pictures
        self.seq = 0

    def newest(self, *, newer_than, within_s):
        frame = CameraFrame(self._pictures[self.seq], FRAME_NS * (self.seq + 900), self.seq + 1)
        self.seq += 1
        return frame

    def close(self): ...


def states(pictures):
    told = []
    camera = Shows(pictures)
    watch = Watch(
        {"front": camera},
        None,
        lambda image: [],
        lambda packed: told.append(unpack(packed)),
        lambda: ClockReading(0, FRAME_NS * (camera.seq + 900), ClockState.TRUSTED, 0),
        detect_every_ns=90_000_000,
    )
    for _ in pictures:
        watch.look()
    return [(one.state, one.why) for one in told if isinstance(one, CameraState)]


LONG = FROZEN_NS // FRAME_NS + 2


@pytest.mark.parametrize(
    ("dull", "why"),
    [
        ([covered() for _ in range(3)] * (LONG // 3 + 1), "nothing but one plain surface for 10 s"),
        ([lane()] * LONG, "the picture has not changed for 10 s"),
    ],
    ids=["covered", "frozen"],
)
def test_a_camera_that_says_nothing_for_ten_seconds_is_degraded_and_well_with_the_next_living_picture(
    dull, why
):
    told = states([lane(), *dull, lane()])
    assert [state for state, _ in told] == ["OK", "DEGRADED", "OK"]
    assert why in told[1][1]


def test_a_hand_before_the_lens_for_less_than_that_is_nothing():
    assert states([lane(), *[covered()] * 3, *[covered() for _ in range(LONG - 10)], lane()]) == [("OK", "")]
