"""The morning's numbers, each counted from the rows its page shows; one consistent picture each time."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from cloud_sync.core.case_types import OPEN, UNSEEN, CaseState
from cloud_sync.core.lifecycles import PROVED
from cloud_sync.errors import NotFound
from cloud_sync.jurisdictions import policy_of
from cloud_sync.ports import NodeLine
from cloud_sync.ports_morning import AGES_MS, Counted, Measure, Metric, Morning
from cloud_sync.store.engine import reading
from cloud_sync.store.read import NOT_EXPECTED, OVER, Day, day_of
from cloud_sync.store.read_nodes import node_lines
from cloud_sync.store.tables import (
    booking,
    case_,
    community,
    discrepancy,
    pass_,
    presence,
    registration,
    room,
    stay,
    stay_member,
)

GRAVE = ("S1", "S2")
LEVELS = range(5)


class StoredMorning:
    """``MorningReader`` on the service's database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = reading(engine)

    def morning(self, community_code: str, now: datetime, day: date) -> Morning:
        """The chosen day, and how things stand at ``now``.

        Raises:
            NotFound: no such community.
        """
        with self._engine.connect() as db:
            home = db.execute(
                sa.select(community).where(community.c.community == community_code)
            ).one_or_none()
            if home is None:
                raise NotFound(f"There is no community {community_code!r} in this database.")
            noon = datetime.combine(day, time(12), ZoneInfo(home.tz))
            chosen, today = day_of(noon, home.tz), day_of(now, home.tz)
            nodes = node_lines(db, community_code, today.now_ms)
            reader = _Reader(db, community_code, chosen, today, _watermark(nodes, today.now_ms))
            members = reader.members_that_came(policy_of(home.profile).proofing_min)
            stays = reader.stays_of_the_day()
            open_ones = reader.discrepancies()
            measures: dict[Metric, Measure] = {
                "registration": reader.seen("registration", members),
                "arrivals": reader.seen("arrivals", stays),
                "in_house": reader.seen("in_house", reader.members_of_open_stays()),
                "discrepancies": reader.known("discrepancies", open_ones),
                "gates": reader.known("gates", _gates(nodes, today.now_ms)),
                "cases": reader.known("cases", reader.cases()),
            }
            by_hour = reader.by_hour()
        return Morning(
            name_zh=home.name_zh,
            name_en=home.name_en,
            synthetic=bool(home.synthetic),
            day=day,
            now_ms=today.now_ms,
            watermark_ms=reader.watermark_ms,
            measures=measures,
            levels=_levels(members),
            by_hour=by_hour,
            ages=_ages(open_ones, today.now_ms),
        )


def _watermark(nodes: Sequence[NodeLine], now_ms: int) -> int:
    return min((line.drained_through_ms for line in nodes), default=now_ms)


