"""The faults, one function each: it strikes, lets the evening go on, and calls ``over`` when the fault has ended.

Each returns the doors that have to decide again before the fault counts as recovered; with none, any door will do.
"""

import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from cloud_sync.protocol.commands import SIG_BYTES, Argument, Command, encode_command
from cloud_sync.protocol.messages import Hello, encode
from cloud_sync.protocol.sink_peer import generation
from cloud_sync.protocol.versions import WIRE_VERSION, WIRE_VERSION_MIN
from demo import count
from demo.faults.ground import BUSY, DATABASE, Ground
from demo.faults.planted import Stranger
from demo.proxy import Line
from demo.world import COMMUNITY, DOORS, NODES, DoorPlan, NodePlan

DOWN_S = (0.0, 0.5)  # how long systemd takes to notice
STOPPED_S = (1.0, 3.0)
DARK_S = (1.0, 4.0)
SLOW_S = (1.0, 3.0)
WRONG_S = (0.5, 1.5)
KICKED_S = (1.0, 4.0)
FULL_S = (1.0, 2.0)
LOCKED_S = (0.5, 8.0)  # longer than the service waits for a lock, too
RESETS = 5
RESET_EVERY_S = (0.05, 0.4)
YEAR_AND_MORE_S = -400 * 86_400.0
TWO_HOURS_S = 7_200.0
TOO_MUCH = 1_000_000  # what a forged hello claims to have been told
POISON = (b"", b"\xff\xfe\x00", b"{", b'{"v":1}', b"[]" * 4_000)
FORGED_COMMAND = "f0f0f0f0f0f0f0f0"
ALL_DOORS = tuple(DOORS.values())

Strike = Callable[[Ground], tuple[DoorPlan, ...]]


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    weight: float
    strike: Strike
    needs: Literal["", "disk"] = ""
    then: str = ""  # what has to follow, as somebody would do it
    unlisted: bool = False  # until then the service knows no node's key, and believes no declared hole


def _door_of(ground: Ground, plan: NodePlan) -> DoorPlan:
    """A door of this node; of one without, any."""
    return ground.dice.choice(plan.doors or ALL_DOORS)


def _any_node(ground: Ground) -> NodePlan:
    """One with doors."""
    return ground.dice.choice(NODES)


def _any_linked(ground: Ground) -> NodePlan:
    """One that sends events; the busy gate is among them."""
    return ground.dice.choice(ground.linked)


# --- programs ---------------------------------------------------------------------------------------------------


def kill_node(ground: Ground) -> tuple[DoorPlan, ...]:
    """SIGKILL for a node; started again after up to half a second."""
    plan = _any_node(ground)
    ground.kill(plan.node, ground.dice.uniform(*DOWN_S))
    return (_door_of(ground, plan),)


def kill_gate_io(ground: Ground) -> tuple[DoorPlan, ...]:
    """SIGKILL for the program that holds the locks; the node stays and finds it again."""
    plan = _any_node(ground)
    ground.kill(f"gate-io-{plan.node}", ground.dice.uniform(*DOWN_S))
    return (_door_of(ground, plan),)


def kill_busy(ground: Ground) -> tuple[DoorPlan, ...]:
    """SIGKILL for the gate at rush hour, with events on their way; it is back when it records again."""
    (head,) = (head for (node, _), head in ground.heads().items() if node == BUSY.node)
    ground.kill(BUSY.node, ground.dice.uniform(*DOWN_S))
    ground.records(BUSY, head)
    return ()


def kill_broker(ground: Ground) -> tuple[DoorPlan, ...]:
    """SIGKILL for the broker; sessions, queues and what was retained are gone."""
    ground.kill("broker", ground.dice.uniform(*DOWN_S))
    return ()


def kill_service(ground: Ground) -> tuple[DoorPlan, ...]:
    """SIGKILL for the service: sink, jobs and pages in one program."""
    ground.kill("sync", ground.dice.uniform(*DOWN_S))
    return ()


