"""What the pages of an operator may ask: its own listings, bookings, returns and letters, and nobody's name."""

from dataclasses import dataclass
from typing import Protocol

from cloud_sync.core.conduct import Rule
from cloud_sync.ports_booking import Filed
from cloud_sync.ports_model import ListingRow, ListingView, Person


@dataclass(frozen=True, slots=True)
class OwnStay:
    """One booking with how far its guests are: counts and moments, no person."""

    stay: str
    source: str
    external_ref: str
    state: str
    booking_state: str
    listing: str
    room: str
    planned_in_ms: int
    planned_out_ms: int
    headcount: int
    registered: int
    first_entry_ms: int | None
    wish_ms: int | None = None  # until when its guests ask to stay, where nobody has answered yet

    @property
    def missing(self) -> int:
        return max(0, self.headcount - self.registered)


@dataclass(frozen=True, slots=True)
class ReturnDay:
    """One day of the daily return; ``guests`` is None until it is filed."""

    day: str
    due_ms: int
    guests: int | None
    late: bool


@dataclass(frozen=True, slots=True)
class LetterLine:
    """A letter at the version that holds now, and which version was acknowledged when; 0: none."""

    kind: str
    version: int
    acknowledged: int
    at_ms: int | None


@dataclass(frozen=True, slots=True)
class StaffLine:
    """Somebody of the operator's staff, by the reference of the staff file."""

    ref: str
    role: str
    from_ms: int
    until_ms: int | None
    training_ms: int | None
    health_until_ms: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """One line that the operator is told without asking: what happened to which listing, about what."""

    notice: str
    topic: str
    listing: str
    about: str
    reason: str
    made_ms: int
    state: str


@dataclass(frozen=True, slots=True)
class OperatorHome:
    operator: str
    listings: tuple[ListingRow, ...]
    returns: tuple[ReturnDay, ...]
    letters: tuple[LetterLine, ...]
    told: tuple[Told, ...]


class OperatorDesk(Protocol):
    """``by`` decides whose everything is: what belongs to another operator is not there (NotFound)."""

    def home(self, by: Person) -> OperatorHome: ...

    def listing(self, listing: str, by: Person) -> ListingView: ...

    def stays(self, by: Person) -> tuple[OwnStay, ...]: ...

    def stay(self, stay: str, by: Person) -> OwnStay: ...

    def answer_departure(self, stay: str, departure_ms: int, by: Person, *, agrees: bool) -> None:
        """Yes or no to guests who ask to stay until then; yes makes booking and passes longer.

        Raises:
            Refused: that is not asked any more, or the room is let to another stay.
        """
        ...

    def staff(self, by: Person) -> tuple[StaffLine, ...]: ...

    def file_return(self, day: str, guests: int, by: Person) -> Filed:
        """0 guests is a nil return; filed again, the newer number stands.

        Raises:
            Refused: the day is ahead or more than a month past, or the number cannot be.
        """
        ...

    def acknowledge(self, kind: str, version: int, language: str, by: Person) -> None: ...

    def declare(self, listing: str, document: str, state: str, by: Person) -> None: ...

    def submit(self, listing: str, by: Person) -> str: ...

    def appeal(self, id_: str, text: str, by: Person) -> str: ...

    def rules(self) -> tuple[Rule, ...]:
        """What points and sanctions cite, each rule at its newest version."""
        ...


@dataclass(frozen=True, slots=True)
class OperatorLine:
    """One operator for the officer: who logs in for it, and which way it is written to."""

    operator: str
    kind: str
    status: str
    user: str
    channel: str
    language: str


class OperatorBook(Protocol):
    """The community's side: who speaks for an operator, and where it is written to."""

    def operators(self, by: Person) -> tuple[OperatorLine, ...]: ...

    def give_login(self, operator: str, name: str, password: str, by: Person) -> None:
        """An account of the role operator, for this operator alone.

        Raises:
            NotFound: no such operator.
            Refused: it has a login already, the name is taken, or name or password cannot be.
        """
        ...

    def set_contact(self, operator: str, channel: str, address: str, language: str, by: Person) -> None:
        """Where this operator is written to; the address goes to the vault.

        Raises:
            NotFound: no such operator.
            Refused: the language or the address cannot be.
        """
        ...
