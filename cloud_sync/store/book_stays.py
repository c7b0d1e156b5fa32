"""Stays as reconciliation reads them: orders, registrations, passes and what the doors told, for many stays at once."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.books import MemberBook, StayBook
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
from cloud_sync.store.book_moments import Moments, Seen
from cloud_sync.store.house import Act
from cloud_sync.store.places import scope_of
from cloud_sync.store.tables_rules import evidence

Row = Any  # of a query with many columns; each is named where it is read
SHUT = frozenset(state for state in ListingState if not access_by_listing_state(state).new_passes)
_PURGED = RegistrationState.PURGED  # what was proved before its time was over stays proved


def told_about(act: Act, subjects: Iterable[str]) -> dict[str, tuple[Evidence, ...]]:
    """What people and other programs told about these subjects."""
    found: dict[str, list[Evidence]] = defaultdict(list)
    query = (
        sa.select(evidence)
        .where(evidence.c.community == act.house.community, evidence.c.subject.in_(sorted(subjects)))
        .order_by(evidence.c.subject, evidence.c.since_ms, evidence.c.type, evidence.c.key)
    )
    for row in act.connection.execute(query):
        body = body_of(row.type, json.loads(row.body))
        found[row.subject].append(Evidence(row.subject, row.key, row.since_ms, row.ended_ms, body))
    return {subject: tuple(told) for subject, told in found.items()}


def ways_of(act: Act, rooms: set[str]) -> dict[str, tuple[str, ...]]:
    """The nodes whose doors are on the way to each room."""
    point, room = tables.access_point, tables.room
    owner = dict(_all(act, sa.select(point.c.access_point, point.c.node), point))
    found = _all(act, sa.select(room.c.room, room.c.access_points).where(room.c.room.in_(rooms)), room)
    return {
        name: tuple(sorted({owner[door] for door in scope_of(doors) if door in owner}))
        for name, doors in found
    }


def registered_of(act: Act, stays: Iterable[str]) -> dict[str, dict[str, Row]]:
    """Stay → person → the registration that says most: a proved one before any other."""
    table = tables.registration
    found: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in _all(act, sa.select(table).where(table.c.stay.in_(stays)), table):
        held = found[row.stay].get(row.person)
        if held is None or is_proved(act, row) or not is_proved(act, held):
            found[row.stay][row.person] = row
    return found


def is_proved(act: Act, row: Row) -> bool:
    status = row.status in PROVED or (row.status == _PURGED and row.verified_ms is not None)
    return status and row.proofing >= act.house.profile.proofing_min


def _all(act: Act, query: sa.Select[Any], table: sa.Table) -> Sequence[Row]:
    return act.connection.execute(query.where(table.c.community == act.house.community)).all()


class StayLoader:
    """Reads within one transaction."""

    def __init__(self, act: Act) -> None:
        self._act = act
        self._moments = Moments(act)

    def stays(self, stays: Sequence[str]) -> tuple[StayBook, ...]:
        """The books of these stays, whole."""
        rows = self._rows(stays)
        members = self.members(stays)
        ways = ways_of(self._act, {row.room for row in rows})
        shut = self._shut({row.listing for row in rows if row.listing_state in SHUT})
        told = told_about(self._act, stays)
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

    def _rows(self, stays: Sequence[str]) -> Sequence[Row]:
        stay, listing, booking = tables.stay, tables.listing, tables.booking
        joined = stay.outerjoin(
            listing, (listing.c.community == stay.c.community) & (listing.c.listing == stay.c.listing)
        ).outerjoin(
            booking, (booking.c.community == stay.c.community) & (booking.c.booking == stay.c.booking)
        )
        columns = (
            stay,
            listing.c.state.label("listing_state"),
            listing.c.max_guests,
            listing.c.operator,
            listing.c.unit,
            booking.c.state.label("booking_state"),
            booking.c.received_ms,
        )
        return _all(self._act, sa.select(*columns).select_from(joined).where(stay.c.stay.in_(stays)), stay)

    def _shut(self, listings: set[str]) -> dict[str, int]:
        """Since when each of these takes nobody new, as its last change of state was written down."""
        audit = tables.audit
        found: dict[str, int] = dict.fromkeys(listings, 0)
        query = sa.select(audit.c.object, audit.c.at_ms, audit.c.before, audit.c.after).where(
            audit.c.object.in_(sorted(listings)), audit.c.action.like("listing.%")
        )
        for row in _all(self._act, query.order_by(audit.c.n), audit):
            if row.after in SHUT and row.before not in SHUT:
                found[row.object] = row.at_ms
        return found

    def members(self, stays: Sequence[str]) -> dict[str, tuple[MemberBook, ...]]:
        """Every guest's pass of these stays, as a member."""
        table = tables.pass_
        columns = (table.c.pass_id, table.c.stay, table.c.person, table.c.state, table.c.scope)
        query = sa.select(*columns).where(table.c.stay.in_(stays)).order_by(table.c.pass_id)
        passes = _all(self._act, query, table)
        seen = self._moments.of_passes([row.pass_id for row in passes])
        quiet = [row.pass_id for row in passes if row.pass_id not in seen]
        used = {*seen, *self._moments.used(quiet)}
        states = self._presence([row.pass_id for row in passes])
        minors = self._minors({row.person for row in passes})
        held = registered_of(self._act, stays)
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
                )
            )
        return {stay: tuple(found) for stay, found in books.items()}

    def _member(
        self, row: Row, seen: Seen, used: bool, presence: Any, minor: bool, held: Mapping[str, Row]
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

    def _presence(self, passes: Sequence[str]) -> dict[str, Any]:
        table = tables.presence
        query = sa.select(table.c.pass_id, table.c.state).where(table.c.pass_id.in_(passes))
        return dict(_all(self._act, query, table))

    def _minors(self, persons: set[str]) -> set[str]:
        table = tables.person
        query = sa.select(table.c.person).where(table.c.person.in_(persons), table.c.minor == 1)
        return {row.person for row in _all(self._act, query, table)}
