"""Stays as reconciliation reads them: orders, registrations, passes and what the doors told, for many stays at once."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.books import MemberBook, Moment, StayBook
from cloud_sync.core.evidence import Evidence, body_of
from cloud_sync.core.lifecycles import (
    PROVED,
    BookingState,
    ListingState,
    PassState,
    RegistrationState,
    StayState,
)
from cloud_sync.core.listing_access import access_by_listing_state
from cloud_sync.store import tables
from cloud_sync.store.asking import ask, many, mine
from cloud_sync.store.book_moments import Moments, Seen
from cloud_sync.store.house import Act
from cloud_sync.store.places import scope_of
from cloud_sync.store.tables_booking import booking_revision
from cloud_sync.store.tables_rules import evidence

ROOM_DOOR = "room"
GATES = frozenset({"gate", "garage"})  # the edge of the community
Row = Any  # of a query with many columns; each is named where it is read
SHUT = frozenset(state for state in ListingState if not access_by_listing_state(state).new_passes)
_PURGED = RegistrationState.PURGED  # what was proved before its time was over stays proved


_TOLD = (
    sa.select(evidence)
    .where(mine(evidence), evidence.c.subject.in_(many("subjects")))
    .order_by(evidence.c.subject, evidence.c.since_ms, evidence.c.type, evidence.c.key)
)
_ROOMS = sa.select(tables.room.c.room, tables.room.c.access_points).where(
    mine(tables.room), tables.room.c.room.in_(many("rooms"))
)
_REGISTRATIONS = sa.select(tables.registration).where(
    mine(tables.registration), tables.registration.c.stay.in_(many("stays"))
)
_POINTS = sa.select(
    tables.access_point.c.access_point, tables.access_point.c.node, tables.access_point.c.kind
).where(mine(tables.access_point))
_PASSES = (
    sa.select(
        tables.pass_.c.pass_id,
        tables.pass_.c.stay,
        tables.pass_.c.person,
        tables.pass_.c.state,
        tables.pass_.c.scope,
    )
    .where(mine(tables.pass_), tables.pass_.c.stay.in_(many("stays")))
    .order_by(tables.pass_.c.pass_id)
)
_PRESENCE = sa.select(tables.presence.c.pass_id, tables.presence.c.state).where(
    mine(tables.presence), tables.presence.c.pass_id.in_(many("passes"))
)
_PERSONS = sa.select(tables.person.c.person, tables.person.c.minor, tables.person.c.doc_hash).where(
    mine(tables.person), tables.person.c.person.in_(many("persons"))
)
_SHUT = (
    sa.select(tables.audit.c.object, tables.audit.c.at_ms, tables.audit.c.before, tables.audit.c.after)
    .where(
        mine(tables.audit),
        tables.audit.c.object.in_(many("listings")),
        tables.audit.c.action.like("listing.%"),
    )
    .order_by(tables.audit.c.n)
)


def _stays_query() -> sa.Select[Any]:
    stay, listing, booking = tables.stay, tables.listing, tables.booking
    joined = stay.outerjoin(
        listing, (listing.c.community == stay.c.community) & (listing.c.listing == stay.c.listing)
    ).outerjoin(booking, (booking.c.community == stay.c.community) & (booking.c.booking == stay.c.booking))
    columns = (
        stay,
        listing.c.state.label("listing_state"),
        listing.c.max_guests,
        listing.c.operator,
        listing.c.unit,
        booking.c.state.label("booking_state"),
        booking.c.received_ms,
    )
    return sa.select(*columns).select_from(joined).where(mine(stay), stay.c.stay.in_(many("stays")))


_STAYS = _stays_query()


def _rooms_query() -> sa.Select[Any]:
    """The doors of every room that the order of a stay was ever for: who has moved had the other one's lock too."""
    stay, told, room = tables.stay, booking_revision, tables.room
    joined = stay.join(
        told, (told.c.community == stay.c.community) & (told.c.booking == stay.c.booking)
    ).join(room, (room.c.community == told.c.community) & (room.c.room == told.c.room))
    columns = (stay.c.stay, room.c.access_points)
    return sa.select(*columns).select_from(joined).where(mine(stay), stay.c.stay.in_(many("stays")))