def kill_all(ground: Ground) -> tuple[DoorPlan, ...]:
    """The fuse of the house: every program at once, and all of them start together."""
    names = list(ground.world.programs)
    for name in names:
        ground.world.kill(name)
    ground.live(ground.dice.uniform(*DOWN_S))
    ground.over()
    for name in sorted(names, key=lambda name: name != "broker"):
        ground.revive(name)
    return tuple(_door_of(ground, plan) for plan in NODES)


def stop_broker(ground: Ground) -> tuple[DoorPlan, ...]:
    """SIGSTOP for the broker, one to three seconds: it keeps its ports and connections and does nothing."""
    ground.stop_a_while("broker", ground.dice.uniform(*STOPPED_S))
    return ()


def stop_service(ground: Ground) -> tuple[DoorPlan, ...]:
    """SIGSTOP for the service."""
    ground.stop_a_while("sync", ground.dice.uniform(*STOPPED_S))
    return ()


def stop_node(ground: Ground) -> tuple[DoorPlan, ...]:
    """SIGSTOP for a node: gate-io hears nothing from it, and the way out does not need it."""
    plan = _any_node(ground)
    ground.stop_a_while(plan.node, ground.dice.uniform(*STOPPED_S))
    return (_door_of(ground, plan),)


def stop_gate_io(ground: Ground) -> tuple[DoorPlan, ...]:
    """SIGSTOP for gate-io."""
    plan = _any_node(ground)
    ground.stop_a_while(f"gate-io-{plan.node}", ground.dice.uniform(*STOPPED_S))
    return (_door_of(ground, plan),)


def wipe_broker(ground: Ground) -> tuple[DoorPlan, ...]:
    """The broker ends politely, and keeps nothing either."""
    running = ground.world.programs.pop("broker")
    running.send_signal(signal.SIGTERM)
    running.wait(15)
    ground.live(ground.dice.uniform(*DOWN_S))
    ground.over()
    ground.world.revive("broker")
    ground.heads_retained()
    return ()


# --- cables -----------------------------------------------------------------------------------------------------


def black_hole(ground: Ground) -> tuple[DoorPlan, ...]:
    """Nothing comes through and nobody says goodbye; the door lets somebody in meanwhile."""
    plan = _any_linked(ground)
    ground.cable(plan.node).cut()
    ground.live(ground.dice.uniform(*DARK_S))
    ground.decides(_door_of(ground, plan), within_s=20, amid=True)
    ground.cable(plan.node).mend()
    ground.over()
    return ()


def rst_storm(ground: Ground) -> tuple[DoorPlan, ...]:
    """Every connection of a node ends with RST, five times within two seconds."""
    plan = _any_linked(ground)
    for _ in range(RESETS):
        ground.cable(plan.node).reset()
        ground.live(ground.dice.uniform(*RESET_EVERY_S))
    ground.over()
    return ()


def slow_line(ground: Ground) -> tuple[DoorPlan, ...]:
    """A long line that loses segments: what passes is late, and now and then much later."""
    plan, dice = _any_linked(ground), ground.dice
    ground.cable(plan.node).slow(Line(dice.uniform(0.02, 0.3), dice.uniform(0.05, 0.4)))
    ground.live(dice.uniform(*SLOW_S))
    ground.cable(plan.node).slow(Line())
    ground.over()
    return ()


# --- the service's database ---------------------------------------------------------------------------------------


def locked_database(ground: Ground) -> tuple[DoorPlan, ...]:
    """Somebody else writes into the database and does not finish, for up to eight seconds."""
    with closing(sqlite3.connect(DATABASE, timeout=10, isolation_level=None)) as db:
        db.execute("begin immediate")
        ground.live(ground.dice.uniform(*LOCKED_S))
        db.execute("rollback")
        ground.over()
    return ()


def delete_database(ground: Ground) -> tuple[DoorPlan, ...]:
    """The database is deleted while the service is dead; the service makes an empty one."""
    ground.world.kill("sync")
    ground.replace_database(None)
    ground.over()
    ground.world.revive("sync")
    return ()


def restore_first(ground: Ground) -> tuple[DoorPlan, ...]:
    """After a deletion: the oldest backup there is; the community's records are back, and almost no event."""
    ground.world.kill("sync")
    ground.replace_database(ground.first_backup)
    ground.over()
    ground.world.revive("sync")
    return ()


