"""The table of refusals is the specification: one honest attempt, and what changes when one thing changes."""

import dataclasses
from dataclasses import replace
from typing import get_args

import pytest

from edge.core.clock import DAY_MS, MAX_OFFLINE_MS
from edge.core.credentials import CodeAccepted, CodeMemory, CodeRefused
from edge.core.decision import PIPELINE, RETRIES, decide
from edge.core.decision_fact import about
from edge.core.decision_types import (
    Allow,
    Attempt,
    Decision,
    Deny,
    DoorView,
    EntryKind,
    FaceEvidence,
    GrantFlag,
    Liveness,
    Matcher,
    Moment,
    Policy,
    Retry,
    Ruling,
)
from edge.core.door_types import Camera, Mode
from edge.core.events import (
    AccessPointId,
    ClockState,
    CredentialKind,
    Fact,
    MatchFact,
    PadFact,
    PassId,
    SubjectRef,
)
from edge.core.evidence import Look, Verdict
from edge.core.passes import (
    ENTRY_PREREQS,
    HOUR_MS,
    LocationClass,
    Pass,
    PassState,
    Prereq,
    SubjectClass,
)
from edge.core.reasons import GUEST_TEXT, Advice, GuestText, Reason

GATE, ROOM = AccessPointId("AP-gate"), AccessPointId("AP-room")
NOT_BEFORE, NOT_AFTER = 10_000 * HOUR_MS, 10_024 * HOUR_MS
NOW = NOT_BEFORE + HOUR_MS
ADA = Pass(
    pass_id=PassId("P-ada"),
    pass_version=3,
    subject_ref=SubjectRef("r-1"),
    cls=SubjectClass.GUEST,
    state=PassState.ARMED,
    scope=frozenset({GATE}),
    schedule="",
    not_before_ms=NOT_BEFORE,
    not_after_ms=NOT_AFTER,
    prereq=ENTRY_PREREQS | Prereq.FACE_CONSENT,
    policy=1,
)
SEEN = FaceEvidence(
    Verdict(Look.NAMED, ADA.pass_id, "clear", "wide"),
    Matcher("t7", "sface", 12, 40),
    PadFact("pass"),
)
FACE = Attempt(kind=CredentialKind.FACE, holder=ADA, face=SEEN)
ACCEPTED = CodeAccepted(CodeMemory(0, 1, frozenset({GATE})))
CODE = Attempt(kind=CredentialKind.QR, holder=ADA, code=ACCEPTED)
DOOR = DoorView(access_point=GATE, location_class=LocationClass.GATE, mode=Mode.LOCKED)
MOMENT = Moment(now_ms=NOW, clock=ClockState.TRUSTED, floor_ms=0, contact_age_ms=0, online=True)
POLICY = Policy(policy_version=5, auth_ver=77)


def judge(attempt: Attempt = FACE, door: DoorView = DOOR, moment: Moment = MOMENT) -> Decision:
    return decide(attempt, door, moment, POLICY)


def reason(attempt: Attempt = FACE, door: DoorView = DOOR, moment: Moment = MOMENT) -> Reason:
    return judge(attempt, door, moment).reason


def holding(attempt: Attempt, **changes: object) -> Attempt:
    assert attempt.holder is not None
    return replace(attempt, holder=replace(attempt.holder, **changes))


def seen(look: Look) -> Attempt:
    return Attempt(kind=CredentialKind.FACE, holder=None, face=replace(SEEN, verdict=Verdict(look)))


def at(hours_after_start: float, **changes: object) -> Moment:
    return replace(MOMENT, now_ms=NOT_BEFORE + int(hours_after_start * HOUR_MS), **changes)


@pytest.mark.parametrize("attempt", [FACE, CODE], ids=["face", "code"])
def test_an_honest_guest_is_let_in_whichever_way(attempt: Attempt) -> None:
    assert judge(attempt) == Allow(ADA)


