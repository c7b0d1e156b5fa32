"""``synthetic``: people who are only a name, for simulations and tests; no face, no network, no file.

A synthetic frame carries names and noise seeds in its first pixels.  Each person is a direction in R^128; each
picture of them is that direction with noise, so that scores spread like SFace's on LFW (genuine 0.658 ± 0.115,
impostor 0.084 ± 0.092).  It says of itself that it is simulated, and a node that is not a simulation refuses it.
"""

import hashlib
import json
import math
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.calibration import shipped_calibration
from models.engine import (
    Chip,
    EmbeddingInvalid,
    Embeddings,
    EngineInfo,
    Face,
    Frame,
    FrameInvalid,
    Quality,
    Vector,
)
from models.selftest import check_golden, golden_vectors
from models.vectors import cosine_score, unit_rows
from models.yunet import check_frame

ENGINE_ID = "synthetic"
MODEL_SHA256 = hashlib.sha256(b"gatehouse synthetic people 1").hexdigest()
DIM = 128
CHIP_SHAPE = (16, 24, 3)  # room for a name of 255 bytes and a seed
MAGIC = b"GHSY"
HEADER_BYTES = len(MAGIC) + 2
GREY = 118  # passes the darkness gate
DETECTOR_SCORE = 0.95  # passes the detector gate
PEOPLE_MAX = 4
PEOPLE_KEPT = 10_000  # a community with its residents: 10 MB

# Cosine 0.128 between two people's directions makes the impostor mean 0.084 after both pictures' noise.
COMMON_SHARE = 0.128
# A picture's closeness to its person is the logistic of a normal variate: mean 0.81, sd 0.09, a long lower tail.
CLOSENESS_MU, CLOSENESS_SIGMA = 1.56, 0.62


def _normals(name: str, count: int) -> NDArray[np.float64]:
    """Standard normal variates that depend on the name alone; from raw bits, which no numpy version changes."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "big")
    raw = np.random.PCG64(seed).random_raw(2 * count)
    uniform = ((raw >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
    radius = np.sqrt(-2.0 * np.log(uniform[:count]))
    return np.asarray(radius * np.cos(2.0 * np.pi * uniform[count:]), dtype=np.float64)


def _unit(row: NDArray[np.float64]) -> NDArray[np.float64]:
    return row / float(np.linalg.norm(row))


@lru_cache(maxsize=PEOPLE_KEPT)
def person_direction(person: str) -> NDArray[np.float64]:
    """Where this person's pictures gather; read-only."""
    common = _unit(_normals("everybody", DIM))
    own = _unit(_normals(f"person {person}", DIM))
    direction = _unit(math.sqrt(COMMON_SHARE) * common + math.sqrt(1.0 - COMMON_SHARE) * own)
    direction.setflags(write=False)
    return direction


def picture_vector(person: str, seed: int) -> Vector:
    """The embedding of one picture; the same person and seed give the same vector for ever."""
    mean = person_direction(person)
    variates = _normals(f"picture {seed} of {person}", DIM + 1)
    closeness = 1.0 / (1.0 + math.exp(-(CLOSENESS_MU + CLOSENESS_SIGMA * variates[0])))
    noise = variates[1:] - mean * float(variates[1:] @ mean)
    row = closeness * mean + math.sqrt(1.0 - closeness**2) * _unit(noise)
    vector: Vector = unit_rows(row[np.newaxis])[0]
    return vector


def synthetic_frame(
    person: str, seed: int, size: tuple[int, int] = (240, 320), *, beside: Sequence[str] = ()
) -> Frame:
    """A grey frame (height, width) that shows ``person`` largest and the others beside them."""
    people = (person, *beside)
    if len(people) > PEOPLE_MAX:
        raise ValueError(f"a synthetic frame shows at most {PEOPLE_MAX} people, not {len(people)}")
    return _written([[who, seed] for who in people], (*size, 3))


