"""Invariants 1, 2, 7, 15 and 19 of the domain, over whatever is shown in whatever order at whatever door."""

import asyncio
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.protocol import bundle, merkle
from edge.compose_credentials import parse_code
from edge.core.bundle import introduce
from edge.core.clock import TimeSpan
from edge.core.decision import decide
from edge.core.decision_types import Allow, Attempt, Deny, DoorView, Moment, Policy
from edge.core.door_events import RexPressed
from edge.core.door_types import Mode
from edge.core.events import ClockState, CredentialKind, GrantId, PassId
from edge.core.passes import DENYING, Denial, PassSet, PassState, SubjectClass
from edge.core.reasons import GUEST_TEXT, Reason
from edge.core.requirement import Require
from edge.link.translate import decode_passes
from tests.fakes.bundles import OTHER_ID, PASS_ID, bearer, day_code
from tests.fakes.lone_gate import GATE, HOUR_MS, NOW_MS, LoneGate, pass_row
from tests.fakes.shown import everything, show

WHAT = [
    "qr",
    "card",
    "pin",
    "other pin",
    "wrong pin",
    bearer(),
    day_code("630517"),
    bearer(pass_id=OTHER_ID, prereq=3),
]
STATES = [state.value for state in PassState]


def gates() -> st.SearchStrategy[LoneGate]:
    return st.builds(
        lambda state, prereq, version, cls, hours, require, direction, online, age, clock: LoneGate(
            [
                everything(
                    state=state,
                    prereq=prereq,
                    pass_version=version,
                    cls=cls,
                    not_after=NOW_MS + hours * HOUR_MS,
                ),
                pass_row(OTHER_ID, pin="771204", prereq=prereq),
            ],
            require=require,
            direction=direction,
            online=online,
            contact_age_ms=age,
            clock=clock,
        ),
        st.sampled_from(STATES),
        st.integers(0, 31),
        st.integers(1, 5),
        st.sampled_from([cls.value for cls in SubjectClass]),
        st.sampled_from([-1, 20]),
        st.sampled_from(list(Require)),
        st.sampled_from(["in", "out"]),
        st.booleans(),
        st.sampled_from([None, 0, 8 * 24 * HOUR_MS, 40 * 24 * HOUR_MS]),
        st.sampled_from(list(ClockState)),
    )


@settings(max_examples=150, deadline=None)
@given(gates(), st.lists(st.tuples(st.sampled_from(WHAT), st.integers(0, 40)), max_size=8))
@pytest.mark.invariant(1, 2, 7)
def test_1_2_and_7_whatever_is_shown(lone, shown):
    async def play() -> None:
        await lone.boot()
        for what, seconds in shown:
            lone.at_ns += seconds * 1_000_000_000
            await show(lone, what)
        before = len(lone.facts)
        await lone.gate.on_event(RexPressed(GrantId("rex")))
        assert "door.rex" in lone.kinds[before:]  # 2: the way out is never asked

    asyncio.run(play())
    rows = {row.pass_id: row for row in lone.rows}
    for fact in lone.facts:
        if fact.type == "access.granted":
            row = rows.get(
                fact.pass_id
            )  # None: the holder chose that the ledger keeps their class alone, or a bundle
            if row is not None and fact.cls == "guest" and fact.pass_version == row.pass_version:  # 1
                assert (row.state, row.prereq & 7) == ("ARMED", 7)
                assert GATE in row.scope
                assert row.not_after >= NOW_MS or lone.clock is ClockState.UNTRUSTED
            if row is not None:  # nothing shown gives back what is taken away aboard
                assert PassState(row.state) not in DENYING
                assert fact.pass_version is None or fact.pass_version >= row.pass_version
        if fact.type == "access.denied":  # 7
            assert fact.reason in {reason.value for reason in GUEST_TEXT}