class _Reader:
    """Queries of one moment."""

    def __init__(self, db: sa.Connection, code: str, day: Day, today: Day, watermark_ms: int) -> None:
        self._db = db
        self._code = code
        self._day = day
        self._today = today
        self.watermark_ms = watermark_ms

    def seen(self, metric: Metric, rows: Iterable[Counted]) -> Measure:
        """Counted from what doors told, so as of the watermark."""
        return Measure(metric, tuple(rows), self.watermark_ms)

    def known(self, metric: Metric, rows: Iterable[Counted]) -> Measure:
        """Counted from the community's own books, so as of now."""
        return Measure(metric, tuple(rows), self._today.now_ms)

    def _rows(self, query: sa.Select[Any], table: sa.Table) -> Sequence[Any]:
        return self._db.execute(query.where(table.c.community == self._code)).all()

    # --- people ---------------------------------------------------------------------------------------------

    def members_that_came(self, proofing_min: int) -> list[Counted]:
        """Everybody with a first entry on that day; counted: verified at or before it."""
        verified = self._verified(proofing_min)
        return [
            Counted(row_ms is not None and row_ms <= came.first_ms, {
                "room": came.label,
                "subject": came.subject_ref,
                "first_entry_ms": came.first_ms,
                "verified_ms": row_ms,
                "level": level if row_ms is not None and row_ms <= came.first_ms else None,
                "method": method,
            })
            for came in self._first_entries()
            for row_ms, level, method in [verified.get((came.stay, came.person), (None, None, None))]
        ]  # fmt: skip

    def _first_entries(self) -> Sequence[Any]:
        first = sa.func.min(presence.c.first_entry_ms).label("first_ms")
        query = (
            sa.select(
                stay_member.c.stay, stay_member.c.person, stay_member.c.subject_ref, room.c.label, first
            )
            .join(
                pass_,
                (pass_.c.community == stay_member.c.community)
                & (pass_.c.stay == stay_member.c.stay)
                & (pass_.c.person == stay_member.c.person),
            )
            .join(presence, _same(presence, pass_, "pass_id"))
            .join(stay, _same(stay, stay_member, "stay"))
            .join(room, _same(room, stay, "room"))
            .group_by(stay_member.c.stay, stay_member.c.person, stay_member.c.subject_ref, room.c.label)
            .having(first >= self._day.starts_ms, first < self._day.ends_ms)
            .order_by(first)
        )
        return self._rows(query, stay_member)

    def _verified(self, proofing_min: int) -> dict[tuple[str, str], tuple[int, int, str]]:
        """(stay, person) → (first verified, level, method) of registrations that are proved."""
        query = sa.select(registration).where(
            registration.c.status.in_(PROVED),
            registration.c.proofing >= proofing_min,
            registration.c.verified_ms.is_not(None),
        )
        rows = self._rows(query, registration)
        return {(row.stay, row.person): (row.verified_ms, row.proofing, row.method) for row in rows}

    def members_of_open_stays(self) -> list[Counted]:
        """Everybody who may be here now; counted: last seen going in."""
        state = sa.func.max(sa.case((presence.c.state == "in", 1), else_=0)).label("inside")
        as_of = sa.func.max(presence.c.as_of_ms).label("as_of_ms")
        query = (
            sa.select(
                stay_member.c.subject_ref, room.c.label, stay.c.state, stay.c.planned_out_ms, state, as_of
            )
            .join(stay, _same(stay, stay_member, "stay"))
            .join(room, _same(room, stay, "room"))
            .outerjoin(
                pass_,
                (pass_.c.community == stay_member.c.community)
                & (pass_.c.stay == stay_member.c.stay)
                & (pass_.c.person == stay_member.c.person),
            )
            .outerjoin(presence, _same(presence, pass_, "pass_id"))
            .where(stay.c.state.not_in(OVER), stay.c.planned_in_ms < self._today.ends_ms)
            .group_by(stay_member.c.stay, stay_member.c.person, stay_member.c.subject_ref, room.c.label)
            .order_by(room.c.label, stay_member.c.subject_ref)
        )
        return [
            Counted(bool(row.inside), {
                "room": row.label,
                "subject": row.subject_ref,
                "stay": row.state,
                "until_ms": row.planned_out_ms,
                "last_seen_ms": row.as_of_ms,
            })
            for row in self._rows(query, stay_member)
        ]  # fmt: skip

    # --- stays ----------------------------------------------------------------------------------------------

    def _first_of_stays(self) -> dict[str, int]:
        first = sa.func.min(presence.c.first_entry_ms).label("first_ms")
        query = (
            sa.select(pass_.c.stay, first)
            .join(presence, _same(presence, pass_, "pass_id"))
            .where(pass_.c.stay.is_not(None))
            .group_by(pass_.c.stay)
            .having(first.is_not(None))
        )
        return {row.stay: row.first_ms for row in self._rows(query, pass_)}

    def stays_of_the_day(self) -> list[Counted]:
        """Stays expected on that day; counted: somebody of them has come in."""
        came = self._first_of_stays()
        query = (
            sa.select(stay, booking.c.headcount, room.c.label)
            .join(booking, _same(booking, stay, "booking"))
            .join(room, _same(room, stay, "room"))
            .where(
                stay.c.planned_in_ms >= self._day.starts_ms,
                stay.c.planned_in_ms < self._day.ends_ms,
                stay.c.state.not_in(NOT_EXPECTED),
            )
            .order_by(stay.c.planned_in_ms, room.c.label)
        )
        return [
            Counted(row.stay in came, {
                "room": row.label,
                "stay": row.state,
                "people": row.headcount,
                "planned_ms": row.planned_in_ms,
                "first_entry_ms": came.get(row.stay),
            })
            for row in self._rows(query, stay)
        ]  # fmt: skip

    def by_hour(self) -> tuple[int, ...]:
        """First entries of stays on that day, whenever they were expected."""
        hours = [0] * 24
        for first_ms in self._first_of_stays().values():
            if self._day.starts_ms <= first_ms < self._day.ends_ms:
                hours[datetime.fromtimestamp(first_ms / 1000, UTC).astimezone(self._day.zone).hour] += 1
        return tuple(hours)

    # --- what is open ------------------------------------------------------------------------------------------

    def discrepancies(self) -> list[Counted]:
        """Open ones, the gravest and oldest first; counted: S1 and S2."""
        query = (
            sa.select(discrepancy)
            .where(discrepancy.c.state == "open")
            .order_by(discrepancy.c.severity, discrepancy.c.opened_ms)
        )
        return [
            Counted(row.severity in GRAVE, {
                "kind": row.kind,
                "severity": row.severity,
                "subject": row.subject,
                "opened_ms": row.opened_ms,
            })
            for row in self._rows(query, discrepancy)
        ]  # fmt: skip

    def cases(self) -> list[Counted]:
        """Open ones, the gravest and oldest first; counted: nobody has looked yet."""
        query = (
            sa.select(case_).where(case_.c.state.in_(OPEN)).order_by(case_.c.severity, case_.c.first_seen_ms)
        )
        return [
            Counted(CaseState(row.state) in UNSEEN, {
                "case": row.id,
                "family": row.family,
                "kind": row.kind,
                "severity": row.severity,
                "case_state": row.state,
                "owner": row.owner or row.owner_role,
                "opened_ms": row.first_seen_ms,
            })
            for row in self._rows(query, case_)
        ]  # fmt: skip