def restore_stale(ground: Ground) -> tuple[DoorPlan, ...]:
    """Somebody copies a backup back, by hand, and tells nobody."""
    ground.world.kill("sync")
    ground.replace_database(ground.some_backup())
    ground.over()
    ground.world.revive("sync")
    return ()


# --- planted ------------------------------------------------------------------------------------------------------


def retained_ack(ground: Ground) -> tuple[DoorPlan, ...]:
    """An acknowledgement of everything waits at the broker for a node that comes back."""
    plan = _any_linked(ground)
    (epoch, head), sink_gen = _ledger_of(ground, plan), _generation_for(plan)
    ground.cable(plan.node).cut()
    with Stranger(ground.world.broker_port, COMMUNITY) as stranger:
        ground.live(0.5)
        stranger.ack(plan.node, epoch, head + 1, sink_gen, retain=True)
        ground.cable(plan.node).mend()
        ground.over()
        door = _door_of(ground, plan)
        ground.decides(door, within_s=20)
        stranger.forget(plan.node)
    return (door,)


def forged_ack(ground: Ground) -> tuple[DoorPlan, ...]:
    """A stranger acknowledges what the service never had; found at the next hello."""
    plan = _any_linked(ground)
    with Stranger(ground.world.broker_port, COMMUNITY) as stranger:
        epoch, head = _ledger_of(ground, plan)
        ground.over()
        stranger.ack(plan.node, epoch, head, _generation_for(plan))
    ground.live(0.5)
    return ()


def forged_hello(ground: Ground) -> tuple[DoorPlan, ...]:
    """A stranger claims in a node's name that more was acknowledged than ever was: that node sends again."""
    plan = _any_linked(ground)
    epoch, _ = _ledger_of(ground, plan)
    said = Hello(
        v=WIRE_VERSION, n=plan.node, e=epoch, sg=_generation_for(plan), head=TOO_MUCH, oldest=1, acked=TOO_MUCH,
        head_h="0" * 64, sw="0", wv=WIRE_VERSION, wv_min=WIRE_VERSION_MIN, boot_id="0", mono_ms=0,
        wall="2026-11-21T16:07:00.123Z", clock_state="TRUSTED", clock_bound_ms=0,
    )  # fmt: skip
    with Stranger(ground.world.broker_port, COMMUNITY) as stranger:
        ground.over()
        stranger.hello(plan.node, encode(said))
    ground.live(0.3)
    return ()


def kicked(ground: Ground) -> tuple[DoorPlan, ...]:
    """Two with one name: the broker keeps the newer connection, so each throws the other out."""
    plan = _any_linked(ground)
    with Stranger(ground.world.broker_port, COMMUNITY, plan.node):
        ground.live(ground.dice.uniform(*KICKED_S))
    ground.over()
    return ()


def poison(ground: Ground) -> tuple[DoorPlan, ...]:
    """Frames nobody can read, and one that speaks for another node."""
    plan = _any_linked(ground)
    with Stranger(ground.world.broker_port, COMMUNITY) as stranger:
        ground.over()
        stranger.poison(plan.node, list(POISON))
    ground.live(0.3)
    return ()


def retained_command(ground: Ground) -> tuple[DoorPlan, ...]:
    """Unlock for ever, in nobody's hand, waits at the broker for a node: its door stays shut."""
    plan = _any_node(ground)
    door = _door_of(ground, plan)
    wish = Command(
        v=1, t=COMMUNITY, node=plan.node, door=door.access_point, id=FORGED_COMMAND, ctr=1, iat=0, exp=1 << 42,
        op="unlock", arg=Argument(), iss="stranger", kid="sync-1",
    )  # fmt: skip
    with Stranger(ground.world.broker_port, COMMUNITY) as stranger:
        stranger.retained_command(plan.node, b"\x5a" * SIG_BYTES + encode_command(wish))
        ground.cable(plan.node).reset()
        ground.over()
        ground.decides(door, within_s=20)
        stranger.forget(plan.node)
    return (door,)


