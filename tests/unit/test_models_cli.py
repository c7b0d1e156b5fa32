"""``gatehouse-models`` answers in tables, and in one sentence when it cannot."""

import pytest
from typer.testing import CliRunner

from models.calibration import DoorThreshold, door_threshold
from models.cli import app
from models.plugins import open_face_engine

RUN = CliRunner()


def said(*arguments: str, status: int = 0) -> str:
    done = RUN.invoke(app, [*arguments], env={"COLUMNS": "200"})
    assert done.exit_code == status, done.output
    return " ".join((done.output + done.stderr).split())


def test_list_shows_every_model_with_licence_and_hash():
    text = said("list")
    for word in (
        "yunet-2023mar-int8bq",
        "sface-2021dec-int8bq",
        "dlib-resnet-v1",
        "dlib-5-point",
        "Apache-2.0",
    ):
        assert word in text
    assert text.count("found, sha256 right") == 5


def test_list_shows_a_file_that_is_not_the_measured_one(tmp_path):
    (tmp_path / "shape_predictor_5_face_landmarks.dat").write_bytes(b"another file")
    text = said("list", "--models-dir", str(tmp_path))
    assert text.count("found, sha256 right") == 4
    assert text.count("wrong sha256") == 1


@pytest.mark.parametrize("engine", ["yunet-sface", "synthetic"])
def test_check_runs_the_self_test_and_prints_the_versions(engine):
    text = said("check", "--engine", engine)
    for word in (engine, "passed", "opencv-python-headless", "numpy", "calibration"):
        assert word in text


def test_check_of_an_unknown_engine_is_one_sentence():
    assert said("check", "--engine", "eigenfaces", status=1).startswith(
        "no face engine is named 'eigenfaces'"
    )


def test_check_with_a_wrong_file_says_what_to_do(tmp_path):
    (tmp_path / "face_recognition_sface_2021dec_int8bq.onnx").write_bytes(b"another file")
    text = said("check", "--engine", "yunet-sface", "--models-dir", str(tmp_path), status=1)
    assert "put the right one back" in text


def test_threshold_prints_t_and_what_it_rests_on():
    table = open_face_engine("yunet-sface").info.calibration
    expected = door_threshold(table, fpir=1e-3, n=100, k=3, m=2)
    assert isinstance(expected, DoorThreshold)
    text = said(
        "threshold", "--engine", "yunet-sface", "--n", "100", "--fpir", "0.001", "--k", "3", "--m", "2"
    )
    for word in (f"{expected.t:.4f}", expected.tail, "LFW", "yunet-sface@"):
        assert word in text


def test_a_refused_threshold_is_a_sentence_and_an_exit_status():
    assert "1:N is refused" in said("threshold", "--engine", "yunet-sface", "--n", "9000", status=1)
