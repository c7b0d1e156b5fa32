"""How many people a listing takes (invariant 8): the party itself, and whoever of other parties is registered for that time.

More is an exception that somebody approved by name, with a reason and an end; it covers stays that are planned to be over
by then.
"""

from typing import Any

import sqlalchemy as sa

from cloud_sync.core.lifecycles import PROVED, STAY_INSIDE, STAY_OPEN
from cloud_sync.errors import Refused
from cloud_sync.store import tables
from cloud_sync.store.asking import ask, mine
from cloud_sync.store.house import Act
from cloud_sync.store.tables_model import capacity_exception

_OTHER, _ROW, _MORE = tables.stay, tables.registration, capacity_exception
_OTHERS = (
    sa.select(sa.func.count(sa.distinct(_ROW.c.person)))
    .select_from(_ROW.join(_OTHER, (_OTHER.c.community == _ROW.c.community) & (_OTHER.c.stay == _ROW.c.stay)))
    .where(
        mine(_ROW),
        _ROW.c.status.in_(PROVED),
        _OTHER.c.listing == sa.bindparam("listing"),
        _OTHER.c.stay != sa.bindparam("but"),
        _OTHER.c.state.in_(STAY_OPEN | STAY_INSIDE),
        _OTHER.c.planned_in_ms < sa.bindparam("ends_ms"),
        _OTHER.c.planned_out_ms > sa.bindparam("begins_ms"),
    )
)
_EXTRA = sa.select(sa.func.max(_MORE.c.extra)).where(
    mine(_MORE), _MORE.c.listing == sa.bindparam("listing"), _MORE.c.until_ms >= sa.bindparam("ends_ms")
)


def check(act: Act, stay: Any, registered: int) -> None:
    """``registered``: how many of this party are.

    Raises:
        Refused: one more would be more than the listing takes.
    """
    listing = act.row(tables.listing, listing=stay.listing)
    assert listing is not None
    most = listing.max_guests + extra(act, stay.listing, stay.planned_out_ms)
    if registered + others(act, stay) >= most:
        raise Refused(
            "registration.full", f"listing {stay.listing} takes {most} guests and they are registered."
        )


def others(act: Act, stay: Any) -> int:
    """Registered people of other stays of this listing that are planned for some of the same time."""
    span = {"begins_ms": stay.planned_in_ms, "ends_ms": stay.planned_out_ms}
    ((count,),) = ask(act, _OTHERS, listing=stay.listing, but=stay.stay, **span)
    return int(count)


def extra(act: Act, listing: str, ends_ms: int) -> int:
    """How many more than it takes are approved for a stay that ends then."""
    ((most,),) = ask(act, _EXTRA, listing=listing, ends_ms=ends_ms)
    return int(most or 0)
