"""What the community's first page shows, by plain queries; one consistent picture each time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from cloud_sync.core.case_types import SILENT_EVENTS
from cloud_sync.errors import NotFound
from cloud_sync.ports import Dashboard, DiscrepancyLine, EntryLine, NodeLine, Ratio
from cloud_sync.store.engine import reading
from cloud_sync.store.read_nodes import late_nodes, node_lines
from cloud_sync.store.tables import (
    access_point,
    community,
    discrepancy,
    event,
    pass_,
    presence,
    stay,
    stay_member,
)

ENTRIES_MAX = 50
DISCREPANCIES_MAX = 200  # a page; the full list has its own

# States of a stay (domain.md §5.4) as the four numbers need them.
NOT_EXPECTED = ("CANCELLED_BEFORE", "CANCELLED_DURING")
NOT_REGISTERED = ("EXPECTED", "NO_SHOW")
OVER = ("CANCELLED_BEFORE", "NO_SHOW", "CHECKED_OUT", "CLOSED")
# A decision is what somebody asked for and was answered; a release by the exit button is none.
DECISIONS = ("access.granted", "access.denied", "override")


@dataclass(frozen=True, slots=True)
class Day:
    """The calendar day of a community that ``now`` falls into."""

    zone: ZoneInfo
    now_ms: int
    starts_ms: int
    ends_ms: int


def day_of(now: datetime, tz: str) -> Day:
    """Midnight to midnight by the community's own clocks, also on the days they change."""
    zone = ZoneInfo(tz)
    local = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    tomorrow = local + timedelta(days=1)
    return Day(zone, _ms(now), _ms(local), _ms(tomorrow))


def _ms(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp() * 1000)


class StoredDashboard:
    """``DashboardReader`` on the service's database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = reading(engine)

    def dashboard(self, community_code: str, now: datetime) -> Dashboard:
        """Everything as of ``now``; the watermark says how far the gates have told.

        Raises:
            NotFound: no such community.
        """
        with self._engine.connect() as db:
            home = self._home(db, community_code)
            day = day_of(now, home["tz"])
            nodes = node_lines(db, community_code, day.now_ms)
            watermark = min((line.drained_through_ms for line in nodes), default=day.now_ms)
            return Dashboard(
                community=community_code,
                name_zh=home["name_zh"],
                name_en=home["name_en"],
                synthetic=bool(home["synthetic"]),
                now_ms=day.now_ms,
                watermark_ms=watermark,
                expected=_expected(db, community_code, day),
                arrived=_arrived(db, community_code, day, watermark),
                in_house=_in_house(db, community_code, day, watermark),
                denied=_denied(db, community_code, day, watermark),
                nodes=nodes,
                discrepancies=_discrepancies(db, community_code),
                entries=_entries(db, community_code),
                arrivals_by_hour=_arrivals_by_hour(db, community_code, day),
                late=late_nodes(nodes, day.now_ms),
            )

    def nodes(self, community_code: str, now_ms: int) -> Sequence[NodeLine]:
        """Every registered node with its doors."""
        with self._engine.connect() as db:
            return node_lines(db, community_code, now_ms)

    def entries_after(self, community_code: str, stored_ms: int, *, most: int) -> Sequence[EntryLine]:
        """Events stored at or after ``stored_ms``, oldest first."""
        with self._engine.connect() as db:
            rows = db.execute(
                _lines(community_code)
                .where(event.c.stored_ms >= stored_ms)
                .order_by(event.c.stored_ms, event.c.node, event.c.epoch, event.c.seq)
                .limit(most)
            )
            return [_line(row) for row in rows.mappings()]

    def _home(self, db: sa.Connection, code: str) -> sa.RowMapping:
        row = db.execute(sa.select(community).where(community.c.community == code)).mappings().first()
        if row is None:
            raise NotFound(
                f"There is no community {code!r} in this database; run 'gatehouse-sync setup' for it."
            )
        return row


def _count(db: sa.Connection, query: sa.Select[Any]) -> int:
    return int(db.scalar(sa.select(sa.func.count()).select_from(query.subquery())) or 0)


# --- the four numbers -----------------------------------------------------------------------------------------


def _expected_today(code: str, day: Day) -> sa.Select[Any]:
    return sa.select(stay.c.stay).where(
        stay.c.community == code,
        stay.c.planned_in_ms >= day.starts_ms,
        stay.c.planned_in_ms < day.ends_ms,
        stay.c.state.not_in(NOT_EXPECTED),
    )


def _expected(db: sa.Connection, code: str, day: Day) -> Ratio:
    """From the community's own books, so as of now."""
    expected = _expected_today(code, day)
    registered = expected.where(stay.c.state.not_in(NOT_REGISTERED))
    return Ratio(_count(db, registered), _count(db, expected), day.now_ms)


