"""``make sim``: nights of one gate under everything that goes wrong.  The last line is the verdict."""

import argparse
import os
import sys

from rich.console import Console

from sim.plan import write_night
from sim.play import play
from sim.run import ready, run, run_schedules
from sim.script import Deed
from sim.shrink import shrink


def one_night(seed: int, k: int, console: Console, *, shrinks: bool) -> int:
    """Play one night again; where it breaks a rule, print the few deeds that it takes."""
    ready()
    night = write_night(seed, k)
    outcome = play(night)
    if not outcome.broken:
        console.print(
            f"{len(night.deeds)} deeds, {outcome.passages} passages, {outcome.inputs} inputs, {outcome.steps} steps"
        )
        console.print(f"HOLDS: night {k} of seed {seed}", highlight=False)
        return 0
    console.print(f"{outcome.broken}\nat {Deed(outcome.at_ns, '')}", highlight=False, markup=False)
    if shrinks:
        fewer = shrink(night, outcome.rule)
        console.print(f"the same with {len(fewer.deeds)} of {len(night.deeds)} deeds:", highlight=False)
        for line in fewer.lines():
            console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)
        console.print(play(fewer).broken, highlight=False, markup=False)
    console.print(f"BROKEN: night {k} of seed {seed}: {outcome.rule}", highlight=False)
    return 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sim", description=__doc__)
    parser.add_argument("--nights", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--night", type=int, help="play this night only, and shrink it where it breaks a rule"
    )
    parser.add_argument("--schedules", type=int, help="of a lock behind a bus; as many as nights unless said")
    parser.add_argument("--no-shrink", action="store_true")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    console = Console(width=160 if not sys.stdout.isatty() else None)
    if asked.night is not None:
        return one_night(asked.seed, asked.night, console, shrinks=not asked.no_shrink)
    workers = max(1, asked.workers)
    schedules = asked.nights if asked.schedules is None else asked.schedules
    late = run_schedules(asked.seed, schedules, workers, console) if schedules else 0
    return run(asked.seed, asked.nights, workers, console, late)


if __name__ == "__main__":
    sys.exit(main())
