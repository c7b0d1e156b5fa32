"""What a person may ask of the records: a copy of everything, and the end of what nothing orders to keep (R8).

The copy for a link is of one stay, because a link can be passed on; the copy that an officer hands out, after looking at the
document, is of every stay under it.
"""

from typing import Any

from cloud_sync.core.lifecycles import CREDENTIAL, CREDENTIAL_LIVE, STAY_OVER
from cloud_sync.errors import NotFound, Refused
from cloud_sync.store import own_contact, tables
from cloud_sync.store.guests import member_of, stay_of_token, withdraw
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.reasons import checked_reason
from cloud_sync.store.self_registering import drop_draft
from cloud_sync.store.subject_rows import (
    About,
    about_member,
    about_person,
    face_receipts,
    kept_until,
    rows_about,
)
from cloud_sync.store.vault import FIELDS

STILL_HERE = "guest.erase_open"
OFFICER_SCREEN = "officer: a person's copy"
PASS_OVER = ("EXPIRED", "REVOKED")


def export_for_officer(
    house: House, source: str, external_ref: str, subject_ref: str | None, *, actor: str, reason: str
) -> dict[str, Any]:
    """Everything of one person of this booking, under every stay of the same document; every field opened is on record.

    Raises:
        NotFound: no such booking, or nobody of it has that reference.
        Refused: no reason.
    """
    said = f"subject request: {checked_reason(reason)}"
    with acting(house, actor, "staff") as act:
        booking = act.row(tables.booking, source=source, external_ref=external_ref)
        if booking is None:
            raise NotFound(f"there is no booking {source} {external_ref}.")
        (stay,) = act.rows(tables.stay, booking=str(booking.booking))
        about = about_person(act, str(member_of(act, str(stay.stay), subject_ref or None).person))
        contacts = own_contact.contacts_of(act, about.persons, about.stays)
    opened = [_opened(house, person, actor, said) for person in about.persons]
    opened.append(own_contact.opened(house, contacts, actor=actor, purpose=said, screen=OFFICER_SCREEN))
    with acting(house, actor, "staff") as act:
        act.note("subject.export", about.persons[0], None, f"{len(about.stays)} stays", said)
        return copy_of(act, about, [one for one in opened if one])


def _opened(house: House, person: str, actor: str, purpose: str) -> dict[str, str]:
    vault = house.vault
    return {
        name: vault.open_field(person, name, actor=actor, purpose=purpose, screen=OFFICER_SCREEN)
        for name in FIELDS
        if vault.holds(person, name)
    }


def copy_of(act: Act, about: About, opened: list[dict[str, str]]) -> dict[str, Any]:
    """The parts of a copy, as a file keeps them."""
    receipts = face_receipts(act, about.passes)
    face = {
        "asked_nodes": receipts.asked,
        "erased_nodes": receipts.acked,
        "erased_ms": receipts.last_ms if receipts.is_done else None,
        "said": receipts.sentence(),
    }
    parts = rows_about(act, about)
    return {"made_ms": act.now_ms, "data": opened, **parts, "face": face, "kept": kept_until(act, about)}


def own_copy(act: Act, stay: Any, member: Any, opened: dict[str, str]) -> dict[str, Any]:
    """The copy behind a guest's link: this person, this stay."""
    held = copy_of(act, about_member(act, str(stay.stay), member), [opened])
    return held | {"data": opened}


def erase_by_link(act: Act, token: str, subject_ref: str | None) -> int:
    """End what nothing orders to keep, once the stay is over; how many consents that ended.

    Raises:
        NotFound: the link, or the guest.
        Refused: the stay still runs.
    """
    stay = stay_of_token(act, token)
    return _erase(act, stay, member_of(act, str(stay.stay), subject_ref))


def erase_for_booking(act: Act, source: str, external_ref: str, subject_ref: str | None, reason: str) -> int:
    """As ``erase_by_link``, asked of the staff."""
    booking = act.row(tables.booking, source=source, external_ref=external_ref)
    if booking is None:
        raise NotFound(f"there is no booking {source} {external_ref}.")
    (stay,) = act.rows(tables.stay, booking=str(booking.booking))
    member = member_of(act, str(stay.stay), subject_ref or None)
    ended = _erase(act, stay, member)
    act.note("subject.erase", str(member.subject_ref), None, None, checked_reason(reason))
    return ended


def _erase(act: Act, stay: Any, member: Any) -> int:
    if stay.state not in STAY_OVER:
        raise Refused(STILL_HERE, "this stay is not over yet; leave first, or remove the face alone.")
    mine = {"stay": str(stay.stay), "person": str(member.person)}
    given = [row for row in act.rows(tables.consent, **mine) if row.withdrawn_ms is None]
    ended = 0
    for purpose in sorted({str(row.purpose) for row in given}):
        ended += withdraw(act, stay, member, purpose)
    for held in act.rows(tables.pass_, **mine):
        if held.state in PASS_OVER:
            _destroy_codes(act, str(held.pass_id))
    drop_draft(act, str(stay.stay))
    act.note("guest.erase", str(member.subject_ref), None, f"{ended} consents ended")
    return ended


def _destroy_codes(act: Act, pass_id: str) -> None:
    for row in act.rows(tables.credential, pass_id=pass_id):
        if row.state in CREDENTIAL_LIVE:
            after = act.move(CREDENTIAL, row.cred_id, row.state, "pass ended")
            act.update(tables.credential, {"cred_id": row.cred_id}, state=after, verifier=b"")
