"""Commands and the schedule of a door: leases, locking, and what comes too late for a mode."""

from dataclasses import replace

import pytest

from edge.core.door_events import (
    Command,
    DpsClose,
    DpsOpen,
    SchedClose,
    SchedOpen,
    Verb,
)
from edge.core.door_types import (
    Hold,
    Mode,
    Output,
    Refusal,
    Relock,
)
from edge.core.events import GrantId
from tests.fakes.told_door import Door, grant


def test_an_unlocked_door_is_held_by_leases_and_masks_alarms() -> None:
    door = Door().at(0, Command(Verb.UNLOCK, "staff-7", 1))
    assert (door.state.mode, door.output) == (Mode.UNLOCKED, Output.RELEASED)
    assert (door.told, door.facts[0].actor, door.facts[0].mode) == (
        ["door.mode"], "staff-7", "UNLOCKED",
    )  # fmt: skip
    door.at(20).at(40).at(41, DpsOpen()).at(59)
    assert [effect for effect in door.effects if isinstance(effect, Hold)] == [
        Hold(60_000_000_000), Hold(80_000_000_000), Hold(100_000_000_000),
    ]  # fmt: skip
    assert door.told == ["door.mode"]


def test_a_node_that_slept_renews_its_lease_once() -> None:
    door = Door().at(0, SchedOpen()).at(10_000)
    holds = [effect for effect in door.effects if isinstance(effect, Hold)]
    assert holds == [Hold(60_000_000_000), Hold(10_060_000_000_000)]


def test_a_grant_at_an_unlocked_door_is_a_passage_like_any_other() -> None:
    door = Door().at(0, SchedOpen(), grant("ada")).at(1, DpsOpen()).at(2, DpsClose(), grant("bob"))
    door.at(7)
    assert door.ends() == [("access.taken", "ada"), ("access.not_taken", "bob")]
    assert door.state.mode is Mode.UNLOCKED


def test_locking_an_open_door_relocks_and_times_it() -> None:
    door = Door().at(0, SchedOpen()).at(1, DpsOpen()).at(2, SchedClose())
    assert (door.state.mode, door.output, door.effects[-1]) == (
        Mode.LOCKED, Output.SECURED, Relock(),
    )  # fmt: skip
    assert door.at(17).told[-1] == "door.held"


def test_locking_an_unlocked_door_cancels_what_still_waits() -> None:
    door = Door().at(0, SchedOpen(), grant("ada"), Command(Verb.LOCK, "s", 1))
    assert door.ends() == [("access.not_taken", "ada")]
    assert door.state.waiting == ()


def test_a_person_may_open_by_command_and_is_named() -> None:
    door = Door().at(0, Command(Verb.ACCESS, "staff-7", 1, GrantId("g"))).at(1, DpsOpen())
    granted, taken = door.facts
    assert (granted.decision, granted.actor, granted.direction) == ("override", "staff-7", "in")
    assert (taken.type, taken.actor) == ("access.taken", "staff-7")


def test_no_command_is_carried_out_twice() -> None:
    unlock = Command(Verb.UNLOCK, "s", 5)
    door = Door().at(0, unlock).at(1, Command(Verb.LOCK, "s", 6)).at(2, unlock)
    assert door.state.mode is Mode.LOCKED
    assert door.refusal == Refusal(Mode.LOCKED, "CMD unlock a second time")


@pytest.mark.parametrize("verb", [Verb.LOCKDOWN_RELEASE, Verb.LOCKOPEN_RELEASE])
def test_a_command_without_a_row_is_refused_aloud_and_changes_nothing(verb: Verb) -> None:
    door = Door()
    before = door.state
    door.at(0, Command(verb, "s", 1))
    assert door.refusal == Refusal(Mode.LOCKED, f"CMD {verb}")
    assert door.state == replace(before, counter=1)
    assert (door.facts, door.effects) == ([], [])


@pytest.mark.parametrize("mode", [Mode.UNKNOWN, Mode.BLOCKED, Mode.LOCKED_DOWN, Mode.LOCKED_OPEN])
def test_a_grant_that_comes_too_late_for_its_mode_is_refused_aloud(mode: Mode) -> None:
    door = Door()
    door.state = replace(door.state, mode=mode)
    assert door.at(1, grant("ada")).refusal == Refusal(mode, "CRED granted")
    assert door.told == []
