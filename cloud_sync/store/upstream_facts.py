"""What the records say of one registration for a recipient: facts, their digest, and what was told before."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.lifecycles import PROVED, StayState
from cloud_sync.core.lifecycles_upstream import SubmissionState
from cloud_sync.core.policy import DAY_MS
from cloud_sync.core.reporting import Op, ReportRule, Shape, Standing, Told
from cloud_sync.store import tables
from cloud_sync.store.house import House
from cloud_sync.store.tables_upstream import upstream_submission
from cloud_sync.store.vault import FIELDS

# Whose facts may still change something upstream; what is older was told, or is a person's case.
LOOKED_BACK_MS = 2 * DAY_MS
VOID = frozenset({StayState.CANCELLED_BEFORE, StayState.NO_SHOW})


@dataclass(frozen=True, slots=True)
class Case:
    """One registration with its stay, as one row of the books."""

    registration: str
    stay: str
    person: str
    status: str
    minor: bool
    planned_in_ms: int
    planned_out_ms: int
    first_entry_ms: int | None
    checked_out_ms: int | None
    void: bool
    record: Mapping[str, str] = field(repr=False)  # by field name of core.reporting, times by rule.at

    def arrival_ms(self, rule: ReportRule) -> int:
        """As told: a planned one is not corrected only because somebody came an hour later."""
        actual = self.first_entry_ms if rule.at == "arrival" else None
        return self.planned_in_ms if actual is None else actual

    def due_ms(self, rule: ReportRule) -> int:
        """The law counts from the arrival; who has not come yet is counted from the plan."""
        begun = self.first_entry_ms if self.first_entry_ms is not None else self.planned_in_ms
        return rule.due_ms(begun, self.planned_out_ms)


def cases(house: House, db: sa.Connection, now_ms: int) -> list[Case]:
    """Everybody registered for a stay that is not long over."""
    return _read(house, db, tables.stay.c.planned_out_ms > now_ms - LOOKED_BACK_MS)


def case_of(house: House, db: sa.Connection, registration: str) -> Case | None:
    found = _read(house, db, tables.registration.c.registration == registration)
    return found[0] if found else None


def _read(house: House, db: sa.Connection, which: sa.ColumnElement[bool]) -> list[Case]:
    r, s, b, m, p = (tables.registration, tables.stay, tables.booking, tables.room, tables.person)
    mine = r.c.community == house.community
    joined = (
        r.join(s, (s.c.community == r.c.community) & (s.c.stay == r.c.stay))
        .join(b, (b.c.community == s.c.community) & (b.c.booking == s.c.booking))
        .join(m, (m.c.community == s.c.community) & (m.c.room == s.c.room))
        .join(p, (p.c.community == r.c.community) & (p.c.person == r.c.person))
    )
    columns = (
        r.c.registration, r.c.stay, r.c.person, r.c.status, p.c.minor, s.c.planned_in_ms, s.c.planned_out_ms,
        s.c.first_entry_ms, s.c.checked_out_ms, s.c.state, s.c.listing, m.c.label, b.c.headcount,
        b.c.external_ref, b.c.received_ms,
    )  # fmt: skip
    query = sa.select(*columns).select_from(joined).where(mine, which).order_by(r.c.registration)
    return [_case(house, row) for row in db.execute(query)]


def _case(house: House, row: Any) -> Case:
    record = {
        "listing": row.listing,
        "room": row.label,
        "headcount": str(row.headcount),
        "contract": row.external_ref,
        "contract_date": house.local_day(row.received_ms).isoformat(),
    }
    return Case(
        registration=row.registration,
        stay=row.stay,
        person=row.person,
        status=row.status,
        minor=bool(row.minor),
        planned_in_ms=row.planned_in_ms,
        planned_out_ms=row.planned_out_ms,
        first_entry_ms=row.first_entry_ms,
        checked_out_ms=row.checked_out_ms,
        void=row.state in VOID,
        record=record,
    )


def record_of(house: House, case: Case, rule: ReportRule, op: Op) -> dict[str, str]:
    """Every fact outside the vault, by its field's name; the shape decides which of them leave."""
    left_ms = case.checked_out_ms if op is Op.CHECKOUT and case.checked_out_ms else case.planned_out_ms
    times = {"arrival": case.arrival_ms(rule), "departure": left_ms}
    return {**case.record, **{name: _minute(house, moment) for name, moment in times.items()}}


def _minute(house: House, moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, house.zone).strftime("%Y-%m-%dT%H:%M")


def digest(house: House, case: Case, rule: ReportRule, shape: Shape, fingerprint: str) -> str:
    """Changes when something changes that this recipient is told at the beginning of a stay."""
    names = {one.name for one in shape.fields[Op.SUBMIT]}
    record = record_of(house, case, rule, Op.SUBMIT)
    told = {name: value for name, value in record.items() if name in names}
    text = json.dumps([told, fingerprint], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def digests(house: House, found: Sequence[Case], rule: ReportRule, shape: Shape) -> dict[str, str]:
    """By registration; sealed fields count by what the vault makes of them, and none is opened."""
    sealed = {one.name for one in shape.fields[Op.SUBMIT]} & set(FIELDS)
    prints = house.vault.fingerprints([case.person for case in found], sealed)
    return {
        case.registration: digest(house, case, rule, shape, prints.get(case.person, "")) for case in found
    }


def standing(case: Case, facts: str) -> Standing:
    return Standing(
        facts=facts,
        proved=case.status in PROVED,
        arrived=case.first_entry_ms is not None,
        checked_out=case.checked_out_ms is not None,
        void=case.void,
    )


def told_before(
    house: House, db: sa.Connection, connector: str, registrations: Iterable[str] | None = None
) -> dict[str, list[Told]]:
    """By registration, oldest first; without registrations those of stays that are not long over."""
    table, stay = upstream_submission, tables.stay
    query = sa.select(table.c.registration, table.c.op, table.c.state, table.c.facts).where(
        table.c.community == house.community, table.c.connector == connector
    )
    if registrations is None:
        now_ms = house.clock.now_ms()
        recent = (stay.c.community == table.c.community) & (stay.c.stay == table.c.stay)
        query = query.join(stay, recent).where(stay.c.planned_out_ms > now_ms - LOOKED_BACK_MS)
    else:
        query = query.where(table.c.registration.in_(list(registrations)))
    told: dict[str, list[Told]] = {}
    for row in db.execute(query.order_by(table.c.turn)):
        one = Told(Op(row.op), SubmissionState(row.state), row.facts)
        told.setdefault(row.registration, []).append(one)
    return told
