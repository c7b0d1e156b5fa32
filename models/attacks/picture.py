"""The residuals of every species as one plot: points and bars, never a face."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from models.evaluation.pictures import DPI, library
from models.liveness.planarity import PLANAR_BELOW, REFUSE_BELOW

NAME = "residuals.png"


def draw_residuals(folder: Path, residuals: Mapping[str, Sequence[float]]) -> list[str]:
    """The median of each window, by clip and by species; the name of the picture.

    Raises:
        EngineError: matplotlib is not installed.
    """
    plt = library()
    held = {name: values for name, values in residuals.items() if values}
    if not held:
        return []
    figure, axes = plt.subplots(figsize=(8, 0.5 * len(held) + 2), layout="constrained")
    for spot, (name, values) in enumerate(held.items()):
        real = name.endswith("(real)")
        axes.plot(values, [spot] * len(values), "o", color="#117733" if real else "#cc6677", alpha=0.25, ms=4)
    for limit, label in ((PLANAR_BELOW, "flat by the recipe"), (REFUSE_BELOW, "refused")):
        axes.axvline(limit, color="#333333", linestyle="--", linewidth=1)
        axes.text(limit, 1.01, label, fontsize=8, ha="center", transform=axes.get_xaxis_transform())
    axes.set_yticks(range(len(held)), list(held))
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="planar residual, % of the face's width (median of a window)")
    axes.grid(visible=True, axis="x", which="both", alpha=0.25)
    figure.savefig(folder / NAME, dpi=DPI, metadata={"Software": None})
    plt.close(figure)
    return [NAME]
