"""``DepartmentDesk`` on the database: who can be asked, what they were asked, and their answers (domain.md §11.8)."""

import re
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.case_types import AWAY, Case, CaseEvent, OwnerRole
from cloud_sync.core.cases import possible
from cloud_sync.core.lifecycles import Refusal
from cloud_sync.core.roles import Right, Role, may
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports import User
from cloud_sync.ports_cases import CaseWish, Department, InboxLine
from cloud_sync.store import tables
from cloud_sync.store.case_rows import case_of, find, move
from cloud_sync.store.cases_store import deed_of, refused_of, role_for
from cloud_sync.store.engine import reading
from cloud_sync.store.house import House, acting
from cloud_sync.store.tables_cases import department, department_staff
from cloud_sync.store.tables_model import unit

INBOX_MAX = 200
ID = re.compile(r"^[a-z][a-z0-9-]{1,31}$")
NAME_MAX = 60
ANSWERS = frozenset(
    {CaseEvent.SIGN, CaseEvent.CONTACT, CaseEvent.REPORT_IN, CaseEvent.RESULT, CaseEvent.RETURN}
)


class SqlDepartments:
    """One community's."""

    def __init__(self, house: House) -> None:
        self._house = house

    def all(self) -> tuple[Department, ...]:
        mine = sa.select(department).where(department.c.community == self._house.community)
        with reading(self._house.engine).connect() as db:
            rows = db.execute(mine.order_by(department.c.department))
            return tuple(Department(row.department, row.name_zh, row.name_en) for row in rows)

    def put(self, wish: Department, *, actor: str) -> None:
        if not ID.match(wish.id):
            raise Refused(
                "department.id", "a department is called by 2 to 32 small letters, digits and dashes."
            )
        names = {"name_zh": wish.name_zh.strip(), "name_en": wish.name_en.strip()}
        if not all(1 <= len(name) <= NAME_MAX for name in names.values()):
            raise Refused("department.name", f"both names have 1 to {NAME_MAX} characters.")
        with acting(self._house, actor, Role.ADMIN) as act:
            held = act.row(department, department=wish.id)
            if held is None:
                act.insert(department, department=wish.id, made_ms=act.now_ms, **names)
            else:
                act.update(department, {"department": wish.id}, **names)
            act.note("department.put", wish.id, None, names["name_en"])

    def join(self, name: str, user: str, *, actor: str) -> None:
        with acting(self._house, actor, Role.ADMIN) as act:
            held: Any = act.row(tables.user, name=user)
            if act.row(department, department=name) is None or held is None:
                raise NotFound(f"there is no department {name} or no login {user}; make both first.")
            if held.role != Role.DEPARTMENT:
                raise Refused("department.role", f"{user} does not have the role of a department.")
            if act.row(department_staff, department=name, user=user) is None:
                act.insert(department_staff, department=name, user=user, since_ms=act.now_ms)
                act.note("department.join", name, None, user)

    def inbox(self, user: User) -> tuple[InboxLine, ...]:
        case, place = tables.case_, tables.access_point
        with reading(self._house.engine).connect() as db:
            asked = case.c.state.in_(sorted(AWAY))
            if may(user.role, Right.ACT_FOR_DEPARTMENT):
                which = asked & case.c.department.in_(self._of(db, user.name))
            else:
                mine = (case.c.owner_role == OwnerRole.STREET) & case.c.closed_ms.is_(None)
                which = asked | mine
            at_door = (place.c.community == case.c.community) & (place.c.access_point == case.c.access_point)
            query = (
                sa.select(case, place.c.name_zh, place.c.name_en)
                .select_from(case.outerjoin(place, at_door))
                .where(case.c.community == self._house.community, which)
                .order_by(case.c.next_ms.is_(None), case.c.next_ms, case.c.id)
                .limit(INBOX_MAX)
            )
            return tuple(self._line(db, row, user) for row in db.execute(query).mappings().all())

    def act(self, case_id: str, wish: CaseWish, user: User) -> None:
        role = role_for(user)
        with acting(self._house, user.name, user.role) as act:
            case = find(act, case_id)
            mine = self._of(act.connection, user.name)
            own = case is not None and case.department in mine
            street = case is not None and wish.event is CaseEvent.WHISTLE and may(role, Right.WHISTLE)
            if case is None or not (own or street):
                raise NotFound(f"There is no case {case_id} for you here; the inbox lists those there are.")
            if wish.event not in ANSWERS and not street:
                raise Refused("case.answer.STATE", f"a department cannot {wish.event!r} a case.")
            if street and act.row(department, department=wish.to) is None:
                raise Refused("case.whistle.DEPARTMENT", f"no department is called {wish.to!r}.")
            to = wish.to if street else case.department or ""
            asked = CaseWish(wish.event, wish.reason, wish.code, to, None, wish.colour)
            moved = move(act, case, deed_of(asked, user, role, self._house.zone))
            if isinstance(moved, Refusal):
                raise refused_of(moved)
            act.note(f"case.{wish.event}", case_id, case.state, moved.state, wish.reason.strip() or None)

    def _of(self, db: sa.Connection, user: str) -> list[str]:
        table = department_staff
        mine = sa.select(table.c.department).where(
            table.c.community == self._house.community, table.c.user == user
        )
        return list(db.execute(mine).scalars())

    def _line(self, db: sa.Connection, row: sa.RowMapping, user: User) -> InboxLine:
        case, role = case_of(row), role_for(user)
        where = row["name_zh"] or self._unit(db, case.subject)
        note = self._asked(db, case.id)
        return InboxLine(
            id=case.id,
            family=case.family,
            kind=case.kind,
            severity=case.severity,
            colour=case.colour or "",
            department=case.department or "",
            place_zh=where,
            place_en=row["name_en"] or where,
            state=case.state,
            asked_ms=note.at_ms if note is not None else case.opened_ms,
            asked=_words_of(note.reason) if note is not None else "",
            due_ms=case.next_ms if case.state in AWAY else None,
            may=_answers(case, user, role, self._house.clock.now_ms()),
        )

    def _unit(self, db: sa.Connection, subject: str) -> str:
        """A unit is told, for somebody has to go there; a stay, a pass or a person is not."""
        held = sa.select(unit.c.unit).where(unit.c.community == self._house.community, unit.c.unit == subject)
        return db.execute(held).scalar_one_or_none() or ""

    def _asked(self, db: sa.Connection, case_id: str) -> Any:
        table = tables.case_note
        mine = (table.c.community == self._house.community, table.c.case_id == case_id)
        query = sa.select(table).where(*mine, table.c.event == CaseEvent.WHISTLE)
        return db.execute(query.order_by(table.c.n.desc()).limit(1)).one_or_none()


def _answers(case: Case, user: User, role: Role, now_ms: int) -> tuple[CaseEvent, ...]:
    events = ANSWERS if may(role, Right.ACT_FOR_DEPARTMENT) else {CaseEvent.WHISTLE}
    return tuple(event for event in possible(case, user.name, role, now_ms) if event in events)


def _words_of(reason: str | None) -> str:
    """What the community wrote: between the kind of the whistle and the department's name."""
    parts = (reason or "").split(" · ")
    return " · ".join(parts[1:-1])
