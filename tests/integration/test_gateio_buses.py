"""Locks that answer later, readers and lights, through everything a node uses: client, socket, process, driver."""

import asyncio
import itertools
import time

import pytest

from edge.core.events import AccessPointId
from edge.drivers.inputs.simulated import set_point
from edge.gateio.client import GateIoClient
from edge.gateio.lock import HostedLock
from edge.gateio.profile import profile_hash
from edge.ports import Cmd, Edge, IoSnapshot, LockLink, LockState, Outcome, Point, Shown
from edge.ports_io import Show
from tests.fakes import bus_lock
from tests.fakes.bus_lock import FakeBus, FakeLight, FakeReader
from tests.fakes.gateio_rig import WITHIN_S, door, house, kinds, lock_moves, serving, until

GATE, STAIR = AccessPointId("gate"), AccessPointId("stair")
_ids = itertools.count()


@pytest.fixture(autouse=True)
def fakes():
    with bus_lock.installed():
        yield


def cmd(within_ms=5000):
    return Cmd(f"b{next(_ids)}", time.monotonic_ns() + within_ms * 1_000_000, "test")


def table(folder, *, prompt=True, **changed):
    """The gate behind a bus, the stair beside it on a wire that answers at once."""
    behind = door("gate", folder, lock={"driver": "fake", "prompt": prompt}, **changed)
    return house(folder, behind, door("stair", folder))


def play(folder, scene, **changed):
    """``scene(client, bus)`` with a connected client; the bus lock answers unless the scene says otherwise."""

    async def whole(profile):
        async with GateIoClient(profile.socket, profile_hash(profile)) as client:
            await client.connected(WITHIN_S)
            await asyncio.wait_for(scene(client, FakeBus.opened["gate"]), 180)

    with serving(table(folder, **changed)) as profile:
        asyncio.run(whole(profile))


async def eventually(true, what="it"):
    await asyncio.to_thread(until, true, what)


async def online(client, *, is_it=True):
    end = time.monotonic() + WITHIN_S
    while (GATE not in (await client.snapshot()).silent) is not is_it:
        assert time.monotonic() < end, "the lock never spoke" if is_it else "the lock never fell silent"
        await asyncio.sleep(0.01)


def press(folder, name, level, point=Point.REX):
    return asyncio.to_thread(set_point, folder / f"{name}-rig", name, point, level)


# --- answers that come later -----------------------------------------------------------------------------------


def test_a_command_is_done_when_the_lock_has_said_so(tmp_path):
    async def scene(client, bus):
        await online(client)
        bus.prompt = False
        asked = len(bus.asks)
        pulse = asyncio.create_task(client.pulse(GATE, cmd(), 3000))
        await eventually(lambda: len(bus.asks) > asked)
        assert (await client.lock(STAIR, cmd())).outcome is Outcome.DONE  # other doors go on
        assert not pulse.done()
        bus.do()
        assert (await pulse).outcome is Outcome.DONE
        ask = bus.asks[-1]
        assert (ask.energised, ask.rest) == (True, False)
        assert 2000 < ask.pulse_ms <= 3000
        assert (await client.snapshot()).outputs[GATE] is True

    play(tmp_path, scene)


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.OFFLINE, Outcome.TIMEOUT_UNKNOWN])
def test_what_the_lock_says_is_the_answer_and_a_grant_that_failed_is_over(tmp_path, outcome):
    async def scene(client, bus):
        await online(client)
        bus.prompt = False
        asked = len(bus.asks)
        pulse = asyncio.create_task(client.pulse(GATE, cmd(), 60_000))
        await eventually(lambda: len(bus.asks) > asked)
        bus.fail(outcome, "as the device puts it")
        result = await pulse
        assert (result.outcome, result.detail) == (outcome, "as the device puts it")
        await eventually(lambda: not bus.asks[-1].energised, "the resting level to be asked for")
        await eventually(lambda: "withdrawn" in kinds(tmp_path), "the grant to be over")

    play(tmp_path, scene)


def test_without_a_word_by_the_deadline_nobody_knows_and_the_resting_level_is_asked_for(tmp_path):
    async def scene(client, bus):
        await online(client)
        bus.prompt = False
        result = await client.pulse(GATE, cmd(within_ms=200), 60_000)
        assert result.outcome is Outcome.TIMEOUT_UNKNOWN
        assert client.trouble == ""  # gate-io answered; it is the lock that did not
        await eventually(lambda: not bus.asks[-1].energised)
        ask = bus.asks[-1]
        assert ask.deadline_ns == 2**63 - 1  # the resting level is right however late it comes

    play(tmp_path, scene)


