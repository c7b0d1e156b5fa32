"""Arithmetic that every engine shares: unit rows, means, and the two declared score maps."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.engine import EmbeddingInvalid, Embeddings, Vector

Similarity = Callable[[float], float]
ScoreName = Literal["cosine", "one_minus_chord"]


def cosine_score(cosine: float) -> float:
    """The cosine itself."""
    return cosine


def one_minus_chord(cosine: float) -> float:
    """1 − ‖a − b‖ of two unit vectors with this cosine; rounding above 1 counts as 1."""
    return 1.0 - math.sqrt(max(0.0, 2.0 - 2.0 * cosine))


SCORES: Mapping[ScoreName, Similarity] = {"cosine": cosine_score, "one_minus_chord": one_minus_chord}


def unit_rows(raw: NDArray[np.floating]) -> Embeddings:
    """Every row divided by its length, float32 and C-contiguous.

    Raises:
        EmbeddingInvalid: a row is not finite or has no length.
    """
    lengths = np.linalg.norm(raw, axis=1, keepdims=True)
    bad = np.flatnonzero(~np.isfinite(lengths[:, 0]) | (lengths[:, 0] <= 0.0))
    if bad.size:
        raise EmbeddingInvalid(
            f"embedding {int(bad[0])} of {len(raw)} is not finite or has no length; the frame is dropped."
        )
    return np.ascontiguousarray(raw / lengths, dtype=np.float32)


def mean_vector(vectors: Iterable[Vector]) -> Vector:
    """The normalised mean; sums in double precision so that the order of the vectors does not matter.

    Raises:
        EmbeddingInvalid: the vectors cancel out.
    """
    total = np.stack(list(vectors)).astype(np.float64).sum(axis=0, keepdims=True)
    row: Vector = unit_rows(total)[0]
    return row
