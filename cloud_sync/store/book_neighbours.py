"""What lies beside a stay: others in its listing, other stays of its guests, and subjects that are no stays."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.books import (
    ListedStay,
    ListingBook,
    MemberBook,
    PersonBook,
    StayBook,
    StayOfPerson,
    TopicBook,
)
from cloud_sync.core.lifecycles import ListingState, StayState
from cloud_sync.core.listing_access import access_by_listing_state
from cloud_sync.store import tables
from cloud_sync.store.asking import ask, many, mine
from cloud_sync.store.book_stays import StayLoader, is_proved, told_about
from cloud_sync.store.house import Act
from cloud_sync.store.tables_model import capacity_exception, room_file

NO_CODE = frozenset(
    state
    for state in ListingState
    if (access := access_by_listing_state(state)).bookings == "flagged" and access.in_house == "exit_only"
)
HAS_CODE = frozenset(
    {ListingState.ACTIVE, ListingState.LAPSED, ListingState.SUSPENDED, ListingState.WITHDRAWING}
)
AWAY = frozenset(
    {StayState.CANCELLED_BEFORE, StayState.NO_SHOW}
)  # these sleep nowhere; who has left did sleep here


_STAY, _PERSON, _MEMBER, _LISTING = tables.stay, tables.person, tables.stay_member, tables.listing
_BOOKING, _ROOM_FILE = tables.booking, room_file
_NEAR = (
    sa.select(
        _STAY.c.stay,
        _STAY.c.listing,
        _STAY.c.planned_in_ms,
        _STAY.c.planned_out_ms,
        _STAY.c.state,
        _BOOKING.c.headcount,
        _ROOM_FILE.c.max_guests,
    )
    .select_from(
        _STAY.outerjoin(
            _BOOKING, (_BOOKING.c.community == _STAY.c.community) & (_BOOKING.c.booking == _STAY.c.booking)
        ).outerjoin(
            _ROOM_FILE, (_ROOM_FILE.c.community == _STAY.c.community) & (_ROOM_FILE.c.room == _STAY.c.room)
        )
    )
    .where(
        mine(_STAY),
        _STAY.c.listing.in_(many("listings")),
        _STAY.c.planned_out_ms > sa.bindparam("since"),
        _STAY.c.planned_in_ms < sa.bindparam("until"),
    )
)
_APPROVED = sa.select(
    capacity_exception.c.listing, capacity_exception.c.until_ms, capacity_exception.c.extra
).where(mine(capacity_exception), capacity_exception.c.listing.in_(many("listings")))
_STAYS_OF = (
    sa.select(
        _PERSON.c.person,
        _PERSON.c.doc_hash,
        _STAY.c.stay,
        _STAY.c.planned_in_ms,
        _STAY.c.planned_out_ms,
        _STAY.c.checked_out_ms,
    )
    .select_from(
        _PERSON.join(
            _MEMBER, (_MEMBER.c.community == _PERSON.c.community) & (_MEMBER.c.person == _PERSON.c.person)
        ).join(_STAY, (_STAY.c.community == _MEMBER.c.community) & (_STAY.c.stay == _MEMBER.c.stay))
    )
    .where(mine(_PERSON), _PERSON.c.doc_hash.in_(many("documents")))
    .order_by(_PERSON.c.person, _STAY.c.stay)
)
_TOPICS = sa.select(_LISTING.c.listing, _LISTING.c.unit, _LISTING.c.state).where(
    mine(_LISTING), _LISTING.c.unit.in_(many("units")) | _LISTING.c.listing.in_(many("listings"))
)
_ENTERED = sa.select(_STAY.c.listing, _STAY.c.stay).where(
    mine(_STAY), _STAY.c.listing.in_(many("listings")), _STAY.c.first_entry_ms > sa.bindparam("since")
)


class NeighbourLoader:
    """Reads within one transaction."""

    def __init__(self, act: Act, stays: StayLoader) -> None:
        self._act = act
        self._stays = stays

    def listings(self, stays: Sequence[StayBook], *, spread: bool) -> tuple[ListingBook, ...]:
        """Each listing with the stays that overlap these; ``spread``: those among them that come later are judged too."""
        asked: dict[str, list[StayBook]] = defaultdict(list)
        for stay in stays:
            asked[stay.listing].append(stay)
        near = self._near({listing: _span(held) for listing, held in asked.items()})
        registered = self._stays.registered_of(row.stay for rows in near.values() for row in rows)
        approved = self._approved(list(asked))
        books = []
        for listing, held in asked.items():
            judged = {stay.stay for stay in held}
            if spread:  # an earlier stay is not changed by one that comes after it
                since_ms = _span(held)[0]
                judged |= {row.stay for row in near[listing] if row.planned_in_ms >= since_ms}
            listed = tuple(
                self._listed(row, registered.get(row.stay, {}), approved[listing]) for row in near[listing]
            )
            books.append(ListingBook(listing, held[0].max_guests, listed, frozenset(judged)))
        return tuple(books)

    def _near(self, spans: dict[str, tuple[int, int]]) -> dict[str, list[Any]]:
        """Stays of each listing that overlap its span."""
        found: dict[str, list[Any]] = {listing: [] for listing in spans}
        since_ms, until_ms = min(one for one, _ in spans.values()), max(one for _, one in spans.values())
        for row in ask(self._act, _NEAR, listings=sorted(spans), since=since_ms, until=until_ms):
            begin_ms, end_ms = spans[row.listing]
            if row.planned_out_ms > begin_ms and row.planned_in_ms < end_ms:
                found[row.listing].append(row)
        return found

    def _listed(
        self, row: Any, registered: Mapping[str, Any], approved: Sequence[tuple[int, int]]
    ) -> ListedStay:
        proved = sum(is_proved(self._act, one) for one in registered.values())
        counts = StayState(row.state) not in AWAY
        headcount, most = row.headcount or 0, row.max_guests or 0
        extra = max((n for until_ms, n in approved if until_ms >= row.planned_out_ms), default=0)
        return ListedStay(
            row.stay, row.planned_in_ms, row.planned_out_ms, proved, counts, headcount, most, extra
        )

    def _approved(self, listings: Sequence[str]) -> dict[str, list[tuple[int, int]]]:
        """By listing: until when how many more people than it takes were approved."""
        found: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for row in ask(self._act, _APPROVED, listings=sorted(listings)):
            found[row.listing].append((row.until_ms, row.extra))
        return found

    def persons(self, stays: Sequence[StayBook]) -> tuple[PersonBook, ...]:
        """Everybody of these stays, each with every stay in which the same document was seen."""
        members = {member.person for stay in stays for member in stay.members if member.person}
        documents = {one for person in members if (one := self._stays.documents.get(person)) is not None}
        planned: dict[str, list[Any]] = defaultdict(list)
        for row in ask(self._act, _STAYS_OF, documents=sorted(documents)):
            planned[row.doc_hash].append(row)
        shared = {row.stay for rows in planned.values() if len({r.stay for r in rows}) > 1 for row in rows}
        held = {(stay.stay, m.person): m for stay in stays for m in stay.members}
        others = sorted(shared - {stay.stay for stay in stays})
        for stay_id, found in (self._stays.members(others) if others else {}).items():
            held.update({(stay_id, m.person): m for m in found})
        books = []
        for rows in planned.values():
            seen = [
                _stay_of_person(row, member)
                for row in rows
                if (member := held.get((row.stay, row.person))) is not None and member.entries
            ]
            books.append(PersonBook(min(row.person for row in rows), tuple(seen)))
        return tuple(books)

    def topics(self, subjects: Sequence[str]) -> tuple[TopicBook, ...]:
        """What is known of subjects that are no stays."""
        if not subjects:
            return ()
        told = told_about(self._act, subjects)
        rows = ask(self._act, _TOPICS, units=subjects, listings=subjects)
        listings = {row.listing for row in rows}
        coded = {row.unit for row in rows if row.state in HAS_CODE}
        entered = self._entered([row.listing for row in rows if row.state in NO_CODE])
        units: dict[str, list[str]] = defaultdict(list)
        for row in rows:
            units[row.unit] += entered.get(row.listing, [])
        return tuple(
            TopicBook(
                subject,
                told.get(subject, ()),
                listing=subject in listings,
                coded=subject in coded,
                uncoded_entries=tuple(sorted(units.get(subject, ()))),
            )
            for subject in subjects
        )

    def _entered(self, listings: Sequence[str]) -> dict[str, list[str]]:
        """Stays in which somebody went in, of listings that have no code."""
        if not listings:
            return {}
        since_ms = self._act.now_ms - self._act.house.profile.rules.visit_days_ms
        found: dict[str, list[str]] = defaultdict(list)
        for listing, stay in ask(self._act, _ENTERED, listings=listings, since=since_ms):
            found[listing].append(stay)
        return found


def _span(stays: Sequence[Any]) -> tuple[int, int]:
    return min(one.planned_in_ms for one in stays), max(one.planned_out_ms for one in stays)


def _stay_of_person(row: Any, member: MemberBook) -> StayOfPerson:
    """Inside from the first way in until the last was seen going, or until the end of the stay."""
    last = [*member.entries[-1:], *member.outs[-1:]]
    if member.presence == "out":
        until_ms = max(one.until_ms for one in last)
    else:
        until_ms = row.checked_out_ms or row.planned_out_ms
    refs = tuple(one.ref for one in (member.entries[0], *last))
    return StayOfPerson(row.stay, row.planned_in_ms, member.entries[0].since_ms, until_ms, refs)
