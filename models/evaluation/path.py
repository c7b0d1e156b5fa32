"""The shipped rule end to end: threshold, margin, agreement, looking again, as the door runs them.

The rule is brought from outside by the entry point group ``gatehouse.door_rules``; this room knows only what it
is asked and what it answers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Literal, Protocol, cast

import numpy as np

from models.calibration import DoorThreshold, ThresholdRefused, door_threshold
from models.engine import EngineError, EngineInfo, PhotoRefused, Quality, Vector
from models.enrol import Accepted, make_template
from models.evaluation.bounds import Rate
from models.evaluation.distractors import distractors
from models.evaluation.openset import filled, pooled
from models.evaluation.people import People, shuffled
from models.gates import GateReason, door_gate, enrolment_gate

GROUP = "gatehouse.door_rules"
SHIPPED = "gate"
K, M_MAX = 3, 3

Answer = Literal["NAMED", "AMBIGUOUS", "UNKNOWN", "LOW_QUALITY", "UNDECIDED"]


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One frame of one person before the door."""

    vector: Vector
    quality: Quality
    box: tuple[float, float, float, float]
    gate: GateReason | None  # why the frame is not accepted, or None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the door concluded; ``named`` is set exactly when the answer is NAMED."""

    answer: Answer
    named: str | None
    frames: int  # looks until then


class DoorRule(Protocol):
    """One door with one engine."""

    def hold(self, rows: Sequence[tuple[str, Vector]], *, k: int) -> None:
        """These people may be recognised from now on."""
        ...

    def attempt(self, looks: Sequence[Look]) -> Outcome:
        """One person comes, stays while these frames come round and round, and goes."""
        ...


@dataclass(frozen=True, slots=True)
class Path:
    """What the rule did at one gallery size and one wanted FPIR."""

    n: int
    simulated_rows: int
    checked: bool  # enrolled through the gates and the consistency rule, or as the photos come
    fpir_wanted: float
    draws: int
    threshold: DoorThreshold
    mated_people: int
    failed_to_enrol: Rate
    fnir: Rate
    fnir_with_failed: Rate  # those who could not be enrolled count as missed
    ambiguous: Rate
    misattribution: Rate
    fpir: Rate  # strangers with at least two photos
    fpir_one_photo: Rate  # strangers whose one photo is seen again and again
    stranger_ambiguous: Rate
    expected_false_positives: float  # in one draw, of the strangers with at least two photos
    expected_false_positives_one_photo: float
    frames_p50: float


@dataclass(frozen=True, slots=True)
class _Came:
    person: int
    outcome: Outcome

    def wrongly_named(self) -> bool:
        return self.outcome.named is not None and self.outcome.named != str(self.person)

    def missed(self) -> bool:
        return self.outcome.named != str(self.person)

    def ambiguous(self) -> bool:
        return self.outcome.answer == "AMBIGUOUS"


@dataclass(frozen=True, slots=True)
class _Evening:
    mated: list[_Came]
    varied: list[_Came]
    repeated: list[_Came]
    refused: list[int]
    enrolled: list[int]


def open_rule(info: EngineInfo, *, fpir: float) -> DoorRule:
    """The rule of the installed product.

    Raises:
        EngineError: the door's program is not installed beside this one.
    """
    for point in metadata.entry_points(group=GROUP, name=SHIPPED):
        opener = cast("Callable[..., DoorRule]", point.load())
        return opener(info, fpir=fpir)
    raise EngineError("protocol path: no door rule is installed. Install the gate's program beside this one.")


def run_path(
    people: People,
    n: int,
    *,
    fpir: float,
    seeds: Sequence[int],
    simulated: int = 0,
    checked: bool = True,
    opener: Callable[..., DoorRule] = open_rule,
    progress: Callable[[int], None] = lambda _: None,
) -> Path | ThresholdRefused:
    """The whole rule on drawn galleries of N people, or why the door would refuse so many.

    ``simulated`` of the N rows are of people who do not exist.
    """
    threshold = door_threshold(people.info.calibration, fpir=fpir, n=n, k=K, m=2)
    if isinstance(threshold, ThresholdRefused):
        return threshold
    rule = opener(people.info, fpir=fpir)
    evenings = [_evening(people, rule, (n, simulated), seed, checked, progress) for seed in seeds]
    return _figures((n, simulated), checked, fpir, threshold, evenings)


