"""The evening as the storm needs it: guests who keep coming, and what ledgers, database and doors say from outside."""

import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from demo import count
from demo.faults.disk import SmallDisk
from demo.faults.planted import Stranger
from demo.proxy import Cable
from demo.stage import wait_until
from demo.world import COMMUNITY, DOORS, NODES, DoorPlan, NodePlan, World
from edge.core.events import AccessPointId
from edge.drivers.inputs.simulated import set_point
from edge.errors import GateError
from edge.ports import Point
from edge.runtime import control

ROOT = Path(__file__).parents[2]
DATABASE = Path("sync/data/community.db")
COUNTED_S = 300.0
BUSY_STARTS_S = 60.0
SAID_AGAIN_S = 60.0
CODE_EVERY_S = 3.0
ACT_EVERY_S = 0.25
ASK_AGAIN_S = 1.0  # a node that died over the digits never answers; they are typed again
TYPING_S = 2.0
BACKUPS_KEPT = 3
BUSY = NodePlan("n-busy", ())  # the gate at rush hour (demo.faults.busy)


@dataclass(frozen=True, slots=True)
class Keys:
    """Digits that open every door, and what the nodes were told of passes before these digits were."""

    pin: str
    older: list[tuple[str, bytes]]


class Ground:
    """Everything a fault may touch, and every way to look at what it did."""

    def __init__(self, world: World, dice: random.Random, keys: Keys, disks: Mapping[str, SmallDisk]) -> None:
        self.world = world
        self.dice = dice
        self.disks = disks  # nodes whose disk can be filled
        self.ended_s = 0.0  # when the last fault was over
        self.decided_amid = 0  # decisions at a door while the bus or the service was broken
        self._pin = keys.pin
        self.older = keys.older
        self._code_s = 0.0
        self.first_backup = self.backup("first")
        self._backups = [self.first_backup]
        Path(BUSY.node).mkdir()
        world.cable(BUSY.node)
        self._start_busy()
        wait_until(
            Path(BUSY.node, "data/events.db").exists, within_s=BUSY_STARTS_S, what="the busy gate's ledger"
        )
        self.linked = (*NODES, BUSY)  # every node with a cable to the broker

    # --- the evening goes on ----------------------------------------------------------------------------------

    def live(self, seconds: float) -> None:
        """Guests come and go for so long, whatever is broken meanwhile."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            self._act()
            time.sleep(min(ACT_EVERY_S, left))

    def _act(self) -> None:
        door, chance = self.dice.choice(list(DOORS.values())), self.dice.random()
        if time.monotonic() - self._code_s > CODE_EVERY_S:
            self._code_s = time.monotonic()
            guest = self.dice.choice(list(self.world.guests.values()))
            self.world.stages[door.access_point].show_code(guest.phone.code(), "guest")
        elif chance < 0.4:
            self.type_pin(door)
        elif chance < 0.7:
            self._press(door, Point.REX)
        else:
            self._press(door, Point.CONTACT)

    def type_pin(self, door: DoorPlan) -> bool:
        """A guest types their digits at the door's screen; False when nobody listens there."""
        screen = f"http://127.0.0.1:{self.world.kiosk_ports[door.node]}/{door.access_point}/pin"
        with suppress(httpx.TransportError):
            return httpx.post(screen, json={"pin": self._pin}, timeout=TYPING_S).status_code == 202
        return False

    def _press(self, door: DoorPlan, point: Point) -> None:
        self.point(door, point, level=True)
        self.point(door, point, level=False)

    def point(self, door: DoorPlan, point: Point, *, level: bool) -> None:
        rig = Path(door.node, f"rig-{door.camera}.sock")
        with suppress(OSError, GateError):  # gate-io may be dead right now: then the button is not heard
            set_point(rig, AccessPointId(door.access_point), point, level)

    # --- programs and cables ----------------------------------------------------------------------------------

    def over(self) -> None:
        """The fault ends now; recovery is counted from here."""
        self.ended_s = time.monotonic()

    def kill(self, name: str, down_s: float) -> None:
        self.world.kill(name)
        self.live(down_s)
        self.over()
        self.revive(name)

    def revive(self, name: str) -> None:
        """Start a killed program again, as systemd would."""
        if name == BUSY.node:
            self._start_busy()
        else:
            self.world.revive(name)

    def _start_busy(self) -> None:
        port, seed = str(self.world.cables[BUSY.node].port), str(self.dice.randrange(1 << 30))
        # The interpreter of this run, from the repository: the program's folder is the node's own.
        command = (sys.executable, "-m", "demo.faults.busy", COMMUNITY, BUSY.node, port, seed)
        self.world.start(BUSY.node, "env", f"PYTHONPATH={ROOT}", *command, folder=BUSY.node)

    def heads_retained(self) -> dict[str, bytes]:
        """Each node's head of passes as the broker retains it; waits until there is one.

        Raises:
            TimeoutError: the service has not told the broker again what it should retain.
        """
        with Stranger(self.world.broker_port, COMMUNITY) as stranger:
            for plan in NODES:
                stranger.listen_for_passes(plan.node)
            return {
                plan.node: wait_until(
                    lambda plan=plan: stranger.head_of(plan.node),
                    within_s=SAID_AGAIN_S,
                    what=f"the retained head of {plan.node}",
                )
                for plan in NODES
            }

    def end_of_rush(self) -> None:
        """The busy gate records nothing any more; what it has recorded it still sends."""
        self.world.programs[BUSY.node].send_signal(signal.SIGUSR1)

    def stop_a_while(self, name: str, seconds: float) -> None:
        """SIGSTOP: the program keeps its ports and connections and does nothing."""
        stopped = self.world.programs[name]
        stopped.send_signal(signal.SIGSTOP)
        try:
            self.live(seconds)
        finally:
            stopped.send_signal(signal.SIGCONT)
            self.over()

    def cable(self, node: str) -> Cable:
        return self.world.cables[node]

    def move_clock(self, node: str, offset_s: float) -> None:
        """The node's time of day, by the port its clock has for rehearsals."""
        hidden = Path(node, ".clock.json")
        hidden.write_text(json.dumps({"offset_ms": round(offset_s * 1000), "synchronised": True}))
        hidden.rename(Path(node, "clock.json"))

    # --- the service's database -------------------------------------------------------------------------------

    def backup(self, name: str) -> Path:
        """A copy of the database as SQLite itself makes one."""
        to = Path("tmp", f"backup-{name}.db")
        with count.read(DATABASE) as source, closing(sqlite3.connect(to)) as copy:
            source.backup(copy)
        return to

    def back_up_again(self, name: str) -> None:
        self._backups.append(self.backup(name))
        for old in self._backups[1:-BACKUPS_KEPT]:
            old.unlink()
            self._backups.remove(old)

    def some_backup(self) -> Path:
        return self.dice.choice(self._backups)

    def replace_database(self, by: Path | None) -> None:
        """The service is dead; its database is this one now, or none."""
        for tail in ("", "-wal", "-shm"):
            DATABASE.with_name(DATABASE.name + tail).unlink(missing_ok=True)
        if by is not None:
            shutil.copyfile(by, DATABASE)

    # --- what is seen from outside ----------------------------------------------------------------------------

    def heads(self) -> dict[tuple[str, str], int]:
        """(node, epoch) → the last number recorded."""
        found = {}
        for plan in self.linked:
            with count.read(Path(plan.node, "data/events.db")) as db:
                (epoch,) = db.execute("select epoch from meta").fetchone()
                (head,) = db.execute("select coalesce(max(seq), 0) from event").fetchone()
            found[plan.node, epoch] = head
        return found

    def heads_without_holes(self) -> dict[tuple[str, str], int]:
        """``heads`` of the ledgers that are whole: a small disk has let acknowledged events go, and said so."""
        whole = {}
        for (node, epoch), head in self.heads().items():
            with count.read(Path(node, "data/events.db")) as db:
                (holes,) = db.execute("select count(*) from gone where epoch = ?", (epoch,)).fetchone()
            if not holes:
                whole[node, epoch] = head
        return whole

    def stored(self, heads: Mapping[tuple[str, str], int]) -> bool:
        """The service holds everything up to these numbers, without a gap."""
        with suppress(sqlite3.Error), count.read(DATABASE) as db:  # being replaced, or not made yet
            marks = {
                (node, epoch): upto for node, epoch, upto in db.execute("select node, epoch, upto from mark")
            }
            return all(marks.get(key, 0) >= head for key, head in heads.items())
        return False

    def settle(self) -> None:
        """Wait until no node records anything any more and the service has it all.

        Raises:
            TimeoutError: something still moves, or is missing, after a minute.
        """
        before: dict[tuple[str, str], int] = {}

        def quiet() -> bool:
            self.world.alive()
            heads = self.heads()
            still = heads == before and self.stored(heads)
            before.clear()
            before.update(heads)
            return still

        wait_until(quiet, within_s=60, what="every event of every node is stored", every_s=1.0)

    def granted_since(self, door: DoorPlan, seq: int) -> bool:
        """The node has let somebody in by their digits at this door after this number."""
        with count.read(Path(door.node, "data/events.db")) as db:
            bodies = db.execute(
                "select body from event where seq > ? and body is not null", (seq,)
            ).fetchall()
        return any(
            (fact["type"], fact.get("access_point"), fact.get("credential_kind"))
            == ("access.granted", door.access_point, "pin")
            for fact in (json.loads(body) for (body,) in bodies)
        )

    def records(self, plan: NodePlan, seq: int) -> None:
        """Wait until this node has recorded more than this."""
        wait_until(
            lambda: any(node == plan.node and head > seq for (node, _), head in self.heads().items()),
            within_s=BUSY_STARTS_S,
            what=f"{plan.node} records again",
        )

    def last_seq(self, door: DoorPlan) -> int:
        return next(head for (node, _), head in self.heads().items() if node == door.node)

    def serves(self, door: DoorPlan) -> bool:
        """Its node runs and has its lock in hand."""
        self.world.alive()
        with suppress(Exception):  # not up yet; alive() above says so if it never will be
            doors = control.ask(Path(door.node, "data/control.sock"), {"do": "status"})["doors"]
            return any((one["access_point"], one["lock"]) == (door.access_point, "OK") for one in doors)
        return False

    def decides(self, door: DoorPlan, *, within_s: float, amid: bool = False) -> float:
        """When this door, its lock in hand, has let somebody in again, by the clock of ``ended_s``.

        Raises:
            TimeoutError: it does not.
        """
        wait_until(lambda: self.serves(door), within_s=within_s, what=f"{door.name_en} has its lock in hand")
        seq, asked_s = self.last_seq(door), 0.0

        def granted() -> bool:
            nonlocal asked_s
            self.world.alive()
            if time.monotonic() - asked_s > ASK_AGAIN_S and self.type_pin(door):
                asked_s = time.monotonic()
            return self.granted_since(door, seq)

        wait_until(granted, within_s=within_s, what=f"{door.name_en} lets somebody in")
        self.decided_amid += amid
        return time.monotonic()


def counted_outside(ledgers: Mapping[str, Path], database: Path) -> tuple[dict[str, int], bool]:
    """What the counting program, a process of its own, says of these files, and whether it found nothing wrong.

    Raises:
        RuntimeError: it could not count.
    """
    named = [f"{node}={path.absolute()}" for node, path in ledgers.items()]
    done = subprocess.run(
        [sys.executable, "-m", "demo.counting", *named, str(database.absolute())],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=COUNTED_S,
        check=False,
    )
    if not done.stdout.strip():
        raise RuntimeError(f"the counting program could not count: {done.stderr.strip()}")
    return json.loads(done.stdout.splitlines()[-1]), done.returncode == 0
