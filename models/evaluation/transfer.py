"""Does a table measured on some people hold for others?  Calibrate on one half, come to the door with the other.

The table goes through the file a door reads, the threshold through ``door_threshold``, without the floor that
small galleries have: here the promise itself is tried.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from models.calibration import DoorThreshold, door_threshold
from models.engine import EngineInfo
from models.evaluation.bounds import Rate
from models.evaluation.dataset import Dataset, halves
from models.evaluation.openset import Draw, draw, pooled
from models.evaluation.people import People
from models.evaluation.tables import Made, count_policies, table_of

PHOTOS_OF = {(1, 1): 1, (3, 2): 3}  # policies tried, and the photos a gallery row needs
# Two photos a stranger are rarer than one: a larger rate is needed to see enough false positives.
FPIRS = {(1, 1): 0.01, (3, 2): 0.05}
# Of those of the other half who have the photos: three galleries.
SIZES = (0.125, 0.25, 0.5)
WITHIN = 2.0


@dataclass(frozen=True, slots=True)
class Transfer:
    """One gallery size, both halves taking both parts."""

    k: int
    m: int
    n: int
    predicted: float
    observed: Rate
    ratio: float
    false_positives: float  # expected in one draw of both directions
    t: tuple[float, ...]  # of each direction
    tails: tuple[str, ...]

    @property
    def within_two(self) -> bool:
        return 1 / WITHIN <= self.ratio <= WITHIN


def transfer(
    people: People,
    data: Dataset,
    *,
    draws: int,
    seed: int,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[Transfer, ...]:
    """Each policy at three gallery sizes; both halves take both parts, and their strangers are counted together."""
    first, second = (_only(people, half) for half in halves(data, seed=seed))
    directions: list[tuple[EngineInfo, People]] = []
    tables: list[set[tuple[int, int]]] = []
    for made_on, tried_on in ((first, second), (second, first)):
        made = Made("a half", "transfer", verified_n=len(people), verified_by="real")
        counted = count_policies(made_on, policies=tuple(PHOTOS_OF), seed=seed)
        table = table_of(people.info, data, counted, made)
        directions.append((replace(people.info, calibration=table), tried_on))
        tables.append({(one.k, one.m) for one in counted})
        progress(1)
    found: list[Transfer] = []
    for k, m in sorted(tables[0] & tables[1]):
        photos = PHOTOS_OF[k, m]
        able = min(len(half.with_photos(photos)) for half in (first, second))
        for share in SIZES:
            runs = [_run(info, tried, k, m, int(share * able), draws, seed) for info, tried in directions]
            found.append(_compared(k, m, int(share * able), runs))
            progress(1)
    return tuple(found)


def _only(people: People, half: Sequence[int]) -> People:
    return replace(people, photos={who: people.photos[who] for who in half if who in people.photos})


def _run(
    info: EngineInfo, tried: People, k: int, m: int, n: int, draws: int, seed: int
) -> tuple[DoorThreshold, list[Draw]]:
    threshold = door_threshold(info.calibration, fpir=FPIRS[k, m], n=n, k=k, m=m, small_gallery_floor=False)
    assert isinstance(threshold, DoorThreshold), "a table of so many people serves so many"
    return threshold, [draw(tried, k, m, n, seed=seed + turn) for turn in range(draws)]


def _compared(k: int, m: int, n: int, runs: Sequence[tuple[DoorThreshold, Sequence[Draw]]]) -> Transfer:
    named = [
        [(came.person, came.score >= threshold.t) for came in one.strangers]
        for threshold, draws in runs
        for one in draws
    ]
    observed = pooled(named, seed=0)
    predicted = sum(threshold.expected_fpir for threshold, _ in runs) / len(runs)
    return Transfer(
        k=k,
        m=m,
        n=n,
        predicted=predicted,
        observed=observed,
        ratio=observed.value / predicted,
        false_positives=predicted * sum(len(one) for one in named) / len(runs[0][1]),
        t=tuple(threshold.t for threshold, _ in runs),
        tails=tuple(threshold.tail for threshold, _ in runs),
    )
