"""Bookings changed by hand: cancelled, extended, shortened, moved (domain.md §§5.2, 5.4, 5.12).

The platform's revision is left as it is, so that its next word, newer or repeated, is judged as if nobody had
touched the booking: newer wins, repeated is kept as history.
"""

from dataclasses import replace
from typing import Any

from cloud_sync.core.lifecycles import BookingState, ListingState
from cloud_sync.core.listing_access import access_by_listing_state, permits_extension
from cloud_sync.errors import NotFound, Refused
from cloud_sync.store import tables
from cloud_sync.store.bookings import BookingWish, cancel, modify, room_is_free
from cloud_sync.store.house import Act
from cloud_sync.store.reasons import checked_reason


def cancel_by_hand(act: Act, source: str, external_ref: str, reason: str) -> str:
    """Returns the state of the stay afterwards."""
    held = _booking(act, source, external_ref)
    _note(act, held, "cancel", reason)
    cancel(act, held, replace(_as_it_is(held), cancelled=True))
    return _stay_state(act, held)


def move_departure(act: Act, source: str, external_ref: str, departure_ms: int, reason: str) -> str:
    """Extend or shorten; the pass is the same, one version on, and so are its credentials."""
    held = _booking(act, source, external_ref)
    if departure_ms == held.departure_ms:
        raise Refused("booking", "the departure is at that time already.")
    if departure_ms <= held.arrival_ms:
        raise Refused("booking", "the departure is not after the arrival.")
    if departure_ms > held.departure_ms:
        _check_extension(act, held)
    _check_free(act, held, str(held.room), departure_ms)
    _note(act, held, "extend" if departure_ms > held.departure_ms else "shorten", reason)
    modify(act, held, replace(_as_it_is(held), departure_ms=departure_ms))
    return _stay_state(act, held)


def move_room(act: Act, source: str, external_ref: str, room: str, reason: str) -> str:
    """The way in follows; the old room's door stops opening with the next pass set."""
    held = _booking(act, source, external_ref)
    target = act.row(tables.room, room=room)
    if target is None:
        raise NotFound(f"there is no room {room}.")
    if room == held.room:
        raise Refused("booking", f"the booking is for room {room} already.")
    listing = act.row(tables.listing, listing=target.listing)
    assert listing is not None
    if access_by_listing_state(ListingState(listing.state)).bookings == "no":
        raise Refused("booking", f"listing {target.listing} is {listing.state} and takes no bookings.")
    _check_free(act, held, room, held.departure_ms)
    _note(act, held, "move", reason)
    modify(act, held, replace(_as_it_is(held), room=room, listing=str(target.listing)))
    return _stay_state(act, held)


def _booking(act: Act, source: str, external_ref: str) -> Any:
    held = act.row(tables.booking, source=source, external_ref=external_ref)
    if held is None:
        raise NotFound(f"there is no booking {source} {external_ref}.")
    if held.state != BookingState.CONFIRMED:
        raise Refused("booking", f"booking {source} {external_ref} is {held.state} and cannot be changed.")
    return held


def _as_it_is(held: Any) -> BookingWish:
    return BookingWish(
        source=held.source,
        external_ref=held.external_ref,
        revision=held.external_revision,
        listing=held.listing,
        room=held.room,
        arrival_ms=held.arrival_ms,
        departure_ms=held.departure_ms,
        headcount=held.headcount,
        cancelled=False,
    )


def _check_free(act: Act, held: Any, room: str, departure_ms: int) -> None:
    """A person who moves a guest looks at the room; so does this.  Platforms are believed, and flagged elsewhere."""
    if not room_is_free(act, room, held.arrival_ms, departure_ms, but=str(held.booking)):
        raise Refused("booking", f"room {room} is let to another stay in that time.")


def _check_extension(act: Act, held: Any) -> None:
    listing = act.row(tables.listing, listing=str(held.listing))
    if listing is not None and not permits_extension(ListingState(listing.state)):
        raise Refused(
            "booking", f"listing {held.listing} is {listing.state}: stays there are not made longer."
        )


def _note(act: Act, held: Any, what: str, reason: str) -> None:
    act.note(f"booking.{what}", str(held.booking), reason=checked_reason(reason))


def _stay_state(act: Act, held: Any) -> str:
    (stay,) = act.rows(tables.stay, booking=str(held.booking))
    return str(stay.state)
