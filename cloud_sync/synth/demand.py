"""How many people arrive on each day: an expectation, and counts that never stray from it."""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from random import Random

from cloud_sync.synth.factors import HOLIDAY, HOLIDAYS, MONTH, NEW_YEAR, SPRING, SPRING_FIRST, WEEKDAY

# What the running total may be away from its expectation: less than 0.9 % of it, and never more than this part of a
# mean day; any window of a week or longer is then within 1 % too.
STRAY_OF_TOTAL = 0.009
STRAY_OF_A_DAY = 0.018


def factor(day: date) -> float:
    """The factors of one day, before the year is scaled to its mean."""
    spring = (day - NEW_YEAR[day.year]).days - SPRING_FIRST
    value = WEEKDAY[day.weekday()] * MONTH[day.month - 1]
    if (day.month, day.day) in HOLIDAYS:
        value *= HOLIDAY
    return value * SPRING[spring] if 0 <= spring < len(SPRING) else value


@cache
def _year_mean(year: int) -> float:
    first = date(year, 1, 1)
    days = (date(year + 1, 1, 1) - first).days
    return sum(factor(first + timedelta(days=k)) for k in range(days)) / days


def expected(day: date, mean: float) -> float:
    """People expected on ``day``; a calendar year averages ``mean``."""
    return mean * factor(day) / _year_mean(day.year)


def arrivals(rng: Random, start: date, mean: float) -> Iterator[int]:
    """People of day 0, 1, 2, …: the rounded running expectation with a bounded stray, so that no window drifts."""
    total, told, day = 0.0, 0, start
    while True:
        total += expected(day, mean)
        bound = min(STRAY_OF_TOTAL * total - 1, STRAY_OF_A_DAY * mean)
        stray = rng.uniform(-1, 1) * bound if bound > 0 else 0.0
        reached = max(told, round(total + stray))
        yield reached - told
        told, day = reached, day + timedelta(days=1)