@pytest.mark.parametrize(
    ("attempt", "door", "moment", "expected"),
    [
        (FACE, replace(DOOR, mode=Mode.BLOCKED), MOMENT, "pt:Blocked"),
        (FACE, replace(DOOR, mode=Mode.UNKNOWN), MOMENT, "pt:Blocked"),
        (FACE, replace(DOOR, mode=Mode.LOCKED_DOWN), MOMENT, "LockedDown"),
        (replace(CODE, locked_until_ms=NOW + 1), DOOR, MOMENT, "x:RetryLater"),
        (seen(Look.LOW_QUALITY), DOOR, MOMENT, "face_low_quality"),
        (FACE, replace(DOOR, camera=Camera.LOST), MOMENT, "face_low_quality"),
        (replace(FACE, face=replace(SEEN, simulated=True)), DOOR, MOMENT, "x:SimulatedEngine"),
        (replace(FACE, face=replace(SEEN, pad=PadFact("fail"))), DOOR, MOMENT, "x:PresentationAttack"),
        (replace(FACE, face=replace(SEEN, pad=PadFact("na"))), DOOR, MOMENT, "x:PresentationAttack"),
        (seen(Look.UNKNOWN), DOOR, MOMENT, "CredentialNotFound"),
        (seen(Look.AMBIGUOUS), DOOR, MOMENT, "x:Ambiguous"),
        (replace(FACE, holder=None), DOOR, MOMENT, "CredentialNotFound"),
        (replace(CODE, holder=None, code=None), DOOR, MOMENT, "CredentialNotFound"),
        (replace(CODE, code=CodeRefused(Reason.CODE_REPLAYED)), DOOR, MOMENT, "x:CodeReplayed"),
        (replace(CODE, code=CodeRefused(Reason.CODE_OUT_OF_TIME)), DOOR, MOMENT, "x:CodeOutOfTime"),
        (holding(FACE, prereq=ENTRY_PREREQS), DOOR, MOMENT, "CredentialNotEnabled"),
        (holding(CODE, state=PassState.SUSPENDED), DOOR, MOMENT, "CredentialNotEnabled"),
        (CODE, DOOR, at(-2.01), "CredentialNotActive"),
        (CODE, replace(DOOR, location_class=LocationClass.ROOM), at(-0.01), "CredentialNotActive"),
        (CODE, DOOR, at(24.01), "CredentialExpired"),
        (CODE, replace(DOOR, access_point=ROOM), MOMENT, "Unauthorized"),
        (CODE, replace(DOOR, schedule=Ruling.BROKEN), MOMENT, "NotPermittedAtThisTime"),
        (holding(CODE, schedule="weekdays"), DOOR, MOMENT, "NotPermittedAtThisTime"),
        (holding(CODE, prereq=Prereq.STAY | Prereq.LISTING), DOOR, MOMENT, "x:NotRegistered"),
        (holding(CODE, prereq=Prereq.STAY | Prereq.REGISTERED), DOOR, MOMENT, "x:ListingNotPermitting"),
        (holding(CODE, prereq=Prereq.LISTING | Prereq.REGISTERED), DOOR, MOMENT, "x:StayClosed"),
        (
            holding(FACE, cls=SubjectClass.RESIDENT), DOOR,
            replace(MOMENT, contact_age_ms=31 * DAY_MS), "x:OfflineExpired",
        ),
        (
            holding(FACE, cls=SubjectClass.OPERATOR), DOOR,
            replace(MOMENT, contact_age_ms=8 * DAY_MS), "x:SecondFactor",
        ),
        (CODE, DOOR, replace(MOMENT, lease_over=True), "x:OfflineExpired"),
        (CODE, DOOR, replace(MOMENT, clock=ClockState.UNTRUSTED, floor_ms=NOW), "x:ClockUntrusted"),
        (CODE, replace(DOOR, anti_passback=Ruling.BROKEN), MOMENT, "x:AntiPassback"),
        (CODE, replace(DOOR, interlock=Ruling.BROKEN), MOMENT, "x:Interlock"),
        (CODE, replace(DOOR, occupancy=Ruling.BROKEN), MOMENT, "x:Occupancy"),
    ],
)  # fmt: skip
def test_every_way_to_be_turned_away(attempt: Attempt, door: DoorView, moment: Moment, expected: str) -> None:
    assert reason(attempt, door, moment) == expected


