"""What stands beside the modes of a door: side regions, time, the table itself, and profiles."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from edge.core.door import next_deadline
from edge.core.door_events import (
    BoltChanged,
    CameraChanged,
    ClockChanged,
    DpsOpen,
    Event,
    LinkDown,
    LinkUp,
    TamperOff,
)
from edge.core.door_table import ASKED, PLAIN, TABLE, Input
from edge.core.door_types import (
    AlarmFlag,
    Bolt,
    Camera,
    DoorState,
    Link,
    Mode,
)
from edge.core.events import ClockState
from edge.errors import ConfigError
from tests.fakes.told_door import STRIKE, Door, grant

# --- side regions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "read"),
    [
        (LinkUp(), lambda s: s.link is Link.ONLINE),
        (LinkDown(), lambda s: s.link is Link.OFFLINE),
        (ClockChanged(ClockState.HOLDOVER), lambda s: s.clock is ClockState.HOLDOVER),
        (CameraChanged(Camera.OK), lambda s: s.camera is Camera.OK),
        (BoltChanged(Bolt.LOCKED), lambda s: s.bolt is Bolt.LOCKED),
        (TamperOff(), lambda s: AlarmFlag.TAMPER not in s.flags),
    ],
)
def test_a_side_region_takes_its_news_and_the_door_stays_as_it_is(
    event: Event, read: Callable[[DoorState], bool]
) -> None:
    door = Door().at(0, grant("ada"))
    door.forget()
    before = door.output
    door.at(1, event)
    assert read(door.state)
    assert (door.facts, door.effects, door.output) == ([], [], before)


# --- time and table ---------------------------------------------------------------------------------------------------


def test_a_late_caller_and_a_punctual_one_see_the_same_door() -> None:
    late = Door().at(0, grant("ada")).at(300, DpsOpen())
    punctual = Door().at(0, grant("ada")).at(5).at(300, DpsOpen())
    assert (late.state, late.facts) == (punctual.state, punctual.facts)
    assert late.told[-1] == "door.forced"


def test_time_that_goes_back_is_no_time() -> None:
    door = Door().at(10, grant("ada")).at(3)
    assert door.state.at_ns == 10_000_000_000
    assert door.state.mode is Mode.ACCESSED


def test_the_next_deadline_is_when_something_happens_next() -> None:
    door = Door().at(2, grant("ada"))
    assert next_deadline(door.state) == 7_000_000_000


ALL_FACTS = {
    "access.granted", "access.denied", "access.taken", "access.not_taken", "door.boot", "door.forced",
    "door.prealarm", "door.held", "door.secured", "door.closed", "door.mode", "fire.release",
    "fire.reset", "door.rex", "door.watchdog", "access.would_allow", "access.would_deny", "door.lockdown",
    "door.release_asked", "door.evacuate", "door.jammed", "door.bolt_free", "door.contact_fault", "door.tamper",
    "door.tamper_off", "door.power_low", "door.power_back", "door.lock_silent", "door.lock_back",
}  # fmt: skip


def test_the_table_writes_exactly_the_facts_that_are_named() -> None:
    assert {kind for row in TABLE for kind in row.log} == ALL_FACTS
    assert PLAIN <= ALL_FACTS


def test_every_row_can_be_read_aloud() -> None:
    for row in TABLE:
        words: Sequence[str | None] = [action.__doc__ for action in row.do if action.__name__ != "write"]
        assert all(words)
        assert row.guard is None or row.guard.__doc__


def test_whoever_asks_is_answered() -> None:
    assert {Input.CRED_GRANTED, Input.FIRE_RESET, Input.CMD_BLOCK} <= ASKED
    assert not {Input.REX, Input.FIRE_ON, Input.DPS_OPEN} & ASKED


# --- profile ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"t_rex_ms": 0}, "t_rex_ms: 0 ms is out of range. Choose 1000 to 30000 ms."),
        ({"t_prealarm_ms": 20_000}, "t_prealarm_ms: longer than t_open_ms"),
        ({"t_release_ms": 60_000}, "too near t_max_energise_ms"),
    ],
)
def test_a_profile_that_contradicts_itself_is_refused_in_one_sentence(
    settings: dict[str, int], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence.replace(".", r"\.")):
        replace(STRIKE, **settings)
