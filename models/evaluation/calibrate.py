"""Write an engine's table, and try it: how many people may a door hold with it?

The table is tried in the open set with its own thresholds.  A size counts as verified when the share of strangers
named there is at most twice the share that was asked for.
"""

from dataclasses import dataclass, replace
from typing import Literal

from models.calibration import Calibration, DoorThreshold, door_threshold
from models.evaluation import openset
from models.evaluation.bounds import EXPECTED_MIN, Rate
from models.evaluation.distractors import likeness
from models.evaluation.run import Job, real_rows
from models.evaluation.tables import POLICIES, Made, count_policies, table_of, table_text

FPIR = 0.01
WITHIN = 2.0
LIKENESS_MIN = 0.25  # made rows that draw a smaller share of the false matches of real ones try nothing
TRIED = ((1, 1), (3, 2))  # one photo and one frame, and what a gate enrols and fuses at least


@dataclass(frozen=True, slots=True)
class TriedAt:
    """One policy at one size with the table's own threshold."""

    k: int
    m: int
    n: int
    simulated_rows: int
    observed: Rate
    likeness: float | None  # of made rows; their false matches are divided by it
    attempts: float

    @property
    def resolvable(self) -> bool:
        alike = not self.simulated_rows or (self.likeness or 0.0) >= LIKENESS_MIN
        return alike and FPIR * self.attempts >= EXPECTED_MIN

    @property
    def corrected(self) -> float:
        """FPIR as if every made row drew as many false matches as a real one."""
        if not self.simulated_rows:
            return self.observed.value
        made = self.simulated_rows / self.n
        share = 1 - made + made * (self.likeness or 0.0)
        return self.observed.value / share

    @property
    def holds(self) -> bool:
        return self.resolvable and self.corrected <= WITHIN * FPIR

    def text(self) -> str:
        """One line for the table's head."""
        rows = f" ({self.simulated_rows} rows simulated)" if self.simulated_rows else ""
        made = ""
        if self.simulated_rows:
            made = (
                f", {100 * self.corrected:.2f} % if made rows, which draw {self.likeness or 0.0:.2f} of the false "
                "matches of real ones, drew as many"
            )
        answer = "holds" if self.holds else "does not hold" if self.resolvable else "not resolvable"
        return (
            f"({self.k}, {self.m}) at N = {self.n}{rows}: FPIR {100 * FPIR:g} % asked, "
            f"{self.observed.text()} observed{made}: {answer}"
        )


def calibrate(job: Job, *, at: str, by: str) -> tuple[str, list[str]]:
    """The table's text, and a line for each size it was tried at.

    Raises:
        DataWrong: too few people with two photos each.
    """
    step = job.stages("counting", len(POLICIES))
    counted = count_policies(job.people, seed=job.seed, progress=step)
    first = Made(at, by, openset.SIMULATED_N, "simulated")
    tried = _tries(job, table_of(job.info, job.data, counted, first))
    n, how = verified(tried, openset.largest_n(job.people))
    text = table_text(job.info, job.data, counted, replace(first, verified_n=n, verified_by=how), noise=True)
    lines = [one.text() for one in tried]
    head = "".join(f"# Tried: {line}.\n" for line in lines)
    return text.replace("\nengine_id", f"\n{head}\nengine_id", 1), lines


def verified(tried: list[TriedAt], largest: int) -> tuple[int, Literal["real", "simulated"]]:
    """The largest size at which every policy that can be judged holds, and by what."""
    held: list[TriedAt] = []
    for n in sorted({one.n for one in tried}):
        here = [one for one in tried if one.n == n and one.resolvable]
        if not here:
            continue
        if not all(one.holds for one in here):
            break
        held += here
    if not held:
        return max(1, min(largest, 100)), "real"
    best = max(held, key=lambda one: one.n)
    return best.n, "simulated" if best.simulated_rows else "real"


def _tries(job: Job, table: Calibration) -> list[TriedAt]:
    real = real_rows(job.people)
    sizes = [(n, 0) for n in openset.sizes_for(job.people)]
    sizes += [(openset.SIMULATED_N, openset.SIMULATED_N - real)] if real is not None else []
    tried = [(k, m) for k, m in TRIED if job.people.with_photos(k + m) and table.policy_for(k, m)]
    step = job.stages("trying the table", len(sizes) * len(tried))
    found: list[TriedAt] = []
    for n, simulated in sizes:
        for k, m in tried:
            found.append(_try(job, table, k, m, n, simulated))
            step(1)
    return found


def _try(job: Job, table: Calibration, k: int, m: int, n: int, simulated: int) -> TriedAt:
    threshold = door_threshold(table, fpir=FPIR, n=n, k=k, m=m, small_gallery_floor=False)
    assert isinstance(threshold, DoorThreshold), "tried up to the size it says"
    draws = [
        openset.draw(job.people, k, m, n, seed=job.seed + turn, simulated=simulated)
        for turn in range(job.draws)
    ]
    named = [[(came.person, came.score >= threshold.t) for came in one.strangers] for one in draws]
    alike = likeness(job.people, k, threshold.t, seed=job.seed) if simulated else None
    attempts = sum(len(one) for one in named) / len(named)
    return TriedAt(k, m, n, simulated, openset.pooled(named, seed=job.seed), alike, attempts)
