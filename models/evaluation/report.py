"""The figures as a page and as JSON: limits first, bounds beside every rate, "not resolvable" where it is."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from models.engine import EngineInfo
from models.evaluation.bounds import EXPECTED_MIN, Rate
from models.evaluation.dataset import Dataset
from models.evaluation.embedding import versions
from models.evaluation.openset import FPIRS, OpenSet, Point
from models.evaluation.path import Path as RulePath
from models.evaluation.run import Figures

NOT_RESOLVABLE = "not resolvable"
BOUNDS = (
    "Bounds are 95 %: Wilson where each person came once, a bootstrap over people where they came more often, the "
    "rule of three over people where nothing was seen. FPIR is the share of strangers' attempts that name anybody, "
    "FNIR the share of enrolled people's attempts that do not name them, misattribution the share that name "
    "somebody else. A rate is given where at least three false positives are expected in one draw, and is "
    "established with ten."
)
NOISE = (
    "The noise list (sha256 {sha}…) names {pairs} pairs of names that are one person, or twins; one of each two is "
    "left out where it is applied. It was found by the scores of one engine and so favours that engine."
)


@dataclass(frozen=True, slots=True)
class Made:
    """When, by what, at what load a report was made."""

    at: str
    by: str
    load: float
    draws: int
    seed: int


def write_json(path: Path, info: EngineInfo, data: Dataset, made: Made, figures: Figures) -> None:
    """Everything; no name and no vector is in it."""
    record = {
        "made": asdict(made),
        "engine": _engine(info),
        "runtime": versions(),
        "data": _data(data),
        "figures": asdict(figures),
    }
    path.write_text(json.dumps(record, indent=1) + "\n", "utf-8")


def write_markdown(
    path: Path, info: EngineInfo, data: Dataset, made: Made, figures: Figures, pictures: Sequence[str]
) -> None:
    """The page a person reads."""
    path.write_text("\n".join(_page(info, data, made, figures, pictures)) + "\n", "utf-8")


def _engine(info: EngineInfo) -> dict[str, object]:
    table = info.calibration
    return {
        "engine_id": info.engine_id,
        "embedder_sha256": info.model_sha256,
        "detector_sha256": info.detector_sha256,
        "score": info.score,
        "table_sha256": None if table is None else table.digest,
        "table_label": None if table is None else table.label,
    }


def _data(data: Dataset) -> dict[str, object]:
    return {
        "name": data.name,
        "identities": len(data.people),
        "photos": len(data.photos),
        "sha256": data.digest,
        "pairs": len(data.pairs),
        "noise_pairs": len(data.noise),
        "noise_list_sha256": data.noise_sha256,
        "population": data.population,
        "limits": data.limits,
    }


def _page(
    info: EngineInfo, data: Dataset, made: Made, figures: Figures, pictures: Sequence[str]
) -> Iterator[str]:
    yield f"# {info.engine_id} on {data.name}\n"
    yield f"**What this does not say.** {data.limits} Population: {data.population}.\n"
    yield f"{BOUNDS}\n"
    if data.noise:
        yield NOISE.format(sha=str(data.noise_sha256)[:8], pairs=len(data.noise)) + "\n"
    yield from _facts(info, data, made, figures)
    if figures.verification is not None:
        yield from _verification(figures)
    if figures.openset:
        yield from _openset("Open set", figures.openset)
        yield from _likeness(figures)
    if figures.openset_with_noise:
        yield from _openset("Open set, noise list not applied", figures.openset_with_noise)
    if figures.path or figures.path_refused:
        yield from _path(figures)
    if figures.conditions:
        yield from _conditions(figures)
    if figures.transfer:
        yield from _transfer(figures)
    yield from (f"Not run: {sentence}\n" for sentence in figures.not_run)
    yield from (f"![{name}]({name})\n" for name in pictures)


def _facts(info: EngineInfo, data: Dataset, made: Made, figures: Figures) -> Iterator[str]:
    table = info.calibration
    yield from _table(
        ("what", "value"),
        [
            ("made", f"{made.at} by {made.by}, {made.draws} draws, seed {made.seed}, load {made.load:.1f}"),
            ("runtime", ", ".join(f"{name} {version}" for name, version in versions().items())),
            ("embedder, detector", f"{info.model_sha256[:16]}…, {info.detector_sha256[:16]}…"),
            ("table", "none" if table is None else f"{table.label} (sha256 {table.digest[:8]}…)"),
            ("data", f"{len(data.people)} people, {len(data.photos)} photos, sha256 {data.digest[:16]}…"),
            ("no face found", f"{figures.no_face} of {figures.photos} photos"),
            ("several faces", f"{figures.several_faces} photos; the face nearest the middle is taken"),
        ],
    )


def _verification(figures: Figures) -> Iterator[str]:
    found = figures.verification
    assert found is not None
    yield "## Verification\n"
    yield (
        f"{found.pairs} pairs ({found.same} of one person) in {found.folds} folds of {min(found.per_fold)} to "
        f"{max(found.per_fold)}; the threshold of a fold is found on the others. **{found.errors} errors: "
        f"{found.accuracy.text()} right**, mean of the folds {100 * found.fold_mean:.2f} ± "
        f"{100 * found.fold_sd:.2f} %. Photos without a face: {found.no_face}.\n"
    )
    rows = [
        (f"{100 * one.far:g} %", f"{one.t:.3f}", one.tar.text() if one.resolvable else NOT_RESOLVABLE)
        for one in found.accepts
    ]
    yield from _table(("different pairs accepted", "t", "same pairs accepted"), rows)


def _openset(title: str, runs: Sequence[OpenSet]) -> Iterator[str]:
    yield f"## {title}\n"
    yield (
        "(k, m): mean of k photos enrolled, mean of m frames at the door; photos are never used twice. Everybody who "
        "has k + m photos is enrolled and comes; others fill the gallery, those with k photos first, while 500 who have "
        "m photos stay outside if they can; the rest are strangers.\n"
    )
    head = ("(k, m)", "N", "rows of k photos", "people tried", "strangers' attempts", "right person first")
    rows = [
        (
            f"({run.k}, {run.m})",
            f"{run.n}" + (f" (simulated: {run.simulated_rows} made rows)" if run.simulated_rows else ""),
            f"{run.full_rows:.0f}",
            str(run.mated_people),
            f"{run.stranger_attempts:.0f} of {run.stranger_people:.0f} people",
            run.rank1.text(),
            *(_point(point) for point in run.points),
        )
        for run in runs
    ]
    yield from _table((*head, *(f"FNIR at FPIR {100 * fpir:g} %" for fpir in FPIRS)), rows)
    yield "Misattribution at the same points:\n"
    rows = [
        (
            f"({run.k}, {run.m})",
            f"{run.n}" + (" (simulated)" if run.simulated_rows else ""),
            *(point.misattribution.text() if point.resolvable else NOT_RESOLVABLE for point in run.points),
        )
        for run in runs
    ]
    yield from _table(("(k, m)", "N", *(f"at FPIR {100 * fpir:g} %" for fpir in FPIRS)), rows)


def _point(point: Point) -> str:
    if not point.resolvable:
        return NOT_RESOLVABLE
    return f"{point.fnir.text()}, t {point.t:.3f}" + ("" if point.established else ", not established")


def _likeness(figures: Figures) -> Iterator[str]:
    if not figures.likeness:
        return
    yield (
        "Simulated rows are real rows moved until they are somebody else. Real faces come in families and "
        "lookalikes, made ones less so; they draw this share of the false matches that as many real rows draw:\n"
    )
    rows = [
        (str(one.k), f"{one.t:.3f}", NOT_RESOLVABLE if one.share is None else f"{one.share:.2f}")
        for one in figures.likeness
    ]
    yield from _table(("k", "t", "share"), rows)


def _path(figures: Figures) -> Iterator[str]:
    yield "## The shipped rule, end to end\n"
    yield (
        "Threshold T(f / N) with its floor, margin, two agreeing frames, looking again: a person stays until the "
        "door concludes. Three photos are enrolled; up to three others come round and round as frames 0.2 s apart. "
        "Strangers with one photo show the same frame again and again. The table was measured on these very photos; "
        "the last part of this report tries a table on people it has not seen.\n"
    )
    yield from _table(
        (
            "N",
            "f",
            "t",
            "people",
            "FNIR",
            "ambiguous",
            "misattribution",
            "FPIR, strangers of two photos or more",
            "FPIR, strangers of one photo",
            "could not enrol",
        ),
        [_path_row(one) for one in figures.path],
    )
    yield from (f"{sentence}\n" for sentence in figures.path_refused)


def _path_row(one: RulePath) -> tuple[str, ...]:
    tail = one.threshold.tail
    return (
        f"{one.n}" + (f" (simulated: {one.simulated_rows} made rows)" if one.simulated_rows else ""),
        f"{100 * one.fpir_wanted:g} %",
        f"{one.threshold.t:.3f} ({tail})",
        str(one.mated_people),
        one.fnir.text(),
        one.ambiguous.text(),
        _seen(one.misattribution),
        _fpir(one.fpir, one.expected_false_positives),
        _fpir(one.fpir_one_photo, one.expected_false_positives_one_photo),
        one.failed_to_enrol.text() if one.checked else "not checked: enrolled as the photos come",
    )


def _fpir(rate: Rate, expected: float) -> str:
    """A share of strangers named, or only the count where too few could be expected."""
    if not rate.trials:
        return "nobody came"
    if expected < EXPECTED_MIN:
        return f"{NOT_RESOLVABLE}: {rate.events:.0f} of {rate.trials} seen, {expected:.1f} expected in a draw"
    return _seen(rate)


def _seen(rate: Rate) -> str:
    if rate.events:
        return f"{rate.text()}, {rate.events:.0f} of {rate.trials}"
    return f"none in {rate.trials} of {rate.people} people (≤ {100 * rate.hi95:.2f} %)"


def _conditions(figures: Figures) -> Iterator[str]:
    yield "## Conditions\n"
    yield (
        "One frame, changed as the row says, against three good photos of the same person, at the t of FMR 1e-5 "
        f"({figures.condition_t:.3f}). Simulated on good photos: how the engine bears a change, not how a camera "
        "bears a night.\n"
    )
    rows = [
        (
            one.name,
            str(one.tried),
            one.no_face.text(),
            one.gated.text(),
            one.fnmr.text(),
            one.fnmr_gated.text() if one.fnmr_gated.trials else "no frame accepted",
            NOT_RESOLVABLE if one.fmr_ratio is None else f"{one.fmr_ratio:.2f} ({one.fmr_events} events)",
        )
        for one in figures.conditions
    ]
    head = ("condition", "frames", "no face", "turned away by the gate", "FNMR", "FNMR of accepted frames")
    yield from _table((*head, "false matches, times those of unchanged frames (t of FMR 1e-3)"), rows)


def _transfer(figures: Figures) -> Iterator[str]:
    yield "## A table tried on people it has not seen\n"
    yield (
        "Calibrated on one half of the people, strangers and gallery from the other, and the other way round. "
        "The floor of small galleries is off here: the promise of the table itself is tried.\n"
    )
    rows = [
        (
            f"({one.k}, {one.m})",
            str(one.n),
            f"{100 * one.predicted:.2f} %",
            one.observed.text(),
            f"{one.ratio:.2f}",
            f"{one.false_positives:.0f}",
            ", ".join(f"{t:.3f} ({tail})" for t, tail in zip(one.t, one.tails, strict=True)),
        )
        for one in figures.transfer
    ]
    head = (
        "(k, m)",
        "N",
        "FPIR predicted",
        "FPIR observed",
        "ratio",
        "false positives expected in a draw",
        "t",
    )
    yield from _table(head, rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + " --- |" * len(head)
    yield from ("| " + " | ".join(row) + " |" for row in rows)
    yield ""
