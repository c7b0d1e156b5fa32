"""Which passes open which door when, and whose face may be looked for."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.protocol import messages
from edge.core.clock import TimeSpan
from edge.core.events import AccessPointId, CredentialKind, PassId, SubjectRef
from edge.core.passes import (
    EARLY_MS,
    EMPTY,
    ENTRY_PREREQS,
    HOUR_MS,
    BadPassSet,
    Credential,
    LocationClass,
    Pass,
    PassSet,
    PassState,
    Prereq,
    SubjectClass,
    Window,
)

GATE, ROOM = AccessPointId("AP-gate"), AccessPointId("AP-room")
NOON, EVENING = 1_000 * HOUR_MS, 1_008 * HOUR_MS
EARLY = EARLY_MS[LocationClass.GATE]
ADA = Pass(
    pass_id=PassId("P-ada"),
    pass_version=1,
    subject_ref=SubjectRef("r-1"),
    cls=SubjectClass.GUEST,
    state=PassState.ARMED,
    scope=frozenset({GATE, ROOM}),
    schedule="",
    not_before_ms=NOON,
    not_after_ms=EVENING,
    prereq=ENTRY_PREREQS | Prereq.FACE_CONSENT,
    policy=1,
    creds=(Credential(CredentialKind.QR, "aa" * 16, b"k" * 32),),
)


def in_gallery(row: Pass, now_ms: int = NOON, door: AccessPointId = GATE) -> bool:
    return row in PassSet.build(1, [row]).gallery_passes(door, TimeSpan.at(now_ms), EARLY)


def test_the_prerequisite_bits_are_those_of_the_wire() -> None:
    assert {bit.name: bit.value for bit in Prereq} == {
        name.removeprefix("PREREQ_"): value
        for name, value in vars(messages).items()
        if name.startswith("PREREQ_")
    }


def test_every_state_of_the_life_cycle_that_stands_on_a_node_has_a_name() -> None:
    assert set(PassState) == {
        "PENDING", "ARMED", "EXIT_ONLY", "SUSPENDED", "REVOKED", "EXPIRED",
    }  # fmt: skip


def test_every_location_class_says_how_early_it_opens() -> None:
    hours = {where: early // HOUR_MS for where, early in EARLY_MS.items()}
    assert hours == {"gate": 2, "unit": 2, "garage": 2, "room": 0}


@pytest.mark.parametrize(
    ("now_ms", "early_ms", "window"),
    [
        (NOON - EARLY - 1, EARLY, Window.BEFORE),
        (NOON - EARLY, EARLY, Window.WITHIN),
        (NOON - 1, 0, Window.BEFORE),
        (NOON, 0, Window.WITHIN),
        (EVENING, 0, Window.WITHIN),
        (EVENING + 1, EARLY, Window.AFTER),
    ],
)
def test_a_window_opens_early_at_common_doors_and_ends_on_the_last_millisecond(
    now_ms: int, early_ms: int, window: Window
) -> None:
    assert ADA.window(TimeSpan.at(now_ms), early_ms) is window


@given(
    earliest=st.integers(0, 2_000 * HOUR_MS),
    length=st.integers(0, 2_000 * HOUR_MS),
    early=st.integers(0, 5 * HOUR_MS),
)
def test_an_unsure_time_is_within_a_window_exactly_when_some_moment_of_it_is(
    earliest: int, length: int, early: int
) -> None:
    span = TimeSpan(earliest, earliest + length)
    meets = max(span.earliest_ms, NOON - early) <= min(span.latest_ms, EVENING)
    assert (ADA.window(span, early) is Window.WITHIN) == meets


def test_an_armed_consenting_guest_in_time_and_scope_is_looked_for() -> None:
    assert in_gallery(ADA)


@pytest.mark.parametrize("state", sorted(set(PassState) - {PassState.ARMED}))
def test_only_an_armed_pass_is_looked_for(state: PassState) -> None:
    assert not in_gallery(replace(ADA, state=state))


@pytest.mark.parametrize("bit", list(ENTRY_PREREQS | Prereq.FACE_CONSENT))
def test_a_face_is_not_looked_for_without_each_prerequisite_and_consent(bit: Prereq) -> None:
    assert not in_gallery(replace(ADA, prereq=ADA.prereq & ~bit))


def test_a_face_is_not_looked_for_at_another_door_or_time() -> None:
    assert not in_gallery(replace(ADA, scope=frozenset({ROOM})))
    assert not in_gallery(ADA, now_ms=NOON - EARLY - 1)
    assert not in_gallery(ADA, now_ms=EVENING + 1)


def test_a_guest_without_face_consent_still_has_a_pass_that_opens() -> None:
    row = replace(ADA, prereq=ENTRY_PREREQS)
    assert PassSet.build(1, [row]).active(GATE, TimeSpan.at(NOON), EARLY) == (row,)


def test_prerequisites_of_a_stay_are_asked_of_guests_only() -> None:
    assert replace(ADA, prereq=Prereq(0)).missing() == ENTRY_PREREQS
    assert not replace(ADA, prereq=Prereq(0), cls=SubjectClass.RESIDENT).missing()


def test_a_credential_leads_to_its_pass_in_whatever_state_it_is() -> None:
    row = replace(ADA, state=PassState.REVOKED)
    assert PassSet.build(1, [row]).find_credential("aa" * 16) == (row, row.creds[0])
    assert PassSet.build(1, [row]).find_credential("bb" * 16) is None


def test_a_set_that_contradicts_itself_is_refused_in_one_sentence() -> None:
    with pytest.raises(BadPassSet, match="pass P-ada is there twice"):
        PassSet.build(1, [ADA, ADA])
    with pytest.raises(BadPassSet, match="is on two passes"):
        PassSet.build(1, [ADA, replace(ADA, pass_id=PassId("P-bob"))])


def test_an_empty_set_opens_nothing() -> None:
    assert EMPTY.active(GATE, TimeSpan.at(NOON), EARLY) == ()
    assert EMPTY.get(ADA.pass_id) is None
