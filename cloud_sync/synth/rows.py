"""What comes out: rows with the minute they are told, and rows of truth; both know no file yet."""

from datetime import date, datetime, time, timedelta
from typing import NamedTuple

# (minute told, running number, kind of file, cells); the number keeps rows of one minute in the order they were made.
Told = tuple[int, int, str, tuple[str, ...]]

HEADERS: dict[str, tuple[str, ...]] = {
    # As cloud_sync.store.imports reads them, column for column.
    "bookings": (
        "source", "external_ref", "external_revision", "listing", "room", "arrival", "departure", "headcount", "state",
    ),
    "registrations": (
        "source", "external_ref", "name", "document_type", "document_number", "birth_date", "proofing",
        "document_issuer", "method", "guardian_contact", "relation",
    ),
    # What has no place in those, line by line beside them: when each row was told, and what else was said.
    "bookings_at": ("at", "name"),
    "registrations_at": ("at", "member", "sex", "phone", "email", "smartphone", "face", "nationality", "mrz"),
    "reports": ("at", "source", "external_ref", "member", "due_at", "result", "receipt"),
    "returns": ("at", "operator", "day", "guests"),
    "visitors": ("at", "ref", "host_unit", "access_points", "valid_from", "valid_until", "credential"),
    "verifications": ("at", "unit", "by"),
    "inspections": ("at", "listing", "unit", "rooms", "beds", "finding"),
    "complaints": ("at", "unit", "category"),
    "listing_states": ("at", "listing", "state", "reason"),
}  # fmt: skip


class Truth(NamedTuple):
    """Something that is wrong in the data, and where to see it.  Times are minutes since the first midnight."""

    kind: str
    subject: str
    begin: int
    end: int
    evidence: str
    note: str


TRUTH_HEADER = ("kind", "subject", "window_start", "window_end", "evidence", "note")


class Calendar:
    """Minutes of the run as local texts."""

    def __init__(self, start: date) -> None:
        self.midnight = datetime.combine(start, time())

    def text(self, minute: int) -> str:
        return (self.midnight + timedelta(minutes=minute)).isoformat(timespec="minutes")

    def day(self, day: int) -> str:
        return (self.midnight + timedelta(days=day)).date().isoformat()
