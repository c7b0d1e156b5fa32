"""One evaluation from photos to figures: the protocols in their order, each told how far it has come."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from models.calibration import ThresholdRefused
from models.engine import EngineError, EngineInfo, FaceEngine
from models.evaluation import conditions as changes
from models.evaluation import openset as gallery
from models.evaluation import path as rule
from models.evaluation.dataset import Dataset
from models.evaluation.distractors import likeness
from models.evaluation.embedding import Embedded, embed_dataset, embed_photos
from models.evaluation.people import People
from models.evaluation.transfer import Transfer, transfer
from models.evaluation.verification import Verification, verify

PROTOCOLS = ("verification", "openset", "path", "conditions", "transfer")
DRAWS = 10
PATH_DRAWS = 2
PATH_FPIRS = (1e-2, 1e-3)
CONDITION_PEOPLE = 150
TRANSFER_PEOPLE_MIN = 400

Progress = Callable[[int], None]
# Begins a stage of so many steps and gives what counts them.
Stages = Callable[[str, int], Progress]


def silent(_name: str, _steps: int) -> Progress:
    """Says nothing."""
    return lambda _: None


@dataclass(frozen=True, slots=True)
class Likeness:
    """False matches with made rows as a share of those with real rows."""

    k: int
    t: float
    share: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that was measured; None where a protocol was not asked for or cannot be run."""

    photos: int
    no_face: int
    several_faces: int
    people: int
    people_without_noise: int
    verification: Verification | None = None
    openset: tuple[gallery.OpenSet, ...] = ()
    openset_with_noise: tuple[gallery.OpenSet, ...] = ()
    likeness: tuple[Likeness, ...] = ()
    path: tuple[rule.Path, ...] = ()
    path_refused: tuple[str, ...] = ()
    conditions: tuple[changes.Condition, ...] = ()
    condition_t: float | None = None
    transfer: tuple[Transfer, ...] = ()
    not_run: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What an evaluation works on."""

    engine: FaceEngine
    data: Dataset
    cache: Path
    embedded: Embedded
    people: People  # noise list applied
    everybody: People
    draws: int
    seed: int
    stages: Stages

    @property
    def info(self) -> EngineInfo:
        return self.engine.info


def prepare(
    engine: FaceEngine,
    data: Dataset,
    cache: Path,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    stages: Stages = silent,
) -> Job:
    """Every photo's vector, kept or fresh, and the people with and without the noise list."""
    embedded = embed_dataset(
        engine, data, cache, stages(f"photos to vectors ({data.name})", len(data.photos))
    )
    people, everybody = (
        People.of(engine.info, data, embedded, data.kept(noise_applied=applied)) for applied in (True, False)
    )
    return Job(engine, data, cache, embedded, people, everybody, draws, seed, stages)


def known(names: Sequence[str]) -> Sequence[str]:
    """The same names, or what is wrong with them before half an hour of photos has passed.

    Raises:
        EngineError: a protocol of this name is not known.
    """
    for name in names:
        if name not in PROTOCOLS:
            raise EngineError(f"no protocol is named {name!r}. There are: {', '.join(PROTOCOLS)}.")
    return names


def evaluate(job: Job, only: Sequence[str] = PROTOCOLS) -> Figures:
    """The figures of the ``known`` protocols that were asked for."""
    found: dict[str, object] = {}
    not_run: list[str] = []
    runs = {
        "verification": _verification,
        "openset": _openset,
        "path": _path,
        "conditions": _conditions,
        "transfer": _transfer,
    }
    for name in (name for name in PROTOCOLS if name in only):
        answer = runs[name](job)
        if isinstance(answer, str):
            not_run.append(f"{name}: {answer}")
        else:
            found |= answer
    return Figures(
        photos=len(job.data.photos),
        no_face=int((~job.embedded.found).sum()),
        several_faces=int((job.embedded.faces > 1).sum()),
        people=len(job.everybody),
        people_without_noise=len(job.people),
        not_run=tuple(not_run),
        **found,  # type: ignore[arg-type]  # the keys are those of Figures, as each protocol names them
    )


Found = dict[str, object] | str


def _verification(job: Job) -> Found:
    if len({pair.fold for pair in job.data.pairs}) < 2:
        return f"no list of pairs in at least two folds lies beside the data ({job.data.name}-pairs.txt)."
    return {"verification": verify(job.info, job.data, job.embedded)}


def _openset(job: Job) -> Found:
    if not job.people.with_photos(2):
        return "nobody has two photos."
    sizes = gallery.sizes_for(job.people)
    noisy = tuple(n for n in sizes if n in (1000, sizes[-1]))
    policies = [(k, m) for k, m in gallery.POLICIES if job.people.with_photos(k + m)]
    step = job.stages("open set", len(policies) * (len(sizes) + len(noisy) + 1))
    clean = [_measured(job, job.people, k, m, n, step) for k, m in policies for n in sizes]
    made = [_simulated(job, k, m, step) for k, m in policies]
    with_noise = [_measured(job, job.everybody, k, m, n, step) for k, m in policies for n in noisy]
    found: dict[str, object] = {"openset": tuple(one for one in clean + made if one)}
    found["openset_with_noise"] = tuple(one for one in with_noise if one) if job.data.noise else ()
    found["likeness"] = _likeness(job)
    return found


