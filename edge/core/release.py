"""May this node take this release, and for how long may its doors be without a program (domain.md story 39)?

Everything is handed in: what is installed, what was counted, the clock, and whether signature and digest hold.
"""

from dataclasses import dataclass
from enum import StrEnum

# A swap stops the program, starts the other one and looks whether it is well; if not, the same again with the one before.
RESTART_MS, WELL_MS = 3_000, 12_000
LOOK_MOST_MS = 2_000  # one look at a program that does not answer
DARK_MOST_MS = 2 * (RESTART_MS + WELL_MS)  # 30 s: no door is without a program for longer
AHEAD_MAX_MS = 5_000  # an order from further in the future comes from a clock that is wrong


class Why(StrEnum):
    """Why not; declared in the order in which they are looked for."""

    UNSIGNED = "unsigned"  # no release of a key this node knows
    DIGEST = "digest"  # the file is not the one that was signed
    ORDER_UNSIGNED = "order_unsigned"
    WRONG_NODE = "wrong_node"
    EXPIRED = "expired"
    CLOCK = "clock"  # the node's own cannot judge an end
    COUNTED = "counted"  # this order or a later one was taken already
    OTHER_RELEASE = "other_release"  # the order is for another one
    OLDER = "older"  # only an explicit step back leads to an older one
    NOTHING_BEFORE = "nothing_before"  # there is no release to go back to
    NOT_QUIET = "not_quiet"  # a door stands open by fire or evacuation


@dataclass(frozen=True, slots=True)
class Installed:
    """What the node has of one kind; ``before`` None: nothing to go back to.  ``ctr`` is the last order's, by key."""

    n: int = 0
    before: int | None = None
    ctr: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """A release and the order to take it, as they were read."""

    signed: bool
    digest: bool
    order_signed: bool
    for_us: bool
    same_release: bool
    back: bool
    n: int
    ctr: int
    issued_ms: int
    expires_ms: int


def judge(asked: Asked, have: Installed, *, now_ms: int, clock_sure: bool, quiet: bool) -> Why | None:
    """The first reason against it, or None."""
    order = (
        (not asked.order_signed, Why.ORDER_UNSIGNED),
        (not asked.for_us, Why.WRONG_NODE),
        (not clock_sure, Why.CLOCK),
        (now_ms >= asked.expires_ms or asked.issued_ms > now_ms + AHEAD_MAX_MS, Why.EXPIRED),
        (asked.ctr <= have.ctr, Why.COUNTED),
    )
    file = ((not asked.signed, Why.UNSIGNED), (not asked.digest, Why.DIGEST))
    install = (*file, *order, (not asked.same_release, Why.OTHER_RELEASE), (asked.n <= have.n, Why.OLDER))
    back = (*order, (asked.n != have.n, Why.OTHER_RELEASE), (have.before is None, Why.NOTHING_BEFORE))
    reasons = (*(back if asked.back else install), (not quiet, Why.NOT_QUIET))
    return next((why for holds, why in reasons if holds), None)
