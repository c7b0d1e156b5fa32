"""The door, told as it happens in front of one: it boots, and people come in."""

from dataclasses import replace

import pytest

from edge.core.door import next_deadline
from edge.core.door_events import (
    Boot,
    Command,
    Denied,
    DpsClose,
    DpsOpen,
    Verb,
)
from edge.core.door_guards import WAITING_MAX
from edge.core.door_types import (
    Alarm,
    Contact,
    Hold,
    Light,
    Mode,
    Output,
    Pulse,
    Refusal,
    Relock,
    Signal,
    Timer,
)
from edge.core.events import Fact
from tests.fakes.told_door import GATE, MAGNET, RED, STRIKE, Door, grant

# --- boot -------------------------------------------------------------------------------------------------------------


def test_a_door_boots_locked_and_drives_its_lock_to_rest() -> None:
    door = Door(boot=None).at(0, Boot("b1", Contact.CLOSED, prev_mode=Mode.UNLOCKED))
    assert (door.state.mode, door.output) == (Mode.LOCKED, Output.SECURED)
    assert door.effects == [Relock()]
    (fact,) = door.facts
    assert (fact.type, fact.contact, fact.mode) == ("door.boot", "closed", "LOCKED")
    assert fact.x == {"boot_id": "b1", "prev_mode": "UNLOCKED"}


@pytest.mark.story("23f")
def test_a_door_found_open_at_boot_is_a_warning_and_no_break_in() -> None:
    door = Door(boot=None).at(0, Boot("b1", Contact.OPEN))
    assert door.state.alarm is Alarm.PRE_ALARM
    assert door.told == ["door.boot"]
    assert door.at(15).told == ["door.boot", "door.held"]


def test_a_door_boots_released_while_its_fire_latch_is_set() -> None:
    for boot in (
        Boot("b", Contact.CLOSED, fire_latched=True),
        Boot("b", Contact.CLOSED, fire_input=True),
    ):
        door = Door(boot=None).at(0, boot)
        assert (door.state.mode, door.output) == (Mode.LOCKED_OPEN, Output.RELEASED)
        assert door.told == ["door.boot", "fire.release"]
        assert Relock() not in door.effects


def test_a_second_boot_is_refused_and_its_levels_are_not_believed() -> None:
    door = Door().at(1, Boot("b2", Contact.OPEN))
    assert door.refusal == Refusal(Mode.LOCKED, "BOOT")
    assert door.state.contact is Contact.CLOSED


# --- coming in --------------------------------------------------------------------------------------------------------


def test_a_guest_is_granted_comes_in_and_the_door_closes_behind() -> None:
    door = Door().at(1, grant("ada"))
    assert door.effects == [Pulse(5_000), Signal(Light.GREEN)]  # the lock first: somebody waits
    assert (door.state.mode, door.output) == (Mode.ACCESSED, Output.RELEASED)
    door.at(3, DpsOpen()).at(3.5)
    assert door.output is Output.SECURED
    assert door.effects[-1] == Relock()
    door.at(6, DpsClose())
    assert (door.state.mode, door.state.alarm) == (Mode.LOCKED, Alarm.NORMAL)
    assert door.told == ["access.granted", "access.taken", "door.closed"]
    assert next_deadline(door.state) is None


def test_the_facts_of_a_passage_carry_the_pass_and_what_the_door_saw() -> None:
    door = Door().at(1, grant("ada")).at(2, DpsOpen())
    granted, taken = door.facts
    assert (granted.mode, granted.contact, granted.reason) == ("LOCKED", "closed", "Granted")
    assert (taken.mode, taken.contact, taken.door_result) == ("ACCESSED", "open", "opened")
    assert {granted.pass_id, taken.pass_id} == {"P-ada"}
    assert {granted.access_point, taken.access_point} == {GATE}
    assert (taken.decision, taken.reason, taken.credential_kind) == (None, None, "face")


def test_a_grant_nobody_uses_ends_as_not_taken_and_the_door_is_locked() -> None:
    door = Door().at(1, grant("ada")).at(6)
    assert door.ends() == [("access.not_taken", "ada")]
    assert door.facts[-1].door_result == "not_opened"
    assert (door.state.mode, door.effects[-1]) == (Mode.LOCKED, Relock())


def test_an_accessible_passage_has_ten_seconds_more() -> None:
    door = Door().at(0, grant("ada", extended=True)).at(14.9)
    assert Pulse(15_000) in door.effects
    assert door.state.mode is Mode.ACCESSED
    assert door.at(15).state.mode is Mode.LOCKED


def test_a_later_short_grant_does_not_shorten_an_accessible_one() -> None:
    door = Door().at(0, grant("slow", extended=True), grant("quick"))
    assert door.at(14.9).state.mode is Mode.ACCESSED