def _evening(
    people: People,
    rule: DoorRule,
    size: tuple[int, int],
    seed: int,
    checked: bool,
    progress: Callable[[int], None],
) -> _Evening:
    n, simulated = size
    dice = np.random.default_rng((seed, n))
    order = {who: shuffled(places, dice) for who, places in people.photos.items()}
    rows, mated, refused, others = _enrol(people, order, n - simulated, dice, checked=checked)
    if simulated:
        sources = np.stack([row for _, row in rows[len(mated) :]])
        made = distractors(sources, simulated, seed=seed)
        rows += [(f"made {spot}", row) for spot, row in enumerate(made)]
    rule.hold(rows, k=K)
    evening = _Evening([], [], [], refused, mated)
    for who in mated:
        evening.mated.append(_Came(who, rule.attempt(_looks(people, order[who][K : K + M_MAX]))))
        progress(1)
    for who in others:
        places = order[who][:M_MAX]
        came = _Came(who, rule.attempt(_looks(people, places)))
        (evening.varied if len(places) >= 2 else evening.repeated).append(came)
        progress(1)
    return evening


def _enrol(
    people: People, order: dict[int, list[int]], n: int, dice: np.random.Generator, *, checked: bool
) -> tuple[list[tuple[str, Vector]], list[int], list[int], list[int]]:
    """Rows, whom of them we can try, who could not be enrolled, and the strangers; N rows in all."""
    rows: list[tuple[str, Vector]] = []
    mated: list[int] = []
    refused: list[int] = []
    for who in shuffled(people.with_photos(K + 2), dice):
        photos = order[who][:K]
        template = _template(people, photos) if checked else people.template(photos)
        if template is None:
            refused.append(who)
        elif len(rows) < n:
            rows.append((str(who), template))
            mated.append(who)
    taken = {*mated, *refused}
    rest = [who for who in people.photos if who not in taken]
    fill, others = filled(people, rest, K, 2, n - len(rows), dice)
    rows += [(str(who), people.template(order[who][:K])) for who in fill]
    return rows, mated, refused, others


def _template(people: People, places: Sequence[int]) -> Vector | None:
    """As enrolled at a door: gates, consistency, the mean; None when it would be refused."""
    images = [Accepted(people.embedded.vectors[place], people.embedded.quality(place)) for place in places]
    if any(enrolment_gate(image.quality) is not None for image in images):
        return None
    try:
        return make_template(people.info, images, made_ms=0, not_after_ms=0).mean
    except PhotoRefused:
        return None


def _looks(people: People, places: Sequence[int]) -> list[Look]:
    held = people.embedded
    return [
        Look(
            held.vectors[place],
            held.quality(place),
            (60.0, 60.0, 120.0, 120.0),  # photos have no common place: the person stands still
            door_gate(held.quality(place)),
        )
        for place in places
    ]


def _figures(
    size: tuple[int, int], checked: bool, fpir: float, threshold: DoorThreshold, evenings: Sequence[_Evening]
) -> Path:
    mated = [came for one in evenings for came in one.mated]
    varied = [came for one in evenings for came in one.varied]
    repeated = [came for one in evenings for came in one.repeated]
    strangers = varied + repeated
    refused = [(who, True) for one in evenings for who in one.refused]
    return Path(
        n=size[0],
        simulated_rows=size[1],
        checked=checked,
        fpir_wanted=fpir,
        draws=len(evenings),
        threshold=threshold,
        mated_people=len({came.person for came in mated}),
        failed_to_enrol=_rate(refused + [(who, False) for one in evenings for who in one.enrolled]),
        fnir=_rate([(came.person, came.missed()) for came in mated]),
        fnir_with_failed=_rate([(came.person, came.missed()) for came in mated] + refused),
        ambiguous=_rate([(came.person, came.ambiguous()) for came in mated]),
        misattribution=_rate([(came.person, came.wrongly_named()) for came in mated]),
        fpir=_rate([(came.person, came.wrongly_named()) for came in varied]),
        fpir_one_photo=_rate([(came.person, came.wrongly_named()) for came in repeated]),
        stranger_ambiguous=_rate([(came.person, came.ambiguous()) for came in strangers]),
        expected_false_positives=threshold.expected_fpir * len(varied) / len(evenings),
        expected_false_positives_one_photo=threshold.expected_fpir * len(repeated) / len(evenings),
        frames_p50=float(np.median([came.outcome.frames for came in mated])) if mated else 0.0,
    )


def _rate(happened: Sequence[tuple[int, bool]]) -> Rate:
    return pooled([happened], seed=0)
