"""What stands between doors: who is inside already, which door of a lane is open, who came first, how many there are."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from edge.core import anti_passback, interlock
from edge.core.anti_passback import Place, Record, Strictness, has_way_back, night_of
from edge.core.decision import decide
from edge.core.decision_types import Allow, Attempt, Deny, DoorView, GrantFlag, Moment, Policy, Ruling
from edge.core.door_hours import DoorHours, Standing, Wish, heard, wish
from edge.core.door_rules import DoorRule, Doors, Memory, RuleSet, ruled
from edge.core.door_types import Contact, DoorState, LifeSafety, Mode
from edge.core.events import AccessPointId, ClockState, CredentialKind, Fact, GrantId, PassId, Stamp
from edge.core.interlock import Claim
from edge.core.passes import LocationClass, Pass, PassState, Prereq, SubjectClass, SubjectRef
from edge.core.reasons import GuestText, Reason
from edge.core.rule_facts import after
from edge.core.rule_rows import changed_rows, memory_of
from edge.core.schedule import Calendar, Local, Schedule, read_hours
from edge.core.ways import Way

IN, OUT, REAR = AccessPointId("AP-in"), AccessPointId("AP-out"), AccessPointId("AP-rear")
NOW_MS = int(datetime(2026, 11, 27, 12, 0, tzinfo=UTC).timestamp() * 1000)  # a Friday, in UTC
MINUTE_MS = 60_000
ADA = PassId("P-ada")
ENTRY = Way("street", "yard")
EXIT = Way("yard", "street", "out")
HARD = DoorRule(access_point=IN, way=ENTRY, anti_passback=Strictness.HARD)


def utc(at_ms: int) -> Local:
    there = datetime.fromtimestamp(at_ms / 1000, UTC)
    return Local(there.date(), 60 * there.hour + there.minute)


def rules(*doors: DoorRule, schedules: tuple[Schedule, ...] = (), **words: object) -> RuleSet:
    held = {one.name: one for one in schedules}
    return RuleSet(Calendar(utc, held), {door.access_point: door for door in doors}, **words)


def stamp(at_ms: int = NOW_MS, clock: ClockState = ClockState.TRUSTED) -> Stamp:
    return Stamp("b", at_ms - NOW_MS, at_ms, clock, 0)


def holder(schedule: str = "always", pass_id: PassId = ADA) -> Pass:
    return Pass(
        pass_id=pass_id, pass_version=1, subject_ref=SubjectRef("SJ"), cls=SubjectClass.MAINTENANCE,
        state=PassState.ARMED, scope=frozenset({IN, OUT, REAR}), schedule=schedule, not_before_ms=0,
        not_after_ms=NOW_MS * 2, prereq=Prereq(7), policy=1,
    )  # fmt: skip


def view(access_point: AccessPointId = IN, direction: str = "in") -> DoorView:
    return DoorView(
        access_point=access_point,
        location_class=LocationClass.GATE,
        mode=Mode.LOCKED,
        direction=direction,
    )


SHUT = DoorState(mode=Mode.LOCKED, contact=Contact.CLOSED)


def says(
    of: RuleSet,
    memory: Memory,
    *,
    at: DoorView | None = None,
    who: Pass | None = None,
    now_ms: int = NOW_MS,
    clock: ClockState = ClockState.TRUSTED,
    **states: DoorState,
) -> DoorView:
    doors = Doors({name: states.get(name.replace("-", "_"), SHUT) for name in of.doors})
    return ruled(of, memory, at or view(), who or holder(), now_ms, clock, doors)


def taken(access_point: AccessPointId = IN, pass_id: PassId | None = ADA, **words: object) -> Fact:
    usual = {"direction": "in", "grant_id": GrantId("g"), "credential_kind": CredentialKind.QR}
    return Fact("access.taken", access_point=access_point, pass_id=pass_id, **{**usual, **words})


REX_OUT = taken(pass_id=None, credential_kind=CredentialKind.REX, direction="out")


def told(of: RuleSet, *facts: Fact, memory: Memory | None = None, at_ms: int = NOW_MS) -> Memory:
    """What is remembered after these facts, a second apart."""
    memory = memory or Memory()
    for second, fact in enumerate(facts):
        memory = after(of, memory, [fact], stamp(at_ms + second * 1000)).memory
    return memory


# --- anti-passback --------------------------------------------------------------------------------------------


RECORDS = {
    "nothing is recorded": (None, "MET MET MET"),
    "before this door": (Record(Place("street", NOW_MS - MINUTE_MS), True, False), "MET MET MET"),
    "inside, a minute ago": (Record(Place("yard", NOW_MS - MINUTE_MS), True, False), "FLAGGED BROKEN BROKEN"),
    "inside, ten minutes ago": (Record(Place("yard", NOW_MS - 600_000), True, False), "FLAGGED MET BROKEN"),
    "inside, and somebody unknown crossed since": (
        Record(Place("yard", NOW_MS - MINUTE_MS), False, False),
        "MET MET MET",
    ),
    "inside yesterday": (Record(Place("yard", NOW_MS - MINUTE_MS), True, True), "MET MET MET"),
    "somewhere else altogether": (
        Record(Place("cellar", NOW_MS - MINUTE_MS), True, False),
        "FLAGGED BROKEN BROKEN",
    ),
    "inside, by a clock ahead of this one": (
        Record(Place("yard", NOW_MS + MINUTE_MS), True, False),
        "FLAGGED FLAGGED BROKEN",
    ),
}


@pytest.mark.parametrize("name", RECORDS)
def test_what_soft_timed_and_hard_say_of_a_record(name):
    record, expected = RECORDS[name]
    strict = (Strictness.SOFT, Strictness.TIMED, Strictness.HARD)
    said = [anti_passback.judged(one, ENTRY, record, NOW_MS, time_known=True) for one in strict]
    assert " ".join(one.name for one in said) == expected


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("strictness", list(Strictness))
def test_the_way_out_is_not_judged_and_an_unbelieved_clock_refuses_nobody(name, strictness):
    record, _ = RECORDS[name]
    assert anti_passback.judged(strictness, EXIT, record, NOW_MS, time_known=True) is Ruling.NOT_CONFIGURED
    assert anti_passback.judged(strictness, ENTRY, record, NOW_MS, time_known=False) is not Ruling.BROKEN


def test_only_a_passage_that_was_taken_moves_anybody():
    gate = rules(HARD)
    granted = replace(taken(), type="access.granted")
    for fact in (granted, replace(granted, type="access.not_taken"), replace(granted, type="access.denied")):
        assert told(gate, fact).places == {}
    assert told(gate, taken()).places == {ADA: Place("yard", NOW_MS)}


def test_the_same_pass_a_second_time_is_refused_and_after_its_way_out_it_is_not():
    gate = rules(HARD, DoorRule(access_point=OUT, way=EXIT))
    inside = told(gate, taken())
    assert says(gate, inside, now_ms=NOW_MS + MINUTE_MS).anti_passback is Ruling.BROKEN
    assert says(gate, inside, at=view(OUT, "out")).anti_passback is Ruling.NOT_CONFIGURED
    left = told(gate, taken(OUT, direction="out"), memory=inside, at_ms=NOW_MS + 1000)
    assert says(gate, left, now_ms=NOW_MS + MINUTE_MS).anti_passback is Ruling.MET


UNSEEN = {
    "the exit button": REX_OUT,
    "a visitor whom staff let in": taken(pass_id=None, credential_kind=CredentialKind.GUARD),
    "a resident who is logged by class alone": taken(pass_id=None, cls="resident"),
    "a forced door": Fact("door.forced", access_point=IN),
    "a tailgater": Fact("access.tailgate", access_point=IN),
    "fire": Fact("fire.release", access_point=IN),
    "a door that stood open": Fact("door.mode", access_point=IN, mode="LOCKED"),
}


@pytest.mark.parametrize("name", UNSEEN)
def test_after_somebody_unknown_nobody_is_refused_for_where_they_were(name):
    gate = rules(HARD)
    assert says(gate, told(gate, taken(), UNSEEN[name])).anti_passback is Ruling.MET
    again = told(gate, UNSEEN[name], taken())  # the unknown came first: what is recorded after it is sure
    assert says(gate, again).anti_passback is Ruling.BROKEN


def test_while_a_door_of_the_zone_stands_open_nobody_is_refused():
    gate = rules(HARD, DoorRule(access_point=REAR, way=ENTRY))
    inside = told(gate, taken())
    free = replace(SHUT, mode=Mode.UNLOCKED)
    assert says(gate, inside, AP_rear=free).anti_passback is Ruling.MET
    assert says(gate, inside).anti_passback is Ruling.BROKEN


@pytest.mark.parametrize(
    ("minute", "day"), [(0, 26), (239, 26), (240, 27), (1439, 27)]
)  # fmt: skip
def test_a_night_ends_at_four(minute, day):
    assert night_of(Local(date(2026, 11, 27), minute)) == date(2026, 11, day)


def test_at_four_all_is_forgiven_and_forgotten():
    gate = rules(HARD)
    inside = told(gate, taken())
    four_ms = NOW_MS + 16 * 60 * MINUTE_MS
    assert says(gate, inside, now_ms=four_ms - 1).anti_passback is Ruling.BROKEN
    assert says(gate, inside, now_ms=four_ms).anti_passback is Ruling.MET
    found = after(gate, inside, [Fact("link.up")], stamp(four_ms))
    assert (found.memory.places, changed_rows(found)) == ({}, {f"places/{ADA}": None})


def test_by_a_clock_that_is_not_believed_nothing_is_forgotten():
    gate = rules(HARD)
    inside = told(gate, taken())
    later = stamp(NOW_MS + 10**9, ClockState.UNTRUSTED)
    assert after(gate, inside, [Fact("link.up")], later).memory.places == inside.places


def test_a_reset_forgets_one_pass():
    gate = rules(HARD)
    both = told(gate, taken(), taken(pass_id=PassId("P-bo")))
    assert set(told(gate, Fact("apb.reset", pass_id=ADA), memory=both).places) == {"P-bo"}


def test_hard_needs_a_reader_that_sees_people_leave():
    assert has_way_back(ENTRY, [ENTRY, EXIT])
    assert not has_way_back(ENTRY, [ENTRY, Way("yard", "street")])
    assert not has_way_back(ENTRY, [Way("cellar", "street", "out")])


def test_what_is_remembered_comes_back_from_its_rows_and_a_strange_row_is_left_out():
    gate = rules(HARD, replace(HARD, access_point=REAR, occupancy_max=3))
    memory, rows = Memory(), {}
    for fact in (taken(), REX_OUT, taken(REAR, PassId("P-bo"))):
        found = after(gate, memory, [fact], stamp())
        memory = found.memory
        rows |= changed_rows(found)
    back = memory_of({**rows, "places/P-odd": "{", "counts/gym": '{"people": 2}', "later/x": "1"})
    assert (back.places, back.shaken, back.counts) == (memory.places, memory.shaken, memory.counts)


# --- interlock ------------------------------------------------------------------------------------------------

LANE = rules(DoorRule(access_point=IN, interlock_group="l"), DoorRule(access_point=REAR, interlock_group="l"))


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        (SHUT, Ruling.MET),
        (replace(SHUT, contact=Contact.OPEN), Ruling.BROKEN),
        (replace(SHUT, contact=Contact.UNKNOWN), Ruling.BROKEN),
        (replace(SHUT, contact=Contact.FAULT), Ruling.BROKEN),
        (replace(SHUT, mode=Mode.ACCESSED), Ruling.BROKEN),
        (replace(SHUT, mode=Mode.UNLOCKED), Ruling.BROKEN),
        (replace(SHUT, mode=Mode.BLOCKED), Ruling.MET),
        (replace(SHUT, contact=Contact.OPEN, life_safety=LifeSafety.FIRE), Ruling.MET),
        (replace(SHUT, contact=Contact.OPEN, mode=Mode.LOCKED_OPEN), Ruling.MET),
    ],
)
def test_one_door_of_a_lane_opens_only_while_the_other_stands_shut(peer, expected):
    assert says(LANE, Memory(), AP_rear=peer).interlock is expected


def test_the_door_itself_may_stand_open_and_its_own_fire_clears_the_lane():
    assert interlock.judged(replace(SHUT, contact=Contact.OPEN), [SHUT]) is Ruling.MET
    burning = replace(SHUT, life_safety=LifeSafety.FIRE)
    assert interlock.judged(burning, [replace(SHUT, contact=Contact.OPEN)]) is Ruling.MET


def test_a_door_that_has_just_said_yes_is_waited_for_and_not_for_ever():
    states = {IN: SHUT, REAR: SHUT}
    doors = Doors(states, {"l": Claim(REAR, 100)}, now_ns=99)
    word = (holder(), NOW_MS, ClockState.TRUSTED)
    assert ruled(LANE, Memory(), view(), *word, doors).interlock is Ruling.BROKEN
    assert ruled(LANE, Memory(), view(REAR), *word, doors).interlock is Ruling.MET
    assert ruled(LANE, Memory(), view(), *word, replace(doors, now_ns=100)).interlock is Ruling.MET
    burning = replace(doors, states={**states, REAR: replace(SHUT, life_safety=LifeSafety.FIRE)})
    assert ruled(LANE, Memory(), view(), *word, burning).interlock is Ruling.MET


def test_the_way_out_of_a_lane_is_not_held_up():
    peer = replace(SHUT, contact=Contact.OPEN)
    assert says(LANE, Memory(), at=view(IN, "out"), AP_rear=peer).interlock is Ruling.NOT_CONFIGURED


# --- occupancy ------------------------------------------------------------------------------------------------

GYM = rules(DoorRule(access_point=IN, way=Way("hall", "gym"), occupancy_max=2))


def test_a_space_takes_as_many_as_it_may_and_one_more_when_somebody_left():
    full = told(GYM, taken(), taken(pass_id=None))
    assert says(GYM, full).occupancy is Ruling.BROKEN
    assert says(GYM, told(GYM, REX_OUT, memory=full)).occupancy is Ruling.MET
    assert says(GYM, told(GYM, taken())).occupancy is Ruling.MET


def test_nobody_is_below_nobody_and_a_new_day_counts_anew():
    assert told(GYM, REX_OUT, REX_OUT, taken()).counts["gym"].people == 1
    full = told(GYM, taken(), taken())
    assert says(GYM, full, now_ms=NOW_MS + 24 * 60 * MINUTE_MS).occupancy is Ruling.MET


# --- hours of a door ------------------------------------------------------------------------------------------

FREE = DoorHours("office")
STAFF = DoorHours("office", frozenset({SubjectClass.OPERATOR}))
L, A, U, B, LD, LO, UK = (
    Mode.LOCKED, Mode.ACCESSED, Mode.UNLOCKED, Mode.BLOCKED, Mode.LOCKED_DOWN, Mode.LOCKED_OPEN, Mode.UNKNOWN,
)  # fmt: skip


@pytest.mark.parametrize(
    ("hours", "standing", "since", "said", "mode", "expected"),
    [
        (FREE, Standing(), 100, None, L, Wish.OPEN),
        (FREE, Standing(), 100, 100, L, None),  # it was said once: whoever locked it since meant it
        (FREE, Standing(), 200, 100, L, Wish.OPEN),  # another opening
        *((FREE, Standing(), 100, None, mode, None) for mode in (A, U, B, LD, LO, UK)),
        (FREE, Standing(overruled_ms=150), 100, None, L, None),
        (FREE, Standing(overruled_ms=99), 100, None, L, Wish.OPEN),
        (STAFF, Standing(), 100, None, L, None),
        (STAFF, Standing(first_ms=99), 100, None, L, None),  # yesterday's first
        (STAFF, Standing(first_ms=150), 100, None, L, Wish.OPEN),
        (STAFF, Standing(first_ms=150, overruled_ms=160), 100, None, L, None),
        (FREE, Standing(), None, 100, U, Wish.CLOSE),
        (FREE, Standing(), None, None, U, None),  # a person unlocked it: not the schedule's to close
        *((FREE, Standing(), None, 100, mode, None) for mode in (L, A, B, LD, LO, UK)),
    ],
)
def test_what_a_schedule_asks_of_its_door(hours, standing, since, said, mode, expected):
    assert wish(hours, standing, since, said, mode) is expected


@pytest.mark.parametrize(
    ("fact", "first"),
    [
        (taken(cls=SubjectClass.OPERATOR), True),
        (taken(cls=SubjectClass.OPERATOR, pass_id=None), True),  # logged by class alone
        (taken(cls=SubjectClass.GUEST), False),
        (taken(cls=SubjectClass.OPERATOR, direction="out"), False),
        (replace(taken(cls=SubjectClass.OPERATOR), type="access.granted"), False),
        (replace(taken(cls=SubjectClass.OPERATOR), type="access.not_taken"), False),
    ],
)
def test_first_is_who_of_the_named_classes_went_in(fact, first):
    assert heard(STAFF, Standing(), fact, 5) == Standing(first_ms=5 if first else None)


@pytest.mark.parametrize("kind", ["door.mode", "door.lockdown", "door.evacuate", "fire.reset"])
def test_a_person_s_command_overrules_and_the_schedule_s_own_word_does_not(kind):
    assert heard(FREE, Standing(), Fact(kind, actor="S-1"), 5) == Standing(overruled_ms=5)
    assert heard(FREE, Standing(), Fact(kind), 5) == Standing()


# --- schedules of passes --------------------------------------------------------------------------------------

DAY = Schedule("day", (read_hours("mon-fri 08:00-18:00"),))
SCHEDULED = rules(DoorRule(access_point=IN), schedules=(DAY,))
EVENING_MS = NOW_MS + 7 * 60 * MINUTE_MS


@pytest.mark.parametrize(
    ("schedule", "now_ms", "clock", "expected"),
    [
        ("always", EVENING_MS, ClockState.TRUSTED, Ruling.NOT_CONFIGURED),
        ("", EVENING_MS, ClockState.TRUSTED, Ruling.NOT_CONFIGURED),
        ("day", NOW_MS, ClockState.TRUSTED, Ruling.MET),
        ("day", EVENING_MS, ClockState.TRUSTED, Ruling.BROKEN),
        ("day", EVENING_MS, ClockState.HOLDOVER, Ruling.BROKEN),
        ("day", EVENING_MS, ClockState.UNTRUSTED, Ruling.MET),
        ("unheard-of", NOW_MS, ClockState.TRUSTED, Ruling.BROKEN),
        ("unheard-of", NOW_MS, ClockState.UNTRUSTED, Ruling.BROKEN),
    ],
)
def test_what_a_schedule_says_of_a_pass(schedule, now_ms, clock, expected):
    assert says(SCHEDULED, Memory(), who=holder(schedule), now_ms=now_ms, clock=clock).schedule is expected


def test_who_comes_too_late_hears_when_it_opens_again_and_leaves_all_the_same():
    said = says(SCHEDULED, Memory(), who=holder("day"), now_ms=EVENING_MS)
    assert said.schedule_opens_ms == NOW_MS - 4 * 60 * MINUTE_MS + 3 * 24 * 60 * MINUTE_MS  # Monday, 08:00
    assert says(SCHEDULED, Memory(), who=holder("unheard-of")).schedule_opens_ms is None
    out = says(SCHEDULED, Memory(), at=view(IN, "out"), who=holder("unheard-of"), now_ms=EVENING_MS)
    assert out.schedule is Ruling.MET


# --- what the decision makes of it ----------------------------------------------------------------------------

MONDAY_MS = NOW_MS - 4 * 60 * MINUTE_MS + 3 * 24 * 60 * MINUTE_MS


def decided(door: DoorView, who: Pass):
    moment = Moment(now_ms=EVENING_MS, clock=ClockState.TRUSTED, floor_ms=0, contact_age_ms=0, online=True)
    return decide(Attempt(kind=CredentialKind.CARD, holder=who), door, moment, Policy(1, 1))


@pytest.mark.parametrize(
    ("changes", "until_ms"),
    [
        ({}, MONDAY_MS),
        ({"not_after_ms": MONDAY_MS}, MONDAY_MS),
        ({"not_after_ms": MONDAY_MS - 1}, None),  # by then the pass is over
        ({"cls": SubjectClass.GUEST, "prereq": Prereq(3)}, None),  # and not registered either
        ({"schedule": "unheard-of"}, None),
    ],
)
def test_the_hour_is_told_only_where_coming_back_then_is_sure_to_help(changes, until_ms):
    who = replace(holder("day"), **changes)
    refused = decided(says(SCHEDULED, Memory(), who=who, now_ms=EVENING_MS), who)
    assert isinstance(refused, Deny)
    assert (refused.reason, refused.until_ms) == (Reason.NOT_AT_THIS_TIME, until_ms)
    assert refused.advice.text is (GuestText.SEE_GUARD if until_ms is None else GuestText.WAIT_UNTIL)


def test_soft_opens_and_the_grant_says_so():
    allowed = decided(replace(view(), anti_passback=Ruling.FLAGGED), holder())
    assert isinstance(allowed, Allow)
    assert allowed.flags == {GrantFlag.PASSBACK}
