"""What a door calls an alarm, and the way out, which is never one."""

from dataclasses import replace

import pytest

from edge.core.door_events import (
    DpsClose,
    DpsFault,
    DpsOpen,
    RexReleased,
)
from edge.core.door_profile import DoorProfile
from edge.core.door_types import (
    Alarm,
    Contact,
    Egress,
    Mode,
    Output,
    Relock,
    Sound,
    Tone,
)
from edge.core.events import CredentialKind
from tests.fakes.told_door import MAGNET, REX_STRIKE, STRIKE, Door, grant, rex

# --- alarms -----------------------------------------------------------------------------------------------------------


def test_a_door_opened_without_a_grant_is_forced_until_it_closes() -> None:
    door = Door().at(1, DpsOpen())
    assert (door.told, door.facts[0].door_result) == (["door.forced"], "forced")
    assert (door.state.alarm, door.effects) == (Alarm.FORCED, [Sound(Tone.ALARM)])
    door.at(500, DpsClose())
    assert door.told == ["door.forced", "door.closed", "door.secured"]
    assert (door.state.alarm, door.effects[-1]) == (Alarm.NORMAL, Sound(Tone.OFF))


def test_a_rattling_gate_is_forced_only_when_it_stays_open() -> None:
    rattling = replace(STRIKE, t_forced_confirm_ms=500)
    door = Door(rattling).at(1, DpsOpen()).at(1.4, DpsClose()).at(9)
    assert door.told == ["door.closed"]
    assert door.at(10, DpsOpen()).at(10.5).told[-1] == "door.forced"


def test_a_door_held_open_warns_then_alarms() -> None:
    door = Door().at(0, grant("ada")).at(1, DpsOpen())
    assert door.at(11).told[-1] == "door.prealarm"
    assert door.effects[-1] == Sound(Tone.PREALARM)
    assert door.at(16).told[-1] == "door.held"
    assert (door.state.alarm, door.facts[-1].door_result) == (Alarm.HELD, "held")
    assert door.at(30, DpsClose()).told[-2:] == ["door.closed", "door.secured"]


def test_a_warning_ends_with_the_door_and_leaves_no_alarm() -> None:
    door = Door().at(0, grant("ada")).at(1, DpsOpen()).at(11).at(12, DpsClose())
    assert door.state.alarm is Alarm.NORMAL
    assert door.told == ["access.granted", "access.taken", "door.prealarm", "door.closed"]
    assert door.effects[-1] == Sound(Tone.OFF)


def test_an_edge_told_twice_is_one_edge() -> None:
    door = Door().at(1, DpsOpen(), DpsOpen()).at(2, DpsClose(), DpsClose())
    assert door.told == ["door.forced", "door.closed", "door.secured"]


def test_a_broken_contact_is_said_to_be_broken() -> None:
    assert Door().at(1, DpsFault()).state.contact is Contact.FAULT


# --- the way out ------------------------------------------------------------------------------------------------------


def test_a_press_of_the_button_is_an_anonymous_passage_out() -> None:
    door = Door(REX_STRIKE).at(1, rex())
    assert (door.state.mode, door.state.egress, door.output) == (
        Mode.LOCKED, Egress.PULSE, Output.RELEASED,
    )  # fmt: skip
    door.at(2, RexReleased(), DpsOpen()).at(4)
    granted, taken = door.facts
    assert (granted.credential_kind, granted.direction) == (CredentialKind.REX, "out")
    assert (granted.subject_ref, granted.pass_id) == (None, None)
    assert (taken.type, taken.grant_id, taken.direction) == ("access.taken", "out", "out")
    assert (door.state.egress, door.output, door.effects) == (
        Egress.IDLE, Output.SECURED, [Relock()],
    )  # fmt: skip


def test_a_button_pressed_for_nothing_ends_as_not_taken() -> None:
    door = Door(REX_STRIKE).at(1, rex()).at(4)
    assert door.told == ["access.granted", "access.not_taken"]


def test_impatient_presses_are_one_passage_with_more_time() -> None:
    door = Door(REX_STRIKE).at(1, rex("a")).at(3, rex("b")).at(5.9)
    assert door.output is Output.RELEASED
    assert door.at(6).ends() == [("access.not_taken", "a")]
    assert door.told.count("door.rex") == 1


def test_a_press_after_somebody_went_is_the_next_passage() -> None:
    door = Door(REX_STRIKE).at(1, rex("a")).at(2, DpsOpen(), rex("b")).at(5)
    assert door.ends() == [("access.taken", "a"), ("access.not_taken", "b")]


def test_a_free_handle_only_shunts_the_break_in_alarm() -> None:
    door = Door().at(1, rex())
    assert (door.told, door.output) == (["door.rex"], Output.SECURED)
    assert door.at(2, DpsOpen()).told == ["door.rex"]
    assert door.state.alarm is Alarm.NORMAL
    assert door.at(17).told[-1] == "door.held"


def test_the_shunt_ends_with_its_time() -> None:
    assert Door().at(1, rex()).at(4.1, DpsOpen()).told == ["door.rex", "door.forced"]


def test_relocking_does_not_cut_the_way_out() -> None:
    door = Door(REX_STRIKE).at(0, grant("ada")).at(4, rex()).at(5)
    assert (door.state.mode, door.output) == (Mode.LOCKED, Output.RELEASED)
    assert Relock() not in door.effects
    assert door.at(7).effects[-1] == Relock()


def test_a_passage_in_is_not_taken_for_the_way_out() -> None:
    door = Door(REX_STRIKE).at(0, grant("ada"), rex()).at(1, DpsOpen()).at(3)
    assert door.ends() == [("access.taken", "ada"), ("access.not_taken", "out")]


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("profile", [REX_STRIKE, STRIKE, MAGNET], ids=["rex", "handle", "magnet"])
def test_the_way_out_is_never_refused(mode: Mode, profile: DoorProfile) -> None:
    door = Door(profile)
    door.state = replace(door.state, mode=mode)
    door.at(1, rex())
    assert door.refusal is None
    assert door.state.mode is mode
    assert door.told == ["access.granted" if profile.rex_unlocks else "door.rex"]
    if profile.rex_unlocks:
        assert door.output is Output.RELEASED
