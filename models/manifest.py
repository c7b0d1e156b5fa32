"""Which weight files there are, where they may lie, and whether they are the ones that were measured.

The bytes that are checked are the bytes that are used: ``find_weights`` reads a file once and hands over what
it hashed.  A carrier package is located by its metadata; its code is never imported.
"""

import hashlib
import tomllib
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.engine import EngineError, WeightsMismatch, WeightsMissing


class Strict(BaseModel):
    """People write these: a key we do not know is a typing error, not an extension."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Carrier(Strict):
    distribution: str
    version: str = Field(description="The version that was looked at; the sha256 decides, not this.")
    path: str = Field(description="Relative to the place where the distribution is installed.")


class ModelInput(Strict):
    name: str
    layout: Literal["NCHW", "NHWC"]
    size: tuple[int, int]
    channels: Literal["RGB", "BGR"]
    scale: float
    mean: tuple[float, float, float]


class ModelOutput(Strict):
    dim: int = Field(ge=8, le=4096)
    normalise: bool


class ModelRecord(Strict):
    id: str
    role: Literal["detector", "embedder", "landmarks", "pad"]
    file: str
    bytes: int = Field(gt=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    licence: str
    origin: str
    carrier: Carrier | None = None
    path: Path | None = Field(None, description="A site's own file, in place of a carrier.")
    input: ModelInput | None = None
    output: ModelOutput | None = None
    chip: Literal["arcface-112", "dlib-150", "crop-2.7-80", "crop-4.0-80"] | None = None
    calibration: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "ModelRecord":
        if (self.carrier is None) == (self.path is None):
            raise ValueError("a model names either a carrier or a path")
        return self


class Manifest(Strict):
    model: tuple[ModelRecord, ...]


def parse_manifest(text: str) -> tuple[ModelRecord, ...]:
    """The records of a manifest.

    Raises:
        EngineError: one sentence with the key that cannot be read.
    """
    try:
        return Manifest.model_validate(tomllib.loads(text)).model
    except tomllib.TOMLDecodeError as error:
        raise EngineError(f"model manifest: not TOML ({error}). Correct the file.") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise EngineError(f"model manifest: {key}: {first['msg']}. Correct or remove the key.") from error


@cache
def shipped_models() -> tuple[ModelRecord, ...]:
    """The manifest of this package."""
    return parse_manifest(resources.files("models").joinpath("manifest.toml").read_text("utf-8"))


def model_record(model_id: str) -> ModelRecord:
    """The shipped record of this id; a KeyError is a mistake in an engine."""
    return {record.id: record for record in shipped_models()}[model_id]


def places(record: ModelRecord, models_dir: Path | None) -> tuple[Path, ...]:
    """Where the file may lie, best first."""
    found: list[Path] = [models_dir / record.file] if models_dir is not None else []
    if record.path is not None:
        found.append(record.path)
    if record.carrier is not None:
        try:
            carrier = metadata.distribution(record.carrier.distribution)
        except metadata.PackageNotFoundError:
            return tuple(found)
        found.append(Path(str(carrier.locate_file(record.carrier.path))))
    return tuple(found)


def find_weights(record: ModelRecord, models_dir: Path | None) -> bytes:
    """The bytes of the first file found, read once and proven to be the measured ones.

    Raises:
        WeightsMissing, WeightsMismatch.
    """
    for path in places(record, models_dir):
        try:
            data = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise EngineError(
                f"model {record.id}: {path} cannot be read ({error.strerror}). Correct its permissions."
            ) from error
        found = hashlib.sha256(data).hexdigest()
        if found != record.sha256:
            raise WeightsMismatch(record.id, record.sha256, found)
        return data
    raise WeightsMissing(record.id, _looked_in(record, models_dir))


def _looked_in(record: ModelRecord, models_dir: Path | None) -> list[str]:
    named = [str(models_dir)] if models_dir is not None else []
    if record.path is not None:
        named.append(str(record.path))
    if record.carrier is not None:
        named.append(f"package {record.carrier.distribution} {record.carrier.version}")
    return named
