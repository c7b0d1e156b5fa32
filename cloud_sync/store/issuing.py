"""From the books to the passes: load what a pass rests on, step its life-cycle, keep the row for the doors."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from cloud_sync.core.issue import GUEST, Basis, Door, desired_pass, due_event, guards_holding
from cloud_sync.core.lifecycles import (
    CREDENTIAL,
    CREDENTIAL_LIVE,
    PASS,
    PROVED,
    STAY_OPEN,
    BookingState,
    CredentialState,
    ListingState,
    PassState,
    StayState,
)
from cloud_sync.core.policy import FACE_ACCESS, FACE_LOOKALIKE, MORE_TIME
from cloud_sync.protocol.messages import Cred, PassRow
from cloud_sync.store import tables
from cloud_sync.store.asking import ask, many, mine
from cloud_sync.store.erasing import erase_face
from cloud_sync.store.house import Act
from cloud_sync.store.pins import DAY
from cloud_sync.store.places import owners_of, scope_of
from cloud_sync.store.tables_guests import child_hours

# PENDING → ARMED → ACTIVE → EXPIRED is the longest way a pass has to catch up on at once.
STEPS_MAX = 6
CHILD = "minor"  # the role of somebody under age in another guest's party
PASS_ENDED = frozenset({PassState.EXPIRED, PassState.REVOKED})
_rows = msgspec.msgpack.Decoder(PassRow)

_PASS, _STAY, _POINT, _AUDIT = tables.pass_, tables.stay, tables.access_point, tables.audit
_DOORS = sa.select(_POINT.c.access_point, _POINT.c.kind).where(
    mine(_POINT), _POINT.c.access_point.in_(many("points"))
)
_NEXT_IN = sa.select(sa.func.min(_STAY.c.planned_in_ms)).where(
    mine(_STAY),
    _STAY.c.room == sa.bindparam("room"),
    _STAY.c.stay != sa.bindparam("but"),
    _STAY.c.planned_in_ms >= sa.bindparam("out_ms"),
    _STAY.c.state.in_(STAY_OPEN),
)
_BANNED = sa.select(sa.func.max(_AUDIT.c.at_ms)).where(
    mine(_AUDIT), _AUDIT.c.object == sa.bindparam("listing"), _AUDIT.c.action == "listing.ban"
)


def held_row(wire: bytes) -> PassRow | None:
    """The row as last issued; None for a pass that has none yet."""
    return _rows.decode(wire) if wire else None


@dataclass(frozen=True, slots=True)
class Ground:
    """What every pass of one stay rests on, read once for all its guests."""

    stay: Any
    listing: Any
    confirmed: bool
    doors: tuple[Door, ...]
    next_in_ms: int | None
    relocated_by_ms: int | None
    registered: frozenset[str]  # persons
    consented: frozenset[tuple[str, str]]  # person and purpose, as agreed now

    @classmethod
    def of(cls, act: Act, stay: Any) -> "Ground":
        """As the books have it in this transaction."""
        booking = act.row(tables.booking, booking=stay.booking)
        listing = act.row(tables.listing, listing=stay.listing)
        assert booking is not None
        assert listing is not None
        minimum = act.house.profile.proofing_min
        registered = act.rows(tables.registration, stay=stay.stay)
        consents = act.rows(tables.consent, stay=stay.stay)
        return cls(
            stay=stay,
            listing=listing,
            confirmed=booking.state == BookingState.CONFIRMED,
            doors=tuple(_doors(act, stay.room)),
            next_in_ms=_next_in(act, stay),
            relocated_by_ms=relocated_by(act, listing),
            registered=frozenset(
                str(row.person) for row in registered if row.status in PROVED and row.proofing >= minimum
            ),
            consented=frozenset(
                (str(row.person), str(row.purpose)) for row in consents if row.withdrawn_ms is None
            ),
        )


def refresh_stay(act: Act, stay_id: str) -> None:
    """Bring every pass of a stay to where the books say it should be."""
    stay = act.row(tables.stay, stay=stay_id)
    assert stay is not None, f"there is no stay {stay_id}"
    ground, newest = Ground.of(act, stay), newest_passes(act, stay_id)
    for member in act.rows(tables.stay_member, stay=stay_id):
        _refresh_member(act, ground, member, newest.get(str(member.person)))
    act.touch(stay_id)


def _refresh_member(act: Act, ground: Ground, member: Any, held: Any | None) -> None:
    if held is None or (held.state in PASS_ENDED and _wants_another(act, ground.stay, held)):
        held = _issue(act, ground.stay, member)
    state, creds = PassState(held.state), live_credentials(act, held.pass_id)
    basis = basis_of(ground, member, held.pass_id, creds, _hours(act, ground.stay.stay, member))
    state = _step(act, held, state, basis)
    settle_credentials(act, held.pass_id, state)
    row = desired_pass(basis, state, held_row(held.wire), act.house.profile, act.now_ms)
    keep(act, held, state, row)


def _wants_another(act: Act, stay: Any, held: Any) -> bool:
    """A stay that is open again with its window ahead, after its pass had ended: extended late, or a no-show that came."""
    window_ahead = stay.planned_out_ms > act.now_ms and stay.planned_out_ms > held.not_after_ms
    returned = held.state == PassState.REVOKED and stay.planned_out_ms > act.now_ms
    return stay.state in STAY_OPEN and (window_ahead or returned)


def newest_pass(act: Act, stay_id: str, person: str) -> Any | None:
    """Somebody's pass of a stay, as ``newest_passes`` has it."""
    return newest_passes(act, stay_id).get(person)


