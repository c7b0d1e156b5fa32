"""Rates with what they may be: Wilson, the rule of three, Poisson, and the bootstrap over people.

Comparisons that share a person are not independent: where one person appears more than once, people are drawn
again and not comparisons.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959964
Z90 = 1.644854  # one-sided 95 %
RESAMPLES = 1000
# With fewer expected false positives a rate is not a figure; with fewer than ten it is not established.
EXPECTED_MIN = 3
ESTABLISHED_MIN = 10

How = Literal["wilson", "bootstrap over people", "rule of three"]


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of trials, with its 95 % bounds and how they were found."""

    value: float
    lo95: float
    hi95: float
    events: float
    trials: int
    people: int
    how: How

    def text(self) -> str:
        """As a report says it: 0.96 % (0.26-3.4)."""
        return f"{100 * self.value:.2f} % ({100 * self.lo95:.2f}-{100 * self.hi95:.2f})"


def rule_of_three(trials: int) -> float:
    """Upper 95 % bound of a rate of which no event was seen."""
    return 1.0 if trials < 1 else min(1.0, 3.0 / trials)


def wilson95(share: float, n: int) -> tuple[float, float]:
    """Both 95 % bounds of a share of ``n`` independent trials."""
    if n < 1:
        return 0.0, 1.0
    middle = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n * n)) / (1 + Z95**2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def poisson_hi95(events: float) -> float:
    """Upper 95 % bound of a count, by Wilson and Hilferty; three where none was seen."""
    if events <= 0.0:
        return 3.0
    n = events + 1
    return float(n * (1 - 1 / (9 * n) + Z90 / (3 * math.sqrt(n))) ** 3)


def independent(events: int, trials: int) -> Rate:
    """The rate of trials that share nobody."""
    share = events / trials if trials else 0.0
    low, high = wilson95(share, trials)
    if events == 0:
        return Rate(0.0, 0.0, rule_of_three(trials), 0, trials, trials, "rule of three")
    return Rate(share, low, high, events, trials, trials, "wilson")


def by_people(
    events: NDArray[np.float64], trials: NDArray[np.float64], *, seed: int, resamples: int = RESAMPLES
) -> Rate:
    """The pooled rate of people with several trials each; bounds by drawing the people again.

    ``events`` and ``trials`` have one number per person.  Where no event was seen, or
    nothing else, the rule of three counts people; where at most three people had one, Wilson over people is taken
    if it is wider.
    """
    took_part = trials > 0
    events, trials = events[took_part], trials[took_part]
    people, total = len(trials), float(trials.sum())
    if not events.sum():
        return Rate(0.0, 0.0, rule_of_three(people), 0, round(total), people, "rule of three")
    share = float(events.sum()) / total
    if share == 1.0:
        return Rate(1.0, 1.0 - rule_of_three(people), 1.0, total, round(total), people, "rule of three")
    if (trials == 1).all():
        low, high = wilson95(share, people)
        return Rate(share, low, high, float(events.sum()), round(total), people, "wilson")
    low, high = _resampled(events, trials, seed, resamples)
    if int((events > 0).sum()) <= EXPECTED_MIN:
        fewest, most = wilson95(share, people)
        low, high = min(low, fewest), max(high, most)
    return Rate(share, low, high, float(events.sum()), round(total), people, "bootstrap over people")


def _resampled(
    events: NDArray[np.float64], trials: NDArray[np.float64], seed: int, resamples: int
) -> tuple[float, float]:
    dice = np.random.default_rng(seed)
    drawn = dice.integers(0, len(trials), size=(resamples, len(trials)))
    shares = events[drawn].sum(axis=1) / trials[drawn].sum(axis=1)
    low, high = np.percentile(shares, (2.5, 97.5))
    return float(low), float(high)
