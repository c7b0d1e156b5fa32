"""Every face engine passes this; a new engine adds one line to ``RIGS``."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.calibration import DoorThreshold, door_threshold
from models.engine import (
    EmbeddingInvalid,
    EngineError,
    FaceEngine,
    Frame,
    FrameInvalid,
    PhotoRefused,
    SelfTestFailed,
    WeightsMismatch,
)
from models.engines import face_recognition, synthetic, yunet_sface
from models.enrol import enrol_from_photos
from models.gallery import Gallery
from models.gates import door_gate
from models.plugins import engine_names, open_face_engine
from models.selftest import check_golden, drawn_chips, golden_vectors
from models.track import Fused, Tracker
from models.vectors import unit_rows


def drawn_frame(height: int = 480, width: int = 640, *, beside: bool = False) -> Frame:
    """A drawn, softened face on grey, which YuNet takes for a good one; ``beside`` adds a smaller second one."""
    frame = np.full((height, width, 3), 90, np.uint8)
    scale = width // 640
    for side, left in ((200, 60), (150, 400))[: 2 if beside else 1]:
        rows, columns = (slice(start * scale, (start + side) * scale) for start in (100, left))
        frame[rows, columns] = drawn_chips(side * scale)[0]
    return np.ascontiguousarray(cv2.GaussianBlur(frame, (16 * scale - 1, 16 * scale - 1), 0))


def synthetic_people(height: int = 480, width: int = 640, *, beside: bool = False) -> Frame:
    return synthetic.synthetic_frame("ada", 7, (height, width), beside=("bo",) if beside else ())


@dataclass(frozen=True)
class Rig:
    engine: FaceEngine
    frame: Callable[..., Frame]


RIGS = [
    (yunet_sface.open_engine, drawn_frame),
    (face_recognition.open_engine, drawn_frame),
    (synthetic.open_engine, synthetic_people),
]


@pytest.fixture(scope="module", params=RIGS, ids=lambda rig: rig[0].__module__.rsplit(".", 1)[-1])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    opener, frame = request.param
    engine = opener()
    engine.warm_up()
    yield Rig(engine, frame)
    engine.close()


def chips_of(rig: Rig) -> list[Frame]:
    frame = rig.frame(beside=True)
    return [rig.engine.align(frame, face) for face in rig.engine.detect(frame)]


def test_every_engine_is_found_by_its_own_name():
    assert set(engine_names()) >= {"yunet-sface", "face_recognition", "synthetic"}
    for name in ("yunet-sface", "face_recognition", "synthetic"):
        assert open_face_engine(name).info.engine_id == name


def test_an_unknown_engine_is_named_with_the_installed_ones():
    with pytest.raises(EngineError, match=r"no face engine is named 'eigenfaces'\. Installed: .*yunet-sface"):
        open_face_engine("eigenfaces")


def test_an_engine_brings_the_table_of_its_own_embedder(rig):
    info = rig.engine.info
    assert info.calibration is not None
    assert info.calibration.embedder_sha256 == info.model_sha256
    assert info.calibration.detector_sha256 == info.detector_sha256
    assert info.calibration.score == info.score


def test_only_the_synthetic_engine_says_it_is_simulated(rig):
    assert rig.engine.info.simulated == (rig.engine.info.engine_id == "synthetic")


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (480, 640), (2160, 3840), (32, 4000)])
def test_a_frame_without_a_face_has_no_faces(rig, size):
    assert rig.engine.detect(np.zeros((*size, 3), np.uint8)) == []


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((480, 640, 3), np.float32),
        np.zeros((480, 640), np.uint8),
        np.zeros((480, 640, 4), np.uint8),
        np.zeros((0, 640, 3), np.uint8),
        np.zeros((16, 16, 3), np.uint8),
        np.zeros((480, 640, 3), np.uint8)[:, ::-1],
        np.zeros((960, 640, 3), np.uint8)[::2],
    ],
    ids=["float", "grey", "four-channels", "empty", "too-small", "mirrored-view", "every-second-row"],
)
def test_a_frame_of_the_wrong_kind_is_the_cameras_fault(rig, frame):
    with pytest.raises(FrameInvalid):
        rig.engine.detect(frame)


def test_faces_come_largest_first_and_lie_in_the_frame(rig):
    faces = rig.engine.detect(rig.frame(beside=True))
    areas = [face.box[2] * face.box[3] for face in faces]
    assert len(faces) == 2
    assert areas == sorted(areas, reverse=True)
    for face in faces:
        x, y, w, h = face.box
        assert (x >= 0, y >= 0, x + w <= 640, y + h <= 480) == (True,) * 4
        assert face.landmarks.shape == (5, 2)
        assert face.landmarks[0, 0] < face.landmarks[1, 0]
        assert 0.0 <= face.score <= 1.0


def test_coordinates_are_the_callers_whatever_the_engine_scaled(rig):
    (small,) = rig.engine.detect(rig.frame(480, 640))
    (large,) = rig.engine.detect(rig.frame(960, 1280))
    assert np.allclose(np.array(large.box), 2 * np.array(small.box), atol=12)
    assert np.allclose(large.landmarks, 2 * small.landmarks, atol=12)


def test_a_good_face_passes_the_door_gate_and_says_why_it_does(rig):
    frame = rig.frame()
    (face,) = rig.engine.detect(frame)
    chip = rig.engine.align(frame, face)
    quality = rig.engine.quality(frame, face, chip, faces_in_frame=1)
    assert door_gate(quality) is None
    assert quality.detector_score == face.score
    eyes = face.landmarks[1] - face.landmarks[0]
    assert quality.interocular_px == pytest.approx(float(np.hypot(*eyes)), rel=1e-3)
    assert abs(quality.roll_deg) < 5


def test_a_chip_owns_its_memory(rig):
    frame = rig.frame()
    before = frame.copy()
    rig.engine.align(frame, rig.engine.detect(frame)[0]).fill(0)
    assert np.array_equal(frame, before)


def test_a_photo_without_a_face_or_with_two_is_not_enrolled(rig):
    nobody = np.zeros((480, 640, 3), np.uint8)
    with pytest.raises(PhotoRefused, match="photo 1: no face was found"):
        enrol_from_photos(rig.engine, [nobody], made_ms=0, not_after_ms=1)
    with pytest.raises(PhotoRefused, match="photo 2: more than one face was found"):
        enrol_from_photos(rig.engine, [rig.frame(), rig.frame(beside=True)], made_ms=0, not_after_ms=1)


def test_no_chips_give_no_vectors(rig):
    assert rig.engine.embed([]).shape == (0, rig.engine.info.dim)


def test_vectors_are_unit_rows_in_the_order_of_the_chips(rig):
    chips = chips_of(rig)
    together = rig.engine.embed(chips)
    assert together.dtype == np.float32
    assert together.flags.c_contiguous
    assert together.shape == (2, rig.engine.info.dim)
    assert np.allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-4)
    alone = np.concatenate([rig.engine.embed([chip]) for chip in chips])
    assert np.array_equal(together, alone)
    assert np.array_equal(rig.engine.embed(chips[::-1]), together[::-1])


def test_the_declared_score_rises_with_the_cosine(rig):
    scores = [rig.engine.similarity(cosine) for cosine in np.linspace(-1, 1, 41)]
    assert scores == sorted(scores)
    assert rig.engine.similarity(1.0) == 1.0
    assert rig.engine.similarity(1.0000001) == pytest.approx(1.0, abs=1e-6)


def test_warming_up_and_closing_can_be_repeated(rig):
    other = open_face_engine(rig.engine.info.engine_id)
    assert other.warm_up() >= 0.0
    assert other.warm_up() >= 0.0
    other.close()
    other.close()


@pytest.mark.parametrize("name", ["yunet-sface", "face_recognition"])
def test_an_engine_that_was_not_proven_refuses_to_look(name):
    engine = open_face_engine(name)
    with pytest.raises(EngineError, match="call warm_up first"):
        engine.detect(drawn_frame())
    with pytest.raises(EngineError, match="call warm_up first"):
        engine.embed([drawn_chips(112)[0]])


@pytest.mark.parametrize("name", ["yunet-sface", "face_recognition"])
def test_a_wrong_file_in_the_configured_folder_is_refused_by_its_hash(name, tmp_path):
    (tmp_path / "face_detection_yunet_2023mar_int8bq.onnx").write_bytes(b"another network")
    with pytest.raises(WeightsMismatch, match="yunet-2023mar-int8bq"):
        open_face_engine(name, models_dir=tmp_path).warm_up()


@pytest.mark.parametrize(("module", "side"), [(yunet_sface, 112), (face_recognition, 300)])
def test_swapped_colour_channels_fail_the_self_test(module, side):
    engine = module.open_engine()
    engine.warm_up()
    golden = golden_vectors(module.ENGINE_ID)
    check_golden(module.ENGINE_ID, engine.embed, drawn_chips(side), golden)
    swapped = [np.ascontiguousarray(chip[:, :, ::-1]) for chip in drawn_chips(side)]
    with pytest.raises(SelfTestFailed, match="both chips in one call"):
        check_golden(module.ENGINE_ID, engine.embed, swapped, golden)


@pytest.mark.parametrize("module", [yunet_sface, face_recognition])
def test_an_engine_that_failed_its_self_test_stays_unusable(module, monkeypatch):
    monkeypatch.setattr(module, "golden_vectors", lambda engine_id: -golden_vectors(engine_id))
    engine = module.open_engine()
    with pytest.raises(SelfTestFailed, match="Face stays off"):
        engine.warm_up()
    with pytest.raises(EngineError, match="not loaded"):
        engine.detect(drawn_frame())


def test_golden_vectors_are_those_of_the_engines_own_embedder(rig):
    info = rig.engine.info
    golden = resources.files("models").joinpath("golden", f"{info.engine_id}.json")
    assert json.loads(golden.read_text("utf-8"))["embedder_sha256"] == info.model_sha256


def test_a_runtime_that_spoils_the_second_row_of_a_batch_fails_the_self_test():
    engine = yunet_sface.open_engine()
    engine.warm_up()

    def spoiled(chips):
        rows = engine.embed(chips)
        rows[1:] = np.nan
        return rows

    with pytest.raises(SelfTestFailed, match="both chips in one call"):
        check_golden("yunet-sface", spoiled, drawn_chips(112), golden_vectors("yunet-sface"))


def test_a_row_without_length_or_not_finite_is_invalid():
    for bad in (0.0, np.nan, np.inf):
        with pytest.raises(EmbeddingInvalid, match="embedding 1 of 2"):
            unit_rows(np.array([[1.0, 0.0], [bad, bad]]))


def test_a_foreign_chip_has_no_synthetic_vector():
    with pytest.raises(EmbeddingInvalid):
        synthetic.open_engine().embed([np.zeros((16, 24, 3), np.uint8)])


# --- the owner's library -----------------------------------------------------------------------------------------


def directly_by_dlib(frame: Frame, square: tuple[int, int, int]) -> np.ndarray:
    """The vector of the square in the whole frame, without face_recognition and without our crop."""
    import dlib
    import face_recognition_models as files

    left, top, side = square
    picture = np.ascontiguousarray(frame[:, :, ::-1])
    shape = dlib.shape_predictor(_in_package(files, "shape_predictor_5_face_landmarks.dat"))(
        picture, dlib.rectangle(left, top, left + side, top + side)
    )
    network = dlib.face_recognition_model_v1(_in_package(files, "dlib_face_recognition_resnet_model_v1.dat"))
    vector = np.array(network.compute_face_descriptor(picture, shape, 0))
    return vector / np.linalg.norm(vector)


def _in_package(package, name: str) -> str:
    return str(Path(package.__file__).parent / "models" / name)


def assert_same_as_dlib(frame: Frame) -> None:
    engine = face_recognition.open_engine()
    engine.warm_up()
    face = engine.detect(frame)[0]
    (ours,) = engine.embed([engine.align(frame, face)])
    assert np.allclose(ours, directly_by_dlib(frame, face_recognition.hog_square(face)), atol=1e-5)


def test_face_recognition_gives_the_vectors_of_dlib_called_directly():
    assert_same_as_dlib(drawn_frame())


@pytest.mark.clips
def test_face_recognition_gives_the_vectors_of_dlib_on_a_filmed_face(clips):
    clip = cv2.VideoCapture(str(clips / "single_face.mp4"))
    read, frame = clip.read()
    assert read, "the clips are brought by the demo's set-up"
    assert_same_as_dlib(np.ascontiguousarray(frame))


@pytest.mark.clips
@pytest.mark.parametrize("name", ["yunet-sface", "face_recognition"])
def test_a_filmed_guest_is_named_seconds_later_and_other_people_are_not(name, clips):
    engine = open_face_engine(name)
    engine.warm_up()
    walk = frames_of(clips / "WolfgangLanger_Pexels.mp4")
    template = enrol_from_photos(engine, [walk[i] for i in (180, 216, 252)], made_ms=0, not_after_ms=1)
    people = Gallery.build([("guest", template.mean)], version=1, similarity=engine.similarity)
    limit = door_threshold(engine.info.calibration, fpir=1e-3, n=len(people), k=template.k, m=3)
    assert isinstance(limit, DoorThreshold)
    fused = tracked(engine, walk[380:440:8], people)
    assert (fused.best, fused.m, fused.agreeing) == ("guest", 3, 5)
    assert fused.score >= limit.t
    stranger = tracked(engine, frames_of(clips / "single_face.mp4")[::8], people)
    assert stranger.m == 3
    assert stranger.score < limit.t - 0.2


def frames_of(clip: Path) -> list[Frame]:
    video = cv2.VideoCapture(str(clip))
    frames = []
    while (answer := video.read())[0]:
        frames.append(np.ascontiguousarray(answer[1]))
    return frames


def tracked(engine: FaceEngine, frames: list[Frame], people: Gallery) -> Fused:
    """What one track of these frames, a third of a second apart, says at the end."""
    tracker = Tracker.for_engine(engine.info)
    for place, frame in enumerate(frames):
        faces = engine.detect(frame)
        chip = engine.align(frame, faces[0])
        quality = engine.quality(frame, faces[0], chip, faces_in_frame=1)
        assert door_gate(quality) is None
        track = tracker.observe(place * 333_000_000, faces[0].box, engine.embed([chip])[0], quality)
    return tracker.fused(track, people)


def test_a_crop_that_leaves_the_frame_repeats_its_border():
    frame = np.ascontiguousarray(drawn_frame()[110:, 80:])
    engine = face_recognition.open_engine()
    engine.warm_up()
    face = engine.detect(frame)[0]
    _, top, side = face_recognition.hog_square(face)
    chip = engine.align(frame, face)
    assert chip.shape == (2 * side, 2 * side, 3)
    over = side // 2 - top
    assert over > 0, "the face must be near the upper border for this test to mean anything"
    assert np.array_equal(chip[:over], np.broadcast_to(chip[over], chip[:over].shape))
    assert engine.embed([chip]).shape == (1, 128)


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=180)


def test_the_68_point_predictor_is_never_loaded():
    done = run_python(
        "from models.engines.face_recognition import open_engine\n"
        "import dlib, numpy as np\n"
        "real = dlib.shape_predictor\n"
        "sizes = []\n"
        "dlib.shape_predictor = lambda path: (sizes.append(open(path, 'rb').seek(0, 2)), real(path))[1]\n"
        "open_engine().warm_up()\n"
        "print(sorted(set(sizes)))\n"
    )
    assert done.stdout.strip() == "[9150489]", done.stderr


def test_a_library_that_was_imported_before_with_its_own_files_is_refused():
    done = run_python(
        "import face_recognition\n"
        "from models.engine import EngineError\n"
        "from models.engines.face_recognition import open_engine\n"
        "try:\n    open_engine().warm_up()\n"
        "except EngineError as error:\n    print(error)\n"
    )
    assert "already imported" in done.stdout, done.stderr


def test_a_missing_library_is_one_clear_sentence():
    done = run_python(
        "import sys\n"
        "sys.modules['dlib'] = None\n"
        "from models.engine import EngineError\n"
        "from models.engines.face_recognition import open_engine\n"
        "try:\n    open_engine()\n"
        "except EngineError as error:\n    print(error)\n"
    )
    assert done.stdout.startswith("engine face_recognition: dlib is not installed. Install"), done.stderr


# --- the synthetic people ----------------------------------------------------------------------------------------


def test_synthetic_people_score_like_the_sface_people_they_stand_for():
    first = np.stack([synthetic.picture_vector(f"q{who}", 1) for who in range(500)])
    second = np.stack([synthetic.picture_vector(f"q{who}", 2) for who in range(500)])
    scores = first @ second.T
    genuine = np.diag(scores)
    impostor = scores[~np.eye(500, dtype=bool)]
    assert genuine.mean() == pytest.approx(0.658, abs=0.02)
    assert genuine.std() == pytest.approx(0.115, abs=0.015)
    assert impostor.mean() == pytest.approx(0.084, abs=0.01)
    assert impostor.std() == pytest.approx(0.092, abs=0.005)


def test_a_synthetic_picture_is_the_same_for_ever():
    frame = synthetic.synthetic_frame("zoë 曾", 3)
    engine = synthetic.open_engine()
    (face,) = engine.detect(frame)
    (vector,) = engine.embed([engine.align(frame, face)])
    assert np.array_equal(vector, synthetic.picture_vector("zoë 曾", 3))
    assert not np.array_equal(vector, synthetic.picture_vector("zoë 曾", 4))
