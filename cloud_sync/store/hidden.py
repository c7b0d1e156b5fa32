"""Somebody in danger asks that gate and operator see nothing of their stay (domain.md story 15).

The doors know nothing of it and open as before.  Every mark, and its end, is a disclosure of each person of the stay.
"""

from typing import Any

import sqlalchemy as sa

from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_privacy import HiddenStay
from cloud_sync.store import audit, tables
from cloud_sync.store.house import Act
from cloud_sync.store.reasons import checked_reason
from cloud_sync.store.tables_guests import hidden_stay

FIELD, SCREEN = "stay", "hidden stay"


def hide(act: Act, source: str, external_ref: str, reason: str) -> str:
    """Nothing of this booking's stay is shown to gate and operator from now on; the stay.

    Raises:
        Refused: no reason, or it is hidden already.
        NotFound: no such booking.
    """
    why = checked_reason(reason)
    booking: Any = act.row(tables.booking, source=source, external_ref=external_ref)
    if booking is None:
        raise NotFound(f"there is no booking {source} {external_ref}.")
    (stay,) = act.rows(tables.stay, booking=str(booking.booking))
    held: Any = act.row(hidden_stay, stay=str(stay.stay))
    if held is not None and held.lifted_ms is None:
        raise Refused("hidden.already", f"{held.set_by} has hidden this stay already.")
    values = {"set_by": act.actor, "reason": why, "set_ms": act.now_ms, "lifted_by": None, "lifted_ms": None}
    if held is None:
        act.insert(hidden_stay, stay=str(stay.stay), **values)
    else:
        act.update(hidden_stay, {"stay": str(stay.stay)}, **values)
    _disclose(act, str(stay.stay), f"hide the stay: {why}")
    act.note("stay.hide", str(stay.stay), None, "hidden", why)
    return str(stay.stay)


def show(act: Act, stay: str, reason: str) -> None:
    """The danger is over; gate and operator see the stay again.

    Raises:
        Refused: no reason.
        NotFound: this stay is not hidden.
    """
    why, held = checked_reason(reason), act.row(hidden_stay, stay=stay)
    if held is None or held.lifted_ms is not None:
        raise NotFound(f"stay {stay} is not hidden.")
    act.update(hidden_stay, {"stay": stay}, lifted_by=act.actor, lifted_ms=act.now_ms)
    _disclose(act, stay, f"show the stay again: {why}")
    act.note("stay.show", stay, "hidden", None, why)


def _disclose(act: Act, stay: str, purpose: str) -> None:
    for member in act.rows(tables.stay_member, stay=stay):
        look = audit.Look(act.actor, purpose, str(member.person), FIELD, SCREEN)
        audit.disclose_in(act.connection, act.house.community, look, act.now_ms)


def listed(act: Act) -> tuple[HiddenStay, ...]:
    """Those that are hidden now, for whoever may know."""
    table, stay, booking = hidden_stay, tables.stay, tables.booking
    same = (stay.c.community == table.c.community) & (stay.c.stay == table.c.stay)
    its = (booking.c.community == stay.c.community) & (booking.c.booking == stay.c.booking)
    query = (
        sa.select(table, booking.c.source, booking.c.external_ref)
        .select_from(table.join(stay, same).join(booking, its))
        .where(table.c.community == act.house.community, table.c.lifted_ms.is_(None))
        .order_by(table.c.set_ms)
    )
    return tuple(
        HiddenStay(row.stay, row.source, row.external_ref, row.set_by, row.reason, row.set_ms)
        for row in act.connection.execute(query)
    )


def is_hidden(act: Act, stay: str) -> bool:
    held: Any = act.row(hidden_stay, stay=stay)
    return held is not None and held.lifted_ms is None


def hides(community: str, stay: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Whether the stay in this column is hidden; NULL is no stay, and hidden from nobody."""
    table = hidden_stay
    return sa.exists().where(
        table.c.community == community, table.c.stay == stay, table.c.lifted_ms.is_(None)
    )


def hidden_subjects(db: sa.Connection, community: str) -> frozenset[str]:
    """What a case can be about that would tell of such a stay: itself, its booking, its passes and registrations."""
    now = sa.select(hidden_stay.c.stay).where(
        hidden_stay.c.community == community, hidden_stay.c.lifted_ms.is_(None)
    )
    stays = list(db.execute(now).scalars())
    if not stays:
        return frozenset()
    found = set(stays)
    for table, column in (
        (tables.stay, tables.stay.c.booking),
        (tables.pass_, tables.pass_.c.pass_id),
        (tables.registration, tables.registration.c.registration),
        (tables.stay_member, tables.stay_member.c.person),
        (tables.stay_member, tables.stay_member.c.subject_ref),
    ):
        mine = (table.c.community == community, table.c.stay.in_(stays))
        found |= {str(one) for one in db.execute(sa.select(column).where(*mine)).scalars()}
    return frozenset(found)
