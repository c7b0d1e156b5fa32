"""Where somebody of a stay is written to, for their own copy: the address is the lead guest's, and nobody else's of the party."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from cloud_sync.store import tables
from cloud_sync.store.house import Act, House
from cloud_sync.store.told import CONTACT


def contacts_of(act: Act, persons: Sequence[str], stays: Sequence[str]) -> list[str]:
    """Under which names of the vault these persons' addresses stand, while their stays have one."""
    member, contact = tables.stay_member, tables.stay_contact
    both = (member.c.community == contact.c.community) & (member.c.stay == contact.c.stay)
    found = (
        sa.select(contact.c.contact)
        .select_from(member.join(contact, both))
        .where(
            contact.c.community == act.house.community,
            contact.c.stay.in_(stays),
            member.c.person.in_(persons),
            member.c.role == "lead",
        )
        .order_by(contact.c.made_ms)
    )
    return [str(name) for name in act.connection.execute(found).scalars()]


def opened(house: House, contacts: Sequence[str], **look: Any) -> dict[str, str]:
    """The newest of them in clear, after its disclosure row; nothing where none is kept any more."""
    held = [name for name in contacts if house.vault.holds(name, CONTACT)]
    return {CONTACT: house.vault.open_field(held[-1], CONTACT, **look)} if held else {}
