"""A PIN with its last digit one higher opens like any other and calls for help, and nobody at the door can tell."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.protocol.pin import PIN, duress_pin, pin_under_duress, pins_too_near
from edge.core.requirement import Require
from tests.fakes.bundles import day_code
from tests.fakes.lone_gate import HOUR_MS, NOW_MS, LoneGate, pass_row
from tests.fakes.shown import PIN as PIN_TYPED
from tests.fakes.shown import everything, show

MINE = "482919"
S_NS = 1_000_000_000


def typed(lone: LoneGate, *digits: str) -> LoneGate:
    async def play() -> None:
        await lone.boot()
        for one in digits:
            lone.at_ns += S_NS
            await lone.gate.on_pin(one)

    asyncio.run(play())
    return lone


@given(st.from_regex(r"[0-9]{6,12}", fullmatch=True))
def test_the_duress_pin_is_a_pin_and_leads_back(pin):
    assert PIN.fullmatch(duress_pin(pin))
    assert duress_pin(pin) != pin
    assert pin_under_duress(duress_pin(pin)) == pin
    assert set(pins_too_near(pin)) == {duress_pin(pin), pin_under_duress(pin)}


def test_nine_becomes_nought():
    assert (duress_pin("482919"), pin_under_duress("482910")) == ("482910", "482919")


def test_it_opens_and_says_so_in_the_ledger_alone():
    free, forced = (typed(LoneGate([pass_row(pin=MINE)]), one) for one in (MINE, duress_pin(MINE)))
    assert (free.shown, free.pulses, free.lights) == (forced.shown, forced.pulses, forced.lights)
    assert "duress" not in free.facts[0].x
    assert (forced.facts[0].type, forced.facts[0].x["duress"]) == ("access.granted", 1)


def test_a_pin_that_is_somebody_s_opens_for_them_and_calls_nobody():
    """Passes from before PINs were kept apart: what is exact counts first."""
    lone = typed(LoneGate([pass_row(pin=MINE), pass_row("PS-2", pin=duress_pin(MINE))]), duress_pin(MINE))
    assert [(fact.pass_id, fact.x.get("duress")) for fact in lone.facts] == [("PS-2", None)]


def test_whoever_is_made_to_open_and_is_refused_is_helped_too():
    lone = typed(LoneGate([pass_row(pin=MINE, not_after=NOW_MS - HOUR_MS)]), duress_pin(MINE))
    assert [(fact.type, fact.x.get("duress")) for fact in lone.facts] == [("access.denied", 1)]
    assert lone.shown[-1] == "pin_refused"


def test_two_digits_off_is_a_wrong_pin():
    lone = typed(LoneGate([pass_row(pin=MINE)]), duress_pin(duress_pin(MINE)))
    assert [(fact.type, fact.x) for fact in lone.facts] == [("access.denied", {})]


@pytest.mark.parametrize(("digits", "marked"), [("630517", False), ("630518", True)])
def test_the_pin_of_a_day_code_has_one_too(digits, marked):
    lone = LoneGate([], online=False, contact_age_ms=None)

    async def play() -> None:
        await lone.boot()
        await lone.gate.on_code(day_code("630517"), 0)
        await lone.gate.on_pin(digits)

    asyncio.run(play())
    assert (lone.facts[0].type, "duress" in lone.facts[0].x) == ("access.granted", marked)


def test_whichever_of_two_people_is_made_to_calls_for_both():
    mine, other = "482919", "771204"
    rows = [pass_row(pin=mine), pass_row("PS-2", pin=other)]
    for digits in ((duress_pin(mine), other), (mine, duress_pin(other))):
        (fact,) = typed(LoneGate(rows, require=Require.TWO_PERSONS), *digits).facts
        assert (fact.type, fact.x["duress"]) == ("access.granted", 1), digits


def test_as_the_second_of_two_factors_it_still_calls():
    lone = LoneGate([everything()], require=Require.CODE_AND_PIN)

    async def play() -> None:
        await lone.boot()
        await show(lone, "qr")
        await lone.gate.on_pin(duress_pin(PIN_TYPED))

    asyncio.run(play())
    assert (lone.facts[0].type, lone.facts[0].x["duress"]) == ("access.granted", 1)
