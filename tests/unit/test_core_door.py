"""The door, told as it happens in front of one."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from edge.core.door import next_deadline
from edge.core.door_events import (
    BoltChanged,
    Boot,
    CameraChanged,
    ClockChanged,
    Command,
    Denied,
    DpsClose,
    DpsFault,
    DpsOpen,
    Event,
    FireOff,
    FireOn,
    FireReset,
    Granted,
    LinkDown,
    LinkUp,
    RexPressed,
    RexReleased,
    SchedClose,
    SchedOpen,
    TamperOff,
    Verb,
)
from edge.core.door_guards import WAITING_MAX
from edge.core.door_profile import DoorProfile, LockProfile
from edge.core.door_table import ASKED, PLAIN, TABLE, Input
from edge.core.door_types import (
    Alarm,
    AlarmFlag,
    Bolt,
    Camera,
    Contact,
    DoorState,
    Egress,
    Hold,
    Latch,
    LifeSafety,
    Light,
    Link,
    Mode,
    Output,
    Pulse,
    Refusal,
    Relock,
    Signal,
    Sound,
    Timer,
    Tone,
)
from edge.core.events import ClockState, CredentialKind, Fact, GrantId, PassId
from edge.core.reasons import Advice, GuestText
from edge.errors import ConfigError
from tests.fakes.told_door import GATE, STRIKE, Door

REX_STRIKE = replace(STRIKE, rex_unlocks=True)
MAGNET = replace(STRIKE, lock=LockProfile.MAGLOCK_FAIL_SAFE)
RED = Denied(
    Fact(type="access.denied", reason="CredentialExpired", decision="deny"),
    Advice(GuestText.SEE_GUARD),
)


def grant(name: str, *, extended: bool = False) -> Granted:
    about = Fact(
        type="access.granted", direction="in", pass_id=PassId(f"P-{name}"), decision="allow",
        reason="Granted", credential_kind=CredentialKind.FACE,
    )  # fmt: skip
    return Granted(GrantId(name), about, extended)


def rex(name: str = "out") -> RexPressed:
    return RexPressed(GrantId(name))


# --- boot -------------------------------------------------------------------------------------------------------


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


# --- coming in --------------------------------------------------------------------------------------------------


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


# --- magnets ----------------------------------------------------------------------------------------------------


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


# --- alarms -----------------------------------------------------------------------------------------------------


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


# --- the way out ------------------------------------------------------------------------------------------------


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


# --- fire -------------------------------------------------------------------------------------------------------


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


# --- commands and schedule --------------------------------------------------------------------------------------


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


# --- side regions -----------------------------------------------------------------------------------------------


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


# --- time and table ---------------------------------------------------------------------------------------------


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


# --- profile ----------------------------------------------------------------------------------------------------


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
