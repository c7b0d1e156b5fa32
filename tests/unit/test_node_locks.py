"""gate-io's doors and the node's own locks as one: routed, in order, and bounded."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace

import pytest

from edge.compose_locks import check_locks
from edge.core.door_events import BoltChanged, Boot, LockBack, LockLost
from edge.core.door_types import Bolt
from edge.core.events import AccessPointId
from edge.core.freshness import Lease
from edge.core.passes import EMPTY
from edge.errors import ConfigError
from edge.gateio.profile import parse_profile
from edge.ports import (
    BoltNews,
    Cmd,
    Edge,
    FailMode,
    Feedback,
    IoSnapshot,
    LockCaps,
    LockLink,
    LockReading,
    LockState,
    Lost,
    Outcome,
    Point,
    RadioReading,
    Result,
)
from edge.runtime.gate import Gate
from edge.runtime.io_events import late_fact, lock_events, note_lost
from edge.runtime.node import Node
from edge.runtime.node_locks import WORDS_PER_LOCK, NodeLocks
from edge.runtime.node_parts import Parts
from tests.fakes.building import config_of
from tests.fakes.lone_gate import LoneGate
from tests.fakes.sealed_nodes import SteppedClock

GATE, ROOM = AccessPointId("gate"), AccessPointId("r-1")
CAPS = LockCaps(FailMode.SECURE, False, Feedback.BOLT, 1_000, 65_000, 3_000, 90_000)
WIRED = IoSnapshot({(GATE, Point.CONTACT): False}, {GATE: False}, frozenset(), 7)


class Wires:
    """What gate-io would say and be asked."""

    def __init__(self, *said) -> None:
        self.said, self.asked = said, []

    async def news(self) -> AsyncIterator:
        for one in self.said:
            yield one

    async def snapshot(self) -> IoSnapshot:
        return WIRED

    def show(self, door, what) -> None:
        self.asked.append((door, "show"))

    def __getattr__(self, verb):
        async def ask(door, *_) -> Result:
            self.asked.append((door, verb))
            return Result(Outcome.DONE, 0)

        return ask


class Lock:
    caps = CAPS

    def __init__(self) -> None:
        self.asked: list[tuple[str, Cmd]] = []
        self.radio = RadioReading(True, time.monotonic_ns(), 80, 100)
        self.life: list[str] = []

    async def open(self) -> None:
        self.life.append("open")

    async def close(self) -> None:
        self.life.append("close")

    async def pulse(self, cmd: Cmd, ms: int) -> Result:
        self.asked.append(("pulse", cmd))
        return Result(Outcome.DONE, 0)

    async def hold(self, cmd: Cmd, until_ns: int) -> Result:
        self.asked.append(("hold", cmd))
        return Result(Outcome.DONE, 0)

    async def lock(self, cmd: Cmd) -> Result:
        self.asked.append(("lock", cmd))
        return Result(Outcome.DONE, 0)

    async def state(self) -> LockReading:
        return LockReading(LockState.LOCKED, "lock", 0)

    async def selftest(self) -> str:
        return "it answers"


def joined(*said) -> tuple[NodeLocks, Wires, Lock]:
    wires, lock = Wires(*said), Lock()
    locks = NodeLocks(wires)
    locks.take(ROOM, lock)
    return locks, wires, lock


async def heard(locks: NodeLocks, count: int) -> list:
    news = locks.news()
    async with asyncio.timeout(5):
        return [await anext(news) for _ in range(count)]


def bolt(state: LockState, **more) -> BoltNews:
    return BoltNews(ROOM, state, 1, **more)


def test_every_door_is_asked_where_its_lock_is():
    async def play() -> None:
        locks, wires, lock = joined()
        late = Cmd("c", time.monotonic_ns() - 1, "t")
        soon = Cmd("c", time.monotonic_ns() + 300_000_000, "t")
        for door in (GATE, ROOM):
            await locks.pulse(door, soon, 2_000)
            await locks.hold(door, soon, 1)
            await locks.lock(door, soon)
            locks.show(door, "idle")
            await locks.latch(door, soon, "fire", True, "x")
        assert wires.asked == [(GATE, verb) for verb in ("pulse", "hold", "lock", "show", "latch")]
        assert [verb for verb, _ in lock.asked] == ["pulse", "hold", "lock"]
        # A radio gets half of the lock's own deadline for its turn; what was late stays late.
        assert lock.asked[0][1].deadline_ns > soon.deadline_ns
        await locks.pulse(ROOM, late, 2_000)
        assert lock.asked[-1][1] == late

    asyncio.run(play())


def test_a_lock_of_the_node_has_no_latch_and_a_door_of_nobody_is_refused():
    async def play() -> None:
        locks, _, _ = joined()
        alone = NodeLocks(None)
        cmd = Cmd("c", time.monotonic_ns() + 1_000_000_000, "t")
        refused = [
            await locks.latch(ROOM, cmd, "evacuate", True, "x"),
            await alone.pulse(GATE, cmd, 1_000),
            await alone.hold(GATE, cmd, 1),
            await alone.lock(GATE, cmd),
            await alone.latch(GATE, cmd, "fire", True, "x"),
        ]
        assert {one.outcome for one in refused} == {Outcome.REFUSED}

    asyncio.run(play())


def test_nothing_is_told_before_the_first_snapshot_which_holds_both():
    async def play() -> None:
        edge = Edge(GATE, Point.CONTACT, True, 2, 8)
        locks, _, lock = joined(Lost(True, 0), WIRED, edge)
        lock.radio = RadioReading(False)
        locks.tell(bolt(LockState.LOCKED))
        async with locks:
            first, *rest = await heard(locks, 3)
        assert first.points == {(GATE, Point.CONTACT): False, (ROOM, Point.BOLT): False}
        assert first.silent == {ROOM}
        assert first.seq == 7
        assert sorted(type(one).__name__ for one in rest) == ["BoltNews", "Edge"]
        assert lock.life == ["open", "close"]

    asyncio.run(play())


def test_a_start_without_gate_io_is_told_and_only_the_nodes_own_doors_boot():
    async def play() -> None:
        away, back = Lost(False, 1), Lost(True, 2)
        locks, _, lock = joined(away, back, WIRED)
        lock.radio = RadioReading(False)
        async with locks:
            first, own, *_ = told = await heard(locks, 4)
        assert first == away
        assert own == IoSnapshot({}, {}, frozenset(), 0, silent=frozenset({ROOM}), doors=frozenset({ROOM}))
        assert told[2:] == [back, replace(WIRED, silent=frozenset({ROOM}))]

    asyncio.run(play())


def node_of(locks: NodeLocks, gates: list[Gate]) -> Node:
    parts = Parts(
        clock=SteppedClock(),
        io=locks,
        ledger=SimpleNamespace(door_modes=dict),
        book=SimpleNamespace(auth_ver=1, held=EMPTY, head_issued_ms=None, lease=Lease(None)),
        templates=SimpleNamespace(pairs=lambda: ()),
        screens=None,
        wake_link=lambda: None,
        tell_state=lambda: None,
        boot_id="b1",
        build_ms=0,
        new_id=lambda: "id",
        own_locks=locks,
    )
    node = Node(parts, {}, {})
    node.take_gates(gates)
    return node


def test_the_nodes_own_doors_boot_without_gate_io_and_the_others_when_it_is_there():
    async def play() -> None:
        locks, _, _ = joined(Lost(False, 1), Lost(True, 2), WIRED)
        gates = [LoneGate([], door=door).gate for door in (GATE, ROOM)]
        node = node_of(locks, gates)

        def booted(news) -> list[AccessPointId]:
            return [door for door, event in node._events(news) if isinstance(event, Boot)]

        async with locks:
            away, own, back, wired = await heard(locks, 4)
        assert (booted(away), [bool(gate.fault) for gate in gates]) == ([], [True, False])
        assert booted(own) == [ROOM]
        assert (booted(back), [bool(gate.fault) for gate in gates]) == ([], [False, False])
        assert booted(wired) == [GATE]
        assert booted(wired) == []

    asyncio.run(play())


def test_without_any_wired_door_there_is_a_snapshot_too():
    async def play() -> None:
        locks = NodeLocks(None)
        locks.take(ROOM, Lock())
        locks.tell(bolt(LockState.JAMMED))
        first, second = await heard(locks, 2)
        assert first == await locks.snapshot() == IoSnapshot({}, {}, frozenset(), 0)
        assert second.state is LockState.JAMMED

    asyncio.run(play())


def test_a_reader_that_falls_behind_gets_the_newest_word_of_each_kind():
    async def play() -> None:
        locks = NodeLocks(None)
        locks.take(ROOM, Lock())
        for number in range(WORDS_PER_LOCK):
            locks.tell(BoltNews(ROOM, LockState.UNLOCKED, number))
        locks.tell(LockLink(ROOM, False, 99))
        _, *rest = await heard(locks, 3)
        assert rest == [
            BoltNews(ROOM, LockState.UNLOCKED, WORDS_PER_LOCK - 1),
            LockLink(ROOM, False, 99),
        ]

    asyncio.run(play())


def test_what_a_lock_says_is_an_event_of_its_door_and_ends_the_fault_it_is_the_end_of():
    gate = LoneGate([], door=ROOM).gate
    doors = {ROOM: gate}
    said = [
        (bolt(LockState.JAMMED), BoltChanged(Bolt.JAMMED), "broken"),
        (bolt(LockState.UNLOCKED), BoltChanged(Bolt.UNLOCKED), "broken"),
        (bolt(LockState.UNKNOWN), BoltChanged(Bolt.UNKNOWN), "broken"),
        (bolt(LockState.LOCKED), BoltChanged(Bolt.LOCKED), ""),
        (LockLink(ROOM, False, 1), LockLost(), "broken"),
        (LockLink(ROOM, True, 1), LockBack(), ""),
    ]
    for news, event, fault in said:
        gate.fault = "broken"
        assert lock_events(news, doors) == [(ROOM, event)]
        assert gate.fault == fault
    assert lock_events(LockLink(GATE, True, 1), doors) == []


def test_only_a_late_unlocking_is_a_fact_of_its_own():
    fact = late_fact(bolt(LockState.UNLOCKED, late=True))
    assert (fact.type, fact.access_point, fact.bolt) == ("door.late_unlock", ROOM, Bolt.UNLOCKED)
    assert late_fact(bolt(LockState.UNLOCKED)) is None
    assert late_fact(WIRED) is None


def test_a_lost_gate_io_is_no_fault_of_the_doors_the_node_drives():
    doors = {door: LoneGate([], door=door).gate for door in (GATE, ROOM)}
    note_lost(Lost(False, 1), doors, frozenset({ROOM}))
    assert [bool(gate.fault) for gate in doors.values()] == [True, False]


# --- what is refused at load -----------------------------------------------------------------------------------


def profile(**changed):
    door = {
        "access_point": "r-1", "lock_profile": "motor_bolt", "rex_unlocks": False,
        "lock": {"driver": "zigbee2mqtt", "name": "r-1"},
    }  # fmt: skip
    return parse_profile({"door": [door | changed]})


def test_a_lock_of_the_node_without_its_broker_is_one_sentence(tmp_path):
    config = config_of(tmp_path, ["r-1"], 1883)
    check_locks(config, profile())
    with pytest.raises(ConfigError, match=r"mqtt_locks: is missing.*r-1 \(zigbee2mqtt\).*zigbee2mqtt\.md"):
        check_locks(config.model_copy(update={"mqtt_locks": None}), profile())


def test_a_magnet_is_no_lock_for_the_node(tmp_path):
    with pytest.raises(ConfigError, match="must not depend on the node"):
        check_locks(config_of(tmp_path, ["r-1"], 1883), profile(lock_profile="maglock_fail_safe"))


@pytest.mark.parametrize(
    ("lock", "sentence"),
    [
        ({"driver": "zigbee2mqtt"}, r"lock\.name: is missing"),
        ({"driver": "zigbee2mqtt", "name": "a/#"}, r"lock\.name: String should match"),
        ({"driver": "zigbee2mqtt", "name": "a", "silence_s": 1}, r"lock\.silence_s"),
        ({"driver": "shelly", "device": "x", "relay": 1}, r"lock\.relay: unknown key"),
        ({"driver": "shelly", "device": "x y"}, r"lock\.device"),
    ],
)
def test_a_mistake_in_a_drivers_table_is_one_sentence(lock, sentence):
    with pytest.raises(ConfigError, match=sentence):
        profile(lock=lock)


def test_fire_cannot_count_on_a_lock_of_the_node():
    with pytest.raises(ConfigError, match="fire could not open it without the node"):
        profile(fire_group="house")
