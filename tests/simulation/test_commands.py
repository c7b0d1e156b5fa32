"""Commands under everything a network and an attacker do to them: repeated, shuffled, bent, and replayed next life."""

import asyncio
import random
from pathlib import Path

from hypothesis import event, given, settings
from hypothesis import strategies as st

from edge.core.commands import AHEAD_MAX_MS, Accept, Here, Op, Order, Past, Received, judge
from edge.core.events import AccessPointId, ClockState
from edge.link.translate import received
from tests.fakes.command_node import NOW_MS, CommandNode, Issuer

DOOR = AccessPointId("AP-1")
FLIPS = 20_000


def play(node: CommandNode, frames: list[bytes]) -> None:
    async def all_of_them() -> None:
        for frame in frames:
            await node.hears(frame)

    asyncio.run(all_of_them())


def test_five_hundred_commands_three_times_each_in_any_order_are_done_once(tmp_path: Path) -> None:
    dice, issuer = random.Random(8), Issuer()
    frames = [issuer.frame() for _ in range(500)]
    storm = frames * 3
    dice.shuffle(storm)
    node = CommandNode(tmp_path, issuer)
    play(node, storm)
    assert len(node.door.told) == 500
    assert node.ledger.head == 500
    states = [answer.state for answer in node.answers]
    assert (states.count("accepted"), states.count("done"), len(states)) == (500, 1_500, 2_000)
    node.ledger.close()


def test_everything_replayed_after_a_restart_is_refused(tmp_path: Path) -> None:
    issuer = Issuer()
    frames = [issuer.frame() for _ in range(50)]
    before = CommandNode(tmp_path, issuer)
    play(before, frames)
    before.ledger.close()
    after = CommandNode(tmp_path, issuer)
    play(after, frames * 2)
    assert after.door.told == []
    assert {answer.state for answer in after.answers} == {"done"}
    assert after.ledger.first_break() is None
    after.ledger.close()


def test_no_bent_bit_ever_reaches_a_door(tmp_path: Path) -> None:
    dice, issuer = random.Random(8), Issuer()
    node = CommandNode(tmp_path, issuer)
    frame = issuer.frame()
    here = Here("dongfang", "n1", frozenset({DOOR}), frozenset({"k1"}), 10_000, NOW_MS, ClockState.TRUSTED, 0)

    def is_accepted(data: bytes) -> bool:
        got = received(data, retained=False, nonces=frozenset())
        return isinstance(judge(got, here, Past(), node.verify), Accept)

    assert is_accepted(frame)
    for _ in range(FLIPS):
        at = dice.randrange(len(frame) * 8)
        bent = bytearray(frame)
        bent[at // 8] ^= 1 << at % 8
        assert not is_accepted(bytes(bent))
    node.ledger.close()


def mostly(right: object, wrong: object) -> st.SearchStrategy:
    """One thing in ten is wrong, so that many orders are nearly right and some are right."""
    return st.sampled_from([right] * 9 + [wrong])


orders = st.builds(
    Order,
    tenant=mostly("dongfang", "elsewhere"),
    node=mostly("n1", "n2"),
    door=mostly(DOOR, AccessPointId("AP-2")),
    id=st.just("5f0c9e1b2a7d4c36"),
    ctr=st.integers(1, 100),
    issued_ms=st.integers(NOW_MS - 11_000, NOW_MS + 6_000),
    expires_ms=st.integers(NOW_MS - 1_000, NOW_MS + 11_000),
    op=st.sampled_from(list(Op)),
    issuer=st.just("st-7"),
    kid=mostly("k1", "k2"),
    nonce=st.sampled_from(["", "old", "new"]),
)
places = st.builds(
    Here,
    tenant=st.just("dongfang"),
    node=st.just("n1"),
    doors=st.just(frozenset({DOOR})),
    keys=st.just(frozenset({"k1"})),
    age_max_ms=st.sampled_from([10_000, 30_000]),
    now_ms=st.just(NOW_MS),
    clock=st.sampled_from(list(ClockState)),
    bound_ms=st.sampled_from([0, 5_000, 50_000]),
)
pasts = st.builds(Past, known=mostly(False, True), floor=st.integers(0, 60), mode_ctr=st.integers(0, 100))


@given(order=orders, here=places, past=pasts, good=mostly(True, False), retained=mostly(False, True))
@settings(max_examples=2_000)
def test_whatever_is_accepted_was_signed_for_this_door_is_new_and_has_not_waited(
    order: Order, here: Here, past: Past, good: bool, retained: bool
) -> None:
    got = Received(retained, order, nonces=frozenset({"new"}))
    if not isinstance(judge(got, here, past, lambda *_: good), Accept):
        event("refused")
        return
    event("accepted")
    assert good
    assert not retained
    assert (order.kid, order.node, order.door) == ("k1", "n1", DOOR)
    assert not past.known
    assert order.ctr > past.floor
    assert order.op is Op.RELEASE or order.ctr >= past.mode_ctr
    in_time = order.issued_ms - AHEAD_MAX_MS <= here.now_ms <= order.expires_ms
    believed = here.clock is ClockState.TRUSTED or (
        here.clock is ClockState.HOLDOVER and here.bound_ms <= here.age_max_ms
    )
    assert in_time if believed else order.nonce == "new"
    assert here.clock is not ClockState.UNTRUSTED or order.op in {Op.LOCK, Op.BLOCK, Op.LOCKDOWN}
