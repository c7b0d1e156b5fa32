"""Strangers and guests before a gallery of N people (1:N, open set), for each template policy (k, m).

Every attempt goes through ``Gallery.match``.  Gallery, photos and strangers are drawn anew for each draw; the
threshold is set where the wanted share of the strangers' attempts is named.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.engine import Vector
from models.evaluation.bounds import ESTABLISHED_MIN, EXPECTED_MIN, Rate, by_people
from models.evaluation.distractors import distractors
from models.evaluation.people import People, shuffled
from models.gallery import Gallery

POLICIES = ((1, 1), (3, 1), (3, 2), (3, 3))
FPIRS = (1e-2, 3e-3, 1e-3)
MATED_ATTEMPTS_MAX = 3
STRANGER_ATTEMPTS_MAX = 2
STRANGERS_MIN = 500  # people left outside the largest gallery, or half of a smaller data set
SIZES = (100, 420, 1000, 1500)
SIMULATED_N = 5248
REAL_IN_SIMULATED = 1000  # rows of real people in a gallery that is filled up with made ones
HISTOGRAM_BINS = 60
CURVE_POINTS = 24
NOBODY = -1


@dataclass(frozen=True, slots=True)
class Attempt:
    """One person at the door: who it is, and whom the gallery says it is."""

    person: int
    named: int  # NOBODY for a distractor
    score: float
    margin: float


@dataclass(frozen=True, slots=True)
class Draw:
    """One drawn gallery and everybody who came."""

    n: int
    full_rows: int  # rows that are means of all k photos; the others had fewer
    simulated_rows: int
    mated: tuple[Attempt, ...]
    strangers: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """FNIR where this share of strangers is named; nothing is known where ``resolvable`` is false."""

    fpir: float
    resolvable: bool
    established: bool
    t: float
    fnir: Rate
    fnir_sd: float  # over the draws
    observed: Rate
    misattribution: Rate


@dataclass(frozen=True, slots=True)
class OpenSet:
    """One policy at one gallery size."""

    k: int
    m: int
    n: int
    draws: int
    full_rows: float
    simulated_rows: int
    mated_people: int
    stranger_people: float
    stranger_attempts: float
    rank1: Rate
    points: tuple[Point, ...]
    curve: tuple[tuple[float, float], ...]  # FPIR, FNIR
    histogram: "Histogram"


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many best scores lie in each bin."""

    edges: tuple[float, ...]
    mated: tuple[int, ...]
    strangers: tuple[int, ...]


