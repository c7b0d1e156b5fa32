"""Five wrong tries at one door within a minute call somebody, and three that look like a picture do so sooner.

Counted by door and not by credential: a wrong face is a new one each time.  Of what was shown nothing is kept but when.
A door that still calls ten minutes later calls again; until then a burst is one call, however long it goes on.
"""

from dataclasses import dataclass, replace

from edge.core.challenge import Why
from edge.core.credentials import FORGET_NS, TRIES_MAX, TRIES_WITHIN_NS
from edge.core.events import Fact
from edge.core.reasons import Reason

WRONG_TRIES, ATTACK = "access.wrong_tries", "access.attack"
TRIES_WITHIN_MS, FORGET_MS = TRIES_WITHIN_NS // 1_000_000, FORGET_NS // 1_000_000
# One may be the light or a shaking hand; a challenge takes seconds, so they are spread wider than plain refusals.
ATTACKS_MAX, ATTACKS_WITHIN_MS = 3, FORGET_MS
# The door's or the node's own fault: nobody could have shown anything better (docs/liveness.md for the second set).
NOT_OF_THE_PERSON = frozenset(
    {
        Reason.BLOCKED,
        Reason.LOCKED_DOWN,
        Reason.LOCK_SILENT,
        Reason.SIMULATED_ENGINE,
        Reason.OFFLINE_EXPIRED,
        Reason.CLOCK_UNTRUSTED,
        Reason.INTERLOCK,
        Reason.OCCUPANCY,
    }
)
ACCUSES = frozenset({Why.SWAPPED, Why.PLANAR, Why.FROZEN, Why.JUDGED})


@dataclass(frozen=True, slots=True)
class Burst:
    """Of one door, in monotonic ms: the newest wrong tries, those that looked like a picture, and the last calls."""

    tries: tuple[int, ...] = ()
    attacks: tuple[int, ...] = ()
    told_ms: int | None = None
    attack_told_ms: int | None = None


def is_wrong(fact: Fact) -> bool:
    """Whether somebody was refused for what they showed; a door on trial refuses nobody."""
    return fact.type == "access.denied" and fact.reason not in NOT_OF_THE_PERSON


def after_wrong(burst: Burst, fact: Fact, mono_ms: int) -> tuple[Burst, Fact | None]:
    """The burst with one more wrong try, and what somebody has to be told of it."""
    tries = _recent(burst.tries, mono_ms, TRIES_WITHIN_MS, TRIES_MAX)
    attacks = burst.attacks
    if fact.x.get("pad_why") in ACCUSES:
        attacks = _recent(attacks, mono_ms, ATTACKS_WITHIN_MS, ATTACKS_MAX)
    burst = replace(burst, tries=tries, attacks=attacks)
    looks_false = attacks != () and attacks[-1] == mono_ms and len(attacks) == ATTACKS_MAX
    if looks_false and _is_over(burst.attack_told_ms, mono_ms):
        # Whoever comes because of it sees the other tries too.
        told = replace(burst, told_ms=mono_ms, attack_told_ms=mono_ms)
        return told, Fact(ATTACK, access_point=fact.access_point, x={"tries": ATTACKS_MAX})
    if len(tries) == TRIES_MAX and _is_over(burst.told_ms, mono_ms):
        told = replace(burst, told_ms=mono_ms)
        return told, Fact(WRONG_TRIES, access_point=fact.access_point, x={"tries": TRIES_MAX})
    return burst, None


def _recent(times: tuple[int, ...], now_ms: int, within_ms: int, most: int) -> tuple[int, ...]:
    return (*(at for at in times if now_ms - at < within_ms), now_ms)[-most:]


def _is_over(told_ms: int | None, now_ms: int) -> bool:
    return told_ms is None or now_ms - told_ms >= FORGET_MS
