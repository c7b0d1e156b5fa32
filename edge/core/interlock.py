"""Interlock: of a group of doors, one is released only while every other stands shut (access.md §4.6).

It judges who wants in by a credential.  It never blocks the way out, and fire takes it away.  A command of a person
outranks it: somebody has to be able to let people out of a lane whose contact is broken.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from edge.core.decision_types import Ruling
from edge.core.door_types import Contact, DoorState, LifeSafety, Mode

# Released, or about to be: between the grant and the opening the contact still says shut.
RELEASED = frozenset({Mode.ACCESSED, Mode.UNLOCKED})
# From "yes" to the lock a grant takes milliseconds; a claim that nothing came of ends by itself.
CLAIM_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Claim:
    """A door of the group has said yes and not yet moved: the ledger is being written."""

    door: str
    until_ns: int


def claimed_by_another(claim: Claim | None, door: str, now_ns: int) -> bool:
    return claim is not None and claim.door != door and now_ns < claim.until_ns


def judged(own: DoorState, peers: Iterable[DoorState]) -> Ruling:
    """Whether this door may be released, given the others of its group; a contact that is not known is not shut."""
    states = list(peers)
    if is_cleared([own, *states]):
        return Ruling.MET
    shut = all(state.contact is Contact.CLOSED and state.mode not in RELEASED for state in states)
    return Ruling.MET if shut else Ruling.BROKEN


def is_cleared(states: Iterable[DoorState]) -> bool:
    """Fire or an evacuation at any door of the group: people have to get out."""
    return any(state.life_safety is LifeSafety.FIRE or state.mode is Mode.LOCKED_OPEN for state in states)
