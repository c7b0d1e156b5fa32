"""``ShiftDesk`` on the database: shifts begun, signed with the report of that moment, and taken over with their cases."""

from typing import Any

import msgspec
import sqlalchemy as sa

from cloud_sync.core.case_types import OWNED, WORKED, Case, CaseEvent, CaseState, Deed
from cloud_sync.core.cases import visible
from cloud_sync.core.guards import Guard
from cloud_sync.core.roles import Right, may
from cloud_sync.core.shifts import SHIFT, ShiftState
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports import User
from cloud_sync.ports_shifts import Sheet, ShiftLine
from cloud_sync.store import tables
from cloud_sync.store.case_rows import case_of, move
from cloud_sync.store.cases_store import role_for
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.reasons import checked_reason
from cloud_sync.store.shift_sheet import read_sheet
from cloud_sync.store.tables_shifts import shift, shift_note

HANDED_MAX = 200  # as many as a page of the queue shows


class SqlShifts:
    """One community's."""

    def __init__(self, house: House) -> None:
        self._house = house

    def on(self) -> tuple[ShiftLine, ...]:
        mine = self._mine().where(shift.c.state != ShiftState.OVER)
        return self._lines(mine.order_by(shift.c.from_ms, shift.c.shift))

    def earlier(self, *, most: int) -> tuple[ShiftLine, ...]:
        mine = self._mine().where(shift.c.state == ShiftState.OVER)
        return self._lines(mine.order_by(shift.c.over_ms.desc(), shift.c.shift).limit(most))

    def sheet(self, since_ms: int) -> Sheet:
        with reading(self._house.engine).connect() as db:
            return read_sheet(db, self._house.community, since_ms, self._house.clock.now_ms())

    def kept(self, shift_id: str) -> tuple[ShiftLine, Sheet]:
        with reading(self._house.engine).connect() as db:
            row = db.execute(self._mine().where(shift.c.shift == shift_id)).one_or_none()
        if row is None or row.sheet is None:
            raise NotFound(f"there is no signed report of a shift {shift_id}.")
        return _line(row), msgspec.json.decode(row.sheet, type=Sheet)

    def begin(self, user: User) -> str:
        with acting(self._house, user.name, user.role) as act:
            if self._own(act, user.name) is not None:
                raise Refused("shift.ON", f"{user.name} is on shift already.")
            return _begin(act)

    def note(self, text: str, user: User) -> None:
        said = checked_reason(text)
        with acting(self._house, user.name, user.role) as act:
            made = act.new_id("SN")
            act.insert(shift_note, note=made, at_ms=act.now_ms, actor=user.name, said=said)
            act.note("shift.note", made)

    def sign(self, shift_id: str, to: str, note: str, user: User) -> None:
        said = checked_reason(note)
        with acting(self._house, user.name, user.role) as act:
            row = _found(act, shift_id)
            other: Any = act.row(tables.user, name=to)
            relieves = other is not None and to != user.name and may(other.role, Right.WORK_CASE)
            holds = {Guard.OWNER: row.user == user.name, Guard.REASON: True, Guard.COLLEAGUE: relieves}
            state = _step(act, row, "sign", holds, said)
            for case in self._owned(act, user.name):
                if visible(other.role, case.family, case.severity):
                    _offer(act, case, to, user, shift_id)
            sheet = read_sheet(act.connection, self._house.community, row.from_ms, act.now_ms)
            act.update(
                shift,
                {"shift": shift_id},
                state=state,
                note=said,
                offered_to=to,
                signed_ms=act.now_ms,
                sheet=msgspec.json.encode(sheet).decode(),
            )

    def take_over(self, shift_id: str, user: User) -> str:
        with acting(self._house, user.name, user.role) as act:
            row = _found(act, shift_id)
            state = _step(act, row, "take over", {Guard.OFFERED: row.offered_to == user.name})
            handed = [
                case.id
                for case in self._owned(act, row.user)
                if case.offered_to == user.name and _accept(act, case, user, shift_id)
            ]
            listed = msgspec.json.encode(handed).decode()
            act.update(shift, {"shift": shift_id}, state=state, over_ms=act.now_ms, handed=listed)
            own = self._own(act, user.name)
            return own if own is not None else _begin(act, after=shift_id)

    # --- within -----------------------------------------------------------------------------------------------

    def _mine(self) -> sa.Select[Any]:
        return sa.select(shift).where(shift.c.community == self._house.community)

    def _lines(self, query: sa.Select[Any]) -> tuple[ShiftLine, ...]:
        with reading(self._house.engine).connect() as db:
            return tuple(_line(row) for row in db.execute(query))

    def _own(self, act: Act, name: str) -> str | None:
        """The shift this person is on; one that is signed is not theirs to go on with."""
        mine = self._mine().where(shift.c.user == name, shift.c.state == ShiftState.ON)
        found: Any = act.connection.execute(mine.limit(1)).one_or_none()
        return None if found is None else str(found.shift)

    def _owned(self, act: Act, name: str) -> list[Case]:
        """What is theirs and could be another's."""
        table = tables.case_
        mine = (table.c.community == self._house.community, table.c.owner == name)
        query = sa.select(table).where(*mine, table.c.state.in_(sorted(OWNED))).order_by(table.c.id)
        return [case_of(row) for row in act.connection.execute(query.limit(HANDED_MAX)).mappings()]


def _found(act: Act, shift_id: str) -> Any:
    row = act.row(shift, shift=shift_id)
    if row is None:
        raise NotFound(f"there is no shift {shift_id}.")
    return row


def _step(act: Act, row: Any, event: str, holds: dict[Guard, bool], reason: str | None = None) -> str:
    guards = frozenset(guard for guard, true in holds.items() if true)
    return act.move(SHIFT, row.shift, row.state, event, guards, reason=reason)


def _begin(act: Act, *, after: str | None = None) -> str:
    made = act.new_id("SH")
    state = act.move(SHIFT, made, None, "begin", reason=after)
    act.insert(shift, shift=made, user=act.actor, state=state, from_ms=act.now_ms)
    return made


def _offer(act: Act, case: Case, to: str, user: User, shift_id: str) -> None:
    """By the machine's own step; what was put aside is taken up first, for only then it can go to another."""
    role = role_for(user)
    if case.state is CaseState.ON_HOLD:
        case = _moved(act, case, Deed(CaseEvent.RESUME, user.name, role), shift_id)
    _moved(act, case, Deed(CaseEvent.OFFER, user.name, role, to=to), shift_id)


def _accept(act: Act, case: Case, user: User, shift_id: str) -> bool:
    """False for a case that has been put aside again meanwhile: it stays where it is."""
    if case.state not in WORKED:
        return False
    _moved(act, case, Deed(CaseEvent.ACCEPT, user.name, role_for(user)), shift_id)
    return True


def _moved(act: Act, case: Case, deed: Deed, shift_id: str) -> Case:
    moved = move(act, case, deed, ref=shift_id)
    assert isinstance(moved, Case), f"{case.id} in {case.state} takes {deed.event}: {moved}"
    act.note(f"case.{deed.event}", case.id, case.state, moved.state, shift_id)
    return moved


def _line(row: Any) -> ShiftLine:
    return ShiftLine(
        row.shift,
        row.user,
        row.state,
        row.from_ms,
        row.note or "",
        row.offered_to or "",
        row.signed_ms,
        row.over_ms,
        tuple(msgspec.json.decode(row.handed or "[]", type=list[str])),
    )
