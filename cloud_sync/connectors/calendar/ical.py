"""An iCalendar as the nights it holds: what a platform says of one room, and nothing it says of a person.

Names and numbers that platforms put into SUMMARY and DESCRIPTION are not kept and not looked at, but for the words by which
a platform marks days that are only blocked.
"""

from collections.abc import Collection, Iterator
from datetime import date, datetime, time, tzinfo
from hashlib import sha256
from typing import Any

from cloud_sync.core.calendar_feed import FeedEntry
from cloud_sync.errors import ConnectorError

ENTRIES_MAX = 2_000
UID_MAX = 48  # with its prefix it stays below what a booking's reference may have
SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-")


def entries(
    data: bytes, *, zone: tzinfo, check_in: time, check_out: time, blocked: Collection[str] = ()
) -> tuple[FeedEntry, ...]:
    """Every booking of the calendar, in the order of arrival.

    Whole days arrive and leave at the hours of the house; times without a zone are the community's.

    Raises:
        ConnectorError: it is no calendar, or holds more than any room's would.
    """
    from icalendar import Calendar

    try:
        calendar = Calendar.from_ical(data)
        if calendar.name != "VCALENDAR":
            raise ConnectorError("the answer is no calendar.")
        found = list(_read(calendar, zone, check_in, check_out, blocked))
    except (
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise ConnectorError(f"the calendar cannot be read ({type(error).__name__}).") from error
    newest: dict[str, FeedEntry] = {}
    for entry in found:
        held = newest.get(entry.ref)
        if held is None or entry.sequence >= held.sequence:
            newest[entry.ref] = entry
    return tuple(sorted(newest.values(), key=lambda entry: (entry.arrival_ms, entry.ref)))


def _read(
    calendar: Any, zone: tzinfo, check_in: time, check_out: time, blocked: Collection[str]
) -> Iterator[FeedEntry]:
    for number, event in enumerate(calendar.walk("VEVENT")):
        if number >= ENTRIES_MAX:
            raise ConnectorError(f"the calendar has more than {ENTRIES_MAX} entries.")
        summary = str(event.get("SUMMARY", "")).casefold()
        if any(word.casefold() in summary for word in blocked):
            continue
        # A repeated entry is somebody's diary, not a booking.
        if "RRULE" in event or "DTSTART" not in event:
            continue
        begins = event.decoded("DTSTART")
        ends = event.decoded("DTEND") if "DTEND" in event else None
        if ends is None:
            continue
        arrival_ms, departure_ms = _ms(begins, check_in, zone), _ms(ends, check_out, zone)
        if departure_ms <= arrival_ms:
            continue
        yield FeedEntry(
            ref=_ref(str(event.get("UID", "")), arrival_ms, departure_ms),
            sequence=max(0, int(event.get("SEQUENCE", 0))),
            arrival_ms=arrival_ms,
            departure_ms=departure_ms,
            cancelled=str(event.get("STATUS", "")).upper() == "CANCELLED",
        )


def _ms(moment: date | datetime, hour: time, zone: tzinfo) -> int:
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, hour)
    local = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
    return round(local.timestamp() * 1000)


def _ref(uid: str, arrival_ms: int, departure_ms: int) -> str:
    """The platform's own where it can be a reference; a hash of it where not; the nights where it gave none."""
    if uid and len(uid) <= UID_MAX and set(uid) <= SAFE and uid[0].isalnum():
        return uid
    said = uid or f"{arrival_ms}-{departure_ms}"
    return f"u-{sha256(said.encode()).hexdigest()[:24]}"
