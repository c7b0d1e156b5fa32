"""How many people a listing takes (invariant 8): the party itself, and whoever of other parties is registered for that time.

More is an exception that somebody approved by name, with a reason and an end; it covers stays that are planned to be over
by then.
"""

from typing import Any

import sqlalchemy as sa

from cloud_sync.core.lifecycles import PROVED, STAY_INSIDE, STAY_OPEN
from cloud_sync.core.policy import DAY_MS
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_model import Person
from cloud_sync.store import tables
from cloud_sync.store.asking import ask, mine
from cloud_sync.store.house import Act
from cloud_sync.store.interests import check_place, is_interested
from cloud_sync.store.listing_steps import listing_of, open_stays
from cloud_sync.store.reasons import checked_reason
from cloud_sync.store.tables_model import capacity_exception

EXTRA_MAX = 10
DAYS_MAX = 90

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


def approve(act: Act, listing: str, more: int, days: int, reason: str, by: Person) -> str:
    """``more`` people than the listing takes, until the end of the day that is ``days`` ahead.

    Raises:
        Refused: too many, too long, no reason, or somebody close to the operator.
    """
    held, why = listing_of(act, listing), checked_reason(reason)
    _check_person(act, held, by)
    if not (1 <= more <= EXTRA_MAX and 0 <= days <= DAYS_MAX):
        raise Refused(
            "capacity.bounds",
            f"an exception is for 1 to {EXTRA_MAX} more people and at most {DAYS_MAX} days.",
        )
    until_ms = act.house.midnight_ms(act.now_ms + (days + 1) * DAY_MS)
    made = act.new_id("CX")
    values = {"listing": listing, "extra": more, "reason": why, "approved_by": by.name, "ended_by": None}
    act.insert(_MORE, id=made, approved_ms=act.now_ms, until_ms=until_ms, **values)
    act.note("listing.exception", listing, None, f"{more} more", why)
    _judge_again(act, listing)
    return made


def end(act: Act, id_: str, reason: str, by: Person) -> None:
    """From now on it covers nobody; who is over the number by that is D06.

    Raises:
        NotFound, Refused: there is none, it is over, no reason, or somebody close to the operator.
    """
    held: Any = act.row(_MORE, id=id_)
    if held is None:
        raise NotFound(f"there is no exception {id_}.")
    why = checked_reason(reason)
    _check_person(act, listing_of(act, held.listing), by)
    if held.until_ms <= act.now_ms:
        raise Refused("capacity.over", f"the exception {id_} is over.")
    act.update(_MORE, {"id": id_}, until_ms=act.now_ms, ended_by=by.name)
    act.note("listing.exception end", held.listing, f"{held.extra} more", None, why)
    _judge_again(act, held.listing)


def _judge_again(act: Act, listing: str) -> None:
    for stay in open_stays(act, listing):
        act.touch(stay.stay)


def _check_person(act: Act, listing: Any, by: Person) -> None:
    check_place(act, by.name, listing.unit)
    if is_interested(act, by.name, listing):
        raise Refused("capacity.interested", f"{by.name} filed it or is close to its operator.")
