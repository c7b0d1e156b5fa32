"""What was tried and refused, and has to be known: a booking where nobody may be lodged (D08), documents that fail (D10).

The row is answered as rejected, but the transaction stands: what it found stays in the record.
"""

import json
from collections.abc import Mapping
from typing import Any

from cloud_sync.core.evidence import IdentityCheck, body_of
from cloud_sync.core.reconcile import Key
from cloud_sync.core.self_registration import CHECKS_MAX
from cloud_sync.ports import RowAnswer
from cloud_sync.store import tables
from cloud_sync.store.bookings import BookingWish, ListingShut, take_booking
from cloud_sync.store.discrepancy_rows import raise_now
from cloud_sync.store.evidence_store import tell
from cloud_sync.store.house import Act
from cloud_sync.store.registering import register
from cloud_sync.store.rows import CheckFault, registration_wish
from cloud_sync.store.self_registering import CHECK_FAILED, SELF_CHECK, failed_checks
from cloud_sync.store.tables_rules import evidence

_TYPE = IdentityCheck.__name__


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


def take_told_registration(act: Act, line: int, cells: Mapping[str, str]) -> RowAnswer:
    """As ``register``; a document whose check character fails for the third time opens D10, a good one answers it.

    Raises:
        RowFault, Refused, NotFound: nothing was changed, and the sentence says why.
    """
    try:
        wish = registration_wish(cells, act.house)
    except CheckFault as fault:
        key = f"{cells['source']} {cells['external_ref']}"
        stay = _stay(act, cells)
        if stay is not None:
            _check_failed(act, str(stay.stay))
        return RowAnswer(line, "rejected", key, f"{fault}.")
    answer = register(act, line, wish)
    if not answer.reason:
        _check_passed(act, _stay(act, cells))
    return answer


def _stay(act: Act, cells: Mapping[str, str]) -> Any:
    booking = act.row(tables.booking, source=cells["source"], external_ref=cells["external_ref"])
    return None if booking is None else act.row(tables.stay, booking=str(booking.booking))


def _check_failed(act: Act, stay: str) -> None:
    act.note(CHECK_FAILED, stay, reason="check")
    if failed_checks(act, stay) >= CHECKS_MAX:
        tell(act, stay, SELF_CHECK, IdentityCheck("", "checksum"))
        raise_now(act, Key("D10", stay, 0), "S1", (f"{_TYPE}/{SELF_CHECK}",))


def _check_passed(act: Act, stay: Any) -> None:
    """Whoever was refused is verified now: the newest check counts."""
    held: Any = act.row(evidence, subject=str(stay.stay), type=_TYPE, key=SELF_CHECK)
    if held is None or held.ended_ms is not None:
        return
    said = body_of(_TYPE, json.loads(held.body))
    assert isinstance(said, IdentityCheck)
    if said.outcome == "checksum":
        tell(act, str(stay.stay), SELF_CHECK, IdentityCheck(said.person, "passed"))
