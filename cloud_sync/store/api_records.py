"""The records for whoever integrates, page by page: ids, states, counts and moments; no person is in them."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.lifecycles import PROVED
from cloud_sync.ports_api import CaseItem, ListingItem, NodeItem, StayItem
from cloud_sync.store import tables
from cloud_sync.store.engine import reading
from cloud_sync.store.hidden import hidden_subjects, hides


class StoredRecords:
    """``Records`` of ports_api.py: keyset pages, so that what is added meanwhile neither doubles nor hides a row."""

    def __init__(self, engine: sa.Engine, community: str) -> None:
        self._engine = engine
        self._community = community

    def listings(self, *, after: str, most: int) -> Sequence[ListingItem]:
        table = tables.listing
        columns = (table.c.listing, table.c.unit, table.c.operator, table.c.state, table.c.max_guests)
        return [ListingItem(*row) for row in self._page(sa.select(*columns), table.c.listing, after, most)]

    def stays(self, *, after: str, most: int) -> Sequence[StayItem]:
        stay, booking, proof = tables.stay, tables.booking, tables.registration
        its = (booking.c.community == stay.c.community) & (booking.c.booking == stay.c.booking)
        proved = (
            sa.select(sa.func.count(sa.distinct(proof.c.person)))
            .where(
                proof.c.community == stay.c.community,
                proof.c.stay == stay.c.stay,
                proof.c.status.in_(sorted(PROVED)),
            )
            .scalar_subquery()
        )
        query = (
            sa.select(
                stay.c.stay,
                stay.c.listing,
                stay.c.room,
                stay.c.state,
                stay.c.planned_in_ms,
                stay.c.planned_out_ms,
                stay.c.checked_out_ms,
                stay.c.first_entry_ms.is_not(None),
                booking.c.headcount,
                proved,
            )
            .select_from(stay.join(booking, its))
            .where(~hides(self._community, stay.c.stay))
        )
        return [_stay(row) for row in self._page(query, stay.c.stay, after, most)]

    def cases(self, *, after: str, most: int) -> Sequence[CaseItem]:
        table = tables.case_
        with reading(self._engine).connect() as db:
            hidden = hidden_subjects(db, self._community)
        query = sa.select(
            table.c.id,
            table.c.family,
            table.c.kind,
            table.c.severity,
            table.c.state,
            table.c.owner_role,
            table.c.opened_ms,
            table.c.last_seen_ms,
            table.c.count,
            table.c.node,
            table.c.access_point,
        ).where(table.c.subject.not_in(sorted(hidden)))
        return [CaseItem(*row) for row in self._page(query, table.c.id, after, most)]

    def nodes(self, *, after: str, most: int) -> Sequence[NodeItem]:
        node, state, door = tables.node, tables.node_state, tables.access_point
        its = (state.c.community == node.c.community) & (state.c.node == node.c.node)
        doors = (
            sa.select(sa.func.count())
            .where(door.c.community == node.c.community, door.c.node == node.c.node)
            .scalar_subquery()
        )
        query = sa.select(
            node.c.node,
            sa.func.coalesce(state.c.online, "no") == "yes",
            sa.func.coalesce(state.c.head, 0),
            sa.func.coalesce(state.c.acked, 0),
            sa.func.coalesce(state.c.drained_through_ms, 0),
            sa.func.coalesce(state.c.clock_state, ""),
            sa.func.coalesce(state.c.software, ""),
            doors,
        ).select_from(node.outerjoin(state, its))
        rows = self._page(query, node.c.node, after, most)
        return [NodeItem(row[0], bool(row[1]), *row[2:]) for row in rows]

    def _page(self, query: sa.Select[Any], key: sa.Column[Any], after: str, most: int) -> Sequence[Any]:
        table = key.table
        found = query.where(table.c.community == self._community, key > after).order_by(key).limit(most)
        with reading(self._engine).connect() as db:
            return db.execute(found).all()


def _stay(row: Sequence[Any]) -> StayItem:
    values = (*row[:7], bool(row[7]), *row[8:])
    return StayItem(*values)
