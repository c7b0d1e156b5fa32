"""May this command be carried out?  Ten ways to say no, in order; the first that holds is the reason (sync.md §8).

Everything is handed in: what arrived, where and when we are, what was carried out before, and the signature check.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from edge.core.door_types import Mode
from edge.core.events import AccessPointId, ClockState
from edge.core.reasons import Reason

# A command from this far in the future comes from a clock that is wrong, not from a quick network.
AHEAD_MAX_MS = 5_000
WRONG_MODE = "x:WrongMode"  # this door has no row for it just now: evacuation, fire, too many already waiting


class Op(StrEnum):
    RELEASE = "release"
    LOCK = "lock"
    UNLOCK = "unlock"
    BLOCK = "block"
    LOCKDOWN = "lockdown"
    LOCKDOWN_RELEASE = "lockdown_release"
    LOCKOPEN = "lockopen"
    LOCKOPEN_RELEASE = "lockopen_release"


# Nothing opens by these, so a late one does no harm: all that a node without a clock still obeys.
LOCK_TYPE = frozenset({Op.LOCK, Op.BLOCK, Op.LOCKDOWN})
MODE_OPS = frozenset(Op) - {Op.RELEASE}

ZONE = "zone:"  # before the zone's name, where a node's would stand
SIG_BYTES = 64  # of a zone's command: the first person's, then the second's


class Why(StrEnum):
    """Why not; declared in the order in which they are looked for."""

    RETAINED = "retained"
    BAD_FORMAT = "bad_format"
    UNKNOWN_KEY = "unknown_key"
    BAD_SIG = "bad_sig"
    WRONG_NODE = "wrong_node"
    TTL_TOO_LONG = "ttl_too_long"
    EXPIRED = "expired"
    CLOCK_UNTRUSTED = "clock_untrusted"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"


# Said of what nobody has signed: the names in it are anybody's words.
UNSIGNED = frozenset({Why.RETAINED, Why.BAD_FORMAT, Why.UNKNOWN_KEY, Why.BAD_SIG})


@dataclass(frozen=True, slots=True)
class Order:
    """A command as it is understood; nothing of it is believed before ``judge``."""

    tenant: str
    node: str
    door: AccessPointId
    id: str
    ctr: int
    issued_ms: int
    expires_ms: int
    op: Op
    issuer: str
    kid: str
    nonce: str = ""
    cls: str | None = None  # whom a release lets in, where staff said
    second: str = ""  # of a zone's command: who else wants it
    kid2: str = ""  # and the key that signed for them

    @property
    def zone(self) -> str:
        """Empty for a command to one door."""
        return self.node.removeprefix(ZONE) if self.node.startswith(ZONE) else ""


@dataclass(frozen=True, slots=True)
class Received:
    """One publish; ``order`` is None where the bytes are none.  ``nonces`` are those a command may quote just now."""

    retained: bool
    order: Order | None
    signed: bytes = b""
    signature: bytes = b""
    nonces: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Here:
    """This node at this moment."""

    tenant: str
    node: str
    doors: frozenset[AccessPointId]
    keys: frozenset[str]
    age_max_ms: int  # T_cmd_age
    now_ms: int
    clock: ClockState
    bound_ms: int
    zones: Mapping[str, frozenset[AccessPointId]] = field(default_factory=dict)  # as the community signed
    seconds: frozenset[str] = frozenset()  # keys that sign for the second person, and for nothing else

    def doors_of(self, zone: str) -> frozenset[AccessPointId]:
        return self.zones.get(zone, frozenset()) & self.doors

    @property
    def can_judge_expiry(self) -> bool:
        """False where the clock may be wrong by more than a command may live."""
        if self.clock is ClockState.HOLDOVER:
            return self.bound_ms <= self.age_max_ms
        return self.clock is ClockState.TRUSTED

    @property
    def doubt_ms(self) -> int:
        """By how much the clock may be wrong, where that matters to a command."""
        return 0 if self.can_judge_expiry else self.bound_ms


@dataclass(frozen=True, slots=True)
class Past:
    """What the book says about one order: whether it stands there, and how far its key had counted."""

    known: bool = False  # its id, or its key and counter
    floor: int = 0  # this key's counters up to here are settled, rows or no rows
    mode_ctr: int = 0  # of the last command of this key that changed this door's mode


@dataclass(frozen=True, slots=True)
class Accept:
    order: Order
    quoted: bool  # it used up the nonce


@dataclass(frozen=True, slots=True)
class Reject:
    why: Why
    order: Order | None


Verdict = Accept | Reject
Verify = Callable[[str, bytes, bytes], bool]  # (key id, message, signature)


def refused_in(mode: Mode) -> str:
    """Why a door in this mode did not take an accepted command."""
    match mode:
        case Mode.LOCKED_DOWN:
            return Reason.LOCKED_DOWN
        case Mode.BLOCKED | Mode.UNKNOWN:
            return Reason.BLOCKED
        case _:
            return WRONG_MODE


class State(StrEnum):
    """What became of an accepted command."""

    ACCEPTED = "accepted"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the issuer is told; repeated whenever the command is."""

    id: str
    state: State
    why: str = ""
    mode: str = ""
    seq: int = 0
    door: str = ""  # of a zone's command: each door has its own