def test_a_word_signed_today_does_not_rest_on_a_lease_that_is_over() -> None:
    assert reason(replace(CODE, signed_age_ms=0), DOOR, replace(MOMENT, lease_over=True)) == "Granted"


@pytest.mark.parametrize("cls", [SubjectClass.OPERATOR, SubjectClass.EMERGENCY])
def test_staff_and_rescuers_get_in_beyond_the_lease_with_two_factors(cls: SubjectClass) -> None:
    whole = replace(holding(CODE, cls=cls), factors=2, also=frozenset({CredentialKind.PIN}))
    assert reason(whole, DOOR, replace(MOMENT, lease_over=True, contact_age_ms=31 * DAY_MS)) == "Granted"


def test_the_way_out_asks_for_no_freshness() -> None:
    old = replace(MOMENT, lease_over=True, contact_age_ms=None, online=False)
    resident = holding(CODE, cls=SubjectClass.RESIDENT)
    assert reason(resident, replace(DOOR, direction="out"), old) == "Granted"


STANDING = {
    # state: (before the window, in it, after it)
    PassState.ARMED: ("CredentialNotActive", "Granted", "CredentialExpired"),
    PassState.PENDING: ("CredentialNotActive", "CredentialNotActive", "CredentialExpired"),
    PassState.EXIT_ONLY: ("CredentialExpired",) * 3,
    PassState.EXPIRED: ("CredentialExpired",) * 3,
    PassState.SUSPENDED: ("CredentialNotEnabled",) * 3,
    PassState.REVOKED: ("CredentialNotActive",) * 3,
}


@pytest.mark.parametrize("state", list(PassState))
def test_a_pass_is_answered_by_its_state_and_window(state: PassState) -> None:
    attempt = holding(CODE, state=state)
    assert tuple(reason(attempt, moment=at(h)) for h in (-3, 1, 25)) == STANDING[state]


def test_an_unregistered_guest_hears_the_true_reason_not_that_the_pass_sleeps() -> None:
    pending = holding(CODE, state=PassState.PENDING, prereq=Prereq.LISTING | Prereq.STAY)
    assert [reason(pending, moment=at(h)) for h in (-3, 1, 25)] == [
        Reason.NOT_ACTIVE,
        Reason.NOT_REGISTERED,
        Reason.EXPIRED,
    ]


def test_a_pending_pass_never_opens_whatever_its_bits() -> None:
    for bits in range(16):
        pending = holding(CODE, state=PassState.PENDING, prereq=Prereq(bits))
        assert not isinstance(judge(pending), Allow)


def test_the_steps_stand_in_the_order_of_the_specification() -> None:
    numbers = [number for number, _ in PIPELINE]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(1, 14))


def test_the_first_failing_step_gives_the_reason() -> None:
    worst = holding(
        replace(CODE, code=CodeRefused(Reason.CODE_REPLAYED)),
        state=PassState.SUSPENDED, scope=frozenset(), prereq=Prereq(0), cls=SubjectClass.GUEST,
    )  # fmt: skip
    door = replace(DOOR, mode=Mode.BLOCKED, anti_passback=Ruling.BROKEN, interlock=Ruling.BROKEN)
    mended: list[Reason] = [reason(worst, door)]
    door = replace(door, mode=Mode.LOCKED)
    for change in (
        {"code": ACCEPTED},
        {"state": PassState.ARMED},
        {"scope": ADA.scope},
        {"prereq": ADA.prereq},
    ):
        mended.append(reason(worst, door))
        worst = replace(worst, **change) if "code" in change else holding(worst, **change)
    mended.append(reason(worst, door))
    mended.append(reason(worst, replace(door, anti_passback=Ruling.MET)))
    assert mended == [
        Reason.BLOCKED, Reason.CODE_REPLAYED, Reason.NOT_ENABLED, Reason.UNAUTHORIZED,
        Reason.LISTING_NOT_PERMITTING, Reason.ANTI_PASSBACK, Reason.INTERLOCK,
    ]  # fmt: skip


