"""Lockdown, evacuation, what survives a restart, bolts, barriers, turnstiles and what a door says of itself."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from edge.core.door_events import (
    BeamBroken,
    BeamClear,
    BoltChanged,
    Boot,
    Command,
    DpsClose,
    DpsFault,
    DpsOpen,
    Event,
    FireOff,
    FireOn,
    FireReset,
    Granted,
    LockBack,
    LockLost,
    PowerBack,
    PowerLow,
    RexPressed,
    SchedClose,
    SchedOpen,
    TamperOff,
    TamperOn,
    Verb,
)
from edge.core.door_profile import LockProfile
from edge.core.door_types import (
    Alarm,
    AlarmFlag,
    Bolt,
    Contact,
    Hold,
    Latch,
    Light,
    Mode,
    Output,
    Pulse,
    Refusal,
    Relock,
    Signal,
    Timer,
)
from edge.core.events import Fact, GrantId
from tests.fakes.told_door import STRIKE, Door

REX_STRIKE = replace(STRIKE, rex_unlocks=True)
MAGNET = replace(STRIKE, lock=LockProfile.MAGLOCK_FAIL_SAFE)
BOLT = replace(STRIKE, lock=LockProfile.MOTOR_BOLT)
TURNSTILE = replace(STRIKE, lock=LockProfile.TURNSTILE)
BARRIER = replace(STRIKE, lock=LockProfile.BARRIER, t_open_ms=30_000)
TWO = replace(STRIKE, lockdown_release_by_two=True)


def ada(name: str = "ada") -> Granted:
    return Granted(GrantId(name), Fact(type="access.granted", direction="in"))


class Commander:
    """Commands count up, whoever gives them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, verb: Verb, actor: str = "li") -> Command:
        self.count += 1
        return Command(verb, actor, self.count, GrantId(f"c{self.count}") if verb is Verb.ACCESS else None)


@pytest.fixture
def say() -> Commander:
    return Commander()


# --- lockdown ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [None, Verb.ACCESS, Verb.UNLOCK, Verb.BLOCK])
def test_a_lockdown_shuts_every_door_whatever_it_did(verb: Verb | None, say: Commander) -> None:
    door = Door()
    if verb is not None:
        door.at(0, say(verb))
    door.forget()
    door.at(1, say(Verb.LOCKDOWN, "chen"))
    assert (door.state.mode, door.output, door.effects[-1]) == (Mode.LOCKED_DOWN, Output.SECURED, Relock())
    assert (door.facts[-1].type, door.facts[-1].actor, door.facts[-1].mode) == (
        "door.lockdown", "chen", "LOCKED_DOWN",
    )  # fmt: skip


def test_a_lockdown_cancels_who_was_about_to_come_in(say: Commander) -> None:
    door = Door().at(0, ada()).at(1, say(Verb.LOCKDOWN))
    assert door.ends() == [("access.not_taken", "ada")]
    assert door.facts[1].reason == "x:Cancelled"


@pytest.mark.parametrize(
    "verb", sorted(set(Verb) - {Verb.LOCKDOWN, Verb.LOCKDOWN_RELEASE})
)  # fmt: skip
def test_a_locked_down_door_refuses_every_other_command(verb: Verb, say: Commander) -> None:
    door = Door().at(0, say(Verb.LOCKDOWN))
    door.forget()
    door.at(1, say(verb))
    assert door.refusal == Refusal(Mode.LOCKED_DOWN, f"CMD {verb}")
    assert (door.state.mode, door.told, door.effects) == (Mode.LOCKED_DOWN, [], [])


def test_a_guest_still_gets_out_of_a_locked_down_house(say: Commander) -> None:
    door = Door(REX_STRIKE).at(0, say(Verb.LOCKDOWN)).at(1, RexPressed(GrantId("out")))
    assert door.output is Output.RELEASED
    door.at(2, DpsOpen()).at(3, DpsClose()).at(9)
    assert door.ends() == [("access.taken", "out")]
    assert (door.state.mode, door.output, door.state.alarm) == (
        Mode.LOCKED_DOWN, Output.SECURED, Alarm.NORMAL,
    )  # fmt: skip


def test_a_locked_down_door_that_opens_by_itself_was_forced(say: Commander) -> None:
    assert Door().at(0, say(Verb.LOCKDOWN)).at(1, DpsOpen()).state.alarm is Alarm.FORCED


def test_a_lockdown_ends_locked_and_never_in_a_former_unlocked(say: Commander) -> None:
    door = Door().at(0, say(Verb.UNLOCK)).at(1, say(Verb.LOCKDOWN)).at(2, say(Verb.LOCKDOWN_RELEASE))
    assert (door.state.mode, door.output, door.told[-1]) == (Mode.LOCKED, Output.SECURED, "door.mode")


