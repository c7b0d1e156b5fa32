"""``CaseDesk`` and the news of cases on the database: what people see, and every act with its audit row."""

from collections.abc import Callable
from datetime import tzinfo

import sqlalchemy as sa

from cloud_sync.core.case_types import QUIET, Case, CaseEvent, CaseState, Deed, Family
from cloud_sync.core.cases import again, possible, visible
from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles import Refusal
from cloud_sync.core.roles import Right, Role, may, role_of
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports import User
from cloud_sync.ports_cases import CaseChange, CaseLine, CaseNote, CaseView, CaseWish
from cloud_sync.store import tables
from cloud_sync.store.case_rows import begin, case_of, find, link, links, move, newest_rev
from cloud_sync.store.engine import reading
from cloud_sync.store.hidden import hidden_subjects
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.matters import suggested_class
from cloud_sync.store.tables_cases import department

QUEUE_MAX = 200  # a page; more open cases than that are a flood, and the gravest come first
CHANGES_MAX = 500  # told to open pages in one look; a page that missed some reads its queue anew


class SqlCaseDesk:
    """``CaseDesk`` of ports.py."""

    def __init__(self, house: House) -> None:
        self._house = house

    def queue(self, user: User) -> tuple[CaseLine, ...]:
        table = tables.case_
        query = _lines(self._house.community).where(table.c.state.not_in((CaseState.CLOSED, *QUIET)))
        return self._read(query.order_by(table.c.severity, table.c.opened_ms).limit(QUEUE_MAX), user)

    def quiet(self, user: User, *, most: int) -> tuple[CaseLine, ...]:
        table = tables.case_
        query = _lines(self._house.community).where(table.c.state.in_(sorted(QUIET)))
        return self._read(query.order_by(table.c.severity, table.c.opened_ms).limit(most), user)

    def closed(self, user: User, *, most: int) -> tuple[CaseLine, ...]:
        table = tables.case_
        query = _lines(self._house.community).where(table.c.state == CaseState.CLOSED)
        return self._read(query.order_by(table.c.closed_ms.desc()).limit(most), user)

    def case_about(self, discrepancy: str) -> str | None:
        tie, case = tables.case_link, tables.case_
        same = (case.c.community == tie.c.community) & (case.c.id == tie.c.case_id)
        found = (
            sa.select(case.c.id)
            .join(tie, same)
            .where(tie.c.community == self._house.community, tie.c.ref == discrepancy)
            .order_by(case.c.closed_ms.is_(None).desc(), case.c.first_seen_ms.desc())
            .limit(1)
        )
        with reading(self._house.engine).connect() as db:
            return db.execute(found).scalar_one_or_none()

    def case(self, case_id: str, user: User) -> CaseView:
        role = role_for(user)
        query = _lines(self._house.community).where(tables.case_.c.id == case_id)
        with reading(self._house.engine).connect() as db:
            row = db.execute(query).mappings().one_or_none()
            if row is None or not self._may_see(db, user, case_of(row)):
                raise NotFound(
                    f"There is no case {case_id} for you here; the staff page lists those there are."
                )
            case, now_ms = case_of(row), self._house.clock.now_ms()
            matter = case.family is Family.MATTER
            return CaseView(
                line=_line(row),
                notes=self._notes(db, case_id),
                links=links(db, self._house.community, case_id),
                may=possible(case, user.name, role, now_ms),
                suggested=suggested_class(db, self._house.community, case, now_ms) if matter else "",
            )

    def act(self, case_id: str, wish: CaseWish, user: User) -> str:
        role = role_for(user)
        deed = deed_of(wish, user, role, self._house.zone)
        with acting(self._house, user.name, user.role) as act:
            case = find(act, case_id)
            if case is None or not self._may_see(act.connection, user, case):
                raise NotFound(
                    f"There is no case {case_id} for you here; the staff page lists those there are."
                )
            if wish.event is CaseEvent.OFFER:
                self._check_colleague(act, wish.to)
            if wish.event is CaseEvent.WHISTLE and act.row(department, department=wish.to) is None:
                raise Refused(
                    _rule(CaseEvent.WHISTLE, Guard.DEPARTMENT), f"no department is called {wish.to!r}."
                )
            moved = move(act, case, deed)
            if isinstance(moved, Refusal):
                raise refused_of(moved)
            act.note(f"case.{wish.event}", case_id, case.state, moved.state, wish.reason.strip() or None)
            return self._begin_again(act, moved, wish.reason) if wish.event is CaseEvent.REOPEN else case_id

    def oldest_waiting_ms(self) -> int | None:
        waiting = tables.alert_queue
        oldest = sa.select(sa.func.min(waiting.c.stored_ms)).where(
            waiting.c.community == self._house.community
        )
        with reading(self._house.engine).connect() as db:
            found: int | None = db.execute(oldest).scalar_one()
        return found

    def _begin_again(self, act: Act, closed: Case, why: str) -> str:
        """The closed case stays closed for ever; its story goes on in a new one."""
        fresh = begin(act, again(closed, act.now_ms), closed.id, why=why.strip())
        link(act, fresh.id, closed.id)
        return fresh.id

    def _check_colleague(self, act: Act, name: str) -> None:
        held = act.row(tables.user, name=name)
        if held is None:
            raise Refused(_rule(CaseEvent.OFFER, Guard.COLLEAGUE), f"nobody here is called {name!r}.")

    def _read(self, query: sa.Select[tuple[object, ...]], user: User) -> tuple[CaseLine, ...]:
        with reading(self._house.engine).connect() as db:
            lines = [_line(row) for row in db.execute(query).mappings()]
            unseen = self._unseen(db, user)
        return tuple(
            line
            for line in lines
            if visible(user.role, line.case.family, line.case.severity) and line.case.subject not in unseen
        )

    def _may_see(self, db: sa.Connection, user: User, case: Case) -> bool:
        seen = visible(user.role, case.family, case.severity)
        return seen and case.subject not in self._unseen(db, user)

    def _unseen(self, db: sa.Connection, user: User) -> frozenset[str]:
        """What this person's cases may not be about: a stay that is hidden from everybody who need not know."""
        if may(user.role, Right.PRIVACY):
            return frozenset()
        return hidden_subjects(db, self._house.community)

    def _notes(self, db: sa.Connection, case_id: str) -> tuple[CaseNote, ...]:
        table = tables.case_note
        query = sa.select(table).where(table.c.community == self._house.community, table.c.case_id == case_id)
        rows = db.execute(query.order_by(table.c.n)).mappings()
        return tuple(CaseNote(**{name: row[name] for name in CaseNote.__slots__}) for row in rows)


