"""Locks the node drives itself, on a real mosquitto, against devices that are programs of their own."""

import os
import signal
import time
from itertools import pairwise

import pytest

from edge.gateio.drivers import installed
from edge.ports import BoltNews, Feedback, LockLink, LockState, Outcome
from tests.fakes.mqtt_house import Bench, Peer, cmd, on_the_bench, until

pytestmark = [pytest.mark.alone, pytest.mark.mosquitto]
ROOM = "r-101"


async def zigbee(bench: Bench, *, rested: bool = True, **settings: object):
    peer = bench.peer("zigbee_locks", "--locks", ROOM)
    lock = await bench.lock("zigbee2mqtt", ROOM, name=ROOM, **{"deadline_ms": 1_000, **settings})
    if rested:
        await until(lambda: lock.radio.online, "the lock is at rest and online")
    return lock, peer


async def shelly(bench: Bench, **settings: object):
    peer = bench.peer("shelly_relay")
    lock = await bench.lock("shelly", ROOM, device="shellyplus1-sim", **{"deadline_ms": 1_000, **settings})
    await until(lambda: lock.radio.online, "the relay is at rest and online")
    return lock, peer


OPEN = {"zigbee2mqtt": zigbee, "shelly": shelly}


def moves(peer: Peer) -> list[bool]:
    """True for every release, False for every return to rest."""
    bolts = [bolt == "unlocked" for bolt in peer.bolts(ROOM)]
    changes = [after for before, after in pairwise([False, *bolts]) if before != after]
    return changes if bolts else peer.relays()


def test_every_lock_of_the_node_is_tried_here():
    assert installed("node_locks") == set(OPEN)


# --- what every one of them keeps ------------------------------------------------------------------------------


@pytest.mark.parametrize("driver", OPEN)
def test_a_pulse_is_done_when_the_lock_says_so_and_ends_by_itself(driver, tmp_path):
    async def play(bench):
        lock, peer = await OPEN[driver](bench)
        done = await lock.pulse(cmd(), 1_000)
        assert done.outcome is Outcome.DONE
        assert moves(peer)[-1:] == [True]  # it had moved before it counted as done
        assert (await lock.state()).state is LockState.UNLOCKED
        await until(lambda: moves(peer) == [True, False], "it is at rest again, asked by nobody")
        await until(lambda: lock._rested, "and has said so")

    on_the_bench(tmp_path, play)


@pytest.mark.parametrize("driver", OPEN)
def test_a_second_pulse_extends_and_never_stacks(driver, tmp_path):
    async def play(bench):
        lock, peer = await OPEN[driver](bench)
        await lock.pulse(cmd(), 1_000)
        first = lock._until_ns
        assert (await lock.pulse(cmd(), 2_000)).outcome is Outcome.DONE
        assert lock._until_ns > first
        await until(lambda: False in moves(peer), "it is at rest again")
        assert moves(peer) == [True, False]

    on_the_bench(tmp_path, play)


@pytest.mark.parametrize("driver", OPEN)
def test_lock_may_be_asked_again_and_again_and_ends_a_pulse(driver, tmp_path):
    async def play(bench):
        lock, peer = await OPEN[driver](bench)
        await lock.pulse(cmd(), 30_000)
        for _ in range(2):
            assert (await lock.lock(cmd(-1))).outcome is Outcome.DONE  # however late
        assert moves(peer) == [True, False]
        assert lock._until_ns == 0

    on_the_bench(tmp_path, play)


@pytest.mark.parametrize("driver", OPEN)
def test_what_is_late_or_too_long_is_refused_and_nothing_moves(driver, tmp_path):
    async def play(bench):
        lock, peer = await OPEN[driver](bench)
        before = len(peer.lines)
        assert (await lock.pulse(cmd(-1), 2_000)).outcome is Outcome.REFUSED
        assert (await lock.pulse(cmd(), 65_001)).outcome is Outcome.REFUSED
        assert (await lock.hold(cmd(), time.monotonic_ns())).outcome is Outcome.REFUSED
        assert moves(peer) == []
        assert len(peer.lines) == before

    on_the_bench(tmp_path, play)


@pytest.mark.parametrize("driver", OPEN)
def test_a_hold_ends_by_itself(driver, tmp_path):
    async def play(bench):
        lock, peer = await OPEN[driver](bench)
        assert (await lock.hold(cmd(), time.monotonic_ns() + 1_200_000_000)).outcome is Outcome.DONE
        await until(lambda: moves(peer) == [True, False], "the hold has ended")

    on_the_bench(tmp_path, play)


