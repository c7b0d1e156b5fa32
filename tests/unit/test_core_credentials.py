"""Rotating codes as phones really mint them, and the patience for wrong ones."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.protocol import code as wire
from edge.core.credentials import (
    FORGET_NS,
    LOCK_NS,
    CodeAccepted,
    CodeMemory,
    CodeOutcome,
    CodeRefused,
    Tries,
    after_failure,
    is_locked,
    judge_code,
)
from edge.core.events import AccessPointId, CredentialKind
from edge.core.passes import Credential
from edge.core.reasons import Reason

GATE, ROOM = AccessPointId("AP-gate"), AccessPointId("AP-room")
NOW = 60_000_000  # a step
KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
CRED_ID = b"\x11" * 16
CREDENTIAL = Credential(CredentialKind.QR, CRED_ID.hex(), KEY.public_key().public_bytes_raw())
SECOND_NS = 1_000_000_000


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def shown(step: int, key: Ed25519PrivateKey = KEY) -> wire.RotatingCode:
    """The text a phone shows, read back."""
    return wire.parse(wire.compose(CRED_ID, step, key.sign(wire.unsigned(CRED_ID, step))))


def judge(
    step: int,
    memory: CodeMemory | None = None,
    *,
    door: AccessPointId = GATE,
    now: int = NOW,
    check: Callable[[bytes, bytes, bytes], bool] = verify,
    code: wire.RotatingCode | None = None,
) -> CodeOutcome:
    return judge_code(code or shown(step), CREDENTIAL, memory, door, now, check)


def used(step: int, *, now: int = NOW, door: AccessPointId = GATE) -> CodeMemory:
    outcome = judge(step, now=now, door=door)
    assert isinstance(outcome, CodeAccepted)
    return outcome.new_memory


def says(_public: bytes, _message: bytes, _signature: bytes) -> bool:
    """Signatures are tested above; the properties below are about steps."""
    return True


unsigned = st.builds(lambda step: wire.RotatingCode(CRED_ID, step, b""), st.integers(0, 2**31))


def test_the_first_use_teaches_the_offset_of_the_phone() -> None:
    assert used(NOW + 2) == CodeMemory(2, NOW + 2, frozenset({GATE}))


@pytest.mark.parametrize("off_by", [-3, 3])
def test_a_phone_clock_that_is_wrong_by_90_s_works_again_and_again(off_by: int) -> None:
    memory = used(NOW + off_by)
    for later in range(1, 20):
        outcome = judge(NOW + later + off_by, memory, now=NOW + later)
        assert isinstance(outcome, CodeAccepted)
        memory = outcome.new_memory


@pytest.mark.parametrize("off_by", [-4, 4])
def test_a_phone_clock_that_is_wrong_by_more_is_told_so(off_by: int) -> None:
    assert judge(NOW + off_by) == CodeRefused(Reason.CODE_OUT_OF_TIME)


def test_a_code_of_another_key_is_not_found() -> None:
    forged = shown(NOW, Ed25519PrivateKey.from_private_bytes(b"\x08" * 32))
    assert judge(NOW, code=forged) == CodeRefused(Reason.NOT_FOUND)


def test_a_signature_does_not_serve_another_step() -> None:
    moved = replace(shown(NOW), step=NOW + 1)
    assert judge(NOW, code=moved) == CodeRefused(Reason.NOT_FOUND)


def test_a_code_is_used_once_per_door() -> None:
    assert judge(NOW, used(NOW)) == CodeRefused(Reason.CODE_REPLAYED)


def test_the_same_code_may_be_used_at_the_next_door_and_there_once() -> None:
    at_room = judge(NOW, used(NOW), door=ROOM)
    assert isinstance(at_room, CodeAccepted)
    assert at_room.new_memory.used_at == {GATE, ROOM}
    assert judge(NOW, at_room.new_memory, door=ROOM) == CodeRefused(Reason.CODE_REPLAYED)


def test_a_pass_may_not_move_back_in_steps_at_any_door() -> None:
    assert judge(NOW - 1, used(NOW), door=ROOM) == CodeRefused(Reason.CODE_REPLAYED)


def test_a_screenshot_that_was_never_used_dies_with_the_rotation_too() -> None:
    memory = used(NOW)
    screenshot = shown(NOW + 10)
    assert judge(0, memory, code=screenshot, now=NOW + 12) == CodeRefused(Reason.CODE_OUT_OF_TIME)


@given(offset=st.integers(-3, 3), age=st.integers(0, 10_000), door=st.sampled_from([GATE, ROOM]))
def test_a_used_code_is_refused_for_ever_once_a_later_one_was_used(
    offset: int, age: int, door: AccessPointId
) -> None:
    first = CodeMemory(offset, NOW + offset, frozenset({GATE}))
    second = judge_code(
        wire.RotatingCode(CRED_ID, NOW + offset + 1, b""), CREDENTIAL, first, GATE, NOW + 1, says
    )
    assert isinstance(second, CodeAccepted)
    screenshot = wire.RotatingCode(CRED_ID, NOW + offset, b"")
    refused = judge_code(screenshot, CREDENTIAL, second.new_memory, door, NOW + 1 + age, says)
    assert refused == CodeRefused(Reason.CODE_REPLAYED)


@given(
    codes=st.lists(
        st.tuples(unsigned | st.integers(NOW - 6, NOW + 30).map(
            lambda step: wire.RotatingCode(CRED_ID, step, b"")
        ), st.sampled_from([GATE, ROOM]), st.integers(0, 3)),
        max_size=30,
    )
)  # fmt: skip
def test_whatever_is_shown_steps_never_go_back_and_no_door_takes_one_twice(
    codes: list[tuple[wire.RotatingCode, AccessPointId, int]],
) -> None:
    memory: CodeMemory | None = None
    now, taken, last = NOW, set[tuple[AccessPointId, int]](), 0
    for code, door, passed in codes:
        now += passed
        outcome = judge_code(code, CREDENTIAL, memory, door, now, says)
        if isinstance(outcome, CodeAccepted):
            assert code.step >= last
            assert (door, code.step) not in taken
            assert abs(code.step - now) <= 4
            taken.add((door, code.step))
            memory, last = outcome.new_memory, code.step


def fail(times: int, *, tries: Tries | None = None, at_ns: int = 0) -> Tries:
    tries = tries or Tries()
    for _ in range(times):
        tries = after_failure(tries, at_ns)
    return tries


def test_the_fifth_wrong_try_within_a_minute_locks_for_30_s() -> None:
    assert not is_locked(fail(4), 0)
    tries = fail(5)
    assert is_locked(tries, 30 * SECOND_NS - 1)
    assert not is_locked(tries, 30 * SECOND_NS)


def test_tries_a_minute_apart_do_not_add_up() -> None:
    tries = Tries()
    for minute in range(20):
        tries = after_failure(tries, minute * 60 * SECOND_NS)
        assert not is_locked(tries, minute * 60 * SECOND_NS)


def test_the_locks_grow_to_two_minutes_and_no_further() -> None:
    tries, now_ns, lengths = Tries(), 0, []
    for _ in range(5):
        tries = fail(5, tries=tries, at_ns=now_ns)
        lengths.append(tries.locked_until_ns - now_ns)
        now_ns = tries.locked_until_ns
    assert lengths == [*LOCK_NS, LOCK_NS[-1], LOCK_NS[-1]]


def test_a_lock_that_nobody_tests_for_ten_minutes_is_forgotten() -> None:
    tries = fail(5)
    later_ns = tries.locked_until_ns + FORGET_NS
    again = fail(5, tries=tries, at_ns=later_ns)
    assert again.locked_until_ns - later_ns == LOCK_NS[0]


@given(gaps=st.lists(st.integers(0, 200 * SECOND_NS), max_size=60))
def test_no_hammering_makes_a_lock_longer_than_its_own_length_or_the_memory_grow(
    gaps: list[int],
) -> None:
    tries, now_ns = Tries(), 0
    for gap in gaps:
        now_ns += gap
        tries = after_failure(tries, now_ns)
        assert tries.locked_until_ns - now_ns <= LOCK_NS[-1]
        assert len(tries.failed_ns) <= 4
