"""``FieldDesk`` on the database: planned, claimed, reported, checked; what is checked moves the rates (story 29)."""

from typing import Any

import sqlalchemy as sa

from cloud_sync.core.evidence import Inspection
from cloud_sync.core.field_tasks import (
    DAYS_MAX,
    FIELD_TASK,
    HOURS_MAX,
    OF_POINTS,
    OF_UNITS,
    SEEN,
    UNITS_MAX,
    Result,
    SweepKind,
    TaskState,
)
from cloud_sync.core.guards import Guard
from cloud_sync.core.policy import DAY_MS, HOUR_MS
from cloud_sync.core.roles import Right, Role, may
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports import User
from cloud_sync.ports_field import SweepLine, SweepWish, TaskLine
from cloud_sync.ports_model import Person
from cloud_sync.store import findings, tables
from cloud_sync.store.engine import reading
from cloud_sync.store.evidence_store import end, told_body
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.reasons import checked_reason
from cloud_sync.store.tables_cases import field_task, sweep
from cloud_sync.store.tables_model import unit
from cloud_sync.store.tables_rules import evidence

CHECKS = frozenset({"check", "send back"})
MISSED_PER_RUN = 200
_S = TaskState


class SqlField:
    """One community's."""

    def __init__(self, house: House) -> None:
        self._house = house

    def plan(self, wish: SweepWish, user: User) -> str:
        units = tuple(dict.fromkeys(wish.units))
        if wish.kind not in frozenset(SweepKind):
            raise Refused("sweep.kind", f"a sweep is one of {', '.join(SweepKind)}.")
        if not 1 <= len(units) <= UNITS_MAX:
            raise Refused("sweep.units", f"a sweep goes to 1 to {UNITS_MAX} units.")
        due_in_ms = _due_in_ms(wish)
        reason = checked_reason(wish.reason)
        with acting(self._house, user.name, user.role) as act:
            unknown = [one for one in units if not _is_place(act, one, wish.kind)]
            if unknown:
                raise Refused(
                    "sweep.unit", f"{unknown[0]} is not in the register of units, nor a door of a round."
                )
            made, due_ms = act.new_id("SW"), act.now_ms + due_in_ms
            act.insert(
                sweep,
                sweep=made,
                kind=wish.kind,
                made_by=user.name,
                made_ms=act.now_ms,
                due_ms=due_ms,
                reason=reason,
            )
            for one in units:
                task = act.new_id("FT")
                state = act.move(FIELD_TASK, task, None, "plan", reason=f"{made}, unit {one}")
                act.insert(field_task, task=task, sweep=made, unit=one, state=state, due_ms=due_ms)
            return made

    def act(self, task: str, event: str, user: User, *, result: str = "", note: str = "") -> None:
        with acting(self._house, user.name, user.role) as act:
            row: Any = act.row(field_task, task=task)
            if row is None:
                raise NotFound(f"there is no task {task}.")
            if event in CHECKS and not may(user.role, Right.REVIEW_LISTING):
                raise Refused("field_task.PERMITTED", f"the role {user.role!r} checks no task.")
            if event == "report" and result not in _results(act, row.unit):
                raise Refused(
                    "field_task.RESULT", f"a result is one of {', '.join(Result)}, as fits the place."
                )
            if event == "due time over":
                raise Refused("field_task.STATE", "only the clock ends a task.")
            guards = _guards(row, user.name, note)
            state = act.move(FIELD_TASK, task, row.state, event, guards, reason=note.strip() or None)
            values = _values(act, event, user.name, result, note.strip())
            if event == "check":
                values["finding"] = _take_effect(act, row, user)
            act.update(field_task, {"task": task}, state=state, **values)

    def sweeps(self, *, most: int) -> tuple[SweepLine, ...]:
        with reading(self._house.engine).connect() as db:
            mine = sa.select(sweep).where(sweep.c.community == self._house.community)
            rows = db.execute(mine.order_by(sweep.c.made_ms.desc(), sweep.c.sweep).limit(most)).all()
            return tuple(self._line(db, row) for row in rows)

    def miss(self) -> int:
        """Tasks whose time is over and that nobody did; how many."""
        table = field_task
        late = sa.select(table.c.task, table.c.state).where(
            table.c.community == self._house.community,
            table.c.state.in_((_S.PLANNED, _S.CLAIMED)),
            table.c.due_ms <= self._house.clock.now_ms(),
        )
        with reading(self._house.engine).connect() as db:
            if db.execute(late.limit(1)).first() is None:
                return 0
        with acting(self._house, "field", "system") as act:
            rows = act.connection.execute(late.limit(MISSED_PER_RUN)).all()
            for row in rows:
                state = act.move(FIELD_TASK, row.task, row.state, "due time over")
                act.update(field_task, {"task": row.task}, state=state)
        return len(rows)

    def _line(self, db: sa.Connection, row: Any) -> SweepLine:
        mine = sa.select(field_task).where(
            field_task.c.community == self._house.community, field_task.c.sweep == row.sweep
        )
        point = tables.access_point
        same = (point.c.community == field_task.c.community) & (point.c.access_point == field_task.c.unit)
        with_names = mine.add_columns(point.c.name_zh, point.c.name_en).outerjoin_from(
            field_task, point, same
        )
        tasks = tuple(
            TaskLine(
                one.task,
                one.unit,
                one.state,
                one.claimed_by or "",
                one.result or "",
                one.note or "",
                one.due_ms,
                one.reported_ms,
                one.name_zh or "",
                one.name_en or "",
            )
            for one in db.execute(with_names.order_by(field_task.c.unit))
        )
        states = [one.state for one in tasks]
        return SweepLine(
            row.sweep,
            row.kind,
            row.reason,
            row.made_by,
            row.due_ms,
            planned=len(states),
            seen=sum(state in SEEN for state in states),
            checked=states.count(_S.CHECKED),
            missed=states.count(_S.MISSED),
            tasks=tasks,
        )


