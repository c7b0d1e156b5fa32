"""The pass as it should be: one change of the books, one change of the row."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.core.issue import (
    FOR_ENTRY,
    Basis,
    Door,
    desired_pass,
    due_event,
    guards_holding,
    is_due_at_nodes,
)
from cloud_sync.core.lifecycles import PASS, ListingState, PassState, StayState, Transition, advance
from cloud_sync.core.policy import CN_DEFAULT, DAY_MS, HOUR_MS
from cloud_sync.protocol.messages import (
    PREREQ_FACE_CONSENT,
    PREREQ_LISTING,
    PREREQ_LOOKALIKE,
    PREREQ_REGISTERED,
    PREREQ_STAY,
    Cred,
)

IN, OUT = 100 * DAY_MS, 101 * DAY_MS
BASIS = Basis(
    pass_id="PS-1",
    subject_ref="SJ-1",
    stay=StayState.REGISTERED,
    planned_in_ms=IN,
    planned_out_ms=OUT,
    checked_out_ms=None,
    next_in_ms=None,
    doors=(Door("AP-gate", "gate"), Door("AP-room", "room"), Door("AP-unit", "unit")),
    listing=ListingState.ACTIVE,
    confirmed=True,
    relocated_by_ms=None,
    registered=True,
    face_consent=False,
)


def settle(basis=BASIS, state=PassState.PENDING, now_ms=IN):
    """Step until the pass stands still, as the registry does."""
    for _ in range(6):
        event = due_event(state, basis, CN_DEFAULT, now_ms)
        if event is None:
            return state
        step = advance(PASS, state, event, guards_holding(basis, CN_DEFAULT, now_ms))
        assert isinstance(step, Transition), step
        state = PassState(step.after)
    raise AssertionError("it does not come to rest")


def row(basis=BASIS, now_ms=IN, held=None, state=None):
    return desired_pass(basis, state or settle(basis, now_ms=now_ms), held, CN_DEFAULT, now_ms)


@pytest.mark.parametrize(
    ("change", "state", "prereq"),
    [
        ({}, "ARMED", PREREQ_LISTING | PREREQ_STAY | PREREQ_REGISTERED),
        ({"face_consent": True}, "ARMED", FOR_ENTRY | PREREQ_FACE_CONSENT),
        ({"lookalike_consent": True}, "ARMED", FOR_ENTRY),
        (
            {"face_consent": True, "lookalike_consent": True},
            "ARMED",
            FOR_ENTRY | PREREQ_FACE_CONSENT | PREREQ_LOOKALIKE,
        ),
        ({"registered": False}, "PENDING", PREREQ_LISTING | PREREQ_STAY),
        ({"listing": ListingState.SUSPENDED}, "PENDING", PREREQ_STAY | PREREQ_REGISTERED),
        ({"stay": StayState.CANCELLED_BEFORE}, "REVOKED", PREREQ_LISTING | PREREQ_REGISTERED),
    ],
)
def test_what_is_missing_stands_in_the_row(change, state, prereq):
    made = row(replace(BASIS, **change))
    assert (made.state, made.prereq) == (state, prereq)


def test_the_window_holds_six_hours_for_the_look_and_less_when_the_room_is_let_again():
    assert (row().not_before, row().not_after) == (IN, OUT + 6 * HOUR_MS)
    turnover = replace(BASIS, next_in_ms=OUT + 3 * HOUR_MS)
    assert row(turnover).not_after == OUT + HOUR_MS
    assert row(replace(BASIS, next_in_ms=OUT + 7 * HOUR_MS)).not_after == OUT + 6 * HOUR_MS


def test_at_a_turnover_the_room_goes_with_the_stay_and_the_gate_an_hour_later():
    turnover = replace(BASIS, next_in_ms=OUT + 3 * HOUR_MS, stay=StayState.DUE_OUT)
    assert row(turnover, OUT - 1).scope == ["AP-gate", "AP-room", "AP-unit"]
    assert row(turnover, OUT).scope == ["AP-gate"]


def test_a_window_that_is_over_is_told_with_its_true_end():
    made = row(now_ms=OUT + 6 * HOUR_MS + 1)
    assert (made.state, made.not_after) == ("EXPIRED", OUT + 6 * HOUR_MS)


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        ({"stay": StayState.IN_HOUSE, "registered": False}, PassState.ACTIVE, PassState.EXIT_ONLY),
        ({"stay": StayState.CANCELLED_DURING}, PassState.ACTIVE, PassState.EXIT_ONLY),
        ({"stay": StayState.IN_HOUSE}, PassState.EXIT_ONLY, PassState.ACTIVE),
        ({"stay": StayState.CANCELLED_BEFORE}, PassState.ACTIVE, PassState.REVOKED),
        ({"stay": StayState.CHECKED_OUT, "checked_out_ms": IN + 5}, PassState.ACTIVE, PassState.EXPIRED),
        ({"registered": False}, PassState.ARMED, PassState.PENDING),
        ({"stay": StayState.IN_HOUSE}, PassState.SUSPENDED, PassState.SUSPENDED),
    ],
)
def test_how_a_pass_follows_its_stay(change, before, after):
    assert settle(replace(BASIS, **change), before, IN + 10) is after


def test_an_active_pass_that_lost_a_prerequisite_never_travels_as_armed():
    lost = replace(BASIS, listing=ListingState.SUSPENDED)
    assert row(lost, state=PassState.ACTIVE).state == "PENDING"


BASES = st.builds(
    replace,
    st.just(BASIS),
    stay=st.sampled_from(StayState),
    listing=st.sampled_from(ListingState),
    registered=st.booleans(),
    face_consent=st.booleans(),
    lookalike_consent=st.booleans(),
    planned_out_ms=st.sampled_from([OUT, OUT + DAY_MS]),
    creds=st.sampled_from([(), (Cred("qr", "ab", b"k"),)]),
)


@given(BASES, BASES, st.integers(IN - 4 * DAY_MS, OUT + 2 * DAY_MS))
def test_the_version_rises_by_one_exactly_when_something_changed(one, other, now_ms):
    held = row(one, now_ms)
    state = settle(other, settle(one, now_ms=now_ms), now_ms)
    after = desired_pass(other, state, held, CN_DEFAULT, now_ms)
    same = msgspec.structs.replace(after, pass_version=held.pass_version) == held
    assert after.pass_version == held.pass_version + (not same)


@given(BASES, st.sampled_from(PassState), st.integers(IN - 4 * DAY_MS, OUT + 2 * DAY_MS))
@pytest.mark.invariant(1)
def test_a_row_opens_only_with_every_prerequisite(basis, state, now_ms):
    state = settle(basis, state, now_ms)
    made = desired_pass(basis, state, None, CN_DEFAULT, now_ms)
    assert made.state != "ARMED" or made.prereq & FOR_ENTRY == FOR_ENTRY


def test_rows_are_aboard_from_72_hours_before_until_the_erase_clock_ends():
    made = row()
    assert not is_due_at_nodes(made, CN_DEFAULT, IN - 72 * HOUR_MS - 1)
    assert is_due_at_nodes(made, CN_DEFAULT, IN - 72 * HOUR_MS)
    assert is_due_at_nodes(made, CN_DEFAULT, made.not_after + DAY_MS - 1)
    assert not is_due_at_nodes(made, CN_DEFAULT, made.not_after + DAY_MS)
