"""``BookingDesk`` of ports_booking.py: bookings of programs, walk-ins, daily returns; one transaction each."""

from collections.abc import Sequence
from typing import Any

from cloud_sync.core.lifecycles import PROVED, ListingState
from cloud_sync.core.listing_access import access_by_listing_state
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_booking import (
    BookingView,
    Filed,
    IntakeKey,
    KeyKind,
    MissingReturn,
    Taken,
    TellingLine,
    Told,
    WalkedIn,
    WalkIn,
)
from cloud_sync.store import intake_keys, reentry, returns, tables, tellings
from cloud_sync.store.attempts import take_told_booking
from cloud_sync.store.bookings import WALK_IN, BookingWish, room_is_free, take_booking
from cloud_sync.store.bundles import SignedPass
from cloud_sync.store.engine import reading
from cloud_sync.store.hidden import is_hidden
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.reasons import checked_reason
from cloud_sync.store.rows import RowFault, booking_wish, moment_ms

INTAKE_ROLE, STAFF_ROLE = "intake", "staff"
REF_BYTES = 5
HEADCOUNT_MAX = 99


class SqlBookingDesk:
    """Safe from any thread."""

    def __init__(self, house: House) -> None:
        self._house = house

    # --- programs ------------------------------------------------------------------------------------------------

    def whose(self, key: str, kind: KeyKind) -> str | None:
        with reading(self._house.engine).begin() as connection:
            return intake_keys.whose(self._looking(connection), key, kind)

    def take(self, source: str, told: Sequence[Told], *, actor: str) -> list[Taken]:
        return [self._take(source, one, actor) for one in told]

    def _take(self, source: str, one: Told, actor: str) -> Taken:
        cells = {
            "source": source,
            "external_ref": one.external_ref,
            "external_revision": str(one.revision),
            "listing": one.listing,
            "room": one.room,
            "arrival": one.arrival,
            "departure": one.departure,
            "headcount": str(one.headcount),
            "state": one.state,
        }
        try:
            with acting(self._house, actor, INTAKE_ROLE) as act:
                answer = take_told_booking(act, 0, booking_wish(cells, self._house))
        except (RowFault, Refused, NotFound) as fault:
            return Taken(one.external_ref, "rejected", f"{str(fault).rstrip('.')}.")
        return Taken(one.external_ref, answer.status, answer.reason)

    def look(self, source: str, external_ref: str) -> BookingView:
        with reading(self._house.engine).begin() as connection:
            return _view(self._looking(connection), source, external_ref)

    # --- people at the desk ----------------------------------------------------------------------------------------

    def walk_in(self, wish: WalkIn, *, actor: str) -> WalkedIn:
        with acting(self._house, actor, STAFF_ROLE) as act:
            return _walk_in(act, wish)

    def reenter(self, source: str, external_ref: str, *, actor: str, reason: str) -> SignedPass:
        """The one way back for luggage after a cancellation during the stay."""
        with acting(self._house, actor, STAFF_ROLE) as act:
            return reentry.reenter(act, source, external_ref, reason)

    # --- operators ---------------------------------------------------------------------------------------------------

    def file_return(self, operator: str, day: str, guests: int, *, actor: str) -> Filed:
        with acting(self._house, actor, INTAKE_ROLE) as act:
            return returns.file(act, operator, day, guests)

    def missing_returns(self, *, days: int) -> tuple[MissingReturn, ...]:
        with reading(self._house.engine).begin() as connection:
            return returns.missing(self._looking(connection), days)

    # --- keys --------------------------------------------------------------------------------------------------------

    def make_key(self, name: str, kind: KeyKind, subject: str, *, actor: str) -> str:
        """A key for programs; told this once."""
        with acting(self._house, actor, STAFF_ROLE) as act:
            return intake_keys.make(act, name, kind, subject)

    def end_key(self, name: str, *, actor: str) -> None:
        with acting(self._house, actor, STAFF_ROLE) as act:
            intake_keys.end(act, name)

    def given_keys(self) -> tuple[IntakeKey, ...]:
        with reading(self._house.engine).begin() as connection:
            return intake_keys.listed(self._looking(connection))

    def _looking(self, connection: Any) -> Act:
        return Act(self._house, connection, self._house.clock.now_ms(), "service", "system")


def _view(act: Act, source: str, external_ref: str) -> BookingView:
    held = act.row(tables.booking, source=source, external_ref=external_ref)
    if held is None:
        raise NotFound(f"there is no booking {source} {external_ref}.")
    (stay,) = act.rows(tables.stay, booking=str(held.booking))
    if is_hidden(act, str(stay.stay)):
        raise NotFound(f"there is no booking {source} {external_ref}.")
    rows = act.rows(tables.registration, stay=str(stay.stay))
    told = tellings.of(act, str(held.booking))
    return BookingView(
        source=held.source,
        external_ref=held.external_ref,
        revision=held.external_revision,
        state=held.state,
        version=held.version,
        stay_state=stay.state,
        listing=held.listing,
        room=held.room,
        arrival_ms=held.arrival_ms,
        departure_ms=held.departure_ms,
        headcount=held.headcount,
        registered=len({row.person for row in rows if row.status in PROVED}),
        tellings=tuple(TellingLine(one.revision, one.effect, one.times, one.first_ms) for one in told),
    )


def _walk_in(act: Act, wish: WalkIn) -> WalkedIn:
    """A stay from now on, for a room that is free; each person is proved afterwards, and only then a pass opens."""
    reason = checked_reason(wish.reason)
    room = act.row(tables.room, room=wish.room)
    if room is None:
        raise NotFound(f"there is no room {wish.room}.")
    listing = act.row(tables.listing, listing=str(room.listing))
    assert listing is not None
    if not access_by_listing_state(ListingState(str(listing.state))).new_passes:
        raise Refused("walk-in", f"listing {room.listing} is {listing.state} and takes no guests.")
    try:
        departure_ms = moment_ms(wish.departure, "departure", act.house)
    except RowFault as fault:
        raise Refused("walk-in", f"{fault}.") from None
    if not 1 <= wish.headcount <= min(HEADCOUNT_MAX, int(str(listing.max_guests))):
        raise Refused("walk-in", f"listing {room.listing} takes 1 to {listing.max_guests} guests.")
    if departure_ms <= act.now_ms:
        raise Refused("walk-in", "the departure lies in the past.")
    if not room_is_free(act, wish.room, act.now_ms, departure_ms):
        raise Refused("walk-in", f"room {wish.room} is let to another stay in that time.")
    ref = f"W-{act.house.randomness(REF_BYTES).hex()}"
    booked = BookingWish(
        source=WALK_IN,
        external_ref=ref,
        revision=1,
        listing=str(room.listing),
        room=wish.room,
        arrival_ms=act.now_ms,
        departure_ms=departure_ms,
        headcount=wish.headcount,
        cancelled=False,
    )
    take_booking(act, 0, booked)
    held = act.row(tables.booking, source=WALK_IN, external_ref=ref)
    assert held is not None
    (stay,) = act.rows(tables.stay, booking=str(held.booking))
    act.note("booking.walk_in", str(held.booking), reason=reason)
    return WalkedIn(WALK_IN, ref, str(stay.stay))
