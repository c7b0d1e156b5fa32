"""The rules at work at real gates with a real ledger: one commit, one restart, and a screen that says nothing of duress."""

import asyncio
from datetime import UTC
from functools import wraps

import pytest

from cloud_sync.protocol.pin import duress_pin
from edge.core import door
from edge.core.anti_passback import Strictness
from edge.core.door_events import (
    BeamBroken,
    BeamClear,
    Boot,
    Command,
    DpsClose,
    DpsOpen,
    Granted,
    RexPressed,
    Tick,
    Verb,
)
from edge.core.door_hours import DoorHours
from edge.core.door_profile import DoorProfile
from edge.core.door_rules import DoorRule, RuleSet
from edge.core.door_types import Contact, DoorState, Mode
from edge.core.events import AccessPointId, ClockState, Fact, GrantId
from edge.core.passes import SubjectClass
from edge.core.schedule import Calendar, Schedule, read_hours
from edge.core.tailgating import Tailgate
from edge.core.ways import Way
from edge.errors import DiskFull, RuleRefused
from edge.runtime.rule_parts import local_time
from tests.fakes.lone_gate import GATE, pass_row
from tests.fakes.ruled_house import S_NS, RuledHouse

INNER = AccessPointId("AP-2")
BOTH = {"scope": [GATE, INNER]}
ADA = pass_row("PS-ada", pin="24681357", **BOTH)
STAFF = pass_row("PS-op", pin="13572468", cls="operator", **BOTH)
ADA_PIN, STAFF_PIN = "24681357", "13572468"
EVER = Schedule("ever", (read_hours("00:00-24:00"),))
YARD = Way("street", "yard")


def in_a_loop(test):
    """Run an asynchronous test to its end."""

    @wraps(test)
    def run(*args, **words):
        asyncio.run(test(*args, **words))

    return run


def house(tmp_path, *doors: DoorRule, schedules: tuple[Schedule, ...] = (EVER,), rows=(ADA, STAFF)):
    held = {one.name: one for one in schedules}
    return RuledHouse(
        tmp_path,
        RuleSet(Calendar(local_time(UTC), held), {one.access_point: one for one in doors}),
        list(rows),
    )


def hard(**words: object) -> DoorRule:
    return DoorRule(access_point=GATE, way=YARD, anti_passback=Strictness.HARD, **words)


def denials(made: RuledHouse) -> list[str | None]:
    return [fact.reason for fact in made.book.facts if fact.type == "access.denied"]


@in_a_loop
async def test_a_pass_that_went_in_is_refused_also_after_a_restart_and_a_reset_forgives(tmp_path):
    made = await house(tmp_path, hard()).start()
    await made.walk(GATE, ADA_PIN)
    made.at_ns += 60 * S_NS
    await made.start()
    await made.walk(GATE, ADA_PIN)
    assert denials(made) == ["x:AntiPassback"]
    assert await made.rules.reset("PS-ada", by="S-7", why="wrong_record", recorder=made) == "yard"
    await made.walk(GATE, ADA_PIN)
    assert made.kinds()[-3:] == ["access.granted", "access.taken", "door.closed"]
    reset = next(fact for fact in made.book.facts if fact.type == "apb.reset")
    assert (reset.pass_id, reset.actor, reset.reason) == ("PS-ada", "S-7", "wrong_record")
    made.close()


@pytest.mark.parametrize(
    ("pass_id", "by", "why", "sentence"),
    [
        ("PS-ada", "", "other", "needs who"),
        ("PS-ada", "S-7", "because", "followed_somebody, left_unseen, other, wrong_record"),
        ("PS-nobody", "S-7", "other", "not recorded in any zone"),
    ],
)
@in_a_loop
async def test_a_reset_has_a_person_a_reason_and_something_to_forget(tmp_path, pass_id, by, why, sentence):
    made = await house(tmp_path, hard()).start()
    await made.walk(GATE, ADA_PIN)
    with pytest.raises(RuleRefused, match=sentence):
        await made.rules.reset(pass_id, by=by, why=why, recorder=made)
    made.close()


@in_a_loop
async def test_what_could_not_be_written_is_not_remembered_either(tmp_path):
    made = await house(tmp_path, hard()).start()
    made.book.full = True
    fact = Fact("access.taken", access_point=GATE, pass_id="PS-ada", direction="in")
    with pytest.raises(DiskFull):
        await made.record([fact])
    made.book.full = False
    await made.walk(GATE, ADA_PIN)
    assert denials(made) == []
    made.close()


@in_a_loop
async def test_two_doors_of_a_lane_asked_in_the_same_moment_do_not_both_open(tmp_path):
    """The first to say yes has not moved its lock when the second is asked: the ledger is still being written."""
    lane = [DoorRule(access_point=name, interlock_group="lane") for name in (GATE, INNER)]
    made = await house(tmp_path, *lane).start()
    record = made.record

    async def slowly(facts):
        await asyncio.sleep(0)
        await record(facts)

    made.record = slowly
    await asyncio.gather(made.gates[GATE].gate.on_pin(ADA_PIN), made.gates[INNER].gate.on_pin(STAFF_PIN))
    assert (len(made.gates[GATE].pulses), len(made.gates[INNER].pulses)) == (1, 0)
    assert denials(made) == ["x:Interlock"]
    made.close()


