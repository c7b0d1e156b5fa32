"""A photo is enrolled only when it shows exactly one good face, and all photos one person."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from models.calibration import shipped_calibration
from models.engine import CalibrationMissing, EngineInfo, PhotoRefused, Quality
from models.engines import synthetic
from models.engines.synthetic import picture_vector, synthetic_frame
from models.enrol import Accepted, enrol_from_photos, judge_photo, make_template, wipe
from models.gates import door_gate, enrolment_gate, rank
from models.photo import LONG_SIDE_MAX_PX, decode_photo

GOOD = Quality(0.95, 60.0, 120.0, 150.0, 0.1, -2.5, 1)
ENGINE = synthetic.open_engine()
WHEN = {"made_ms": 1, "not_after_ms": 2}


def alike(person: str, count: int) -> list[int]:
    """Seeds of pictures of this person that look alike enough to be enrolled together."""
    limit = shipped_calibration("synthetic", synthetic.MODEL_SHA256).consistency_t
    chosen: list[int] = []
    for seed in range(100):
        vectors = [picture_vector(person, other) for other in chosen]
        if all(float(vector @ picture_vector(person, seed)) >= limit for vector in vectors):
            chosen.append(seed)
        if len(chosen) == count:
            break
    return chosen


def photos(person: str = "ada", count: int = 3) -> list[np.ndarray]:
    return [synthetic_frame(person, seed) for seed in alike(person, count)]


def test_three_good_photos_of_one_person_become_one_template():
    made = enrol_from_photos(ENGINE, photos(), **WHEN)
    assert (made.k, made.engine_id, made.embedder_sha256) == (3, "synthetic", ENGINE.info.model_sha256)
    for seed in range(200, 210):
        assert float(made.mean @ picture_vector("ada", seed)) > float(made.mean @ picture_vector("bo", seed))


def test_photos_are_black_after_an_enrolment_whatever_came_of_it():
    good = photos()
    enrol_from_photos(ENGINE, good, **WHEN)
    bad = [*photos(), np.full((240, 320, 3), 90, np.uint8)]
    with pytest.raises(PhotoRefused):
        enrol_from_photos(ENGINE, bad, **WHEN)
    assert not any(photo.any() for photo in [*good, *bad])


def test_memory_that_is_not_ours_to_write_is_left():
    frozen = np.frombuffer(b"\x07" * 12, np.uint8)
    wipe(frozen)
    assert frozen.all()


@pytest.mark.parametrize(
    ("photo", "sentence"),
    [
        (np.full((240, 320, 3), 90, np.uint8), "photo 3: no face was found"),
        (synthetic_frame("ada", 1, beside=("bo",)), "photo 3: more than one face was found"),
        (synthetic_frame("ada", 1, (120, 160)), "photo 3: the face is too small"),
        (synthetic_frame("bo", 1), "photo 3: it does not look like the person in the other photos"),
    ],
    ids=["no-face", "two-faces", "too-small", "somebody-else"],
)
def test_a_photo_that_cannot_be_enrolled_is_named_and_the_remedy_with_it(photo, sentence):
    with pytest.raises(PhotoRefused, match=sentence):
        enrol_from_photos(ENGINE, [*photos(count=2), photo.copy()], **WHEN)


def test_two_photos_of_two_people_are_both_asked_for_again():
    with pytest.raises(PhotoRefused, match="photos 1 and 2 do not look like the same person"):
        enrol_from_photos(ENGINE, [synthetic_frame("ada", 1), synthetic_frame("bo", 1)], **WHEN)


def test_no_photo_and_too_many_photos_are_refused():
    for count in (0, 13):
        with pytest.raises(PhotoRefused, match=f"{count} photos were given"):
            enrol_from_photos(ENGINE, [synthetic_frame("ada", 1)] * count, **WHEN)


def test_of_many_images_the_three_best_that_agree_are_kept():
    images = [
        Accepted(picture_vector("ada", seed), replace(GOOD, detector_score=score))
        for score, seed in zip((0.91, 0.92, 0.93, 0.94), alike("ada", 4), strict=True)
    ]
    odd = Accepted(picture_vector("bo", 1), replace(GOOD, detector_score=0.99))
    made = make_template(ENGINE.info, [odd, *images], **WHEN)
    assert {q.detector_score for q in made.qualities} == {0.92, 0.93, 0.94}


def test_a_camera_image_is_judged_without_being_enrolled():
    assert isinstance(judge_photo(ENGINE, synthetic_frame("ada", 1)), Accepted)
    assert judge_photo(ENGINE, np.zeros((240, 320, 3), np.uint8)) is None
    assert judge_photo(ENGINE, synthetic_frame("ada", 1, beside=("bo",))) == "one_at_a_time"


def test_nobody_is_enrolled_with_an_embedder_that_was_never_measured():
    class Unmeasured(synthetic.Synthetic):
        @property
        def info(self) -> EngineInfo:
            return replace(super().info, calibration=None)

    with pytest.raises(CalibrationMissing):
        enrol_from_photos(Unmeasured(), photos(), **WHEN)


@pytest.mark.parametrize(
    ("change", "at_enrolment", "at_the_door"),
    [
        ({}, None, None),
        ({"faces_in_frame": 2}, "one_at_a_time", "one_at_a_time"),
        ({"faces_in_frame": 0}, "one_at_a_time", "one_at_a_time"),
        ({"interocular_px": 34.9}, "face_too_small", None),
        ({"interocular_px": 24.9}, "face_too_small", "face_too_small"),
        ({"mean_grey": 59.0}, "too_dark", "too_dark"),
        ({"mean_grey": 201.0}, "too_bright", "too_bright"),
        ({"detector_score": 0.89}, "look_at_camera", "look_at_camera"),
    ],
)
def test_the_gates_say_what_a_guest_can_act_on(change, at_enrolment, at_the_door):
    quality = replace(GOOD, **change)
    assert (enrolment_gate(quality), door_gate(quality)) == (at_enrolment, at_the_door)


def test_images_are_ranked_by_detector_score_and_then_by_size():
    blurred, far = replace(GOOD, detector_score=0.93, interocular_px=90.0), replace(GOOD, interocular_px=50.0)
    assert rank(blurred) < rank(far) < rank(GOOD)


def test_a_photo_file_becomes_an_upright_frame_of_bounded_size():
    picture = np.zeros((900, 2600, 3), np.uint8)
    picture[:, :1300] = 255
    frame = decode_photo(cv2.imencode(".png", picture)[1].tobytes(), "selfie.png")
    assert frame.shape == (443, LONG_SIDE_MAX_PX, 3)
    assert frame[:, :600].min() == 255
    assert frame[:, 700:].max() == 0


@pytest.mark.parametrize("data", [b"", b"not a picture", b"\xff\xd8\xff\xe0 half a JPEG"])
def test_a_file_that_is_no_photo_is_refused_by_its_name(data):
    with pytest.raises(PhotoRefused, match=r"cv\.pdf: not a photo"):
        decode_photo(data, "cv.pdf")


def test_a_file_larger_than_a_photo_is_refused_before_it_is_decoded():
    with pytest.raises(PhotoRefused, match="larger than 20 MB"):
        decode_photo(bytes(20_000_001), "film.mp4")
