"""A camera that was opened just now is not lost: a node that starts raises no alarm about it."""

from dataclasses import dataclass

import pytest

from edge.core.clock import ClockState
from edge.ports import CameraFrame, ClockReading
from edge.runtime.sightings import START_NS, CameraState, Told, camera_word, unpack
from edge.runtime.watch import LOST_NS, Watch

UP_NS = 90_000_000_000  # a machine that has been on for a while: its own clock is far from zero


@dataclass
class Dark:
    """A camera that has no picture yet."""

    def newest(self, *, newer_than: int, within_s: float) -> CameraFrame | None:
        return None

    def close(self) -> None: ...


def looked(*after_ns: int) -> list[Told]:
    told: list[Told] = []
    now = iter(UP_NS + ns for ns in after_ns)
    watch = Watch(
        {"front": Dark()},
        None,
        lambda image: [],
        lambda packed: told.append(unpack(packed)),
        lambda: ClockReading(0, next(now), ClockState.TRUSTED, 0),
        detect_every_ns=90_000_000,
    )
    for _ in after_ns:
        watch.look()
    return told


def test_the_first_missing_picture_is_not_two_seconds_without_one():
    assert looked(0, LOST_NS) == []


def test_a_camera_that_never_gives_a_picture_is_lost_after_two_seconds():
    assert [one.state for one in looked(0, LOST_NS + 1) if isinstance(one, CameraState)] == ["LOST"]


@pytest.mark.parametrize(
    ("told", "up_ns", "word"),
    [
        (None, 0, "STARTING"),
        (None, START_NS, "LOST"),
        (CameraState("front", "OK"), 0, "OK"),
        (CameraState("front", "LOST"), 0, "LOST"),
    ],
)
def test_before_the_first_word_a_camera_is_starting_and_not_for_ever(told, up_ns, word):
    assert camera_word(told, up_ns) == word