def role_for(user: User) -> Role:
    role = role_of(user.role)
    if role is None:
        raise Refused("role", f"the role {user.role!r} may not work with cases.")
    return role


def deed_of(wish: CaseWish, user: User, role: Role, zone: tzinfo) -> Deed:
    return Deed(
        wish.event,
        user.name,
        role,
        wish.reason,
        wish.code,
        wish.to,
        wish.until_ms,
        colour=wish.colour,
        zone=zone,
    )


def _rule(event: str, guard: Guard | None) -> str:
    return f"case.{event}.{guard.name if guard else 'STATE'}"


def refused_of(refusal: Refusal) -> Refused:
    first = refusal.missing[0] if refusal.missing else None
    return Refused(_rule(refusal.event, first), f"{refusal.sentence}.")


def _lines(community: str) -> sa.Select[tuple[object, ...]]:
    case, place, node = tables.case_, tables.access_point, tables.node
    at_door = (place.c.community == case.c.community) & (place.c.access_point == case.c.access_point)
    at_node = (node.c.community == case.c.community) & (node.c.node == case.c.node)
    return (
        sa.select(case, place.c.name_zh, place.c.name_en, node.c.name.label("node_name"))
        .select_from(case.outerjoin(place, at_door).outerjoin(node, at_node))
        .where(case.c.community == community)
    )


def _line(row: sa.RowMapping) -> CaseLine:
    case = case_of(row)
    elsewhere = row["node_name"] or case.subject
    return CaseLine(case, row["name_zh"] or elsewhere, row["name_en"] or elsewhere, row["rev"])


# --- news --------------------------------------------------------------------------------------------------------


class CaseNews:
    """``CaseFeed``: each call looks once for what changed since the last, in whichever process that was."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._listeners: dict[object, Callable[[CaseChange], None]] = {}
        with reading(house.engine).connect() as db:
            self._rev = newest_rev(db, house.community)

    def subscribe(self, listener: Callable[[CaseChange], None]) -> Callable[[], None]:
        token = object()
        self._listeners = {**self._listeners, token: listener}

        def unsubscribe() -> None:
            self._listeners = {key: value for key, value in self._listeners.items() if key is not token}

        return unsubscribe

    def __call__(self) -> int:
        """How many cases changed; writers hold the database's one lock, so that numbers appear in order."""
        table = tables.case_
        query = (
            sa.select(table)
            .where(table.c.community == self._house.community, table.c.rev > self._rev)
            .order_by(table.c.rev)
            .limit(CHANGES_MAX)
        )
        with reading(self._house.engine).connect() as db:
            changes = [_change(case_of(row), row["rev"]) for row in db.execute(query).mappings()]
        for change in changes:
            self._rev = change.rev
            for listener in self._listeners.values():
                listener(change)
        return len(changes)


def _change(case: Case, rev: int) -> CaseChange:
    return CaseChange(
        id=case.id,
        rev=rev,
        family=case.family,
        kind=case.kind,
        severity=case.severity,
        state=case.state,
        level=case.level,
        asks=case.owner_role,
        sounds=case.sounds,
    )
