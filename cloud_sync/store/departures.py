"""Another day of departure, as guests ask for it: an earlier one holds at once, a later one when the operator agrees.

What a stay may be is decided where it always is (``changing``, domain.md §5.12); here is only who asks and who answers.
"""

from datetime import date, datetime, timedelta
from typing import Any

from cloud_sync.core.lifecycles import STAY_OPEN, BookingState, ListingState
from cloud_sync.core.listing_access import permits_extension
from cloud_sync.errors import Refused
from cloud_sync.ports_guest import DepartureAnswer
from cloud_sync.store import tables
from cloud_sync.store.bookings import room_is_free
from cloud_sync.store.changing import move_departure
from cloud_sync.store.guests import stay_of_token
from cloud_sync.store.house import Act
from cloud_sync.store.tables_guests import stay_wish
from cloud_sync.store.told import LONGER, tell_operator

ASKED, AGREED, DECLINED, TAKEN_BACK = "ASKED", "AGREED", "DECLINED", "TAKEN_BACK"
NIGHTS_MAX = 30  # further ahead than this nobody asks by a link


def wish_of(act: Act, stay: str) -> Any | None:
    """What the guests asked for last."""
    return act.row(stay_wish, stay=stay)


def ask(act: Act, token: str, day: str, *, sure: bool) -> DepartureAnswer:
    """A day in the community's calendar; the hour stays that of the plan.

    Raises:
        Refused: the day cannot be, the room is let, or stays of this listing are not made longer.
    """
    stay = stay_of_token(act, token)
    booking, listing = _open(act, stay)
    departure_ms = _departure(act, stay, day)
    if departure_ms > stay.planned_out_ms:
        _check_longer(act, stay, listing, departure_ms)
        _keep(act, str(stay.stay), departure_ms, ASKED)
        about = f"{booking.source} {booking.external_ref}"
        tell_operator(act, listing.operator, LONGER, listing.listing, about=about)
        act.note("stay.ask_longer", str(stay.stay), str(stay.planned_out_ms), str(departure_ms))
        return "asked"
    if not sure:
        return "sure"
    move_departure(act, booking.source, booking.external_ref, departure_ms, "asked for by the guest's link")
    _keep(act, str(stay.stay), departure_ms, AGREED, answered_by=act.actor)
    return "shorter"


def take_back(act: Act, token: str) -> None:
    """Raises Refused where nothing is asked."""
    stay = stay_of_token(act, token)
    held = _asked(act, str(stay.stay))
    _keep(act, str(stay.stay), held.departure_ms, TAKEN_BACK, answered_by=act.actor)
    act.note("stay.ask_longer", str(stay.stay), str(held.departure_ms), TAKEN_BACK)


def answer(act: Act, stay_id: str, departure_ms: int, *, agrees: bool) -> None:
    """The operator's yes or no to the very day that was asked for.

    Raises:
        Refused: nothing or another day is asked by now, or the booking rules say no.
    """
    held = _asked(act, stay_id)
    if held.departure_ms != departure_ms:
        raise Refused("departure.none", "another day is asked for by now.")
    stay: Any = act.row(tables.stay, stay=stay_id)
    if agrees:
        booking, listing = _open(act, stay)
        _check_longer(act, stay, listing, departure_ms)
        reason = "the operator agreed to what the guest asked for"
        move_departure(act, booking.source, booking.external_ref, departure_ms, reason)
    _keep(act, stay_id, departure_ms, AGREED if agrees else DECLINED, answered_by=act.actor)
    act.note("stay.answer_longer", stay_id, str(departure_ms), AGREED if agrees else DECLINED)


def _open(act: Act, stay: Any) -> tuple[Any, Any]:
    booking: Any = act.row(tables.booking, booking=stay.booking)
    listing: Any = act.row(tables.listing, listing=stay.listing)
    if stay.state not in STAY_OPEN or booking.state != BookingState.CONFIRMED:
        raise Refused("departure.closed", "this stay cannot be changed any more.")
    return booking, listing


def _departure(act: Act, stay: Any, day: str) -> int:
    zone = act.house.zone
    planned = datetime.fromtimestamp(stay.planned_out_ms / 1000, zone)
    try:
        wanted = date.fromisoformat(day)
    except ValueError:
        raise Refused("departure.day", "this is not a day such as 2026-05-03.") from None
    if wanted > planned.date() + timedelta(days=NIGHTS_MAX):
        raise Refused("departure.far", f"a stay is made longer by at most {NIGHTS_MAX} nights at a time.")
    departure_ms = round(datetime.combine(wanted, planned.timetz()).timestamp() * 1000)
    if departure_ms == stay.planned_out_ms:
        raise Refused("departure.same", "the departure is on that day already.")
    if departure_ms <= max(act.now_ms, stay.planned_in_ms):
        raise Refused("departure.past", "that day is over, or before the arrival.")
    return departure_ms


def _check_longer(act: Act, stay: Any, listing: Any, departure_ms: int) -> None:
    if not permits_extension(ListingState(listing.state)):
        raise Refused("departure.listing", f"listing {listing.listing}: stays there are not made longer.")
    if not room_is_free(act, stay.room, stay.planned_in_ms, departure_ms, but=str(stay.booking)):
        raise Refused("departure.let", f"room {stay.room} is let to another stay in that time.")


def _asked(act: Act, stay: str) -> Any:
    held: Any = wish_of(act, stay)
    if held is None or held.state != ASKED:
        raise Refused("departure.none", "nothing is asked at the moment.")
    return held


def _keep(act: Act, stay: str, departure_ms: int, state: str, *, answered_by: str | None = None) -> None:
    values: dict[str, object] = {"departure_ms": departure_ms, "state": state, "answered_by": answered_by}
    values["answered_ms"] = None if answered_by is None else act.now_ms
    if state == ASKED:
        values["asked_ms"] = act.now_ms
    if wish_of(act, stay) is None:
        act.insert(stay_wish, stay=stay, **{"asked_ms": act.now_ms, **values})
    else:
        act.update(stay_wish, {"stay": stay}, **values)