@dataclass(frozen=True, slots=True)
class _Case:
    order: Order
    got: Received
    here: Here
    past: Past
    verify: Verify

    @property
    def quoted(self) -> bool:
        return self.order.nonce in self.got.nonces


def _unknown_key(case: _Case) -> bool:
    order, here = case.order, case.here
    return order.kid not in here.keys or (bool(order.zone) and order.kid2 not in here.seconds)


def _bad_signature(case: _Case) -> bool:
    order, got = case.order, case.got
    if not order.zone:
        return not case.verify(order.kid, got.signed, got.signature)
    first, second = got.signature[:SIG_BYTES], got.signature[SIG_BYTES:]
    both = case.verify(order.kid, got.signed, first) and case.verify(order.kid2, got.signed, second)
    return not both or order.issuer == order.second or order.kid == order.kid2


def _wrong_place(case: _Case) -> bool:
    order, here = case.order, case.here
    if order.zone:
        return order.tenant != here.tenant or not here.doors_of(order.zone)
    return (order.tenant, order.node) != (here.tenant, here.node) or order.door not in here.doors


def is_over(order: Order, here: Here) -> bool:
    """Its time has passed, as far as the clock can say; asked again at the door, for writing it down takes time too."""
    if here.clock is ClockState.UNTRUSTED:
        return False
    return here.now_ms - here.doubt_ms > order.expires_ms


def _expired(case: _Case) -> bool:
    """Where the clock is out by more than a command may live, the nonce has to say the rest."""
    order, here = case.order, case.here
    if here.clock is ClockState.UNTRUSTED:
        return False
    return is_over(order, here) or order.issued_ms > here.now_ms + here.doubt_ms + AHEAD_MAX_MS


def _no_clock(case: _Case) -> bool:
    here = case.here
    too_much = here.clock is ClockState.UNTRUSTED and case.order.op not in LOCK_TYPE
    return too_much or (not here.can_judge_expiry and not case.quoted)


def is_superseded(order: Order, past: Past) -> bool:
    """This key has told this door something later already."""
    return order.op in MODE_OPS and order.ctr < past.mode_ctr


_CHECKS: tuple[tuple[Why, Callable[[_Case], bool]], ...] = (
    (Why.UNKNOWN_KEY, _unknown_key),
    (Why.BAD_SIG, _bad_signature),
    (Why.WRONG_NODE, _wrong_place),
    (
        Why.TTL_TOO_LONG,
        lambda case: case.order.expires_ms - case.order.issued_ms > case.here.age_max_ms,
    ),
    (Why.EXPIRED, _expired),
    (Why.CLOCK_UNTRUSTED, _no_clock),
    (Why.DUPLICATE, lambda case: case.past.known or case.order.ctr <= case.past.floor),
    (Why.SUPERSEDED, lambda case: is_superseded(case.order, case.past)),
)


def judge(got: Received, here: Here, past: Past, verify: Verify) -> Verdict:
    """Accept it, or the first reason not to."""
    order = got.order
    if got.retained or order is None:
        return Reject(Why.RETAINED if got.retained else Why.BAD_FORMAT, order)
    case = _Case(order, got, here, past, verify)
    for why, holds in _CHECKS:
        if holds(case):
            return Reject(why, order)
    return Accept(order, case.quoted)


def by_door(order: Order, here: Here) -> tuple[Order, ...]:
    """An accepted order, once for each door of this node that it is for."""
    if not order.zone:
        return (order,)
    return tuple(replace(order, door=door) for door in sorted(here.doors_of(order.zone)))
