"""Files about dwellings: grids, the register of units with the day each was last looked at, and visits to them since (D24)."""

from collections.abc import Mapping
from typing import Any

from cloud_sync.core.lifecycles import ListingState
from cloud_sync.core.listing_access import access_by_listing_state
from cloud_sync.errors import NotFound
from cloud_sync.ports import RowAnswer
from cloud_sync.ports_model import UnitWish
from cloud_sync.store import tables
from cloud_sync.store.dossier_books import OWNERSHIPS, USES, check_grid, looked_at, put_unit
from cloud_sync.store.house import Act
from cloud_sync.store.imports import Form
from cloud_sync.store.rows import (
    RowFault,
    choice_in,
    day_ms,
    needed_in,
    number_in,
    ref_in,
    text_in,
    told_ms,
)
from cloud_sync.store.tables_model import grid, unit

REGISTER = "the register of units, as a file"
LEVELS = ("community", "grid", "micro")
HOUSEHOLDS_MAX = 1_000_000


def listing_of_unit(act: Act, unit_id: str) -> str | None:
    """The listing of a dwelling: one that takes guests before any other, and None where it has none."""
    rows: list[Any] = act.rows(tables.listing, unit=unit_id)
    opened = [row for row in rows if access_by_listing_state(ListingState(row.state)).new_passes]
    return min((str(row.listing) for row in opened or rows), default=None)


def _unit(act: Act, line: int, cells: Mapping[str, str]) -> RowAnswer:
    held: Any = act.row(unit, unit=needed_in(cells, "unit"))
    wish = _wish(act, cells, held)
    seen_ms = day_ms(cells, "last_verified_at", act.house) if cells.get("last_verified_at") else None
    if held is None or any(getattr(held, name) != getattr(wish, name) for name in _FIELDS):
        # A dossier of which nobody says when it was looked at has never been.
        put_unit(act, wish, REGISTER, act.actor, seen_ms=seen_ms if seen_ms is not None else 0)
        return RowAnswer(line, "new" if held is None else "updated", wish.unit, "")
    newer = seen_ms is not None and looked_at(act, wish.unit, seen_ms, act.actor)
    return RowAnswer(line, "updated" if newer else "unchanged", wish.unit, "")


_FIELDS = ("building", "stair", "floor", "door_no", "grid", "use", "ownership")


def _wish(act: Act, cells: Mapping[str, str], held: Any) -> UnitWish:
    """A column that the file does not have leaves what is there."""
    check_grid(act, cells.get("grid", ""))
    use = needed_in(cells, "use").replace("-", "_")
    ownership = cells.get("ownership") or (held.ownership if held is not None else "unknown")
    if use not in USES or ownership not in OWNERSHIPS:
        raise RowFault(
            f"use is not one of {', '.join(USES)}, or ownership not one of {', '.join(OWNERSHIPS)}"
        )
    return UnitWish(
        needed_in(cells, "unit"),
        building=text_in(cells, "building"),
        stair=cells.get("unit_door", "")[:64],
        floor=cells.get("floor", "")[:64],
        door_no=text_in(cells, "door_no"),
        grid=cells.get("grid", "")[:64] or (held.grid if held is not None else ""),
        use=use,
        ownership=ownership,
    )


def _visit(act: Act, line: int, cells: Mapping[str, str]) -> RowAnswer:
    unit_id, by = needed_in(cells, "unit"), cells.get("by", "")[:64] or act.actor
    newer = looked_at(act, unit_id, told_ms(cells, act.house), by)
    return RowAnswer(line, "updated" if newer else "unchanged", unit_id, "")


def _grid(act: Act, line: int, cells: Mapping[str, str]) -> RowAnswer:
    name, parent = ref_in(cells, "grid"), cells.get("parent", "") or None
    level = choice_in(cells, "level", LEVELS, "")
    if (parent is None) != (level == LEVELS[0]):
        raise RowFault(f"parent is empty for the {LEVELS[0]}, and for nothing else")
    if parent is not None and act.row(grid, grid=parent) is None:
        raise NotFound(f"there is no grid {parent[:64]}; put it before those within it.")
    values = {
        "parent": parent,
        "level": level,
        "name": text_in(cells, "name"),
        "households": number_in(cells, "households", 0, HOUSEHOLDS_MAX),
    }
    held: Any = act.row(grid, grid=name)
    if held is None:
        act.insert(grid, grid=name, made_ms=act.now_ms, **values)
    elif all(getattr(held, column) == value for column, value in values.items()):
        return RowAnswer(line, "unchanged", name, "")
    else:
        act.update(grid, {"grid": name}, **values)
    act.note("grid.file", name, None, f"{level}, {values['households']} households")
    return RowAnswer(line, "new" if held is None else "updated", name, "")


# The address is the unit's own columns written out; it is read by nobody and kept nowhere.
UNITS = Form(
    needed=("unit", "building", "unit_door", "floor", "door_no", "use"),
    optional=("address", "last_verified_at", "grid", "ownership"),
    personal=frozenset({"address"}),
    key=("unit",),
    take=_unit,
)
VERIFICATIONS = Form(
    needed=("at", "unit"), optional=("by",), personal=frozenset(), key=("unit", "at"), take=_visit
)
GRIDS = Form(
    needed=("grid", "parent", "level", "name", "households"),
    optional=(),
    personal=frozenset(),
    key=("grid",),
    take=_grid,
)