def test_a_command_is_sent_with_its_deadline(tmp_path):
    async def scene(client, bus):
        await online(client)
        once = cmd()
        await client.pulse(GATE, once, 3000)
        assert next(ask for ask in bus.asks if ask.energised).deadline_ns == once.deadline_ns

    play(tmp_path, scene)


def test_the_same_command_twice_is_asked_for_once_and_answered_once(tmp_path):
    async def scene(client, bus):
        await online(client)
        bus.prompt = False
        once = cmd()
        asked = len(bus.asks)
        first = asyncio.create_task(client.pulse(GATE, once, 3000))
        await eventually(lambda: len(bus.asks) > asked)
        first.cancel()
        await asyncio.sleep(0)
        again = asyncio.create_task(client.pulse(GATE, once, 3000))
        await client.snapshot()  # it has been heard
        assert len(bus.asks) == asked + 1
        bus.do()
        assert (await again).outcome is Outcome.DONE
        assert await client.pulse(GATE, once, 3000) == await again

    play(tmp_path, scene)


def test_lock_takes_the_place_of_a_pulse_that_was_not_answered(tmp_path):
    async def scene(client, bus):
        await online(client)
        bus.prompt = False
        asked = len(bus.asks)
        pulse = asyncio.create_task(client.pulse(GATE, cmd(), 3000))
        await eventually(lambda: len(bus.asks) > asked)
        lock = asyncio.create_task(client.lock(GATE, cmd()))
        await eventually(lambda: len(bus.asks) > asked + 1)
        bus.do()  # the newest: rest
        assert (await lock).outcome is Outcome.DONE
        assert (await pulse).outcome is Outcome.REFUSED  # nothing happened, and nothing will

    play(tmp_path, scene)


def test_two_grants_in_a_row_are_both_done_when_the_newer_one_is(tmp_path):
    async def scene(client, bus):
        await online(client)
        bus.prompt = False
        asked = len(bus.asks)
        first = asyncio.create_task(client.pulse(GATE, cmd(), 3000))
        await eventually(lambda: len(bus.asks) > asked)
        second = asyncio.create_task(client.pulse(GATE, cmd(), 5000))
        await eventually(lambda: len(bus.asks) > asked + 1)
        bus.do()
        assert [(await one).outcome for one in (first, second)] == [Outcome.DONE, Outcome.DONE]

    play(tmp_path, scene)


def test_a_grant_pushed_aside_by_the_next_one_is_done_with_it_and_not_refused(tmp_path):
    async def scene(client, bus):
        await online(client)
        bus.prompt = False
        asked = len(bus.asks)
        first = asyncio.create_task(client.pulse(GATE, cmd(), 3000))
        await eventually(lambda: len(bus.asks) > asked)
        second = asyncio.create_task(client.pulse(GATE, cmd(), 5000))
        await eventually(lambda: len(bus.asks) > asked + 1)
        bus.fail(Outcome.REFUSED, "a newer ask took its place", of=bus.asks[-2])
        bus.do()
        assert [(await one).outcome for one in (first, second)] == [Outcome.DONE, Outcome.DONE]
        assert bus.energised

    play(tmp_path, scene)


# --- silence ---------------------------------------------------------------------------------------------------


def test_a_silent_lock_is_offline_at_once_and_told_and_other_doors_go_on(tmp_path):
    async def scene(client, bus):
        await online(client)
        news = client.news()
        while not isinstance(await anext(news), IoSnapshot):
            pass
        bus.fall_silent()
        told = await anext(news)
        while not (isinstance(told, LockLink) and not told.online):
            told = await anext(news)
        assert (told.door, told.detail) == (GATE, "no answer for a second")
        asked = len(bus.asks)
        for grant in (client.pulse(GATE, cmd(), 500), client.hold(GATE, cmd(), time.monotonic_ns() + 10**10)):
            assert (await grant).outcome is Outcome.OFFLINE
        assert not any(ask.energised for ask in bus.asks[asked:])
        assert (await client.pulse(STAIR, cmd(), 500)).outcome is Outcome.DONE
        assert (await client.snapshot()).silent == {GATE}
        assert (await HostedLock(client, GATE).state()).state is LockState.UNKNOWN
        bus.come_back()
        told = await anext(news)
        while not isinstance(told, LockLink):
            told = await anext(news)
        assert (told.door, told.online) == (GATE, True)
        assert (await client.snapshot()).silent == frozenset()
        assert (await client.pulse(GATE, cmd(), 500)).outcome is Outcome.DONE

    play(tmp_path, scene)


