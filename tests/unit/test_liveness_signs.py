"""Planarity, pose, stream, continuity and judge on real clips and on pictures made from them."""

import hashlib

import cv2
import numpy as np
import pytest

from models.attacks.scene import WIDE, flat, noisy, waving
from models.engine import EngineError, WeightsMismatch, WeightsMissing
from models.liveness import judge as judging
from models.liveness import planarity
from models.liveness.continuity import Continuity
from models.liveness.judge import JudgeFile, crop, open_judge
from models.liveness.planarity import (
    GREYS_MAX,
    PAIRS_KEPT,
    PAIRS_MIN,
    REFUSE_BELOW,
    Planarity,
    is_planar,
    is_surely_flat,
    small_grey,
)
from models.liveness.pose import pitch_proxy, yaw_proxy
from models.liveness.stream import REPEATS_MIN, StreamSigns
from models.plugins import open_face_engine

LOOK_S = 0.1
CLIP = "WolfgangLanger_Pexels.mp4"


@pytest.fixture(scope="module")
def engine():
    opened = open_face_engine("yunet-sface")
    opened.warm_up()
    yield opened
    opened.close()


def looks(path, seconds):
    """(t in ns, frame) ten times a second, as a worker would look at it."""
    source = cv2.VideoCapture(str(path))
    fps, number, due = source.get(cv2.CAP_PROP_FPS), 0, 0.0
    while number / fps < seconds:
        ok, frame = source.read()
        if not ok:
            break
        if number / fps >= due - 1e-9:
            due += LOOK_S
            yield round(number / fps * 1e9) + 1, frame
        number += 1
    source.release()


def followed(engine, frames):
    planar = Planarity()
    for t_ns, frame in frames:
        faces = engine.detect(frame)
        if faces:
            grey, scale = small_grey(frame)
            planar.add(grey, tuple(side * scale for side in faces[0].box), t_ns)
    return planar


