"""When wrong tries at a door call somebody, and that one burst is one call."""

import asyncio
from datetime import UTC
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.challenge import Why
from edge.core.door_rules import DoorRule, RuleSet
from edge.core.events import AccessPointId, Fact
from edge.core.reasons import Reason
from edge.core.schedule import Calendar
from edge.core.wrong_tries import (
    ACCUSES,
    ATTACK,
    FORGET_MS,
    NOT_OF_THE_PERSON,
    WRONG_TRIES,
    Burst,
    after_wrong,
    is_wrong,
)
from edge.runtime.rule_parts import local_time
from tests.fakes.lone_gate import GATE, pass_row
from tests.fakes.ruled_house import S_NS, RuledHouse

NOT_KNOWN, FALSE = Reason.NOT_FOUND, Reason.PRESENTATION_ATTACK


def denied(reason=NOT_KNOWN, why=None, kind="access.denied"):
    x = {} if why is None else {"pad_why": why.value}
    return Fact(kind, access_point=AccessPointId("AP-1"), reason=reason, x=x)


def calls(*tries):
    """What was told of (second, fact) in turn."""
    burst, told = Burst(), []
    for second, fact in tries:
        burst, call = after_wrong(burst, fact, second * 1_000)
        told += [(second, call.type)] if call else []
    return told


@pytest.mark.story("26a")
def test_the_fifth_wrong_try_within_a_minute_calls_and_the_rest_of_the_burst_does_not():
    assert calls(*((second, denied()) for second in range(0, 40, 10))) == []
    assert calls(*((second, denied()) for second in range(0, 300, 10))) == [(40, WRONG_TRIES)]


def test_wrong_tries_further_apart_call_nobody():
    assert calls(*((second, denied()) for second in range(0, 600, 15))) == []


def test_a_burst_that_goes_on_calls_again_after_ten_minutes():
    told = calls(*((second, denied()) for second in range(0, 1_300, 10)))
    assert told == [(40, WRONG_TRIES), (640, WRONG_TRIES), (1_240, WRONG_TRIES)]


@pytest.mark.story("27c")
@pytest.mark.parametrize("why", sorted(ACCUSES))
def test_the_third_face_that_looks_like_a_picture_calls_once(why):
    told = calls(*((second, denied(FALSE, why)) for second in range(0, 500, 12)))
    assert told == [(24, ATTACK)]


@pytest.mark.parametrize("why", sorted(set(Why) - ACCUSES))
def test_who_did_not_understand_the_task_is_accused_of_nothing_and_is_looked_after_like_anybody(why):
    told = calls(*((second, denied(FALSE, why)) for second in range(0, 120, 12)))
    assert told == [(48, WRONG_TRIES)]


def test_pictures_among_other_tries_are_told_although_those_were():
    tries = [(second, denied()) for second in range(0, 50, 10)]
    pictures = [(second, denied(FALSE, Why.PLANAR)) for second in (60, 200, 340)]
    assert calls(*tries, *pictures) == [(40, WRONG_TRIES), (340, ATTACK)]


@pytest.mark.parametrize("reason", sorted(set(Reason) - {Reason.GRANTED}))
def test_what_is_the_door_s_own_fault_is_nobody_s_wrong_try(reason):
    assert is_wrong(denied(reason)) is (reason not in NOT_OF_THE_PERSON)
    assert not is_wrong(denied(reason, kind="access.would_deny"))


@given(st.lists(st.tuples(st.integers(0, 120_000), st.booleans()), max_size=200))
def test_a_burst_is_bounded_and_two_calls_of_a_kind_are_ten_minutes_apart(steps):
    burst, now, told = Burst(), 0, {WRONG_TRIES: [], ATTACK: []}
    for step_ms, picture in steps:
        now += step_ms
        fact = denied(FALSE, Why.PLANAR) if picture else denied()
        burst, call = after_wrong(burst, fact, now)
        if call is not None:
            told[call.type].append(now)
    assert len(burst.tries) <= 5
    assert len(burst.attacks) <= 3
    for times in told.values():
        assert all(later - one >= FORGET_MS for one, later in pairwise(times))


@pytest.mark.story("26a")
def test_five_wrong_pins_at_a_door_stand_in_its_ledger_with_one_call_and_no_pass(tmp_path):
    async def play():
        rules = RuleSet(Calendar(local_time(UTC), {}), {GATE: DoorRule(access_point=GATE)})
        made = await RuledHouse(tmp_path, rules, [pass_row("PS-ada", pin="24681357")]).start()
        for digits in ("11112222", "22223333", "33334444", "44445555", "55556666", "66667777"):
            made.at_ns += 5 * S_NS
            await made.gates[GATE].gate.on_pin(digits)
        bodies = [row.body for row in made.ledger.rows(range(1, made.ledger.head + 1), bytes_max=10**6)]
        made.close()
        return bodies

    bodies = asyncio.run(play())
    calls = [body for body in bodies if b"access.wrong_tries" in body]
    assert sum(b"access.denied" in body for body in bodies) == 5
    assert len(calls) == 1
    assert b'"x":{"tries":5}' in calls[0]
    assert not any(b"PS-ada" in body for body in calls)
