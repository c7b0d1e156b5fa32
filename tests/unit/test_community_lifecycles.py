"""Every table of domain.md §5 that is needed now, and the rule above them all: what is not in a table is refused."""

import pytest

from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles import (
    BOOKING,
    CREDENTIAL,
    LISTING,
    PASS,
    REGISTRATION,
    STAY,
    TABLES,
    Lifecycle,
    ListingState,
    Refusal,
    Transition,
    advance,
    path,
)
from cloud_sync.core.listing_access import ACCESS, access_by_listing_state, listing_permits

EVERY_GUARD = frozenset(Guard)

WAYS = [
    (LISTING, ["create", "submit", "assign reviewer", "approve", "review overdue", "14 d over"], "SUSPENDED"),
    (LISTING, ["create", "submit", "assign reviewer", "return", "resubmit"], "FILED"),
    (LISTING, ["create", "submit", "assign reviewer", "approve", "ban", "last guest out"], "CLOSED"),
    (BOOKING, ["received", "confirmed", "modified", "cancelled"], "CANCELLED"),
    (REGISTRATION, ["start", "submit", "check failed", "corrected", "document check passed"], "VERIFIED"),
    (
        STAY,
        ["booking confirmed", "first member verified", "first entry taken", "departure day begins"],
        "DUE_OUT",
    ),
    (STAY, ["booking confirmed", "no-show confirmed", "guest arrives"], "REGISTERED"),
    (PASS, ["issue", "prerequisites hold", "window opens", "window over", "erase clock over"], "EXPIRED"),
    (PASS, ["issue", "prerequisites hold", "prerequisite lost", "revoke"], "REVOKED"),
    (PASS, ["issue", "prerequisites hold", "window opens", "exit only", "reinstated"], "ACTIVE"),
    (CREDENTIAL, ["issue", "pass armed", "first successful use", "extend stay", "pass ended"], "DESTROYED"),
]


@pytest.mark.parametrize(("table", "events", "end"), WAYS, ids=lambda value: getattr(value, "name", None))
def test_a_life_runs_along_its_table(table, events, end):
    state = None
    for event in events:
        step = advance(table, state, event, EVERY_GUARD)
        assert isinstance(step, Transition), step
        state = step.after
    assert state == end


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_transition_that_is_not_in_the_table_is_refused(table: Lifecycle):
    known = {(row.before, row.event) for row in table.rows}
    events = {row.event for row in table.rows}
    for state in (None, *table.states):
        for event in events:
            step = advance(table, state, event, EVERY_GUARD)
            assert isinstance(step, Transition) == ((state, event) in known)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_guarded_transition_without_its_guards_is_refused_and_names_them(table: Lifecycle):
    for row in table.rows:
        free = any(o.before == row.before and o.event == row.event and not o.guards for o in table.rows)
        step = advance(table, row.before, row.event)
        assert isinstance(step, Transition if free or not row.guards else Refusal)
        if isinstance(step, Refusal):
            assert set(row.guards) <= set(step.missing)
            assert row.guards[0] in step.sentence


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_tables_name_only_their_own_states_and_reach_all_of_them(table: Lifecycle):
    named = {row.after for row in table.rows} | {row.before for row in table.rows if row.before}
    assert named == table.states
    assert all(path(table, None, state) is not None for state in table.states)


def test_no_way_leads_back_from_an_end():
    assert path(LISTING, ListingState.WITHDRAWN, ListingState.ACTIVE) is None
    assert path(PASS, "REVOKED", "ARMED") is None


def test_every_listing_state_says_what_it_permits():
    assert set(ACCESS) == set(ListingState)
    assert access_by_listing_state(ListingState.LAPSED).new_passes
    assert not access_by_listing_state(ListingState.SUSPENDED).new_passes


@pytest.mark.parametrize(
    ("state", "in_house", "now_ms", "permits"),
    [
        ("ACTIVE", False, 0, True),
        ("SUSPENDED", False, 0, False),  # a first entry is denied
        ("SUSPENDED", True, 0, True),  # who is inside keeps their door
        ("WITHDRAWING", False, 0, True),  # confirmed before
        ("REVOKED", True, 99, True),
        ("REVOKED", True, 100, False),  # the relocation deadline
        ("CLOSED", True, 0, False),
        ("DRAFT", False, 0, False),
    ],
)
def test_what_a_listing_state_means_for_a_pass(state, in_house, now_ms, permits):
    verdict = listing_permits(
        ListingState(state), in_house=in_house, confirmed=True, relocated_by_ms=100, now_ms=now_ms
    )
    assert verdict is permits