def _arrived(db: sa.Connection, code: str, day: Day, watermark: int) -> Ratio:
    """Of those expected today: any member's pass was taken in, whichever way the stay has been told yet."""
    expected = _expected_today(code, day)
    entered = sa.exists().where(
        pass_.c.community == code,
        pass_.c.stay == stay.c.stay,
        presence.c.community == code,
        presence.c.pass_id == pass_.c.pass_id,
        presence.c.first_entry_ms < day.ends_ms,
    )
    arrived = expected.where(entered | (stay.c.first_entry_ms < day.ends_ms))
    return Ratio(_count(db, arrived), _count(db, expected), watermark)


def _in_house(db: sa.Connection, code: str, day: Day, watermark: int) -> Ratio:
    """Members, not passes: somebody with two passes is one person."""
    members = (
        sa.select(stay_member.c.stay, stay_member.c.person)
        .select_from(
            stay_member.join(
                stay, (stay.c.community == stay_member.c.community) & (stay.c.stay == stay_member.c.stay)
            )
        )
        .where(
            stay_member.c.community == code,
            stay.c.state.not_in(OVER),
            stay.c.planned_in_ms < day.ends_ms,
        )
    )
    inside = sa.exists().where(
        pass_.c.community == code,
        pass_.c.stay == stay_member.c.stay,
        pass_.c.person == stay_member.c.person,
        presence.c.community == code,
        presence.c.pass_id == pass_.c.pass_id,
        presence.c.state == "in",
    )
    return Ratio(_count(db, members.where(inside)), _count(db, members), watermark)


def _denied(db: sa.Connection, code: str, day: Day, watermark: int) -> Ratio:
    decisions = sa.select(event.c.seq).where(
        event.c.community == code,
        event.c.wall_ms >= day.starts_ms,
        event.c.wall_ms < day.ends_ms,
        event.c.type.in_(DECISIONS),
    )
    denied = decisions.where(event.c.type == "access.denied")
    return Ratio(_count(db, denied), _count(db, decisions), watermark)


def _arrivals_by_hour(db: sa.Connection, code: str, day: Day) -> tuple[int, ...]:
    """First entries of stays today, by the hour of the community's clocks; one stay arrives once."""
    told = (
        sa.select(stay.c.stay, sa.func.min(presence.c.first_entry_ms).label("first_ms"))
        .select_from(
            stay.join(pass_, (pass_.c.community == stay.c.community) & (pass_.c.stay == stay.c.stay)).join(
                presence,
                (presence.c.community == pass_.c.community) & (presence.c.pass_id == pass_.c.pass_id),
            )
        )
        .where(stay.c.community == code)
        .group_by(stay.c.stay)
        .subquery()
    )
    hours = [0] * 24
    rows = db.execute(
        sa.select(told.c.first_ms).where(told.c.first_ms >= day.starts_ms, told.c.first_ms < day.ends_ms)
    )
    for (first_ms,) in rows:
        hours[datetime.fromtimestamp(first_ms / 1000, day.zone).hour] += 1
    return tuple(hours)


# --- lists ------------------------------------------------------------------------------------------------------


def _discrepancies(db: sa.Connection, code: str) -> tuple[DiscrepancyLine, ...]:
    """Open ones, the gravest and oldest first."""
    rows = db.execute(
        sa.select(discrepancy)
        .where(discrepancy.c.community == code, discrepancy.c.state == "open")
        .order_by(discrepancy.c.severity, discrepancy.c.opened_ms)
        .limit(DISCREPANCIES_MAX)
    ).mappings()
    return tuple(
        DiscrepancyLine(
            row["id"], row["kind"], row["severity"], row["subject"], row["opened_ms"], row["state"]
        )
        for row in rows
    )


def _entries(db: sa.Connection, code: str) -> tuple[EntryLine, ...]:
    newest = _lines(code).order_by(event.c.wall_ms.desc(), event.c.seq.desc()).limit(ENTRIES_MAX)
    return tuple(_line(row) for row in db.execute(newest).mappings())


def _lines(code: str) -> sa.Select[Any]:
    place = (access_point.c.community == event.c.community) & (
        access_point.c.access_point == event.c.access_point
    )
    return (
        sa.select(event, access_point.c.name_zh, access_point.c.name_en)
        .select_from(event.outerjoin(access_point, place))
        .where(event.c.community == code, event.c.type.not_in(SILENT_EVENTS))
    )


def _line(row: sa.RowMapping) -> EntryLine:
    place = row["access_point"] or ""
    return EntryLine(
        node=row["node"],
        epoch=row["epoch"],
        seq=row["seq"],
        type=row["type"],
        access_point=place,
        access_point_zh=row["name_zh"] or place,
        access_point_en=row["name_en"] or place,
        decision=row["decision"],
        reason=row["reason"],
        credential_kind=row["credential_kind"],
        subject_ref=row["subject_ref"],
        wall_ms=row["wall_ms"],
        stored_ms=row["stored_ms"],
        live=bool(row["live"]),
    )
