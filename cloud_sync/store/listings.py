"""Listings and rooms as the municipal register has them (domain.md §§5.1, 6)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.lifecycles import LISTING, STAY_AHEAD, STAY_INSIDE, ListingState, path
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports import RowAnswer
from cloud_sync.store import tables
from cloud_sync.store.house import Act
from cloud_sync.store.issuing import refresh_stay
from cloud_sync.store.places import scope_of
from cloud_sync.store.told import tell_of_listing

REGISTER = "attested by the register file"


@dataclass(frozen=True, slots=True)
class ListingWish:
    """One room of one listing; a listing with three rooms is three of these."""

    listing: str
    name: str
    unit: str
    operator: str
    state: ListingState
    max_guests: int
    room: str
    label: str
    access_points: tuple[str, ...]

    @property
    def key(self) -> str:
        return f"{self.listing} {self.room}"


def take_listing(act: Act, line: int, wish: ListingWish) -> RowAnswer:
    """Record or change one room and its listing; a state moves along the table only, each step attested by the file.

    Raises:
        Refused, NotFound: nothing was changed, and the sentence says why.
    """
    _check_doors(act, wish)
    made, changed = _listing(act, wish)
    room_made, room_changed = _room(act, wish)
    if changed or room_changed:
        _refresh_stays(act, wish.listing)
    if made or room_made:
        return RowAnswer(line, "new", wish.key, "")
    return RowAnswer(line, "updated" if changed or room_changed else "unchanged", wish.key, "")


def _check_doors(act: Act, wish: ListingWish) -> None:
    table = tables.access_point
    found = sa.select(table.c.access_point).where(
        table.c.community == act.house.community, table.c.access_point.in_(wish.access_points)
    )
    missing = set(wish.access_points) - set(act.connection.execute(found).scalars())
    if missing:
        raise NotFound(f"access point {', '.join(sorted(missing))} is not known; add its node first.")


def _listing(act: Act, wish: ListingWish) -> tuple[bool, bool]:
    """(made, changed)."""
    values = {"name": wish.name, "unit": wish.unit, "operator": wish.operator, "max_guests": wish.max_guests}
    held = act.row(tables.listing, listing=wish.listing)
    if held is None:
        state = _walk(act, wish.listing, wish.state, None, REGISTER)
        act.insert(tables.listing, listing=wish.listing, state=state, **values)
        return True, True
    state = _walk(act, wish.listing, wish.state, held.state, REGISTER)
    same = all(getattr(held, name) == value for name, value in values.items())
    if not same:
        act.note("listing.change", wish.listing, reason="register file")
    if not same or state != held.state:
        act.touch(wish.listing)
    act.update(tables.listing, {"listing": wish.listing}, state=state, **values)
    if state != held.state:
        tell_of_listing(act, held, state, REGISTER, _open_stays(act, wish.listing))
    return False, not same or state != held.state


def take_state(act: Act, line: int, listing: str, wanted: ListingState, reason: str) -> RowAnswer:
    """A listing's new state as the register decided it, along the table; its passes follow in the same transaction.

    Raises:
        Refused, NotFound: nothing was changed, and the sentence says why.
    """
    held: Any = act.row(tables.listing, listing=listing)
    if held is None:
        raise NotFound(f"there is no listing {listing}; import the listings first.")
    if held.state == wanted:
        return RowAnswer(line, "unchanged", listing, "")
    state = _walk(act, listing, wanted, held.state, reason)
    act.update(tables.listing, {"listing": listing}, state=state)
    act.touch(listing)
    _refresh_stays(act, listing)
    tell_of_listing(act, held, state, reason, _open_stays(act, listing))
    return RowAnswer(line, "updated", listing, "")


def _walk(act: Act, listing: str, wanted: ListingState, state: str | None, reason: str) -> str:
    """Every step to the wanted state, audited; the register vouches for the guards."""
    steps = path(LISTING, state, wanted)
    if steps is None:
        raise Refused("listing", f"listing {listing} is {state} and cannot become {wanted}.")
    for step in steps:
        state = act.move(LISTING, listing, step.before, step.event, step.guards, reason=reason)
    assert state is not None
    return state


def _room(act: Act, wish: ListingWish) -> tuple[bool, bool]:
    """(made, changed)."""
    held: Any = act.row(tables.room, room=wish.room)
    scope = sorted(set(wish.access_points))
    if held is None:
        act.insert(
            tables.room,
            room=wish.room,
            listing=wish.listing,
            label=wish.label,
            access_points=json.dumps(scope),
        )
        return True, True
    if held.listing != wish.listing:
        raise Refused("listing", f"room {wish.room} belongs to listing {held.listing}.")
    same = held.label == wish.label and scope_of(held.access_points) == scope
    if not same:
        act.note("room.change", wish.room, held.access_points, json.dumps(scope), "register file")
        act.update(tables.room, {"room": wish.room}, label=wish.label, access_points=json.dumps(scope))
    return False, not same


def _refresh_stays(act: Act, listing: str) -> None:
    for stay in _open_stays(act, listing):
        refresh_stay(act, stay.stay)


def _open_stays(act: Act, listing: str) -> Sequence[Any]:
    table = tables.stay
    found = sa.select(table.c.stay, table.c.state).where(
        table.c.community == act.house.community,
        table.c.listing == listing,
        table.c.state.in_(STAY_AHEAD | STAY_INSIDE),
    )
    return act.connection.execute(found).all()