def test_where_two_are_asked_for_one_person_alone_does_not_end_a_lockdown(say: Commander) -> None:
    door = Door(TWO).at(0, say(Verb.LOCKDOWN)).at(1, say(Verb.LOCKDOWN_RELEASE, "li"))
    assert (door.state.mode, door.told[-1], door.facts[-1].actor) == (
        Mode.LOCKED_DOWN, "door.release_asked", "li",
    )  # fmt: skip
    assert door.at(2, say(Verb.LOCKDOWN_RELEASE, "li")).state.mode is Mode.LOCKED_DOWN
    assert door.at(3, say(Verb.LOCKDOWN_RELEASE, "wang")).state.mode is Mode.LOCKED


def test_the_second_person_comes_within_a_minute_or_has_to_find_another(say: Commander) -> None:
    door = Door(TWO).at(0, say(Verb.LOCKDOWN)).at(1, say(Verb.LOCKDOWN_RELEASE, "li"))
    assert door.at(61).state.first_releaser is None
    assert door.at(62, say(Verb.LOCKDOWN_RELEASE, "wang")).state.mode is Mode.LOCKED_DOWN


def test_fire_outranks_a_lockdown(say: Commander) -> None:
    door = Door().at(0, say(Verb.LOCKDOWN)).at(1, FireOn())
    assert (door.state.mode, door.output, door.told[-1]) == (
        Mode.LOCKED_OPEN, Output.RELEASED, "fire.release",
    )  # fmt: skip
    assert door.at(2, FireOff()).at(3, FireReset("panel key")).state.mode is Mode.LOCKED


# --- evacuation -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [None, Verb.ACCESS, Verb.UNLOCK, Verb.BLOCK])
def test_an_evacuation_latches_every_door_open(verb: Verb | None, say: Commander) -> None:
    door = Door()
    if verb is not None:
        door.at(0, say(verb))
    door.at(1, say(Verb.LOCKOPEN, "chen"))
    assert (door.state.mode, door.output) == (Mode.LOCKED_OPEN, Output.RELEASED)
    assert door.effects[-1] == Latch("evacuate", on=True, actor="chen")
    assert (door.facts[-1].type, door.facts[-1].actor) == ("door.evacuate", "chen")
    assert len(door.ends()) == (1 if verb is Verb.ACCESS else 0)


@pytest.mark.parametrize("verb", [Verb.ACCESS, Verb.LOCK, Verb.UNLOCK, Verb.BLOCK, Verb.LOCKDOWN])
def test_an_evacuated_door_takes_no_command_but_its_own_end(verb: Verb, say: Commander) -> None:
    door = Door().at(0, say(Verb.LOCKOPEN)).at(1, say(verb))
    assert door.refusal == Refusal(Mode.LOCKED_OPEN, f"CMD {verb}")
    door.at(2, say(Verb.LOCKOPEN_RELEASE, "wang"))
    assert door.effects[-2:] == [Latch("evacuate", on=False, actor="wang"), Relock()]
    assert (door.state.mode, door.output) == (Mode.LOCKED, Output.SECURED)


def test_people_walking_out_of_an_evacuated_door_raise_no_alarm(say: Commander) -> None:
    door = Door().at(0, say(Verb.LOCKOPEN)).at(1, DpsOpen()).at(600)
    assert door.state.alarm is Alarm.NORMAL


def test_a_magnet_left_open_after_an_evacuation_locks_only_once_closed(say: Commander) -> None:
    door = Door(MAGNET).at(0, say(Verb.LOCKOPEN)).at(1, DpsOpen()).at(2, say(Verb.LOCKOPEN_RELEASE))
    assert (door.state.mode, door.output) == (Mode.LOCKED, Output.RELEASED)
    assert door.at(5, DpsClose()).at(5.3).output is Output.SECURED


def test_fire_and_evacuation_each_end_by_themselves(say: Commander) -> None:
    door = Door().at(0, say(Verb.LOCKOPEN)).at(1, FireOn()).at(2, FireOff()).at(3, FireReset("key"))
    assert (door.state.mode, door.output) == (Mode.LOCKED_OPEN, Output.RELEASED)
    assert door.at(4, say(Verb.LOCKOPEN_RELEASE)).output is Output.SECURED
    door = Door().at(0, FireOn()).at(1, say(Verb.LOCKOPEN, "chen"))
    assert door.facts[-1].type == "door.evacuate"
    door.at(2, say(Verb.LOCKOPEN_RELEASE))
    assert (door.state.mode, door.output, door.state.evacuated) == (
        Mode.LOCKED_OPEN, Output.RELEASED, False,
    )  # fmt: skip
    assert door.at(3, FireOff()).at(4, FireReset("key")).output is Output.SECURED


