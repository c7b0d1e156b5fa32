"""``MatterDesk`` on the database: a report is a case, or one more voice in an open one (domain.md §§11.6, 11.7)."""

from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.case_types import Case, CaseEvent, Deed, Family, Finding, MatterClass, Severity
from cloud_sync.core.matters import MERGE_MS, OFTEN_MS, SUGGESTED, suggest
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports import User
from cloud_sync.ports_field import MatterStatus, MatterTaken, MatterWish
from cloud_sync.store import tables
from cloud_sync.store.case_rows import begin, find, move, open_with_key
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.reasons import checked_reason
from cloud_sync.store.tables_cases import matter_report
from cloud_sync.store.tables_model import unit

TOKEN_BYTES = 20


def matter_key(place: str, kind: str) -> str:
    return f"matter/{place}/{kind}"


class SqlMatters:
    """One community's."""

    def __init__(self, house: House) -> None:
        self._house = house

    def report(self, wish: MatterWish, user: User) -> MatterTaken:
        if wish.kind not in SUGGESTED:
            raise Refused("matter.kind", f"a matter is one of {', '.join(sorted(SUGGESTED))}.")
        words, place = checked_reason(wish.words), wish.place.strip()
        with acting(self._house, user.name, user.role) as act:
            door: Any = act.row(tables.access_point, access_point=place)
            if door is None and act.row(unit, unit=place) is None:
                raise Refused("matter.place", f"{place!r} is neither a unit nor a door here.")
            held = self._similar(act, place, wish.kind)
            if held is not None and not wish.join and not wish.apart:
                return MatterTaken(similar=held.id)
            case = self._added(act, wish.join, words, user) if wish.join else None
            if case is None:
                case = begin(act, _finding(act, wish.kind, place, door, user), "", why=words)
            return MatterTaken(case.id, self._link(act, case))

    def _added(self, act: Act, case_id: str, words: str, user: User) -> Case:
        case = find(act, case_id)
        if case is None or case.family is not Family.MATTER:
            raise NotFound(f"there is no open matter {case_id}.")
        moved = move(act, case, Deed(CaseEvent.RAISE, user.name, reason=words, seen_ms=act.now_ms))
        if not isinstance(moved, Case):
            raise Refused(
                "matter.closed", f"{case_id} was closed meanwhile; report it as a matter of its own."
            )
        act.note("matter.join", case.id, case.state, moved.state)
        return moved

    def _similar(self, act: Act, place: str, kind: str) -> Case | None:
        """The open case of the same place and kind, at most a day old."""
        held = open_with_key(act, matter_key(place, kind))
        return held[0] if held and held[0].opened_ms > act.now_ms - MERGE_MS else None

    def _link(self, act: Act, case: Case) -> str:
        token = self._house.randomness(TOKEN_BYTES).hex()
        act.insert(
            matter_report,
            report=act.new_id("MR"),
            case_id=case.id,
            token_hash=sha256(token.encode()).hexdigest(),
            at_ms=act.now_ms,
        )
        act.note("matter.report", case.id, None, case.state)
        return token

    def status(self, token: str) -> MatterStatus | None:
        case = tables.case_
        same = (case.c.community == matter_report.c.community) & (case.c.id == matter_report.c.case_id)
        query = (
            sa.select(case.c.kind, case.c.state, matter_report.c.at_ms, case.c.closed_ms)
            .select_from(matter_report.join(case, same))
            .where(
                matter_report.c.community == self._house.community,
                matter_report.c.token_hash == sha256(token.encode()).hexdigest(),
            )
        )
        with reading(self._house.engine).connect() as db:
            row = db.execute(query).one_or_none()
        return MatterStatus(row.kind, row.state, row.at_ms, row.closed_ms) if row is not None else None


def _finding(act: Act, kind: str, place: str, door: Any, user: User) -> Finding:
    return Finding(
        Family.MATTER,
        kind,
        Severity.S3,
        place,
        matter_key(place, kind),
        act.now_ms,
        node=door.node if door is not None else None,
        access_point=place if door is not None else None,
        opener=user.name,
        opener_role=user.role,
    )


def suggested_class(db: sa.Connection, community: str, case: Case, now_ms: int) -> MatterClass:
    """What the rule would say of this matter: by its kind, and how often its place had it in thirty days."""
    table = tables.case_
    often = sa.select(sa.func.coalesce(sa.func.sum(table.c.count), 0)).where(
        table.c.community == community,
        table.c.group_key == case.group_key,
        table.c.opened_ms > now_ms - OFTEN_MS,
    )
    return suggest(case.kind, int(db.execute(often).scalar_one()))
