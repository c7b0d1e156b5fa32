"""Bookings, walk-ins and daily returns as programs and operators bring them, and calendars as the service reads them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from cloud_sync.core.calendar_feed import FeedEntry

KeyKind = Literal["bookings", "returns"]


@dataclass(frozen=True, slots=True)
class Told:
    """One booking as a program tells it; times are the community's own, or carry an offset."""

    external_ref: str
    revision: int
    listing: str
    room: str
    arrival: str
    departure: str
    headcount: int = 1
    state: Literal["confirmed", "cancelled"] = "confirmed"


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one telling; ``problem`` is empty unless it was not taken."""

    external_ref: str
    status: Literal["new", "updated", "unchanged", "rejected"]
    said: str


@dataclass(frozen=True, slots=True)
class TellingLine:
    revision: int
    effect: str
    times: int
    first_ms: int


@dataclass(frozen=True, slots=True)
class BookingView:
    """One booking for whoever brought it: no person is in it."""

    source: str
    external_ref: str
    revision: int
    state: str
    version: int
    stay_state: str
    listing: str
    room: str
    arrival_ms: int
    departure_ms: int
    headcount: int
    registered: int
    tellings: tuple[TellingLine, ...]


@dataclass(frozen=True, slots=True)
class WalkIn:
    """Somebody at the desk without a booking, for a room that is free."""

    room: str
    departure: str
    headcount: int
    reason: str


@dataclass(frozen=True, slots=True)
class WalkedIn:
    source: str
    external_ref: str
    stay: str


@dataclass(frozen=True, slots=True)
class Filed:
    operator: str
    day: str
    guests: int
    version: int
    status: Literal["new", "updated", "unchanged"]


@dataclass(frozen=True, slots=True)
class MissingReturn:
    """``due_ms``: noon of the next day, the community's time."""

    operator: str
    day: str
    due_ms: int


@dataclass(frozen=True, slots=True)
class IntakeKey:
    """Who may bring what, without the key itself: of that only a hash is kept."""

    name: str
    kind: str
    subject: str
    made_ms: int
    ended_ms: int | None


class BookingDesk(Protocol):
    """Every change is one transaction with an audit row that names who brought it."""

    def whose(self, key: str, kind: KeyKind) -> str | None:
        """The source or operator this key speaks for; None for a key nobody gave out, or that has ended."""
        ...

    def take(self, source: str, told: Sequence[Told], *, actor: str) -> list[Taken]:
        """Each telling by itself: one that cannot be taken costs no other."""
        ...

    def look(self, source: str, external_ref: str) -> BookingView:
        """Raises NotFound."""
        ...

    def walk_in(self, wish: WalkIn, *, actor: str) -> WalkedIn:
        """Raises Refused where the room is let, or the listing takes nobody."""
        ...

    def file_return(self, operator: str, day: str, guests: int, *, actor: str) -> Filed:
        """0 guests is a nil return; filed again, the newer number stands.

        Raises:
            Refused: the day is ahead or more than a month past.
            NotFound: nobody of that name has a listing here.
        """
        ...

    def missing_returns(self, *, days: int) -> tuple[MissingReturn, ...]:
        """Operators with a coded listing and no return, for each of the last ``days`` days that is due."""
        ...


# --- calendars ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FeedWish:
    """One room's calendar at one platform, as the configuration names it."""

    feed: str
    source: str
    listing: str
    room: str
    headcount: int
    url: str = field(repr=False)  # whoever knows it can read the calendar


@dataclass(frozen=True, slots=True)
class FeedState:
    etag: str = ""
    modified: str = ""
    tried_ms: int = 0
    good_ms: int | None = None
    misses: int = 0
    fault: str = ""


@dataclass(frozen=True, slots=True)
class FeedRead:
    """What one read changed; ``said`` is for people."""

    taken: int
    cancelled: int
    refused: int
    said: tuple[str, ...]


class Feeds(Protocol):
    def state(self, feed: str) -> FeedState: ...

    def unchanged(self, wish: FeedWish) -> None:
        """The far side said that nothing changed since the last good read."""
        ...

    def failed(self, wish: FeedWish, why: str) -> None:
        """Nothing could be read; the second time in a row people are told."""
        ...

    def read(
        self, wish: FeedWish, entries: Sequence[FeedEntry], *, data: bytes, etag: str, modified: str
    ) -> FeedRead: ...
