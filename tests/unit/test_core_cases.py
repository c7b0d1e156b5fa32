"""The case machine of domain.md §11.3: its table, its guards, its clocks, and what holds whatever anybody does."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.core.case_clocks import ALERT_LADDERS, DISCREPANCY_LADDERS, due
from cloud_sync.core.case_types import (
    ALERTS,
    BY_PEOPLE,
    FORCED,
    HELD,
    OPEN,
    OWNED,
    UNSEEN,
    Case,
    CaseEvent,
    CaseState,
    Deed,
    Family,
    Finding,
    OwnerRole,
    Severity,
)
from cloud_sync.core.cases import CASE, again, closes_by_data, joins, open_case, possible, take, visible
from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles import Refusal, advance, path
from cloud_sync.core.policy import DAY_MS, HOUR_MS, MINUTE_MS
from cloud_sync.core.roles import Role

NOW = 1_000_000_000
E, S = CaseEvent, CaseState
LI, WANG, CHEN = "li", "wang", "chen"


def alarm(kind=FORCED, seen_ms=NOW):
    return Finding(
        Family.ALERT, kind.name, kind.severity, "AP-1", f"alert/AP-1/{kind.name}", seen_ms, "gate-1", "AP-1"
    )


def discrepancy(kind="D02", severity=Severity.S3):
    return Finding(Family.DISCREPANCY, kind, severity, "ST-1", f"discrepancy/{kind}/ST-1/0", NOW)


def matter(kind="noise"):
    return Finding(Family.MATTER, kind, Severity.S3, "1-301", f"matter/1-301/{kind}", NOW)


def opened(finding=None):
    return open_case(finding or alarm(), "CS-1", NOW)


def by(actor, event, *, role=Role.GUARD, **more):
    return Deed(event, actor, role, **{"reason": "looked at it", **more})


def done(case, *deeds, now_ms=NOW + 1):
    """The case after these deeds, each of which must be possible."""
    for deed in deeds:
        moved = take(case, deed, now_ms)
        assert isinstance(moved, Case), moved
        case = moved
    return case


def shut(case):
    return done(case, Deed(E.CLEARS, seen_ms=NOW + 1))


def worked(case):
    return done(case, by(LI, E.ACK), by(LI, E.START))


# --- the ways of the page -------------------------------------------------------------------------------------


def test_a_forced_door_that_is_shut_again_stays_until_somebody_looked_and_another_checked():
    case = shut(opened())
    assert (case.state, case.active) == (S.RTN_UNACK, False)
    looked = done(case, by(LI, E.ACK, reason="wind; the leaf did not catch"))
    assert (looked.state, looked.resolved_by, looked.owner) == (S.RESOLVED, LI, LI)
    assert isinstance(take(looked, by(LI, E.VERIFY), NOW), Refusal)
    closed = done(looked, by(WANG, E.VERIFY))
    assert (closed.state, closed.verified_by) == (S.CLOSED, WANG)


def test_a_forced_door_that_stands_open_is_not_acknowledged_without_the_right_to():
    refused = take(opened(), by(LI, E.ACK), NOW)
    assert isinstance(refused, Refusal)
    assert refused.missing == (Guard.DOOR_SHUT,)
    assert done(opened(), by(CHEN, E.ACK, role=Role.OFFICER)).state is S.ACKED
    assert isinstance(take(opened(), by(CHEN, E.ACK, role=Role.OFFICER, reason=" "), NOW), Refusal)


def test_a_held_door_is_acknowledged_open_and_resolved_only_shut():
    case = worked(opened(alarm(HELD)))
    assert take(case, by(LI, E.RESOLVE), NOW).missing == (Guard.DOOR_SHUT,)
    assert done(shut(case), by(LI, E.RESOLVE)).state is S.RESOLVED


def test_what_was_over_before_anybody_looked_closes_by_looking_when_it_is_light():
    light = replace(opened(), severity=Severity.S3, kind="node_offline")
    assert done(shut(light), by(LI, E.ACK, reason="")).state is S.CLOSED
    grave = take(shut(opened()), by(LI, E.ACK, reason=""), NOW)
    assert isinstance(grave, Refusal)
    assert grave.missing == (Guard.REASON,)


def test_the_door_forced_again_before_anybody_looked_is_new_again_and_counted():
    case = done(shut(opened()), Deed(E.RAISE, seen_ms=NOW + 5))
    assert (case.state, case.count, case.active) == (S.NEW, 2, True)


def test_the_owner_changes_when_the_other_accepts_and_not_before():
    case = done(worked(shut_after_ack()), by(LI, E.OFFER, to=WANG))
    assert (case.owner, case.offered_to) == (LI, WANG)
    assert isinstance(take(case, by(CHEN, E.ACCEPT), NOW), Refusal)
    accepted = done(case, by(WANG, E.ACCEPT))
    assert (accepted.owner, accepted.offered_to) == (WANG, None)
    assert accepted.act_due_ms == case.act_due_ms


def shut_after_ack():
    """A held door, acknowledged by nobody yet."""
    return opened(alarm(HELD))


def test_only_the_owner_works_a_case_and_an_officer_may_pass_it_on():
    case = worked(shut_after_ack())
    assert isinstance(take(case, by(WANG, E.HOLD, until_ms=NOW + HOUR_MS), NOW), Refusal)
    assert isinstance(take(case, by(WANG, E.OFFER, to=CHEN), NOW), Refusal)
    assert done(case, by(CHEN, E.OFFER, role=Role.OFFICER, to=WANG)).offered_to == WANG


def test_on_hold_the_action_clock_stands_still():
    case = worked(shut_after_ack())
    held = done(case, by(LI, E.HOLD, until_ms=NOW + HOUR_MS), now_ms=NOW + MINUTE_MS)
    assert due(held, NOW + HOUR_MS) is E.RESUME
    back = done(held, Deed(E.RESUME), now_ms=NOW + 11 * MINUTE_MS)
    assert back.act_due_ms == case.act_due_ms + 10 * MINUTE_MS


@pytest.mark.parametrize("until_ms", [NOW - 1, NOW, NOW + DAY_MS + 1, None])
def test_a_hold_has_an_end_ahead_and_within_a_day(until_ms):
    assert isinstance(take(worked(shut_after_ack()), by(LI, E.HOLD, until_ms=until_ms), NOW), Refusal)


def test_who_rejects_gives_it_back_to_its_owner():
    case = done(shut(worked(shut_after_ack())), by(LI, E.RESOLVE), by(WANG, E.REJECT, reason="still loose"))
    assert (case.state, case.owner, case.resolved_by) == (S.IN_PROGRESS, LI, None)


def test_a_closed_case_stays_closed_and_its_story_goes_on_in_a_new_one():
    closed = done(shut(opened()), by(LI, E.ACK), by(WANG, E.VERIFY))
    reopened = done(closed, by(CHEN, E.REOPEN, role=Role.OFFICER))
    assert (reopened.state, reopened.reopen_count) == (S.CLOSED, 1)
    fresh = open_case(again(closed, NOW + 9), "CS-2", NOW + 9)
    assert (fresh.state, fresh.reopened_from, fresh.group_key) == (S.NEW, "CS-1", closed.group_key)
    late = take(closed, by(CHEN, E.REOPEN, role=Role.OFFICER), closed.closed_ms + 31 * DAY_MS)
    assert isinstance(late, Refusal)


# --- discrepancies -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "severity", "after"),
    [
        ("D02", Severity.S3, S.CLOSED),
        ("D01", Severity.S2, S.CLOSED),
        ("D01", Severity.S1, S.RESOLVED),
        ("D05", Severity.S2, S.RESOLVED),
        ("D23", Severity.S1, S.RESOLVED),
        ("D23", Severity.S3, S.CLOSED),
    ],
)
def test_data_close_what_the_page_lets_data_close(kind, severity, after):
    assert done(opened(discrepancy(kind, severity)), Deed(E.MET)).state is after
    assert closes_by_data(kind, severity) is (after is S.CLOSED)


def test_late_evidence_closes_a_discrepancy_with_its_own_word():
    case = done(worked(opened(discrepancy())), Deed(E.RETRACT))
    assert (case.state, case.resolution) == (S.CLOSED, "cleared_by_late_evidence")


def test_a_discrepancy_that_grew_heavier_follows_the_heavier_ladder_from_its_first_rung():
    case = done(opened(discrepancy("D03", Severity.S3)), Deed(E.RAISE, severity=Severity.S1))
    assert (case.severity, case.owner_role, case.level) == (Severity.S1, OwnerRole.GUARD, 0)
    assert case.next_ms == case.opened_ms + 15 * MINUTE_MS


def test_what_a_guard_verifies_is_a_door_and_never_the_books():
    case = done(opened(discrepancy("D05", Severity.S1)), by(LI, E.ACK), by(LI, E.START), by(LI, E.RESOLVE))
    assert take(case, by(WANG, E.VERIFY), NOW).missing == (Guard.PERMITTED,)
    assert done(case, by(CHEN, E.VERIFY, role=Role.OFFICER)).state is S.CLOSED


@pytest.mark.parametrize(
    ("role", "family", "severity", "seen"),
    [
        ("guard", Family.ALERT, Severity.S3, True),
        ("guard", Family.DISCREPANCY, Severity.S1, True),
        ("guard", Family.DISCREPANCY, Severity.S2, False),
        ("officer", Family.DISCREPANCY, Severity.S4, True),
        ("gardener", Family.ALERT, Severity.S1, False),
    ],
)
def test_gate_staff_see_alerts_and_what_needs_them_now(role, family, severity, seen):
    assert visible(role, family, severity) is seen


def test_an_alert_is_never_settled_by_the_books():
    for event in (E.MET, E.RETRACT):
        assert take(opened(), Deed(event), NOW).missing[0] is Guard.DISCREPANCY


# --- clocks -------------------------------------------------------------------------------------------------------


def climbed(case, clock, times):
    """Who is asked each time this clock runs out."""
    asked = [case.owner_role]
    for _ in range(times):
        assert due(case, case.next_ms - 1) is None
        assert due(case, case.next_ms) is clock
        case = done(case, Deed(clock), now_ms=case.next_ms)
        asked.append(case.owner_role)
    return case, asked


def test_nobody_looks_and_the_ladder_is_climbed_to_its_end_and_no_further():
    case, asked = climbed(opened(), E.ACK_CLOCK, 3)
    assert asked == [OwnerRole.GUARD, OwnerRole.SHIFT_LEAD, OwnerRole.OFFICER, OwnerRole.CALL]
    assert case.next_ms is None
    assert case.state is S.NEW


@pytest.mark.parametrize(
    ("kind", "ack_ms", "act_ms"),
    [(FORCED, MINUTE_MS, 5 * MINUTE_MS), (HELD, 5 * MINUTE_MS, 30 * MINUTE_MS)],
)
def test_the_clocks_of_the_page(kind, ack_ms, act_ms):
    case = opened(alarm(kind))
    assert case.ack_due_ms == NOW + ack_ms
    acked = done(case, by(CHEN, E.ACK, role=Role.OFFICER), now_ms=NOW + 7)
    assert acked.act_due_ms == NOW + 7 + act_ms


def test_a_discrepancy_asks_the_next_rung_by_the_clock_of_the_page():
    case, asked = climbed(opened(discrepancy("D01", Severity.S1)), E.ACK_CLOCK, 3)
    assert asked[1:] == [OwnerRole.SHIFT_LEAD, OwnerRole.OFFICER, OwnerRole.STREET]
    assert case.opened_ms == NOW


def test_nobody_checks_for_a_week_and_a_light_case_closes_by_itself_but_says_so():
    light = done(
        opened(discrepancy("D02", Severity.S3)), by(CHEN, E.ACK), by(CHEN, E.START), by(CHEN, E.RESOLVE)
    )
    assert due(light, NOW + 7 * DAY_MS + 1) is E.UNCHECKED
    assert done(light, Deed(E.UNCHECKED)).resolution == "unverified"
    grave = done(shut(opened()), by(LI, E.ACK), Deed(E.UNCHECKED))
    assert (grave.state, grave.level) == (S.RESOLVED, 1)


def test_every_severity_has_a_ladder_and_every_ladder_rises():
    assert set(ALERT_LADDERS) == set(DISCREPANCY_LADDERS) == set(Severity)
    for ladder in DISCREPANCY_LADDERS.values():
        assert [rung.after_ms for rung in ladder] == sorted({rung.after_ms for rung in ladder})


# --- grouping -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "after_ms", "same"),
    [
        (S.NEW, HOUR_MS, True),
        (S.RTN_UNACK, HOUR_MS, True),
        (S.ACKED, 60_000, True),
        (S.ACKED, 60_001, False),
        (S.RESOLVED, 1, False),
        (S.CLOSED, 1, False),
    ],
)
def test_an_alarm_joins_while_unseen_and_within_a_minute_afterwards(state, after_ms, same):
    assert joins(replace(opened(), state=state), NOW + after_ms) is same


def test_a_discrepancy_joins_its_case_until_that_is_closed():
    case = opened(discrepancy())
    assert all(joins(replace(case, state=state), NOW + DAY_MS) for state in OPEN)
    assert not joins(replace(case, state=S.CLOSED), NOW)


# --- whatever anybody does ---------------------------------------------------------------------------------------

people = st.sampled_from(
    [(LI, Role.GUARD), (WANG, Role.GUARD), (CHEN, Role.OFFICER), ("ma", Role.DEPARTMENT)]
)
findings = st.sampled_from(
    [alarm(), alarm(HELD), discrepancy(), discrepancy("D05", Severity.S2), matter("noise"), matter("crime")]
)


@st.composite
def deeds(draw):
    actor, role = draw(people)
    event = draw(st.sampled_from(list(CaseEvent)))
    human = event in BY_PEOPLE
    return Deed(
        event,
        actor if human else "",
        role if human else None,
        reason=draw(st.sampled_from(["", "seen"])),
        to=draw(st.sampled_from(["", LI, WANG, CHEN, "fire"])),
        code=draw(st.sampled_from(["", "big", "small", "private", "work", "hard"])),
        colour=draw(st.sampled_from(["", "blue", "red"])),
        cause=draw(st.sampled_from(["", "CS-9"])),
        until_ms=draw(st.sampled_from([None, NOW + HOUR_MS])),
        severity=draw(st.sampled_from([None, *Severity])),
    )


@given(finding=findings, story=st.lists(deeds(), max_size=40), step_ms=st.integers(1, HOUR_MS))
@pytest.mark.invariant(10, 22, 26)
def test_one_owner_always_no_self_check_and_only_steps_of_the_table(finding, story, step_ms):
    case, now_ms = opened(finding), NOW
    steps = {(row.before, row.event, row.after) for row in CASE.rows}
    for deed in story:
        now_ms += step_ms
        moved = take(case, deed, now_ms)
        if isinstance(moved, Refusal):
            continue
        assert (case.state, deed.event, moved.state) in steps
        assert moved.holder
        assert (moved.owner is not None) or moved.state not in OWNED
        given_up = moved.owner is None and moved.state in (*UNSEEN, S.CLOSED)
        assert moved.owner == case.owner or given_up or deed.event in (E.ACK, E.ACCEPT, E.REJECT)
        assert moved.verified_by is None or moved.verified_by != moved.resolved_by
        assert (moved.state is S.CLOSED) == (moved.closed_ms is not None)
        assert case.state is not S.CLOSED or moved.state is S.CLOSED
        assert moved.severity <= case.severity or deed.event is E.TRIAGE
        assert moved.state is not S.SHELVED or moved.severity is not Severity.S1 or moved.next_ms == now_ms
        assert moved.next_ms is None or due(moved, moved.next_ms) is not None
        case = moved


@given(finding=findings, story=st.lists(deeds(), max_size=25), who=people)
def test_what_is_offered_to_somebody_is_never_refused_for_who_they_are(finding, story, who):
    case, now_ms = opened(finding), NOW
    for deed in story:
        now_ms += 1
        moved = take(case, deed, now_ms)
        case = moved if isinstance(moved, Case) else case
    actor, role = who
    for event in possible(case, actor, role, now_ms):
        code = {E.TRIAGE: "big", E.WHISTLE: "work"}.get(event, "")
        to = case.department if role is Role.DEPARTMENT and case.department else "somebody"
        deed = Deed(
            event, actor, role, reason="seen", to=to, until_ms=now_ms + 5, code=code, colour="blue"
        )  # fmt: skip
        assert isinstance(take(replace(case, active=False), deed, now_ms), Case)


def test_every_state_is_reached_and_nothing_leaves_closed():
    assert {row.before for row in CASE.rows if row.before} | {row.after for row in CASE.rows} == CASE.states
    assert all(path(CASE, None, state) is not None for state in CASE.states)
    assert path(CASE, S.CLOSED, S.NEW) is None
    for state in CASE.states:
        for event in CaseEvent:
            known = any(row.before == state and row.event == event for row in CASE.rows)
            step = advance(CASE, state, event, frozenset(Guard))
            assert isinstance(step, Refusal) is not known


def test_alert_kinds_are_raised_by_one_event_each():
    raising = [kind.raised_by for kind in ALERTS.values() if kind.raised_by]
    assert len(raising) == len(set(raising))
