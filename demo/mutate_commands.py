"""``make mutate-commands MUTATIONS=100000 COMMANDS=1000 SEED=1``: commands that must not, and commands that must.

First everything an attacker may send, at the real desk of a node; then true commands through a mosquitto that dies,
while somebody replays them.  The last line is one JSON object.
"""

import argparse
import json
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import structlog
from rich.console import Console
from rich.progress import Progress

from demo import good_commands
from demo.command_target import attack

ROOT = Path(__file__).parents[1]


def run(mutations: int, commands: int, seed: int, folder: Path, progress: Progress) -> dict[str, Any]:
    """Both parts; ``sound`` says whether nothing was carried out that must not, and all that must have one end."""
    # A refusal is a warning in a node's log; a hundred thousand of them would be all there is to read.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    told: dict[str, Any] = {"seed": seed}
    if mutations:
        task = progress.add_task("bad commands", total=mutations)
        with tempfile.TemporaryDirectory(prefix="bad-", dir=folder) as disk:
            verdict = attack(Path(disk), mutations, seed, lambda n: progress.advance(task, n))
        told |= verdict.told() | {"bad_sound": verdict.sound}
    if commands:
        task = progress.add_task("good commands", total=commands)
        through = good_commands.good(folder / "good", commands, seed, lambda n: progress.advance(task, n))
        told |= {"through_restarts": through | {"sound": good_commands.sound(through)}}
    return told


def sound(told: dict[str, Any]) -> bool:
    through = told.get("through_restarts", {"sound": True})
    return bool(told.get("bad_sound", True) and through["sound"])


def main() -> int:
    """0 when nothing bad was carried out and every good one has exactly one end."""
    parser = argparse.ArgumentParser(prog="python -m demo.mutate_commands", description=__doc__)
    parser.add_argument("--mutations", type=int, default=100_000)
    parser.add_argument("--commands", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    folder = ROOT / "run" / "commands"
    folder.mkdir(parents=True, exist_ok=True)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        told = run(asked.mutations, asked.commands, asked.seed, folder, progress)
    print(json.dumps(told))
    return 0 if sound(told) else 1


if __name__ == "__main__":
    sys.exit(main())
