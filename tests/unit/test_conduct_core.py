"""Points, bands and the sanction ladder: the tables over every pair, and the ledger's arithmetic as properties."""

from dataclasses import fields
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.core import issue, rights
from cloud_sync.core.conduct import (
    BANDS,
    EVENT_OF_TIER,
    LIGHT_TIERS,
    RULES,
    TIERS,
    Band,
    Counted,
    counts,
    standing,
)
from cloud_sync.core.dossier import (
    CHECKLIST,
    CHECKLIST_VERSION,
    DOCUMENTS,
    LETTERS,
    Answer,
    Paper,
    Risk,
    Verified,
    missing_documents,
    missing_letters,
    open_items,
    verified,
    working_days_after,
)
from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles import LISTING, Lifecycle, ListingState, Refusal, Transition, advance, path
from cloud_sync.core.lifecycles_conduct import CONDUCT_TABLES, POINTS, SANCTION, PointsState
from cloud_sync.core.policy import DAY_MS
from cloud_sync.protocol.messages import PassRow

EVERY_GUARD = frozenset(Guard)
YEAR_MS = 365 * DAY_MS


@pytest.mark.parametrize("table", CONDUCT_TABLES, ids=lambda table: table.name)
def test_every_transition_that_is_not_in_the_table_is_refused(table: Lifecycle):
    known = {(row.before, row.event) for row in table.rows}
    events = {row.event for row in table.rows}
    for state in (None, *table.states):
        for event in events:
            step = advance(table, state, event, EVERY_GUARD)
            assert isinstance(step, Transition) == ((state, event) in known)


@pytest.mark.parametrize("table", CONDUCT_TABLES, ids=lambda table: table.name)
def test_a_guarded_transition_without_its_guards_is_refused_and_names_them(table: Lifecycle):
    guarded = [row for row in table.rows if row.guards]
    assert guarded
    for row in guarded:
        step = advance(table, row.before, row.event)
        assert isinstance(step, Refusal)
        assert step.missing


@pytest.mark.parametrize("table", CONDUCT_TABLES, ids=lambda table: table.name)
def test_tables_name_only_their_own_states_and_reach_all_of_them(table: Lifecycle):
    named = {row.after for row in table.rows} | {row.before for row in table.rows if row.before}
    assert named == table.states
    assert all(path(table, None, state) is not None for state in table.states)


def test_a_light_tier_takes_one_named_person_and_a_grave_one_two():
    light = {Guard.NAMED_HUMAN, Guard.NOT_INTERESTED, Guard.LIGHT_TIER}
    grave = {Guard.NAMED_HUMAN, Guard.NOT_INTERESTED}
    assert isinstance(advance(SANCTION, "PROPOSED", "confirm", light), Transition)
    assert isinstance(advance(SANCTION, "PROPOSED", "confirm", grave), Refusal)
    assert isinstance(advance(SANCTION, "PROPOSED", "confirm", grave | {Guard.TWO_APPROVALS}), Transition)


def test_no_points_take_effect_without_a_person():
    ways = [row for row in POINTS.rows if row.after == PointsState.EFFECTIVE]
    assert {row.event for row in ways} == {"confirm", "uphold"}
    assert all(Guard.NOT_INTERESTED in row.guards for row in ways)


# --- the ledger (invariant 6) -----------------------------------------------------------------------------------------

ENTRIES = st.lists(
    st.builds(
        Counted,
        delta=st.integers(-6, 3),
        state=st.sampled_from(list(PointsState)),
        effective_ms=st.none() | st.integers(0, 3 * YEAR_MS),
        expires_ms=st.none() | st.integers(0, 4 * YEAR_MS),
    ),
    max_size=12,
)


@given(ENTRIES, st.integers(0, 4 * YEAR_MS))
@pytest.mark.invariant(6)
def test_the_balance_is_the_sum_of_what_is_in_effect_and_the_band_follows_from_it_alone(entries, now_ms):
    now = standing(entries, now_ms)
    assert now.balance == sum(entry.delta for entry in entries if counts(entry, now_ms))
    assert now.left == min(BANDS.start, max(0, BANDS.start + now.balance))
    assert now.band == next(band for floor, band in BANDS.floors if now.left >= floor)
    assert standing(reversed(entries), now_ms) == now


@given(ENTRIES, st.integers(0, 4 * YEAR_MS))
@pytest.mark.invariant(6)
def test_an_entry_that_is_not_in_effect_changes_nothing(entries, now_ms):
    idle = [entry for entry in entries if entry.state is not PointsState.EFFECTIVE]
    assert standing(idle, now_ms) == standing([], now_ms)
    kept = [entry for entry in entries if entry.state is PointsState.EFFECTIVE]
    assert standing(entries, now_ms) == standing(kept, now_ms)


