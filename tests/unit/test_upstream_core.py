"""What is owed upstream, by arithmetic: the table of a report's life, its clocks, and what follows from what was told."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles import Refusal, Transition, advance, path
from cloud_sync.core.lifecycles_upstream import (
    ATTEMPTS_MAX,
    BACKOFF_MOST_MS,
    FINAL,
    NEEDS_A_PERSON,
    SETTLES_MS,
    SUBMISSION,
    SubmissionState,
    backoff_ms,
    lateness,
)
from cloud_sync.core.policy import DAY_MS, HOUR_MS, MINUTE_MS
from cloud_sync.core.reporting import Op, ReportRule, Standing, Told, owed

S = SubmissionState
RULE = ReportRule("a law", checkout=True)
WHOLE = frozenset(Op)
HERE = Standing(facts="a", proved=True, arrived=True, checked_out=False, void=False)


def told(*lines):
    return [Told(op, state, facts) for op, state, facts in lines]


HELD = told((Op.SUBMIT, S.ACKED, "a"))


# --- the table ---------------------------------------------------------------------------------------------------


def test_every_state_and_event_is_in_the_table_or_refused():
    known = {(row.before, row.event) for row in SUBMISSION.rows}
    for state in (None, *S):
        for event in {row.event for row in SUBMISSION.rows}:
            step = advance(SUBMISSION, state, event, frozenset(Guard))
            assert isinstance(step, Transition) == ((state, event) in known)


def test_every_state_is_reached_and_no_more_are_named():
    assert {row.after for row in SUBMISSION.rows} == set(S)
    assert all(path(SUBMISSION, None, state) is not None for state in S)


def test_nothing_leaves_an_end_but_by_a_named_person():
    for row in SUBMISSION.rows:
        if row.before in FINAL:
            assert Guard.NAMED_HUMAN in row.guards
    assert {row.before for row in SUBMISSION.rows if row.before in FINAL} == NEEDS_A_PERSON


@pytest.mark.parametrize("lacking", [Guard.NOT_SYNTHETIC, Guard.LEGAL_BASIS])
def test_nothing_is_queued_for_invented_people_or_without_a_law(lacking):
    step = advance(SUBMISSION, None, "enqueue", frozenset(Guard) - {lacking})
    assert isinstance(step, Refusal)
    assert step.missing == (lacking,)


# --- the clocks ---------------------------------------------------------------------------------------------------


def test_the_back_off_doubles_to_an_hour_and_the_last_attempt_is_within_a_day():
    waits = [backoff_ms(n) for n in range(1, ATTEMPTS_MAX)]
    assert waits[:7] == [1 * MINUTE_MS * 2**n for n in range(6)] + [BACKOFF_MOST_MS]
    assert waits == sorted(waits)
    assert 12 * HOUR_MS < sum(waits) < DAY_MS


@given(st.integers(1, 10_000))
def test_the_back_off_is_never_longer_than_an_hour(attempts):
    assert MINUTE_MS <= backoff_ms(attempts) <= HOUR_MS


def test_the_legal_clock_is_s2_a_day_before_and_s1_after():
    assert lateness(0, 2 * DAY_MS, 0, 9) == ""
    assert lateness(DAY_MS, 2 * DAY_MS, 0, 9) == "S2"
    assert lateness(2 * DAY_MS, 2 * DAY_MS, 0, 9) == "S2"
    assert lateness(2 * DAY_MS + 1, 2 * DAY_MS, 0, 0) == "S1"


def test_a_first_try_of_the_last_quarter_of_an_hour_is_nobody_s_case():
    assert lateness(SETTLES_MS - 1, HOUR_MS, 0, 1) == ""
    assert lateness(SETTLES_MS, HOUR_MS, 0, 1) == "S2"
    assert lateness(1, HOUR_MS, 0, 2) == "S2"


def test_a_short_stay_has_the_short_clock():
    rule = ReportRule("a law", clock_ms=DAY_MS, short_clock_ms=6 * HOUR_MS)
    assert rule.due_ms(0, DAY_MS) == DAY_MS
    assert rule.due_ms(0, DAY_MS - 1) == 6 * HOUR_MS


# --- what is owed ---------------------------------------------------------------------------------------------------

FACTS = {"facts": "b"}


@pytest.mark.parametrize(
    ("changes", "before", "wants"),
    [
        ({}, [], (Op.SUBMIT,)),
        ({"proved": False}, [], ()),
        ({"void": True}, [], ()),
        ({}, HELD, ()),
        (FACTS, HELD, (Op.CORRECT,)),
        ({"checked_out": True}, HELD, (Op.CHECKOUT,)),
        ({"checked_out": True, **FACTS}, HELD, (Op.CORRECT,)),
        ({"checked_out": True, **FACTS}, [*HELD, *told((Op.CHECKOUT, S.ACKED, "a"))], ()),
        ({"void": True}, HELD, (Op.CANCEL,)),
        ({"void": True}, [*HELD, *told((Op.CANCEL, S.ACKED, "a"))], ()),
        ({"void": True}, [*HELD, *told((Op.CANCEL, S.REJECTED, "a"))], ()),
        ({}, told((Op.SUBMIT, S.REJECTED, "a")), ()),
        (FACTS, told((Op.SUBMIT, S.REJECTED, "a")), (Op.SUBMIT,)),
        (FACTS, told((Op.SUBMIT, S.DEAD_LETTER, "a")), ()),
        (FACTS, told((Op.SUBMIT, S.QUEUED, "a")), ()),
        (FACTS, told((Op.SUBMIT, S.SENT, "a")), ()),
        (FACTS, [*HELD, *told((Op.CORRECT, S.REJECTED, "b"))], ()),
        ({}, told((Op.SUBMIT, S.WITHDRAWN, "")), (Op.SUBMIT,)),
    ],
)
def test_what_is_owed_follows_from_the_records_and_from_what_was_told(changes, before, wants):
    assert owed(RULE, WHOLE, replace(HERE, **changes), before) == wants


def test_a_recipient_of_arrivals_is_told_at_the_arrival():
    rule = ReportRule("a law", at="arrival")
    expected = Standing("a", proved=True, arrived=False, checked_out=False, void=False)
    assert owed(rule, WHOLE, expected, []) == ()
    assert owed(rule, WHOLE, HERE, []) == (Op.SUBMIT,)


def test_where_nothing_is_corrected_it_is_taken_back_and_told_anew_and_else_a_person_has_to():
    changed = Standing("b", proved=True, arrived=True, checked_out=False, void=False)
    assert owed(RULE, frozenset({Op.SUBMIT, Op.CANCEL}), changed, HELD) == (Op.CANCEL, Op.SUBMIT)
    assert owed(RULE, frozenset({Op.SUBMIT}), changed, HELD) == (Op.CORRECT,)


RECIPIENTS = st.sampled_from([WHOLE, frozenset({Op.SUBMIT, Op.CANCEL}), frozenset({Op.SUBMIT})])
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["facts", "leave", "void", "nothing"]),
        st.lists(st.sampled_from([S.ACKED, S.REJECTED, S.DEAD_LETTER, S.WITHDRAWN]), min_size=2, max_size=2),
    ),
    max_size=12,
)


@settings(max_examples=300, deadline=None)
@given(RECIPIENTS, CHANGES)
def test_whatever_happens_a_recipient_never_holds_two_and_never_misses_what_it_could_take(ops, changes):
    """A recipient that keeps its own book by the words it acknowledges: at most one arrival, ended at most once."""
    standing, before, held, ended = HERE, [], 0, 0
    for n, (change, ends) in enumerate(changes):
        left = standing.checked_out or change == "leave"
        gone = standing.void or (change == "void" and not left)
        facts = f"f{n}" if change == "facts" else standing.facts
        standing = Standing(facts, proved=True, arrived=True, checked_out=left, void=gone)
        wants = owed(RULE, ops, standing, before)
        assert len(wants) <= 2
        blocked = False
        for op, end in zip(wants, ends, strict=False):
            # What the queue does: the second of two waits for the first to be taken back.
            state = S.QUEUED if blocked else end
            blocked = state is not S.ACKED
            before.append(Told(op, state, standing.facts))
            if state is S.ACKED:
                held += {Op.SUBMIT: 1, Op.CANCEL: -1}.get(op, 0)
                ended += op is Op.CHECKOUT
            assert held in (0, 1)
            assert ended in (0, 1)
        if not wants and all(one.state in FINAL for one in before):
            assert owed(RULE, ops, standing, before) == (), "what is settled stays settled"
