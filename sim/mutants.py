"""``make mutants``: would the simulation and the tests of the door notice?  Deliberate faults, then mechanical ones.

    python -m sim.mutants [--faults-only] [--seed 1] [--workers 2]

A mutant is played over nights that take the changed row, until a rule breaks; what survives them meets the tests of
the door.  The last line is the verdict, the exit status says the same.
"""

import argparse
import asyncio
import contextlib
import io
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from sim.bus import LateLock, play_schedule
from sim.explained import explanation
from sim.faults import FAULTS, Fault
from sim.plan import write_night
from sim.play import play
from sim.run import ready
from sim.table_mutants import Mutant, all_mutants, apply

ROOT = Path(__file__).parents[1]
GOAL = 0.95
FAILED = pytest.ExitCode.TESTS_FAILED
MAP_NIGHTS = 240  # looked through once, for the nights that take a row
NIGHTS_PER_ROW = 14
FAULT_NIGHTS = 150
FAULT_SCHEDULES = 300
TESTS_WITHIN_S = 180
# They look at the table or its page, not at what a door does: no witnesses.
NO_WITNESS = (
    "tests/unit/test_core_door_page.py",
    "tests/unit/test_core_door_sides.py::test_every_row_can_be_read_aloud",
    "tests/unit/test_core_door_sides.py::test_the_table_writes_exactly_the_facts_that_are_named",
)
# Where a deliberate fault that the simulation does not meet is looked for.
BEHAVIOUR = {
    "machine": "test_core_door*.py", "node": "test_io_events*.py", "gate": "test_gate_*.py",
    "decision": "test_core_dec*.py", "commands": "test_core_commands*.py", "gate-io": "test_gateio_[bf]*.py", "bus": "test_gateio_bus*.py",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Caught:
    name: str
    by: str  # empty: it survived


# --- deliberate ----------------------------------------------------------------------------------------------------


def try_fault(asked: tuple[int, int]) -> Caught:
    """In a process of its own, which nobody uses afterwards."""
    seed, number = asked
    ready()
    FAULTS[number].put_in()
    if FAULTS[number].where == "bus":
        return Caught(FAULTS[number].name, _schedule_that_notices(seed) or _test_that_notices(FAULTS[number]))
    for k in range(FAULT_NIGHTS):
        outcome = play(write_night(seed, k))
        if outcome.broken:
            return Caught(FAULTS[number].name, f"night {k}: {outcome.broken}")
    return Caught(FAULTS[number].name, _test_that_notices(FAULTS[number]))


def _schedule_that_notices(seed: int) -> str:
    for k in range(FAULT_SCHEDULES):
        try:
            play_schedule(seed, k)
        except LateLock as late:
            return f"schedule {k}: {late}"
    return ""


def _test_that_notices(fault: Fault) -> str:
    """The name of the first behavioural test that fails with it."""
    found = [str(path) for path in sorted((ROOT / "tests/unit").glob(BEHAVIOUR[fault.where]))]
    said = _pytest(found, fault.name)
    failed = [line.split(" ")[1] for line in said.splitlines() if line.startswith("FAILED ")]
    return failed[0] if failed else ""


def deliberate(seed: int, workers: int, console: Console) -> bool:
    asked = [(seed, number) for number in range(len(FAULTS))]
    caught = 0
    with multiprocessing.get_context("spawn").Pool(workers, maxtasksperchild=1) as pool:
        for fault, found in zip(FAULTS, pool.imap(try_fault, asked), strict=True):
            caught += bool(found.by)
            by = f"caught by {found.by[:140]}" if found.by else "SURVIVED"
            console.print(
                f"  {fault.where:<9} {fault.name}: {by}", highlight=False, markup=False, soft_wrap=True
            )
    console.print(f"{caught} of {len(FAULTS)} deliberate faults caught\n", highlight=False)
    return caught == len(FAULTS)


# --- mechanical ----------------------------------------------------------------------------------------------------


def rows_of_nights(asked: tuple[int, int, int]) -> list[tuple[int, tuple[int, ...]]]:
    seed, first, last = asked
    return [(k, tuple(play(write_night(seed, k)).rows)) for k in range(first, last)]


def nights_by_row(seed: int, nights: int, pool: "multiprocessing.pool.Pool") -> dict[int, list[int]]:
    """The first nights that take each row."""
    found: dict[int, list[int]] = {}
    step = 10
    lots = [(seed, first, min(first + step, nights)) for first in range(0, nights, step)]
    for lot in pool.imap(rows_of_nights, lots):
        for k, rows in lot:
            for row in rows:
                if len(found.setdefault(row, [])) < NIGHTS_PER_ROW:
                    found[row].append(k)
    return found


def try_mutant(asked: tuple[int, Mutant, list[int]]) -> Caught:
    """The nights that take its row, then the door's tests."""
    seed, mutant, nights = asked
    undo = apply(mutant)
    try:
        for k in nights:
            outcome = play(write_night(seed, k))
            if outcome.broken:
                return Caught(mutant.name, f"the simulation ({outcome.rule})")
        return Caught(mutant.name, "the door's tests" if tests_notice() else "")
    finally:
        undo()


def door_tests() -> list[str]:
    return [str(path) for path in sorted((ROOT / "tests/unit").glob("test_core_door*.py"))]


def tests_notice() -> bool:
    """In this process, whose table is the mutant's; the door's tests are pure and quick."""
    asyncio._set_running_loop(None)
    with contextlib.redirect_stdout(io.StringIO()):
        asked = ["-x", "-q", "--rootdir", str(ROOT), *door_tests(), *_without_witnesses()]
        return pytest.main(asked) == FAILED


def _without_witnesses() -> list[str]:
    return [word for test in NO_WITNESS for word in ("--deselect", test)]


def _pytest(files: list[str], fault: str) -> str:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "sim.fault_plugin",
        *files,
        *_without_witnesses(),
    ]
    env = os.environ | {"FAULT": fault, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=TESTS_WITHIN_S, check=False
    )
    return done.stdout