def test_a_lock_that_has_not_spoken_yet_counts_as_silent(tmp_path):
    async def scene(client, bus):
        assert (await client.pulse(GATE, cmd(), 500)).outcome is Outcome.OFFLINE
        assert (await client.lock(GATE, cmd())).outcome is Outcome.OFFLINE
        bus.do()
        await online(client)

    play(tmp_path, scene, prompt=False)


def test_a_grant_does_not_survive_a_silence(tmp_path):
    async def scene(client, bus):
        await online(client)
        await client.hold(GATE, cmd(), time.monotonic_ns() + 600 * 10**9)
        assert bus.energised
        bus.fall_silent()
        bus.come_back()
        await eventually(lambda: "withdrawn" in kinds(tmp_path))
        assert not bus.energised
        shot = await client.snapshot()
        assert shot.outputs[GATE] is False
        await eventually(lambda: "hold_end" in kinds(tmp_path))

    play(tmp_path, scene)


def test_a_latch_and_the_way_out_are_asked_for_again_as_soon_as_the_lock_is_back(tmp_path):
    async def scene(client, bus):
        await online(client)
        bus.fall_silent()
        await online(client, is_it=False)
        late = await client.latch(GATE, cmd(), "evacuate", True, "staff-1")
        assert late.outcome is Outcome.OFFLINE  # it stands, and it is not done
        assert (await client.snapshot()).latches == {(GATE, "evacuate")}
        bus.come_back()
        await eventually(lambda: bus.energised, "the evacuation")
        assert (await client.latch(GATE, cmd(), "evacuate", False, "staff-1")).outcome is Outcome.DONE
        assert not bus.energised
        bus.fall_silent()
        await online(client, is_it=False)
        await press(tmp_path, "gate", True)
        await eventually(lambda: bus.asks[-1].energised)
        await eventually(lambda: "rex_press" in kinds(tmp_path))
        assert "rex_release" not in kinds(tmp_path)
        bus.come_back()
        await eventually(lambda: "rex_release" in kinds(tmp_path), "the way out")

    play(tmp_path, scene, t_rex_ms=30_000)


def test_a_resting_level_the_lock_did_not_take_is_asked_for_until_it_does(tmp_path):
    async def scene(client, bus):
        await online(client)
        bus.prompt = False
        asked = len(bus.asks)
        lock = asyncio.create_task(client.lock(GATE, cmd()))
        await eventually(lambda: len(bus.asks) > asked)
        bus.fail(Outcome.REFUSED)
        assert (await lock).outcome is Outcome.REFUSED
        await eventually(lambda: len(bus.asks) > asked + 2, "two more tries")
        assert not any(ask.energised for ask in bus.asks)
        bus.prompt = True
        await eventually(lambda: bus.asks[-1].seq > asked + 3)

    play(tmp_path, scene)


def test_a_driver_that_breaks_is_a_silent_lock_and_takes_no_other_door_with_it(tmp_path):
    async def scene(client, bus):
        await online(client)
        bus.broken = True
        bus.ring()
        await online(client, is_it=False)
        assert (await client.pulse(STAIR, cmd(), 500)).outcome is Outcome.DONE
        await press(tmp_path, "stair", True)
        await eventually(lambda: "rex_release" in kinds(tmp_path))
        bus.broken = False
        await eventually(lambda: not bus.broken and bus.asks[-1].seq > 1)
        bus.come_back()
        await online(client)

    play(tmp_path, scene)


def test_a_driver_whose_thread_died_is_a_silent_lock_within_moments(tmp_path):
    async def scene(client, bus):
        await online(client)
        bus.prompt = False
        assert (await client.pulse(GATE, cmd(within_ms=200), 500)).outcome is Outcome.TIMEOUT_UNKNOWN
        await eventually(lambda: "lock_silent" in kinds(tmp_path), "the silence to be noticed")
        assert (await client.pulse(GATE, cmd(), 500)).outcome is Outcome.OFFLINE

    play(tmp_path, scene)


# --- the end of a release --------------------------------------------------------------------------------------


def test_gate_io_asks_for_rest_at_the_end_of_a_pulse_also_when_the_device_times_it(tmp_path):
    async def scene(client, bus):
        await online(client)
        await client.pulse(GATE, cmd(), 150)
        await eventually(lambda: bus.moves == [True, False], "the end of the pulse")
        await eventually(lambda: "de_energise" in kinds(tmp_path), "the lock to say so")
        assert lock_moves(tmp_path, "stair") == []
        assert kinds(tmp_path).count("energise") == kinds(tmp_path).count("de_energise") == 1

    play(tmp_path, scene)


def test_a_longer_grant_reaches_the_device(tmp_path):
    async def scene(client, bus):
        await online(client)
        await client.pulse(GATE, cmd(), 2000)
        await client.pulse(GATE, cmd(), 20_000)
        assert bus.asks[-1].pulse_ms > 15_000

    play(tmp_path, scene)


