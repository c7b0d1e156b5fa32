"""The figures as pictures: curves and bars only, never a face."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.engine import EngineError
from models.evaluation.bounds import wilson95
from models.evaluation.openset import OpenSet
from models.evaluation.run import Figures

DPI = 110
INK = "#333333"
COLOURS = {(1, 1): "#888888", (3, 1): "#4477aa", (3, 2): "#117733", (3, 3): "#cc6677"}


def draw_pictures(folder: Path, title: str, figures: Figures) -> list[str]:
    """The names of the pictures that were drawn into the folder.

    Raises:
        EngineError: matplotlib is not installed.
    """
    plt = library()
    drawn: list[str] = []
    makers: tuple[tuple[str, Callable[[Any, str, Figures], bool]], ...] = (
        ("det.png", _det),
        ("fnir-by-n.png", _fnir_by_n),
        ("scores.png", _scores),
        ("conditions.png", _conditions),
    )
    for name, maker in makers:
        figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
        if maker(axes, title, figures):
            figure.savefig(folder / name, dpi=DPI, metadata={"Software": None})
            drawn.append(name)
        plt.close(figure)
    return drawn


def library() -> Any:
    """matplotlib, drawing without a screen.

    Raises:
        EngineError: it is not installed.
    """
    try:
        import matplotlib as mpl

        mpl.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise EngineError(
            f"pictures: {error.name or error} is not installed. Install matplotlib (requirements/dev.txt), "
            "or ask for the report without pictures (--no-pictures)."
        ) from error
    return plt


def _det(axes: Any, title: str, figures: Figures) -> bool:
    """FNIR over FPIR at the usual size, with bounds over people."""
    runs = [run for run in _at_usual_size(figures.openset) if run.curve]
    for run in runs:
        fpir, fnir = (np.array(column) for column in zip(*run.curve, strict=True))
        bounds = np.array([wilson95(share, run.mated_people) for share in fnir.tolist()]) * 100
        colour = COLOURS[run.k, run.m]
        axes.plot(fpir * 100, fnir * 100, color=colour, label=f"({run.k}, {run.m})")
        axes.fill_between(fpir * 100, bounds[:, 0], bounds[:, 1], color=colour, alpha=0.12)
    if runs:
        axes.set(xscale="log", xlabel="FPIR, % (strangers named)", ylabel="FNIR, % (guests missed)")
        axes.set_title(f"{title}: N = {runs[0].n}, 95 % bounds over people")
        axes.set_ylim(bottom=0)
        _tidy(axes)
    return bool(runs)


def _at_usual_size(runs: Sequence[OpenSet]) -> list[OpenSet]:
    real = [run for run in runs if not run.simulated_rows]
    sizes = {run.n for run in real}
    usual = 1000 if 1000 in sizes else max(sizes, default=0)
    return [run for run in real if run.n == usual]


def _fnir_by_n(axes: Any, title: str, figures: Figures) -> bool:
    """FNIR at FPIR 1 % over the gallery's size; made rows are hollow."""
    drawn = False
    for (k, m), colour in COLOURS.items():
        runs = [run for run in figures.openset if (run.k, run.m) == (k, m) and run.points[0].resolvable]
        for run in runs:
            rate = run.points[0].fnir
            below, above = max(0.0, rate.value - rate.lo95), max(0.0, rate.hi95 - rate.value)
            filled = "none" if run.simulated_rows else colour
            axes.errorbar(
                run.n,
                100 * rate.value,
                [[100 * below], [100 * above]],
                fmt="o",
                color=colour,
                mfc=filled,
                capsize=3,
            )
        real = [run for run in runs if not run.simulated_rows]
        if real:
            line = [100 * run.points[0].fnir.value for run in real]
            axes.plot([run.n for run in real], line, color=colour, label=f"({k}, {m})")
            drawn = True
    if drawn:
        axes.set(xscale="log", xlabel="people in the gallery (hollow: filled up with simulated rows)")
        axes.set(ylabel="FNIR at FPIR 1 %, %", title=f"{title}: guests missed as the gallery grows")
        axes.set_ylim(bottom=0)
        _tidy(axes)
    return drawn


def _scores(axes: Any, title: str, figures: Figures) -> bool:
    """Best scores of guests and strangers."""
    runs = [run for run in _at_usual_size(figures.openset) if (run.k, run.m) in ((1, 1), (3, 2))]
    for run in runs:
        held, colour = run.histogram, COLOURS[run.k, run.m]
        for counts, line, who in ((held.mated, "-", "guests"), (held.strangers, "--", "strangers")):
            shares = 100 * np.array(counts) / max(1, sum(counts))
            axes.stairs(shares, held.edges, color=colour, linestyle=line, label=f"({run.k}, {run.m}) {who}")
    if runs:
        axes.set(xlabel="best score", ylabel="attempts, %", title=f"{title}: best scores, N = {runs[0].n}")
        _tidy(axes)
    return bool(runs)


def _conditions(axes: Any, title: str, figures: Figures) -> bool:
    """FNMR of each condition with its bounds, gate or not."""
    held = figures.conditions
    for spot, one in enumerate(held):
        rate = one.fnmr
        span = [[100 * max(0.0, rate.value - rate.lo95)], [100 * max(0.0, rate.hi95 - rate.value)]]
        axes.barh(spot, 100 * rate.value, color="#4477aa", xerr=span, ecolor=INK, capsize=3)
    if held:
        axes.set_yticks(range(len(held)), [one.name for one in held])
        axes.invert_yaxis()
        axes.set(xlabel="FNMR at FMR 1e-5, % of frames with a face", title=f"{title}: simulated conditions")
        axes.grid(visible=True, axis="x", alpha=0.3)
    return bool(held)


def _tidy(axes: Any) -> None:
    axes.grid(visible=True, which="both", alpha=0.25)
    axes.legend()
