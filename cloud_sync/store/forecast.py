"""Stays of the days around today, read once; what each day counts is decided by ``core.forecast``."""

from datetime import datetime, time, timedelta

import sqlalchemy as sa

from cloud_sync.core.forecast import DAYS, Forecast, StayFact, day_from
from cloud_sync.store.engine import reading
from cloud_sync.store.figure_sql import same, watermark
from cloud_sync.store.house import House
from cloud_sync.store.tables import booking, pass_, presence, room, stay


class StoredForecast:
    """``ForecastReader`` on the service's database."""

    def __init__(self, house: House) -> None:
        self._house = house

    def forecast(self) -> Forecast:
        """The last seven days, today and the six that follow, in one consistent picture."""
        now_ms = self._house.clock.now_ms()
        today = self._house.local_day(now_ms)
        days = [today + timedelta(days=n) for n in range(-DAYS, DAYS + 1)]
        midnights = [self._midnight_ms(datetime.combine(day, time(), self._house.zone)) for day in days]
        with reading(self._house.engine).begin() as db:
            told_ms = watermark(db, self._house.community, now_ms)
            facts = self._facts(db, midnights[0], midnights[-1])
        found = (
            day_from(facts, day, starts_ms, ends_ms, now_ms)
            for day, starts_ms, ends_ms in zip(days, midnights, midnights[1:], strict=False)
        )
        return Forecast(now_ms, told_ms, today, tuple(found))

    def _midnight_ms(self, moment: datetime) -> int:
        return round(moment.timestamp() * 1000)

    def _facts(self, db: sa.Connection, since_ms: int, until_ms: int) -> list[StayFact]:
        """Every stay that touches the days between two midnights."""
        first = (
            sa.select(sa.func.min(presence.c.first_entry_ms))
            .select_from(pass_.join(presence, same(pass_, presence, "pass_id")))
            .where(same(pass_, stay, "stay"))
            .correlate(stay)
            .scalar_subquery()
        )
        query = (
            sa.select(
                stay,
                sa.func.coalesce(first, stay.c.first_entry_ms).label("first_ms"),
                sa.func.coalesce(booking.c.headcount, 0).label("people"),
                sa.func.coalesce(booking.c.received_ms, stay.c.planned_in_ms).label("received_ms"),
                sa.func.coalesce(room.c.label, stay.c.room).label("label"),
            )
            .select_from(
                stay.outerjoin(booking, same(booking, stay, "booking")).outerjoin(
                    room, same(room, stay, "room")
                )
            )
            .where(
                stay.c.community == self._house.community,
                stay.c.planned_in_ms < until_ms,
                stay.c.planned_out_ms >= since_ms,
            )
            .order_by(stay.c.planned_in_ms, stay.c.stay)
        )
        return [
            StayFact(
                row.stay, row.label, row.state, row.people, row.received_ms, row.planned_in_ms, row.planned_out_ms,
                row.first_ms, row.checked_out_ms,
            )
            for row in db.execute(query)
        ]  # fmt: skip