def test_to_evacuate_a_locked_down_door_its_lockdown_is_released_first(say: Commander) -> None:
    door = Door().at(0, say(Verb.LOCKDOWN)).at(1, say(Verb.LOCKDOWN_RELEASE)).at(1, say(Verb.LOCKOPEN))
    assert door.state.mode is Mode.LOCKED_OPEN


# --- what survives a restart ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Mode.LOCKED_DOWN, Mode.LOCKED_DOWN),
        (Mode.BLOCKED, Mode.BLOCKED),
        (Mode.UNLOCKED, Mode.LOCKED),
        (Mode.ACCESSED, Mode.LOCKED),
        (Mode.LOCKED_OPEN, Mode.LOCKED),  # its latch decides, and there is none
        (None, Mode.LOCKED),
    ],
)
def test_a_person_who_shut_a_door_has_shut_it_until_a_person_opens_it(
    before: Mode | None, after: Mode
) -> None:
    door = Door(boot=None).at(0, Boot("b2", Contact.CLOSED, prev_mode=before))
    assert (door.state.mode, door.output, door.effects) == (after, Output.SECURED, [Relock()])
    assert door.told == ["door.boot"]


def test_an_evacuation_goes_on_after_a_restart() -> None:
    door = Door(boot=None).at(0, Boot("b2", Contact.OPEN, evacuated=True, prev_mode=Mode.LOCKED_OPEN))
    assert (door.state.mode, door.output) == (Mode.LOCKED_OPEN, Output.RELEASED)
    assert door.told == ["door.boot", "door.evacuate"]
    assert Relock() not in door.effects


# --- bolts ------------------------------------------------------------------------------------------------------


def with_bolt(profile: LockProfile) -> Door:
    made = replace(STRIKE, lock=profile)
    return Door(made, Boot("b", Contact.CLOSED, bolt=Bolt.LOCKED))


def test_a_bolt_that_does_not_come_back_is_jammed_after_three_seconds() -> None:
    door = with_bolt(LockProfile.MOTOR_BOLT).at(0, ada()).at(0.5, BoltChanged(Bolt.UNLOCKED))
    door.at(5)
    assert (door.state.mode, door.state.bolt) == (Mode.LOCKED, Bolt.UNLOCKED)
    door.at(8)
    assert (door.state.bolt, door.told[-1]) == (Bolt.JAMMED, "door.jammed")
    assert AlarmFlag.LOCK_FAULT in door.state.flags
    door.at(9, BoltChanged(Bolt.LOCKED))
    assert (door.state.bolt, door.told[-1], door.state.flags) == (Bolt.LOCKED, "door.bolt_free", frozenset())


def test_a_jammed_bolt_of_which_nobody_knows_for_a_while_is_free_when_it_says_so() -> None:
    door = with_bolt(LockProfile.MOTOR_BOLT).at(0, BoltChanged(Bolt.JAMMED)).at(1, BoltChanged(Bolt.UNKNOWN))
    assert door.state.flags == {AlarmFlag.LOCK_FAULT}
    door.at(2, BoltChanged(Bolt.LOCKED))
    assert (door.told[-1], door.state.flags) == ("door.bolt_free", frozenset())


def test_a_bolt_that_follows_in_time_is_no_news() -> None:
    door = with_bolt(LockProfile.MOTOR_BOLT).at(0, ada()).at(0.5, BoltChanged(Bolt.UNLOCKED)).at(5)
    door.at(7, BoltChanged(Bolt.LOCKED)).at(60)
    assert Timer.T_BOLT_CONFIRM not in door.state.timers
    assert "door.jammed" not in door.told


def test_a_motor_bolt_that_does_not_open_is_jammed_too_and_a_strike_may_wait_for_a_push() -> None:
    assert with_bolt(LockProfile.MOTOR_BOLT).at(0, ada()).at(3).state.bolt is Bolt.JAMMED
    assert with_bolt(LockProfile.STRIKE_FAIL_SECURE).at(0, ada()).at(4).state.bolt is Bolt.LOCKED