def test_twelve_months_end_an_entry_to_the_millisecond():
    entry = Counted(-4, PointsState.EFFECTIVE, 1000, 1000 + YEAR_MS)
    at = [standing([entry], ms).left for ms in (999, 1000, 1000 + YEAR_MS - 1, 1000 + YEAR_MS)]
    assert at == [10, 6, 6, 10]


def test_the_bands_leave_no_gap():
    floors = [floor for floor, _ in BANDS.floors]
    assert floors == sorted(floors, reverse=True)
    assert floors[-1] == 0
    assert {band for _, band in BANDS.floors} == set(Band)


@pytest.mark.invariant(19)
def test_points_bands_and_sanctions_are_no_input_of_the_access_decision():
    """Invariant 19, on the types: nothing a pass is made from has a place for them."""
    for kind in (issue.Basis, rights.Right):
        names = {field.name for field in fields(kind)}
        assert not [
            name for name in names if any(word in name for word in ("point", "band", "sanction", "tier"))
        ]
    assert not {"points", "band", "sanction"} & set(PassRow.__struct_fields__)


def test_every_tier_is_a_step_of_the_listings_own_life():
    events = {row.event for row in LISTING.rows if row.before == ListingState.ACTIVE}
    assert set(EVENT_OF_TIER) == set(TIERS)
    assert set(EVENT_OF_TIER.values()) <= events
    for tier in set(TIERS) - LIGHT_TIERS:
        rows = [row for row in LISTING.rows if row.event == EVENT_OF_TIER[tier]]
        assert all(row.guards == (Guard.TWO_APPROVALS,) for row in rows)


def test_rules_have_their_own_ids_and_both_languages():
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert all(rule.zh and rule.en and rule.evidence and rule.version >= 1 for rule in RULES)
    assert all(rule.points >= 0 and rule.tier in {0, *TIERS} for rule in RULES)
    named = {item.rule for item in CHECKLIST if item.rule}
    assert named <= {rule.id for rule in RULES}


# --- what a code rests on ----------------------------------------------------------------------------------------------

PASSES = {item.id: Answer.PASS for item in CHECKLIST}


@given(st.dictionaries(st.sampled_from([item.id for item in CHECKLIST]), st.sampled_from(Answer)))
def test_lists_pass_only_when_every_item_is_answered_and_none_that_blocks_fails(answers):
    against = open_items(answers, version=CHECKLIST_VERSION)
    for item in CHECKLIST:
        fails = answers.get(item.id) is Answer.FAIL and item.blocks
        assert (item.id in against) == (item.id not in answers or fails)


def test_every_fire_item_blocks_a_code_and_an_old_list_counts_for_nothing():
    fire = [item for item in CHECKLIST if item.risk is Risk.FIRE]
    assert fire
    for item in fire:
        assert open_items(PASSES | {item.id: Answer.FAIL}, version=CHECKLIST_VERSION) == (item.id,)
    assert open_items(PASSES, version=CHECKLIST_VERSION) == ()
    assert open_items(PASSES, version=CHECKLIST_VERSION - 1)


def test_a_declared_document_is_enough_to_file_and_not_enough_for_a_code():
    declared = {kind.id: Paper.DECLARED for kind in DOCUMENTS}
    assert missing_documents(declared, seen=False) == ()
    assert set(missing_documents(declared, seen=True)) == {kind.id for kind in DOCUMENTS if kind.required}
    assert "ownership" in missing_documents({"ownership": Paper.ABSENT}, seen=False)


def test_a_letter_of_an_older_version_is_not_acknowledged():
    now = {letter.kind: letter.version for letter in LETTERS}
    assert missing_letters(now) == ()
    assert missing_letters(now | {"commitment": 0}) == ("commitment",)


def test_the_plate_says_three_things_and_never_the_state_itself():
    said = {state: verified(state) for state in ListingState}
    assert {state for state, word in said.items() if word is Verified.VALID} == {
        "ACTIVE",
        "LAPSED",
        "WITHDRAWING",
    }
    assert {state for state, word in said.items() if word is Verified.SUSPENDED} == {"SUSPENDED"}
    assert (
        verified(None) is verified(ListingState.DRAFT) is verified(ListingState.REVOKED) is Verified.NOT_VALID
    )


@given(st.dates(date(2020, 1, 1), date(2040, 1, 1)), st.integers(1, 15))
def test_working_days_are_neither_saturdays_nor_sundays(day, days):
    due = working_days_after(day, days)
    assert due.weekday() < 5
    assert days <= (due - day).days <= 7 * (days // 5 + 1) + 2