def largest_n(people: People) -> int:
    """The largest gallery that leaves enough strangers."""
    return len(people) - min(STRANGERS_MIN, len(people) // 2)


def sizes_for(people: People) -> tuple[int, ...]:
    """The usual gallery sizes that these people allow, and the largest."""
    largest = largest_n(people)
    return (*(n for n in SIZES if n < largest), largest)


def draw(people: People, k: int, m: int, n: int, *, seed: int, simulated: int = 0) -> Draw:
    """Everybody who can be enrolled and tried is enrolled, then others until N (``filled``).

    The rest are strangers.  ``simulated`` of the N rows are of people who do not exist; they stand in the gallery and never come.
    """
    dice = np.random.default_rng((seed, k, m, n))
    order = {who: shuffled(places, dice) for who, places in people.photos.items()}
    tried, fill, others = _enrolled(people, k, m, n - simulated, dice)
    rows: list[tuple[str, Vector]] = [(str(who), people.template(order[who][:k])) for who in tried + fill]
    if simulated:
        sources = np.stack([row for _, row in rows[len(tried) :]])
        made = distractors(sources, simulated, seed=seed)
        rows += [(f"made {spot}", row) for spot, row in enumerate(made)]
    gallery = Gallery.build(rows, version=0, similarity=people.similarity)
    mated = _attempts(people, gallery, {who: order[who][k:] for who in tried}, m, MATED_ATTEMPTS_MAX)
    strangers = _attempts(people, gallery, {who: order[who] for who in others}, m, STRANGER_ATTEMPTS_MAX)
    full = sum(len(order[who]) >= k for who in tried + fill)
    return Draw(len(gallery), full, simulated, mated, strangers)


def _enrolled(
    people: People, k: int, m: int, n: int, dice: np.random.Generator
) -> tuple[list[int], list[int], list[int]]:
    """Who is enrolled and comes, who is only enrolled, and who is a stranger."""
    testable = people.with_photos(k + m)
    first = [testable[spot] for spot in dice.permutation(len(testable)).tolist()][:n]
    inside = set(first)
    rest = [who for who in people.photos if who not in inside]
    fill, others = filled(people, rest, k, m, n - len(first), dice)
    return first, fill, others


def filled(
    people: People, rest: Sequence[int], k: int, m: int, count: int, dice: np.random.Generator
) -> tuple[list[int], list[int]]:
    """``count`` of the rest to stand in the gallery only, and the strangers.

    Five hundred who have m photos stay outside as long as others can be had; those with k photos go in first.
    """
    drawn = [rest[spot] for spot in dice.permutation(len(rest)).tolist()]
    able = [who for who in drawn if len(people.photos[who]) >= m]
    outside = set(able[: min(STRANGERS_MIN, len(people) // 2)])
    drawn.sort(key=lambda who: (who in outside, len(people.photos[who]) < k))  # stable: else as drawn
    return drawn[: max(0, count)], drawn[max(0, count) :]


def _attempts(
    people: People, gallery: Gallery, photos: dict[int, list[int]], m: int, most: int
) -> tuple[Attempt, ...]:
    """Each person comes up to ``most`` times with m photos that were not used before."""
    made: list[Attempt] = []
    for who, places in photos.items():
        for begin in range(0, min(len(places) // m, most) * m, m):
            found = gallery.match(people.probe(places[begin : begin + m]))
            assert found.best is not None, "a gallery of a protocol is never empty"
            named = int(found.best) if found.best.isdecimal() else NOBODY
            made.append(Attempt(who, named, found.score, found.margin))
    return tuple(made)


def threshold_for(strangers: Sequence[Attempt], fpir: float) -> float:
    """The least t at which not more than this share of the attempts is named."""
    scores = np.sort([attempt.score for attempt in strangers])[::-1]
    return float(np.nextafter(scores[math.floor(fpir * len(scores))], np.inf))


def measure(k: int, m: int, draws: Sequence[Draw], *, seed: int = 0) -> OpenSet:
    """The figures of these draws; bounds by drawing people again."""
    strangers = float(np.mean([len(one.strangers) for one in draws]))
    return OpenSet(
        k=k,
        m=m,
        n=draws[0].n,
        draws=len(draws),
        full_rows=float(np.mean([one.full_rows for one in draws])),
        simulated_rows=draws[0].simulated_rows,
        mated_people=len({attempt.person for one in draws for attempt in one.mated}),
        stranger_people=float(np.mean([len({a.person for a in one.strangers}) for one in draws])),
        stranger_attempts=strangers,
        rank1=pooled([[(a.person, a.named == a.person) for a in one.mated] for one in draws], seed=seed),
        points=tuple(_point(draws, fpir, strangers, seed) for fpir in FPIRS),
        curve=_curve(draws, strangers),
        histogram=_histogram(draws),
    )


def _curve(draws: Sequence[Draw], strangers: float) -> tuple[tuple[float, float], ...]:
    """FNIR over FPIR, from 10 % down to where three false positives are expected."""
    least = EXPECTED_MIN / max(1.0, strangers)
    if least >= 0.1:
        return ()
    found = []
    for fpir in np.geomspace(0.1, least, CURVE_POINTS).tolist():
        shares = [
            np.mean([a.named != a.person or a.score < t for a in one.mated])
            for one in draws
            for t in (threshold_for(one.strangers, fpir),)
        ]
        found.append((float(fpir), float(np.mean(shares))))
    return tuple(found)


def _histogram(draws: Sequence[Draw]) -> Histogram:
    mated = [a.score for one in draws for a in one.mated if a.named == a.person]
    strangers = [a.score for one in draws for a in one.strangers]
    edges = np.histogram_bin_edges([*mated, *strangers], bins=HISTOGRAM_BINS)
    return Histogram(
        tuple(float(edge) for edge in edges),
        tuple(int(number) for number in np.histogram(mated, edges)[0]),
        tuple(int(number) for number in np.histogram(strangers, edges)[0]),
    )


def _point(draws: Sequence[Draw], fpir: float, strangers: float, seed: int) -> Point:
    ts = [threshold_for(one.strangers, fpir) for one in draws]
    missed = [
        [(a.person, a.named != a.person or a.score < t) for a in one.mated]
        for one, t in zip(draws, ts, strict=True)
    ]
    wrong = [
        [(a.person, a.named != a.person and a.score >= t) for a in one.mated]
        for one, t in zip(draws, ts, strict=True)
    ]
    named = [[(a.person, a.score >= t) for a in one.strangers] for one, t in zip(draws, ts, strict=True)]
    return Point(
        fpir=fpir,
        resolvable=fpir * strangers >= EXPECTED_MIN,
        established=fpir * strangers >= ESTABLISHED_MIN,
        t=float(np.mean(ts)),
        fnir=pooled(missed, seed=seed),
        fnir_sd=float(np.std([np.mean([fail for _, fail in one]) for one in missed])),
        observed=pooled(named, seed=seed),
        misattribution=pooled(wrong, seed=seed),
    )


def pooled(draws: Sequence[Sequence[tuple[int, bool]]], *, seed: int) -> Rate:
    """Pooled over the draws; a person weighs by how often they came, and is drawn again as one."""
    people = sorted({who for one in draws for who, _ in one})
    spot = {who: place for place, who in enumerate(people)}
    events, trials = np.zeros(len(people)), np.zeros(len(people))
    for one in draws:
        for who, happened in one:
            events[spot[who]] += happened
            trials[spot[who]] += 1
    return by_people(events, trials, seed=seed)
