"""``gatehouse-models attacks`` and ``attack-clip``: drawn attacks on a door, counted, or as a file to play to one."""

import time
from collections.abc import Iterator, Sequence
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from models.attacks.instruments import SPECIES
from models.attacks.picture import draw_residuals
from models.attacks.posed import PosedEngine
from models.attacks.report import Report, Still, write
from models.attacks.run import (
    FPS,
    GENUINE,
    Moved,
    Tried,
    empty_lane,
    flatness,
    moved,
    rendered,
    try_species,
)
from models.attacks.subjects import Subject, clips_in, looks_at, subjects_in
from models.attacks.y4m import write_y4m
from models.engine import EngineError, FaceEngine, Frame
from models.liveness.judge import JudgeFile, PadJudge, open_judge
from models.liveness.trial import open_live_door
from models.measuring import Begin, opened_engine, shown_stages
from models.one_sentence import in_one_sentence
from models.photo import decode_photo

PHOTOS = (".jpg", ".jpeg", ".png")
FEWER = 5  # screens, swaps and people take long and are reported as they come out: a fifth of the attempts
MANY = ("waved_photo", "print", "bent_print")
PLOT_SEEDS, PLOT_S = 6, 4.0

ClipsOption = Annotated[Path | None, typer.Option("--clips", help="Another folder of clips of people.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Same seed and files, same attackers.")]


@in_one_sentence()
def run_attacks(
    data: Annotated[
        Path, typer.Option("--data", help="A folder with video/ (clips of people) and pad/ (stills).")
    ],
    out: Annotated[Path, typer.Option("--out", help="Where attacks.md, attacks.json and the plot go.")],
    clips: ClipsOption = None,
    attempts: Annotated[int, typer.Option(min=2, help="Of each of waved_photo, print and bent_print.")] = 300,
    only: Annotated[str, typer.Option("--only", help="Species with commas between, and person.")] = ",".join(
        (*SPECIES, GENUINE)
    ),
    policy: Annotated[
        str, typer.Option(help="The door's: challenge_always or passive.")
    ] = "challenge_always",
    judge: Annotated[Path | None, typer.Option("--judge", help="A passive judge's ONNX file.")] = None,
    judge_sha256: Annotated[str | None, typer.Option("--judge-sha256", help="Of that very file.")] = None,
    engine: Annotated[str, typer.Option("--engine", help="An installed engine's name.")] = "yunet-sface",
    seed: SeedOption = 0,
    pictures: Annotated[bool, typer.Option(help="Draw the residuals; needs matplotlib.")] = True,
) -> None:
    """Try drawn attacks on a door of the product, by the worker, desk and decision of a gate, and count."""
    wanted = _wanted(only)
    opened_judge = _judge(judge, judge_sha256)
    paths = clips_in([data / "video", *([clips] if clips else [])])
    _made(out)
    with shown_stages() as begin, opened_engine(engine) as opened:
        subjects = subjects_in(paths, opened, begin("clips", len(paths)))
        lane = _lane(paths, opened)
        tried = _try_all(opened, subjects, lane, wanted, policy, attempts, seed, begin)
        clips_moved = _all_moved(paths, subjects, opened)
        stills = _stills(data / "pad", opened, opened_judge)
        drawn = draw_residuals(out, _residuals(clips_moved, subjects, lane, opened)) if pictures else []
        by = f"gatehouse-models {metadata.version('gatehouse')}"
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        write(
            out,
            opened.info,
            Report(at, by, policy, seed, tuple(tried), tuple(clips_moved), tuple(stills)),
            drawn,
        )
    Console(soft_wrap=True).print(f"written: {out / 'attacks.md'}, attacks.json, {len(drawn)} pictures")


