"""A good picture of which no vector was made proves nothing, spoils nothing, and is counted against nobody."""

import asyncio

import numpy as np
import pytest

from edge.core.enrol_guide import POSE_PATIENCE_NS, Pose
from edge.core.evidence import Look
from edge.runtime.enrol import TRIED_MAX, CameraEnrolment
from edge.runtime.face_desk import BLURRED_NS, Concluded, FaceDesk, Prompt
from edge.runtime.sightings import FaceSeen
from models.engines import synthetic
from models.engines.synthetic import person_direction, picture_vector

INFO = synthetic.open_engine().info
QUALITY = (0.95, 60.0, 120.0, 150.0, 0.1, -2.5)
MS = 1_000_000
ALIKE = [seed for seed in range(500) if float(person_direction("ada") @ picture_vector("ada", seed)) > 0.9]


def seen(at_ms: int, *, seed: int | None = None, gate: str | None = None) -> FaceSeen:
    vector = None if seed is None else picture_vector("ada", seed).astype(np.float32).tobytes()
    return FaceSeen("front", at_ms * MS, 1, (100.0, 100.0, 120.0, 120.0), gate, gate, QUALITY, vector)


@pytest.fixture
def desk() -> FaceDesk:
    made = FaceDesk(INFO, fpir_wanted=0.001)
    made.put_gallery([("P-ada", person_direction("ada").astype(np.float32))], version=1, k=1)
    return made


def test_a_door_that_is_told_no_vector_never_concludes_anything(desk):
    assert [desk.look(seen(ms)) for ms in range(0, 10_000, 100)] == [None] * 100


def test_between_two_vectors_they_change_no_conclusion(desk):
    assert desk.look(seen(0, seed=ALIKE[0])) is None
    assert desk.look(seen(50)) is None
    assert desk.look(seen(100)) is None
    answer = desk.look(seen(160, seed=ALIKE[1]))
    assert isinstance(answer, Concluded)
    assert answer.evidence.verdict.look is Look.NAMED


def test_they_do_not_carry_a_track_over_half_a_second_without_a_vector(desk):
    desk.look(seen(0, seed=ALIKE[0]))
    for ms in range(100, 600, 100):
        desk.look(seen(ms))
    assert desk.look(seen(600, seed=ALIKE[1])) is None, "one vector alone names nobody"


def test_a_good_picture_ends_the_patience_with_bad_ones_whether_it_has_a_vector_or_not(desk):
    last_ms = BLURRED_NS // MS - 100
    for ms in range(0, last_ms, 100):
        assert desk.look(seen(ms, gate="too_dark")) == Prompt("too_dark")
    desk.look(seen(last_ms))
    assert desk.look(seen(last_ms + 100, gate="too_dark")) == Prompt("too_dark")


def test_an_empty_gallery_still_asks_for_the_code():
    assert FaceDesk(INFO, fpir_wanted=0.001).look(seen(0)) == Prompt("show_code")


def test_an_enrolment_waits_for_the_picture_with_a_vector_and_does_not_count_the_others():
    async def enrolled() -> list[str]:
        done = asyncio.get_running_loop().create_future()
        enrolment = CameraEnrolment(INFO, None, 0, done)  # type: ignore[arg-type]
        for at in range(TRIED_MAX + 1):
            assert enrolment.take(seen(10_000 + at * 2_000)) == Pose.AHEAD
        assert enrolment._tried == 0
        for at in range(2):
            enrolment.take(seen(90_000 + at * POSE_PATIENCE_NS // MS, seed=ALIKE[at]))
        return [str(enrolment._tried), str(done.done())]

    assert asyncio.run(enrolled()) == ["2", "False"]