def test_an_open_door_throws_no_bolt_and_its_bolt_is_not_missed() -> None:
    door = with_bolt(LockProfile.MOTOR_BOLT).at(0, ada()).at(0.5, BoltChanged(Bolt.UNLOCKED)).at(1, DpsOpen())
    assert door.at(14).state.bolt is Bolt.UNLOCKED
    assert door.output is Output.RELEASED
    door.at(14, DpsClose()).at(14.3)
    assert (door.output, door.effects[-1]) == (Output.SECURED, Relock())
    assert door.at(17.4).state.bolt is Bolt.JAMMED


def test_a_lock_that_says_itself_that_it_jammed_is_believed_at_once() -> None:
    door = with_bolt(LockProfile.MOTOR_BOLT).at(0, BoltChanged(Bolt.JAMMED))
    assert (door.told, AlarmFlag.LOCK_FAULT in door.state.flags) == (["door.jammed"], True)
    assert door.at(1, BoltChanged(Bolt.JAMMED)).told == ["door.jammed"]


# --- turnstile --------------------------------------------------------------------------------------------------


def test_a_turnstile_relocks_as_it_turns_and_the_next_grant_is_the_next_turn() -> None:
    door = Door(TURNSTILE).at(0, ada()).at(1, ada("bo")).at(2, DpsOpen())
    assert (door.output, door.effects[-1]) == (Output.SECURED, Relock())
    assert door.ends() == [("access.taken", "ada")]
    door.at(3, DpsClose())
    assert (door.output, door.effects[-1]) == (Output.RELEASED, Pulse(3_000))
    assert door.at(3.5, DpsOpen()).ends() == [("access.taken", "ada"), ("access.taken", "bo")]


# --- barrier ----------------------------------------------------------------------------------------------------


def test_a_car_is_a_passage_when_it_breaks_the_beam_and_the_arm_alone_is_none() -> None:
    door = Door(BARRIER).at(0, ada()).at(1, DpsOpen())
    assert door.ends() == []
    door.at(2, BeamBroken())
    assert door.ends() == [("access.taken", "ada")]
    assert door.at(4, BeamClear()).state.mode is Mode.LOCKED
    assert door.output is Output.RELEASED  # for T_relock_closed
    assert door.at(4.3).output is Output.SECURED


def test_a_barrier_never_closes_on_a_car_however_long_it_stands_there() -> None:
    door = Door(BARRIER).at(0, ada()).at(1, DpsOpen()).at(2, BeamBroken())
    for second in range(3, 1_200, 10):
        assert door.at(second).output is Output.RELEASED
    assert (door.state.alarm, door.told.count("door.watchdog")) == (Alarm.HELD, 1)
    assert isinstance(door.effects[-1], Hold)  # the lease goes on, and ends soon after a dead node
    door.at(1_300, BeamClear()).at(1_301)
    assert (door.output, door.state.mode) == (Output.SECURED, Mode.LOCKED)


@pytest.mark.parametrize("verb", [Verb.LOCK, Verb.BLOCK, Verb.LOCKDOWN])
def test_no_command_drops_the_arm_on_a_car(verb: Verb, say: Commander) -> None:
    door = Door(BARRIER).at(0, ada()).at(1, DpsOpen()).at(2, BeamBroken()).at(3, say(verb))
    assert door.output is Output.RELEASED
    assert door.at(100).output is Output.RELEASED
    assert door.at(101, BeamClear()).at(102).output is Output.SECURED


def test_the_car_behind_has_its_own_time_once_the_first_is_through() -> None:
    door = Door(BARRIER).at(0, ada()).at(1, DpsOpen()).at(2, BeamBroken()).at(3, ada("bo"))
    door.at(4, BeamClear())
    assert (door.state.mode, door.effects[-1]) == (Mode.ACCESSED, Pulse(4_000))
    assert door.at(5, BeamBroken()).ends() == [("access.taken", "ada"), ("access.taken", "bo")]


def test_a_car_that_comes_back_into_the_closing_gate_keeps_it_open() -> None:
    door = Door(BARRIER).at(0, ada()).at(1, BeamBroken()).at(2, BeamClear()).at(2.1, BeamBroken()).at(9)
    assert door.output is Output.RELEASED


def test_a_car_under_an_arm_that_stands_open_is_a_passage_too(say: Commander) -> None:
    door = Door(BARRIER).at(0, say(Verb.UNLOCK)).at(1, ada()).at(2, BeamBroken())
    assert door.ends() == [("access.taken", "ada")]
    assert door.at(3, BeamClear()).state.mode is Mode.UNLOCKED


def test_a_car_that_waits_before_a_closed_barrier_is_no_break_in() -> None:
    door = Door(BARRIER).at(0, BeamBroken()).at(5, BeamClear())
    assert (door.told, door.effects, door.state.alarm) == ([], [], Alarm.NORMAL)