def _due_in_ms(wish: SweepWish) -> int:
    if wish.hours:
        if wish.kind != SweepKind.PATROL or not 1 <= wish.hours <= HOURS_MAX:
            raise Refused("sweep.hours", f"a patrol may be due in 1 to {HOURS_MAX} hours, and nothing else.")
        return wish.hours * HOUR_MS
    if not 1 <= wish.days <= DAYS_MAX:
        raise Refused("sweep.days", f"a sweep has 1 to {DAYS_MAX} days.")
    return wish.days * DAY_MS


def _is_place(act: Act, place: str, kind: str) -> bool:
    if act.row(unit, unit=place) is not None:
        return True
    return kind == SweepKind.PATROL and act.row(tables.access_point, access_point=place) is not None


def _results(act: Act, place: str) -> frozenset[Result]:
    """A door is in order or not; a dwelling is let or not, or nobody opened."""
    return OF_UNITS if act.row(unit, unit=place) is not None else OF_POINTS


def _guards(row: Any, user: str, note: str) -> frozenset[Guard]:
    holds = {
        Guard.OWNER: user == row.claimed_by,
        Guard.OTHER_PERSON: user != row.claimed_by,
        Guard.REASON: bool(note.strip()),
    }
    return frozenset(guard for guard, true in holds.items() if true)


def _values(act: Act, event: str, user: str, result: str, note: str) -> dict[str, Any]:
    if event == "claim":
        return {"claimed_by": user, "claimed_ms": act.now_ms}
    if event == "report":
        return {"result": result, "note": checked_reason(note), "reported_ms": act.now_ms}
    if event == "check":
        return {"checked_by": user, "checked_ms": act.now_ms}
    return {"claimed_by": None, "claimed_ms": None, "result": None, "reported_ms": None}


def _take_effect(act: Act, row: Any, user: User) -> str | None:
    """A unit that is let without a code becomes a confirmed finding; where nothing is let, earlier words to that end."""
    if row.result == Result.LET and not _is_coded(act, row.unit):
        visitor = Person(row.claimed_by, Role.GUARD)
        found = findings.report(act, row.unit, findings.KINDS[0], row.note, visitor)
        findings.decide(act, found, "confirm", row.note, Person(user.name, Role(user.role)))
        return found
    if row.result == Result.NOT_LET:
        for held in act.rows(evidence, subject=row.unit, type=Inspection.__name__):
            body = told_body(held)
            if held.ended_ms is None and isinstance(body, Inspection) and body.operating:
                end(act, row.unit, Inspection.__name__, str(held.key))
    return None


def _is_coded(act: Act, unit_id: str) -> bool:
    states = [str(row.state) for row in act.rows(tables.listing, unit=unit_id)]
    return any(state in findings.CODED for state in states)