@pytest.mark.parametrize("rule", ["schedule", "anti_passback", "interlock", "occupancy"])
def test_a_rule_that_is_not_configured_yet_is_named_so_and_lets_pass(rule: str) -> None:
    assert getattr(DOOR, rule) is Ruling.NOT_CONFIGURED
    assert isinstance(judge(door=replace(DOOR, **{rule: Ruling.MET})), Allow)
    assert not isinstance(judge(door=replace(DOOR, **{rule: Ruling.BROKEN})), Allow)


def test_with_liveness_off_for_the_demo_the_grant_says_so_and_a_found_attack_is_still_refused() -> None:
    demo = replace(DOOR, liveness=Liveness.OFF_DEMO)
    unproven = replace(FACE, face=replace(SEEN, pad=PadFact("na")))
    assert judge(unproven, demo) == Allow(ADA, frozenset({GrantFlag.LIVENESS_OFF}))
    attack = replace(FACE, face=replace(SEEN, pad=PadFact("fail")))
    assert reason(attack, demo) is Reason.PRESENTATION_ATTACK


@pytest.mark.parametrize("policy", [Liveness.CHALLENGE_ON_RISK, Liveness.CHALLENGE_ALWAYS])
def test_a_door_that_asks_opens_for_no_face_that_proved_nothing(policy: Liveness) -> None:
    unproven = replace(FACE, face=replace(SEEN, pad=PadFact("na")))
    assert reason(unproven, replace(DOOR, liveness=policy)) is Reason.PRESENTATION_ATTACK


@pytest.mark.parametrize(
    ("look", "told"), [(Look.UNKNOWN, Reason.NOT_FOUND), (Look.AMBIGUOUS, Reason.AMBIGUOUS)]
)
def test_who_is_not_named_was_asked_nothing_and_is_not_accused(look: Look, told: Reason) -> None:
    strict = replace(DOOR, liveness=Liveness.CHALLENGE_ALWAYS)
    stranger = replace(SEEN, verdict=Verdict(look), pad=PadFact("na"))
    assert reason(Attempt(kind=CredentialKind.FACE, holder=None, face=stranger), strict) is told
    found_out = replace(stranger, pad=PadFact("fail"))
    attempt = Attempt(kind=CredentialKind.FACE, holder=None, face=found_out)
    assert reason(attempt, strict) is Reason.PRESENTATION_ATTACK


def test_invented_faces_open_doors_of_a_simulation_only_and_are_flagged() -> None:
    invented = replace(FACE, face=replace(SEEN, simulated=True))
    allowed = judge(invented, replace(DOOR, simulation=True))
    assert allowed == Allow(ADA, frozenset({GrantFlag.SIMULATED}))


def test_a_face_is_looked_at_by_steps_two_to_four_only_when_a_face_was_shown() -> None:
    blind = replace(DOOR, camera=Camera.LOST)
    assert isinstance(judge(CODE, blind), Allow)


def test_an_untrusted_clock_lets_a_face_in_whose_window_it_may_be() -> None:
    lost = replace(MOMENT, now_ms=0, clock=ClockState.UNTRUSTED)
    may_be = judge(FACE, moment=replace(lost, floor_ms=NOT_BEFORE - 20 * DAY_MS))
    assert may_be == Allow(ADA, frozenset({GrantFlag.CLOCK_UNTRUSTED}))
    too_early = replace(lost, floor_ms=NOT_BEFORE - MAX_OFFLINE_MS - 3 * HOUR_MS)
    assert reason(FACE, moment=too_early) is Reason.CLOCK_UNTRUSTED
    assert reason(FACE, moment=replace(lost, floor_ms=NOT_AFTER + 1)) is Reason.EXPIRED


@pytest.mark.story("25b", "25c")
def test_a_rotating_code_needs_a_second_factor_while_the_clock_is_untrusted() -> None:
    lost = replace(MOMENT, clock=ClockState.UNTRUSTED, floor_ms=NOW)
    late = replace(CODE, code=CodeRefused(Reason.CODE_OUT_OF_TIME))
    assert reason(CODE, moment=lost) is Reason.CLOCK_UNTRUSTED
    assert reason(late, moment=lost) is Reason.CLOCK_UNTRUSTED
    assert isinstance(judge(replace(CODE, factors=2), moment=lost), Allow)
    replayed = replace(CODE, code=CodeRefused(Reason.CODE_REPLAYED), factors=2)
    assert reason(replayed, moment=lost) is Reason.CODE_REPLAYED


