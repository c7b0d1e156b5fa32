"""gate-io restarts and has forgotten what it held: the door that stands open is asked for at once, the others not."""

import asyncio

from edge.core.door_events import Command, Verb
from edge.core.door_profile import HOLD_LEASE_MS
from tests.fakes.lone_gate import LoneGate

S_NS = 1_000_000_000


def after_a_restart(*commands: Verb) -> list[int]:
    async def scene() -> list[int]:
        lone = await LoneGate([]).boot()
        for number, verb in enumerate(commands, start=1):
            await lone.gate.on_command(Command(verb, "G-1", number))
        lone.holds.clear()
        lone.at_ns += 5 * S_NS
        await lone.gate.hold_again()
        return lone.holds

    return asyncio.run(scene())


def test_a_door_that_was_unlocked_is_held_from_this_moment_on():
    assert after_a_restart(Verb.UNLOCK) == [5 * S_NS + HOLD_LEASE_MS * 1_000_000]


def test_a_locked_door_stays_locked():
    assert after_a_restart() == after_a_restart(Verb.UNLOCK, Verb.LOCK) == []
