"""One line of a file, read into one wish; what is wrong is one clear sentence that never repeats what is personal."""

import base64
import re
from collections.abc import Mapping
from datetime import date, datetime, time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cloud_sync.core.codes import (
    Document,
    DocumentFault,
    DocumentRefused,
    check_document,
    listing_code_fault,
)
from cloud_sync.core.emergency import EMERGENCY_FIELDS, answers_in
from cloud_sync.core.jurisdiction import MORE_FIELDS
from cloud_sync.core.lifecycles import ListingState
from cloud_sync.core.mrz import Mrz, MrzFault, read_mrz
from cloud_sync.core.policy import DAY_MS
from cloud_sync.core.rights import RESIDENT_CLASSES, STAFF_CLASSES
from cloud_sync.core.self_registration import RESIDENCE_LINES
from cloud_sync.protocol.pin import CARD, PIN, card_of_read
from cloud_sync.store.bookings import BookingWish
from cloud_sync.store.house import House
from cloud_sync.store.listings import ListingWish
from cloud_sync.store.registering import PROOFING_MAX, RegistrationWish
from cloud_sync.store.subjects import TAKEN_AWAY, Kind, SubjectWish

Cells = Mapping[str, str]
REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}")
TEXT_MAX = 200
# Of anything that is booked or said; a date further off is a slip, and no clock counts it.
YEARS = (2000, 2199)
NAME_MAX = 120
AHEAD_MS = DAY_MS
METHODS = ("self", "kiosk", "operator", "staff", "live-video", "national-net-id")


class RowFault(ValueError):
    """This row cannot be read; the sentence says which column and why."""


class CheckFault(RowFault):
    """The check character of a document's number is wrong: somebody typed another number than the document has."""


def needed_in(cells: Cells, name: str) -> str:
    value = cells.get(name, "")
    if not value:
        raise RowFault(f"{name} is empty")
    return value


def ref_in(cells: Cells, name: str) -> str:
    value = needed_in(cells, name)
    if not REF.fullmatch(value):
        raise RowFault(f"{name} may have letters, digits and . _ : / - only, at most 64")
    return value


def text_in(cells: Cells, name: str, most: int = TEXT_MAX) -> str:
    value = needed_in(cells, name)
    if len(value) > most or not value.isprintable():
        raise RowFault(f"{name} has more than {most} characters, or some that cannot be printed")
    return value


def number_in(cells: Cells, name: str, lowest: int, highest: int) -> int:
    value = needed_in(cells, name)
    if not re.fullmatch(r"[0-9]{1,12}", value) or not lowest <= int(value) <= highest:
        raise RowFault(f"{name} is not a whole number from {lowest} to {highest}")
    return int(value)


def moment_in(cells: Cells, name: str, house: House) -> int:
    """Local date and time of the community, or with an offset of its own."""
    return moment_ms(needed_in(cells, name), name, house)


def moment_ms(value: str, name: str, house: House) -> int:
    """``value`` as milliseconds; without an offset it is the community's own time.

    Raises:
        RowFault: it is not a date with a time.
    """
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = None
    if moment is None or len(value) <= len("2026-01-31"):
        raise RowFault(f"{name} is not a date and time such as 2026-01-31T15:00")
    if not YEARS[0] <= moment.year <= YEARS[1]:
        raise RowFault(f"{name} is not in a year from {YEARS[0]} to {YEARS[1]}")
    local = moment if moment.tzinfo else moment.replace(tzinfo=house.zone)
    return round(local.timestamp() * 1000)


def told_ms(cells: Cells, house: House, name: str = "at") -> int:
    """When something was seen or said; it cannot lie ahead by more than clocks and zones of two offices may differ."""
    moment = moment_in(cells, name, house)
    if moment > house.clock.now_ms() + AHEAD_MS:
        raise RowFault(f"{name} lies ahead")
    return moment


def day_ms(cells: Cells, name: str, house: House) -> int:
    """The beginning of a day that is not ahead, where the community is."""
    try:
        day = date.fromisoformat(needed_in(cells, name))
    except ValueError as error:
        if isinstance(error, RowFault):
            raise
        raise RowFault(f"{name} is not a date such as 2026-01-31") from None
    begun = round(datetime.combine(day, time(), house.zone).timestamp() * 1000)
    if begun > house.clock.now_ms() + AHEAD_MS:
        raise RowFault(f"{name} lies ahead")
    return begun


def choice_in(cells: Cells, name: str, choices: tuple[str, ...], default: str) -> str:
    value = cells.get(name, "") or default
    if value not in choices:
        raise RowFault(f"{name} is not one of {', '.join(choices)}")
    return value


def listing_wish(cells: Cells, _house: House) -> ListingWish:
    """Columns: listing, name, unit, operator, state, max_guests, room, label, access_points (spaces between)."""
    code = needed_in(cells, "listing")
    fault = listing_code_fault(code)
    if fault:
        raise RowFault(f"listing {code[:40]!r} {fault}")
    state = choice_in(cells, "state", tuple(ListingState), "")
    return ListingWish(
        listing=code,
        name=text_in(cells, "name"),
        unit=text_in(cells, "unit"),
        # A reference, never a name: names stand in the vault only.
        operator=ref_in(cells, "operator"),
        state=ListingState(state),
        max_guests=number_in(cells, "max_guests", 1, 99),
        room=ref_in(cells, "room"),
        label=text_in(cells, "label"),
        access_points=tuple(needed_in(cells, "access_points").split()),
    )


