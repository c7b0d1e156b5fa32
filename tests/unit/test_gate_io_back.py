"""gate-io went away and is back: what stood open is asked for at once, and so is what it never did."""

import asyncio
from types import MappingProxyType

import pytest

from edge.core.door_events import Command, FireOff, FireOn, FireReset, SchedOpen, Tick, Verb
from edge.core.door_profile import HOLD_LEASE_MS
from edge.core.door_types import DoorState, Drive, Mode, Timer, held_until
from edge.ports import IoSnapshot, Outcome, Point, Result
from edge.runtime.io_events import FirePanel, later_events
from tests.fakes.lone_gate import GATE, LoneGate

S_NS = 1_000_000_000


class Latching(LoneGate):
    """A gate whose gate-io can be away."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.away = False
        self.latched: set[str] = set()
        self.asked: list[tuple[str, bool]] = []

    async def latch(self, _door, _cmd, kind, on, actor) -> Result:
        assert actor
        if self.away:
            return Result(Outcome.OFFLINE, self.at_ns, "gate-io is not there")
        self.asked.append((kind, on))
        (self.latched.add if on else self.latched.discard)(kind)
        return Result(Outcome.DONE, self.at_ns)

    async def told(self, snapshot: IoSnapshot) -> None:
        """As the node does with a snapshot that is not its first."""
        panel = FirePanel({GATE: None})
        panel.read(snapshot)
        events = later_events(snapshot, {GATE: self.gate}, panel)
        await self.gate.io_is_back()
        for _, event in events:
            await self.gate.on_event(event)


def shot(*latches: str, burning: bool = False) -> IoSnapshot:
    return IoSnapshot({(GATE, Point.FIRE): burning}, {}, frozenset((GATE, kind) for kind in latches), 1)


async def command(lone: LoneGate, verb: Verb, counter: int):
    return await lone.gate.on_command(Command(verb, "G-1", counter))


def holds_after(*commands: Verb) -> list[int]:
    async def scene() -> list[int]:
        lone = await LoneGate([]).boot()
        for number, verb in enumerate(commands, start=1):
            await command(lone, verb, number)
        lone.holds.clear()
        lone.at_ns += 5 * S_NS
        await lone.gate.io_is_back()
        return lone.holds

    return asyncio.run(scene())


def test_a_door_that_was_unlocked_is_held_from_this_moment_on():
    assert holds_after(Verb.UNLOCK) == [5 * S_NS + HOLD_LEASE_MS * 1_000_000]


def test_a_locked_door_stays_locked():
    assert holds_after() == holds_after(Verb.UNLOCK, Verb.LOCK) == []


def test_whoever_was_let_in_has_what_is_left_of_their_time():
    async def scene() -> LoneGate:
        lone = await LoneGate([]).boot()
        await lone.gate.try_lock("T-7")
        lone.at_ns += 2 * S_NS
        await lone.gate.io_is_back()
        return lone

    lone = asyncio.run(scene())
    assert lone.holds == [lone.pulses[0] * 1_000_000]


def test_a_barrier_over_a_vehicle_is_held_although_nobody_s_time_is_left():
    under = DoorState(
        mode=Mode.LOCKED, drive=Drive.RELEASED, beam=True, timers=MappingProxyType({Timer.T_HOLD: 7})
    )
    assert held_until(under, 5) == 5 + HOLD_LEASE_MS * 1_000_000
    assert held_until(DoorState(mode=Mode.LOCKED), 5) is None


@pytest.mark.parametrize("burning", [False, True])
def test_a_fire_that_nobody_here_heard_of_is_known_and_ends_by_a_person(burning):
    async def scene() -> Latching:
        lone = await Latching([]).boot()
        lone.latched.add("fire")
        await lone.told(shot("fire", burning=burning))
        assert lone.gate.state.mode is Mode.LOCKED_OPEN
        await lone.gate.on_event(FireReset("panel key"))
        if burning:
            assert lone.latched == {"fire"}
            await lone.gate.on_event(FireOff())
            await lone.gate.on_event(FireReset("panel key"))
        return lone

    lone = asyncio.run(scene())
    assert (lone.kinds.count("fire.release"), lone.kinds.count("fire.reset"), lone.latched) == (1, 1, set())


def test_a_door_found_latched_open_says_so_and_ends_by_a_person():
    async def scene() -> Latching:
        lone = await Latching([]).boot()
        lone.latched.add("evacuate")
        await lone.told(shot("evacuate"))
        await lone.told(shot("evacuate"))
        assert lone.gate.state.mode is Mode.LOCKED_OPEN
        assert (await command(lone, Verb.LOCKOPEN_RELEASE, 1)).fault == ""
        return lone

    lone = asyncio.run(scene())
    assert (lone.kinds.count("door.evacuate"), lone.latched, lone.gate.state.mode) == (1, set(), Mode.LOCKED)


def test_an_evacuation_that_gate_io_did_not_take_is_asked_for_until_it_does():
    async def scene() -> Latching:
        lone = await Latching([]).boot()
        lone.away = True
        assert (await command(lone, Verb.LOCKOPEN, 1)).fault != ""
        assert (await command(lone, Verb.LOCKOPEN, 2)).fault != ""  # and not "done"
        lone.gate.is_well()
        assert lone.gate.fault != ""
        lone.away = False
        await lone.gate.io_is_back()
        return lone

    lone = asyncio.run(scene())
    assert (lone.latched, lone.gate.fault) == ({"evacuate"}, "")


def test_two_latches_that_were_not_let_go_are_both_asked_for():
    async def scene() -> Latching:
        lone = await Latching([]).boot()
        await command(lone, Verb.LOCKOPEN, 1)
        await lone.gate.on_event(FireOn())
        await lone.gate.on_event(FireOff())
        lone.away = True
        await command(lone, Verb.LOCKOPEN_RELEASE, 2)
        await lone.gate.on_event(FireReset("panel key"))
        assert lone.latched == {"evacuate", "fire"}
        assert lone.gate.owes("evacuate")
        lone.away = False
        await lone.told(shot("evacuate", "fire"))  # what it owes is no news
        return lone

    lone = asyncio.run(scene())
    assert (lone.latched, lone.gate.state.mode) == (set(), Mode.LOCKED)
    assert (lone.kinds.count("door.evacuate"), lone.kinds.count("fire.release")) == (1, 1)


def test_gate_io_that_lost_its_latches_is_told_them_again():
    async def scene() -> Latching:
        lone = await Latching([]).boot()
        await command(lone, Verb.LOCKOPEN, 1)
        await lone.gate.on_event(FireOn())
        lone.latched.clear()
        await lone.told(shot(burning=True))
        return lone

    assert asyncio.run(scene()).latched == {"evacuate", "fire"}


def test_a_lock_without_latches_is_not_evacuated():
    async def scene() -> tuple[Latching, object]:
        lone = await Latching([]).boot()
        lone.gate.latches = False
        return lone, await command(lone, Verb.LOCKOPEN, 1)

    lone, did = asyncio.run(scene())
    assert (did.refused, did.why, lone.gate.state.mode, lone.facts) == (True, "x:NoLatch", Mode.LOCKED, [])


def test_an_open_door_whose_list_failed_since_is_shut():
    async def scene() -> LoneGate:
        lone = await LoneGate([]).boot()
        await lone.gate.on_event(SchedOpen())
        assert lone.gate.state.mode is Mode.UNLOCKED
        lone.gate.withheld = lambda: "not commissioned: the list failed"
        await lone.gate.on_event(Tick())
        return lone

    assert asyncio.run(scene()).gate.state.mode is Mode.LOCKED
