"""False matches and misses at every threshold, for one template policy (k, m): what a calibration table holds.

Everybody's template meets everybody else's probes.  Photos are drawn several times; one count is the mean over
the draws, so that drawing more often makes a figure steadier and never makes it look better founded.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.evaluation.bounds import ESTABLISHED_MIN, RESAMPLES, poisson_hi95, rule_of_three, wilson95
from models.evaluation.people import People, shuffled

# From a rate that a track's continuity needs down to what no data set of this size resolves.
FMRS = (3e-3, 1e-3, 3e-4, 1e-4, 5e-5, 2e-5, 1e-5, 5e-6, 2e-6, 1e-6, 5e-7, 2e-7, 1e-7)
T_DIGITS = 4  # of a threshold in a table; a finer one means nothing
BLOCK_PEOPLE = 256
# Fewer pairs of people are a story about two names or two sisters, not a rate.
LOOKALIKES_MIN = 3
SIMILAR_T = 0.0005  # rows nearer than this on the scale are one row


@dataclass(frozen=True, slots=True)
class CountedRow:
    """Errors at one threshold, 95 % bounds by drawing people again."""

    t: float
    fmr: float
    events: int  # distinct pairs of people, mean over the draws, rounded down
    fmr_hi95: float
    fnmr: float
    fnmr_lo95: float
    fnmr_hi95: float


@dataclass(frozen=True, slots=True)
class Counted:
    """One policy's table."""

    k: int
    m: int
    draws: int
    impostor_pairs: int  # comparisons of one draw
    impostor_identities: int
    genuine_pairs: int  # people compared with themselves in one draw
    resolved_fmr: float
    rows: tuple[CountedRow, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """The highest impostor comparisons of all draws, and every genuine one."""

    one: NDArray[np.int64]  # place of the template's person among ``people``
    other: NDArray[np.int64]
    draw: NDArray[np.int64]
    score: NDArray[np.float64]  # descending
    pairs: NDArray[np.float64]  # (draws,) comparisons
    templates: NDArray[np.bool_]  # (people,) who had one
    probes: NDArray[np.float64]  # (people,) probes a draw
    genuine: list[list[float]]  # by person, over the draws


def count(people: People, k: int, m: int, *, draws: int, seed: int) -> Counted | None:
    """The table of this policy, or None when fewer than two people can be compared."""
    found = collect(people, k, m, draws=draws, seed=seed)
    if found is None or not any(found.genuine) or not len(found.score):
        return None
    rows = tuple(_rows(found, draws, seed))
    sound = [row.fmr for row in rows if row.events >= ESTABLISHED_MIN]
    if len(rows) < 2 or not sound:
        return None
    return Counted(
        k=k,
        m=m,
        draws=draws,
        impostor_pairs=round(float(found.pairs.mean())),
        impostor_identities=int((found.probes > 0).sum()),
        genuine_pairs=sum(bool(scores) for scores in found.genuine),
        resolved_fmr=min(sound),
        rows=rows,
    )


def collect(people: People, k: int, m: int, *, draws: int, seed: int) -> Scores | None:
    """Compare everybody with everybody; keeps the highest comparisons, the least FMR of ``FMRS`` and above."""
    who = sorted(people.photos)
    genuine: list[list[float]] = [[] for _ in who]
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]] = []
    pairs = np.zeros(draws)
    templates, probes = np.zeros(len(who), dtype=np.bool_), np.zeros(len(who))
    for turn in range(draws):
        dice = np.random.default_rng((seed, k, m, turn))
        order = [shuffled(people.photos[person], dice) for person in who]
        held = np.array([spot for spot, places in enumerate(order) if len(places) >= k], dtype=np.int64)
        came = np.array([spot for spot, places in enumerate(order) if len(places) >= m], dtype=np.int64)
        if len(held) < 2 or len(came) < 2:
            return None
        rows = np.stack([people.template(order[spot][:k]) for spot in held])
        looks = np.stack([people.probe(_last(order[spot], k, m)) for spot in came])
        parts.append(_highest(rows, looks, held, came))
        pairs[turn] = len(held) * len(came) - len(np.intersect1d(held, came))
        templates[held], probes[came] = True, 1.0
        _genuine(people, order, k, m, genuine)
    return _sorted(people, parts, pairs, templates, probes, genuine)


def _last(places: Sequence[int], k: int, m: int) -> Sequence[int]:
    """The photos after the template's when there are enough, else the last ones: they meet strangers only."""
    return places[k : k + m] if len(places) >= k + m else places[-m:]


