"""One photo against one photo: the pairs of the data set, the threshold of a fold found on the other folds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.engine import EngineInfo
from models.evaluation.bounds import EXPECTED_MIN, Rate, by_people, independent
from models.evaluation.dataset import Dataset, Pair
from models.evaluation.embedding import Embedded
from models.vectors import SCORES

NO_FACE = -2.0  # below every score: such a pair is answered "different"
FARS = (1e-2, 1e-3)


@dataclass(frozen=True, slots=True)
class TrueAccepts:
    """The share of same pairs accepted where this share of different pairs is."""

    far: float
    t: float
    tar: Rate
    resolvable: bool


@dataclass(frozen=True, slots=True)
class Verification:
    pairs: int
    same: int
    errors: int
    accuracy: Rate
    fold_mean: float
    fold_sd: float
    folds: int
    per_fold: tuple[int, ...]
    accepts: tuple[TrueAccepts, ...]
    no_face: int  # photos of pairs without a face


def verify(info: EngineInfo, data: Dataset, embedded: Embedded) -> Verification:
    """The ten-fold protocol over the data set's pairs; at least two folds are needed."""
    scores = pair_scores(info, data.pairs, embedded)
    same = np.array([pair.same for pair in data.pairs])
    folds = np.array([pair.fold for pair in data.pairs])
    wrong = np.zeros(len(scores), dtype=np.bool_)
    for fold in sorted(set(folds.tolist())):
        inside = folds == fold
        t = best_threshold(scores[~inside], same[~inside])
        wrong[inside] = (scores[inside] >= t) != same[inside]
    shares = [1.0 - float(wrong[folds == fold].mean()) for fold in sorted(set(folds.tolist()))]
    return Verification(
        pairs=len(scores),
        same=int(same.sum()),
        errors=int(wrong.sum()),
        accuracy=_accuracy(data, wrong),
        fold_mean=float(np.mean(shares)),
        fold_sd=float(np.std(shares, ddof=1)),
        folds=len(shares),
        per_fold=tuple(np.unique(folds, return_counts=True)[1].tolist()),
        accepts=tuple(_accepts(scores[same], scores[~same], far) for far in FARS),
        no_face=int((~embedded.found[_places(data.pairs)]).sum()),
    )


def pair_scores(info: EngineInfo, pairs: tuple[Pair, ...], embedded: Embedded) -> NDArray[np.float64]:
    """Each pair's score on the engine's scale."""
    similarity = SCORES[info.score]
    both = embedded.vectors
    return np.array(
        [
            similarity(float(both[pair.first] @ both[pair.second]))
            if embedded.found[pair.first] and embedded.found[pair.second]
            else NO_FACE
            for pair in pairs
        ]
    )


def best_threshold(scores: NDArray[np.float64], same: NDArray[np.bool_]) -> float:
    """The threshold with the fewest errors; of several the middle one."""
    order = np.sort(scores)
    between = np.concatenate([[order[0] - 1.0], (order[1:] + order[:-1]) / 2, [order[-1] + 1.0]])
    genuine, impostor = np.sort(scores[same]), np.sort(scores[~same])
    missed = np.searchsorted(genuine, between)
    named = len(impostor) - np.searchsorted(impostor, between)
    best = np.flatnonzero(missed + named == (missed + named).min())
    return float(between[best[len(best) // 2]])


def _accepts(genuine: NDArray[np.float64], impostor: NDArray[np.float64], far: float) -> TrueAccepts:
    allowed = int(far * len(impostor))
    t = float(np.nextafter(np.sort(impostor)[::-1][allowed], np.inf))
    passed = int((genuine >= t).sum())
    return TrueAccepts(
        far, t, independent(passed, len(genuine)), resolvable=far * len(impostor) >= EXPECTED_MIN
    )


def _places(pairs: tuple[Pair, ...]) -> NDArray[np.int64]:
    return np.unique([place for pair in pairs for place in (pair.first, pair.second)])


def _accuracy(data: Dataset, wrong: NDArray[np.bool_]) -> Rate:
    """Bounds by drawing people again: a person stands in several pairs; a pair counts for its first one."""
    right, trials = np.zeros(len(data.people)), np.zeros(len(data.people))
    for pair, failed in zip(data.pairs, wrong.tolist(), strict=True):
        right[data.owner[pair.first]] += not failed
        trials[data.owner[pair.first]] += 1
    return by_people(right, trials, seed=0)
