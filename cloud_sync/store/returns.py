"""The daily return: how many guests an operator has, each day, also when there are none (domain.md §17, story 18; D12).

Missing at noon of the next day is what D12 asks about.  Who has to file is whoever had a coded listing on that day; a
listing that is suspended or lapsed is still one.
"""

from datetime import date, datetime, time, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from cloud_sync.core.evidence import DailyReturn
from cloud_sync.core.lifecycles import ListingState
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_booking import Filed, MissingReturn
from cloud_sync.ports_operator import ReturnDay
from cloud_sync.store import tables
from cloud_sync.store.evidence_store import tell
from cloud_sync.store.house import Act
from cloud_sync.store.tables_booking import daily_return
from cloud_sync.store.tables_rules import evidence

DUE_AT = time(12)  # of the day after
BACK_DAYS_MAX = 31
GUESTS_MAX = 9_999
CODED = (ListingState.ACTIVE, ListingState.LAPSED, ListingState.SUSPENDED, ListingState.WITHDRAWING)


def file(act: Act, operator: str, day: str, guests: int) -> Filed:
    """Write one return down; the very same again changes nothing.

    Raises:
        Refused: no day, a day ahead or too far back, or no number of guests.
        NotFound: nobody of that name has a listing here.
    """
    when = _day(act, day)
    if not 0 <= guests <= GUESTS_MAX:
        raise Refused("return.guests", f"the number of guests is not from 0 to {GUESTS_MAX}.")
    if not act.rows(tables.listing, operator=operator):
        raise NotFound(f"no listing has the operator {operator}.")
    key = {"operator": operator, "day": when.isoformat()}
    held = act.row(daily_return, **key)
    if held is None:
        _write_new(act, key, guests)
        return _filed(act, key, guests, 1, "new")
    if held.guests == guests:
        return _filed(act, key, guests, held.version, "unchanged")
    version = int(str(held.version)) + 1
    act.update(daily_return, key, guests=guests, version=version, filed_ms=act.now_ms, filed_by=act.actor)
    return _filed(act, key, guests, version, "updated")


def _write_new(act: Act, key: dict[str, str], guests: int) -> None:
    act.insert(daily_return, **key, guests=guests, filed_ms=act.now_ms, filed_by=act.actor, version=1)


def _filed(
    act: Act, key: dict[str, str], guests: int, version: int, status: Literal["new", "updated", "unchanged"]
) -> Filed:
    if status != "unchanged":
        said = "nil" if guests == 0 else f"{guests} guests"
        act.note("return.file", f"{key['operator']} {key['day']}", None, said)
        act.touch(key["operator"])
        _is_missing_no_more(act, key)
    return Filed(key["operator"], key["day"], guests, version, status)


def _is_missing_no_more(act: Act, key: dict[str, str]) -> None:
    """Where reconciliation was told that this return is missing, it is told that it came."""
    held: Any = act.row(evidence, subject=key["operator"], type=DailyReturn.__name__, key=key["day"])
    if held is not None:
        due = due_ms(act, date.fromisoformat(key["day"]))
        tell(act, key["operator"], key["day"], DailyReturn(due, filed=True), held.since_ms)


def _day(act: Act, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Refused("return.day", "the day is not a date such as 2026-01-31.") from None
    today = act.house.local_day(act.now_ms)
    if not 0 <= (today - day).days <= BACK_DAYS_MAX:
        raise Refused("return.day", f"the day is ahead, or more than {BACK_DAYS_MAX} days past.")
    return day


def day_begin_ms(act: Act, day: str) -> int:
    moment = datetime.combine(date.fromisoformat(day), time(), act.house.zone)
    return round(moment.timestamp() * 1000)


def due_ms(act: Act, day: date) -> int:
    """Noon of the day after, where the community is."""
    return _on_the_morrow_ms(act, day, DUE_AT)


def _day_end_ms(act: Act, day: date) -> int:
    return _on_the_morrow_ms(act, day, time())


def _on_the_morrow_ms(act: Act, day: date, hour: time) -> int:
    moment = datetime.combine(day + timedelta(days=1), hour, act.house.zone)
    return round(moment.timestamp() * 1000)


def missing(act: Act, days: int) -> tuple[MissingReturn, ...]:
    """Every return of the last ``days`` days whose time is over and that nobody filed, the oldest first.

    An operator owes none for days before the first of their listings was on record here with a code.
    """
    today = act.house.local_day(act.now_ms)
    asked = [today - timedelta(days=back) for back in range(min(days, BACK_DAYS_MAX), -1, -1)]
    due = [(day, due_ms(act, day)) for day in asked if due_ms(act, day) <= act.now_ms]
    filed = _filed_days(act, [day.isoformat() for day, _ in due])
    owing = _owing(act)
    return tuple(
        MissingReturn(operator, day.isoformat(), moment)
        for day, moment in due
        for operator in sorted(owing)
        if (operator, day.isoformat()) not in filed and owing[operator] < _day_end_ms(act, day)
    )


def days_of(act: Act, operator: str, days: int) -> tuple[ReturnDay, ...]:
    """Today and the ``days`` before it that this operator files for, the newest first; none before its first code."""
    since_ms = _owing(act).get(operator)
    if since_ms is None:
        return ()
    today = act.house.local_day(act.now_ms)
    asked = [today - timedelta(days=back) for back in range(min(days, BACK_DAYS_MAX) + 1)]
    held: list[Any] = act.rows(daily_return, operator=operator)
    filed = {str(row.day): int(row.guests) for row in held}
    return tuple(
        ReturnDay(
            day.isoformat(),
            due_ms(act, day),
            filed.get(day.isoformat()),
            day.isoformat() not in filed and due_ms(act, day) <= act.now_ms,
        )
        for day in asked
        if since_ms < _day_end_ms(act, day)
    )


def _filed_days(act: Act, days: list[str]) -> set[tuple[str, str]]:
    table = daily_return
    found = sa.select(table.c.operator, table.c.day).where(
        table.c.community == act.house.community, table.c.day.in_(days)
    )
    return {(row.operator, row.day) for row in act.connection.execute(found)}


def _owing(act: Act) -> dict[str, int]:
    """Operators of coded listings, and since when the first of these is on record as one."""
    listing, audit = tables.listing, tables.audit
    since = (
        sa.select(sa.func.min(audit.c.at_ms))
        .where(
            audit.c.community == listing.c.community,
            audit.c.object == listing.c.listing,
            audit.c.after.in_(CODED),
        )
        .correlate(listing)
        .scalar_subquery()
    )
    found = sa.select(listing.c.operator, sa.func.coalesce(since, 0).label("since")).where(
        listing.c.community == act.house.community, listing.c.state.in_(CODED)
    )
    owing: dict[str, int] = {}
    for row in act.connection.execute(found):
        owing[row.operator] = min(int(row.since), owing.get(row.operator, int(row.since)))
    return owing
