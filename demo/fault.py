"""``make fault KILLS=100 SEED=1``: an evening in which everything breaks that software can break, and nothing is lost.

Guests come to three doors all the time, and a fourth gate records as at rush hour; faults drawn by a seed strike the
real programs (``demo.faults.kinds``), which are started again as systemd would.  After each one it is measured how long
it takes until everything recorded is stored again and the door decides again.  At the end a program of its own counts
ledgers against the service's database.  The broker is mosquitto; ``BROKER=embedded`` plays with the service's own.

The last line is one JSON object: what that program counted, ``recovery`` and ``faults`` by kind.  The exit status is 0
when nothing is lost, double or missing, every chain holds, every door is shut and locked, and no forged command was done.
"""

import json
import os
import random
import resource
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from cloud_sync.core.codes import listing_code
from demo import count
from demo.acts import Evening
from demo.browsers import new_pin, phone_of
from demo.faults.disk import SmallDisk, unmount
from demo.faults.ground import BUSY, DATABASE, Ground, counted_outside
from demo.faults.kinds import FORGED_COMMAND
from demo.faults.storm import Storm, drawn
from demo.people import cast
from demo.stage import wait_until
from demo.world import DOORS, LISTING_BODY, NODES, DoorPlan, Wish, World
from edge.ports import Point
from edge.runtime import control

ROOT = Path(__file__).parent.parent
SMALL_DISK = NODES[1].node  # whose data lies on a disk that can be filled
TYPES = "face"  # the guest whose digits are typed: their way in leads through every door
CALM_S = 60.0
ARMED_S = 60.0


def main() -> int:
    """0 when all is as it has to be; 1 when not, with the reason on stderr."""
    kills, seed = int(os.environ.get("KILLS") or 100), int(os.environ.get("SEED") or 1)
    embedded = os.environ.get("BROKER") == "embedded"
    try:
        result, faultless = play(
            kills, seed, run=os.environ.get("RUN") or "run/fault", mosquitto=not embedded
        )
    except (TimeoutError, RuntimeError, AssertionError) as error:
        print(f"make fault KILLS={kills} SEED={seed}: {error}", file=sys.stderr)
        return 1
    print(json.dumps(result))
    return 0 if faultless else 1


def play(kills: int, seed: int, *, run: str, mosquitto: bool) -> tuple[dict[str, Any], bool]:
    """The whole evening: its figures, and whether they are as they have to be."""
    dice = random.Random(seed)  # a seed is what makes a failure repeatable
    world = World(ROOT / run, ROOT / ".cache/clips", Wish(face=False), cast(), mosquitto=mosquitto)
    unmount(ROOT / run / SMALL_DISK / "data")
    with ExitStack() as stack:
        stack.enter_context(world)
        disks = _small_disks(stack)
        stack.callback(world.stop)  # before the disks go
        evening, pin = _open(world)
        ground = Ground(world, dice, pin, disks)
        world.nodes.append(BUSY)
        storm = Storm(ground)
        kinds = drawn(kills, dice, disk=bool(disks))
        started_s = time.monotonic()
        with _progress() as progress:
            task = progress.add_task("faults", total=kills, kind="")
            storm.play(kinds, lambda name: progress.update(task, advance=1, kind=name))
        per_minute = kills / (time.monotonic() - started_s) * 60
        _calm(ground, evening)
        ground.end_of_rush()
        evening.settle()
        wrong, commands = sum(not _at_rest(ground, door) for door in DOORS.values()), _forged_commands_done()
        world.stop()
        cpu_s = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) / kills
        ledgers = {plan.node: Path(plan.node, "data/events.db") for plan in ground.linked}
        counted, clean = counted_outside(ledgers, DATABASE)
    print(
        f"{kills} faults of seed {seed}: {per_minute:.1f} a minute, {cpu_s:.1f} s of CPU each; "
        f"{ground.decided_amid} people let in amid faults; doors not shut and locked: {wrong}; "
        f"forged commands done: {commands}"
        + ("" if disks else "; no disk was filled: only root may mount a small one")
    )
    result = {**counted, "recovery": storm.recovery(), "faults": dict(sorted(storm.struck.items()))}
    return result, clean and counted["recorded"] > 0 and not wrong and not commands


def _small_disks(stack: ExitStack) -> dict[str, SmallDisk]:
    disk = SmallDisk.under(Path(SMALL_DISK, "data"))
    if disk is None:
        return {}
    stack.callback(disk.close)
    return {SMALL_DISK: disk}


def _open(world: World) -> tuple[Evening, str]:
    """Every program runs, every guest has a code, and one of them digits that every door knows."""
    world.open_service()
    world.open_nodes()
    world.import_records(listing_code(*LISTING_BODY))
    evening = Evening(world, lambda _: None)
    evening.check_in()
    with phone_of(world) as phone:
        pin = new_pin(phone, evening.tokens[TYPES])
    wait_until(world.receipted, within_s=ARMED_S, what="the digits' arrival at the doors", every_s=0.1)
    return evening, pin


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[kind]}"), console=Console(stderr=True), transient=True,
    )  # fmt: skip


def _calm(ground: Ground, evening: Evening) -> None:
    """Everybody goes home; every door is shut and every program serves."""
    for door in DOORS.values():
        evening.lane_empty(door)
        wait_until(
            lambda door=door: _at_rest(ground, door),
            within_s=CALM_S,
            what=f"{door.name_en} is shut and locked",
        )


def _at_rest(ground: Ground, door: DoorPlan) -> bool:
    """Shut and locked, as its node says and as the lock's own record has it."""
    ground.world.alive()
    ground.point(door, Point.CONTACT, level=False)
    with suppress(Exception):  # the node is still starting
        doors = control.ask(Path(door.node, "data/control.sock"), {"do": "status"})["doors"]
        found = next(one for one in doors if one["access_point"] == door.access_point)
        if (found["mode"], found["contact"], found["alarm"]) != ("LOCKED", "closed", "NORMAL"):
            return False
        moves = list(count.lines(Path(door.node, f"lock-{door.camera}.jsonl")))
        return not moves or moves[-1]["event"] != "energise"
    return False


def _forged_commands_done() -> int:
    """How often a ledger says that the forged command was carried out."""
    events = (event for plan in NODES for event in count.ledger(Path(plan.node, "data/events.db"), plan.node))
    return sum(
        event.body["type"] == "command.done" and FORGED_COMMAND in json.dumps(event.body) for event in events
    )


if __name__ == "__main__":
    sys.exit(main())