@in_one_sentence()
def run_attack_clip(
    species: Annotated[str, typer.Option(help=f"One of {', '.join(SPECIES)}.")],
    clip: Annotated[Path, typer.Option("--clip", help="A real clip of the person who is attacked.")],
    out: Annotated[Path, typer.Option("--out", help="The video to write, a .y4m file.")],
    lane: Annotated[
        Path | None, typer.Option("--lane", help="A clip of the empty lane; else a grey wall.")
    ] = None,
    other: Annotated[Path | None, typer.Option("--other", help="A clip of somebody else, for swap.")] = None,
    seconds: Annotated[float, typer.Option(min=0.5, max=60, help="How long.")] = 8.0,
    seed: SeedOption = 0,
    engine: Annotated[str, typer.Option("--engine", help="An installed engine's name.")] = "yunet-sface",
) -> None:
    """Write one drawn attack as an uncompressed video that a replay camera plays."""
    if species not in SPECIES:
        raise EngineError(f"--species {species}: is not known. Known: {', '.join(SPECIES)}.")
    if out.suffix != ".y4m":
        raise EngineError(f"--out {out}: is written uncompressed. Name a .y4m file.")
    if species == "swap" and other is None:
        raise EngineError("--species swap: needs --other, a clip of the person who turns up in the middle.")
    _made(out.parent)
    with opened_engine(engine) as opened:
        subjects = subjects_in([clip, *([other] if other else [])], opened)
        wall = empty_lane([next(frame for _, frame in looks_at(lane))] if lane else [])
        frames = rendered(species, subjects, wall, seed=seed * len(subjects), obeys=False, seconds=seconds)
        if species == "swap" and len(subjects) < 2:
            raise EngineError(
                f"--other {other}: shows nobody else for a second and a half. Name another clip."
            )
        turns_up = subjects[1] if species == "swap" else None
        written = write_y4m(out, _swapped(frames, turns_up, seconds), fps=FPS)
    Console(soft_wrap=True).print(f"written: {out}, {written} pictures, {species}, simulated")


def _swapped(frames: Iterator[tuple[int, Frame]], other: Subject | None, seconds: float) -> Iterator[Frame]:
    """A file cannot see a screen: where there is somebody else, the swap happens in its middle."""
    half = round(seconds * FPS / 2)
    for number, (_, frame) in enumerate(frames):
        late = other is not None and number >= half
        yield other.shots[number % len(other.shots)].frame if other is not None and late else frame


def _wanted(only: str) -> list[str]:
    wanted = [name.strip() for name in only.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in (*SPECIES, GENUINE)]
    if unknown or not wanted:
        raise EngineError(f"--only {only}: known are {', '.join((*SPECIES, GENUINE))}.")
    return wanted


def _judge(path: Path | None, sha256: str | None) -> PadJudge | None:
    if (path is None) != (sha256 is None):
        raise EngineError("--judge: a judge needs its file and --judge-sha256. Name both or neither.")
    return None if path is None or sha256 is None else open_judge([JudgeFile(path, sha256, 2.7)])


def _made(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EngineError(
            f"--out {folder}: cannot be written ({error.strerror}). Name another folder."
        ) from error


def _try_all(
    engine: FaceEngine,
    subjects: Sequence[Subject],
    lane: Frame,
    wanted: Sequence[str],
    policy: str,
    attempts: int,
    seed: int,
    begin: Begin,
) -> list[Tried]:
    posed = PosedEngine(engine)
    door = open_live_door(posed, policy=policy, fpir=1e-3)
    door.hold([(subject.name, subject.template) for subject in subjects], k=3)
    tried: list[Tried] = []
    for species in wanted:
        count = attempts if species in MANY else max(2, attempts // FEWER)
        progress = begin(species, count)
        tried += try_species(
            species, subjects, door, posed, lane, attempts=count, seed=seed, progress=progress
        )
    return tried


def _all_moved(paths: Sequence[Path], subjects: Sequence[Subject], engine: FaceEngine) -> list[Moved]:
    by_name = {subject.name: subject for subject in subjects}
    found = [moved(path.name, looks_at(path), by_name.get(path.stem), engine) for path in paths]
    return [one for one in found if one.residuals]


def _lane(paths: Sequence[Path], engine: FaceEngine) -> Frame:
    """The first picture of a clip that shows nobody."""
    for path in paths:
        frames = [frame for _, frame in islice(looks_at(path), 3)]
        if frames and not any(engine.detect(frame) for frame in frames):
            return empty_lane(frames)
    return empty_lane([])


def _stills(folder: Path, engine: FaceEngine, judge: PadJudge | None) -> list[Still]:
    found = []
    for path in sorted(folder.glob("*")):
        if path.suffix.lower() in PHOTOS:
            frame = decode_photo(path.read_bytes(), path.name)
            faces = engine.detect(frame)
            seen = judge is not None and faces
            found.append(
                Still(path.name, judge.real(frame, faces[0].box) if judge is not None and seen else None)
            )
    return found


def _residuals(
    clips: Sequence[Moved], subjects: Sequence[Subject], lane: Frame, engine: FaceEngine
) -> dict[str, list[float]]:
    """Window medians: of each real clip, and of a few attackers of each species, obedient or not."""
    held = {f"{one.clip} (real)": list(one.windows) for one in clips}
    for species in SPECIES:
        values: list[float] = []
        for seed in range(PLOT_SEEDS):
            frames = rendered(species, subjects, lane, seed=seed, obeys=seed % 2 == 1, seconds=PLOT_S)
            values += flatness(frames, engine)[1]
        held[f"{species} (simulated)"] = values
    return held