def _highest(
    rows: NDArray[np.float32], looks: NDArray[np.float32], held: NDArray[np.int64], came: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The highest cosines between different people, as many as the first rate of FMRS needs."""
    keep = int(FMRS[0] * len(held) * len(came)) + 1
    kept: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]] = []
    for begin in range(0, len(held), BLOCK_PEOPLE):
        block = rows[begin : begin + BLOCK_PEOPLE] @ looks.T
        block[held[begin : begin + BLOCK_PEOPLE, None] == came[None, :]] = -2.0
        most = min(block.size - 1, keep)
        spots = np.argpartition(block.ravel(), block.size - 1 - most)[block.size - 1 - most :]
        first, second = np.unravel_index(spots, block.shape)
        kept.append((held[begin + first], came[second], block[first, second].astype(np.float64)))
    one, other, cosine = (np.concatenate(part) for part in zip(*kept, strict=True))
    best = np.argsort(cosine)[::-1][:keep]
    return one[best], other[best], cosine[best]


def _genuine(
    people: People, order: Sequence[Sequence[int]], k: int, m: int, genuine: list[list[float]]
) -> None:
    for spot, places in enumerate(order):
        if len(places) >= k + m:
            cosine = float(people.template(places[:k]) @ people.probe(places[k : k + m]))
            genuine[spot].append(people.similarity(cosine))


def _sorted(
    people: People,
    parts: Sequence[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]],
    pairs: NDArray[np.float64],
    templates: NDArray[np.bool_],
    probes: NDArray[np.float64],
    genuine: list[list[float]],
) -> Scores:
    one, other, cosine = (np.concatenate(part) for part in zip(*parts, strict=True))
    turn = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
    order = np.argsort(cosine, kind="stable")[::-1]
    score = np.array([people.similarity(value) for value in cosine[order].tolist()])
    return Scores(one[order], other[order], turn[order], score, pairs, templates, probes, genuine)


def _rows(found: Scores, draws: int, seed: int) -> list[CountedRow]:
    total = float(found.pairs.sum())
    ts: list[float] = []
    for fmr in FMRS:
        spot = round(fmr * total) - 1
        if not 0 <= spot < len(found.score):
            continue
        t = round(float(found.score[spot]), T_DIGITS)
        if not ts or t >= ts[-1] + SIMILAR_T:
            ts.append(t)
    ts = [t for t in ts if _lookalikes(found, int((found.score >= t).sum())) >= LOOKALIKES_MIN]
    highest = _fmr_hi95(found, ts, seed)
    return [_row(found, t, top, draws, seed) for t, top in zip(ts, highest, strict=True)]


def _row(found: Scores, t: float, resampled: float, draws: int, seed: int) -> CountedRow:
    passed = int((found.score >= t).sum())
    fmr = passed / float(found.pairs.sum())
    events = _distinct(found, passed) / draws
    by_count = fmr * poisson_hi95(events) / events
    fnmr, low, high = _fnmr(found.genuine, t, seed)
    return CountedRow(t, fmr, int(events), max(resampled, by_count), fnmr, low, high)


def _lookalikes(found: Scores, passed: int) -> int:
    """Different pairs of people with a false match in any draw."""
    low = np.minimum(found.one[:passed], found.other[:passed])
    high = np.maximum(found.one[:passed], found.other[:passed])
    return len(np.unique(low * len(found.probes) + high))


def _distinct(found: Scores, passed: int) -> int:
    """Pairs of people with a false match, counted once a draw whichever way round."""
    low = np.minimum(found.one[:passed], found.other[:passed])
    high = np.maximum(found.one[:passed], found.other[:passed])
    size = len(found.probes)
    return len(np.unique((found.draw[:passed] * size + low) * size + high))


def _fmr_hi95(found: Scores, ts: Sequence[float], seed: int) -> list[float]:
    """Upper bounds by drawing the people again: a pair counts as often as both its people were drawn."""
    if not ts:
        return []
    dice = np.random.default_rng((seed, 95))
    people, draws = len(found.probes), len(found.pairs)
    rung, one, other, often = _grouped(found, ts)
    rates = np.zeros((RESAMPLES, len(ts)))
    for turn in range(RESAMPLES):
        times = np.bincount(dice.integers(0, people, people), minlength=people).astype(np.float64)
        held, came = times * found.templates, times * found.probes
        compared = draws * (held.sum() * came.sum() - (held * came).sum())
        named = np.bincount(rung, times[one] * times[other] * often, minlength=len(ts))
        rates[turn] = named[::-1].cumsum()[::-1] / max(compared, 1.0)
    return [float(value) for value in np.percentile(rates, 95, axis=0)]


def _grouped(
    found: Scores, ts: Sequence[float]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """False matches by the highest threshold they reach and by pair of people, and how often each came."""
    rung = np.searchsorted(np.array(ts), found.score, side="right") - 1
    reached = rung >= 0
    size = len(found.probes)
    keys = (rung[reached] * size + found.one[reached]) * size + found.other[reached]
    unique, often = np.unique(keys, return_counts=True)
    return unique // size // size, unique // size % size, unique % size, often.astype(np.float64)


def _fnmr(genuine: Sequence[Sequence[float]], t: float, seed: int) -> tuple[float, float, float]:
    """The share of a person's own comparisons below t, each person weighing the same."""
    missed = np.array([np.mean(np.array(scores) < t) for scores in genuine if scores])
    share = float(missed.mean())
    if share == 0.0:
        return 0.0, 0.0, rule_of_three(len(missed))
    dice = np.random.default_rng((seed, 96))
    means = missed[dice.integers(0, len(missed), size=(RESAMPLES, len(missed)))].mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    fewest, most = wilson95(share, len(missed))
    return share, min(float(low), fewest), max(float(high), most)
