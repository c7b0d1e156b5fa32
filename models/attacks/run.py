"""Attempts of every species at a door of the product, and what real clips say of the signs themselves."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from models.attacks.instruments import SPECIES, Head, Instrument
from models.attacks.posed import PosedEngine
from models.attacks.scene import HIGH, WIDE
from models.attacks.subjects import Subject
from models.engine import FaceEngine, Frame
from models.liveness.planarity import PAIRS_MIN, Planarity, is_planar, is_surely_flat, small_grey
from models.liveness.trial import LiveDoor, LiveOutcome

FPS = 10  # pictures a second of a file, and of a person before a door: as fast as a worker looks
ATTACK_FPS = 5  # of the many attackers: as a small board looks, and twice as quick to count
STAYS_S = 10.0  # longer than any challenge; whoever is not recognised by then goes
NAMED_WITHIN_S = 3.0  # without a name and a question by then the attempt is over
GENUINE = "person"
SYNTHESISED, SIMULATED = "synthesised", "simulated"

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt."""

    species: str
    subject: str
    obeys: bool  # the attacker tries to do what the screen asks
    outcome: LiveOutcome


@dataclass(frozen=True, slots=True)
class Moved:
    """How a real clip of one person moves, window by window."""

    clip: str
    seconds: float
    residuals: tuple[float, ...]  # every pair
    windows: tuple[float, ...]  # of every look at which at least five pairs stood, their median
    planar: int  # of them, called flat by the recipe
    refused: int  # of them, refused by a door
    followed: float | None  # share of frames as alike to the template as a challenge asks


def try_species(
    species: str, subjects: Sequence[Subject], door: LiveDoor, posed: PosedEngine, lane: Frame,
    *, attempts: int, seed: int, progress: Progress = lambda _: None,
) -> list[Tried]:  # fmt: skip
    """So many attempts by one species, the people in turn; every second attacker tries to obey."""
    tried = []
    for number in range(attempts):
        dice = np.random.default_rng([seed, number, *species.encode()])
        me, you = subjects[number % len(subjects)], subjects[(number + 1) % len(subjects)]
        obeys = (number // len(subjects)) % 2 == 1
        if species == GENUINE:
            held: Instrument = Head(me, dice)
        else:
            held = SPECIES[species](me, you, lane, dice, obeys)
        fps = FPS if species == GENUINE else ATTACK_FPS
        tried.append(Tried(species, me.name, obeys, attempt(door, posed, held, fps=fps)))
        progress(1)
    return tried


def attempt(door: LiveDoor, posed: PosedEngine, held: Instrument, *, fps: int = FPS) -> LiveOutcome:
    """One attempt from its first picture to its end, in simulated time."""
    door.begin()
    word: str | None = None
    for number in range(round(STAYS_S * fps)):
        frame = held.frame(number / fps, word)
        posed.pose = held.pose
        word = door.show(frame, 1_000_000_000 // fps)
        outcome = door.outcome
        if outcome.answer != "UNDECIDED" or (word is None and number / fps >= NAMED_WITHIN_S):
            break
    posed.pose = (0.0, 0.0)
    return door.outcome


def moved(
    name: str, frames: Iterable[tuple[int, Frame]], subject: Subject | None, engine: FaceEngine
) -> Moved:
    """Planarity and continuity of one real clip, as the worker and a challenge would have had them.

    Without a subject nobody in it is near enough to be followed.
    """
    table = engine.info.calibration
    assert table is not None, "a door without a table is refused before"
    residuals, windows, end_ns = flatness(frames, engine)
    alike: list[bool] = []
    if subject is not None:
        scores = [engine.similarity(float(shot.vector @ subject.template)) for shot in subject.shots]
        alike = [score >= table.continuity_t for score in scores]
    return Moved(
        name,
        end_ns / 1e9,
        residuals,
        windows,
        sum(is_planar(one, PAIRS_MIN) for one in windows),
        sum(is_surely_flat(one, PAIRS_MIN) for one in windows),
        float(np.mean(alike)) if alike else None,
    )


def flatness(
    frames: Iterable[tuple[int, Frame]], engine: FaceEngine
) -> tuple[tuple[float, ...], tuple[float, ...], int]:
    """Of every pair its residual, of every look with at least five pairs their median, and when the last frame was."""
    planar, residuals, windows, last_ns = Planarity(), [], [], 0
    for t_ns, frame in frames:
        last_ns = t_ns
        faces = engine.detect(frame)
        if not faces:
            planar.forget()
            continue
        grey, scale = small_grey(frame)
        x, y, w, h = (side * scale for side in faces[0].box)
        if planar.add(grey, (x, y, w, h), t_ns):
            residuals.append(planar.residuals[-1])
        if planar.residual is not None and planar.pairs >= PAIRS_MIN:
            windows.append(planar.residual)
    return tuple(residuals), tuple(windows), last_ns


def rendered(
    species: str, subjects: Sequence[Subject], lane: Frame, *, seed: int, obeys: bool, seconds: float
) -> Iterator[tuple[int, Frame]]:
    """(time in ns, frame) of one attacker whom no screen asks anything."""
    dice = np.random.default_rng([seed, *species.encode()])
    me, you = subjects[seed % len(subjects)], subjects[(seed + 1) % len(subjects)]
    held = SPECIES[species](me, you, lane, dice, obeys)
    for number in range(round(seconds * FPS)):
        yield number * 1_000_000_000 // FPS + 1, held.frame(number / FPS, None)


def empty_lane(frames: Sequence[Frame]) -> Frame:
    """A picture without anybody, 640 x 360; a grey wall where no clip has one."""
    import cv2

    if frames:
        return np.asarray(cv2.resize(frames[0], (WIDE, HIGH), interpolation=cv2.INTER_AREA), np.uint8)
    ramp = np.linspace(90, 140, WIDE)[None, :, None] + np.zeros((HIGH, WIDE, 3))
    return ramp.astype(np.uint8)
