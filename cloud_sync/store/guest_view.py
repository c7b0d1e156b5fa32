"""One guest link as the pages see it: the stay, its doors and its party, without anybody's name."""

from typing import Any

import sqlalchemy as sa

from cloud_sync.core.guards import surely_at_least
from cloud_sync.core.lifecycles import (
    CREDENTIAL_LIVE,
    PROVED,
    STAY,
    STAY_INSIDE,
    STAY_OPEN,
    PassState,
    Refusal,
    advance,
)
from cloud_sync.core.policy import FACE_ACCESS, FACE_LOOKALIKE, MORE_TIME
from cloud_sync.ports_guest import FaceAnswer, GuestDoor, GuestMember, GuestPlace, GuestView, StayWish
from cloud_sync.protocol.messages import PREREQ_LISTING
from cloud_sync.store import emergencies, tables
from cloud_sync.store.bulletins import for_stay
from cloud_sync.store.departures import wish_of
from cloud_sync.store.document_checks import failed_checks
from cloud_sync.store.guardians import can_tell, has_guardian
from cloud_sync.store.guests import stay_of_token
from cloud_sync.store.house import Act
from cloud_sync.store.issuing import CHILD, held_row, newest_pass, relocated_by
from cloud_sync.store.pass_sets import is_online
from cloud_sync.store.places import scope_of
from cloud_sync.store.self_registering import visit_of
from cloud_sync.store.tables_guests import child_hours
from cloud_sync.store.tables_model import unit
from cloud_sync.store.told import is_kept

ROLES = ("lead", "companion", "minor")  # in the order they stand on the page


def view(act: Act, token: str) -> GuestView:
    """Everything the pages of this link rest on, as of now."""
    stay = stay_of_token(act, token)
    community, listing = _one(act, tables.community), _one(act, tables.listing, listing=stay.listing)
    booking, room = _one(act, tables.booking, booking=stay.booking), act.row(tables.room, room=stay.room)
    visit, doors = visit_of(act, stay.stay), _doors(act, room)
    profile = act.house.profile
    return GuestView(
        community_zh=community.name_zh,
        community_en=community.name_en,
        synthetic=act.house.synthetic,
        stay=stay.stay,
        stay_state=stay.state,
        is_open=stay.state in STAY_OPEN,
        inside=not isinstance(advance(STAY, stay.state, "checkout"), Refusal),
        listing=listing.name,
        room=room.label if room is not None else stay.room,
        planned_in_ms=stay.planned_in_ms,
        planned_out_ms=stay.planned_out_ms,
        move_by_ms=relocated_by(act, listing) if stay.state in STAY_INSIDE else None,
        headcount=booking.headcount,
        max_guests=listing.max_guests,
        doors=doors,
        members=_members(act, stay, has_face_doors=any(door.face for door in doors)),
        failed_checks=failed_checks(act, stay.stay),
        notice=profile.registration_notice,
        notice_read=visit is not None and visit.notice == profile.registration_notice,
        rules_read=(visit.rules or "") if visit is not None else "",
        has_draft=visit is not None and visit.draft_ms is not None,
        consent_texts=dict(profile.consent_texts),
        erase_after_ms=profile.erase_after_ms,
        asks=profile.jurisdiction.asked_besides(),
        emergency=emergencies.active(act),
        bulletins=for_stay(act, stay),
        can_tell=can_tell(act.house),
        wish=_wish(act, stay.stay),
        place=_place(act, listing),
        written_to=is_kept(act, str(stay.stay)),
    )


def _place(act: Act, listing: Any) -> GuestPlace | None:
    held: Any = act.row(unit, unit=listing.unit)
    return GuestPlace(held.building, held.stair, held.floor) if held is not None else None


def _wish(act: Act, stay: str) -> StayWish | None:
    held = wish_of(act, stay)
    return StayWish(held.departure_ms, held.state) if held is not None else None


def _one(act: Act, table: sa.Table, **key: str) -> Any:
    row = act.row(table, **key)
    assert row is not None, f"{table.name} has no row {key}"
    return row