def test_staff_on_a_node_long_cut_off_come_in_with_two_factors_and_a_flag() -> None:
    cut_off = replace(MOMENT, contact_age_ms=None, online=False)
    staff = holding(FACE, cls=SubjectClass.OPERATOR)
    assert isinstance(judge(staff, moment=cut_off), Retry)
    allowed = judge(replace(staff, factors=2), moment=cut_off)
    assert isinstance(allowed, Allow)
    assert allowed.flags == {GrantFlag.STALE}


def test_duress_opens_like_any_other_and_carries_the_marker() -> None:
    assert judge(replace(CODE, duress=True)) == Allow(ADA, duress=True)


@pytest.mark.story("6e")
def test_what_is_not_the_persons_failure_is_a_retry_and_no_denial() -> None:
    second = {Reason.SECOND_FACTOR, Reason.SECOND_PERSON}
    assert {Reason.LOW_QUALITY, Reason.RETRY_LATER} | second == RETRIES
    assert isinstance(judge(seen(Look.LOW_QUALITY)), Retry)
    assert isinstance(judge(seen(Look.UNKNOWN)), Deny)


def test_the_way_out_is_never_decided() -> None:
    assert CredentialKind.REX not in get_args(EntryKind)
    assert set(get_args(EntryKind)) == set(CredentialKind) - {CredentialKind.REX}
    with pytest.raises(AssertionError):
        Attempt(kind=CredentialKind.REX, holder=ADA)  # type: ignore[arg-type]


def test_a_track_that_is_still_looked_at_is_not_an_attempt() -> None:
    with pytest.raises(AssertionError):
        replace(SEEN, verdict=Verdict(Look.LOOKING))


def test_a_face_opens_its_own_pass_only() -> None:
    with pytest.raises(AssertionError):
        replace(FACE, holder=replace(ADA, pass_id=PassId("P-bob")))