def _same(left: sa.Table, right: sa.Table, key: str) -> sa.ColumnElement[bool]:
    return (left.c.community == right.c.community) & (left.c[key] == right.c[key])


def _gates(nodes: Sequence[NodeLine], now_ms: int) -> list[Counted]:
    """Every registered node; counted: online."""
    return [
        Counted(line.online, {
            "node": line.name,
            "lag_s": (now_ms - line.drained_through_ms) // 1000 if line.drained_through_ms else None,
            "outbox": max(0, line.head - line.acked),
            "pass_set": line.pass_set,
            "clock": line.clock_state,
            "doors": len(line.doors),
            "faults": "; ".join(line.faults),
        })
        for line in nodes
    ]  # fmt: skip


def _levels(members: Iterable[Counted]) -> tuple[tuple[int | None, int], ...]:
    """How many of each level, every level named, and those who were not verified in time."""
    found = Counter(row.cells["level"] for row in members)
    return (*((level, found[level]) for level in LEVELS), (None, found[None]))


def _ages(rows: Iterable[Counted], now_ms: int) -> tuple[tuple[str, tuple[int, ...]], ...]:
    table: dict[str, list[int]] = {}
    for row in rows:
        opened = row.cells["opened_ms"]
        assert isinstance(opened, int)
        age = sum(now_ms - opened >= end for end in AGES_MS)
        table.setdefault(str(row.cells["kind"]), [0] * (len(AGES_MS) + 1))[age] += 1
    return tuple((kind, tuple(table[kind])) for kind in sorted(table))
