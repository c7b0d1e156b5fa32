"""Bookings and the stays they make (domain.md §§5.2, 5.4): the external revision decides, not the time of arrival."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles import (
    BOOKING,
    PASS,
    REGISTRATION,
    STAY,
    STAY_AHEAD,
    STAY_OPEN,
    BookingState,
    ListingState,
    Refusal,
    StayState,
    advance,
)
from cloud_sync.core.listing_access import access_by_listing_state
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports import RowAnswer
from cloud_sync.store import registration_clocks, tables, tellings
from cloud_sync.store.asking import ask, mine
from cloud_sync.store.house import Act
from cloud_sync.store.issuing import PASS_ENDED, refresh_stay
from cloud_sync.store.places import scope_of
from cloud_sync.store.subjects import refresh_subject
from cloud_sync.store.told import tell_of_cancellation

WALK_IN = "walk-in"  # the source of a stay that nobody booked

_STAY = tables.stay
_LET = (
    sa.select(_STAY.c.stay)
    .where(
        mine(_STAY),
        _STAY.c.room == sa.bindparam("room"),
        _STAY.c.booking != sa.bindparam("but"),
        _STAY.c.state.in_(STAY_OPEN),
        _STAY.c.planned_in_ms < sa.bindparam("ends_ms"),
        _STAY.c.planned_out_ms > sa.bindparam("begins_ms"),
    )
    .limit(1)
)
_NEIGHBOURS = sa.select(_STAY.c.stay).where(
    mine(_STAY),
    _STAY.c.room == sa.bindparam("room"),
    _STAY.c.stay != sa.bindparam("but"),
    _STAY.c.planned_out_ms > sa.bindparam("ended_ms"),
)


class ListingShut(Refused):
    """A listing that takes no bookings was booked: nothing was changed, and somebody has to know."""


@dataclass(frozen=True, slots=True)
class BookingWish:
    """One booking as a platform tells it."""

    source: str
    external_ref: str
    revision: int
    listing: str
    room: str
    arrival_ms: int
    departure_ms: int
    headcount: int
    cancelled: bool

    @property
    def key(self) -> str:
        return f"{self.source} {self.external_ref}"


def take_booking(act: Act, line: int, wish: BookingWish) -> RowAnswer:
    """Record, change or cancel one booking, with all that follows for its stay and passes.

    Raises:
        Refused, NotFound: nothing was changed, and the sentence says why.
    """
    listing = _listing_of(act, wish)
    held = act.row(tables.booking, source=wish.source, external_ref=wish.external_ref)
    if held is None:
        return RowAnswer(line, "new", wish.key, _receive(act, wish, listing))
    booking = str(held.booking)
    if wish.revision <= held.external_revision:
        tellings.keep(act, booking, wish, "history")
        return RowAnswer(line, "unchanged", wish.key, _keep_as_history(act, wish, held))
    _apply(act, held, wish)
    tellings.keep(act, booking, wish, "applied")
    said = "cancelled" if wish.cancelled else f"revision {wish.revision}{_beside(act, wish, booking)}"
    return RowAnswer(line, "updated", wish.key, said)


def _apply(act: Act, held: Any, wish: BookingWish) -> None:
    """The newest revision decides; which one came before it changes nothing of what the booking is now."""
    match (held.state == BookingState.CANCELLED, wish.cancelled):
        case (False, False):
            modify(act, held, wish)
        case (False, True):
            cancel(act, held, wish)
        case (True, True):
            act.update(tables.booking, {"booking": str(held.booking)}, **_values(wish))
        case _:
            _reinstate(act, held, wish)


def _reinstate(act: Act, held: Any, wish: BookingWish) -> None:
    """A newer revision takes the cancellation back: who had not come may come, who is inside may come back in.

    Raises:
        Refused: the guest has left meanwhile; a booking that goes on afterwards is another one.
    """
    stay = _stay_of(act, held.booking)
    after = act.move(STAY, stay.stay, stay.state, "reinstated", {Guard.BOOKING_VALID})
    act.update(tables.stay, {"stay": stay.stay}, state=after)
    state = act.move(BOOKING, held.booking, held.state, "reinstated", {Guard.REVISION_NEWER})
    act.update(tables.booking, {"booking": held.booking}, state=state)
    again = act.row(tables.booking, booking=held.booking)
    modify(act, again, wish)


def _beside(act: Act, wish: BookingWish, booking: str) -> str:
    """The end of a sentence where the room is let to somebody else in that time: told, never decided here."""
    free = room_is_free(act, wish.room, wish.arrival_ms, wish.departure_ms, but=booking)
    return "" if free else f"; room {wish.room} is let to another stay in that time"


def room_is_free(act: Act, room: str, begins_ms: int, ends_ms: int, *, but: str = "") -> bool:
    """True where no open stay but that of booking ``but`` has the room in that time."""
    return not ask(act, _LET, room=room, but=but, begins_ms=begins_ms, ends_ms=ends_ms)


def _listing_of(act: Act, wish: BookingWish) -> Any:
    listing = act.row(tables.listing, listing=wish.listing)
    if listing is None:
        raise NotFound(f"there is no listing {wish.listing}; import the listings first.")
    room = act.row(tables.room, room=wish.room)
    if room is None or room.listing != wish.listing:
        raise NotFound(f"listing {wish.listing} has no room {wish.room}.")
    if wish.departure_ms <= wish.arrival_ms:
        raise Refused("booking", "the departure is not after the arrival.")
    return listing


def _values(wish: BookingWish) -> dict[str, object]:
    return {
        "external_revision": wish.revision,
        "listing": wish.listing,
        "room": wish.room,
        "arrival_ms": wish.arrival_ms,
        "departure_ms": wish.departure_ms,
        "headcount": wish.headcount,
    }


def _receive(act: Act, wish: BookingWish, listing: Any) -> str:
    access = access_by_listing_state(ListingState(listing.state))
    if access.bookings == "no":
        raise ListingShut("booking", f"listing {wish.listing} is {listing.state} and takes no bookings.")
    booking = act.new_id("BK")
    state = act.move(BOOKING, booking, None, "received", reason=wish.source)
    state = act.move(BOOKING, booking, state, "confirmed")
    act.insert(
        tables.booking,
        booking=booking,
        source=wish.source,
        external_ref=wish.external_ref,
        state=state,
        version=1,
        received_ms=act.now_ms,
        **_values(wish),
    )
    _expect(act, booking, wish, "walk-in" if wish.source == WALK_IN else "booking confirmed")
    tellings.keep(act, booking, wish, "applied")
    if wish.cancelled:
        cancel(act, act.row(tables.booking, booking=booking), wish)
    if access.bookings == "flagged":
        return f"recorded, but listing {wish.listing} is {listing.state}: no pass will open"
    return "" if wish.cancelled else _beside(act, wish, booking).removeprefix("; ")


def _expect(act: Act, booking: str, wish: BookingWish, event: str) -> None:
    """The stay, and a place for its lead guest: a pass that waits for the registration."""
    stay, person = act.new_id("ST"), act.new_id("PE")
    state = act.move(STAY, stay, None, event)
    act.insert(
        tables.stay,
        stay=stay,
        booking=booking,
        listing=wish.listing,
        room=wish.room,
        planned_in_ms=wish.arrival_ms,
        planned_out_ms=wish.departure_ms,
        state=state,
        guest_token_hash="",
    )
    act.insert(tables.person, person=person, minor=0)
    act.insert(tables.stay_member, stay=stay, person=person, role="lead", subject_ref=act.new_id("SJ"))
    refresh_stay(act, stay)
    _refresh_neighbours(act, stay, wish.room)


def _keep_as_history(act: Act, wish: BookingWish, held: Any) -> str:
    """A late or repeated telling changes nothing; one that differs is at least written down."""
    same = all(getattr(held, name) == value for name, value in _values(wish).items())
    if same and wish.cancelled == (held.state == BookingState.CANCELLED):
        return ""
    refusal = f"revision {wish.revision} is not newer than {held.external_revision}"
    act.note("booking.history", held.booking, str(held.external_revision), str(wish.revision), refusal)
    return f"kept as history: {refusal}"


def _stay_of(act: Act, booking: str) -> Any:
    (stay,) = act.rows(tables.stay, booking=booking)
    return stay


def modify(act: Act, held: Any, wish: BookingWish) -> None:
    """A confirmed booking becomes what ``wish`` says, with all that follows for its stay and passes."""
    act.move(BOOKING, held.booking, held.state, "modified", {Guard.REVISION_NEWER})
    act.update(tables.booking, {"booking": held.booking}, version=held.version + 1, **_values(wish))
    stay = _stay_of(act, held.booking)
    state = _stay_change(act, stay, wish)
    act.update(
        tables.stay,
        {"stay": stay.stay},
        state=state,
        listing=wish.listing,
        room=wish.room,
        planned_in_ms=wish.arrival_ms,
        planned_out_ms=wish.departure_ms,
    )
    registration_clocks.set_again(act, str(stay.stay))
    before = act.rows(tables.pass_, stay=str(stay.stay))
    refresh_stay(act, stay.stay)
    _note_narrower(act, before)
    _refresh_neighbours(act, stay.stay, stay.room)
    _refresh_neighbours(act, stay.stay, wish.room)


def _note_narrower(act: Act, before: list[Any]) -> None:
    """A shorter window or a door less is something taken away: a node that does not receipt it is D21, S1."""
    for old in before:
        new = act.row(tables.pass_, pass_id=str(old.pass_id))
        assert new is not None
        left = set(scope_of(old.scope)) - set(scope_of(new.scope))
        if old.state not in PASS_ENDED and (left or new.not_after_ms < old.not_after_ms):
            act.note("pass.narrow", str(old.pass_id), str(old.scope), str(new.scope))


def _stay_change(act: Act, stay: Any, wish: BookingWish) -> str:
    """What a changed booking means for people who are inside already; before that it is only a plan."""
    state: str = stay.state
    if state in STAY_AHEAD:
        return state
    if wish.departure_ms > stay.planned_out_ms:
        _check_extendable(act, wish.listing)
        state = act.move(STAY, stay.stay, state, "extended")
    if wish.room != stay.room and state == StayState.IN_HOUSE:
        state = act.move(STAY, stay.stay, state, "moved to another room")
    return state


def _check_extendable(act: Act, code: str) -> None:
    """Who is inside stays until the plan's end whatever becomes of the listing, and not longer (domain.md §6)."""
    listing = act.row(tables.listing, listing=code)
    assert listing is not None
    if access_by_listing_state(ListingState(str(listing.state))).bookings != "yes":
        raise Refused("booking.extend", f"listing {code} is {listing.state}; no stay of it is extended.")