@pytest.mark.parametrize("driver", OPEN)
def test_without_its_broker_it_is_offline_and_back_it_rests_before_anything_else(driver, tmp_path):
    async def play(bench):
        lock, peer = await OPEN[driver](bench)
        await lock.pulse(cmd(), 30_000)
        bench.broker.kill()
        await until(lambda: not lock.radio.online, "it is out of reach")
        assert (await lock.pulse(cmd(), 2_000)).outcome is Outcome.OFFLINE
        assert (await lock.lock(cmd())).outcome is Outcome.OFFLINE
        bench.broker.start()
        await until(lambda: lock.radio.online, "it is back")
        assert moves(peer) == [True, False]
        assert [link.online for link in bench.of(LockLink, ROOM)][-3:] == [True, False, True]
        assert not any(news.late for news in bench.of(BoltNews, ROOM))

    on_the_bench(tmp_path, play)


@pytest.mark.parametrize("driver", OPEN)
def test_closing_leaves_it_at_rest(driver, tmp_path):
    async def play(bench):
        lock, peer = await OPEN[driver](bench)
        await lock.pulse(cmd(), 30_000)
        await lock.close()
        assert moves(peer) == [True, False]
        await lock.close()

    on_the_bench(tmp_path, play)


@pytest.mark.parametrize("driver", OPEN)
def test_a_selftest_is_a_sentence_and_unlocks_nothing(driver, tmp_path):
    async def play(bench):
        lock, peer = await OPEN[driver](bench)
        assert "it answers and is locked" in await lock.selftest()
        assert moves(peer) == []

    on_the_bench(tmp_path, play)


# --- late, silent, jammed --------------------------------------------------------------------------------------


def test_an_unlocking_nobody_confirms_is_unknown_locked_and_never_comes_late(tmp_path):
    """The lock sleeps: both commands reach it after the node has given up."""

    async def play(bench):
        lock, peer = await zigbee(bench)
        peer.tell(f"radio {ROOM} 2500")
        done = await lock.pulse(cmd(), 2_000)
        assert done.outcome is Outcome.TIMEOUT_UNKNOWN
        assert peer.commands(ROOM)[-1] == "UNLOCK"
        assert bench.of(BoltNews, ROOM)[-1].state is LockState.UNKNOWN
        await until(lambda: peer.commands(ROOM)[-1] == "LOCK", "lock came first")
        await until(lambda: any(news.late for news in bench.of(BoltNews, ROOM)), "the late one is told")
        peer.tell(f"radio {ROOM} 20")
        await until(lambda: lock._rested, "it rests and was read back")
        assert peer.bolts(ROOM)[-1] == "locked"
        assert [news.late for news in bench.of(BoltNews, ROOM)].count(True) == 1

    on_the_bench(tmp_path, play)


@pytest.mark.parametrize("driver", OPEN)
def test_a_frozen_device_that_thaws_is_locked_again_at_once(driver, tmp_path):
    async def play(bench):
        lock, peer = await OPEN[driver](bench)
        os.kill(peer.process.pid, signal.SIGSTOP)
        done = await lock.pulse(cmd(), 5_000)
        assert done.outcome is Outcome.TIMEOUT_UNKNOWN
        os.kill(peer.process.pid, signal.SIGCONT)
        await until(lambda: lock._rested, "it rests and was read back")
        await until(lambda: moves(peer) == [True, False], "the late release was taken back")
        await until(lambda: any(news.late for news in bench.of(BoltNews, ROOM)), "and told")

    on_the_bench(tmp_path, play)


def test_a_broker_that_was_frozen_unlocks_nothing_late(tmp_path):
    async def play(bench):
        lock, peer = await zigbee(bench)
        os.kill(bench.broker._process.pid, signal.SIGSTOP)
        assert (await lock.pulse(cmd(), 5_000)).outcome is Outcome.TIMEOUT_UNKNOWN
        os.kill(bench.broker._process.pid, signal.SIGCONT)
        await until(lambda: lock._rested and peer.commands(ROOM)[-1] == "LOCK", "it rests")
        assert peer.bolts(ROOM)[-1] == "locked"

    on_the_bench(tmp_path, play)


