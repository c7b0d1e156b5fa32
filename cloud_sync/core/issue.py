"""The pass as it should be (domain.md §§5.5, 5.12, 6): from the books to one row for the doors.

A row on a node opens only when it says ARMED; whatever is missing is told in ``prereq``, so that a refusal at the
door names its true reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles import STAY_INSIDE, STAY_OPEN, ListingState, PassState, StayState
from cloud_sync.core.listing_access import listing_permits
from cloud_sync.core.policy import PolicyProfile
from cloud_sync.protocol.messages import (
    PREREQ_FACE_CONSENT,
    PREREQ_LISTING,
    PREREQ_LOOKALIKE,
    PREREQ_MORE_TIME,
    PREREQ_REGISTERED,
    PREREQ_STAY,
    Cred,
    PassRow,
)

FOR_ENTRY = PREREQ_LISTING | PREREQ_STAY | PREREQ_REGISTERED
GUEST = "guest"  # the subject class of a short-stay guest, as the nodes spell it
COMMON_DOORS = frozenset({"gate", "garage"})  # a successor on the room never takes these from anybody


@dataclass(frozen=True, slots=True)
class Door:
    access_point: str
    kind: str


@dataclass(frozen=True, slots=True)
class Basis:
    """Everything one guest's pass rests on, as the books have it now."""

    pass_id: str
    subject_ref: str
    stay: StayState
    planned_in_ms: int
    planned_out_ms: int
    checked_out_ms: int | None
    next_in_ms: int | None  # the next arrival in the same room, where one is booked
    doors: tuple[Door, ...]
    listing: ListingState
    confirmed: bool
    relocated_by_ms: int | None  # for a revoked listing
    registered: bool  # verified, and proofing ≥ the profile's minimum
    face_consent: bool
    lookalike_consent: bool = False  # counts only beside the face consent
    more_time: bool = False  # asked for by the guest, and for nothing else to know
    creds: tuple[Cred, ...] = ()
    hours: str = ""  # of every day, chosen by a guardian for a child; empty: at any time


def is_turnover(basis: Basis, profile: PolicyProfile) -> bool:
    """True when the room is let again before the overstay hold would have ended."""
    hold_end_ms = basis.planned_out_ms + profile.overstay_hold_ms
    return basis.next_in_ms is not None and basis.next_in_ms < hold_end_ms


def window(basis: Basis, profile: PolicyProfile) -> tuple[int, int]:
    """(not_before, not_after): the nodes add the early buffer of each door class themselves."""
    late_ms = profile.turnover_late_ms if is_turnover(basis, profile) else profile.overstay_hold_ms
    not_after = basis.planned_out_ms + late_ms
    if basis.checked_out_ms is not None:
        not_after = min(not_after, basis.checked_out_ms)
    return basis.planned_in_ms, not_after


def prerequisites(basis: Basis, now_ms: int) -> int:
    """The PREREQ bits that hold now."""
    permits = listing_permits(
        basis.listing,
        in_house=basis.stay in STAY_INSIDE,
        confirmed=basis.confirmed,
        relocated_by_ms=basis.relocated_by_ms,
        now_ms=now_ms,
    )
    return (
        PREREQ_LISTING * permits
        | PREREQ_STAY * (basis.stay in STAY_OPEN)
        | PREREQ_REGISTERED * basis.registered
        | PREREQ_FACE_CONSENT * basis.face_consent
        | PREREQ_LOOKALIKE * (basis.face_consent and basis.lookalike_consent)
        | PREREQ_MORE_TIME * basis.more_time
    )


# What each state waits for, in order of weight; the conditions are those of ``_facts``.
_WHEN: Mapping[PassState, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        PassState.PENDING: (("revoke", "ended"), ("prerequisites hold", "holds")),
        PassState.ARMED: (("revoke", "ended"), ("prerequisite lost", "lost"), ("window opens", "opened")),
        PassState.ACTIVE: (
            ("checkout", "gone"),
            ("revoke", "never_came"),
            ("window over", "over"),
            ("exit only", "lost_inside"),
        ),
        PassState.SUSPENDED: (("checkout", "gone"), ("revoke", "never_came"), ("window over", "over")),
        PassState.EXIT_ONLY: (("checkout", "gone"), ("window over", "over"), ("reinstated", "holds")),
        PassState.EXPIRED: (),
        PassState.REVOKED: (),
    }
)