def _refresh_neighbours(act: Act, stay: str, room: str) -> None:
    """A new arrival in a room can shorten the hold of the stay before it."""
    ended_ms = act.now_ms - act.house.profile.overstay_hold_ms
    for row in ask(act, _NEIGHBOURS, room=room, but=stay, ended_ms=ended_ms):
        refresh_stay(act, str(row.stay))


def cancel(act: Act, held: Any, wish: BookingWish) -> None:
    """Before arrival nobody comes in any more; during the stay only the way out is left."""
    state = act.move(BOOKING, held.booking, held.state, "cancelled")
    act.update(tables.booking, {"booking": held.booking}, state=state, **_values(wish))
    stay = _stay_of(act, held.booking)
    step = advance(STAY, stay.state, "booking cancelled")
    if not isinstance(step, Refusal):  # an overstaying guest is past what a cancellation can change
        after = act.move(STAY, stay.stay, stay.state, "booking cancelled")
        act.update(tables.stay, {"stay": stay.stay}, state=after)
        if after == StayState.CANCELLED_BEFORE:
            _end_registrations(act, stay.stay)
        if after == StayState.CANCELLED_DURING:
            tell_of_cancellation(act, held, stay)
    refresh_stay(act, stay.stay)
    _refresh_neighbours(act, stay.stay, stay.room)


