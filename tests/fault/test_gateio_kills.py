"""gate-io is killed (SIGKILL) at every step of a door's day, and in the middle of many.

Afterwards every output is driven to its declared level, as the unit's ExecStopPost does; after the restart people get
out, and what was latched open is open.
"""

import asyncio
import itertools
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from edge.core.events import AccessPointId
from edge.drivers.inputs.simulated import set_point
from edge.errors import GateError
from edge.gateio.client import GateIoClient
from edge.gateio.profile import profile_hash
from edge.ports import Cmd, Outcome, Point
from tests.fakes.gateio_rig import WITHIN_S, Program, door, house, kinds, lines, lock_moves, until

# A strike, a magnet whose way out nobody signed for, one that somebody did, and a barrier.
STRIKE, MAGNET, SIGNED, BARRIER = DOORS = [
    AccessPointId(name) for name in ("strike", "magnet", "signed", "barrier")
]
DEAD = {STRIKE: False, MAGNET: False, SIGNED: True, BARRIER: False}
REST = {STRIKE: False, MAGNET: True, SIGNED: True, BARRIER: False}
_ids = itertools.count()


def cmd():
    return Cmd(f"k{next(_ids)}", time.monotonic_ns() + 10_000_000_000, "test")


def profile(folder):
    beam = {"driver": "simulated", "rig": str(folder / "barrier-rig"), "wired": ["contact", "rex", "beam"]}
    return house(
        folder,
        door("strike", folder),
        door("magnet", folder, lock_profile="maglock_fail_safe"),
        door("signed", folder, lock_profile="maglock_fail_safe", egress_path_signed_by="commissioning 7"),
        door("barrier", folder, lock_profile="barrier", fire_group=None, inputs=beam),
    )


@pytest.fixture
def program(tmp_path):
    made = Program(tmp_path, profile(tmp_path))
    yield made
    made.close()


def energised(folder, name):
    """What the lock's own record says: it knows better than gate-io, which may be dead."""
    moves = lock_moves(folder, name)
    return bool(moves) and moves[-1] == "energise"


def levels(folder):
    return {name: energised(folder, name) for name in DOORS}


def released(folder):
    return {name for name, level in levels(folder).items() if level != REST[name]}


def put(folder, name, point, level):
    set_point(folder / f"{name}-rig", name, point, level)


# --- a door's day, one step after the other --------------------------------------------------------------------


async def grant(client, folder):
    for name in DOORS:
        assert (await client.pulse(name, cmd(), 60_000)).outcome is Outcome.DONE


async def open_it(client, folder):
    for name in DOORS:
        await asyncio.to_thread(put, folder, name, Point.CONTACT, True)


async def drive_in(client, folder):
    await asyncio.to_thread(put, folder, "barrier", Point.BEAM, True)


async def relock(client, folder):
    for name in DOORS:
        assert (await client.lock(name, cmd())).outcome is Outcome.DONE


async def close_it(client, folder):
    for name in DOORS:
        await asyncio.to_thread(put, folder, name, Point.CONTACT, False)


async def hold_open(client, folder):
    for name in DOORS:
        far = time.monotonic_ns() + 600_000_000_000
        assert (await client.hold(name, cmd(), far)).outcome is Outcome.DONE


async def press_exit(client, folder):
    for name in DOORS:
        await asyncio.to_thread(put, folder, name, Point.REX, True)


async def burn(client, folder):
    await asyncio.to_thread(put, folder, "strike", Point.FIRE, True)
    await asyncio.to_thread(until, lambda: latched(folder, "fire") == 3, "the fire latch on disk")


async def stop_burning(client, folder):
    await asyncio.to_thread(put, folder, "strike", Point.FIRE, False)


async def evacuate(client, folder):
    assert (await client.latch(BARRIER, cmd(), "evacuate", True, "staff-1")).outcome is Outcome.DONE


async def reset(client, folder):
    for name in (STRIKE, MAGNET, SIGNED):
        assert (await client.latch(name, cmd(), "fire", False, "staff-1")).outcome is Outcome.DONE
    assert (await client.latch(BARRIER, cmd(), "evacuate", False, "staff-1")).outcome is Outcome.DONE


DAY = [
    grant,
    open_it,
    drive_in,
    relock,
    close_it,
    hold_open,
    press_exit,
    burn,
    stop_burning,
    evacuate,
    reset,
]
FIRE_DOORS = {STRIKE, MAGNET, SIGNED}


