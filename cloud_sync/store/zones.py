"""Zones: which doors are meant when somebody says a fire section, a building, or the whole site."""

import re
from collections.abc import Sequence

import sqlalchemy as sa

from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_zones import ZoneView
from cloud_sync.protocol.zones import SITE
from cloud_sync.store import tables
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting

STAFF_ROLE = "staff"
KINDS = ("fire", "building", "other")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,58}")
SITE_NAMES = ("整个园区", "The whole site")


class SqlZones:
    """``ZoneBook`` of ports_zones.py, and the hand that keeps it."""

    def __init__(self, house: House) -> None:
        self._house = house

    def put(
        self, zone: str, *, kind: str, name_zh: str, name_en: str, doors: Sequence[str], actor: str
    ) -> list[str]:
        """Make a zone, or say anew what it is; returns the nodes whose join files have to be fetched again.

        Raises:
            Refused: its name or kind cannot be, or it has no doors.
            NotFound: a door nobody knows.
        """
        if not NAME.fullmatch(zone) or zone == SITE:
            raise Refused("zone", f"{zone!r} cannot be a zone: letters, digits, . _ - and not {SITE}.")
        if kind not in KINDS:
            raise Refused("zone", f"a zone cannot be {kind!r}; it is one of {', '.join(KINDS)}.")
        if not doors:
            raise Refused("zone", "a zone has at least one door.")
        with acting(self._house, actor, STAFF_ROLE) as act:
            before = _nodes(act, _doors(act, zone))
            for door in doors:
                if act.row(tables.access_point, access_point=door) is None:
                    raise NotFound(f"there is no access point {door}.")
            _clear(act, zone)
            act.insert(tables.zone, zone=zone, kind=kind, name_zh=name_zh, name_en=name_en)
            for door in sorted(set(doors)):
                act.insert(tables.zone_door, zone=zone, access_point=door)
            act.note("zone.put", zone, None, " ".join(sorted(set(doors))))
            return sorted(before | _nodes(act, doors))

    def remove(self, zone: str, *, actor: str) -> list[str]:
        """Returns the nodes whose join files still name it.

        Raises:
            NotFound: there is none.
        """
        with acting(self._house, actor, STAFF_ROLE) as act:
            if act.row(tables.zone, zone=zone) is None:
                raise NotFound(f"there is no zone {zone}.")
            nodes = _nodes(act, _doors(act, zone))
            _clear(act, zone)
            act.note("zone.remove", zone)
            return sorted(nodes)

    def all(self) -> list[ZoneView]:
        """``site`` first: every door."""
        with reading(self._house.engine).begin() as db:
            act = Act(self._house, db, self._house.clock.now_ms(), "", "")
            doors = tuple(sorted(str(row.access_point) for row in act.rows(tables.access_point)))
            named = sorted(act.rows(tables.zone), key=lambda row: str(row.zone))
            views = [
                ZoneView(row.zone, row.kind, row.name_zh, row.name_en, tuple(_doors(act, row.zone)))
                for row in named
            ]
        return [ZoneView(SITE, SITE, *SITE_NAMES, doors), *views]

    def get(self, zone: str) -> ZoneView:
        for view in self.all():
            if view.zone == zone:
                return view
        raise NotFound(f"there is no zone {zone}.")

    def of_node(self, node: str) -> dict[str, list[str]]:
        """Door -> its zones, for the node's join file."""
        with reading(self._house.engine).begin() as db:
            act = Act(self._house, db, self._house.clock.now_ms(), "", "")
            return {
                str(row.access_point): [
                    SITE,
                    *sorted(
                        str(one.zone)
                        for one in act.rows(tables.zone_door, access_point=str(row.access_point))
                    ),
                ]
                for row in act.rows(tables.access_point, node=node)
            }


def doors_now(act: Act, zone: str) -> list[str]:
    """The doors of a zone as this act sees them.

    Raises:
        NotFound: there is no such zone, or it has no doors any more.
    """
    if zone == SITE:
        doors = sorted(str(row.access_point) for row in act.rows(tables.access_point))
    else:
        doors = _doors(act, zone)
    if not doors:
        raise NotFound(f"there is no zone {zone} with doors.")
    return doors


def _doors(act: Act, zone: str) -> list[str]:
    return sorted(str(row.access_point) for row in act.rows(tables.zone_door, zone=zone))


def _nodes(act: Act, doors: Sequence[str]) -> set[str]:
    found = (act.row(tables.access_point, access_point=door) for door in doors)
    return {str(row.node) for row in found if row is not None}


def _clear(act: Act, zone: str) -> None:
    for table in (tables.zone, tables.zone_door):
        mine = (table.c.community == act.house.community, table.c.zone == zone)
        act.connection.execute(sa.delete(table).where(*mine))
