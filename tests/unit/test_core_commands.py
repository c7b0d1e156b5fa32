"""Ten ways to say no to a command, in the order in which they are looked for."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from edge.core.commands import (
    LOCK_TYPE,
    UNSIGNED,
    Accept,
    Here,
    Op,
    Order,
    Past,
    Received,
    Reject,
    Why,
    judge,
    refused_in,
)
from edge.core.door_types import Mode
from edge.core.events import AccessPointId, ClockState

NOW_MS = 1_795_277_222_000
DOOR = AccessPointId("AP-1")
ORDER = Order(
    "dongfang", "n1", DOOR, "5f0c9e1b2a7d4c36", 41, NOW_MS - 100, NOW_MS + 9_900, Op.RELEASE, "st-7", "k1"
)
HERE = Here("dongfang", "n1", frozenset({DOOR}), frozenset({"k1"}), 10_000, NOW_MS, ClockState.TRUSTED, 12)
GOOD = b"good"
# Everything is wrong with this one; each case below leaves out what was wrong before it.
NOTHING_RIGHT = Received(
    True,
    replace(ORDER, kid="k9", node="n2", issued_ms=NOW_MS - 99_000, expires_ms=NOW_MS - 1_000),
    b"body",
    b"bad",
)
FAR_PAST = Past(known=True, floor=50, mode_ctr=60)
NOTHING_YET = Past()
NO_CLOCK = replace(HERE, clock=ClockState.UNTRUSTED)


def verify(_kid: str, _message: bytes, signature: bytes) -> bool:
    return signature == GOOD


def received(order: Order | None = ORDER, **more: object) -> Received:
    return Received(False, order, b"body", GOOD, **more)


def why(got: Received, here: Here = HERE, past: Past = NOTHING_YET) -> Why | None:
    match judge(got, here, past, verify):
        case Reject(reason, _):
            return reason
        case Accept(order, _):
            assert order is got.order
            return None


def test_a_good_command_is_accepted() -> None:
    assert judge(received(), HERE, Past(floor=40), verify) == Accept(ORDER, quoted=False)


MENDING: list[tuple[Why, Callable[[Received], Received]]] = [
    (Why.RETAINED, lambda got: replace(got, retained=False)),
    (Why.UNKNOWN_KEY, lambda got: replace(got, order=replace(got.order, kid="k1"))),
    (Why.BAD_SIG, lambda got: replace(got, signature=GOOD)),
    (Why.WRONG_NODE, lambda got: replace(got, order=replace(got.order, node="n1"))),
    (Why.TTL_TOO_LONG, lambda got: replace(got, order=replace(got.order, issued_ms=NOW_MS - 11_000))),
    (Why.EXPIRED, lambda got: replace(got, order=ORDER)),
]


def test_the_first_thing_that_is_wrong_is_the_reason() -> None:
    got, here, past = NOTHING_RIGHT, HERE, FAR_PAST
    for reason, mend in MENDING:
        assert why(got, here, past) is reason
        got = mend(got)
    assert why(got, NO_CLOCK, past) is Why.CLOCK_UNTRUSTED
    assert why(got, here, past) is Why.DUPLICATE
    unlock = replace(got, order=replace(ORDER, op=Op.UNLOCK))
    assert why(unlock, here, Past(mode_ctr=60)) is Why.SUPERSEDED
    assert why(unlock, here, Past(mode_ctr=41)) is None


def test_every_reason_was_met_and_stands_in_the_order_of_the_page() -> None:
    met = [reason for reason, _ in MENDING]
    met.insert(1, Why.BAD_FORMAT)
    assert [*met, Why.CLOCK_UNTRUSTED, Why.DUPLICATE, Why.SUPERSEDED] == list(Why)
    assert why(received(None)) is Why.BAD_FORMAT
    assert set(list(Why)[:4]) == UNSIGNED


@pytest.mark.parametrize(
    "wrong", [{"tenant": "elsewhere"}, {"node": "n2"}, {"door": AccessPointId("AP-2")}], ids=str
)
def test_a_command_for_another_place_is_refused(wrong: dict[str, str]) -> None:
    assert why(received(replace(ORDER, **wrong))) is Why.WRONG_NODE


@pytest.mark.parametrize(
    ("issued_in_ms", "lives_ms", "reason"),
    [
        (0, 10_000, None),
        (0, 10_001, Why.TTL_TOO_LONG),
        (-10_000, 10_000, None),  # at its last moment
        (-10_001, 10_000, Why.EXPIRED),
        (5_000, 10_000, None),
        (5_001, 10_000, Why.EXPIRED),  # a clock that is ahead
        (-400 * 86_400_000, 10_000, Why.EXPIRED),
        (400 * 86_400_000, 10_000, Why.EXPIRED),
    ],
)
def test_a_command_lives_from_a_moment_to_a_moment(
    issued_in_ms: int, lives_ms: int, reason: Why | None
) -> None:
    issued_ms = NOW_MS + issued_in_ms
    assert why(received(replace(ORDER, issued_ms=issued_ms, expires_ms=issued_ms + lives_ms))) is reason


def test_a_node_may_be_set_to_less_patience() -> None:
    assert why(received(), replace(HERE, age_max_ms=5_000)) is Why.TTL_TOO_LONG


# --- where the clock cannot say -----------------------------------------------------------------------------


@pytest.mark.parametrize("op", list(Op))
def test_without_a_clock_only_what_locks_is_obeyed_and_only_by_the_nonce(op: Op) -> None:
    order = replace(ORDER, op=op, nonce="c5d2")
    stale, fresh = (received(order, nonces=frozenset({nonce})) for nonce in ("0000", "c5d2"))
    assert why(stale, NO_CLOCK) is Why.CLOCK_UNTRUSTED
    assert why(fresh, NO_CLOCK) is (None if op in LOCK_TYPE else Why.CLOCK_UNTRUSTED)


def test_without_a_clock_the_time_of_day_is_not_asked() -> None:
    order = replace(ORDER, op=Op.LOCK, nonce="c5d2")
    in_1970 = replace(NO_CLOCK, now_ms=5)
    assert why(received(order, nonces=frozenset({"c5d2"})), in_1970) is None


@pytest.mark.parametrize(("bound_ms", "needs_nonce"), [(10_000, False), (10_001, True)])
def test_a_clock_left_alone_for_long_needs_the_nonce_too(bound_ms: int, needs_nonce: bool) -> None:
    here = replace(HERE, clock=ClockState.HOLDOVER, bound_ms=bound_ms)
    assert why(received(), here) is (Why.CLOCK_UNTRUSTED if needs_nonce else None)
    quoting = received(replace(ORDER, nonce="c5d2"), nonces=frozenset({"c5d2"}))
    assert judge(quoting, here, Past(), verify) == Accept(quoting.order, quoted=True)


@pytest.mark.parametrize(("age_ms", "reason"), [(300_000, None), (300_001, Why.EXPIRED)])
def test_a_clock_left_alone_still_knows_what_is_surely_too_late(age_ms: int, reason: Why | None) -> None:
    here = replace(HERE, clock=ClockState.HOLDOVER, bound_ms=300_000)
    expired_ms = NOW_MS - age_ms
    order = replace(ORDER, issued_ms=expired_ms - 10_000, expires_ms=expired_ms, nonce="c5d2")
    assert why(received(order, nonces=frozenset({"c5d2"})), here) is reason
    early = replace(order, issued_ms=NOW_MS + age_ms + 5_000, expires_ms=NOW_MS + age_ms + 9_000)
    assert why(received(early, nonces=frozenset({"c5d2"})), here) is reason


def test_no_nonce_is_no_nonce_to_quote() -> None:
    assert why(received(replace(ORDER, op=Op.LOCK)), NO_CLOCK) is Why.CLOCK_UNTRUSTED


# --- once ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("past", [Past(known=True), Past(floor=41), Past(floor=99)], ids=str)
def test_what_was_carried_out_or_is_below_the_floor_is_a_duplicate(past: Past) -> None:
    assert why(received(), HERE, past) is Why.DUPLICATE


@pytest.mark.parametrize("op", list(Op))
def test_only_a_change_of_mode_can_be_superseded(op: Op) -> None:
    reason = None if op is Op.RELEASE else Why.SUPERSEDED
    assert why(received(replace(ORDER, op=op)), HERE, Past(mode_ctr=42)) is reason


def test_a_door_that_could_not_says_why() -> None:
    assert [refused_in(mode) for mode in (Mode.BLOCKED, Mode.LOCKED_DOWN, Mode.LOCKED_OPEN)] == [
        "pt:Blocked", "LockedDown", "x:WrongMode",
    ]  # fmt: skip