def old_passes(ground: Ground) -> tuple[DoorPlan, ...]:
    """Head and pass set of earlier, truly signed, are said again and retained: what came later still opens."""
    plan = _any_node(ground)
    door, newest = _door_of(ground, plan), ground.heads_retained()[plan.node]
    with Stranger(ground.world.broker_port, COMMUNITY) as stranger:
        ground.cable(plan.node).reset()
        stranger.passes(plan.node, ground.older)
        ground.live(0.5)
        ground.over()
        stranger.passes(plan.node, ground.older)  # to the new session as well
        ground.decides(door, within_s=20)
        stranger.head(plan.node, newest)
    return (door,)


# --- the node's own -----------------------------------------------------------------------------------------------


def wrong_clock(ground: Ground) -> tuple[DoorPlan, ...]:
    """A node's time of day is 400 days behind or two hours ahead, for a second."""
    plan = _any_node(ground)
    ground.move_clock(plan.node, ground.dice.choice((YEAR_AND_MORE_S, TWO_HOURS_S)))
    ground.live(ground.dice.uniform(*WRONG_S))
    ground.move_clock(plan.node, 0.0)
    ground.over()
    return (_door_of(ground, plan),)


def disk_full(ground: Ground) -> tuple[DoorPlan, ...]:
    """Not a page is free: the reserve keeps the node recording; then there is room, and it is started again."""
    node = ground.dice.choice(list(ground.disks))
    plan = next(plan for plan in NODES if plan.node == node)
    door = _door_of(ground, plan)
    ground.disks[node].fill()
    ground.live(ground.dice.uniform(*FULL_S))
    ground.decides(door, within_s=20, amid=True)
    ground.disks[node].free()
    ground.kill(node, 0.0)
    return (door,)


KINDS = (
    Kind("kill_node", 18, kill_node),
    Kind("kill_gate_io", 10, kill_gate_io),
    Kind("kill_busy_node", 10, kill_busy),
    Kind("kill_all", 2, kill_all),
    Kind("kill_broker", 14, kill_broker),
    Kind("kill_service", 16, kill_service),
    Kind("stop_broker", 4, stop_broker),
    Kind("stop_service", 4, stop_service),
    Kind("stop_node", 2, stop_node),
    Kind("stop_gate_io", 2, stop_gate_io),
    Kind("black_hole", 4, black_hole),
    Kind("rst_storm", 4, rst_storm),
    Kind("slow_line", 4, slow_line),
    Kind("broker_wiped", 3, wipe_broker),
    Kind("database_deleted", 1.5, delete_database, then="database_first", unlisted=True),
    Kind("database_first", 0, restore_first),  # never drawn: it follows a deletion
    Kind("database_locked", 2, locked_database),
    Kind("database_stale", 2, restore_stale),
    Kind("retained_ack", 1.5, retained_ack),
    Kind("forged_ack", 0.5, forged_ack),
    Kind("forged_hello", 1.5, forged_hello),
    Kind("poison", 1.5, poison),
    Kind("kicked", 1.5, kicked),
    Kind("old_passes", 1.5, old_passes),
    Kind("retained_command", 1.5, retained_command),
    Kind("wrong_clock", 2, wrong_clock),
    Kind("disk_full", 1, disk_full, needs="disk"),
)
BY_NAME = {kind.name: kind for kind in KINDS}
PROGRAMS = ("kill_node", "kill_busy_node", "kill_gate_io", "kill_broker", "kill_service")


def _ledger_of(ground: Ground, plan: NodePlan) -> tuple[str, int]:
    return next((epoch, head) for (node, epoch), head in ground.heads().items() if node == plan.node)


def _generation_for(plan: NodePlan) -> str:
    """The database's generation as this node is told it."""
    with count.read(DATABASE) as db, closing(db.cursor()) as cursor:
        (sink_gen,) = cursor.execute("select sink_gen from sink_meta").fetchone()
        row = cursor.execute("select max(bump) from mark where node = ?", (plan.node,)).fetchone()
    return generation(sink_gen, row[0] or 0)