_ROOMS_EVER = _rooms_query()


def told_about(act: Act, subjects: Iterable[str]) -> dict[str, tuple[Evidence, ...]]:
    """What people and other programs told about these subjects."""
    found: dict[str, list[Evidence]] = defaultdict(list)
    for row in ask(act, _TOLD, subjects=sorted(subjects)):
        body = body_of(row.type, json.loads(row.body))
        found[row.subject].append(Evidence(row.subject, row.key, row.since_ms, row.ended_ms, body))
    return {subject: tuple(told) for subject, told in found.items()}


@dataclass(frozen=True, slots=True)
class Places:
    """Every door: whose it is, and of what kind."""

    owner: Mapping[str, str]
    kinds: Mapping[str, str]

    @classmethod
    def read(cls, act: Act) -> "Places":
        rows = ask(act, _POINTS)
        return cls({row.access_point: row.node for row in rows}, {row.access_point: row.kind for row in rows})

    def doors_of(self, node: str) -> set[str]:
        return {door for door, owner in self.owner.items() if owner == node}

    @property
    def gates(self) -> frozenset[str]:
        return frozenset(door for door, kind in self.kinds.items() if kind in GATES)

    def ways(self, act: Act, rooms: set[str]) -> dict[str, tuple[str, ...]]:
        """The nodes whose doors are on the way to each room."""
        return {
            name: tuple(sorted({self.owner[door] for door in scope_of(doors) if door in self.owner}))
            for name, doors in ask(act, _ROOMS, rooms=sorted(rooms))
        }


def registered_of(act: Act, stays: Iterable[str]) -> dict[str, dict[str, Row]]:
    """Stay → person → the registration that says most: a proved one before any other."""
    found: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in ask(act, _REGISTRATIONS, stays=sorted(stays)):
        held = found[row.stay].get(row.person)
        if held is None or is_proved(act, row) or not is_proved(act, held):
            found[row.stay][row.person] = row
    return found


def is_proved(act: Act, row: Row) -> bool:
    status = row.status in PROVED or (row.status == _PURGED and row.verified_ms is not None)
    return status and row.proofing >= act.house.profile.proofing_min


