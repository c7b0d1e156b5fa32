"""One node and its building: real broker, a real program for the locks, real ledger; nobody is let in late or twice."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.protocol.messages import PassRow
from edge.core.delivery import Receipt
from edge.core.door_types import Bolt
from edge.drivers.airtime import IN_FLIGHT
from tests.fakes.brokers import Mosquitto
from tests.fakes.building import Building
from tests.fakes.mqtt_house import Peer, until
from tests.integration.node_rig import pass_row

pytestmark = [pytest.mark.alone, pytest.mark.mosquitto]

ROOMS = [f"r-{number:03}" for number in range(120)]
JAMMED, AWAY, GOOD = ROOMS[:3], ROOMS[3:5], ROOMS[5:]
PER_S, BURST = 40.0, 4  # faster than a real radio, so that a start takes six seconds here and thirty there


def building(folder: Path, play: Callable[[Building, Mosquitto], Awaitable[None]]) -> None:
    """Play one evening in a building of 120 rooms."""

    async def run() -> None:
        broker = Mosquitto(folder)
        broker.start()
        peer = Peer("zigbee_locks", broker.port, "--locks", ",".join(ROOMS))
        try:
            settings = {"per_s": PER_S, "burst": BURST, "deadline_ms": 2_000}
            async with Building(folder, ROOMS, broker.port, peer, **settings) as house:
                await until(
                    lambda: all(row["online"] for row in house.radios().values()), "all are online", 60
                )
                await play(house, broker)
        finally:
            peer.stop()
            broker.stop()

    asyncio.run(run())


def asked(peer: Peer) -> list[int]:
    """When the gateway was asked for something, in ns."""
    return [line["t_ns"] for line in list(peer.lines) if line["what"] in {"set", "get"}]


def most_within(times: Sequence[int], window_s: float) -> int:
    """The most of these times within any window of that length."""
    return max(sum(start <= t < start + window_s * 1e9 for t in times) for start in times)


def unlockings(peer: Peer) -> int:
    return sum(line["what"] == "set" and line["wanted"] == "UNLOCK" for line in list(peer.lines))


def last_bolts(peer: Peer) -> dict[str, str]:
    return {line["lock"]: line["bolt"] for line in list(peer.lines) if line["what"] == "bolt"}


def a_pass_for_each_room() -> list[PassRow]:
    return [pass_row(f"P-{room}", scope=(room,)) for room in ROOMS]


async def grants(house: Building, rooms: Sequence[str]) -> list[Any]:
    """Spread over some seconds, as people come home."""

    async def one(nth: int, room: str) -> Any:
        await asyncio.sleep(nth * 0.15)
        return await house.let_in(room)

    return await asyncio.gather(*(one(nth, room) for nth, room in enumerate(rooms)))


def test_a_start_puts_every_lock_to_rest_a_few_at_a_time_and_reads_it_back(tmp_path):
    async def play(house: Building, _broker: Mosquitto) -> None:
        peer = house.peer
        assert last_bolts(peer) == dict.fromkeys(ROOMS, "locked")  # the house began unlocked
        assert unlockings(peer) == 0
        await until(lambda: all(peer.commands(room, "get") for room in ROOMS), "all were read back")
        # The radio's budget, and what the machine may have held up and let go at once.
        assert most_within(asked(peer), 1.0) <= PER_S + BURST + IN_FLIGHT
        (air,) = house.own.bench._airs.values()
        assert 1 < air.most_in_flight <= IN_FLIGHT
        assert house.node.health().faults == ()

    building(tmp_path, play)


def test_thirty_come_home_three_bolts_jam_and_two_locks_are_away(tmp_path):
    async def play(house: Building, _broker: Mosquitto) -> None:
        peer, gates = house.peer, house.node.gates
        house.take_passes(a_pass_for_each_room())
        for room in JAMMED:
            peer.tell(f"jam {room}")
        for room in AWAY:
            peer.tell(f"offline {room}")
        peer.tell(f"battery {GOOD[-1]} 12")
        await until(lambda: sum(row["online"] for row in house.radios().values()) == 118, "two are away")
        comers = [*JAMMED, *AWAY, *GOOD[:25]]
        did = dict(zip(comers, await grants(house, comers), strict=True))

        assert [room for room in comers if did[room].fault] == [*JAMMED, *AWAY]
        assert all("jammed" in did[room].fault for room in JAMMED)
        assert all("offline" in did[room].fault for room in AWAY)
        assert all("unlocked" in peer.bolts(room) for room in GOOD[:25])
        await until(lambda: all(last_bolts(peer)[room] == "locked" for room in GOOD), "all are shut again")
        assert all(peer.bolts(room).count("unlocked") == 1 for room in GOOD[:25])
        assert unlockings(peer) == 28  # nobody asked a lock that was away
        await until(
            lambda: [room for room in ROOMS if gates[room].state.bolt is Bolt.JAMMED] == JAMMED,
            "the three are known",
        )
        assert house.facts("access.granted") == 30
        # Without a contact the bolt's own word is the passage: 25 moved, of five nobody can say so.
        ends = ("access.taken", "access.not_taken")
        await until(lambda: [house.facts(end) for end in ends] == [25, 5], "each grant has its one end")
        assert house.facts("door.late_unlock") == 0

        doors = {door.access_point: door for door in house.node.health().doors}
        assert doors[GOOD[-1]].battery == "low"
        assert doors[GOOD[-1]].lock == "battery low: change it today"
        assert doors[GOOD[-2]].battery == "ok"
        assert [room for room in ROOMS if doors[room].lock != "OK"] == [*JAMMED, *AWAY, GOOD[-1]]
        await would_open(house)

    building(tmp_path, play)


async def would_open(house: Building) -> None:
    """Each pass has its receipt: the five doors that would not open are named before a guest stands there."""

    def rooms_of(receipt: Receipt) -> set[str]:
        return {one.access_point for one in house.own.locks.deliveries() if one.receipt is receipt}

    assert rooms_of(Receipt.UNREACHABLE) == set(JAMMED)
    assert rooms_of(Receipt.WAITING) >= set(AWAY)  # 90 s of silence are not over
    await until(lambda: rooms_of(Receipt.READY) == set(GOOD), "all others have answered since it came", 60)


def test_a_broker_that_is_killed_and_comes_back_lets_nobody_in_late(tmp_path):
    async def play(house: Building, broker: Mosquitto) -> None:
        peer = house.peer
        open_now, later = GOOD[:5], GOOD[5:10]
        assert not any(one.fault for one in await grants(house, open_now))
        broker.kill()
        await until(lambda: not any(row["online"] for row in house.radios().values()), "all are away")
        refused = await grants(house, later)
        assert all("offline" in one.fault for one in refused)
        assert len(house.node.health().faults) == len(ROOMS)
        asked_before, seen_ns = unlockings(peer), time.monotonic_ns()
        broker.start()
        await until(lambda: all(row["online"] for row in house.radios().values()), "all are back", 60)
        assert last_bolts(peer) == dict.fromkeys(ROOMS, "locked")
        assert unlockings(peer) == asked_before == len(open_now)
        assert not any(line.get("bolt") == "unlocked" and line["t_ns"] > seen_ns for line in list(peer.lines))
        assert house.facts("door.late_unlock") == 0
        assert most_within([t for t in asked(peer) if t > seen_ns], 1.0) <= PER_S + BURST + IN_FLIGHT
        # and the first guest after it comes in
        assert (await house.let_in(later[0])).fault == ""

    building(tmp_path, play)
