"""``make fault KILLS=100 SEED=1``: an evening in which everything breaks that software can break, and nothing is lost.

Guests come to three doors all the time, and a fourth gate records as at rush hour; faults drawn by a seed strike the
real programs (``demo.faults.kinds``), which are started again as systemd would.  After each one it is measured how long
it takes until everything recorded is stored again and the door decides again.  At the end a program of its own counts
ledgers against the service's database.  The broker is mosquitto; ``BROKER=embedded`` plays with the service's own.
``FAULTS=kicked,poison`` plays these faults in this order instead of drawing them.

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
from dataclasses import dataclass
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
from demo.faults.ground import BUSY, DATABASE, Ground, Keys, counted_outside
from demo.faults.kinds import BY_NAME, FORGED_COMMAND, Kind
from demo.faults.planted import Stranger
from demo.faults.storm import Storm, drawn
from demo.people import cast
from demo.stage import wait_until
from demo.world import COMMUNITY, DOORS, LISTING_BODY, NODES, DoorPlan, Wish, World
from edge.ports import Point
from edge.runtime import control

ROOT = Path(__file__).parent.parent
SMALL_DISK = NODES[1].node  # whose data lies on a disk that can be filled
TYPES = "face"  # the guest whose digits are typed: their way in leads through every door
CALM_S = 60.0
ARMED_S = 60.0


@dataclass(frozen=True, slots=True)
class Storming:
    """What the owner set on the command line."""

    kills: int
    seed: int
    run: str
    mosquitto: bool
    named: tuple[Kind, ...] = ()  # these, instead of what the seed would draw


def main() -> int:
    """0 when all is as it has to be; 1 when not, with the reason on stderr; 2 when it cannot be played."""
    kills, seed = int(os.environ.get("KILLS") or 100), int(os.environ.get("SEED") or 1)
    named = [name for name in (os.environ.get("FAULTS") or "").split(",") if name]
    if unknown := sorted(set(named) - set(BY_NAME)):
        print(f"FAULTS: no fault is called {unknown[0]!r}; there are {', '.join(BY_NAME)}", file=sys.stderr)
        return 2
    wish = Storming(
        kills=len(named) or kills,
        seed=seed,
        run=os.environ.get("RUN") or "run/fault",
        mosquitto=os.environ.get("BROKER") != "embedded",
        named=tuple(BY_NAME[name] for name in named),
    )
    try:
        result, faultless = play(wish)
    except (TimeoutError, RuntimeError, AssertionError) as error:
        print(f"make fault KILLS={kills} SEED={seed}: {error}", file=sys.stderr)
        return 1
    print(json.dumps(result))
    return 0 if faultless else 1


def play(wish: Storming) -> tuple[dict[str, Any], bool]:
    """The whole evening: its figures, and whether they are as they have to be."""
    dice = random.Random(wish.seed)  # a seed is what makes a failure repeatable
    root, kills = ROOT / wish.run, wish.kills
    world = World(root, ROOT / ".cache/clips", Wish(face=False), cast(), mosquitto=wish.mosquitto)
    unmount(root / SMALL_DISK / "data")
    with ExitStack() as stack:
        stack.enter_context(world)
        disks = _small_disks(stack)
        stack.callback(world.stop)  # before the disks go
        if not disks and any(kind.needs for kind in wish.named):
            raise RuntimeError("only root may mount a small disk and fill it; leave disk_full out")
        evening, keys = _open(world)
        ground = Ground(world, dice, keys, disks)
        world.nodes.append(BUSY)
        storm = Storm(ground)
        # A generator of its own: what is drawn does not depend on what was drawn to set up.
        kinds = wish.named or drawn(kills, random.Random(wish.seed), disk=bool(disks))
        started_s = time.monotonic()
        with _progress() as progress:
            task = progress.add_task("faults", total=kills, kind="")
            storm.play(kinds, lambda name: progress.update(task, advance=1, kind=name))
        per_minute = kills / (time.monotonic() - started_s) * 60
        _calm(ground, evening)
        ground.end_of_rush()
        ground.settle()
        wrong, commands = sum(not _at_rest(ground, door) for door in DOORS.values()), _forged_commands_done()
        world.stop()
        cpu_s = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) / kills
        ledgers = {plan.node: Path(plan.node, "data/events.db") for plan in ground.linked}
        counted, clean = counted_outside(ledgers, DATABASE)
    print(
        f"{kills} faults of seed {wish.seed}: {per_minute:.1f} a minute, {cpu_s:.1f} s of CPU each; "
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


def _open(world: World) -> tuple[Evening, Keys]:
    """Every program runs, every guest has a code, and one of them digits that every door knows."""
    world.open_service()
    world.open_nodes()
    evening = Evening(world, lambda _: None)
    with Stranger(world.broker_port, COMMUNITY) as tap:
        for plan in NODES:
            tap.listen_for_passes(plan.node)
        world.import_records(listing_code(*LISTING_BODY))
        evening.check_in()
    with phone_of(world) as phone:
        pin = new_pin(phone, evening.tokens[TYPES])
    wait_until(world.receipted, within_s=ARMED_S, what="the digits' arrival at the doors", every_s=0.1)
    assert all(tap.head_of(plan.node) for plan in NODES), "no node was told of passes"
    return evening, Keys(pin, list(tap.heard))


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
