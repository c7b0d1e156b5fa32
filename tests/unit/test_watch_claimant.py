"""Of everybody in the picture only the claimant's face is ever turned into numbers (domain.md story 42)."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from edge.core.clock import ClockState
from edge.ports import CameraFrame, ClockReading
from edge.runtime.sightings import FaceSeen, NobodySeen, unpack
from edge.runtime.watch import Watch
from models.engine import Face, Quality
from tests.fakes.faces_at_a_door import INFO

UP_NS = 90_000_000_000
PICTURE = np.zeros((480, 640, 3), np.uint8)


def face(x: float, side: float) -> Face:
    return Face((x - side / 2, 240 - side / 2, side, side), np.zeros((5, 2), np.float32), 0.95)


@dataclass
class Counting:
    """An engine that finds these faces and counts whom it is asked to look at closer."""

    faces: list[Face]
    aligned: list[Face] = field(default_factory=list)
    embedded: int = 0
    info = INFO

    def detect(self, _frame):
        return sorted(self.faces, key=lambda one: -one.box[2])

    def align(self, _frame, one):
        self.aligned.append(one)
        return np.full((112, 112, 3), 120, np.uint8)

    def quality(self, _frame, one, _chip, *, faces_in_frame):
        assert one in self.aligned
        return Quality(0.95, one.box[2] / 2, 120.0, 150.0, 0.0, 0.0, faces_in_frame)

    def embed(self, chips):
        self.embedded += len(chips)
        return np.eye(1, 128, dtype=np.float32)

    def close(self): ...


@dataclass
class OnePicture:
    def newest(self, *, newer_than, within_s):
        return CameraFrame(PICTURE, UP_NS, newer_than + 1)

    def close(self): ...


def looked(*faces: Face, regions=None):
    told, engine = [], Counting(list(faces))
    watch = Watch(
        {"lane": OnePicture()}, engine, lambda _: [], lambda data: told.append(unpack(data)),
        lambda: ClockReading(0, UP_NS, ClockState.TRUSTED, 0), detect_every_ns=90_000_000, regions=regions or {},
    )  # fmt: skip
    watch.look()
    return engine, [one for one in told if isinstance(one, FaceSeen | NobodySeen)]


@pytest.mark.story("42a")
def test_the_claimant_is_embedded_and_those_behind_are_counted_only():
    guest = face(320, 160)
    engine, (told,) = looked(face(100, 90), guest, face(560, 80))
    assert (engine.aligned, engine.embedded) == ([guest], 1)
    assert (told.faces, told.box, told.gate, told.vector is None) == (3, guest.box, None, False)


def test_two_equally_near_are_asked_to_come_one_at_a_time_and_neither_is_looked_at():
    engine, (told,) = looked(face(200, 150), face(450, 145))
    assert (engine.aligned, engine.embedded) == ([], 0)
    assert (told.faces, told.gate, told.enrolment_gate, told.vector) == (
        2,
        "one_at_a_time",
        "one_at_a_time",
        None,
    )


@pytest.mark.story("42a")
def test_people_outside_the_marked_area_are_nobody_however_near():
    engine, (told,) = looked(face(560, 200), regions={"lane": ((0.0, 0.0), (0.5, 1.0))})
    assert (engine.aligned, engine.embedded, type(told)) == ([], 0, NobodySeen)


@pytest.mark.parametrize(
    "region", [((0.0, 0.0), (0.5, 1.0)), ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))]
)
def test_the_guest_in_the_marked_area_goes_before_a_nearer_passer_by(region):
    guest = face(160, 120)
    engine, (told,) = looked(face(560, 200), guest, regions={"lane": region})
    assert (engine.aligned, engine.embedded, told.box) == ([guest], 1, guest.box)


def test_nobody_is_enrolled_while_anybody_else_is_in_the_picture():
    _, (told,) = looked(face(320, 160), face(100, 60))
    assert (told.gate, told.enrolment_gate) == (None, "one_at_a_time")