# --- the schedule is the lowest rung ------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [Verb.BLOCK, Verb.LOCKDOWN, Verb.LOCKOPEN])
@pytest.mark.parametrize("event", [SchedOpen(), SchedClose()])
def test_a_schedule_waits_where_a_person_has_spoken(verb: Verb, event: Event, say: Commander) -> None:
    door = Door().at(0, say(verb))
    before, told = door.state.mode, len(door.facts)
    door.at(1, event)
    assert (door.refusal, door.state.mode, len(door.facts)) == (None, before, told)


def test_a_schedule_that_begins_while_somebody_passes_opens_the_door() -> None:
    door = Door().at(0, ada()).at(1, SchedOpen())
    assert door.state.mode is Mode.UNLOCKED
    assert door.at(2, DpsOpen()).ends() == [("access.taken", "ada")]
    assert door.at(3, SchedOpen()).refusal is None
    assert door.at(4, SchedClose()).state.mode is Mode.LOCKED
    assert door.at(5, SchedClose()).refusal is None


# --- what a door says of itself -----------------------------------------------------------------------------------


@pytest.mark.story("23a")
@pytest.mark.parametrize(
    ("on", "off", "flag", "told"),
    [
        (TamperOn(), TamperOff(), AlarmFlag.TAMPER, ["door.tamper", "door.tamper_off"]),
        (PowerLow(), PowerBack(), AlarmFlag.POWER_LOW, ["door.power_low", "door.power_back"]),
        (LockLost(), LockBack(), AlarmFlag.LOCK_SILENT, ["door.lock_silent", "door.lock_back"]),
    ],
)
def test_a_fault_is_told_once_when_it_begins_and_once_when_it_ends(
    on: Event, off: Event, flag: AlarmFlag, told: list[str]
) -> None:
    door = Door().at(0, on, on)
    assert flag in door.state.flags
    door.at(1, off, off)
    assert (door.state.flags, door.told, door.effects) == (frozenset(), told, [])


def test_a_cut_contact_is_told_once_and_is_neither_open_nor_shut() -> None:
    door = Door().at(0, DpsFault(), DpsFault())
    assert (door.told, door.state.contact, door.state.alarm) == (
        ["door.contact_fault"], Contact.FAULT, Alarm.NORMAL,
    )  # fmt: skip
    assert door.at(1, ada()).effects == [Pulse(5_000), Signal(Light.GREEN)]


@pytest.mark.parametrize(
    ("settings", "reads"),
    [
        ({"lock": LockProfile.MAGLOCK_FAIL_SAFE}, lambda d: d.state.alarm is Alarm.HELD),
        ({"lock": LockProfile.MOTOR_BOLT}, lambda d: d.state.alarm is Alarm.HELD),
    ],
)
def test_the_watchdog_ends_what_waits_for_its_door_for_too_long(
    settings: dict[str, LockProfile], reads: Callable[[Door], bool]
) -> None:
    door = Door(replace(STRIKE, **settings, t_open_ms=600_000)).at(0, ada()).at(1, DpsOpen())  # type: ignore[arg-type]
    assert door.at(64).output is Output.RELEASED
    door.at(65)
    assert (door.output, door.told[-1]) == (Output.SECURED, "door.watchdog")
    assert reads(door)


# --- a room lock without a contact --------------------------------------------------------------------------------

ROOM = replace(BOLT, contact_wired=False)
ALONE = Boot("b", Contact.UNKNOWN, bolt=Bolt.LOCKED)


def test_a_room_without_a_contact_takes_an_open_bolt_for_a_passage_and_says_that_it_assumed() -> None:
    door = Door(ROOM, ALONE).at(0, ada()).at(1.5, BoltChanged(Bolt.UNLOCKED)).at(5)
    assert door.ends() == [("access.taken", "ada")]
    assert door.facts[-1].x == {"confidence": "assumed"}
    assert (door.state.mode, door.effects[-1]) == (Mode.LOCKED, Relock())
    assert door.at(6, BoltChanged(Bolt.LOCKED)).at(60).state.flags == frozenset()


def test_a_room_whose_bolt_never_moved_was_not_entered() -> None:
    assert Door(ROOM, ALONE).at(0, ada()).at(5).ends() == [("access.not_taken", "ada")]


def test_a_door_with_a_contact_believes_the_contact_and_not_the_bolt() -> None:
    door = with_bolt(LockProfile.MOTOR_BOLT).at(0, ada()).at(1.5, BoltChanged(Bolt.UNLOCKED)).at(5)
    assert door.ends() == [("access.not_taken", "ada")]