def test_when_gate_io_ends_the_bus_lock_is_dead(tmp_path):
    async def scene(client, bus):
        await online(client)
        await client.pulse(GATE, cmd(), 20_000)

    play(tmp_path, scene)
    assert kinds(tmp_path)[-2:] == ["de_energise", "stop"]


def test_the_node_is_told_what_the_lock_can_do(tmp_path):
    async def scene(client, bus):
        caps = client.caps[GATE]
        assert (caps.self_timed_pulse, caps.ack_ms, caps.supervise_ms) == (True, 400, 1000)
        assert (client.caps[STAIR].self_timed_pulse, client.caps[STAIR].ack_ms) == (False, 300)
        lock = HostedLock(client, GATE)
        await online(client)
        await lock.open()
        assert "pretended bus" in await lock.selftest()

    play(tmp_path, scene)


# --- readers and lights ----------------------------------------------------------------------------------------


def test_what_is_shown_to_a_reader_goes_to_the_node_and_into_no_file(tmp_path):
    async def scene(client, bus):
        news = client.news()
        reader = FakeReader.opened["gate"]
        reader.show("card", "26:01020304")
        reader.show("text", "x" * 600)  # no text of ours
        reader.show("keys", "4711")
        seen = []
        while len(seen) < 2:
            item = await anext(news)
            if isinstance(item, Shown):
                seen.append((item.door, item.kind, item.data))
        assert seen == [(GATE, "card", "26:01020304"), (GATE, "keys", "4711")]

    play(tmp_path, scene, readers=[{"driver": "fake"}])
    assert not [
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and (b"4711" in path.read_bytes() or b"01020304" in path.read_bytes())
    ]


def test_a_reader_and_a_light_that_are_not_there_keep_no_door_from_its_exit_button(tmp_path):
    async def scene(client, bus):
        await press(tmp_path, "stair", True)
        await eventually(lambda: "rex_release" in kinds(tmp_path))
        said = await client.selftest(GATE)
        assert said.startswith("gate: a lock behind a pretended bus. gate: the rig socket")
        assert "cannot be opened" in said

    (tmp_path / "file").write_text("no folder")
    play(
        tmp_path,
        scene,
        readers=[{"driver": "simulated", "rig": str(tmp_path / "file" / "rig")}],
        indicators=[{"driver": "simulated", "record": str(tmp_path / "file" / "record")}],
    )


def test_a_reader_that_breaks_is_tried_again_and_holds_up_no_door(tmp_path):
    async def scene(client, bus):
        news, reader = client.news(), FakeReader.opened["gate"]
        reader.broken = True
        reader.show("keys", "1")
        assert (await client.pulse(STAIR, cmd(), 500)).outcome is Outcome.DONE
        reader.broken = False
        item = await anext(news)
        while not isinstance(item, Shown):
            item = await anext(news)
        assert item.data == "1"

    play(tmp_path, scene, readers=[{"driver": "fake"}])


def test_lights_show_what_the_node_says_and_go_idle_without_it(tmp_path):
    async def scene(client, bus):
        for what in (Show.WAIT, Show.WAIT, Show.GRANTED, Show.GRANTED, Show.DENIED):
            client.show(GATE, what)
        client.show(STAIR, Show.GRANTED)  # has none
        await client.snapshot()
        light = FakeLight.opened["gate"]
        assert light.seen[-4:] == [Show.WAIT, Show.GRANTED, Show.GRANTED, Show.DENIED]

    async def whole(profile):
        async with GateIoClient(profile.socket, profile_hash(profile)) as client:
            await client.connected(WITHIN_S)
            await scene(client, None)
        light = FakeLight.opened["gate"]
        await eventually(lambda: light.seen[-1] is Show.IDLE, "the light to go idle")

    with serving(table(tmp_path, indicators=[{"driver": "fake"}])) as profile:
        asyncio.run(whole(profile))


def test_an_edge_after_a_read_is_not_taken_for_a_gap(tmp_path):
    async def scene(client, bus):
        await online(client)
        news = client.news()
        while not isinstance(await anext(news), IoSnapshot):
            pass
        FakeReader.opened["gate"].show("keys", "1")
        seen = []
        while not isinstance(seen[-1:] and seen[-1], Shown):
            seen.append(await anext(news))
        await press(tmp_path, "stair", True, Point.CONTACT)
        edge = await anext(news)
        assert isinstance(edge, Edge)
        assert edge.seq > 0

    play(tmp_path, scene, readers=[{"driver": "fake"}])
