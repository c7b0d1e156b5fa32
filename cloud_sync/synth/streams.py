"""Chance by name: a stream for each purpose, so that drawing more of one thing never changes another."""

import hashlib
import math
from random import Random


class Streams:
    """Every stream of one data set and seed; the same name gives the same numbers, on every machine."""

    def __init__(self, dataset: str, seed: int) -> None:
        self._base = f"gatehouse-synth-1/{dataset}/{seed}"

    def of(self, name: str) -> Random:
        digest = hashlib.sha256(f"{self._base}/{name}".encode()).digest()
        return Random(int.from_bytes(digest, "big"))

    def secret(self, name: str) -> bytes:
        """32 bytes for a device key that guards nothing."""
        return hashlib.sha256(f"{self._base}/key/{name}".encode()).digest()


def poisson(rng: Random, mean: float) -> int:
    """A Poisson number; meant for small means (below about 30)."""
    limit, k, product = math.exp(-mean), 0, rng.random()
    while product > limit:
        k += 1
        product *= rng.random()
    return k


def weighted(rng: Random, weights: tuple[float, ...]) -> int:
    """An index, by weight."""
    at = rng.random() * sum(weights)
    for index, weight in enumerate(weights):
        at -= weight
        if at < 0:
            return index
    return len(weights) - 1
