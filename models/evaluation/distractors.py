"""Rows of people who do not exist, for galleries larger than the data: labelled simulated wherever they appear.

Each is a real row of the gallery moved far enough to be somebody else, within the spread of all rows.  Real faces
also come in families and lookalikes, which such rows have less of: ``likeness`` says how much less.
"""

import numpy as np
from numpy.typing import NDArray

from models.engine import Embeddings
from models.evaluation.people import People
from models.vectors import unit_rows

# Of the source's own place; the rest is drawn.  Less keeps too few lookalikes, more makes copies (cosine 0.82).
KEPT = 0.8
LIKENESS_ROWS = 8000


def distractors(real: Embeddings, count: int, *, seed: int) -> Embeddings:
    """So many rows around these, whose owners must not come to the door: theirs would be near copies."""
    dice = np.random.default_rng((seed, count))
    centre = real.astype(np.float64).mean(axis=0)
    values, axes = np.linalg.eigh(np.cov(real.astype(np.float64), rowvar=False))
    spread = np.sqrt(np.maximum(values, 1e-12))
    placed = ((real - centre) @ axes / spread)[dice.integers(0, len(real), count)]
    moved = KEPT * placed + np.sqrt(1.0 - KEPT**2) * dice.standard_normal(placed.shape)
    return unit_rows(centre + (moved * spread) @ axes.T)


def likeness(people: People, k: int, t: float, *, seed: int) -> float | None:
    """False matches with such rows as a share of those with real templates, at t; None without real ones.

    One half of the people stand in the gallery, the other half come.
    """
    dice = np.random.default_rng((seed, 2))
    who = [list(people.photos)[spot] for spot in dice.permutation(len(people)).tolist()]
    inside, outside = who[0::2], who[1::2]
    real = np.stack([people.template(people.photos[person][:k]) for person in inside])
    probes = np.stack(
        [people.embedded.vectors[place] for person in outside for place in people.photos[person]]
    )
    limit = least_cosine(people, t)
    among_real = _share(probes, real, limit)
    made = _share(probes, distractors(real, LIKENESS_ROWS, seed=seed), limit)
    return made / among_real if among_real else None


def _share(probes: NDArray[np.float32], rows: NDArray[np.float32], limit: float) -> float:
    return float((probes @ rows.T >= limit).mean())


def least_cosine(people: People, t: float) -> float:
    """The cosine whose score is t; scores are monotone."""
    low, high = -1.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if people.similarity(middle) < t else (low, middle)
    return high
