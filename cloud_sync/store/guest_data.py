"""What a guest may see of themselves: every row about them and this stay, opened field by field (R8, invariant 17).

A link can be forwarded, so the end of the document number is asked for first.  Other stays of the same person are told
at the desk, where somebody looks at the document: typing a number does not prove who types.
"""

import hmac
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.codes import normalised
from cloud_sync.core.policy import HOUR_MS
from cloud_sync.errors import Refused
from cloud_sync.store import own_contact, tables
from cloud_sync.store.guests import member_of, stay_of_token
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.subject_rights import own_copy
from cloud_sync.store.vault import FIELDS

PURPOSE = "the guest asks what is held about them"
SCREEN = "guest: my data"
REFUSED = "guest.data_refused"
TRIES_MAX = 5  # an hour: ten thousand endings take longer than any stay


def own_data(
    house: House, token: str, subject_ref: str | None, last_four: str, *, role: str
) -> dict[str, Any]:
    """Raises Refused: nothing is registered, the ending is wrong, or it was wrong too often within the hour."""
    with acting(house, role, role) as act:
        stay = stay_of_token(act, token)
        member = member_of(act, stay.stay, subject_ref)
        _check_patience(act, str(stay.stay))
        contacts = own_contact.contacts_of(act, [str(member.person)], [str(stay.stay)])
    _check_ending(house, str(stay.stay), str(member.person), last_four, role)
    opened = {
        name: house.vault.open_field(str(member.person), name, actor=role, purpose=PURPOSE, screen=SCREEN)
        for name in FIELDS
        if house.vault.holds(str(member.person), name)
    }
    opened |= own_contact.opened(house, contacts, actor=role, purpose=PURPOSE, screen=SCREEN)
    with acting(house, role, role) as act:
        act.note("guest.data_export", str(member.subject_ref))
        return own_copy(act, stay, member, opened)


def _check_patience(act: Act, stay: str) -> None:
    table = tables.audit
    lately = sa.select(sa.func.count()).where(
        table.c.community == act.house.community,
        table.c.object == stay,
        table.c.action == REFUSED,
        table.c.at_ms > act.now_ms - HOUR_MS,
    )
    if int(act.connection.execute(lately).scalar_one()) >= TRIES_MAX:
        raise Refused("guest.data_wait", "the ending was wrong five times; wait an hour or ask the staff.")


def _check_ending(house: House, stay: str, person: str, last_four: str, role: str) -> None:
    if not house.vault.holds(person, "document_number"):
        raise Refused("guest.data_nothing", "nothing is registered for this guest yet.")
    number = house.vault.open_field(
        person,
        "document_number",
        actor=role,
        purpose=f"{PURPOSE}: their number's end is compared",
        screen=SCREEN,
    )
    if hmac.compare_digest(normalised(number)[-4:].encode(), normalised(last_four).encode()):
        return
    with acting(house, role, role) as act:
        act.note(REFUSED, stay)
    raise Refused("guest.data_ending", "these are not the last four characters of the document number.")
