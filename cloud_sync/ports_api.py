"""What the HTTP interface keeps for programs: their tokens, and the answers it has given them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cloud_sync.core.roles import Right
from cloud_sync.ports import User


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a token speaks for, and what it may: its scopes, and nothing that this person's role may not."""

    token: str  # its name
    user: User
    rights: frozenset[Right]


@dataclass(frozen=True, slots=True)
class TokenWish:
    name: str
    user: str
    scopes: tuple[str, ...]
    days: int


@dataclass(frozen=True, slots=True)
class TokenLine:
    """One token for inspection: how it begins, never the rest."""

    name: str
    shown: str
    user: str
    scopes: tuple[str, ...]
    made_by: str
    made_ms: int
    ends_ms: int
    used_ms: int | None
    revoked_by: str | None
    revoked_ms: int | None


class ApiTokens(Protocol):
    def whose(self, token: str, *, address: str) -> Holder | None:
        """Who shows this token from this address; None for one that is wrong, over or revoked.

        Raises:
            TooMany: this address has shown too many wrong ones lately.
        """
        ...

    def wrote(self, holder: Holder, call: str) -> None:
        """A call that writes was let in; it stands in the audit log beside what it did."""
        ...


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that was given before."""

    status: int
    media_type: str
    body: bytes = field(repr=False)


class Answers(Protocol):
    """What was answered to a key, for a day: so that asking twice does it once."""

    def begin(self, caller: str, key: str, digest: str) -> Kept | None:
        """The answer to give again, or None: it is this caller's to do now.

        Raises:
            Conflict: it is being done, or its answer was not kept.
            KeyMisused: the key stood for something else.
            TooMany: there are too many keys.
        """
        ...

    def finish(self, caller: str, key: str, answer: Kept) -> None: ...

    def release(self, caller: str, key: str) -> None:
        """It was not done; the key may be sent again."""
        ...


# --- the records, page by page: ids, states, counts and moments, never a person -------------------------------


@dataclass(frozen=True, slots=True)
class ListingItem:
    listing: str
    unit: str
    operator: str
    state: str
    max_guests: int


@dataclass(frozen=True, slots=True)
class StayItem:
    stay: str
    listing: str
    room: str
    state: str
    planned_in_ms: int
    planned_out_ms: int
    checked_out_ms: int | None
    arrived: bool
    headcount: int
    registered: int


@dataclass(frozen=True, slots=True)
class CaseItem:
    case: str
    family: str
    kind: str
    severity: str
    state: str
    owner_role: str
    opened_ms: int
    last_seen_ms: int
    count: int
    node: str | None
    access_point: str | None


@dataclass(frozen=True, slots=True)
class NodeItem:
    node: str
    online: bool
    head: int
    acked: int
    drained_through_ms: int
    clock_state: str
    software: str
    doors: int


class Records(Protocol):
    """Each in the order of its ids, from behind ``after``, at most so many."""

    def listings(self, *, after: str, most: int) -> Sequence[ListingItem]: ...

    def stays(self, *, after: str, most: int) -> Sequence[StayItem]:
        """Without those that are hidden."""
        ...

    def cases(self, *, after: str, most: int) -> Sequence[CaseItem]:
        """Without those that would tell of a hidden stay."""
        ...

    def nodes(self, *, after: str, most: int) -> Sequence[NodeItem]: ...


# --- webhooks: programs that are told ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DueHook:
    """One delivery, this caller's for the next minutes; its id is the same however often it is sent."""

    id: str
    url: str
    secret: bytes = field(repr=False)
    body: str = field(repr=False)


class HookBook(Protocol):
    def collect(self) -> int:
        """What happened since the last call is queued for whoever asked; how many deliveries."""
        ...

    def claim(self, *, most: int) -> Sequence[DueHook]: ...

    def sent(self, delivery: str, receipt: str) -> None: ...

    def failed(self, delivery: str, problem: str) -> None:
        """Due again later; after the last time it is dead, and a person may send it again."""
        ...
