"""Whom a line means: passes are made by the service, so whoever plays a run looks them up there."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cloud_sync.compose import Books
from cloud_sync.protocol.messages import PassRow
from cloud_sync.store import tables
from cloud_sync.store.asking import many, mine
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act
from cloud_sync.store.issuing import held_row

_STAY_OF = (
    sa.select(tables.stay.c.stay)
    .join(
        tables.booking,
        (tables.booking.c.community == tables.stay.c.community)
        & (tables.booking.c.booking == tables.stay.c.booking),
    )
    .where(
        mine(tables.stay),
        tables.booking.c.source == sa.bindparam("source"),
        tables.booking.c.external_ref == sa.bindparam("ref"),
    )
)
_MEMBERS = sa.select(tables.stay_member.c.person, tables.stay_member.c.role).where(
    mine(tables.stay_member), tables.stay_member.c.stay == sa.bindparam("stay")
)
_PASS = (
    sa.select(tables.pass_.c.pass_id, tables.pass_.c.subject_ref)
    .where(
        mine(tables.pass_),
        tables.pass_.c.stay == sa.bindparam("stay"),
        tables.pass_.c.person == sa.bindparam("person"),
    )
    .order_by(tables.pass_.c.pass_id.desc())
    .limit(1)
)
_LEAD = (
    sa.select(tables.stay_member.c.person)
    .where(
        mine(tables.stay_member),
        tables.stay_member.c.stay == sa.bindparam("stay"),
        tables.stay_member.c.role == "lead",
    )
    .limit(1)
)
_SUBJECT = (
    sa.select(tables.subject.c.ref, tables.pass_.c.pass_id, tables.pass_.c.subject_ref)
    .join(
        tables.pass_,
        (tables.pass_.c.community == tables.subject.c.community)
        & (tables.pass_.c.person == tables.subject.c.person),
    )
    .where(mine(tables.subject))
    .order_by(tables.pass_.c.pass_id)
)
_VISITORS = _SUBJECT.where(tables.subject.c.kind == "visitors", tables.subject.c.ref.in_(many("refs")))
_LATER = sa.union_all(
    sa.select(tables.stay.c.stay).where(
        mine(tables.stay), tables.stay.c.planned_in_ms >= sa.bindparam("end")
    ),
    sa.select(tables.pass_.c.pass_id)
    .join(
        tables.stay,
        (tables.stay.c.community == tables.pass_.c.community) & (tables.stay.c.stay == tables.pass_.c.stay),
    )
    .where(mine(tables.stay), tables.stay.c.planned_in_ms >= sa.bindparam("end")),
)
_ROWS = sa.select(tables.pass_.c.pass_id, tables.pass_.c.version, tables.pass_.c.wire).where(
    mine(tables.pass_), tables.pass_.c.pass_id.in_(many("passes"))
)
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Holder:
    pass_id: str
    subject_ref: str


class People:
    """Stays by booking, guests by booking and place in the party, everybody else by reference."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._mine: dict[str, object] = {"mine": books.house.community}
        self._stays: dict[str, str] = {}  # "source ref" → stay
        self._persons: dict[tuple[str, int], str] = {}  # (stay, member) → person
        self._known: dict[str, set[str]] = {}  # stay → persons seen as members
        self._others: dict[str, Holder] = {}
        self._guests: dict[str, Holder] = {}
        self.rows: dict[str, PassRow] = {}  # as the nodes would hold them now

    def stay_of(self, booking: str) -> str | None:
        """The stay of "source ref"."""
        if booking not in self._stays:
            with reading(self._books.engine).begin() as db:
                return self._look_up(db, booking)
        return self._stays[booking]

    def _look_up(self, db: sa.Connection, booking: str) -> str | None:
        if booking not in self._stays:
            source, ref = booking.split(" ", 1)
            held = db.execute(_STAY_OF, {**self._mine, "source": source, "ref": ref}).scalar()
            if held is None:
                return None
            self._stays[booking] = str(held)
        return self._stays[booking]

    def registered(self, act: Act, booking: str, member: int) -> None:
        """Somebody of this booking has just been declared: whoever is new in the stay is that member."""
        stay = self._look_up(act.connection, booking)
        if stay is None:
            return
        members = act.connection.execute(_MEMBERS, {**self._mine, "stay": stay}).all()
        known = self._known.setdefault(stay, set())
        new = [str(row.person) for row in members if row.person not in known and row.role != "lead"]
        if member > 0 and (stay, member) not in self._persons and new:
            self._persons[stay, member] = new[0]
        known.update(str(row.person) for row in members)
        self._guests.pop(f"{booking} {member}", None)  # their person may have become another's

    def planned_after(self, end_ms: int) -> set[str]:
        """Stays that are to begin then or later, and their passes."""
        with reading(self._books.engine).begin() as db:
            return set(db.execute(_LATER, {**self._mine, "end": end_ms}).scalars())

    def meet_others(self) -> None:
        """Residents and staff, as they are before the first day."""
        self._meet(_SUBJECT, self._mine)

    def meet_visitors(self, refs: Iterable[str]) -> None:
        """Those who have just been announced."""
        self._meet(_VISITORS, {**self._mine, "refs": sorted(refs)})

    def _meet(self, query: sa.Select[Any], words: dict[str, object]) -> None:
        with reading(self._books.engine).begin() as db:
            for ref, pass_id, subject_ref in db.execute(query, words):
                self._others[str(ref)] = Holder(str(pass_id), str(subject_ref))

    def holder(self, who: str) -> Holder | None:
        """Whose pass a line names."""
        if " " not in who:
            return self._others.get(who)
        if who not in self._guests:
            found = self._guest(who)
            if found is None:
                return None
            self._guests[who] = found
        return self._guests[who]

    def _guest(self, who: str) -> Holder | None:
        booking, member = who.rsplit(" ", 1)
        stay = self.stay_of(booking)
        if stay is None:
            return None
        with reading(self._books.engine).begin() as db:
            person = self._persons.get((stay, int(member)))
            if int(member) == 0:
                person = db.execute(_LEAD, {**self._mine, "stay": stay}).scalar()
            if person is None:
                return None
            row = db.execute(_PASS, {**self._mine, "stay": stay, "person": person}).one_or_none()
        return None if row is None else Holder(str(row.pass_id), str(row.subject_ref))

    def look(self, passes: Iterable[str]) -> None:
        """Read the rows of these passes as they stand."""
        wanted = sorted(set(passes))
        self.rows.clear()
        with reading(self._books.engine).begin() as db:
            for at in range(0, len(wanted), AT_ONCE):
                some = wanted[at : at + AT_ONCE]
                for pass_id, _version, wire in db.execute(_ROWS, {**self._mine, "passes": some}):
                    row = held_row(wire)
                    if row is not None:
                        self.rows[str(pass_id)] = row

    def pass_of(self, who: str) -> tuple[str, int, str] | None:
        """As ``cloud_sync.synth.wire`` asks."""
        held = self.holder(who)
        if held is None:
            return None
        row = self.rows.get(held.pass_id)
        return held.pass_id, row.pass_version if row else 1, held.subject_ref