def _end_registrations(act: Act, stay: str) -> None:
    """Where the law asks that a cancellation is told, what was registered stands until it has been."""
    if act.house.profile.jurisdiction.cancelled == "purge":
        _purge_registrations(act, stay)
        return
    registration_clocks.cancelled(act, stay)


def _purge_registrations(act: Act, stay: str) -> None:
    """Nobody came, so nobody's document stays: rows go to PURGED and the vault forgets who is registered nowhere else."""
    for row in act.rows(tables.registration, stay=stay):
        event = "booking cancelled before arrival"
        if isinstance(advance(REGISTRATION, row.status, event), Refusal):
            continue
        after = act.move(REGISTRATION, row.registration, row.status, event)
        act.update(tables.registration, {"registration": row.registration}, status=after)
        others = act.rows(tables.registration, person=row.person)
        if all(other.status == "PURGED" for other in others):
            person = str(row.person)
            act.update(tables.person, {"person": person}, doc_hash=None, birth_year=None)
            act.after_commit.append(partial(act.house.vault.forget, person))


def check_out(act: Act, booking: Any) -> str:
    """Checkout by the operator: the passes end and the erase clock starts; returns the stay."""
    stay = _stay_of(act, booking.booking)
    after = act.move(STAY, stay.stay, stay.state, "checkout")
    act.update(tables.stay, {"stay": stay.stay}, state=after, checked_out_ms=act.now_ms)
    refresh_stay(act, stay.stay)
    return str(stay.stay)


def confirm_no_show(act: Act, booking: Any) -> str:
    """The operator, by name, says that nobody came: passes are revoked and D02 closes; returns the stay."""
    stay = _stay_of(act, booking.booking)
    after = act.move(STAY, stay.stay, stay.state, "no-show confirmed", {Guard.NAMED_HUMAN})
    act.update(tables.stay, {"stay": stay.stay}, state=after)
    state = act.move(BOOKING, booking.booking, booking.state, "no-show confirmed", {Guard.NAMED_HUMAN})
    act.update(tables.booking, {"booking": booking.booking}, state=state)
    refresh_stay(act, stay.stay)
    return str(stay.stay)


def suspend_pass(act: Act, pass_id: str) -> None:
    """A named person suspends one pass (credential lost, dispute): entry is refused, the way out stays free."""
    held = act.row(tables.pass_, pass_id=pass_id)
    if held is None:
        raise NotFound(f"there is no pass {pass_id}.")
    after = act.move(PASS, pass_id, held.state, "suspend", {Guard.NAMED_HUMAN})
    act.update(tables.pass_, {"pass_id": pass_id}, state=after)
    if held.stay is None:
        refresh_subject(act, pass_id)
    else:
        refresh_stay(act, str(held.stay))
