"""Cases and the gate staff (domain.md §11): what the pages may ask, what they are told, who is woken."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from cloud_sync.core.case_types import Case, CaseEvent
from cloud_sync.ports import User


@dataclass(frozen=True, slots=True)
class CaseLine:
    """One case with the names of its place; ``rev`` grows with every change of any case."""

    case: Case
    place_zh: str
    place_en: str
    rev: int


@dataclass(frozen=True, slots=True)
class CaseNote:
    """One line of a case's history; ``actor`` is empty when the world or a clock acted."""

    n: int
    at_ms: int
    actor: str
    event: str
    before: str | None
    after: str
    reason: str | None
    ref: str | None


@dataclass(frozen=True, slots=True)
class CaseView:
    """Everything about one case, and what the person who asked could do with it now."""

    line: CaseLine
    notes: tuple[CaseNote, ...]  # oldest first
    links: tuple[str, ...]  # discrepancies this case is about
    may: tuple[CaseEvent, ...]
    suggested: str = ""  # the class a rule suggests for a matter


@dataclass(frozen=True, slots=True)
class CaseWish:
    """What a person asks of a case."""

    event: CaseEvent
    reason: str = ""
    code: str = ""
    to: str = ""
    until_ms: int | None = None
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Department:
    """An office that can be asked: the fire brigade, the police post, the health office."""

    id: str
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True)
class InboxLine:
    """What a department is told of a case, and no more: what, where, how urgent, and what was asked."""

    id: str
    family: str
    kind: str
    severity: str
    colour: str
    department: str
    place_zh: str
    place_en: str
    state: str
    asked_ms: int
    asked: str
    due_ms: int | None
    may: tuple[CaseEvent, ...]


@dataclass(frozen=True, slots=True)
class CaseChange:
    """What open pages are told: which case, how grave, and whether it is to be heard."""

    id: str
    rev: int
    family: str
    kind: str
    severity: str
    state: str
    level: int
    asks: str  # the role on this rung of the ladder
    sounds: bool


class CaseDesk(Protocol):
    """Cases as people see and work them; every act is one transaction with an audit row."""

    def queue(self, user: User) -> tuple[CaseLine, ...]:
        """Open cases that ask for somebody and that this user may see: the gravest first, among equals the oldest."""
        ...

    def quiet(self, user: User, *, most: int) -> tuple[CaseLine, ...]:
        """Open ones that ask nobody now: silenced, explained by another case, or under repair."""
        ...

    def closed(self, user: User, *, most: int) -> tuple[CaseLine, ...]:
        """Closed ones, the latest first."""
        ...

    def case(self, case_id: str, user: User) -> CaseView:
        """Raises NotFound for a case that is not there, or not this user's to see."""
        ...

    def case_about(self, discrepancy: str) -> str | None:
        """The latest case that is about this discrepancy; None while none was made of it."""
        ...

    def act(self, case_id: str, wish: CaseWish, user: User) -> str:
        """Do it; returns the case to look at next (a new one after ``reopen``).

        Raises:
            Refused: the machine has no such step from here, or a guard does not hold (``rule`` names it).
            NotFound: no such case for this user.
        """
        ...

    def oldest_waiting_ms(self) -> int | None:
        """Since when the oldest alarm waits to become a case; None when none does, as it should be."""
        ...


class DepartmentDesk(Protocol):
    """Departments, and what they were asked; who works for one sees its cases only."""

    def all(self) -> tuple[Department, ...]: ...

    def put(self, department: Department, *, actor: str) -> None:
        """Enter a department, or correct its names; raises Refused for a word that is no id."""
        ...

    def join(self, department: str, user: str, *, actor: str) -> None:
        """Whoever has this login works for this department from now; raises NotFound for either that is not there."""
        ...

    def inbox(self, user: User) -> tuple[InboxLine, ...]:
        """What waits for a department, the earliest due first; the street and the community see all of them."""
        ...

    def act(self, case_id: str, wish: CaseWish, user: User) -> None:
        """Sign, make contact, report in, give the result, or return it.

        Raises:
            Refused: the machine has no such step from here, or a guard does not hold.
            NotFound: the department of this user was not asked about such a case.
        """
        ...


class CaseFeed(Protocol):
    """Changes of cases for pages that are open."""

    def subscribe(self, listener: Callable[[CaseChange], None]) -> Callable[[], None]: ...


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where one browser wants to be woken (RFC 8030), and the keys only it can read with (RFC 8291)."""

    endpoint: str
    p256dh: str
    auth: str


class PushBook(Protocol):
    """Browsers that asked to be woken for alarms."""

    @property
    def public_key(self) -> str:
        """The service's VAPID key as a browser takes it (base64url of the uncompressed point)."""
        ...

    def subscribe(self, user: User, subscription: Subscription) -> None:
        """Raises Refused for an address that is no push service's."""
        ...

    def unsubscribe(self, user: User, endpoint: str) -> None: ...


class PushSender(Protocol):
    """Hands one sealed message to a push service."""

    def send(self, subscription: Subscription, payload: bytes) -> Literal["sent", "gone", "failed"]:
        """``gone``: the browser is there no more; forget it."""
        ...