def booking_wish(cells: Cells, house: House) -> BookingWish:
    """Columns: source, external_ref, external_revision, listing, room, arrival, departure, headcount, state."""
    return BookingWish(
        source=ref_in(cells, "source"),
        external_ref=ref_in(cells, "external_ref"),
        revision=number_in(cells, "external_revision", 0, 10**12 - 1),
        listing=ref_in(cells, "listing"),
        room=ref_in(cells, "room"),
        arrival_ms=moment_in(cells, "arrival", house),
        departure_ms=moment_in(cells, "departure", house),
        headcount=number_in(cells, "headcount", 1, 99),
        cancelled=choice_in(cells, "state", ("confirmed", "cancelled"), "confirmed") == "cancelled",
    )


def registration_wish(cells: Cells, house: House) -> RegistrationWish:
    """Columns: source, external_ref, name, document_type, document_issuer, document_number, birth_date, method, proofing;
    for a minor guardian_contact and relation; where a reader gave it, mrz; what the law of the place asks besides."""
    zone = _zone(cells, house)
    document = _document(cells, house)
    birth = _birth(cells, house)
    if document.birth is not None and document.birth != birth:
        raise RowFault("birth_date is not the one inside the resident id")
    if zone is not None and (zone.number, zone.birth) != (document.number, birth):
        raise RowFault("mrz has another document number or birth date than the columns")
    said = cells.get("nationality", "").upper()
    if said and not re.fullmatch(r"[A-Z]{3}", said):
        raise RowFault("nationality is not three letters such as FRA")
    return RegistrationWish(
        source=ref_in(cells, "source"),
        external_ref=ref_in(cells, "external_ref"),
        name=text_in(cells, "name", NAME_MAX),
        document=document,
        birth=birth,
        method=choice_in(cells, "method", METHODS, "staff"),
        proofing=number_in(cells, "proofing", 0, PROOFING_MAX),
        guardian_contact=cells.get("guardian_contact", "")[:TEXT_MAX],
        relation=cells.get("relation", "")[:TEXT_MAX],
        nationality=said or (zone.nationality if zone is not None else ""),
        emergency=answers_in(cells, EMERGENCY_FIELDS),
        more={name: value[:TEXT_MAX] for name in MORE_FIELDS if (value := _more(cells, name))},
    )


def _more(cells: Cells, name: str) -> str:
    """A cell has one line; an address of four parts is kept in four."""
    value = cells.get(name, "").strip()
    parts = [part.strip() for part in value.split("/")]
    return "\n".join(parts) if name == "residence" and len(parts) == RESIDENCE_LINES else value


def _zone(cells: Cells, house: House) -> Mrz | None:
    """The machine readable zone, its lines one after the other with a slash or a space between."""
    text = cells.get("mrz", "")
    if not text:
        return None
    read = read_mrz("\n".join(re.split(r"[\s/]+", text)), house.local_day(house.clock.now_ms()))
    if isinstance(read, MrzFault):
        raise RowFault(f"mrz: {read.sentence}")
    return read


def subject_wish(kind: Kind, cells: Cells, house: House) -> SubjectWish:
    """Columns: ref, name, class, access_points (spaces between), valid_from, valid_until, card, code_key, pin,
    class_only, state."""
    classes = RESIDENT_CLASSES if kind == "residents" else STAFF_CLASSES
    begins, ends = (moment_in(cells, name, house) for name in ("valid_from", "valid_until"))
    if ends <= begins:
        raise RowFault("valid_until is not after valid_from")
    return SubjectWish(
        kind=kind,
        ref=ref_in(cells, "ref"),
        name=text_in(cells, "name", NAME_MAX),
        cls=choice_in(cells, "class", classes, classes[0]),
        access_points=tuple(needed_in(cells, "access_points").split()),
        valid_from_ms=begins,
        valid_until_ms=ends,
        class_only=choice_in(cells, "class_only", ("yes", "no"), "no") == "yes",
        ended=choice_in(cells, "state", ("active", "ended"), "active") == "ended",
        card=card_of_read(cells.get("card", "")) or _keyed(cells, "card", CARD, "4 to 20 bytes as hex"),
        code_key=_code_key(cells),
        pin=_keyed(cells, "pin", PIN, "6 to 12 digits"),
    )


def _keyed(cells: Cells, name: str, shape: re.Pattern[str], words: str) -> str:
    """Empty, "-", or what has this shape; hex is read with or without colons and in any case."""
    value = cells.get(name, "").replace(":", "").upper()
    if value not in ("", TAKEN_AWAY) and not shape.fullmatch(value):
        raise RowFault(f"{name} is not {words}")
    return value


def _code_key(cells: Cells) -> bytes | None:
    value = cells.get("code_key", "")
    if value in ("", TAKEN_AWAY):
        return b"" if value else None
    try:
        raw = base64.b64decode(value, validate=True)
        Ed25519PublicKey.from_public_bytes(raw)
    except ValueError:
        raise RowFault("code_key is not base64 of 32 bytes of Ed25519") from None
    return raw


def _document(cells: Cells, house: House) -> Document:
    checked = check_document(
        needed_in(cells, "document_type"),
        cells.get("document_issuer", ""),
        needed_in(cells, "document_number"),
        synthetic=house.synthetic,
    )
    if isinstance(checked, DocumentRefused):
        raise (CheckFault if checked.fault is DocumentFault.CHECK else RowFault)(checked.sentence)
    return checked


def _birth(cells: Cells, house: House) -> date:
    try:
        birth = date.fromisoformat(needed_in(cells, "birth_date"))
    except ValueError as error:
        if isinstance(error, RowFault):
            raise
        raise RowFault("birth_date is not a date such as 1990-01-31") from None
    if not 0 <= (house.local_day(house.clock.now_ms()) - birth).days < 366 * 130:
        raise RowFault("birth_date lies in the future or more than 130 years back")
    return birth
