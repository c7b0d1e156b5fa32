"""``make fault KILLS=100 SEED=1``: an evening in which programs are killed at random, and nothing may be lost.

Guests show their codes at three doors all the time; node, gate-io, broker and service get SIGKILL at moments a seed
chooses, at least a fifth of the kills each, and are started again as systemd would.  At the end the count is taken
from outside: ledgers against the service's database, chains, locks and doors.
"""

import json
import os
import random
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from cloud_sync.core.codes import listing_code
from cloud_sync.protocol import chain
from demo import count
from demo.acts import Evening
from demo.people import cast
from demo.stage import wait_until
from demo.world import DOORS, LISTING_BODY, NODES, DoorPlan, Wish, World
from edge.core.events import AccessPointId
from edge.drivers.inputs.simulated import set_point
from edge.ports import Point
from edge.runtime import control

ROOT = Path(__file__).parent.parent
BETWEEN_S = (0.3, 2.5)  # how long a program lives between two kills
DOWN_S = (0.0, 0.8)  # how long systemd takes to notice
CODE_EVERY_S = 1.5
KINDS = ("node", "gate-io", "broker", "sync")


def main() -> int:
    """0 when nothing was lost, nothing double, every chain verifies and every door is in its declared state."""
    kills, seed = int(os.environ.get("KILLS") or 100), int(os.environ.get("SEED") or 1)
    result = storm(kills, seed, run=os.environ.get("RUN") or "run/fault")
    print(json.dumps(result))
    return 0 if sound(result) else 1


def sound(result: dict[str, Any]) -> bool:
    return (
        not any(result[name] for name in ("lost", "double", "broken_chains", "doors_wrong"))
        and result["kills"] > 0
    )


def storm(kills: int, seed: int, *, run: str) -> dict[str, Any]:
    """Play it and count it."""
    dice = random.Random(seed)  # a seed is what makes a failure repeatable
    order = [KINDS[i % len(KINDS)] for i in range(kills)]
    dice.shuffle(order)
    world = World(ROOT / run, ROOT / ".cache/clips", Wish(face=False), cast())
    with world:
        world.open_service()
        world.open_nodes()
        world.import_records(listing_code(*LISTING_BODY))
        evening = Evening(world, lambda _: None)
        evening.check_in()
        storm = Storm(world, dice)
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("killing", total=kills)
            for kind in order:
                storm.live(dice.uniform(*BETWEEN_S))
                storm.kill(kind)
                progress.advance(task)
        storm.calm(evening)
        evening.settle()
        result = storm.judge()
        world.stop()
    return {"kills": kills, "seed": seed, "by_kind": dict(Counter(order)), **result}


class Storm:
    """Guests at the doors, and a hand that kills."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self._world = world
        self._dice = dice
        self._shown_s = 0.0

    def live(self, seconds: float) -> None:
        """Let the evening run on."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if time.monotonic() - self._shown_s > CODE_EVERY_S:
                self._shown_s = time.monotonic()
                self._guest()
            self._move_doors()
            time.sleep(0.1)

    def _guest(self) -> None:
        """Somebody holds a code into a camera, or asks for the way out."""
        door = self._dice.choice(list(DOORS.values()))
        if self._dice.random() < 0.25:
            self._point(door, Point.REX, level=True)
            self._point(door, Point.REX, level=False)
        else:
            guest = self._dice.choice(list(self._world.guests.values()))
            self._world.stages[door.access_point].show_code(guest.phone.code(), "guest")

    def _move_doors(self) -> None:
        """Doors are opened and fall shut at random, also while nobody watches."""
        if self._dice.random() < 0.15:
            door = self._dice.choice(list(DOORS.values()))
            self._point(door, Point.CONTACT, level=True)
            self._point(door, Point.CONTACT, level=False)

    def _point(self, door: DoorPlan, point: Point, *, level: bool) -> None:
        node = next(plan.node for plan in NODES if door in plan.doors)
        with suppress(OSError, Exception):  # gate-io may be dead right now: then the button is not heard
            set_point(Path(node, f"rig-{door.camera}.sock"), AccessPointId(door.access_point), point, level)

    def kill(self, kind: str) -> None:
        names = {
            "node": [plan.node for plan in NODES],
            "gate-io": [f"gate-io-{plan.node}" for plan in NODES],
            "broker": ["broker"],
            "sync": ["sync"],
        }[kind]
        name = self._dice.choice(names)
        self._world.kill(name)
        time.sleep(self._dice.uniform(*DOWN_S))
        self._world.revive(name)

    def calm(self, evening: Evening) -> None:
        """Everybody goes home; every door is shut and every program serves."""
        for door in DOORS.values():
            evening.lane_empty(door)
            wait_until(
                lambda door=door: self._shut(door) and not _energised(door),
                within_s=60,
                what=f"{door.name_en} is shut and locked",
            )

    def _shut(self, door: DoorPlan) -> bool:
        self._world.alive()
        self._point(door, Point.CONTACT, level=False)
        node = next(plan.node for plan in NODES if door in plan.doors)
        with suppress(Exception):  # the node is still starting
            doors = control.ask(Path(node, "data/control.sock"), {"do": "status"})["doors"]
            found = next(one for one in doors if one["access_point"] == door.access_point)
            return (found["mode"], found["contact"], found["alarm"]) == ("LOCKED", "closed", "NORMAL")
        return False

    def judge(self) -> dict[str, Any]:
        """The count, from outside."""
        events = {plan.node: count.ledger(Path(plan.node, "data/events.db"), plan.node) for plan in NODES}
        stored = count.service(Path("sync/data/community.db"))
        recorded = {event.key for of_node in events.values() for event in of_node}
        return {
            "events_recorded": len(recorded),
            "events_stored": stored.rows,
            "lost": len(recorded - stored.keys),
            "double": stored.counted - len(stored.keys),
            "granted": sum(count.tally(of_node, "access.granted") for of_node in events.values()),
            "broken_chains": sum(not _chain_holds(plan.node) for plan in NODES),
            "doors_wrong": sum(not self._shut(door) or _energised(door) for door in DOORS.values()),
        }


def _chain_holds(node: str) -> bool:
    with count.read(Path(node, "data/events.db")) as db:
        (epoch,) = db.execute("select epoch from meta").fetchone()
        return chain.first_break(node, epoch, db.execute("select seq, d, h from event order by seq")) is None


def _energised(door: DoorPlan) -> bool:
    """What the lock's own record says at its end."""
    node = next(plan.node for plan in NODES if door in plan.doors)
    moves = list(count.lines(Path(node, f"lock-{door.camera}.jsonl")))
    return bool(moves) and moves[-1]["event"] == "energise"


if __name__ == "__main__":
    sys.exit(main())
