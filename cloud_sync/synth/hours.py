"""The minute a party arrives, drawn so that every hundred parties fall on the day as the plan says."""

import math
from bisect import bisect_left
from functools import cache
from random import Random

from cloud_sync.synth.factors import ARRIVAL_DAY, ARRIVAL_EVENING, ARRIVAL_LATE

FIRST, LAST = 6 * 60, 28 * 60  # minutes since midnight of the day of arrival
STRATA = 100


@cache
def _sums() -> tuple[float, ...]:
    """The share of parties that has arrived at the end of each minute; nobody before ``FIRST``, all at ``LAST``."""
    share, begins, ends = ARRIVAL_LATE
    sums = []
    for minute in range(FIRST + 1, LAST + 1):
        bells = (
            part * 0.5 * (1 + math.erf((minute - mean) / deviation / math.sqrt(2)))
            for part, mean, deviation in (ARRIVAL_DAY, ARRIVAL_EVENING)
        )
        sums.append(sum(bells) + share * min(1.0, max(0.0, (minute - begins) / (ends - begins))))
    return tuple(sums)


class ArrivalHours:
    """One minute after the other; of each hundred, one falls into each hundredth of the plan."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._strata: list[int] = []

    def minute(self) -> int:
        if not self._strata:
            self._strata = list(range(STRATA))
            self._rng.shuffle(self._strata)
        at = (self._strata.pop() + self._rng.random()) / STRATA
        return FIRST + min(bisect_left(_sums(), at), LAST - FIRST - 1)
