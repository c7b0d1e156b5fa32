"""How far the time of day is believed, and how long knowledge stays good."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.clock import (
    DAY_MS,
    MAX_OFFLINE_MS,
    ClockEvidence,
    ClockStep,
    TimeSpan,
    drift_bound_ms,
    judge_clock,
    lower_bound_ms,
    step_between,
    stepped_back_ms,
    time_span,
)
from edge.core.events import ClockState
from edge.core.freshness import (
    BEYOND_THE_LEASE,
    RULE,
    Freshness,
    Lease,
    contact_age_ms,
    countdown,
    countdowns,
    freshness,
    link_state,
)
from edge.core.passes import SubjectClass

FRESH, STALE, EXPIRED = Freshness.FRESH, Freshness.STALE, Freshness.EXPIRED


@pytest.mark.parametrize(
    ("evidence", "state"),
    [
        (ClockEvidence(True, 0, True), ClockState.TRUSTED),
        (ClockEvidence(True, DAY_MS - 1, False), ClockState.TRUSTED),
        (ClockEvidence(True, DAY_MS, True), ClockState.HOLDOVER),
        (ClockEvidence(True, None, False), ClockState.HOLDOVER),
        (ClockEvidence(False, 0, True), ClockState.HOLDOVER),
        (ClockEvidence(False, DAY_MS, False), ClockState.UNTRUSTED),
        (ClockEvidence(False, None, False), ClockState.UNTRUSTED),
        (ClockEvidence(True, 0, True, stepped_back_ms=120_000), ClockState.TRUSTED),
        (ClockEvidence(True, 0, True, stepped_back_ms=120_001), ClockState.UNTRUSTED),
    ],
)
def test_every_way_a_clock_can_stand(evidence: ClockEvidence, state: ClockState) -> None:
    assert judge_clock(evidence).state is state


def test_an_unaided_clock_is_bounded_by_ten_seconds_a_day() -> None:
    assert judge_clock(ClockEvidence(True, 3 * DAY_MS, True)).bound_ms == 30_000
    assert judge_clock(ClockEvidence(True, None, False)).bound_ms == 300_000
    assert drift_bound_ms(1) == 1
    assert drift_bound_ms(0) == 0


@given(age=st.integers(0, 400 * DAY_MS), more=st.integers(0, 400 * DAY_MS))
def test_the_bound_never_shrinks_while_nobody_sets_the_clock(age: int, more: int) -> None:
    earlier = judge_clock(ClockEvidence(True, age, True)).bound_ms
    assert judge_clock(ClockEvidence(True, age + more, True)).bound_ms >= earlier


def test_a_step_back_is_counted_against_the_monotonic_clock() -> None:
    assert stepped_back_ms(wall_passed_ms=-100_000, mono_passed_ms=50_000) == 150_000
    assert stepped_back_ms(wall_passed_ms=90_000, mono_passed_ms=50_000) == 0


@pytest.mark.story("25a")
def test_without_a_clock_it_is_later_than_everything_that_is_known() -> None:
    floor = lower_bound_ms(build_ms=5, signed_ms=9, event_ms=7)
    assert time_span(ClockState.UNTRUSTED, 1, floor) == TimeSpan(9, 9 + MAX_OFFLINE_MS)


@pytest.mark.parametrize("state", [ClockState.TRUSTED, ClockState.HOLDOVER])
def test_a_clock_that_is_believed_says_one_moment(state: ClockState) -> None:
    assert time_span(state, 77, 9) == TimeSpan.at(77)


def fresh(
    cls: SubjectClass,
    days: float | None,
    *,
    online: bool = False,
    code: bool = False,
    over: bool = False,
) -> Freshness:
    age = None if days is None else int(days * DAY_MS)
    return freshness(cls, age, online=online, signed_code=code, window_over=over)


def test_every_subject_class_has_a_rule() -> None:
    assert set(RULE) == set(SubjectClass)


@pytest.mark.parametrize("cls", [SubjectClass.RESIDENT, SubjectClass.LONG_TENANT])
@pytest.mark.parametrize(
    ("days", "word"), [(7, FRESH), (7.01, STALE), (30, STALE), (30.01, EXPIRED), (None, EXPIRED)]
)
def test_residents_are_stale_after_a_week_and_expire_after_a_month(
    cls: SubjectClass, days: float | None, word: Freshness
) -> None:
    assert fresh(cls, days) is word


def test_a_guest_on_a_cut_off_node_is_fresh_until_the_window_ends() -> None:
    assert fresh(SubjectClass.GUEST, None) is FRESH
    assert fresh(SubjectClass.GUEST, 0, online=True, over=True) is EXPIRED


@pytest.mark.parametrize("cls", [SubjectClass.DAY_VISITOR, SubjectClass.COURIER])
def test_visitors_need_a_signed_code_as_soon_as_contact_is_lost(cls: SubjectClass) -> None:
    assert fresh(cls, 0) is EXPIRED
    assert fresh(cls, 0, online=True) is FRESH
    assert fresh(cls, None, code=True) is FRESH


@pytest.mark.parametrize("cls", [SubjectClass.OPERATOR, SubjectClass.MAINTENANCE, SubjectClass.GRID])
def test_staff_never_expire_but_are_stale_after_a_week(cls: SubjectClass) -> None:
    assert [fresh(cls, days) for days in (7, 8, 400, None)] == [FRESH, STALE, STALE, STALE]


def test_an_emergency_is_always_fresh() -> None:
    assert fresh(SubjectClass.EMERGENCY, None) is FRESH


def test_the_age_counts_from_the_signing_of_the_head_and_never_below_zero() -> None:
    assert contact_age_ms(100, 40) == 60
    assert contact_age_ms(40, 100) == 0
    assert contact_age_ms(40, None) is None


def test_the_link_is_told_as_the_decision_saw_it() -> None:
    assert link_state(STALE, online=True) == "ONLINE"
    assert link_state(STALE, online=False) == "OFFLINE_STALE"


@pytest.mark.parametrize(
    ("cls", "days", "online", "stale_days", "expires_days"),
    [
        (SubjectClass.RESIDENT, 2, False, 5, 28),
        (SubjectClass.RESIDENT, 8, False, 0, 22),
        (SubjectClass.LONG_TENANT, 31, False, 0, 0),
        (SubjectClass.RESIDENT, None, False, 0, 0),
        (SubjectClass.GRID, 2, False, 5, None),
        (SubjectClass.GUEST, 90, False, None, None),
        (SubjectClass.COURIER, 0, True, None, 0),
        (SubjectClass.EMERGENCY, None, False, None, None),
    ],
)
def test_what_is_left_without_news_is_counted_down(cls, days, online, stale_days, expires_days) -> None:
    age_ms = None if days is None else days * DAY_MS
    left = countdown(cls, age_ms, online=online)
    told = [None if ms is None else ms / DAY_MS for ms in (left.stale_in_ms, left.expires_in_ms)]
    assert told == [stale_days, expires_days]
    assert left.state is freshness(cls, age_ms, online=online, signed_code=False, window_over=False)


OVER, UNTIL = MAX_OFFLINE_MS + 1, Lease(MAX_OFFLINE_MS)


@pytest.mark.parametrize("cls", SubjectClass)
def test_beyond_the_lease_only_staff_and_rescuers_are_believed(cls: SubjectClass) -> None:
    word = freshness(cls, 0, online=True, signed_code=True, window_over=False, lease_over=True)
    assert (word is EXPIRED) is (RULE[cls] not in BEYOND_THE_LEASE)


@pytest.mark.parametrize(
    ("clock", "now_ms", "bound_ms", "floor_ms", "left_ms"),
    [
        (ClockState.TRUSTED, MAX_OFFLINE_MS - 5, 0, 0, 5),
        (ClockState.HOLDOVER, MAX_OFFLINE_MS - 5, 9, 0, 0),  # by the latest it can be
        (ClockState.TRUSTED, 0, 0, OVER, 0),  # a clock set back does not lengthen it
        (ClockState.UNTRUSTED, OVER, 0, 7, MAX_OFFLINE_MS - 7),
        (ClockState.UNTRUSTED, 0, 0, OVER, 0),
    ],
)
def test_a_lease_ends_by_the_latest_it_can_be(clock, now_ms, bound_ms, floor_ms, left_ms) -> None:
    assert UNTIL.left_ms(clock, now_ms, bound_ms, floor_ms) == left_ms
    assert Lease(None).left_ms(clock, now_ms, bound_ms, floor_ms) is None


def test_the_end_of_the_lease_is_counted_down_where_it_comes_first() -> None:
    left = {cls: one.expires_in_ms for cls, one in countdowns(0, online=True, lease_left_ms=9).items()}
    assert left[SubjectClass.GUEST] == left[SubjectClass.RESIDENT] == 9
    assert left[SubjectClass.GRID] is left[SubjectClass.EMERGENCY] is None


def test_every_class_has_its_countdown() -> None:
    assert set(countdowns(0, online=False)) == set(SubjectClass)


@pytest.mark.parametrize(
    ("passed_ms", "wall_passed_ms", "stepped"),
    [
        (1_000, 1_000, False),
        (1_000, 2_050, False),  # slewed, or read a moment later
        (1_000, 2_200, True),
        (1_000, -200, True),
        (600_000, 640_000, False),  # a slow correction, seen after ten minutes
        (600_000, 670_000, True),
        (5_000, 1_700_000_000_000, True),  # out of 1970
    ],
)
def test_a_step_is_what_no_slewing_clock_does(passed_ms, wall_passed_ms, stepped):
    step = step_between(9_000, 9_000 + wall_passed_ms, passed_ms)
    wanted = ClockStep(9_000 + passed_ms, 9_000 + wall_passed_ms) if stepped else None
    assert step == wanted
    assert step is None or step.by_ms == wall_passed_ms - passed_ms
