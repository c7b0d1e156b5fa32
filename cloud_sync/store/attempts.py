"""What was tried and refused, and has to be known: a booking where nobody may be lodged (D08).

The row is answered as rejected, but the transaction stands: what it found stays in the record.
"""

from cloud_sync.core.reconcile import Key
from cloud_sync.ports import RowAnswer
from cloud_sync.store.bookings import BookingWish, ListingShut, take_booking
from cloud_sync.store.discrepancy_rows import raise_now
from cloud_sync.store.house import Act


def take_told_booking(act: Act, line: int, wish: BookingWish) -> RowAnswer:
    """As ``take_booking``; where the listing takes nobody, that it was tried stands as D08 until a person looks.

    Raises:
        Refused, NotFound: nothing was changed, and the sentence says why.
    """
    try:
        return take_booking(act, line, wish)
    except ListingShut as fault:
        booking_attempted(act, wish)
        return RowAnswer(line, "rejected", wish.key, f"{str(fault).rstrip('.')}.")


def booking_attempted(act: Act, wish: BookingWish) -> None:
    """There is no stay to say it about, so it is said about the listing, once for each arrival."""
    if "D08" not in act.house.profile.rules.off and not wish.cancelled:
        raise_now(act, Key("D08", wish.listing, wish.arrival_ms), "S2", (wish.key,))
