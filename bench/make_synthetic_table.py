"""Measures the synthetic people and writes their calibration table: ``python bench/make_synthetic_table.py``.

Counts all cross-person and same-person scores of each (k, m); prints the statistics the people are tuned to.
"""

import hashlib
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.engines.synthetic import MODEL_SHA256, picture_vector
from models.evaluation.bounds import poisson_hi95, wilson95
from models.vectors import mean_vector

PEOPLE = 4_000
POLICIES = ((1, 1), (1, 2), (3, 1), (3, 2), (3, 3))
FMRS = (1e-2, 1e-3, 1e-4, 1e-5, 5e-6, 2e-6, 1e-6)
EVENTS_MIN = 10  # what "resolved" means
BLOCK = 500
HEAD = """\
# Synthetic people, measured by bench/make_synthetic_table.py: simulation only, it says nothing about faces.
# Rows are: t, FMR, impostor events, upper 95 % bound of FMR, FNMR, lower and upper 95 % bound of FNMR.

engine_id = "synthetic"
embedder_sha256 = "{sha}"
detector_sha256 = "{sha}"
score = "cosine"
verified_n = {people}
verified_by = "simulated"
margin = 0.05
consistency_fmr = 1.7e-5
continuity_fmr = 1e-3

[made]
at = "2026-11"
by = "bench/make_synthetic_table.py"
runtime = "numpy"
label = "table of simulated people"

[data]
name = "synthetic people 1"
identities = {people}
images = {images}
population = "simulated; tuned to SFace's scores on LFW"
limits = "simulated people; no figure of it is a figure of a camera or of a face."
"""


@dataclass(frozen=True)
class Scores:
    impostor: NDArray[np.float32]  # the highest ones, descending
    pairs: int
    genuine: NDArray[np.float32]


def templates(count: int, first: int) -> NDArray[np.float32]:
    """One row per person: the mean of ``count`` pictures."""
    return np.stack(
        [mean_vector(picture_vector(f"p{who}", first + i) for i in range(count)) for who in range(PEOPLE)]
    )


def scores(k: int, m: int) -> Scores:
    gallery, probes = templates(k, 0), templates(m, 100)
    pairs = PEOPLE * (PEOPLE - 1)
    keep = int(pairs * FMRS[0]) + 1
    top = np.empty(0, dtype=np.float32)
    for start in range(0, PEOPLE, BLOCK):
        block = probes[start : start + BLOCK] @ gallery.T
        block[np.arange(len(block)), start + np.arange(len(block))] = -2.0
        top = np.concatenate([top, block.ravel()])
        top = np.partition(top, max(0, top.size - keep))[-keep:]
    return Scores(np.sort(top)[::-1], pairs, np.sum(gallery * probes, axis=1))


def policy_text(k: int, m: int) -> str:
    found = scores(k, m)
    lines, resolved = [], 1.0
    for fmr in FMRS:
        events = round(fmr * found.pairs)
        t = math.ceil(float(found.impostor[events - 1]) * 1e4) / 1e4
        events = int(np.sum(found.impostor >= t))
        if events < 1:
            continue
        exact = events / found.pairs
        resolved = exact if events >= EVENTS_MIN else resolved
        fnmr = float(np.mean(found.genuine < t))
        low, high = wilson95(fnmr, PEOPLE)
        hi95 = poisson_hi95(events) / found.pairs
        lines.append(f"    [{t:.4f}, {exact:.3e}, {events}, {hi95:.3e}, {fnmr:.5f}, {low:.5f}, {high:.5f}],")
    return (
        f"\n[[policy]]\nk = {k}\nm = {m}\nimpostor_pairs = {found.pairs}\nimpostor_identities = {PEOPLE}\n"
        f"genuine_pairs = {PEOPLE}\nrows = [\n" + "\n".join(lines) + f"\n]\nresolved_fmr = {resolved:.3e}\n"
    )


def tuning() -> str:
    """The four numbers the people are tuned to, and what they are."""
    a, b = templates(1, 0), templates(1, 100)
    genuine = np.sum(a * b, axis=1)
    impostor = np.sum(a * np.roll(b, 1, axis=0), axis=1)
    return (
        f"genuine {genuine.mean():.3f} sd {genuine.std():.3f} "
        f"1/5/50/95 % {np.round(np.percentile(genuine, (1, 5, 50, 95)), 3).tolist()}; "
        f"impostor {impostor.mean():.3f} sd {impostor.std():.3f}"
    )


def main() -> None:
    print(tuning())
    if "--tuning" in sys.argv:
        return
    images = PEOPLE * (max(k for k, _ in POLICIES) + max(m for _, m in POLICIES))
    text = HEAD.format(sha=MODEL_SHA256, people=PEOPLE, images=images)
    text += "".join(policy_text(k, m) for k, m in POLICIES)
    target = Path(__file__).resolve().parent.parent / "models" / "tables" / "synthetic.toml"
    target.write_text(text)
    print(f"{target.name} sha256 {hashlib.sha256(text.encode()).hexdigest()[:8]}")


if __name__ == "__main__":
    main()
