"""Notices to whoever stays here: written by the officer, found by each stay it is for, over by themselves."""

from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.addresses import Door, read_address
from cloud_sync.core.bulletins import RUN_MOST_MS, TEXT_MAX, Audience, BulletinWish, fault_of
from cloud_sync.core.lifecycles import STAY_INSIDE, STAY_OPEN
from cloud_sync.core.policy import DAY_MS
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_bulletins import Audiences, BulletinView
from cloud_sync.ports_guest import GuestBulletin
from cloud_sync.store import tables
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.tables_bulletins import bulletin, bulletin_letter, bulletin_receipt
from cloud_sync.store.tables_model import unit

RUNNING_MAX = 20
LISTED_MAX = 100
SAID = {
    "audience": "choose the community, or a building, unit or listing that is on file.",
    "text": f"write it in Chinese and in English, plain text of at most {TEXT_MAX} characters each.",
    "ends": f"a notice ends within {RUN_MOST_MS // DAY_MS} days, and not in the past.",
    "many": f"at most {RUNNING_MAX} notices run at a time; withdraw one first.",
}


class SqlBulletins:
    """``BulletinDesk`` of ports_bulletins.py over the service's database."""

    def __init__(self, house: House) -> None:
        self._house = house

    def bulletins(self) -> tuple[BulletinView, ...]:
        with reading(self._house.engine).begin() as db:
            act = Act(self._house, db, self._house.clock.now_ms(), "service", "system")
            table = bulletin
            mine = sa.select(table).where(table.c.community == act.house.community)
            newest = mine.order_by(table.c.made_ms.desc(), table.c.bulletin.desc()).limit(LISTED_MAX)
            return tuple(_view(act, row) for row in db.execute(newest).all())

    def audiences(self) -> Audiences:
        with reading(self._house.engine).begin() as db:
            return _audiences(Act(self._house, db, self._house.clock.now_ms(), "service", "system"))

    def write(self, wish: BulletinWish, *, actor: str) -> str:
        with acting(self._house, actor, "staff") as act:
            return _write(act, wish)

    def withdraw(self, name: str, *, actor: str) -> None:
        with acting(self._house, actor, "staff") as act:
            held = act.row(bulletin, bulletin=name)
            if held is None or not _runs(held, act.now_ms):
                raise NotFound(f"there is no notice {name} that runs.")
            act.update(bulletin, {"bulletin": name}, withdrawn_by=act.actor)
            act.note("bulletin.withdraw", name, "RUNS", "WITHDRAWN")


def for_stay(act: Act, stay: Any) -> tuple[GuestBulletin, ...]:
    """What runs now for whoever stays there, the newest last."""
    found = [row for row in running(act) if is_for(row, stay, covered(act, row))]
    receipts: list[Any] = act.rows(bulletin_receipt, stay=stay.stay)
    shown = {row.bulletin for row in receipts}
    return tuple(
        GuestBulletin(row.bulletin, row.text_zh, row.text_en, row.ends_ms, row.bulletin in shown)
        for row in found
    )


def mark_shown(act: Act, stay: Any) -> int:
    """It has stood on this stay's page; the first time counts.  How many were new."""
    new = [one for one in for_stay(act, stay) if not one.shown]
    for one in new:
        act.insert(bulletin_receipt, bulletin=one.bulletin, stay=stay.stay, shown_ms=act.now_ms)
    return len(new)


def running(act: Act) -> list[Any]:
    table = bulletin
    mine = sa.select(table).where(
        table.c.community == act.house.community,
        table.c.ends_ms > act.now_ms,
        table.c.withdrawn_by.is_(None),
    )
    return list(act.connection.execute(mine.order_by(table.c.made_ms, table.c.bulletin)).all())


def stays_of(act: Act, held: Any) -> list[Any]:
    """Whoever is inside now, and whoever is expected before it ends."""
    table = tables.stay
    mine = sa.select(table).where(
        table.c.community == act.house.community, table.c.state.in_(sorted(STAY_OPEN | STAY_INSIDE))
    )
    where = covered(act, held)
    return [stay for stay in act.connection.execute(mine).all() if is_for(held, stay, where)]


