"""Somebody stands at a gate and says which booking is theirs: kept as said, judged by the staff (domain.md §17.12).

Writing it down compares it with nothing, so that neither the answer nor the time it takes tells whether a booking
exists.  Only the staff's page puts it beside the books.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.lifecycles import PROVED, STAY_OPEN
from cloud_sync.core.policy import DAY_MS
from cloud_sync.errors import NotFound
from cloud_sync.ports_staff import Arrival, Place
from cloud_sync.store import tables
from cloud_sync.store.guests import new_link
from cloud_sync.store.hidden import hides, listed
from cloud_sync.store.house import Act

SAID_MAX = 64  # as long as a booking's reference may be
WAITING_MAX = 200  # more than a gate sees in a night; the oldest go first
KEPT_MS = DAY_MS
FITS_MAX = 5


def place(act: Act, access_point: str) -> Place | None:
    door = act.row(tables.access_point, access_point=access_point)
    home = act.row(tables.community)
    if door is None or home is None:
        return None
    return Place(home.name_zh, home.name_en, door.name_zh, door.name_en, bool(home.synthetic))


def announce(act: Act, access_point: str, said: str) -> None:
    """Keep it for the staff; words nobody could have as a reference are dropped without a word."""
    text = said.strip()[:SAID_MAX]
    if not text.isprintable() or not text or act.row(tables.access_point, access_point=access_point) is None:
        return
    _tidy(act)
    values = {"access_point": access_point, "said": text, "asked_ms": act.now_ms}
    act.insert(tables.arrival, arrival=act.new_id("AR"), **values)


def _tidy(act: Act) -> None:
    """What is a day old goes, and what is more than the staff can look at."""
    table = tables.arrival
    mine = table.c.community == act.house.community
    kept = (
        sa.select(table.c.arrival)
        .where(mine, table.c.asked_ms > act.now_ms - KEPT_MS)
        .order_by(table.c.asked_ms.desc(), table.c.arrival.desc())
        .limit(WAITING_MAX - 1)
    )
    act.connection.execute(table.delete().where(mine, table.c.arrival.not_in(kept)))


def waiting(act: Act) -> tuple[Arrival, ...]:
    """Those nobody has answered yet, the latest first, each beside the bookings it fits.

    Whoever is registered meanwhile, by the staff or by themselves, waits no longer: no booking they can mean has a
    place without a proved person.
    """
    table, point = tables.arrival, tables.access_point
    place = (point.c.community == table.c.community) & (point.c.access_point == table.c.access_point)
    found = (
        sa.select(table, point.c.name_zh, point.c.name_en)
        .join(point, place)
        .where(
            table.c.community == act.house.community,
            table.c.answered_ms.is_(None),
            table.c.asked_ms > act.now_ms - KEPT_MS,
        )
        .order_by(table.c.asked_ms.desc(), table.c.arrival.desc())
    )
    beside = ((row, _fitting(act, row.said)) for row in act.connection.execute(found))
    return tuple(_arrival(row, fits) for row, fits in beside if not fits or any(one.lacks for one in fits))


def _arrival(row: Any, fits: Sequence[Any]) -> Arrival:
    return Arrival(
        id=row.arrival,
        access_point=row.access_point,
        name_zh=row.name_zh,
        name_en=row.name_en,
        said=row.said,
        asked_ms=row.asked_ms,
        bookings=tuple((one.source, one.external_ref) for one in fits),
    )


def _fitting(act: Act, said: str) -> Sequence[Any]:
    """Open stays whose booking carries this reference, whatever the case of its letters; who ``lacks`` a proved person."""
    booking, stay, registration = tables.booking, tables.stay, tables.registration
    proved = (
        sa.select(sa.func.count(sa.distinct(registration.c.person)))
        .where(
            registration.c.community == stay.c.community,
            registration.c.stay == stay.c.stay,
            registration.c.status.in_(PROVED),
        )
        .scalar_subquery()
    )
    found = (
        sa.select(booking.c.source, booking.c.external_ref, (proved < booking.c.headcount).label("lacks"))
        .join(stay, (stay.c.community == booking.c.community) & (stay.c.booking == booking.c.booking))
        .where(
            booking.c.community == act.house.community,
            sa.func.lower(booking.c.external_ref) == said.lower(),
            stay.c.state.in_(STAY_OPEN),
            ~hides(act.house.community, stay.c.stay),
        )
        .order_by(stay.c.planned_in_ms.desc())
        .limit(FITS_MAX)
    )
    return act.connection.execute(found).all()


def fitting(act: Act, said: str) -> tuple[tuple[str, str], ...]:
    """Open bookings with this number, as (source, reference)."""
    return tuple((one.source, one.external_ref) for one in _fitting(act, said.strip()))


def answer(act: Act, arrival: str, source: str, external_ref: str) -> str:
    """A fresh guest token; the arrival waits no longer."""
    held = act.row(tables.arrival, arrival=arrival)
    if held is None or held.answered_ms is not None:
        raise NotFound("nobody waits under this entry any more; look at the list again.")
    if (source, external_ref) in {(one.source, one.external_ref) for one in listed(act)}:
        raise NotFound(f"there is no booking {source} {external_ref}.")
    token = new_link(act, source, external_ref)
    act.update(tables.arrival, {"arrival": arrival}, answered_ms=act.now_ms)
    act.note("arrival.answer", arrival, None, f"{source} {external_ref}", f"at {held.access_point}")
    return token