def waved(engine, path, seconds, seed):
    """One still of the clip, waved before a grey wall."""
    (_, frame) = next(looks(path, 1))
    x, y, w, h = (int(side) for side in engine.detect(frame)[0].box)
    still = np.ascontiguousarray(
        frame[max(0, y - h // 2) : y + h + h // 2, max(0, x - w // 2) : x + w + w // 2]
    )
    dice = np.random.default_rng(seed)
    hand, wall = waving(dice), np.full((360, WIDE, 3), 110, np.uint8)
    for number in range(int(seconds / LOOK_S)):
        yield round(number * LOOK_S * 1e9) + 1, noisy(flat(still, hand.at(number * LOOK_S), wall), dice)


@pytest.mark.clips
@pytest.mark.parametrize("seed", range(3))
def test_a_waved_photo_moves_more_flatly_than_the_person_it_shows(engine, clips, seed):
    person = followed(engine, looks(clips / CLIP, 4))
    photo = followed(engine, waved(engine, clips / CLIP, 4, seed))
    assert min(person.pairs, photo.pairs) >= PAIRS_MIN
    assert photo.residual < person.residual
    assert is_planar(photo.residual, photo.pairs)


@pytest.mark.clips
@pytest.mark.parametrize("name", [CLIP, "single_face.mp4"])
def test_no_three_seconds_of_a_person_are_refused_as_flat(engine, clips, name):
    person = Planarity()
    refused = 0
    for t_ns, frame in looks(clips / name, 20):
        faces = engine.detect(frame)
        if faces:
            grey, scale = small_grey(frame)
            person.add(grey, tuple(side * scale for side in faces[0].box), t_ns)
            refused += is_surely_flat(person.residual, person.pairs)
    assert person.pairs >= PAIRS_MIN
    assert refused == 0


def test_too_few_pairs_never_say_that_a_face_is_flat():
    assert not is_planar(0.1, PAIRS_MIN - 1)
    assert not is_surely_flat(0.1, PAIRS_MIN - 1)
    assert not is_planar(None, 0)
    assert is_surely_flat(REFUSE_BELOW - 0.01, PAIRS_MIN)


def test_what_does_not_move_is_no_pair():
    dice = np.random.default_rng(0)
    still = dice.integers(0, 255, (360, 640), np.uint8)
    assert planarity.pair_residual(still, still.copy(), (200, 80, 200, 200)) is None
    assert planarity.pair_residual(np.full((360, 640), 90, np.uint8), still, (200, 80, 200, 200)) is None


def test_no_more_than_a_handful_of_small_grey_pictures_is_held_and_they_are_overwritten():
    dice = np.random.default_rng(0)
    planar = Planarity()
    greys = [dice.integers(0, 255, (360, 640), np.uint8) for _ in range(30)]
    for number, grey in enumerate(greys):
        planar.add(grey, (200, 80, 200, 200), number * 20_000_000)
        assert sum(bool(kept.any()) for kept in greys[: number + 1]) <= GREYS_MAX
    planar.forget()
    assert not any(grey.any() for grey in greys)
    assert (planar.pairs, planar.residual) == (0, None)


def test_what_a_face_did_long_ago_excuses_nothing():
    planar = Planarity()
    planar.residuals.extend([5.0] * PAIRS_KEPT)
    planar.residuals.extend([0.2] * PAIRS_KEPT)
    assert planar.residual == 0.2


def points(nose=(50, 60), mouth_y=80):
    return np.array([[40, 40], [60, 40], nose, [43, mouth_y], [57, mouth_y]], np.float32)


def test_a_turn_to_the_persons_left_raises_yaw_and_a_head_that_sinks_raises_pitch():
    assert yaw_proxy(points()) == 0
    assert yaw_proxy(points(nose=(57, 60))) == pytest.approx(0.35)
    assert pitch_proxy(points()) == pytest.approx(0.5)
    assert pitch_proxy(points(nose=(50, 68))) == pytest.approx(0.7)


def test_points_that_lie_on_one_another_give_a_finite_number():
    assert abs(yaw_proxy(np.full((5, 2), 7, np.float32))) <= 3
    assert abs(pitch_proxy(np.full((5, 2), 7, np.float32))) <= 3


def test_the_same_picture_again_is_played_and_a_sensors_never_are():
    dice = np.random.default_rng(0)
    living, frozen, looped = StreamSigns(), StreamSigns(), StreamSigns()
    loop = [dice.integers(0, 255, (36, 64), np.uint8) for _ in range(20)]
    for number in range(60):
        living.add(dice.integers(0, 255, (36, 64), np.uint8), number * 100)
        frozen.add(loop[0], number * 100)
        looped.add(loop[number % 20], number * 100)
    assert (living.frozen, frozen.frozen, looped.frozen) == (False, True, True)
    frozen.forget()
    assert not frozen.frozen


def test_time_that_does_not_go_on_is_no_sensors():
    dice = np.random.default_rng(0)
    stuck = StreamSigns()
    for _ in range(REPEATS_MIN + 1):
        stuck.add(dice.integers(0, 255, (36, 64), np.uint8), 5)
    assert stuck.frozen


def test_another_face_another_place_or_no_vector_is_not_followed():
    info = open_face_engine("yunet-sface").info
    dice = np.random.default_rng(0)
    me, you = (row / np.linalg.norm(row) for row in dice.normal(size=(2, info.dim)).astype(np.float32))
    held = Continuity(info, me, (100, 100, 80, 90))
    assert held.follows((110, 100, 80, 90), me)
    assert not held.follows((110, 100, 80, 90), you)
    assert not held.follows((400, 100, 80, 90), me)
    assert not held.follows((110, 100, 80, 90), None)


# --- the passive judge ------------------------------------------------------------------------------------------


def test_without_files_there_is_no_judge():
    assert open_judge([]) is None


def test_a_judge_whose_bytes_are_not_the_named_ones_is_refused(tmp_path):
    path = tmp_path / "judge.onnx"
    path.write_bytes(b"not the file that was meant")
    with pytest.raises(WeightsMismatch, match=r"judge\.onnx: sha256"):
        open_judge([JudgeFile(path, "0" * 64, 2.7)])
    with pytest.raises(WeightsMissing, match=r"gone\.onnx"):
        open_judge([JudgeFile(tmp_path / "gone.onnx", "0" * 64, 2.7)])


def test_a_file_that_is_no_network_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "judge.onnx"
    path.write_bytes(b"\x08\x07" + b"nothing of the kind")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(EngineError, match="MiniFASNet"):
        open_judge([JudgeFile(path, sha256, 2.7)])


@pytest.mark.parametrize("box", [(0, 0, 60, 80), (580, 280, 60, 80), (300, 150, 40, 50), (0, 0, 640, 360)])
@pytest.mark.parametrize("scale", [2.7, 4.0])
def test_a_crop_lies_in_the_frame_wherever_the_face_is(box, scale):
    frame = np.arange(360 * 640 * 3, dtype=np.uint8).reshape(360, 640, 3)
    assert crop(frame, box, scale).shape == (judging.SIDE_PX, judging.SIDE_PX, 3)


def test_the_shares_of_the_classes_sum_to_one():
    assert judging.softmax(np.array([1.0, 1000.0, -5.0])).sum() == pytest.approx(1)


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def part(number, body):
    """One field of a protobuf: bytes and texts by length, whole numbers as they are."""
    if isinstance(body, int):
        return varint(number << 3) + varint(body)
    body = body.encode() if isinstance(body, str) else body
    return varint(number << 3 | 2) + varint(len(body)) + body


def tensor(name, dims):
    shape = b"".join(part(1, part(1, dim)) for dim in dims)
    return part(1, name) + part(2, part(1, part(1, 1) + part(2, shape)))


def network_of_mean_colours():
    """The smallest ONNX file with three classes: how blue, how green, how red."""
    node = part(1, "x") + part(2, "y") + part(4, "GlobalAveragePool")
    graph = part(1, node) + part(2, "g") + part(11, tensor("x", (1, 3, 80, 80)))
    graph += part(12, tensor("y", (1, 3, 1, 1)))
    return part(1, 7) + part(7, graph) + part(8, part(1, "") + part(2, 13))


def test_a_judge_of_the_named_bytes_answers_with_the_share_of_the_class_real(tmp_path):
    path = tmp_path / "judge.onnx"
    path.write_bytes(network_of_mean_colours())
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    opened = open_judge([JudgeFile(path, sha256, 2.7), JudgeFile(path, sha256, 4.0)])
    green, grey = np.full((360, 640, 3), 90, np.uint8), np.full((360, 640, 3), 90, np.uint8)
    green[..., judging.REAL] = 120
    assert opened.real(green, (200, 100, 80, 90)) > 0.99
    assert opened.real(grey, (200, 100, 80, 90)) == pytest.approx(1 / 3)