def open_after(steps):
    """Which doors a latch keeps open after these steps of the day."""
    found = FIRE_DOORS if burn in steps else set()
    found = found | {BARRIER} if evacuate in steps else found
    return set() if reset in steps else found


def latched(folder, kind):
    file = folder / "state" / "latches.json"
    return file.read_text().count(f'"{kind}"') if file.exists() else 0


def dead_level(folder):
    """What the unit runs when the process is gone (firmware_config: ExecStopPost)."""
    asked = [sys.executable, "-m", "edge.gateio", str(folder / "profile.json.toml"), "--dead-level"]
    ended = subprocess.run(asked, capture_output=True, text=True, timeout=180)
    assert ended.returncode == 0, ended.stderr


def everybody_gets_out(folder):
    """Every exit button opens its door, whatever was before."""
    before = kinds(folder).count("rex_release")
    for name in DOORS:
        put(folder, name, Point.REX, True)
    until(lambda: kinds(folder).count("rex_release") == before + len(DOORS), "every door to open from inside")
    assert released(folder) == set(DOORS)
    for name in DOORS:
        put(folder, name, Point.REX, False)


@pytest.mark.story("23c")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("steps", range(len(DAY) + 1))
def test_killed_after_any_step_the_outputs_are_dead_and_the_way_out_works_again(program, tmp_path, steps):
    async def day():
        async with GateIoClient(program.profile.socket, profile_hash(program.profile)) as client:
            await client.connected(WITHIN_S)
            for step in DAY[:steps]:
                await step(client, tmp_path)
            await asyncio.to_thread(program.end, signal.SIGKILL)

    program.start()
    asyncio.run(asyncio.wait_for(day(), 180))
    dead_level(tmp_path)
    latched_open = open_after(DAY[:steps])
    # No magnet stays locked by a signature while there is a fire: it is let go, and found so by the next gate-io.
    assert levels(tmp_path) == DEAD | dict.fromkeys(latched_open, False)
    program.start()
    assert released(tmp_path) == latched_open
    everybody_gets_out(tmp_path)
    until(lambda: released(tmp_path) - {BARRIER} == latched_open - {BARRIER}, "the end of T_rex")


@pytest.mark.timeout(400)
def test_killed_at_random_moments_of_a_busy_day_nothing_is_left_open_and_nobody_locked_in(program, tmp_path):
    dice = random.Random(20261)

    async def busy():
        async with GateIoClient(program.profile.socket, profile_hash(program.profile)) as client:
            while True:
                for step in DAY[:7]:
                    with suppress(GateError, AssertionError, ConnectionError):
                        await step(client, tmp_path)
                    await asyncio.sleep(0)

    async def storm(after_s):
        running = asyncio.create_task(busy())
        await asyncio.sleep(after_s)
        await asyncio.to_thread(program.end, signal.SIGKILL)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    for _ in range(8):
        program.start()
        asyncio.run(asyncio.wait_for(storm(dice.uniform(0.0, 0.6)), 180))
        dead_level(tmp_path)
        assert levels(tmp_path) == DEAD
    program.start()
    assert released(tmp_path) == set()
    everybody_gets_out(tmp_path)


def test_a_relay_that_cannot_be_had_does_not_keep_the_others_from_their_dead_level(program, tmp_path):
    async def granted():
        async with GateIoClient(program.profile.socket, profile_hash(program.profile)) as client:
            await client.connected(WITHIN_S)
            await grant(client, tmp_path)
            await asyncio.to_thread(program.end, signal.SIGKILL)

    program.start()
    asyncio.run(asyncio.wait_for(granted(), 180))
    (tmp_path / "strike-lock.jsonl").rename(tmp_path / "gone.jsonl")
    (tmp_path / "strike-lock.jsonl").mkdir()
    asked = [sys.executable, "-m", "edge.gateio", str(tmp_path / "profile.json.toml"), "--dead-level"]
    ended = subprocess.run(asked, capture_output=True, text=True, timeout=180)
    assert (ended.returncode, "strike" in ended.stderr) == (1, True)
    others = {name: lines(tmp_path / f"{name}-lock.jsonl")[-1]["event"] for name in (MAGNET, SIGNED, BARRIER)}
    assert others == {MAGNET: "de-energise", SIGNED: "energise", BARRIER: "de-energise"}
