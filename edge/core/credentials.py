"""Rotating codes and the patience for wrong ones (access.md §6.2, T_retry_lock).

A phone mints a signed, counted step every 30 s.  The first use of a credential may be off by 90 s and teaches the
node that phone's offset; afterwards a code has to lie within one step of it, and steps never go back.  So a
screenshot is dead after the rotation, and a phone whose clock is wrong by 90 s works.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from edge.core.events import AccessPointId
from edge.core.passes import Credential
from edge.core.reasons import Reason

FIRST_USE_STEPS = 3  # ±90 s: what a phone without network time is off by at most in practice
LATER_STEPS = 1  # one rotation while the code is being shown

TRIES_MAX = 5
TRIES_WITHIN_NS = 60_000_000_000
LOCK_NS = (30_000_000_000, 60_000_000_000, 120_000_000_000)
# A lock that nobody tested for this long starts again at its first length: yesterday's slips are not today's.
FORGET_NS = 600_000_000_000

Verify = Callable[[bytes, bytes, bytes], bool]  # public key, message, signature


class SignedCode(Protocol):
    """A parsed, not yet verified code; ``signed`` is what the signature covers."""

    @property
    def credential(self) -> bytes: ...

    @property
    def step(self) -> int: ...

    @property
    def signed(self) -> bytes: ...

    @property
    def signature(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class CodeMemory:
    """What a node remembers of one credential; it has to survive a restart, or replays do."""

    offset_steps: int
    last_step: int
    used_at: frozenset[AccessPointId]  # doors at which ``last_step`` was used


@dataclass(frozen=True, slots=True)
class CodeAccepted:
    """``new_memory`` replaces the old one before the door opens, except while the clock is UNTRUSTED."""

    new_memory: CodeMemory


@dataclass(frozen=True, slots=True)
class CodeRefused:
    reason: Reason  # NOT_FOUND, CODE_REPLAYED or CODE_OUT_OF_TIME


CodeOutcome = CodeAccepted | CodeRefused


def judge_code(
    code: SignedCode,
    credential: Credential,
    memory: CodeMemory | None,
    door: AccessPointId,
    now_step: int,
    verify: Verify,
) -> CodeOutcome:
    """Accept or refuse one showing of a code at ``door``; ``memory`` is None before the first use on this node."""
    assert code.credential.hex() == credential.cred_id, "the code belongs to another credential"
    if not verify(credential.verifier, code.signed, code.signature):
        return CodeRefused(Reason.NOT_FOUND)
    if memory is None:
        return _first_use(code.step, door, now_step)
    return _later_use(code.step, memory, door, now_step)


def _first_use(step: int, door: AccessPointId, now_step: int) -> CodeOutcome:
    offset = step - now_step
    if abs(offset) > FIRST_USE_STEPS:
        return CodeRefused(Reason.CODE_OUT_OF_TIME)
    return CodeAccepted(CodeMemory(offset, step, frozenset({door})))


def _later_use(step: int, memory: CodeMemory, door: AccessPointId, now_step: int) -> CodeOutcome:
    if step < memory.last_step or (step == memory.last_step and door in memory.used_at):
        return CodeRefused(Reason.CODE_REPLAYED)
    if abs(step - now_step - memory.offset_steps) > LATER_STEPS:
        return CodeRefused(Reason.CODE_OUT_OF_TIME)
    before = memory.used_at if step == memory.last_step else frozenset()
    return CodeAccepted(replace(memory, last_step=step, used_at=before | {door}))


@dataclass(frozen=True, slots=True)
class Tries:
    """Failed tries of one credential or face track at one door.  A timer, never a suspension of the pass."""

    failed_ns: tuple[int, ...] = ()  # newest last, at most TRIES_MAX - 1
    locks: int = 0  # how many locks came before
    locked_until_ns: int = 0


def is_locked(tries: Tries, now_ns: int) -> bool:
    """True while further tries are refused unseen with x:RetryLater."""
    return now_ns < tries.locked_until_ns


def after_failure(tries: Tries, now_ns: int) -> Tries:
    """Count one failed try: the fifth within 60 s locks for 30 s, the next time 60 s, then 120 s each.

    A try while locked is refused unseen and does not count: waiting is the only way out, and it is bounded.
    """
    if is_locked(tries, now_ns):
        return tries
    rested = _forgotten(tries, now_ns)
    recent = (*(t for t in rested.failed_ns if now_ns - t < TRIES_WITHIN_NS), now_ns)
    if len(recent) < TRIES_MAX:
        return replace(rested, failed_ns=recent)
    length_ns = LOCK_NS[min(rested.locks, len(LOCK_NS) - 1)]
    return Tries((), rested.locks + 1, now_ns + length_ns)


def _forgotten(tries: Tries, now_ns: int) -> Tries:
    last_ns = max((tries.locked_until_ns, *tries.failed_ns))
    return Tries() if now_ns - last_ns >= FORGET_NS else tries
