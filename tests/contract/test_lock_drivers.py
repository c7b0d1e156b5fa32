"""Every lock driver passes this, as strike and as maglock; a new driver adds one line to ``LOCKS``.

The lock is driven through everything a node uses: client, socket, process, line.
"""

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gpiod
import pytest

from edge.core.events import AccessPointId
from edge.errors import HardwareError, LockSilent
from edge.gateio.client import GateIoClient
from edge.gateio.lock import HostedLock
from edge.gateio.process import dead_levels
from edge.gateio.profile import parse_profile, profile_hash
from edge.ports import Cmd, FailMode, Feedback, LockState, Outcome
from tests.fakes.fake_gpiod import FakeBoard
from tests.fakes.gateio_rig import door, house, lines, serving, until

GATE = AccessPointId("gate")
_ids = itertools.count()


@dataclass
class Rig:
    table: dict[str, object]
    energised: Callable[[], bool]  # read at the device, not at the driver
    strike: bool

    @property
    def released(self) -> bool:
        return self.energised() == self.strike


def simulated(folder: Path, monkeypatch, profile: str) -> Rig:
    def energised() -> bool:
        moves = lines(folder / "gate-lock.jsonl")
        return bool(moves) and moves[-1]["event"] == "energise"

    return Rig(
        house(folder, door("gate", folder, lock_profile=profile)), energised, profile.startswith("strike")
    )


def gpio_relay(folder: Path, monkeypatch, profile: str) -> Rig:
    board = FakeBoard({"/dev/gpiochip0": ["GPIO4"], "/dev/gpiochip4": ["GPIO16", "GPIO17"]})
    monkeypatch.setattr(gpiod, "Chip", board.chip)
    monkeypatch.setattr("edge.drivers.gpio_chip.Path.glob", lambda *_: [Path(path) for path in board.chips])
    wired = door("gate", folder, lock_profile=profile, lock={"driver": "gpio_relay", "line": "GPIO17"})
    return Rig(house(folder, wired), lambda: board.high.get("GPIO17", False), profile.startswith("strike"))


LOCKS = [simulated, gpio_relay]
PROFILES = ["strike_fail_secure", "maglock_fail_safe"]


@pytest.fixture(params=itertools.product(LOCKS, PROFILES), ids=lambda p: f"{p[0].__name__}-{p[1]}")
def rig(request, tmp_path, monkeypatch):
    make, profile = request.param
    return make(tmp_path, monkeypatch, profile)


def cmd(within_ms=2000):
    return Cmd(f"c{next(_ids)}", time.monotonic_ns() + within_ms * 1_000_000, "test")


def with_lock(rig, scene):
    """Play a scene with an opened lock."""

    async def play(profile):
        async with GateIoClient(profile.socket, profile_hash(profile)) as client:
            lock = HostedLock(client, GATE)
            await lock.open()
            await scene(lock)
            await lock.close()

    with serving(rig.table) as profile:
        asyncio.run(asyncio.wait_for(play(profile), 60))


async def eventually(true):
    await asyncio.to_thread(until, true, "the lock to be at rest")


def test_an_opened_lock_is_at_rest_and_tells_its_capabilities(rig):
    async def scene(lock):
        assert not rig.released
        assert lock.caps.fail_mode is (FailMode.SECURE if rig.strike else FailMode.SAFE)
        assert 0 < lock.caps.min_pulse_ms < lock.caps.max_pulse_ms <= 65_000

    with_lock(rig, scene)


def test_a_pulse_releases_and_ends_by_itself(rig):
    async def scene(lock):
        assert (await lock.pulse(cmd(), 150)).outcome is Outcome.DONE
        assert rig.released
        await eventually(lambda: not rig.released)

    with_lock(rig, scene)


def test_lock_is_always_allowed_and_pre_empts(rig):
    async def scene(lock):
        for _ in range(2):
            assert (await lock.lock(cmd())).outcome is Outcome.DONE
        await lock.pulse(cmd(), 60_000)
        assert (await lock.lock(cmd())).outcome is Outcome.DONE
        assert not rig.released

    with_lock(rig, scene)


def test_a_hold_stays_until_it_is_locked_or_its_lease_ends(rig):
    async def scene(lock):
        far = time.monotonic_ns() + 60_000_000_000
        assert (await lock.hold(cmd(), far)).outcome is Outcome.DONE
        assert rig.released
        await lock.lock(cmd())
        assert not rig.released
        await lock.hold(cmd(), time.monotonic_ns() + 200_000_000)
        await eventually(lambda: not rig.released)

    with_lock(rig, scene)


