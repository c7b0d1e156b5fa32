"""What lies beside a stay: others in its listing, other stays of its guests, and subjects that are no stays."""

from collections import defaultdict
from collections.abc import Sequence
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
from cloud_sync.store.book_stays import StayLoader, is_proved, registered_of, told_about
from cloud_sync.store.house import Act

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


class NeighbourLoader:
    """Reads within one transaction."""

    def __init__(self, act: Act, stays: StayLoader) -> None:
        self._act = act
        self._stays = stays

    def listings(self, stays: Sequence[StayBook], *, spread: bool) -> tuple[ListingBook, ...]:
        """Each listing with the stays that overlap these; ``spread``: the later ones among them are judged too."""
        asked: dict[str, list[StayBook]] = defaultdict(list)
        for stay in stays:
            asked[stay.listing].append(stay)
        near = self._near({listing: _span(held) for listing, held in asked.items()})
        if spread:
            wide = {listing: _span([*asked[listing], *near[listing]]) for listing in asked}
            wider = self._near(wide)
        else:
            wider = near
        found = {row.stay for rows in wider.values() for row in rows}
        registered = registered_of(self._act, sorted(found))
        books = []
        for listing, held in asked.items():
            judged = {stay.stay for stay in held}
            if spread:
                judged |= {row.stay for row in near[listing]}
            listed = tuple(self._listed(row, registered.get(row.stay, {})) for row in wider[listing])
            books.append(ListingBook(listing, held[0].max_guests, listed, frozenset(judged)))
        return tuple(books)

    def _near(self, spans: dict[str, tuple[int, int]]) -> dict[str, list[Any]]:
        """Stays of each listing that overlap its span."""
        table = tables.stay
        found: dict[str, list[Any]] = {listing: [] for listing in spans}
        if not spans:
            return found
        query = sa.select(
            table.c.stay, table.c.listing, table.c.planned_in_ms, table.c.planned_out_ms, table.c.state
        ).where(
            table.c.community == self._act.house.community,
            table.c.listing.in_(sorted(spans)),
            table.c.planned_out_ms > min(since for since, _ in spans.values()),
            table.c.planned_in_ms < max(until for _, until in spans.values()),
        )
        for row in self._act.connection.execute(query):
            since_ms, until_ms = spans[row.listing]
            if row.planned_out_ms > since_ms and row.planned_in_ms < until_ms:
                found[row.listing].append(row)
        return found

    def _listed(self, row: Any, registered: dict[str, Any]) -> ListedStay:
        proved = sum(is_proved(self._act, one) for one in registered.values())
        counts = StayState(row.state) not in AWAY
        return ListedStay(row.stay, row.planned_in_ms, row.planned_out_ms, proved, counts)

    def persons(self, stays: Sequence[StayBook]) -> tuple[PersonBook, ...]:
        """Everybody of these stays, each with every stay in which somebody with the same document was seen."""
        members = {member.person for stay in stays for member in stay.members if member.person}
        groups = self._same_document(members)
        planned = self._stays_of({person for group in groups for person in group})
        shared = [group for group in groups if len({s.stay for p in group for s in planned[p]}) > 1]
        others = sorted({row.stay for group in shared for person in group for row in planned[person]})
        passes = self._stays.members(others) if others else {}
        held = {(stay, m.person): m for stay, found in passes.items() for m in found}
        books = []
        for group in groups:
            seen = []
            for person in group:
                for row in planned[person]:
                    member = held.get((row.stay, person))
                    if member is not None and member.entries:
                        seen.append(_stay_of_person(row, member))
            books.append(PersonBook(group[0], tuple(seen)))
        return tuple(books)

    def _same_document(self, persons: set[str]) -> list[list[str]]:
        """Persons in groups of one document; whoever has none stands alone."""
        table = tables.person
        mine = sa.select(table.c.doc_hash).where(
            table.c.community == self._act.house.community, table.c.person.in_(persons)
        )
        hashes = {one for one in self._act.connection.execute(mine).scalars() if one is not None}
        query = sa.select(table.c.person, table.c.doc_hash).where(
            table.c.community == self._act.house.community, table.c.doc_hash.in_(hashes)
        )
        groups: dict[str, list[str]] = defaultdict(list)
        for person, doc_hash in self._act.connection.execute(query.order_by(table.c.person)):
            groups[doc_hash].append(person)
        grouped = {person for group in groups.values() for person in group}
        return [*groups.values(), *([person] for person in sorted(persons - grouped))]

    def _stays_of(self, persons: set[str]) -> dict[str, list[Any]]:
        member, stay = tables.stay_member, tables.stay
        joined = member.join(stay, (stay.c.community == member.c.community) & (stay.c.stay == member.c.stay))
        query = (
            sa.select(
                member.c.person,
                stay.c.stay,
                stay.c.planned_in_ms,
                stay.c.planned_out_ms,
                stay.c.checked_out_ms,
            )
            .select_from(joined)
            .where(member.c.community == self._act.house.community, member.c.person.in_(persons))
        )
        found: dict[str, list[Any]] = defaultdict(list)
        for row in self._act.connection.execute(query):
            found[row.person].append(row)
        return found

    def topics(self, subjects: Sequence[str]) -> tuple[TopicBook, ...]:
        """What is known of subjects that are no stays."""
        if not subjects:
            return ()
        told = told_about(self._act, subjects)
        table = tables.listing
        query = sa.select(table.c.listing, table.c.unit, table.c.state).where(
            table.c.community == self._act.house.community,
            table.c.unit.in_(subjects) | table.c.listing.in_(subjects),
        )
        rows = self._act.connection.execute(query).all()
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
        table = tables.stay
        since_ms = self._act.now_ms - self._act.house.profile.rules.visit_days_ms
        query = sa.select(table.c.listing, table.c.stay).where(
            table.c.community == self._act.house.community,
            table.c.listing.in_(listings),
            table.c.first_entry_ms > since_ms,
        )
        found: dict[str, list[str]] = defaultdict(list)
        for listing, stay in self._act.connection.execute(query):
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
