"""Which building a door belongs to: the one in which every room is whose way in leads through it."""

import json
from collections.abc import Mapping

import sqlalchemy as sa

from cloud_sync.store.engine import reading
from cloud_sync.store.tables import listing, room
from cloud_sync.store.tables_model import unit


class StoredPlan:
    """``PlanReader`` on the service's database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = reading(engine)

    def buildings(self, community: str) -> Mapping[str, str]:
        """Access point → the one building all rooms behind it are in; a door that leads to several is not there."""
        query = (
            sa.select(room.c.access_points, unit.c.building)
            .select_from(
                room.join(
                    listing, (listing.c.community == room.c.community) & (listing.c.listing == room.c.listing)
                ).join(unit, (unit.c.community == listing.c.community) & (unit.c.unit == listing.c.unit))
            )
            .where(room.c.community == community, unit.c.building != "")
        )
        found: dict[str, set[str]] = {}
        with self._engine.connect() as db:
            for way_in, building in db.execute(query):
                for door in json.loads(way_in):
                    found.setdefault(door, set()).add(building)
        return {door: one for door, buildings in found.items() if len(buildings) == 1 for one in buildings}