def _measured(
    job: Job, people: People, k: int, m: int, n: int, step: Progress, simulated: int = 0
) -> gallery.OpenSet | None:
    """None where nobody is left to come as a stranger."""
    draws = [
        gallery.draw(people, k, m, n, seed=job.seed + turn, simulated=simulated) for turn in range(job.draws)
    ]
    step(1)
    came = all(one.mated and one.strangers for one in draws)
    return gallery.measure(k, m, draws, seed=job.seed) if came else None


def _simulated(job: Job, k: int, m: int, step: Progress) -> gallery.OpenSet | None:
    real = real_rows(job.people)
    if real is None:
        return None
    n = gallery.SIMULATED_N
    return _measured(job, job.people, k, m, n, step, simulated=n - real)


def real_rows(people: People) -> int | None:
    """How many real rows stand in a gallery that is filled up; None when the data are too few for one."""
    real = min(gallery.REAL_IN_SIMULATED, gallery.largest_n(people))
    return real if real > len(people.with_photos(2)) and real >= gallery.REAL_IN_SIMULATED // 2 else None


def _likeness(job: Job) -> tuple[Likeness, ...]:
    if job.info.calibration is None or real_rows(job.people) is None:
        return ()
    found = []
    for k in (1, 3):
        policy = job.info.calibration.policy_for(k, 1)
        for fmr in (1e-4, 1e-5) if policy is not None else ():
            assert policy is not None
            t = policy.t_at(fmr)
            found.append(Likeness(k, t, likeness(job.people, k, t, seed=job.seed)))
    return tuple(found)


def _path(job: Job) -> Found:
    if job.info.calibration is None:
        return "this engine has no calibration table, a door refuses it 1:N. Run calibrate first."
    if not job.people.with_photos(rule.K + 2):
        return "nobody has five photos."
    cases = _path_cases(job)
    step = job.stages("the shipped rule, end to end", len(cases))
    done: list[rule.Path] = []
    refused: list[str] = []
    for run in cases:
        answer = run(seeds=range(job.seed, job.seed + PATH_DRAWS))
        if isinstance(answer, ThresholdRefused):
            refused.append(answer.reason_sentence)
        else:
            done.append(answer)
        step(1)
    return {"path": tuple(done), "path_refused": tuple(dict.fromkeys(refused))}


def _path_cases(job: Job) -> list[Callable[..., rule.Path | ThresholdRefused]]:
    sizes = gallery.sizes_for(job.people)
    middle = 1000 if 1000 in sizes else sizes[-1]
    cases: list[Callable[..., rule.Path | ThresholdRefused]] = [
        partial(rule.run_path, job.people, n, fpir=fpir)
        for n in sizes
        if n != 1500  # between the usual size and the largest nothing new is seen
        for fpir in PATH_FPIRS
    ]
    cases.append(partial(rule.run_path, job.people, middle, fpir=PATH_FPIRS[0], checked=False))
    real = real_rows(job.people)
    if real is not None:
        n = gallery.SIMULATED_N
        cases.append(partial(rule.run_path, job.people, n, fpir=PATH_FPIRS[0], simulated=n - real))
    return cases


def _conditions(job: Job) -> Found:
    table = job.info.calibration
    policy = table.policy_for(changes.K, 1) if table is not None else None
    trial = changes.choose(job.people, most=CONDITION_PEOPLE, seed=job.seed)
    if policy is None or not trial.people:
        return "a calibration table and people with four photos are needed."
    photos = [job.data.photos[place] for place in trial.probe]
    t, loose = policy.t_at(changes.FMR), policy.t_at(changes.LOOSE_FMR)
    clear = changes.clear_probes(job.people, trial)
    found = [changes.compare(job.people, trial, "as photographed", clear, t, loose)]
    step = job.stages("conditions", len(photos) * len(changes.CONDITIONS))
    for name, change in changes.CONDITIONS.items():
        key = f"{job.data.digest} {name} {job.seed} {trial.probe}"
        probes = embed_photos(job.engine, photos, job.cache, key=key, change=change, progress=step)
        found.append(changes.compare(job.people, trial, name, probes, t, loose))
    return {"conditions": tuple(found), "condition_t": t}


def _transfer(job: Job) -> Found:
    if len(job.people) < TRANSFER_PEOPLE_MIN:
        return f"fewer than {TRANSFER_PEOPLE_MIN} people: a half says too little."
    step = job.stages("one half's table, the other half's strangers", 8)
    return {"transfer": transfer(job.people, job.data, draws=job.draws, seed=job.seed, progress=step)}
