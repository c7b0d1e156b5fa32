"""Beams, cut wires, panel keys, readers and lights of simulated doors, with gate-io as the program it is."""

import asyncio
import itertools
import time

import pytest

from edge.core.events import AccessPointId
from edge.drivers.inputs.simulated import set_point
from edge.drivers.readers.simulated import present
from edge.gateio.client import GateIoClient
from edge.gateio.profile import profile_hash
from edge.ports import Cmd, Edge, IoSnapshot, Outcome, Point, Shown
from edge.ports_io import Show
from tests.fakes.gateio_rig import WITHIN_S, Program, door, house, kinds, lines, lock_moves, until

GARAGE = AccessPointId("garage")
WIRED = ["contact", "rex", "fire", "beam", "power", "reset"]
_ids = itertools.count()


def cmd():
    return Cmd(f"g{next(_ids)}", time.monotonic_ns() + 5_000_000_000, "test")


@pytest.fixture
def program(tmp_path):
    garage = door(
        "garage",
        tmp_path,
        lock_profile="barrier",
        inputs={"driver": "simulated", "rig": str(tmp_path / "garage-rig"), "wired": WIRED},
        readers=[{"driver": "simulated", "rig": str(tmp_path / "reader")}],
        indicators=[{"driver": "simulated", "record": str(tmp_path / "light.jsonl")}],
    )
    made = Program(tmp_path, house(tmp_path, garage))
    made.start()
    yield made
    made.close()


def put(folder, point, level):
    return set_point(folder / "garage-rig", "garage", point, level)


def play(program, scene):
    async def whole():
        async with GateIoClient(program.profile.socket, profile_hash(program.profile)) as client:
            await client.connected(WITHIN_S)
            news = client.news()
            while not isinstance(await anext(news), IoSnapshot):
                pass
            await scene(client, news)

    asyncio.run(asyncio.wait_for(whole(), 180))


def test_a_barrier_stays_up_over_a_car_when_its_pulse_ends_and_comes_down_behind_it(program, tmp_path):
    async def scene(client, news):
        await asyncio.to_thread(put, tmp_path, Point.BEAM, False)
        await client.pulse(GARAGE, cmd(), 1000)
        await asyncio.to_thread(put, tmp_path, Point.BEAM, True)
        await asyncio.to_thread(until, lambda: "pulse_end" in kinds(tmp_path), "the end of the pulse")
        assert kinds(tmp_path)[-2:] == ["beam_start", "pulse_end"]
        assert (await client.lock(GARAGE, cmd())).detail == "still released: beam"
        assert lock_moves(tmp_path, "garage") == ["energise"]
        cleared = await asyncio.to_thread(put, tmp_path, Point.BEAM, False)
        await asyncio.to_thread(until, lambda: "beam_end" in kinds(tmp_path), "the barrier to come down")
        down = lines(tmp_path / "garage-lock.jsonl")[-1]
        assert down["event"] == "de-energise"
        assert down["t_ns"] - cleared >= 1_000_000_000

    play(program, scene)


def test_cut_wires_power_and_the_panel_key_are_told_and_open_nothing(program, tmp_path):
    async def scene(client, news):
        seen = []
        for point, level in [
            (Point.FIRE, None),
            (Point.REX, None),
            (Point.POWER, True),
            (Point.RESET, True),
            (Point.RESET, False),
        ]:
            await asyncio.to_thread(put, tmp_path, point, level)
            edge = await anext(news)
            assert isinstance(edge, Edge)
            seen.append((edge.point, edge.level))
        assert seen == [
            (Point.FIRE, None),
            (Point.REX, None),
            (Point.POWER, True),
            (Point.RESET, True),
            (Point.RESET, False),
        ]
        shot = await client.snapshot()
        assert shot.points[GARAGE, Point.FIRE] is None
        assert shot.latches == frozenset()
        assert lock_moves(tmp_path, "garage") == []

    play(program, scene)


def test_a_card_reaches_the_node_and_the_light_answers(program, tmp_path):
    async def scene(client, news):
        at = await asyncio.to_thread(present, tmp_path / "reader", "garage", "card", "26:9ab10c80")
        shown = await anext(news)
        assert shown == Shown(GARAGE, "card", "26:9ab10c80", at)
        client.show(GARAGE, Show.GRANTED)
        assert (await client.pulse(GARAGE, cmd(), 500)).outcome is Outcome.DONE
        assert lines(tmp_path / "light.jsonl")[-1]["show"] == "granted"
        assert "simulated reader" in await client.selftest(GARAGE)

    play(program, scene)
    assert "9ab10c80" not in (tmp_path / "journal.jsonl").read_text()
    assert "9ab10c80" not in (tmp_path / "stderr").read_text()


def test_without_a_node_an_evacuated_door_shows_that_it_is_free(program, tmp_path):
    async def scene(client, news):
        await client.latch(GARAGE, cmd(), "evacuate", True, "staff-1")

    play(program, scene)
    until(lambda: lines(tmp_path / "light.jsonl")[-1]["show"] == "free", "the light to say so")
