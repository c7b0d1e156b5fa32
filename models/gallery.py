"""Who may be recognised at a door: one unit row per person, one product per look.

A gallery is never changed: a new one is built and put in its place, so a look in flight keeps the old one for at
most one frame.  Rows carry a pass id and nothing else; N, from which the threshold follows, is ``len``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from models.engine import EmbeddingInvalid, Embeddings, Vector
from models.vectors import Similarity

# Rows and probes are unit vectors to within what float32 and a mean can lose; anything else is a mistake.
LENGTH_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Match:
    """The nearest person and the runner-up; nobody when the gallery is empty.

    ``margin`` is the lead over the best row of another person; alone in the gallery, it is the lead over the
    least possible score, which every margin rule accepts.
    """

    best: str | None
    score: float
    other: str | None
    margin: float


class Gallery:
    """An immutable matrix, float32 and C-contiguous, with one row per person."""

    __slots__ = ("_ids", "_rows", "_similarity", "version")

    def __init__(self, ids: tuple[str, ...], rows: Embeddings, version: int, similarity: Similarity) -> None:
        self._ids = ids
        self._rows = rows
        self._similarity = similarity
        self.version = version

    @classmethod
    def build(cls, rows: Sequence[tuple[str, Vector]], *, version: int, similarity: Similarity) -> Self:
        """A gallery of these people; the caller gives each person one row, whatever passes they hold.

        Raises:
            EmbeddingInvalid: a row is not a finite unit vector, or its length differs from the others'.
            ValueError: a pass id stands twice.
        """
        ids = tuple(pass_id for pass_id, _ in rows)
        if len(set(ids)) != len(ids):
            raise ValueError("a pass id stands twice in a gallery; each person has one row")
        matrix = _matrix([vector for _, vector in rows])
        matrix.setflags(write=False)
        return cls(ids, matrix, version, similarity)

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def pass_ids(self) -> frozenset[str]:
        """Who stands in it."""
        return frozenset(self._ids)

    def __contains__(self, pass_id: str) -> bool:
        return pass_id in self._ids

    def match(self, vector: Vector) -> Match:
        """Nearest and runner-up; two equal best scores have margin 0.

        Raises:
            EmbeddingInvalid: the probe is not a finite unit vector of the gallery's length.
        """
        least = self._similarity(-1.0)
        if not self._ids:
            return Match(None, least, None, 0.0)
        _check(vector, self._rows.shape[1])
        cosines = self._rows @ vector
        best = int(np.argmax(cosines))
        score = self._similarity(float(cosines[best]))
        if len(self._ids) == 1:
            return Match(self._ids[best], score, None, score - least)
        cosines[best] = -np.inf
        other = int(np.argmax(cosines))
        margin = score - self._similarity(float(cosines[other]))
        return Match(self._ids[best], score, self._ids[other], margin)


def _matrix(vectors: Sequence[Vector]) -> Embeddings:
    if not vectors:
        return np.empty((0, 0), dtype=np.float32)
    for vector in vectors:
        _check(vector, vectors[0].shape[0])
    return np.ascontiguousarray(np.stack(vectors), dtype=np.float32)


def _check(vector: Vector, dim: int) -> None:
    if vector.shape != (dim,):
        raise EmbeddingInvalid(
            f"a vector has the shape {vector.shape}, the gallery holds {dim} numbers a row."
        )
    length = float(np.linalg.norm(vector))
    if not abs(length - 1.0) <= LENGTH_TOLERANCE:  # also true of NaN
        raise EmbeddingInvalid(f"a vector has the length {length:.3f}; only finite unit vectors are matched.")
