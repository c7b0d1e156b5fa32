"""How many people a listing takes (invariant 8): the party itself, and whoever of other parties is inside in that time."""

from typing import Any

import sqlalchemy as sa

from cloud_sync.core.lifecycles import PROVED, STAY_INSIDE
from cloud_sync.errors import Refused
from cloud_sync.store import tables
from cloud_sync.store.asking import ask, mine
from cloud_sync.store.house import Act

_OTHER, _ROW = tables.stay, tables.registration
_INSIDE = (
    sa.select(sa.func.count(sa.distinct(_ROW.c.person)))
    .select_from(_ROW.join(_OTHER, (_OTHER.c.community == _ROW.c.community) & (_OTHER.c.stay == _ROW.c.stay)))
    .where(
        mine(_ROW),
        _ROW.c.status.in_(PROVED),
        _OTHER.c.listing == sa.bindparam("listing"),
        _OTHER.c.stay != sa.bindparam("but"),
        _OTHER.c.state.in_(STAY_INSIDE),
        _OTHER.c.planned_in_ms < sa.bindparam("ends_ms"),
        _OTHER.c.planned_out_ms > sa.bindparam("begins_ms"),
    )
)


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
    span = {"begins_ms": stay.planned_in_ms, "ends_ms": stay.planned_out_ms}
    ((count,),) = ask(act, _INSIDE, listing=stay.listing, but=stay.stay, **span)
    return int(count)
