"""Luggage: one staffed way back in within two hours of a cancellation during the stay (domain.md §§5.4, 5.12; story 5).

The pass stays EXIT_ONLY; what the staff hand over is a visitor's code for the common doors, and they go along to the room.
"""

from typing import Any

import sqlalchemy as sa

from cloud_sync.core.lifecycles import StayState
from cloud_sync.core.policy import HOUR_MS, MINUTE_MS
from cloud_sync.errors import NotFound, Refused
from cloud_sync.store import tables
from cloud_sync.store.bundles import SignedPass
from cloud_sync.store.house import Act
from cloud_sync.store.places import scope_of
from cloud_sync.store.visitors import VisitWish, admit

WITHIN_MS = 2 * HOUR_MS
MINUTES_MAX = 30
CANCELLED, REENTRY = "stay.booking cancelled", "stay.reentry"
RULE = "reentry"


def reenter(act: Act, source: str, external_ref: str, reason: str) -> SignedPass:
    """A code for gate and unit door, once.

    Raises:
        NotFound: no such booking.
        Refused: it was not cancelled during the stay, the two hours are over, or it was used; or no reason.
    """
    booking = act.row(tables.booking, source=source, external_ref=external_ref)
    if booking is None:
        raise NotFound(f"there is no booking {source} {external_ref}.")
    (stay,) = act.rows(tables.stay, booking=str(booking.booking))
    left_min = _minutes_left(act, stay)
    made = admit(act, VisitWish("day_visitor", _common_doors(act, stay), min(left_min, MINUTES_MAX), reason))
    assert isinstance(made, SignedPass), "a day visitor's code needs no PIN"
    act.note(REENTRY, str(stay.stay), None, made.pass_id, reason.strip())
    return made


def _minutes_left(act: Act, stay: Any) -> int:
    cancelled_ms = _latest(act, stay, CANCELLED)
    if stay.state not in (StayState.CANCELLED_DURING, StayState.CHECKED_OUT) or cancelled_ms is None:
        raise Refused(RULE, f"the stay is {stay.state}; a way back is for one that was cancelled during it.")
    used_ms = _latest(act, stay, REENTRY)
    if used_ms is not None and used_ms >= cancelled_ms:
        raise Refused(RULE, "the one way back was used; go along with the guest, or admit a visitor.")
    left_min = (cancelled_ms + WITHIN_MS - act.now_ms) // MINUTE_MS
    if left_min < 1:
        raise Refused(RULE, "the two hours for luggage are over; go along with the guest.")
    return int(left_min)


def _latest(act: Act, stay: Any, action: str) -> int | None:
    table = tables.audit
    found = sa.select(sa.func.max(table.c.at_ms)).where(
        table.c.community == act.house.community, table.c.object == stay.stay, table.c.action == action
    )
    at_ms: int | None = act.connection.execute(found).scalar()
    return at_ms


def _common_doors(act: Act, stay: Any) -> tuple[str, ...]:
    room = act.row(tables.room, room=str(stay.room))
    way = scope_of(str(room.access_points)) if room is not None else []
    kinds = {str(row.access_point): str(row.kind) for row in act.rows(tables.access_point)}
    return tuple(door for door in way if kinds.get(door) not in (None, "room"))