def _facts(basis: Basis, profile: PolicyProfile, now_ms: int) -> dict[str, bool]:
    not_before, not_after = window(basis, profile)
    holds = prerequisites(basis, now_ms) & FOR_ENTRY == FOR_ENTRY
    inside = basis.stay in STAY_INSIDE
    never_came = basis.stay in {StayState.CANCELLED_BEFORE, StayState.NO_SHOW}
    gone = basis.stay in {StayState.CHECKED_OUT, StayState.CLOSED}
    return {
        "holds": holds,
        "lost": not holds,
        "lost_inside": inside and not holds,
        "opened": now_ms >= not_before - profile.early_most_ms,
        "over": now_ms > not_after,
        "never_came": never_came,
        "gone": gone,
        "ended": never_came or gone,
    }


def due_event(state: PassState, basis: Basis, profile: PolicyProfile, now_ms: int) -> str | None:
    """The event of the pass table that the books ask for now, or None when the pass stands as it should."""
    facts = _facts(basis, profile, now_ms)
    return next((event for event, when in _WHEN[state] if facts[when]), None)


def guards_holding(basis: Basis, profile: PolicyProfile, now_ms: int) -> frozenset[Guard]:
    """The guards of the pass table that hold now."""
    facts = _facts(basis, profile, now_ms)
    holding = {Guard.IN_HOUSE if basis.stay in STAY_INSIDE else Guard.NOT_IN_HOUSE}
    if facts["holds"]:
        holding.add(Guard.PREREQUISITES)
    if facts["opened"]:
        holding.add(Guard.WINDOW_OPEN)
    return frozenset(holding)


def _scope(basis: Basis, profile: PolicyProfile, now_ms: int) -> list[str]:
    """The way in; at a turnover the room and its unit door end with the stay, the common doors with the grace."""
    handed_on = is_turnover(basis, profile) and now_ms >= basis.planned_out_ms
    kept = [door for door in basis.doors if not handed_on or door.kind in COMMON_DOORS]
    return sorted(door.access_point for door in kept)


def _wire_state(state: PassState, prereq: int) -> str:
    """ACTIVE is for each node's own clock to say; a pass that lacks a prerequisite never travels as ARMED."""
    if state not in {PassState.ARMED, PassState.ACTIVE}:
        return state.value
    return PassState.ARMED.value if prereq & FOR_ENTRY == FOR_ENTRY else PassState.PENDING.value


def desired_pass(
    basis: Basis, state: PassState, held: PassRow | None, profile: PolicyProfile, now_ms: int
) -> PassRow:
    """The row nodes are to hold: ``held`` itself when nothing changed, else the next version."""
    not_before, not_after = window(basis, profile)
    prereq = prerequisites(basis, now_ms)
    row = PassRow(
        pass_id=basis.pass_id,
        pass_version=held.pass_version if held else 1,
        subject_ref=basis.subject_ref,
        cls=GUEST,
        state=_wire_state(state, prereq),
        scope=_scope(basis, profile, now_ms),
        schedule=basis.hours,
        not_before=not_before,
        not_after=not_after,
        prereq=prereq,
        policy=profile.version,
        creds=sorted(basis.creds, key=lambda cred: cred.cred_id),
    )
    if held is None or row == held:
        return row
    return msgspec.structs.replace(row, pass_version=held.pass_version + 1)


def is_due_at_nodes(row: PassRow, profile: PolicyProfile, now_ms: int) -> bool:
    """From 72 h before the window until the erase clock ends, whatever the state."""
    return row.not_before - profile.preload_ms <= now_ms < row.not_after + profile.erase_after_ms
