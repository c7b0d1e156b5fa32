"""People against grants: what two of three senses have to agree on, what is written down, and when somebody is called."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.door_rules import DoorRule, Memory, RuleSet
from edge.core.events import AccessPointId, ClockState, CredentialKind, Fact, GrantId, PassId, Stamp
from edge.core.rule_facts import After, after
from edge.core.rule_rows import changed_rows, memory_of
from edge.core.schedule import Calendar, Local
from edge.core.tailgating import (
    LONG_LEAST,
    PASSAGES_KEPT,
    Beam,
    Cue,
    Habit,
    Passage,
    People,
    Sense,
    Tailgate,
    Verdict,
    above_own_rate,
    learn,
    p95,
    verdict,
)

GATE = AccessPointId("AP-1")
USED = Habit(open_ms=(4_000,) * LONG_LEAST)  # this door takes four seconds


def gate(tailgate: Tailgate = Tailgate.FLAG) -> RuleSet:
    calendar = Calendar(lambda _ms: Local(date(2026, 11, 27), 720))
    return RuleSet(calendar, {GATE: DoorRule(access_point=GATE, tailgate=tailgate)})


def fact(kind: str, grant: str | None = "g1", **words: object) -> Fact:
    usual = {
        "access_point": GATE,
        "direction": "in",
        "pass_id": PassId("P"),
        "credential_kind": CredentialKind.QR,
    }
    return Fact(kind, grant_id=None if grant is None else GrantId(grant), **{**usual, **words})


GRANTED, TAKEN, CLOSED = fact("access.granted"), fact("access.taken"), fact("door.closed", None)
SECOND = [fact("access.granted", "g2")]
REX = fact("access.granted", "g3", credential_kind=CredentialKind.REX, direction="out", pass_id=None)


def play(*happened: tuple[int, Fact | Sense], rules: RuleSet | None = None, habit: Habit = USED) -> After:
    """Facts and senses at their monotonic ms; what the last fact came to."""
    rules, found = rules or gate(), After(Memory(habits={GATE: habit}))
    waiting: list[tuple[AccessPointId, Sense]] = []
    for at_ms, what in happened:
        if not isinstance(what, Fact):
            waiting.append((GATE, what))
            continue
        moment = Stamp("b", at_ms, 1_795_000_000_000 + at_ms, ClockState.TRUSTED, 0)
        found = after(rules, found.memory, [what], moment, waiting)
        waiting = []
    return found


def passage(*happened: tuple[int, Fact | Sense], closed_ms: int = 3_000, **words: object) -> After:
    """A grant at 0, the door open at 1,000, closed ``closed_ms`` later, and in between what ``happened``."""
    return play((0, GRANTED), (1_000, TAKEN), *happened, (1_000 + closed_ms, CLOSED), **words)


def beam(*edges: int) -> list[tuple[int, Sense]]:
    """Broken and clear in turns."""
    return [(at_ms, Beam(number % 2 == 0, at_ms)) for number, at_ms in enumerate(edges)]


def cues(found: After) -> str:
    flags = [one.x["cues"] for one in found.more if one.type == "access.tailgate"]
    return str(flags[0]) if flags else ""


TWO = (1_500, People(2, 1_500))
CLOSE = beam(1_200, 1_500, 2_000, 2_300)  # half a second between two bodies
APART = beam(1_200, 1_500, 2_501, 2_800)


@pytest.mark.parametrize(
    ("happened", "closed_ms", "expected"),
    [
        ([], 3_000, ""),
        ([], 9_000, ""),  # one sense alone says nothing
        ([TWO], 3_000, ""),
        (CLOSE, 3_000, ""),
        ([TWO], 4_001, "count,long"),
        ([TWO], 4_000, ""),
        ([TWO, *CLOSE], 3_000, "count,body"),
        (CLOSE, 4_001, "long,body"),
        ([TWO, *CLOSE], 9_000, "count,long,body"),
        ([TWO, *APART], 3_000, ""),
        ([(1_500, People(1, 1_500)), *CLOSE], 3_000, ""),
        ([(500, People(2, 500)), *CLOSE], 3_000, ""),  # two before it opened: one of them may have gone home
        ([TWO, (5_000, fact("door.held", None))], 9_000, ""),  # luggage has a case of its own
    ],
)
def test_two_senses_of_three_have_to_agree(happened, closed_ms, expected):
    assert cues(passage(*happened, closed_ms=closed_ms)) == expected


@pytest.mark.parametrize(
    "also",
    [
        SECOND,  # the companion has a pass of their own
        [REX],  # somebody left meanwhile
        [fact("door.rex", None)],
        [fact("access.granted", "g4", credential_kind=CredentialKind.GUARD, pass_id=None)],
    ],
)
def test_a_second_body_that_was_let_in_or_out_is_no_tailgater(also):
    assert cues(passage(*((1_100, one) for one in also), TWO, *CLOSE)) == ""
    assert cues(passage(*((1_100, one) for one in also), (1_500, People(3, 1_500)), closed_ms=9_000)) != ""


def test_whose_grant_still_waited_when_the_door_opened_went_in_with_the_first():
    assert cues(play((0, GRANTED), (500, SECOND[0]), (1_000, TAKEN), TWO, *CLOSE, (4_000, CLOSED))) == ""
    ended = fact("access.not_taken", "g2")
    before = [(0, GRANTED), (100, SECOND[0]), (800, ended)]
    assert cues(play(*before, (1_000, TAKEN), TWO, *CLOSE, (4_000, CLOSED))) == "count,body"


def test_the_way_out_is_not_counted():
    out = fact("access.taken", "g3", direction="out", credential_kind=CredentialKind.REX, pass_id=None)
    found = play((0, REX), (1_000, out), TWO, *CLOSE, (9_000, CLOSED))
    assert (found.more, found.changed) == ((), frozenset())


def test_a_door_without_the_rule_remembers_nothing():
    found = passage(TWO, *CLOSE, rules=gate(Tailgate.OFF))
    assert (found.more, found.memory.passages) == ((), {})


def test_what_is_written_down_is_numbers_and_no_pass():
    (flag,) = passage(TWO, *CLOSE, closed_ms=9_000).more
    assert flag == Fact(
        "access.tailgate", access_point=GATE, direction="in", grant_id=GrantId("g1"),
        x={"people": 2, "grants": 1, "open_ms": 9_000, "cues": "count,long,body"},
    )  # fmt: skip


def test_at_a_high_risk_door_every_one_is_a_case():
    assert [one.type for one in passage(TWO, *CLOSE, rules=gate(Tailgate.CASE)).more] == [
        "access.tailgate",
        "door.tailgating",
    ]
    assert passage(rules=gate(Tailgate.CASE)).more == ()


def test_elsewhere_it_is_one_when_the_door_s_own_rate_rises_and_only_once():
    kinds, habit = [], replace(USED, flags=(False,) * 40)
    for _ in range(5):
        found = passage(TWO, *CLOSE, habit=habit)
        habit = found.memory.habits[GATE]
        kinds.append([one.type for one in found.more])
    flag, case = ["access.tailgate"], ["access.tailgate", "door.tailgating"]
    assert kinds == [flag, flag, case, flag, flag]


@pytest.mark.parametrize(
    ("flags", "above"),
    [
        ((True,) * 20, False),  # no rate of its own yet
        ((False,) * 19 + (True,) * 20, False),
        ((False,) * 37 + (True,) * 3, True),
        ((False,) * 38 + (True,) * 2, False),
        ((True, False) * 40, False),  # half of all: this door is like that, and a case would say nothing new
        ((True,) + (False,) * 19 + (False,) * 16 + (True,) * 4, True),
    ],
)
def test_a_rate_is_above_a_door_s_own_only_against_what_came_before(flags, above):
    assert above_own_rate(Habit(flags=flags)) is above


def test_long_is_what_ninety_five_of_a_hundred_did_not_take():
    assert p95(Habit(tuple(range(1, 101)))) == 95
    assert p95(Habit((1,) * (LONG_LEAST - 1))) is None
    assert p95(Habit((1,) * (LONG_LEAST - 1) + (7,))) == 1


@given(st.lists(st.integers(0, 60_000), max_size=3 * PASSAGES_KEPT))
def test_a_habit_is_bounded_and_only_plain_passages_make_it(durations):
    habit = Habit()
    for open_ms in durations:
        habit = learn(habit, Verdict(1, 1, open_ms, ()))
        doubtful = Verdict(2, 1, open_ms, (Cue.COUNT, Cue.BODY))
        assert learn(habit, doubtful).open_ms == habit.open_ms
        assert learn(habit, Verdict(2, 2, open_ms, ())).open_ms == habit.open_ms
    assert habit.open_ms == tuple(durations[-PASSAGES_KEPT:])
    assert len(habit.flags) <= PASSAGES_KEPT


def test_without_a_passage_a_closing_door_says_nothing():
    assert verdict(Passage(faces=3), USED, 0) is None


def test_a_habit_comes_back_from_its_row():
    found = passage(TWO, *CLOSE, habit=replace(USED, flags=(False,) * 40))
    rows = {name: value for name, value in changed_rows(found).items() if value is not None}
    assert memory_of(rows).habits == found.memory.habits


def test_duress_is_a_fact_of_its_own_that_says_where_and_never_whose():
    granted = replace(GRANTED, x={"duress": 1})
    for kind in ("access.granted", "access.would_allow", "access.denied", "access.would_deny"):
        found = play((0, replace(granted, type=kind)), rules=gate(Tailgate.OFF))
        assert found.more == (
            Fact("access.duress", access_point=GATE, direction="in", grant_id=GrantId("g1")),
        )
    assert play((0, GRANTED)).more == ()
