"""Many nights on all cores: handed out in small lots, added up in any order, the same whatever the number of workers."""

import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from edge.core.door_table import TABLE
from sim.bus import LateLock, play_schedule
from sim.house import quiet_logs
from sim.plan import write_night
from sim.play import Outcome, play
from sim.rows import count_rows, name_of
from sim.script import FAULTS

LOT = 20
FAILURES_KEPT = 5
WORKERS_MAX = 8
PASSAGES_MIN, INPUTS_MIN, FAULTS_MIN = 60, 300, 1
ALL_ROWS_FROM = 1_000  # a shorter run need not have met every row


@dataclass
class Sum:
    """A run so far."""

    nights: int = 0
    passages: int = 0
    inputs: int = 0
    steps: int = 0
    facts: int = 0
    rows: Counter[int] = field(default_factory=Counter)
    deeds: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[int, str]] = field(default_factory=list)
    thin: list[tuple[int, str]] = field(default_factory=list)  # nights in which too little happened
    fewest: list[int] = field(default_factory=lambda: [10**9] * 3)  # passages, inputs, faults of one night

    def take(self, k: int, outcome: Outcome) -> None:
        self.nights += 1
        self.passages += outcome.passages
        self.inputs += outcome.inputs
        self.steps += outcome.steps
        self.facts += outcome.facts
        self.rows += outcome.rows
        self.deeds += outcome.deeds
        if outcome.broken:
            self.broken.append((k, outcome.broken))
            return
        counts = (outcome.passages, outcome.inputs, outcome.faults)
        self.fewest = [min(one) for one in zip(self.fewest, counts, strict=True)]
        if any(n < least for n, least in zip(counts, (PASSAGES_MIN, INPUTS_MIN, FAULTS_MIN), strict=True)):
            self.thin.append((k, f"{counts[0]} passages, {counts[1]} inputs, {counts[2]} faults"))

    def add(self, other: "Sum") -> None:
        for name in ("nights", "passages", "inputs", "steps", "facts"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.rows += other.rows
        self.deeds += other.deeds
        self.broken = sorted(self.broken + other.broken)
        self.thin = sorted(self.thin + other.thin)
        self.fewest = [min(one) for one in zip(self.fewest, other.fewest, strict=True)]

    @property
    def never(self) -> list[str]:
        return [name_of(index) for index in range(len(TABLE)) if not self.rows[index]]


def ready() -> None:
    """Once in each process that plays."""
    quiet_logs()
    count_rows()


def play_lot(lot: tuple[int, int, int]) -> Sum:
    seed, first, last = lot
    found = Sum()
    for k in range(first, last):
        found.take(k, play(write_night(seed, k)))
    return found


def play_schedules(lot: tuple[int, int, int]) -> tuple[int, list[tuple[int, str]], Counter[str]]:
    seed, first, last = lot
    broken, counts = [], Counter[str]()
    for k in range(first, last):
        try:
            counts.update(asdict(play_schedule(seed, k)))
        except LateLock as late:
            broken.append((k, str(late)))
    return last - first, broken, counts


def run_schedules(seed: int, schedules: int, workers: int, console: Console) -> int:
    """Random faults of a lock behind a bus; how many schedules broke a rule."""
    done, broken, counts = 0, list[tuple[int, str]](), Counter[str]()
    with multiprocessing.get_context("spawn").Pool(min(workers, WORKERS_MAX), initializer=ready) as pool:
        for n, found, more in pool.imap_unordered(play_schedules, lots(seed, schedules)):
            done += n
            broken += found
            counts += more
    for k, said in sorted(broken)[:FAILURES_KEPT]:
        console.print(f"schedule {k} of seed {seed}: {said}", highlight=False)
    console.print(
        f"{done:,} schedules of a lock behind a bus: {counts['asks']:,} asks, {counts['late_done']:,} done late by a "
        f"device that thawed, {counts['withdrawn']:,} grants withdrawn, {len(broken)} rules broken",
        highlight=False,
    )
    return len(broken)


def lots(seed: int, nights: int) -> Iterator[tuple[int, int, int]]:
    return ((seed, first, min(first + LOT, nights)) for first in range(0, nights, LOT))


def run(seed: int, nights: int, workers: int, console: Console, late: int = 0) -> int:
    """Play them all and say what was found; the exit status."""
    total, began = Sum(), time.monotonic()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[pace]}"),
        TimeRemainingColumn(),
    )
    with (
        multiprocessing.get_context("spawn").Pool(min(workers, WORKERS_MAX), initializer=ready) as pool,
        Progress(*columns, console=console, disable=not console.is_terminal) as progress,
    ):
        bar = progress.add_task("nights", total=nights, pace="")
        for found in pool.imap_unordered(play_lot, lots(seed, nights)):
            total.add(found)
            pace = _pace(total, time.monotonic() - began)
            progress.update(bar, completed=total.nights, pace=pace)
            if len(total.broken) >= FAILURES_KEPT:
                pool.terminate()
                break
    report(total, time.monotonic() - began, console)
    return verdict(total, seed, nights, console, late)


def _pace(total: Sum, spent_s: float) -> str:
    return f"{total.nights / spent_s:.1f} nights/s, {total.inputs / spent_s:,.0f} inputs/s"


def report(total: Sum, spent_s: float, console: Console) -> None:
    console.print("\nRows of the door's table, and how often each was taken:", highlight=False)
    for index in range(len(TABLE)):
        console.print(f"{total.rows[index]:>11,}  {name_of(index)}", highlight=False, markup=False)
    console.print("\nWhat happened in these nights:", highlight=False)
    for what, n in sorted(total.deeds.items(), key=lambda one: -one[1]):
        console.print(f"{n:>11,}  {what}{'  (fault)' if what in FAULTS else ''}", highlight=False)
    passages, inputs, faults = total.fewest
    console.print(
        f"\n{total.nights:,} nights of 12 h in {spent_s:,.0f} s ({_pace(total, spent_s)}): {total.passages:,} passages, "
        f"{total.inputs:,} inputs, {total.steps:,} steps, {total.facts:,} facts; "
        f"in any one night at least {passages} passages, {inputs} inputs, {faults} faults",
        highlight=False,
    )


def verdict(total: Sum, seed: int, nights: int, console: Console, late: int = 0) -> int:
    for k, said in total.broken[:FAILURES_KEPT]:
        console.print(
            f"night {k}: {said}\n  replay: python -m sim --seed {seed} --night {k}",
            highlight=False,
            markup=False,
        )
    for k, said in total.thin[:FAILURES_KEPT]:
        console.print(f"night {k} is too thin: {said}", highlight=False)
    missed = total.never if nights >= ALL_ROWS_FROM else []
    for name in missed:
        console.print(f"never taken: {name}", highlight=False, markup=False)
    if total.broken or total.thin or missed or late:
        console.print(
            f"BROKEN: {len(total.broken)} nights broke a rule, {len(total.thin)} were too thin, "
            f"{len(missed)} rows were never taken, {late} schedules of a bus broke a rule (seed {seed})",
            highlight=False,
        )
        return 1
    console.print(f"HOLDS: {total.nights:,} nights, no invariant broken (seed {seed})", highlight=False)
    return 0
