"""Who looks so much like somebody else that a face alone must not name either (faces.md §8, the duplicate check).

Compared are enrolled means of one embedder with each other, never a face from a door.
"""

from collections.abc import Sequence

import numpy as np

from models.calibration import Calibration
from models.engine import Vector
from models.vectors import Similarity

TWIN_FMR = 1e-6  # of 5,248 people about 14 pairs are locked by chance at this rate
TWIN_POLICY = (3, 3)  # a mean of three images on either side
BLOCK = 256  # rows at once: one product is many times faster than one by one, and this one is 5 MB at 5,248 people
_HALVINGS = 60  # a cosine to the last bit of a double


def twin_threshold(calibration: Calibration) -> float | None:
    """The score from which two enrolled means count as look-alikes; None where the table has no rows for it.

    Without it nobody is locked, and the margin between best and second best is what protects.
    """
    policy = calibration.policy_for(*TWIN_POLICY)
    return None if policy is None else policy.t_at(TWIN_FMR)


def pairs(
    new: Vector, others: Sequence[tuple[str, Vector]], *, t: float, similarity: Similarity
) -> frozenset[str]:
    """Whose mean scores at least ``t`` with this one; the order of the others is irrelevant."""
    found = pairs_among([*others, ("", new)], known=len(others), t=t, similarity=similarity)
    return frozenset(other for other, _ in found)


def pairs_among(
    people: Sequence[tuple[str, Vector]], *, known: int, t: float, similarity: Similarity
) -> frozenset[tuple[str, str]]:
    """The pairs that score at least ``t``, but for those among the first ``known``, who were compared before."""
    if known >= len(people):
        return frozenset()
    least = _cosine_at(t, similarity)
    rows = np.stack([vector for _, vector in people])  # once: stacking costs more than comparing
    found: list[tuple[str, str]] = []
    for start in range(known, len(people), BLOCK):
        end = min(start + BLOCK, len(people))
        alike = rows[start:end] @ rows[:end].T >= least
        # Everybody is compared with those before them: each pair once, and nobody with themselves.
        for place, other in np.argwhere(np.tril(alike, start - 1)):
            found.append((people[int(other)][0], people[start + int(place)][0]))
    return frozenset(found)


def _cosine_at(t: float, similarity: Similarity) -> float:
    """The least cosine whose score is ``t``; scores never fall when cosines rise."""
    low, high = -1.0, 1.0
    if similarity(high) < t:
        return float("inf")
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if similarity(middle) >= t else (middle, high)
    return high