def test_a_late_command_is_refused_and_does_nothing(rig):
    async def scene(lock):
        assert (await lock.pulse(cmd(within_ms=-1), 500)).outcome is Outcome.REFUSED
        assert not rig.released

    with_lock(rig, scene)


def test_a_pulse_beyond_the_profile_is_refused(rig):
    async def scene(lock):
        assert (await lock.pulse(cmd(), lock.caps.max_pulse_ms + 1)).outcome is Outcome.REFUSED
        assert not rig.released

    with_lock(rig, scene)


def test_the_same_command_twice_is_one_command(rig):
    async def scene(lock):
        once = cmd()
        first = await lock.pulse(once, 60_000)
        await lock.lock(cmd())
        assert await lock.pulse(once, 60_000) == first
        assert not rig.released

    with_lock(rig, scene)


def test_the_state_is_never_more_than_the_device_knows(rig):
    async def scene(lock):
        at_rest = await lock.state()
        await lock.pulse(cmd(), 60_000)
        released = await lock.state()
        if lock.caps.feedback is Feedback.COIL:
            assert (at_rest.state, released.state) == (LockState.LOCKED, LockState.UNLOCKED)
        else:
            assert (at_rest.state, released.state) == (LockState.UNKNOWN, LockState.UNKNOWN)
        assert at_rest.raw != released.raw

    with_lock(rig, scene)


def test_a_self_test_is_a_sentence_and_never_unlocks(rig):
    async def scene(lock):
        assert (await lock.selftest()).startswith("gate: ")
        assert not rig.released

    with_lock(rig, scene)


def test_closing_puts_the_lock_to_rest(rig):
    async def scene(lock):
        await lock.pulse(cmd(), 60_000)
        await lock.close()
        assert not rig.released

    with_lock(rig, scene)


def test_when_gate_io_ends_the_line_is_dead(rig):
    with serving(rig.table):
        pass
    until(lambda: not rig.energised(), "the dead level")


# --- what only iron can do -----------------------------------------------------------------------------------


@pytest.fixture
def board(monkeypatch):
    made = FakeBoard({"/dev/gpiochip0": ["GPIO17", "GPIO18"]})
    monkeypatch.setattr(gpiod, "Chip", made.chip)
    return made


def relay(folder, **changed):
    lock = {"driver": "gpio_relay", "line": "GPIO17", "chip": "/dev/gpiochip0", **changed}
    return house(folder, door("gate", folder, lock=lock))


def test_an_active_low_relay_never_clicks_while_it_is_taken(tmp_path, board):
    with serving(relay(tmp_path, active_low=True)):
        assert board.high["GPIO17"] is True
    assert board.history == [("GPIO17", True)]


def test_a_signed_maglock_stays_locked_when_gate_io_ends(tmp_path, board):
    lock = {"driver": "gpio_relay", "line": "GPIO17", "chip": "/dev/gpiochip0"}
    signed = door(
        "gate", tmp_path, lock_profile="maglock_fail_safe", egress_path_signed_by="commissioning 7", lock=lock
    )
    with serving(house(tmp_path, signed)):
        assert board.high["GPIO17"] is True
    assert board.high["GPIO17"] is True


def test_a_relay_left_energised_by_a_killed_process_is_driven_dead(tmp_path, board):
    board.high["GPIO17"] = True
    dead_levels(parse_profile(relay(tmp_path)))
    assert board.high["GPIO17"] is False
    assert board.holders == {}


def test_an_output_that_does_not_follow_stops_gate_io_with_a_sentence(tmp_path, board):
    async def knock(profile):
        async with GateIoClient(profile.socket, profile_hash(profile)) as client:
            await client.connected(10)
            board.broken.add("GPIO17")
            return await client.pulse(GATE, cmd(), 500)

    def serve():
        with serving(relay(tmp_path)) as profile:
            assert asyncio.run(knock(profile)).outcome is Outcome.TIMEOUT_UNKNOWN
            until(lambda: not board.holders, "the lines to be given back")

    with pytest.raises(LockSilent, match="gate: the lock output does not follow"):
        serve()


def test_a_line_that_another_program_holds_is_named(tmp_path, board):
    other = board.chip("/dev/gpiochip0").request_lines({"GPIO17": gpiod.LineSettings()})
    with pytest.raises(LockSilent, match="GPIO17 cannot be taken"), serving(relay(tmp_path)):
        pass
    other.release()


def test_a_line_that_no_chip_has_is_named_with_where_we_looked(tmp_path, board):
    with (
        pytest.raises(HardwareError, match=r"no GPIO chip has the line\(s\) GPIO99.*gpiochip0"),
        serving(relay(tmp_path, line="GPIO99")),
    ):
        pass