class StayLoader:
    """Reads within one transaction."""

    def __init__(self, act: Act, places: Places) -> None:
        self._act = act
        self._places = places
        self._moments = Moments(act)
        self.documents: dict[str, str | None] = {}  # of every person read so far
        self.told: dict[str, tuple[Evidence, ...]] = {}  # about the stays and their units

    def stays(self, stays: Sequence[str]) -> tuple[StayBook, ...]:
        """The books of these stays, whole."""
        rows = ask(self._act, _STAYS, stays=stays)
        members = self.members(stays)
        ways = self._places.ways(self._act, {row.room for row in rows})
        shut = self._shut({row.listing for row in rows if row.listing_state in SHUT})
        told = self.told = told_about(self._act, {*stays, *(row.unit for row in rows if row.unit)})
        return tuple(
            StayBook(
                stay=row.stay,
                state=StayState(row.state),
                planned_in_ms=row.planned_in_ms,
                planned_out_ms=row.planned_out_ms,
                checked_out_ms=row.checked_out_ms,
                nodes=ways.get(row.room, ()),
                members=members.get(row.stay, ()),
                listing=row.listing,
                operator=row.operator or "",
                unit=row.unit or "",
                listing_state=ListingState(row.listing_state or ListingState.ACTIVE),
                shut_ms=shut.get(row.listing),
                max_guests=row.max_guests or 0,
                booking_state=BookingState(row.booking_state or BookingState.CONFIRMED),
                booked_ms=row.received_ms or 0,
                told=told.get(row.stay, ()),
            )
            for row in rows
        )

    def _shut(self, listings: set[str]) -> dict[str, int]:
        """Since when each of these takes nobody new, as its last change of state was written down."""
        found: dict[str, int] = dict.fromkeys(listings, 0)
        for row in ask(self._act, _SHUT, listings=sorted(listings)) if listings else ():
            if row.after in SHUT and row.before not in SHUT:
                found[row.object] = row.at_ms
        return found

    def members(self, stays: Sequence[str]) -> dict[str, tuple[MemberBook, ...]]:
        """Every guest's pass of these stays, as a member."""
        passes = ask(self._act, _PASSES, stays=stays)
        seen = self._moments.of_passes([row.pass_id for row in passes])
        quiet = [row.pass_id for row in passes if row.pass_id not in seen]
        used = {*seen, *self._moments.used(quiet)}
        states = dict(ask(self._act, _PRESENCE, passes=[row.pass_id for row in passes]))
        minors = self._minors({row.person for row in passes})
        held = registered_of(self._act, stays)
        strange = self._elsewhere(passes, seen)
        books: dict[str, list[MemberBook]] = defaultdict(list)
        for row in passes:
            books[row.stay].append(
                self._member(
                    row,
                    seen.get(row.pass_id, Seen()),
                    row.pass_id in used,
                    states.get(row.pass_id, "unknown"),
                    row.person in minors,
                    held.get(row.stay, {}),
                    strange.get(row.pass_id, ()),
                )
            )
        return {stay: tuple(found) for stay, found in books.items()}

    def _elsewhere(self, passes: Sequence[Row], seen: Mapping[str, Seen]) -> dict[str, tuple[Moment, ...]]:
        """Ways in at room doors that are not on the pass and of no room that the order was ever for."""
        strange: dict[str, list[Moment]] = {}
        for row in passes:
            scope = set(scope_of(row.scope))
            entries = seen[row.pass_id].entries if row.pass_id in seen else ()
            found = [one for one in entries if self._places.kinds.get(one.door) == ROOM_DOOR]
            strange[row.pass_id] = [one for one in found if one.door not in scope]
        stays = sorted({row.stay for row in passes if strange[row.pass_id]})
        ever: dict[str, set[str]] = defaultdict(set)
        for stay, doors in ask(self._act, _ROOMS_EVER, stays=stays) if stays else ():
            ever[stay] |= set(scope_of(doors))
        return {
            row.pass_id: tuple(one for one in strange[row.pass_id] if one.door not in ever[row.stay])
            for row in passes
        }

    def _member(
        self,
        row: Row,
        seen: Seen,
        used: bool,
        presence: Any,
        minor: bool,
        held: Mapping[str, Row],
        elsewhere: tuple[Moment, ...],
    ) -> MemberBook:
        registration = held.get(row.person)
        proved = registration is not None and is_proved(self._act, registration)
        refused = seen.refused
        if refused:
            scope = set(scope_of(row.scope))
            refused = [one for one in refused if one.door not in scope]
        return MemberBook(
            pass_id=row.pass_id,
            verified=proved,
            minor=minor,
            entries=tuple(seen.entries),
            used=used,
            presence=presence,
            person=row.person,
            pass_state=PassState(row.state),
            outs=tuple(seen.outs),
            refused=tuple(refused),
            company=tuple(seen.company),
            elsewhere=elsewhere,
            guarded=not minor or registration is None or self._guarded(row.person),
            registration=registration.registration if registration is not None else "",
            reported=RegistrationState(registration.status) if registration is not None else None,
            submitted_ms=registration.submitted_ms if registration is not None else None,
            due_ms=registration.due_ms if registration is not None else 0,
        )

    def _guarded(self, person: str) -> bool:
        """Asks only whether something is sealed there."""
        vault = self._act.house.vault
        return vault.holds(person, "guardian_contact") and vault.holds(person, "relation")

    def _minors(self, persons: set[str]) -> set[str]:
        rows = ask(self._act, _PERSONS, persons=sorted(persons))
        self.documents.update({row.person: row.doc_hash for row in rows})
        return {row.person for row in rows if row.minor}
