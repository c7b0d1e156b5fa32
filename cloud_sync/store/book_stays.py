"""Stays as reconciliation reads them: orders, registrations, passes and what the doors told, for many stays at once."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.books import MemberBook, Moment, StayBook
from cloud_sync.core.evidence import Body, Evidence, body_of
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
from cloud_sync.store.asking import ask, ask_all, ask_set, many, mine
from cloud_sync.store.book_moments import Moments, Seen
from cloud_sync.store.house import Act
from cloud_sync.store.places import scope_of
from cloud_sync.store.tables_booking import booking_revision
from cloud_sync.store.tables_rules import evidence

ROOM_DOOR = "room"
GATES = ("gate", "garage")  # the edge of the community
BODIES_MAX = 20_000  # some two hundred bytes each
Row = Any  # of a query with many columns; each is named where it is read
SHUT = frozenset(state for state in ListingState if not access_by_listing_state(state).new_passes)
_PURGED = RegistrationState.PURGED  # what was proved before its time was over stays proved


_TOLD = (
    sa.select(evidence)
    .where(mine(evidence), evidence.c.subject.in_(many("subjects")))
    .order_by(evidence.c.subject, evidence.c.since_ms, evidence.c.type, evidence.c.key)
)
_REGISTRATIONS = sa.select(tables.registration).where(
    mine(tables.registration), tables.registration.c.stay.in_(many("stays"))
)
_POINT = tables.access_point
_ALL_POINTS = sa.select(_POINT.c.access_point).where(mine(_POINT))
_POINTS = sa.select(_POINT.c.access_point, _POINT.c.node, _POINT.c.kind).where(
    mine(_POINT), _POINT.c.access_point.in_(many("doors"))
)
_POINTS_OF = sa.select(_POINT.c.access_point, _POINT.c.node).where(
    mine(_POINT), _POINT.c.node.in_(many("nodes"))
)
_GATES = _ALL_POINTS.where(_POINT.c.kind.in_(GATES))
_SHUT = (
    sa.select(tables.audit.c.object, tables.audit.c.at_ms, tables.audit.c.before, tables.audit.c.after)
    .where(
        mine(tables.audit),
        tables.audit.c.object.in_(many("listings")),
        tables.audit.c.action.like("listing.%"),
    )
    .order_by(tables.audit.c.n)
)


def _passes_query() -> sa.Select[Any]:
    """Each guest's pass with where its person is, and who that is."""
    held, presence, person = tables.pass_, tables.presence, tables.person
    joined = held.outerjoin(
        presence, (presence.c.community == held.c.community) & (presence.c.pass_id == held.c.pass_id)
    ).outerjoin(person, (person.c.community == held.c.community) & (person.c.person == held.c.person))
    columns = (
        held.c.pass_id,
        held.c.stay,
        held.c.person,
        held.c.state,
        held.c.scope,
        presence.c.state.label("presence"),
        person.c.person.label("known"),
        person.c.minor,
        person.c.doc_hash,
    )
    # In no order: asked for one, SQLite reads all passes there are in theirs.
    return sa.select(*columns).select_from(joined).where(mine(held), held.c.stay.in_(many("stays")))


_PASSES = _passes_query()