def mechanical(seed: int, workers: int, console: Console, only: Iterable[Mutant] | None = None) -> bool:
    mutants = list(all_mutants() if only is None else only)
    with multiprocessing.get_context("spawn").Pool(workers, initializer=ready) as pool:
        nights = nights_by_row(seed, MAP_NIGHTS, pool)
        asked = [(seed, mutant, nights.get(mutant.row, [])) for mutant in mutants]
        with Progress(console=console, disable=not console.is_terminal) as progress:
            tried = pool.imap(try_mutant, asked, chunksize=2)
            found = list(progress.track(tried, len(asked), description="mutants"))
    survivors = [mutant for mutant, caught in zip(mutants, found, strict=True) if not caught.by]
    by_tests = sum(caught.by == "the door's tests" for caught in found)
    unexplained = 0
    for mutant in survivors:
        why = explanation(mutant)
        unexplained += not why
        said = why or "NOT EXPLAINED"
        console.print(f"  survived: {mutant}: {said}", highlight=False, markup=False, soft_wrap=True)
    caught_n = len(mutants) - len(survivors)
    console.print(
        f"{caught_n} of {len(mutants)} mechanical mutants caught ({100 * caught_n / len(mutants):.1f} %): "
        f"{caught_n - by_tests} by the simulation, {by_tests} by the door's tests alone; "
        f"{len(survivors)} survived, {unexplained} of them not explained\n",
        highlight=False,
    )
    return caught_n >= GOAL * len(mutants) and not unexplained


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sim.mutants", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults-only", action="store_true")
    parser.add_argument("--table-only", action="store_true")
    parser.add_argument("--workers", type=int, default=min(8, os.cpu_count() or 1))
    asked = parser.parse_args()
    console = Console(width=160)
    good = asked.table_only or deliberate(asked.seed, asked.workers, console)
    if not asked.faults_only:
        good = mechanical(asked.seed, asked.workers, console) and good
    console.print("MUTANTS CAUGHT" if good else "MUTANTS SURVIVED", highlight=False)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
