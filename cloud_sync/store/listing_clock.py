"""What time alone does to listings and points: overdue reviews, last guests, deadlines, expiry (domain.md §§5.1, 5.9)."""

from typing import Any

import sqlalchemy as sa

from cloud_sync.core.lifecycles import STAY_AHEAD, STAY_INSIDE, ListingState
from cloud_sync.core.lifecycles_conduct import POINTS, PointsState
from cloud_sync.store import tables
from cloud_sync.store.house import Act
from cloud_sync.store.issuing import relocated_by
from cloud_sync.store.listing_steps import move_listing
from cloud_sync.store.tables_model import listing_file, points_entry

ROWS_PER_ACT = 200  # one transaction stays short
_L = ListingState
NO_GUARDS: frozenset[Any] = frozenset()


def due_listings(act: Act) -> int:
    """Reviews that are overdue, listings that empty, and points whose time is over; how many moved."""
    return _overdue(act) + _emptied(act) + _points(act)


def _overdue(act: Act) -> int:
    listing, filed = tables.listing, listing_file
    both = (filed.c.community == listing.c.community) & (filed.c.listing == listing.c.listing)
    found = (
        sa.select(listing)
        .join(filed, both)
        .where(
            listing.c.community == act.house.community,
            listing.c.state == _L.ACTIVE,
            filed.c.next_review_ms <= act.now_ms,
        )
        .limit(ROWS_PER_ACT)
    )
    rows = act.connection.execute(found).all()
    for row in rows:
        move_listing(act, row, "review overdue", NO_GUARDS, reason="the yearly review is due")
    return len(rows)


def _emptied(act: Act) -> int:
    """The last guest is out, or the relocation deadline is over."""
    table = tables.listing
    found = sa.select(table).where(
        table.c.community == act.house.community, table.c.state.in_((_L.WITHDRAWING, _L.REVOKED))
    )
    moved = 0
    for row in act.connection.execute(found.limit(ROWS_PER_ACT)).all():
        event = _ending(act, row)
        if event:
            move_listing(act, row, event, NO_GUARDS, reason="by the clock")
            moved += 1
    return moved


def _ending(act: Act, listing: Any) -> str:
    """The event that ends it, or "" while guests have a right to be there."""
    counted = STAY_INSIDE if listing.state == _L.REVOKED else STAY_INSIDE | STAY_AHEAD
    table = tables.stay
    guests = sa.select(table.c.stay).where(
        table.c.community == act.house.community,
        table.c.listing == listing.listing,
        table.c.state.in_(counted),
    )
    if act.connection.execute(guests.limit(1)).first() is None:
        return "last guest out"
    deadline_ms = relocated_by(act, listing)
    over = deadline_ms is not None and deadline_ms <= act.now_ms
    return "relocation deadline" if over else ""


def _points(act: Act) -> int:
    table = points_entry
    found = (
        sa.select(table)
        .where(table.c.community == act.house.community, table.c.next_ms <= act.now_ms)
        .limit(ROWS_PER_ACT)
    )
    rows: list[Any] = list(act.connection.execute(found).all())
    for row in rows:
        _point(act, row)
    return len(rows)


def _point(act: Act, row: Any) -> None:
    """A proposal nobody confirmed is dismissed, an entry of twelve months expires; an appeal's clock only waits for people."""
    event = {PointsState.PROPOSED: "not confirmed in time", PointsState.EFFECTIVE: "12 months"}.get(row.state)
    state = act.move(POINTS, row.id, row.state, event, reason="by the clock") if event else row.state
    act.update(points_entry, {"id": row.id}, state=state, next_ms=None)