@in_a_loop
async def test_after_a_passage_the_other_door_of_a_lane_opens_at_once(tmp_path):
    lane = [DoorRule(access_point=name, interlock_group="lane") for name in (GATE, INNER)]
    made = await house(tmp_path, *lane).start()
    await made.walk(GATE, ADA_PIN, open_s=0.2)
    await made.gates[INNER].gate.on_pin(ADA_PIN)
    assert (denials(made), len(made.gates[INNER].pulses)) == ([], 1)
    made.close()


@in_a_loop
async def test_who_waits_before_a_lane_has_not_tried_wrongly(tmp_path):
    lane = [DoorRule(access_point=name, interlock_group="lane") for name in (GATE, INNER)]
    made = await house(tmp_path, *lane).start()
    await made.gates[INNER].gate.on_event(DpsOpen())
    for _ in range(7):
        await made.gates[GATE].gate.on_pin(ADA_PIN)
    assert denials(made) == ["x:Interlock"] * 7
    await made.gates[INNER].gate.on_event(DpsClose())
    await made.gates[GATE].gate.on_pin(ADA_PIN)
    assert len(made.gates[GATE].pulses) == 1
    made.close()


@in_a_loop
async def test_the_exit_button_of_a_lane_works_while_the_other_door_stands_open(tmp_path):
    lane = [DoorRule(access_point=name, interlock_group="lane") for name in (GATE, INNER)]
    made = await house(tmp_path, *lane).start()
    await made.gates[INNER].gate.on_event(DpsOpen())
    await made.gates[GATE].gate.on_event(RexPressed(GrantId("r")))
    assert made.kinds()[-1] == "access.granted"
    assert made.gates[GATE].gate.state.egress == "PULSE"
    made.close()


# --- hours ----------------------------------------------------------------------------------------------------


def lobby(*first: SubjectClass) -> DoorRule:
    return DoorRule(access_point=GATE, hours=DoorHours("ever", frozenset(first)))


@in_a_loop
async def test_a_door_stands_open_at_its_hours_once_and_a_person_s_lock_stays(tmp_path):
    made = await house(tmp_path, lobby()).start()
    gate = made.gates[GATE].gate
    await made.rules.keep_hours(GATE)
    assert gate.state.mode is Mode.UNLOCKED
    await gate.on_command(Command(Verb.LOCK, "S-7", 1))
    await made.rules.keep_hours(GATE)
    assert gate.state.mode is Mode.LOCKED
    await made.start()  # and after a restart as well
    await made.rules.keep_hours(GATE)
    assert made.gates[GATE].gate.state.mode is Mode.LOCKED
    made.close()


@in_a_loop
async def test_a_door_whose_list_nobody_signed_is_not_asked_to_open_every_two_seconds(tmp_path):
    made = await house(tmp_path, lobby()).start()
    gate = made.gates[GATE].gate
    gate.withheld, shown = (lambda: "not commissioned"), len(made.gates[GATE].shown)
    await made.rules.keep_hours(GATE)
    assert (gate.state.mode, len(made.gates[GATE].shown)) == (Mode.LOCKED, shown)
    made.close()


@in_a_loop
async def test_after_a_restart_in_its_hours_the_door_stands_open_again(tmp_path):
    made = await house(tmp_path, lobby(SubjectClass.OPERATOR)).start()
    await made.walk(GATE, STAFF_PIN)
    made.at_ns += S_NS
    await made.rules.keep_hours(GATE)
    assert made.gates[GATE].gate.state.mode is Mode.UNLOCKED
    await made.start()
    assert made.gates[GATE].gate.state.mode is Mode.LOCKED
    await made.rules.keep_hours(GATE)
    assert made.gates[GATE].gate.state.mode is Mode.UNLOCKED
    made.close()


@in_a_loop
async def test_a_guest_is_not_the_first_person_and_nor_is_who_turned_back(tmp_path):
    made = await house(tmp_path, lobby(SubjectClass.OPERATOR)).start()
    gate = made.gates[GATE].gate
    await made.walk(GATE, ADA_PIN)
    await made.rules.keep_hours(GATE)
    assert gate.state.mode is Mode.LOCKED
    await gate.on_pin(STAFF_PIN)
    made.at_ns += 10 * S_NS
    await gate.on_event(DpsClose())
    await made.rules.keep_hours(GATE)
    assert (gate.state.mode, "access.not_taken" in made.kinds()) == (Mode.LOCKED, True)
    await made.walk(GATE, STAFF_PIN)
    await made.rules.keep_hours(GATE)
    assert gate.state.mode is Mode.UNLOCKED
    made.close()


