"""How many people a listing takes (invariant 8): the party itself, and whoever of other parties is inside in that time."""

from typing import Any

import sqlalchemy as sa

from cloud_sync.core.lifecycles import PROVED, STAY_INSIDE
from cloud_sync.errors import Refused
from cloud_sync.store import tables
from cloud_sync.store.house import Act


def check(act: Act, stay: Any, registered: int) -> None:
    """``registered``: how many of this party are.

    Raises:
        Refused: one more would be more than the listing takes.
    """
    listing = act.row(tables.listing, listing=stay.listing)
    assert listing is not None
    if registered + others_inside(act, stay) >= listing.max_guests:
        raise Refused(
            "registration.full",
            f"listing {stay.listing} takes {listing.max_guests} guests and they are registered.",
        )


def others_inside(act: Act, stay: Any) -> int:
    """Registered people of other stays of this listing who are inside and still will be when this party is."""
    other, row = tables.stay, tables.registration
    found = (
        sa.select(sa.func.count(sa.distinct(row.c.person)))
        .select_from(row.join(other, (other.c.community == row.c.community) & (other.c.stay == row.c.stay)))
        .where(
            row.c.community == act.house.community,
            row.c.status.in_(PROVED),
            other.c.listing == stay.listing,
            other.c.stay != stay.stay,
            other.c.state.in_(STAY_INSIDE),
            other.c.planned_in_ms < stay.planned_out_ms,
            other.c.planned_out_ms > stay.planned_in_ms,
        )
    )
    return int(act.connection.execute(found).scalar_one())
