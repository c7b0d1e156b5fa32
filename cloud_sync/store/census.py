"""A census of dwellings: how many there are, how many let rooms, how many of these are registered, all of one day."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from cloud_sync.errors import Refused
from cloud_sync.ports import RowAnswer
from cloud_sync.store.house import Act, House
from cloud_sync.store.tables_import import census

COUNT_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class CensusWish:
    as_of: date
    households: int
    operating: int
    registered: int


def take_census(act: Act, line: int, wish: CensusWish) -> RowAnswer:
    """Record one day's census; the same day again corrects it.

    Raises:
        Refused: the day begins more than a year from now.
    """
    day = wish.as_of.isoformat()
    if (wish.as_of - act.house.local_day(act.now_ms)).days > 366:
        raise Refused("census", "as_of is more than a year ahead")
    values = {"households": wish.households, "letting": wish.operating, "registered": wish.registered}
    held = act.row(census, as_of=day)
    said = {name: getattr(held, name) for name in values} if held is not None else None
    if said == values:
        return RowAnswer(line, "unchanged", day, "")
    told = {"told_ms": act.now_ms, "told_by": act.actor}
    if held is None:
        act.insert(census, as_of=day, **values, **told)
    else:
        act.update(census, {"as_of": day}, **values, **told)
    act.note("census.take", day, _words(said) if said else None, _words(values))
    return RowAnswer(line, "new" if held is None else "updated", day, "")


def _words(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def newest_census(db: sa.Connection, community: str, today: date) -> Any:
    """The row of the newest census that is not of a day to come, or None."""
    query = (
        sa.select(census)
        .where(census.c.community == community, census.c.as_of <= today.isoformat())
        .order_by(census.c.as_of.desc())
        .limit(1)
    )
    return db.execute(query).one_or_none()


def day_ms(house: House, day: str) -> int:
    """When the community's day ``2026-01-31`` begins."""
    return round(datetime.fromisoformat(day).replace(tzinfo=house.zone).timestamp() * 1000)