def _doors(act: Act, room: Any | None) -> tuple[GuestDoor, ...]:
    """In the order the room's row names them: that is the way in."""
    wanted = scope_of(room.access_points) if room is not None else []
    found = {name: act.row(tables.access_point, access_point=name) for name in wanted}
    rows: dict[str, Any] = {name: row for name, row in found.items() if row is not None}
    silent = _silent_nodes(act, {row.node for row in rows.values()})
    doors = []
    for row in rows.values():
        near = rows.get(row.near)  # None too where this pass does not open it
        near = None if near is None or near.node in silent else near
        names = ("", "") if near is None else (near.name_zh, near.name_en)
        face = bool(row.face_enabled)
        doors.append(
            GuestDoor(row.access_point, row.kind, row.name_zh, row.name_en, face, row.node in silent, *names)
        )
    return tuple(doors)


def _silent_nodes(act: Act, nodes: set[str]) -> set[str]:
    """Those that were heard once, and not lately."""
    states = {node: act.row(tables.node_state, node=node) for node in nodes}
    heard: dict[str, Any] = {node: row for node, row in states.items() if row is not None and row.hello_ms}
    return {node for node, row in heard.items() if not is_online(row.online, row.hello_ms, act.now_ms)}


def _members(act: Act, stay: Any, *, has_face_doors: bool) -> tuple[GuestMember, ...]:
    rows: list[Any] = list(act.rows(tables.stay_member, stay=stay.stay))
    rows.sort(key=lambda row: (ROLES.index(row.role), row.subject_ref))
    return tuple(_member(act, stay, row, has_face_doors=has_face_doors) for row in rows)


def _member(act: Act, stay: Any, row: Any, *, has_face_doors: bool) -> GuestMember:
    held = newest_pass(act, stay.stay, row.person)
    assert held is not None, "a stay has passes from its first moment"
    registrations: list[Any] = list(act.rows(tables.registration, stay=stay.stay, person=row.person))
    minimum = act.house.profile.proofing_min
    live: dict[str, str] = {
        str(one.kind): str(one.cred_id)
        for one in act.rows(tables.credential, pass_id=held.pass_id)
        if one.state in CREDENTIAL_LIVE
    }
    wish: Any = act.row(child_hours, stay=stay.stay, person=row.person) if row.role == CHILD else None
    person, wire = _one(act, tables.person, person=row.person), held_row(held.wire)
    return GuestMember(
        subject_ref=row.subject_ref,
        role=row.role,
        minor=bool(person.minor),
        registration=registrations[-1].status if registrations else "",
        verified=any(one.status in PROVED and one.proofing >= minimum for one in registrations),
        pass_state=PassState(held.state),
        listing_permits=wire is None or bool(wire.prereq & PREREQ_LISTING),
        not_before_ms=held.not_before_ms,
        not_after_ms=held.not_after_ms,
        face=_face(act, stay, row, has_face_doors=has_face_doors),
        alike=_agreed(act, stay, row, FACE_LOOKALIKE),
        more_time=_agreed(act, stay, row, MORE_TIME),
        code=live.get("qr"),
        has_pin="pin" in live,
        hours=wish.hours if wish is not None else "",
        tells=bool(wish.tell) if wish is not None else False,
        guarded=row.role == CHILD and has_guardian(act, stay),
    )


def _agreed(act: Act, stay: Any, member: Any, purpose: str) -> bool:
    consents = act.rows(tables.consent, stay=stay.stay, person=member.person, purpose=purpose)
    return any(row.withdrawn_ms is None for row in consents)


def _face(act: Act, stay: Any, member: Any, *, has_face_doors: bool) -> FaceAnswer:
    """Asked once, of whoever may answer, and only where a door could use it."""
    if _agreed(act, stay, member, FACE_ACCESS):
        return "yes"
    before = act.rows(tables.consent, stay=stay.stay, person=member.person, purpose=FACE_ACCESS)
    if member.face_said == "no" or before:
        return "no"
    person = act.row(tables.person, person=member.person)
    if not has_face_doors or person is None or person.birth_year is None:
        return "not_offered"
    today = act.house.local_day(act.now_ms)
    young = surely_at_least(act.house.profile.face_age_min, person.birth_year, today) is False
    return "not_offered" if young else "ask"