INPUTS = {
    Attempt: {
        "kind", "holder", "face", "code", "factors", "also", "needs_pin", "signed_age_ms", "aboard", "seconded_by",
        "locked_until_ms", "duress",
    },
    FaceEvidence: {"verdict", "matcher", "pad", "simulated", "pad_why", "by_before"},
    DoorView: {
        "access_point", "location_class", "lock_silent", "mode", "direction", "camera", "liveness", "simulation",
        "schedule", "schedule_opens_ms", "anti_passback", "interlock", "occupancy", "else_code", "require",
    },
    Moment: {"now_ms", "clock", "floor_ms", "contact_age_ms", "online", "lease_over", "max_offline_ms"},
    Policy: {"policy_version", "auth_ver"},
    Pass: {
        "pass_id", "pass_version", "subject_ref", "cls", "state", "scope", "schedule",
        "not_before_ms", "not_after_ms", "prereq", "policy", "creds",
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", list(INPUTS), ids=lambda kind: kind.__name__)
def test_points_bands_and_sanctions_are_not_inputs_of_the_decision(kind: type) -> None:
    """The whole list, so that a new input is a decision somebody had to write down here."""
    assert {field.name for field in dataclasses.fields(kind)} == INPUTS[kind]


# --- code and face together -------------------------------------------------------------------------------------


def both(look: Look, **changes: object) -> Attempt:
    """A PIN of Ada's and a face beside it."""
    face = SEEN if look is Look.NAMED else replace(SEEN, verdict=Verdict(look))
    words = {"kind": CredentialKind.PIN, "holder": ADA, "face": face, "factors": 2}
    return Attempt(**{**words, **changes})


def test_code_and_the_face_of_its_pass_open_and_code_with_another_face_does_not() -> None:
    assert judge(both(Look.NAMED)) == Allow(ADA)
    assert reason(both(Look.UNKNOWN)) is Reason.NOT_FOUND


def test_a_code_never_lets_another_persons_face_stand_in() -> None:
    other = replace(ADA, pass_id=PassId("P-other"))
    with pytest.raises(AssertionError):
        both(Look.NAMED, holder=other)


def test_a_face_beside_a_code_needs_its_holders_consent_too() -> None:
    without = replace(ADA, prereq=ENTRY_PREREQS)
    assert reason(both(Look.NAMED, holder=without)) is Reason.NOT_ENABLED


def test_a_face_beside_nobodys_code_is_no_attempt_at_all() -> None:
    with pytest.raises(AssertionError):
        both(Look.UNKNOWN, holder=None)


# --- what the person reads --------------------------------------------------------------------------------------


def test_every_refusal_has_one_of_four_texts() -> None:
    assert set(GUEST_TEXT) == set(Reason) - {Reason.GRANTED}
    assert set(GuestText) == {"try_again", "use_code", "wait_until", "see_guard"}


def test_an_early_guest_is_told_when_this_door_opens() -> None:
    early = judge(CODE, moment=at(-5))
    assert isinstance(early, Deny)
    assert early.advice == Advice(GuestText.WAIT_UNTIL, NOT_BEFORE - 2 * HOUR_MS)


def test_a_revoked_pass_is_never_told_to_wait() -> None:
    revoked = judge(holding(CODE, state=PassState.REVOKED), moment=at(-5))
    assert isinstance(revoked, Deny)
    assert revoked.advice == Advice(GuestText.SEE_GUARD)


def test_whoever_tried_too_often_is_told_until_when() -> None:
    locked = judge(replace(CODE, locked_until_ms=NOW + 30_000))
    assert isinstance(locked, Retry)
    assert locked.advice == Advice(GuestText.WAIT_UNTIL, NOW + 30_000)


def test_nobody_is_asked_for_a_code_after_a_code() -> None:
    unknown_face, unknown_code = judge(seen(Look.UNKNOWN)), judge(replace(CODE, holder=None, code=None))
    assert isinstance(unknown_face, Deny)
    assert isinstance(unknown_code, Deny)
    assert unknown_face.advice.text is GuestText.USE_CODE
    assert unknown_code.advice.text is GuestText.SEE_GUARD


# --- what is written down ---------------------------------------------------------------------------------------


def fact_of(attempt: Attempt, door: DoorView = DOOR) -> Fact:
    decision = judge(attempt, door)
    assert isinstance(decision, Allow | Deny)
    return about(decision, attempt, door, MOMENT, POLICY)


def test_a_grant_is_written_down_whole() -> None:
    assert fact_of(FACE) == Fact(
        type="access.granted", access_point=GATE, direction="in", subject_ref=ADA.subject_ref,
        cls="guest", pass_id=ADA.pass_id, pass_version=3, credential_kind=CredentialKind.FACE,
        registered=True, match=MatchFact("clear", "wide", "t7", "sface", 12, 40),
        pad=PadFact("pass"), decision="allow", reason="Granted", link_state="ONLINE",
        freshness="FRESH", policy_version=5, auth_ver=77,
    )  # fmt: skip


def test_a_stranger_leaves_a_reason_and_no_likeness() -> None:
    fact = fact_of(seen(Look.UNKNOWN))
    assert (fact.type, fact.decision, fact.reason) == (
        "access.denied", "deny", "CredentialNotFound",
    )  # fmt: skip
    assert (fact.match, fact.pass_id, fact.subject_ref, fact.registered) == (None,) * 4


def test_a_denied_guest_is_named_by_pass_and_reason() -> None:
    fact = fact_of(holding(CODE, prereq=Prereq.LISTING | Prereq.STAY))
    assert (fact.pass_id, fact.registered, fact.reason) == (ADA.pass_id, False, "x:NotRegistered")


def test_the_flags_of_a_grant_travel_with_it() -> None:
    unproven = replace(FACE, face=replace(SEEN, pad=PadFact("na")), duress=True)
    fact = fact_of(unproven, replace(DOOR, liveness=Liveness.OFF_DEMO))
    assert fact.x == {"flags": "liveness_off", "duress": 1}