def _stays_query() -> sa.Select[Any]:
    stay, listing, booking, room = tables.stay, tables.listing, tables.booking, tables.room
    joined = (
        stay.outerjoin(
            listing, (listing.c.community == stay.c.community) & (listing.c.listing == stay.c.listing)
        )
        .outerjoin(booking, (booking.c.community == stay.c.community) & (booking.c.booking == stay.c.booking))
        .outerjoin(room, (room.c.community == stay.c.community) & (room.c.room == stay.c.room))
    )
    columns = (
        room.c.access_points,
        stay,
        listing.c.state.label("listing_state"),
        listing.c.max_guests,
        listing.c.operator,
        listing.c.unit,
        booking.c.state.label("booking_state"),
        booking.c.received_ms,
        booking.c.headcount,
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
        body = _body(row.type, row.body)
        found[row.subject].append(Evidence(row.subject, row.key, row.since_ms, row.ended_ms, body))
    return {subject: tuple(told) for subject, told in found.items()}


@lru_cache(BODIES_MAX)
def _body(type_: str, text: str) -> Body:
    """A body never changes, and a stay is judged again whenever a door opens for it."""
    return body_of(type_, json.loads(text))


class Places:
    """Doors: whose they are, and of what kind; those that are asked for, for a community has thousands."""

    def __init__(self, act: Act) -> None:
        self._act = act
        self._known: dict[
            str, tuple[str, str] | None
        ] = {}  # door → node and kind, or that there is no such door

    def learn(self, doors: Iterable[str]) -> None:
        """Read these in one question."""
        new = sorted(set(doors) - self._known.keys())
        if not new:
            return
        self._known.update(dict.fromkeys(new))
        for row in ask(self._act, _POINTS, doors=new):
            self._known[row.access_point] = (row.node, row.kind)

    def doors_of(self, nodes: Sequence[str]) -> dict[str, set[str]]:
        """The doors of each of these, in one question."""
        found: dict[str, set[str]] = {node: set() for node in nodes}
        for row in ask(self._act, _POINTS_OF, nodes=nodes) if nodes else ():
            found[row.node].add(row.access_point)
        return found

    def everywhere(self) -> list[str]:
        """Every door there is, by name."""
        return sorted(ask_set(self._act, _ALL_POINTS))

    def gates(self) -> frozenset[str]:
        return frozenset(ask_set(self._act, _GATES))

    def ways(self, ways: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """The nodes of the doors on each way, as a room has it written down."""
        doors = {way: scope_of(way) for way in ways}
        self.learn(door for way in doors.values() for door in way)
        return {
            way: tuple(sorted({held[0] for one in named if (held := self._known[one]) is not None}))
            for way, named in doors.items()
        }

    def rooms(self, doors: Iterable[str]) -> frozenset[str]:
        """The doors of rooms among these."""
        asked = set(doors)
        self.learn(asked)
        return frozenset(
            one for one in asked if (held := self._known[one]) is not None and held[1] == ROOM_DOOR
        )


def registered_of(act: Act, stays: Iterable[str]) -> dict[str, dict[str, Row]]:
    """Stay → person → the registration that says most: a proved one before any other."""
    asked = sorted(stays)
    return _most_said(act, asked, ask(act, _REGISTRATIONS, stays=asked))


def _most_said(act: Act, stays: Iterable[str], registrations: Iterable[Row]) -> dict[str, dict[str, Row]]:
    found: dict[str, dict[str, Row]] = {stay: {} for stay in stays}
    for row in registrations:
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
        self._registered: dict[str, dict[str, Row]] = {}

    def stays(self, stays: Sequence[str]) -> tuple[StayBook, ...]:
        """The books of these stays, whole."""
        of = {"stays": stays}
        rows, passes, registrations = ask_all(self._act, (_STAYS, of), (_PASSES, of), (_REGISTRATIONS, of))
        self._registered.update(_most_said(self._act, stays, registrations))
        members = self._members(passes, self._registered)
        ways = self._places.ways({row.access_points for row in rows} - {None})
        shut = self._shut({row.listing for row in rows if row.listing_state in SHUT})
        told = self.told = told_about(self._act, {*stays, *(row.unit for row in rows if row.unit)})
        return tuple(
            StayBook(
                stay=row.stay,
                state=StayState(row.state),
                planned_in_ms=row.planned_in_ms,
                planned_out_ms=row.planned_out_ms,
                checked_out_ms=row.checked_out_ms,
                nodes=ways.get(row.access_points, ()),
                members=members.get(row.stay, ()),
                listing=row.listing,
                operator=row.operator or "",
                unit=row.unit or "",
                listing_state=ListingState(row.listing_state or ListingState.ACTIVE),
                shut_ms=shut.get(row.listing),
                max_guests=row.max_guests or 0,
                booking_state=BookingState(row.booking_state or BookingState.CONFIRMED),
                booked_ms=row.received_ms or 0,
                headcount=row.headcount or 0,
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
        of = {"stays": stays}
        passes, registrations = ask_all(self._act, (_PASSES, of), (_REGISTRATIONS, of))
        return self._members(passes, _most_said(self._act, stays, registrations))

    def registered_of(self, stays: Iterable[str]) -> Mapping[str, Mapping[str, Row]]:
        """As the function of that name, asking only of those that were not asked of before."""
        new = sorted(set(stays) - self._registered.keys())
        if new:
            self._registered.update(registered_of(self._act, new))
        return self._registered

    def _members(
        self, passes: Sequence[Row], held: Mapping[str, Mapping[str, Row]]
    ) -> dict[str, tuple[MemberBook, ...]]:
        passes = sorted(passes, key=lambda row: str(row.pass_id))
        seen = self._moments.of_passes([row.pass_id for row in passes])
        quiet = [row.pass_id for row in passes if row.pass_id not in seen]
        used = {*seen, *self._moments.used(quiet)}
        self.documents.update({row.known: row.doc_hash for row in passes if row.known})
        strange = self._elsewhere(passes, seen)
        books: dict[str, list[MemberBook]] = defaultdict(list)
        for row in passes:
            books[row.stay].append(
                self._member(
                    row,
                    seen.get(row.pass_id, Seen()),
                    row.pass_id in used,
                    row.presence or "unknown",
                    bool(row.minor),
                    held.get(row.stay, {}),
                    strange.get(row.pass_id, ()),
                )
            )
        return {stay: tuple(found) for stay, found in books.items()}

    def _elsewhere(self, passes: Sequence[Row], seen: Mapping[str, Seen]) -> dict[str, tuple[Moment, ...]]:
        """Ways in at room doors that are not on the pass and of no room that the order was ever for."""
        strange: dict[str, list[Moment]] = {}
        rooms = self._places.rooms({one.door for held in seen.values() for one in held.entries})
        for row in passes:
            scope = set(scope_of(row.scope))
            entries = seen[row.pass_id].entries if row.pass_id in seen else ()
            found = [one for one in entries if one.door in rooms]
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
