"""Fire releases the door, and a person ends it."""

from dataclasses import replace

import pytest

from edge.core.door_events import (
    DpsOpen,
    FireOff,
    FireOn,
    FireReset,
)
from edge.core.door_types import (
    Latch,
    LifeSafety,
    Mode,
    Output,
    Refusal,
    Relock,
)
from tests.fakes.told_door import Door, grant


@pytest.mark.story("24b")
@pytest.mark.parametrize("mode", list(Mode))
def test_fire_releases_the_door_from_every_mode(mode: Mode) -> None:
    door = Door()
    door.state = replace(door.state, mode=mode)
    door.at(1, FireOn())
    assert (door.state.mode, door.state.life_safety) == (Mode.LOCKED_OPEN, LifeSafety.FIRE)
    assert (door.output, door.told) == (Output.RELEASED, ["fire.release"])
    assert door.effects == [Latch("fire", on=True, actor="fire input")]


@pytest.mark.story("24e")
def test_a_fire_release_ends_by_a_person_after_the_alarm_and_by_nothing_else() -> None:
    door = Door().at(1, FireOn())
    assert door.at(2, FireReset("staff-7")).refusal == Refusal(Mode.LOCKED_OPEN, "FIRE_RESET")
    assert door.at(3, FireOff()).at(90_000).state.mode is Mode.LOCKED_OPEN
    door.at(90_001, FireReset("staff-7"))
    assert (door.state.mode, door.output) == (Mode.LOCKED, Output.SECURED)
    assert (door.told[-1], door.facts[-1].actor) == ("fire.reset", "staff-7")
    assert door.effects[-2:] == [Latch("fire", on=False, actor="staff-7"), Relock()]


def test_fire_cancels_what_was_granted_and_says_so() -> None:
    door = Door().at(0, grant("ada")).at(1, FireOn())
    assert door.ends() == [("access.not_taken", "ada")]
    assert [fact.reason for fact in door.facts if fact.grant_id == "ada"][-1] == "x:Cancelled"


@pytest.mark.story("24f")
def test_people_leaving_a_burning_house_force_nothing() -> None:
    door = Door().at(1, FireOn()).at(2, DpsOpen()).at(600)
    assert door.told == ["fire.release"]


def test_a_door_left_open_by_the_fire_is_timed_once_it_is_reset() -> None:
    door = Door().at(1, FireOn()).at(2, DpsOpen(), FireOff()).at(100, FireReset("s")).at(115)
    assert door.told[-2:] == ["door.prealarm", "door.held"]
