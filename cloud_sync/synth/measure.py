"""What a window should bring, by a sum over months and weekdays; and how surprising a count is.

The generator adds up days; this adds up cells of the calendar.  They share the table of factors and nothing else.
"""

import math
from collections.abc import Sequence
from datetime import date, timedelta

from cloud_sync.synth.factors import (
    ARRIVAL_DAY,
    ARRIVAL_EVENING,
    ARRIVAL_LATE,
    HOLIDAY,
    HOLIDAYS,
    MONTH,
    NEW_YEAR,
    SPRING,
    SPRING_FIRST,
    WEEKDAY,
)

FEWEST = 5.0  # expected in a class of a chi-square; smaller ones are joined with their neighbour
FIRST_MINUTE = 6 * 60  # no one is drawn earlier


def window_mean(start: date, days: int, mean: float) -> float:
    """Expected arrivals a day from ``start`` on; every calendar year averages ``mean``."""
    total, first = 0.0, start
    end = start + timedelta(days=days)
    while first < end:
        year_end = date(first.year + 1, 1, 1)
        last = min(end, year_end)
        year = date(first.year, 1, 1)
        scale = mean * (year_end - year).days / _raw(year, year_end)
        total += scale * _raw(first, last)
        first = last
    return total / days


def _raw(first: date, end: date) -> float:
    """The sum of all factors from ``first`` to before ``end``, within one year."""
    total = 0.0
    for month, factor in enumerate(MONTH, start=1):
        begins = max(first, date(first.year, month, 1))
        ends = min(end, date(first.year + month // 12, month % 12 + 1, 1))
        if begins < ends:
            total += factor * sum(w * _weekdays(begins, ends, k) for k, w in enumerate(WEEKDAY))
    special = [(date(first.year, *day), HOLIDAY) for day in HOLIDAYS]
    eve = NEW_YEAR[first.year] + timedelta(days=SPRING_FIRST)
    special += [(eve + timedelta(days=k), factor) for k, factor in enumerate(SPRING)]
    for day, factor in special:
        if first <= day < end:
            total += (factor - 1) * WEEKDAY[day.weekday()] * MONTH[day.month - 1]
    return total


def _weekdays(begins: date, ends: date, weekday: int) -> int:
    """How often a weekday falls into [begins, ends)."""
    first = (weekday - begins.weekday()) % 7
    return max(0, ((ends - begins).days - first + 6) // 7)


def hour_shares(hours: Sequence[int]) -> list[float]:
    """The part of all parties that arrives in each hour of ``hours`` (counted from midnight of the day of arrival)."""
    return [
        _until((hour + 1) * 60, hour == hours[-1]) - _until(hour * 60, first=hour == hours[0])
        for hour in hours
    ]


def _until(minute: int, last: bool = False, *, first: bool = False) -> float:
    """The part that comes before ``minute``; all of it at the last, none at the first."""
    if last or first:
        return 1.0 if last else 0.0
    found = 0.0
    for share, mean, deviation in (ARRIVAL_DAY, ARRIVAL_EVENING):
        found += share * 0.5 * (1 + math.erf((minute - mean) / deviation / math.sqrt(2)))
    share, begins, ends = ARRIVAL_LATE
    return found + share * min(1.0, max(0.0, (minute - begins) / (ends - begins)))


def surprise(found: Sequence[float], wanted: Sequence[float]) -> float:
    """The chance of a chi-square at least as large; 1.0 with fewer than two classes to compare."""
    classes = _joined(found, wanted)
    if len(classes) < 2:
        return 1.0
    statistic = sum((f - w) ** 2 / w for f, w in classes)
    return _upper_gamma((len(classes) - 1) / 2, statistic / 2)


def _joined(found: Sequence[float], wanted: Sequence[float]) -> list[tuple[float, float]]:
    classes: list[tuple[float, float]] = []
    f, w = 0.0, 0.0
    for one, other in zip(found, wanted, strict=True):
        f, w = f + one, w + other
        if w >= FEWEST:
            classes.append((f, w))
            f, w = 0.0, 0.0
    if classes and (f or w):
        last = classes.pop()
        classes.append((last[0] + f, last[1] + w))
    return classes


def _upper_gamma(a: float, x: float) -> float:
    """The regularised upper incomplete gamma function: a series below a + 1, a continued fraction above."""
    if x <= 0:
        return 1.0
    head = math.exp(-x + a * math.log(x) - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        n = a
        while term > total * 1e-15:
            n += 1
            term *= x / n
            total += term
        return 1 - head * total
    b, c = x + 1 - a, 1e300
    d = 1 / b
    h = d
    for k in range(1, 500):
        step = -k * (k - a)
        b += 2
        d = 1 / (step * d + b)
        c = b + step / c
        h *= d * c
        if abs(d * c - 1) < 1e-14:
            break
    return head * h