def newest_passes(act: Act, stay_id: str) -> dict[str, Any]:
    """By person the one that lives, else the last that did: two of one millisecond have no order of their own."""
    found: Any = act.rows(tables.pass_, stay=stay_id)
    found.sort(key=lambda row: (row.state not in PASS_ENDED, row.pass_id))
    return {str(row.person): row for row in found}


def _issue(act: Act, stay: Any, member: Any) -> Any:
    pass_id = act.new_id("PS")
    state = act.move(PASS, pass_id, None, "issue")
    act.insert(
        tables.pass_,
        pass_id=pass_id,
        subject_ref=member.subject_ref,
        stay=stay.stay,
        person=member.person,
        scope="[]",
        not_before_ms=stay.planned_in_ms,
        not_after_ms=stay.planned_out_ms,
        state=state,
        version=1,
        wire=b"",
        **{"class": GUEST},
    )
    return act.row(tables.pass_, pass_id=pass_id)


def basis_of(ground: Ground, member: Any, pass_id: str, creds: tuple[Cred, ...], hours: str) -> Basis:
    """Everything one pass rests on."""
    stay, person = ground.stay, str(member.person)
    return Basis(
        pass_id=pass_id,
        subject_ref=member.subject_ref,
        stay=StayState(stay.state),
        planned_in_ms=stay.planned_in_ms,
        planned_out_ms=stay.planned_out_ms,
        checked_out_ms=stay.checked_out_ms,
        next_in_ms=ground.next_in_ms,
        doors=ground.doors,
        listing=ListingState(ground.listing.state),
        confirmed=ground.confirmed,
        relocated_by_ms=ground.relocated_by_ms,
        registered=person in ground.registered,
        face_consent=(person, FACE_ACCESS) in ground.consented,
        lookalike_consent=(person, FACE_LOOKALIKE) in ground.consented,
        more_time=(person, MORE_TIME) in ground.consented,
        creds=creds,
        hours=hours,
    )


def _hours(act: Act, stay_id: str, member: Any) -> str:
    """What the guardian chose; only a child of somebody else's party has hours."""
    if member.role != CHILD:
        return ""
    held: Any = act.row(child_hours, stay=stay_id, person=member.person)
    return str(held.hours) if held is not None else ""