def test_a_jammed_bolt_is_jammed_and_asked_again_until_it_moves(tmp_path):
    async def play(bench):
        lock, peer = await zigbee(bench)
        peer.tell(f"jam {ROOM}")
        done = await lock.pulse(cmd(), 2_000)
        assert done.outcome is Outcome.REFUSED
        assert "jammed" in done.detail
        assert bench.of(BoltNews, ROOM)[-1].state is LockState.JAMMED
        assert "jammed" in (await lock.lock(cmd())).detail
        assert lock.radio.online  # it answers; it is not gone
        peer.tell(f"unjam {ROOM}")
        await until(lambda: bench.of(BoltNews, ROOM)[-1].state is LockState.LOCKED, "it is shut at last")

    on_the_bench(tmp_path, play)


def test_a_hand_at_the_knob_is_told_and_not_fought(tmp_path):
    async def play(bench):
        lock, peer = await zigbee(bench)
        before = len(peer.commands(ROOM))
        peer.tell(f"hand {ROOM}")
        await until(lambda: bench.of(BoltNews, ROOM)[-1].state is LockState.UNLOCKED, "it is told")
        assert not bench.of(BoltNews, ROOM)[-1].late
        assert "hand" in bench.of(BoltNews, ROOM)[-1].detail
        await lock._look()  # two more words of the same lock
        await lock._look()
        assert len(peer.commands(ROOM)) == before

    on_the_bench(tmp_path, play)


def test_a_relay_somebody_else_turned_on_is_turned_off(tmp_path):
    async def play(bench):
        lock, peer = await shelly(bench)
        await until(lambda: lock._rested, "it rests")
        peer.tell("press")
        await until(lambda: peer.relays() == [True, False], "it was turned off again")
        await until(lambda: any(news.late for news in bench.of(BoltNews, ROOM)), "and told")

    on_the_bench(tmp_path, play)


def test_a_lock_that_is_silent_for_long_is_offline_and_comes_back_through_rest(tmp_path):
    async def play(bench):
        lock, peer = await zigbee(bench, silence_s=3)
        os.kill(peer.process.pid, signal.SIGSTOP)
        await until(lambda: not lock.radio.online, "it counts as gone")
        assert (await lock.pulse(cmd(), 2_000)).outcome is Outcome.OFFLINE
        sets = len(peer.commands(ROOM))
        os.kill(peer.process.pid, signal.SIGCONT)
        await until(lambda: lock.radio.online, "it is back")
        assert peer.commands(ROOM)[sets:]
        assert "UNLOCK" not in peer.commands(ROOM)[sets:]

    on_the_bench(tmp_path, play)


def test_the_gateways_last_will_and_its_own_word_about_a_lock_are_believed(tmp_path):
    async def play(bench):
        lock, peer = await zigbee(bench)
        peer.tell(f"offline {ROOM}")
        await until(lambda: not lock.radio.online, "the lock is away")
        assert bench.of(LockLink, ROOM)[-1].detail == "the lock is away"
        peer.tell(f"online {ROOM}")
        await until(lambda: lock.radio.online, "and back")
        peer.process.kill()
        await until(lambda: not lock.radio.online, "the gateway is away")
        assert bench.of(LockLink, ROOM)[-1].detail == "the gateway is away"

    on_the_bench(tmp_path, play)


def test_battery_and_link_are_kept(tmp_path):
    async def play(bench):
        lock, peer = await zigbee(bench)
        assert lock.caps.feedback is Feedback.BOLT
        peer.tell(f"battery {ROOM} 12")
        await until(lambda: lock.radio.battery == 12, "its battery")
        assert lock.radio.linkquality == 120

    on_the_bench(tmp_path, play)


def test_what_the_gateway_only_remembers_or_wishes_confirms_nothing(tmp_path):
    async def play(bench):
        lock, _ = await zigbee(bench)
        own = f"zigbee2mqtt/{ROOM}"
        heard = lock.radio.heard_ns
        for topic, payload, retained in [
            (own, b'{"lock_state":"unlocked"}', True),
            (own, b'{"state":"UNLOCK"}', False),
            (own, b'{"state":"LOCK","lock_state":"unlocked"}', False),
            (own, b'{"lock_state":"moving"}', False),
            (own, b"[" * 5_000, False),
            (own, b"not json", False),
            (own, b'{"battery":"full","linkquality":-4}', False),
        ]:
            lock._take(topic, payload, retained)
        assert (await lock.state()).state is LockState.LOCKED
        assert lock.radio.battery == 90
        assert lock.radio.linkquality == 120
        assert lock.radio.heard_ns >= heard
        assert lock.radio.online

    on_the_bench(tmp_path, play)