def covered(act: Act, held: Any) -> Collection[str] | None:
    """The listings it is for; None: every one."""
    if held.audience == Audience.COMMUNITY:
        return None
    if held.audience == Audience.LISTING:
        return (str(held.ref),)
    rows: list[Any] = act.rows(tables.listing)
    by_unit = held.audience == Audience.UNIT
    return frozenset(
        str(row.listing) for row in rows if held.ref == (row.unit if by_unit else _building(act, row.unit))
    )


def is_for(held: Any, stay: Any, where: Collection[str] | None) -> bool:
    expected = stay.state in STAY_OPEN and stay.planned_in_ms < held.ends_ms and stay.planned_out_ms > held.made_ms  # fmt: skip
    return (stay.state in STAY_INSIDE or expected) and (where is None or stay.listing in where)


def _building(act: Act, name: str) -> str:
    """Of a unit as it is on file, or else as its number is written; "" where neither tells."""
    held: Any = act.row(unit, unit=name)
    if held is not None:
        return str(held.building)
    door = read_address(name)
    return door.building if isinstance(door, Door) else ""


def _audiences(act: Act) -> Audiences:
    rows: list[Any] = sorted(act.rows(tables.listing), key=lambda row: str(row.listing))
    units = sorted({str(row.unit) for row in rows})
    return Audiences(
        tuple(_named(_building(act, one) for one in units)),
        tuple(_named(units)),
        tuple((row.listing, row.name) for row in rows),
    )


def _named(names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if name})


def _write(act: Act, wish: BulletinWish) -> str:
    fault = fault_of(wish, act.now_ms)
    if not fault and not _is_on_file(wish, _audiences(act)):
        fault = "audience"
    if not fault and len(running(act)) >= RUNNING_MAX:
        fault = "many"
    if fault:
        raise Refused(f"bulletin.{fault}", SAID[fault])
    name = act.new_id("BU")
    act.insert(
        bulletin,
        bulletin=name,
        audience=wish.audience,
        ref=wish.ref,
        text_zh=wish.text_zh.strip(),
        text_en=wish.text_en.strip(),
        ends_ms=wish.ends_ms,
        made_by=act.actor,
        made_ms=act.now_ms,
    )
    act.note("bulletin.write", name, None, "RUNS", f"{wish.audience} {wish.ref}".strip())
    return name


def _is_on_file(wish: BulletinWish, there: Audiences) -> bool:
    known: dict[str, Collection[str]] = {
        Audience.COMMUNITY: ("",),
        Audience.BUILDING: there.buildings,
        Audience.UNIT: there.units,
        Audience.LISTING: [code for code, _ in there.listings],
    }
    return wish.ref in known[wish.audience]


def _runs(held: Any, now_ms: int) -> bool:
    return held.withdrawn_by is None and held.ends_ms > now_ms


def _view(act: Act, held: Any) -> BulletinView:
    receipts: list[Any] = act.rows(bulletin_receipt, bulletin=held.bulletin)
    letters: list[Any] = act.rows(bulletin_letter, bulletin=held.bulletin)
    runs = _runs(held, act.now_ms)
    return BulletinView(
        held.bulletin,
        BulletinWish(held.audience, held.ref, held.text_zh, held.text_en, held.ends_ms),
        held.made_by,
        held.made_ms,
        held.withdrawn_by or "",
        runs,
        len(stays_of(act, held)) if runs else len(receipts),
        len(receipts),
        len(letters),
        _handed_over(act, held.bulletin) if letters else 0,
    )


def _handed_over(act: Act, name: str) -> int:
    """Of its messages, how many a far side has taken."""
    letter, notice = bulletin_letter, tables.notice
    same = (notice.c.community == letter.c.community) & (notice.c.notice == letter.c.notice)
    query = (
        sa.select(sa.func.count())
        .select_from(letter.join(notice, same))
        .where(letter.c.community == act.house.community, letter.c.bulletin == name, notice.c.state == "SENT")
    )
    return int(act.connection.execute(query).scalar_one())