def _doors(act: Act, room: str) -> Iterator[Door]:
    held = act.row(tables.room, room=room)
    wanted = scope_of(held.access_points) if held is not None else []
    yield from (Door(row.access_point, row.kind) for row in ask(act, _DOORS, points=wanted))


def _next_in(act: Act, stay: Any) -> int | None:
    ((next_ms,),) = ask(act, _NEXT_IN, room=stay.room, but=stay.stay, out_ms=stay.planned_out_ms)
    return None if next_ms is None else int(next_ms)


def relocated_by(act: Act, listing: Any) -> int | None:
    """The relocation deadline of a revoked listing: from the audit row of the ban, which is where it stands."""
    if listing.state != ListingState.REVOKED:
        return None
    ((banned_ms,),) = ask(act, _BANNED, listing=listing.listing)
    return None if banned_ms is None else int(banned_ms) + act.house.profile.relocation_ms


def live_credentials(act: Act, pass_id: str) -> tuple[Cred, ...]:
    """What the nodes may be shown for this pass."""
    rows = act.rows(tables.credential, pass_id=pass_id)
    return tuple(
        Cred(row.kind, row.cred_id, bytes(row.verifier))
        for row in rows
        if row.state in CREDENTIAL_LIVE and row.kind != DAY
    )


def _step(act: Act, held: Any, state: PassState, basis: Basis) -> PassState:
    profile = act.house.profile
    for _ in range(STEPS_MAX):
        event = due_event(state, basis, profile, act.now_ms)
        if event is None:
            return state
        guards = guards_holding(basis, profile, act.now_ms)
        state = PassState(act.move(PASS, held.pass_id, state, event, guards))
        if state is PassState.REVOKED:
            erase_face(act, held.pass_id, scope_of(held.scope), "pass revoked")
    raise AssertionError(f"pass {held.pass_id} does not come to rest in {state}")


def settle_credentials(act: Act, pass_id: str, state: PassState) -> None:
    """A credential follows its pass to READY; it stays on the nodes after the end, so that a refusal has a reason."""
    if state not in {PassState.ARMED, PassState.ACTIVE}:
        return
    for row in act.rows(tables.credential, pass_id=pass_id):
        if row.state == CredentialState.ISSUED:
            after = act.move(CREDENTIAL, row.cred_id, row.state, "pass armed")
            act.update(tables.credential, {"cred_id": row.cred_id}, state=after)


def keep(act: Act, held: Any, state: PassState, row: PassRow) -> None:
    """Write the pass and its row when either changed; a new version is an audit row of its own."""
    before = held_row(held.wire)
    if row == before and state == held.state:
        return
    if before is not None:
        _leave_doors(act, before, row)
    if before is not None and row.pass_version != before.pass_version:
        act.note("pass.version", held.pass_id, str(before.pass_version), str(row.pass_version))
    act.update(
        tables.pass_,
        {"pass_id": held.pass_id},
        scope=json.dumps(row.scope),
        not_before_ms=row.not_before,
        not_after_ms=row.not_after,
        state=state,
        version=row.pass_version,
        wire=msgspec.msgpack.encode(row),
    )
    act.insert(tables.pass_change, change=act.new_id("CH"), pass_id=held.pass_id)
    act.touch(held.pass_id)


def _leave_doors(act: Act, before: PassRow, row: PassRow) -> None:
    """A node none of whose doors is on the way any more has no reason to know the face."""
    if set(before.scope) <= set(row.scope):
        return
    owners = owners_of(act, {*before.scope, *row.scope})
    stayed = {owners[door] for door in row.scope if door in owners}
    gone = [door for door in before.scope if door in owners and owners[door] not in stayed]
    if gone:
        erase_face(act, row.pass_id, gone, "door no longer on the way")
