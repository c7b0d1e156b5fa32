"""The calibration file: what a person or the evaluation writes, checked before anything believes it."""

import hashlib
import tomllib
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from models.engine import EngineError
from models.manifest import Strict

# t, fmr, events, fmr_hi95, fnmr, fnmr_lo95, fnmr_hi95
RowRecord = tuple[float, float, int, float, float, float, float]

# Four enrolment images would need a table of their own; nobody has measured more than twelve.
POLICY_MAX = 12


class Made(Strict):
    at: str
    by: str
    runtime: str
    label: str = Field(description="What this table is, in the words every page shows.")


class Data(Strict):
    name: str
    identities: int = Field(ge=1)
    images: int = Field(ge=1)
    noise_list_sha256: str | None = None
    population: str
    limits: str = Field(description="What this table does not say.")


class PolicyRecord(Strict):
    k: int = Field(ge=1, le=POLICY_MAX)
    m: int = Field(ge=1, le=POLICY_MAX)
    impostor_pairs: int = Field(ge=1)
    impostor_identities: int | None = Field(None, ge=2)
    genuine_pairs: int = Field(ge=1)
    rows: tuple[RowRecord, ...] = Field(min_length=2)
    resolved_fmr: float = Field(gt=0.0, lt=1.0)

    @model_validator(mode="after")
    def _monotone(self) -> "PolicyRecord":
        for before, row in pairwise(self.rows):
            if not (row[0] > before[0] and 0.0 < row[1] <= before[1] < 1.0):
                raise ValueError(
                    f"t must rise and FMR must not, above 0 and below 1; see the row at t = {row[0]}"
                )
        if any(row[3] < row[1] for row in self.rows):
            raise ValueError("an upper bound of FMR lies below its FMR")
        return self


class CalibrationRecord(Strict):
    engine_id: str
    embedder_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    detector_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    score: Literal["cosine", "one_minus_chord"]
    made: Made
    data: Data
    verified_n: int = Field(ge=1, description="The largest N of an open-set run with this table.")
    verified_by: Literal["real", "simulated"]
    margin: float = Field(ge=0.0, lt=1.0)
    consistency_fmr: float = Field(1.7e-5, gt=0.0, lt=1.0)
    continuity_fmr: float = Field(1e-3, gt=0.0, lt=1.0)
    policy: tuple[PolicyRecord, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _distinct(self) -> "CalibrationRecord":
        if len({(policy.k, policy.m) for policy in self.policy}) != len(self.policy):
            raise ValueError("two tables for the same (k, m)")
        return self


def parse_calibration(text: bytes, source: str) -> tuple[CalibrationRecord, str]:
    """The record and the sha256 of the file.

    Raises:
        EngineError: one sentence with the key that cannot be read.
    """
    try:
        record = CalibrationRecord.model_validate(tomllib.loads(text.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise EngineError(f"calibration {source}: not TOML ({error}). Correct the file.") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "policy"
        raise EngineError(f"calibration {source}: {key}: {first['msg']}. Correct the file.") from error
    return record, hashlib.sha256(text).hexdigest()


@cache
def read_tables() -> tuple[tuple[CalibrationRecord, str], ...]:
    """Every shipped table."""
    folder = resources.files("models").joinpath("tables")
    files = sorted(
        (item for item in folder.iterdir() if item.name.endswith(".toml")), key=lambda item: item.name
    )
    return tuple(parse_calibration(item.read_bytes(), item.name) for item in files)
