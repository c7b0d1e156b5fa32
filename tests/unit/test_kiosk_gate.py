"""A gate with its whole front: what happens at the door is what its screen, its sound and its lights say."""

import asyncio
from dataclasses import replace
from datetime import UTC

import pytest

from cloud_sync.protocol.pin import duress_pin
from edge.core.door_events import Command, DpsClose, DpsOpen, FireOn, LockBack, LockLost, Tick, Verb
from edge.core.door_types import Mode
from edge.kiosk.screens import DoorScreens
from edge.kiosk.state import Door, KioskState, Screen
from edge.ports import Outcome, Result
from edge.ports_io import Show
from tests.fakes.lone_gate import GATE, LoneGate, pass_row

MINE, OTHER = "482913", "771205"


class Front:
    """A lone gate before a real front; ``lit`` is what its lights were told, ``seen`` each new screen and its sound."""

    def __init__(self, pin=MINE):
        self.lone = LoneGate([pass_row(pin=pin)])
        self.state = KioskState([Door(GATE, "东门", "East gate")])
        self.lit: list[str] = []
        self.seen: list[tuple[str, str, int]] = []
        front = DoorScreens(
            self.state, UTC, lambda: self.lone.now_ms, lambda _door, what: self.lit.append(str(what))
        )
        self.gate.hands = replace(self.gate.hands, screens=front, front=front)
        self.state.listen(GATE, self._note)

    @property
    def gate(self):
        return self.lone.gate

    @property
    def view(self):
        return self.state.view(GATE)

    def _note(self):
        self.seen.append((self.view.screen.value, self.view.said.value, self.view.times))

    async def event(self, *events, after_ns=1):
        for event in events:
            self.lone.at_ns += after_ns
            await self.gate.on_event(event)


def play(scene, front=None):
    front = front or Front()

    async def played():
        await front.lone.boot()
        await scene(front)

    asyncio.run(played())
    return front


def test_a_pin_that_opens_is_green_and_welcome_and_one_that_does_not_is_red():
    async def scene(front):
        await front.gate.on_pin(MINE)
        assert (front.view.screen, front.view.said, front.lit[-1]) == (
            Screen.WELCOME,
            Show.GRANTED,
            "granted",
        )
        await front.gate.on_pin(OTHER)
        assert (front.view.screen, front.view.said, front.lit[-1]) == (
            Screen.PIN_REFUSED, Show.DENIED, "denied",
        )  # fmt: skip

    assert play(scene).lit == ["idle", "granted", "denied"]


def test_a_pin_under_duress_looks_sounds_and_shines_as_the_pin_does():
    async def typed(front, digits):
        await front.gate.on_pin(digits)
        await front.event(DpsOpen(), DpsClose())

    free = play(lambda front: typed(front, MINE))
    forced = play(lambda front: typed(front, duress_pin(MINE)))
    assert (free.seen, free.lit, free.view) == (forced.seen, forced.lit, forced.view)
    assert forced.lone.facts[0].x["duress"] == 1


def test_a_lock_that_did_not_do_as_asked_sends_nobody_to_a_shut_door():
    async def fails(_door, _cmd, _ms):
        return Result(Outcome.TIMEOUT_UNKNOWN, 0, "no answer")

    front = Front()
    front.lone.pulse = fails
    play(lambda front: front.gate.on_pin(MINE), front)
    assert (front.view.screen, front.view.said) == (Screen.ASK_STAFF, Show.DENIED)


def test_a_door_held_open_beeps_then_rings_and_is_silent_when_it_is_shut():
    alarms = []

    async def scene(front):
        await front.gate.on_pin(MINE)
        await front.event(DpsOpen())
        for event, after_s in ((Tick(), 9), (Tick(), 2), (Tick(), 5), (DpsClose(), 1)):
            await front.event(event, after_ns=after_s * 1_000_000_000)
            alarms.append(front.view.alarm)

    front = play(scene)
    assert alarms == [Show.IDLE, Show.PREALARM, Show.ALARM, Show.IDLE]
    assert front.lit == [
        "idle",
        "granted",
        "alarm",
        "idle",
    ]  # green was still being shown when it would have beeped


def test_a_door_that_is_forced_rings_and_shows_it():
    async def scene(front):
        await front.event(DpsOpen())
        await front.event(Tick(), after_ns=2_000_000_000)
        assert (front.view.alarm, front.lit[-1]) == (Show.ALARM, "alarm")

    play(scene)


@pytest.mark.parametrize(
    ("verb", "screen", "lit"),
    [
        (Verb.LOCKDOWN, Screen.LOCKED_DOWN, "idle"),
        (Verb.BLOCK, Screen.BLOCKED, "idle"),
        (Verb.UNLOCK, Screen.OPEN_DOOR, "granted"),
        (Verb.LOCKOPEN, Screen.LEAVE, "free"),
    ],
)
def test_a_command_stands_on_the_screen_and_a_refusal_goes_back_to_it(verb, screen, lit):
    async def scene(front):
        front.lone.hold = front.lone.latch = done
        await front.gate.on_command(Command(verb, "guard-7", 1))
        assert (front.view.screen, front.lit[-1]) == (screen, lit)

    async def done(*_):
        return Result(Outcome.DONE, 0)

    play(scene)


def test_fire_says_leave_over_everything():
    async def done(*_):
        return Result(Outcome.DONE, 0)

    async def scene(front):
        front.lone.latch = done
        await front.gate.on_pin(OTHER)
        await front.event(FireOn())
        assert (front.view.screen, front.lit[-1]) == (Screen.LEAVE, "free")
        await front.gate.on_pin(OTHER)
        assert (front.view.screen, front.lit[-1]) == (Screen.LEAVE, "free")

    play(scene)


def test_a_lock_that_fell_silent_is_out_of_order_until_it_answers():
    async def scene(front):
        await front.event(LockLost())
        assert front.view.screen is Screen.OUT_OF_ORDER
        await front.event(LockBack())
        assert front.view.screen is not Screen.OUT_OF_ORDER

    play(scene)


def test_a_door_whose_list_nobody_signed_is_not_in_use_yet():
    front = Front()
    front.gate.withheld = lambda: "not commissioned: no report is signed"

    async def scene(front):
        assert front.view.screen is Screen.NOT_IN_SERVICE
        await front.gate.on_pin(MINE)
        assert front.view.screen is Screen.ASK_STAFF
        assert front.gate.state.mode is Mode.LOCKED

    play(scene, front)
    assert front.lone.pulses == []
