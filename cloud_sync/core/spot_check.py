"""Spot checks that nobody can steer: the seed is fixed before the list is, and both are published afterwards.

Whoever draws first publishes the SHA-256 of a seed.  When the check begins, every stay in house takes part, in the order
of HMAC-SHA256(seed, draw, stay); the first n are visited.  With the published seed and list anybody gets the same n.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import digest
from math import sqrt

Z95 = 1.959964  # two-sided 95 % of the normal distribution
SEED_BYTES = 16
SAMPLE_MAX = 500


def commitment(seed: bytes) -> str:
    """What is published before the draw."""
    return sha256(seed).hexdigest()


def population_hash(stays: Collection[str]) -> str:
    """What fixes the list: the SHA-256 of its names, sorted, one a line."""
    return sha256("\n".join(sorted(stays)).encode()).hexdigest()


def draw(seed: bytes, name: str, stays: Collection[str], size: int) -> Sequence[str]:
    """The first ``size`` of the stays, in the order that this seed gives them for this draw."""
    ranked = sorted(set(stays), key=lambda stay: (digest(seed, f"{name}\0{stay}".encode(), "sha256"), stay))
    return ranked[:size]


@dataclass(frozen=True, slots=True)
class Share:
    """A ratio that says what it was counted from; ``low`` and ``high`` are Wilson's 95 % interval."""

    good: int
    of: int

    @property
    def low(self) -> float:
        return self._bounds()[0]

    @property
    def high(self) -> float:
        return self._bounds()[1]

    def _bounds(self) -> tuple[float, float]:
        """From nought to one where nothing was counted: nothing is known then."""
        if self.of == 0:
            return 0.0, 1.0
        share, square = self.good / self.of, Z95 * Z95
        middle = share + square / (2 * self.of)
        spread = Z95 * sqrt(share * (1 - share) / self.of + square / (4 * self.of * self.of))
        scale = 1 + square / self.of
        return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