def _written(people: Sequence[Sequence[str | int]], shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    text = json.dumps(list(people), ensure_ascii=False, separators=(",", ":")).encode()
    payload = MAGIC + len(text).to_bytes(2, "big") + text
    picture = np.full(shape, GREY, dtype=np.uint8)
    if len(payload) > picture.size:
        raise ValueError(f"{len(payload)} bytes of names do not fit into a picture of {shape}")
    picture.reshape(-1)[: len(payload)] = np.frombuffer(payload, dtype=np.uint8)
    return picture


def _read(picture: NDArray[np.uint8]) -> list[tuple[str, int]]:
    """Who is in the picture; empty for any picture that is not one of ours."""
    flat = picture.reshape(-1)
    header = flat[:HEADER_BYTES].tobytes()
    if header[: len(MAGIC)] != MAGIC:
        return []
    end = HEADER_BYTES + int.from_bytes(header[len(MAGIC) :], "big")
    try:
        return [(str(who), int(seed)) for who, seed in json.loads(flat[HEADER_BYTES:end].tobytes())]
    except (ValueError, TypeError):
        return []


class Synthetic:
    """The FaceEngine promise without faces."""

    def __init__(self) -> None:
        self._info = EngineInfo(
            engine_id=ENGINE_ID,
            model_sha256=MODEL_SHA256,
            detector_sha256=MODEL_SHA256,
            dim=DIM,
            score="cosine",
            calibration=shipped_calibration(ENGINE_ID, MODEL_SHA256),
            licence="Apache-2.0",
            simulated=True,
        )

    @property
    def info(self) -> EngineInfo:
        return self._info

    def warm_up(self) -> float:
        begun = time.perf_counter()
        chips = [_written([["golden", seed]], CHIP_SHAPE) for seed in (1, 2)]
        check_golden(ENGINE_ID, self.embed, chips, golden_vectors(ENGINE_ID))
        return time.perf_counter() - begun

    def detect(self, frame: Frame) -> list[Face]:
        check_frame(frame)
        return [_face(frame, place) for place in range(len(_read(frame)))]

    def align(self, frame: Frame, face: Face) -> Chip:
        people = _read(frame)
        place = int(face.box[0] // (frame.shape[1] / PEOPLE_MAX))
        if place >= len(people):
            raise FrameInvalid("this face is not in this synthetic frame; align the frame it was found in.")
        return _written([people[place]], CHIP_SHAPE)

    def embed(self, chips: Sequence[Chip]) -> Embeddings:
        if not chips:
            return np.empty((0, DIM), dtype=np.float32)
        return np.stack([_embedded(chip) for chip in chips])

    def quality(self, frame: Frame, face: Face, chip: Chip, *, faces_in_frame: int) -> Quality:  # noqa: ARG002 - the promise is wider than this engine needs
        x, y, w, h = (int(value) for value in face.box)
        region = frame[y : y + h, x : x + w]
        return Quality(
            detector_score=face.score,
            interocular_px=float(face.landmarks[1, 0] - face.landmarks[0, 0]),
            mean_grey=float(region.mean()),
            sharpness=float(region.var()),
            yaw_proxy=0.0,
            roll_deg=0.0,
            faces_in_frame=faces_in_frame,
        )

    def similarity(self, cosine: float) -> float:
        return cosine_score(cosine)

    def close(self) -> None:
        """Nothing is held."""


def _embedded(chip: Chip) -> Vector:
    people = _read(chip)
    if len(people) != 1:
        raise EmbeddingInvalid("this chip was not made by the synthetic engine; it has no vector.")
    return picture_vector(*people[0])


def _face(frame: Frame, place: int) -> Face:
    """The first is the largest; each stands in its own quarter of the width, below the written rows."""
    height, width = frame.shape[:2]
    quarter = width / PEOPLE_MAX
    w = quarter * (1.0 - 0.1 * place)
    box = (place * quarter, height / 4, w, height / 2)
    shares = np.array([[0.1, 0.3], [0.9, 0.3], [0.5, 0.5], [0.3, 0.8], [0.7, 0.8]])
    points = (np.array(box[:2]) + shares * np.array(box[2:])).astype(np.float32)
    return Face(box, points, DETECTOR_SCORE)


def open_engine(*, models_dir: Path | None = None) -> Synthetic:  # noqa: ARG001 - it has no weights to look for
    """The engine; it needs nothing."""
    return Synthetic()