def honoured(life_min: int, later_min: int, clock: ClockState, factors: int) -> bool:
    """Whether the door opens for a text that was signed this long ago, of a pass the node was never told of."""
    try:
        read = parse_code(bearer(life_min=life_min, not_after_s=2**32 - 1), {GATE})
    except bundle.BadCode:  # nobody signs it, and no node reads it
        return False
    now = NOW_MS + later_min * 60_000
    moment = Moment(now_ms=now, clock=clock, floor_ms=0, contact_age_ms=None, online=False)
    told = introduce(read, PassSet.build(0, ()), moment.span, lambda *_: True)
    also = frozenset({CredentialKind.PIN}) if factors == 2 else frozenset()
    attempt = Attempt(
        kind=CredentialKind.QR,
        holder=told.holder,
        code=told.outcome,
        aboard=False,
        also=also,
        factors=factors,
    )
    door = DoorView(access_point=GATE, location_class=LoneGate([]).location, mode=Mode.LOCKED)
    return isinstance(decide(attempt, door, moment, Policy(1, 1)), Allow)


@settings(deadline=None)
@given(
    st.integers(1, 3 * bundle.LIFE_MAX_MIN),
    st.integers(-72 * 60, 72 * 60),
    st.sampled_from([ClockState.TRUSTED, ClockState.HOLDOVER, ClockState.UNTRUSTED]),
    st.integers(1, 2),
)
@pytest.mark.invariant(15)
def test_15_what_is_honoured_without_the_pass_aboard_lives_a_day(life_min, later_min, clock, factors):
    """Told of no pass, with or without a second factor, and whatever its clock is worth."""
    if honoured(life_min, later_min, clock, factors):
        assert clock is not ClockState.UNTRUSTED
        assert -5 <= later_min <= life_min <= 24 * 60


@pytest.mark.invariant(15)
def test_15_catches_a_text_that_lives_longer_than_a_day(monkeypatch):
    late = (2 * 24 * 60, 30 * 60, ClockState.TRUSTED, 1)
    assert not honoured(*late)
    monkeypatch.setattr(bundle, "LIFE_MAX_MIN", 3 * 24 * 60)
    assert honoured(*late)


@settings(deadline=None)
@given(
    st.sampled_from([*STATES, "gone", "left"]),
    st.integers(1, 9),
    st.integers(1, 9),
)
@pytest.mark.invariant(15)
def test_15_a_revocation_that_reached_a_node_outlasts_every_text(state, aboard, shown):
    rows, denied = [], {}
    if state == "gone":
        denied = {PassId(PASS_ID): Denial(aboard, PassState.REVOKED)}
    elif state == "left":
        denied = {PassId(PASS_ID): Denial(aboard, None)}
    else:
        rows = decode_passes(merkle.pack([pass_row(PASS_ID, state=state, pass_version=aboard)]))
    passes = PassSet.build(1, rows, denied)
    read = parse_code(bearer(pass_version=shown), {GATE})
    told = introduce(read, passes, TimeSpan.at(NOW_MS), lambda *_: True)
    moment = Moment(now_ms=NOW_MS, clock=ClockState.TRUSTED, floor_ms=0, contact_age_ms=None, online=False)
    attempt = Attempt(kind=CredentialKind.QR, holder=told.holder, code=told.outcome)
    door = DoorView(access_point=GATE, location_class=LoneGate([]).location, mode=Mode.LOCKED)
    decision = decide(attempt, door, moment, Policy(1, 1))
    taken_away = state == "gone" or (state in STATES and PassState(state) in DENYING)
    older = shown < aboard or (state == "left" and shown == aboard)
    if taken_away or older:
        assert isinstance(decision, Deny)
    elif state in ("ARMED", "left") or shown > aboard:
        assert isinstance(decision, Allow)


@pytest.mark.invariant(19)
def test_19_nothing_that_is_shown_carries_points_bands_or_sanctions():
    names = {field.name for kind in (Attempt, DoorView, bundle.PassText) for field in fields(kind)}
    assert not [
        name
        for name in names
        if any(word in name for word in ("point", "band", "sanction")) and name != "access_point"
    ]
    assert Reason.GRANTED not in GUEST_TEXT
