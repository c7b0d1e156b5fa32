"""Everything a source ever said of a booking: each telling once, whatever became of it (domain.md §5.2)."""

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from cloud_sync.store.asking import MINE, ask, mine
from cloud_sync.store.house import Act
from cloud_sync.store.tables_booking import booking_revision

if TYPE_CHECKING:
    from cloud_sync.store.bookings import BookingWish

Effect = Literal["applied", "history"]
# A feed that stammers may repeat itself for ever; one that says something new each time is broken.
TELLINGS_MAX = 500

_TABLE = booking_revision
_AGAIN = (
    sa.update(_TABLE)
    .where(
        _TABLE.c.community == MINE,
        _TABLE.c.booking == sa.bindparam("of"),
        _TABLE.c.revision == sa.bindparam("told"),
        _TABLE.c.digest == sa.bindparam("said"),
    )
    .values(times=_TABLE.c.times + 1, last_ms=sa.bindparam("now_ms"))
)
_COUNT = (
    sa.select(sa.func.count()).select_from(_TABLE).where(mine(_TABLE), _TABLE.c.booking == sa.bindparam("of"))
)


@dataclass(frozen=True, slots=True)
class Telling:
    """One revision as it was told; ``times`` counts the very same words."""

    revision: int
    effect: str
    room: str
    arrival_ms: int
    departure_ms: int
    headcount: int
    cancelled: bool
    first_ms: int
    times: int


def keep(act: Act, booking: str, wish: "BookingWish", effect: Effect) -> None:
    """Write one telling down, or that it came again."""
    digest = _digest(wish)
    told = {"of": booking, "told": wish.revision, "said": digest, "now_ms": act.now_ms}
    again = act.connection.execute(_AGAIN, {"mine": act.house.community, **told})
    if again.rowcount or _is_full(act, booking):
        return
    act.insert(
        _TABLE,
        booking=booking,
        revision=wish.revision,
        digest=digest,
        effect=effect,
        listing=wish.listing,
        room=wish.room,
        arrival_ms=wish.arrival_ms,
        departure_ms=wish.departure_ms,
        headcount=wish.headcount,
        cancelled=int(wish.cancelled),
        actor=act.actor,
        first_ms=act.now_ms,
        last_ms=act.now_ms,
        times=1,
    )


def _digest(wish: "BookingWish") -> str:
    said = (wish.listing, wish.room, wish.arrival_ms, wish.departure_ms, wish.headcount, wish.cancelled)
    return sha256(repr(said).encode()).hexdigest()[:16]


def _is_full(act: Act, booking: str) -> bool:
    ((count,),) = ask(act, _COUNT, of=booking)
    return int(count) >= TELLINGS_MAX


def of(act: Act, booking: str) -> tuple[Telling, ...]:
    """What was told, the newest revision first."""
    rows = act.rows(booking_revision, booking=booking)
    told = [
        Telling(
            row.revision,
            row.effect,
            row.room,
            row.arrival_ms,
            row.departure_ms,
            row.headcount,
            bool(row.cancelled),
            row.first_ms,
            row.times,
        )
        for row in rows
    ]
    return tuple(sorted(told, key=lambda one: (-one.revision, one.first_ms)))