def test_a_second_grant_at_a_closed_door_is_queued_and_the_first_is_not_dropped() -> None:
    door = Door().at(0, grant("ada")).at(4, grant("bob")).at(8, DpsOpen())
    assert door.ends() == [("access.taken", "ada")]
    door.at(8.2, DpsClose())
    assert (door.state.mode, door.effects[-1]) == (Mode.ACCESSED, Pulse(800))
    door.at(8.5, DpsOpen())
    assert door.ends() == [("access.taken", "ada"), ("access.taken", "bob")]
    assert door.at(9, DpsClose()).state.mode is Mode.LOCKED


def test_a_second_grant_at_an_open_door_restarts_after_it_closes() -> None:
    door = Door().at(0, grant("ada")).at(1, DpsOpen()).at(2, grant("bob")).at(3, DpsClose())
    assert (door.state.mode, door.output, door.effects[-1]) == (
        Mode.ACCESSED, Output.RELEASED, Pulse(4_000),
    )  # fmt: skip
    door.at(7)
    assert door.ends() == [("access.taken", "ada"), ("access.not_taken", "bob")]
    assert door.state.mode is Mode.LOCKED


def test_a_queued_grant_that_runs_out_while_the_door_is_open_ends_and_the_passage_goes_on() -> None:
    door = Door().at(0, grant("ada")).at(1, DpsOpen()).at(2, grant("bob")).at(8)
    assert door.ends() == [("access.taken", "ada"), ("access.not_taken", "bob")]
    assert (door.state.mode, door.output) == (Mode.ACCESSED, Output.SECURED)
    assert door.at(9, DpsClose()).state.mode is Mode.LOCKED


def test_the_seventeenth_waiting_grant_is_refused_aloud() -> None:
    door = Door().at(0, *[grant(f"g{i}") for i in range(WAITING_MAX)])
    assert door.refusal is None
    assert door.at(0, grant("more")).refusal == Refusal(Mode.ACCESSED, "CRED granted")
    assert len(door.state.waiting) == WAITING_MAX


def test_a_contact_stuck_open_does_not_lock_guests_out() -> None:
    door = Door(boot=Boot("b", Contact.OPEN)).at(1, grant("ada"))
    assert door.output is Output.RELEASED
    assert door.at(6).ends() == [("access.not_taken", "ada")]


def test_a_refused_guest_sees_red_and_the_door_does_not_move() -> None:
    door = Door().at(1, RED)
    assert door.effects == [Signal(Light.RED, RED.advice)]
    assert (door.told, door.facts[0].reason) == (["access.denied"], "CredentialExpired")
    assert door.state.mode is Mode.LOCKED


@pytest.mark.parametrize("mode", list(Mode))
def test_a_refusal_is_written_down_in_every_mode(mode: Mode) -> None:
    door = Door()
    door.state = replace(door.state, mode=mode)
    assert door.at(1, RED).told == ["access.denied"]


def test_no_denial_lacks_a_reason_and_no_override_a_staff_id() -> None:
    with pytest.raises(AssertionError):
        Denied(Fact(type="access.denied"), RED.advice)
    with pytest.raises(AssertionError):
        Command(Verb.UNLOCK, "", 1)


# --- magnets ----------------------------------------------------------------------------------------------------------


def test_a_magnet_relocks_only_a_moment_after_the_door_closed() -> None:
    door = Door(MAGNET).at(0, grant("ada")).at(2, DpsOpen())
    assert door.effects[-1] == Hold(65_000_000_000)
    assert door.at(9).output is Output.RELEASED
    door.at(10, DpsClose())
    assert (door.state.mode, door.output) == (Mode.LOCKED, Output.RELEASED)
    door.at(10.3)
    assert (door.output, door.effects[-1]) == (Output.SECURED, Relock())


def test_a_magnet_held_open_is_caught_by_the_watchdog_and_alarms() -> None:
    patient = replace(MAGNET, t_open_ms=600_000)
    door = Door(patient).at(0, grant("ada")).at(2, DpsOpen()).at(65)
    assert door.told[-1] == "door.watchdog"
    assert (door.state.mode, door.state.alarm) == (Mode.LOCKED, Alarm.HELD)
    assert (door.output, Relock() in door.effects) == (Output.SECURED, True)


def test_the_watchdog_does_not_need_the_rest_of_the_logic() -> None:
    door = Door().at(0, grant("ada"))
    only = {Timer.T_MAX_ENERGISE: door.state.timers[Timer.T_MAX_ENERGISE]}
    door.state = replace(door.state, timers=only)
    door.at(65)
    assert door.told == ["access.granted", "access.not_taken", "door.watchdog"]
    assert (door.state.mode, door.output) == (Mode.LOCKED, Output.SECURED)


def test_a_passage_whose_strike_relocked_long_ago_ends_as_a_mode_change_and_no_alarm() -> None:
    patient = replace(STRIKE, t_open_ms=600_000)
    door = Door(patient).at(0, grant("ada")).at(1, DpsOpen()).at(65)
    assert door.told == ["access.granted", "access.taken", "door.mode"]
    assert door.state.mode is Mode.LOCKED