@in_a_loop
async def test_hours_end_and_a_clock_that_is_not_believed_ends_them_too(tmp_path):
    made = await house(tmp_path, lobby()).start()
    gate = made.gates[GATE].gate
    await made.rules.keep_hours(GATE)
    made.clock = ClockState.UNTRUSTED
    await made.rules.keep_hours(GATE)
    assert gate.state.mode is Mode.LOCKED
    await gate.on_command(Command(Verb.UNLOCK, "S-7", 1))  # outside of its hours a person's word stands
    await made.rules.keep_hours(GATE)
    assert gate.state.mode is Mode.UNLOCKED
    made.close()


@in_a_loop
async def test_a_full_disk_opens_no_door_by_schedule(tmp_path):
    made = await house(tmp_path, lobby()).start()
    made.book.full = True
    await made.rules.keep_hours(GATE)
    assert made.gates[GATE].gate.state.mode is Mode.LOCKED
    made.book.full = False
    await made.rules.keep_hours(GATE)
    assert made.gates[GATE].gate.state.mode is Mode.UNLOCKED
    made.close()


# --- tailgating ------------------------------------------------------------------------------------------------


@in_a_loop
async def test_a_second_body_behind_the_guest_is_a_fact_beside_the_closing_door(tmp_path):
    made = await house(
        tmp_path, DoorRule(access_point=GATE, tailgate=Tailgate.CASE, sees_people=True)
    ).start()
    gate = made.gates[GATE].gate
    await gate.on_pin(ADA_PIN)
    await gate.on_event(DpsOpen())
    made.at_ns += S_NS
    made.rules.saw_people(GATE, 2, made.at_ns)
    for event in (BeamBroken(), BeamClear(), BeamBroken(), BeamClear()):
        made.at_ns += 300_000_000
        await gate.on_event(event)
    await gate.on_event(DpsClose())
    kinds = [row.body for row in made.ledger.rows(range(1, made.ledger.head + 1), bytes_max=10**6)]
    told = [body for body in kinds if b"tailgat" in body]
    assert [b'"people":2' in told[0], b"count,body" in told[0]] == [True, True]
    assert (b"access.tailgate" in told[0], b"door.tailgating" in told[1], len(told)) == (True, True, 2)
    assert not any(b"PS-ada" in body for body in told)
    made.close()


def test_a_door_without_the_rule_takes_no_notice_of_people(tmp_path):
    made = house(tmp_path, DoorRule(access_point=GATE, sees_people=True))
    asyncio.run(made.start())
    made.rules.saw_people(GATE, 9, 0)
    made.rules.saw(GATE, BeamBroken())
    assert not made.rules._sensed
    made.close()


def test_where_faces_are_off_nobody_is_counted_by_them_and_the_beam_still_counts(tmp_path):
    made = house(tmp_path, DoorRule(access_point=GATE, tailgate=Tailgate.FLAG))
    asyncio.run(made.start())
    made.rules.saw_people(GATE, 9, 0)
    assert not made.rules._sensed
    made.rules.saw(GATE, BeamBroken())
    assert len(made.rules._sensed) == 1
    made.close()


# --- duress -----------------------------------------------------------------------------------------------------


async def one_grant(tmp_path, name: str, pin: str) -> tuple[list[str], list[int], list[str], RuledHouse]:
    folder = tmp_path / name
    folder.mkdir()
    made = await house(folder, DoorRule(access_point=GATE)).start()
    await made.walk(GATE, pin)
    gate = made.gates[GATE]
    return gate.shown, gate.pulses, [fact.type for fact in gate.facts], made


@in_a_loop
async def test_under_duress_screen_and_lock_do_what_they_always_do_and_help_is_called(tmp_path):
    *usual, plain = await one_grant(tmp_path, "plain", ADA_PIN)
    *forced, alarmed = await one_grant(tmp_path, "duress", duress_pin(ADA_PIN))
    assert forced == usual
    assert usual[:2] == [["welcome"], [5_000]]
    assert "access.duress" not in plain.kinds()
    calls = [fact for fact in alarmed.book.facts if fact.type == "access.duress"]
    granted = next(fact for fact in alarmed.book.facts if fact.type == "access.granted")
    assert calls == [Fact("access.duress", access_point=GATE, direction="in", grant_id=granted.grant_id)]
    plain.close()
    alarmed.close()


def test_the_door_machine_asks_for_the_same_lights_sounds_and_pulses_under_duress():
    """What is on the fact is for the ledger; no effect, no timer and no later fact of the passage looks at it."""
    told = []
    for marks in ({}, {"duress": 1}):
        state, profile, asked = DoorState(), DoorProfile(access_point=GATE), []
        granted = Granted(GrantId("g"), Fact("access.granted", access_point=GATE, x=marks))
        for second, event in enumerate((Boot("b", Contact.CLOSED), granted, DpsOpen(), DpsClose(), Tick())):
            done = door.step(state, event, profile, second * S_NS)
            state = done.state
            asked += [done.effects, done.refusal, sorted(state.timers.items())]
            asked += [fact for fact in done.facts if fact.type != "access.granted"]
        told.append(asked)
    assert told[0] == told[1]
