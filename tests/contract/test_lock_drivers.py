"""Every lock driver passes this, as strike and as maglock; a new driver adds one line to ``LOCKS``.

The lock is driven through everything a node uses: client, socket, process, line or bus.  A lock behind a bus says how to
cut its cable, and then has a few promises more to keep.
"""

import asyncio
import itertools
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import gpiod
import pytest

from edge.core.events import AccessPointId
from edge.errors import HardwareError, LockSilent
from edge.gateio.client import GateIoClient
from edge.gateio.dead import dead_levels
from edge.gateio.lock import HostedLock
from edge.gateio.profile import parse_profile, profile_hash
from edge.ports import Cmd, FailMode, Feedback, LockState, Outcome
from tests.fakes import bus_lock
from tests.fakes.bus_lock import FakeBus
from tests.fakes.fake_gpiod import FakeBoard
from tests.fakes.gateio_rig import WITHIN_S, door, house, lines, serving, until
from tests.fakes.osdp_house import Bench

GATE = AccessPointId("gate")
_ids = itertools.count()


@dataclass
class Rig:
    table: dict[str, object]
    energised: Callable[[], bool]  # read at the device, not at the driver
    strike: bool
    silence: Callable[[], None] | None = None  # a lock behind a bus: cut its cable, or stop its device
    restore: Callable[[], None] = lambda: None  # the cable again; the device may be at any level
    stop: Callable[[], None] = lambda: None  # the peer, if there is one

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


def fake_bus(folder: Path, monkeypatch, profile: str) -> Rig:
    with_fakes = bus_lock.installed()
    with_fakes.__enter__()
    wired = door("gate", folder, lock_profile=profile, lock={"driver": "fake"})

    def silence() -> None:
        FakeBus.opened["gate"].fall_silent()

    def restore() -> None:
        FakeBus.opened["gate"].come_back()

    return Rig(
        house(folder, wired),
        lambda: FakeBus.opened["gate"].energised,
        profile.startswith("strike"),
        silence,
        restore,
        stop=lambda: with_fakes.__exit__(None, None, None),
    )


def osdp_output(folder: Path, monkeypatch, profile: str) -> Rig:
    stack = ExitStack()
    bench = Bench(folder, stack)
    reader = bench.reader()
    lock = {"driver": "osdp_output", "port": bench.line.panel, "key_file": str(bench.key_file)}
    wired = door("gate", folder, lock_profile=profile, lock=lock)
    return Rig(
        house(folder, wired),
        reader.on,
        profile.startswith("strike"),
        lambda: bench.line.plug(False),
        lambda: bench.line.plug(True),
        stop=stack.close,
    )


LOCKS = [simulated, gpio_relay, fake_bus, osdp_output]
PROFILES = ["strike_fail_secure", "maglock_fail_safe"]


def _param(make, profile):
    """A lock on an OSDP line has a reader that counts milliseconds."""
    marks = [pytest.mark.alone] if make is osdp_output else []
    return pytest.param((make, profile), id=f"{make.__name__}-{profile}", marks=marks)


@pytest.fixture(params=itertools.starmap(_param, itertools.product(LOCKS, PROFILES)))
def rig(request, tmp_path, monkeypatch):
    make, profile = request.param
    made = make(tmp_path, monkeypatch, profile)
    yield made
    made.stop()


def cmd(within_ms=2000):
    return Cmd(f"c{next(_ids)}", time.monotonic_ns() + within_ms * 1_000_000, "test")


def with_lock(rig, scene):
    """Play a scene with an opened lock."""

    async def play(profile):
        async with GateIoClient(profile.socket, profile_hash(profile)) as client:
            await client.connected(WITHIN_S)
            await spoken(client)
            lock = HostedLock(client, GATE)
            await at_rest(lock)
            await scene(lock)
            await spoken(client)
            await lock.close()

    with serving(rig.table) as profile:
        asyncio.run(asyncio.wait_for(play(profile), 180))


async def eventually(true):
    await asyncio.to_thread(until, true, "the lock to be at rest")


async def spoken(client, *, silent=False):
    """Wait, within bounds, until the lock answers, or does not."""
    end = time.monotonic() + WITHIN_S
    while (GATE in (await client.snapshot()).silent) is not silent:
        assert time.monotonic() < end, "the lock to fall silent" if silent else "the lock to speak"
        await asyncio.sleep(0.01)


async def answered(ask):
    """Ask again what a peer on a loaded machine has not answered in time; nobody was told that it was done."""
    for _ in range(5):
        result = await ask()
        if result.outcome is not Outcome.TIMEOUT_UNKNOWN:
            break
    return result


async def at_rest(lock):
    """As ``answered``, of a lock that is opened."""
    for _ in range(4):
        with suppress(LockSilent):
            await lock.open()
            return
    await lock.open()


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


def test_a_program_of_its_own_can_drive_the_dead_level_when_gate_io_is_gone(rig):
    with serving(rig.table):
        pass
    dead_levels(parse_profile(rig.table))
    until(lambda: not rig.energised(), "the dead level")


# --- what a lock behind a bus promises besides -----------------------------------------------------------------


def behind_a_bus(rig, scene):
    """Play ``scene(lock, client)`` where there is a cable to cut."""
    if rig.silence is None:
        return

    async def with_client(lock):
        await scene(lock, lock._client)

    with_lock(rig, with_client)


def test_a_silent_lock_refuses_grants_at_once_and_its_state_is_unknown(rig):
    async def scene(lock, client):
        rig.silence()
        await spoken(client, silent=True)
        asked = time.monotonic_ns()
        result = await lock.pulse(cmd(within_ms=60_000), 500)
        assert result.outcome is Outcome.OFFLINE
        assert result.done_ns - asked < 30_000_000_000  # at once, and not at the deadline
        assert (await lock.state()).state is LockState.UNKNOWN
        rig.restore()

    behind_a_bus(rig, scene)


def test_a_lock_that_is_back_is_at_rest_whatever_it_was_asked_before(rig):
    async def scene(lock, client):
        await lock.hold(cmd(), time.monotonic_ns() + 600_000_000_000)
        assert rig.released
        rig.silence()
        await spoken(client, silent=True)
        rig.restore()
        await spoken(client)
        await eventually(lambda: not rig.released)
        assert (await lock.pulse(cmd(), 60_000)).outcome is Outcome.DONE
        assert rig.released

    behind_a_bus(rig, scene)


def test_an_evacuation_reaches_a_lock_that_was_silent_as_soon_as_it_is_back(rig):
    async def scene(lock, client):
        rig.silence()
        await spoken(client, silent=True)
        assert (await client.latch(GATE, cmd(), "evacuate", True, "staff-1")).outcome is Outcome.OFFLINE
        rig.restore()
        await eventually(lambda: rig.released)
        await spoken(client)
        released = await answered(lambda: client.latch(GATE, cmd(), "evacuate", False, "staff-1"))
        assert released.outcome is Outcome.DONE
        assert not rig.released

    behind_a_bus(rig, scene)


def test_a_grant_under_way_when_the_cable_is_cut_is_never_called_done(rig):
    async def scene(lock, client):
        rig.silence()
        result = await lock.pulse(cmd(within_ms=3000), 500)
        assert result.outcome in (Outcome.OFFLINE, Outcome.TIMEOUT_UNKNOWN)
        await spoken(client, silent=True)
        rig.restore()
        await spoken(client)
        await eventually(lambda: not rig.released)

    behind_a_bus(rig, scene)


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
