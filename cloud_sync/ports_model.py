"""Listings, their dossiers and their operators: what pages, HTTP interface and command line may ask and are told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cloud_sync.core.conduct import Rule, Standing
from cloud_sync.core.dossier import Answer, Verified
from cloud_sync.core.lifecycles import ListingState


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts: a login and its role, or the account at the command line."""

    name: str
    role: str


@dataclass(frozen=True, slots=True)
class UnitWish:
    unit: str
    building: str
    stair: str = ""
    floor: str = ""
    door_no: str = ""
    grid: str = ""
    use: str = "unknown"
    ownership: str = "unknown"


@dataclass(frozen=True, slots=True)
class OperatorWish:
    """``sealed``: name, phone and document number as typed; they go to the vault and never come back from here."""

    operator: str
    kind: str = "person"
    user: str = ""
    sealed: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class RoomWish:
    label: str
    beds: int
    max_guests: int


@dataclass(frozen=True, slots=True)
class FilingWish:
    operator: str
    unit: str
    name: str
    max_guests: int
    rooms: tuple[RoomWish, ...]
    ownership: str = "own"
    area_m2: int = 0
    platform_refs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListingRow:
    """One line of the register."""

    listing: str
    name: str
    unit: str
    operator: str
    state: ListingState
    reviewer: str
    decide_by_ms: int | None
    standing: Standing


@dataclass(frozen=True, slots=True)
class RoomView:
    room: str
    label: str
    beds: int
    max_guests: int
    doors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StepView:
    """One line of a history: who did what, and why."""

    at_ms: int
    actor: str
    role: str
    action: str
    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True)
class Missing:
    """What still stands against a code, each by its id."""

    documents: tuple[str, ...] = ()
    letters: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    interested: bool = False  # whoever asks may not review it

    @property
    def nothing(self) -> bool:
        return not (self.documents or self.letters or self.items or self.interested)


@dataclass(frozen=True, slots=True)
class PointsView:
    id: str
    listing: str
    rule: str
    rule_version: int
    delta: int
    evidence: tuple[str, ...]
    proposed_by: str
    proposed_ms: int
    state: str
    decided_by: str
    appeal: str
    next_ms: int | None


@dataclass(frozen=True, slots=True)
class SanctionView:
    id: str
    listing: str
    tier: int
    rule: str
    rule_version: int
    cents: int
    proposed_by: str
    proposed_ms: int
    reason: str
    state: str
    first_by: str
    second_by: str
    appeal: str


@dataclass(frozen=True, slots=True)
class FindingView:
    id: str
    unit: str
    kind: str
    note: str
    found_by: str
    found_ms: int
    state: str
    decided_by: str
    case: str


@dataclass(frozen=True, slots=True)
class ExceptionView:
    """More people than the listing takes, approved by name."""

    id: str
    extra: int
    reason: str
    approved_by: str
    until_ms: int


@dataclass(frozen=True, slots=True)
class ListingView:
    """The whole file of one listing, and what whoever asks could do with it now."""

    row: ListingRow
    max_guests: int
    ownership: str
    area_m2: int
    platform_refs: tuple[str, ...]
    filed_by: str
    filed_ms: int | None
    coded_ms: int | None
    next_review_ms: int | None
    reason: str
    rooms: tuple[RoomView, ...]
    documents: Mapping[str, str]
    answers: Mapping[str, Answer]
    inspected_ms: int | None
    missing: Missing
    history: tuple[StepView, ...]
    points: tuple[PointsView, ...]
    sanctions: tuple[SanctionView, ...]
    deposit_cents: int
    in_house: int
    expected: tuple[tuple[str, str], ...]  # bookings that a suspension keeps out: (source, number)
    may: tuple[str, ...]  # events this person could try now
    exceptions: tuple[ExceptionView, ...] = ()  # in force now


@dataclass(frozen=True, slots=True)
class UnitView:
    wish: UnitWish
    verified_ms: int | None
    verified_by: str
    stale: bool
    residents: tuple[tuple[str, int, int], ...]  # class, how many, as of
    listings: tuple[str, ...]
    history: tuple[StepView, ...]


@dataclass(frozen=True, slots=True)
class WorkQueue:
    """What waits for a person."""

    filed: tuple[ListingRow, ...]
    in_review: tuple[ListingRow, ...]
    lapsed: tuple[ListingRow, ...]
    points: tuple[PointsView, ...]
    sanctions: tuple[SanctionView, ...]
    findings: tuple[FindingView, ...]


class Filing(Protocol):
    """The operator's side.  Every call is one transaction with an audit row that names who did it."""

    def file(self, wish: FilingWish, by: Person) -> str:
        """A new listing in DRAFT; its number is reserved, and no code before it is approved.

        Raises:
            Refused: a fact is missing or cannot be.
            NotFound: no such unit, or no such operator that ``by`` speaks for.
        """
        ...

    def declare(self, listing: str, document: str, state: str, by: Person) -> None:
        """Note a document as declared, seen or absent; only the community says that it has seen one."""
        ...

    def acknowledge(self, operator: str, kind: str, version: int, language: str, by: Person) -> None: ...

    def submit(self, listing: str, by: Person) -> str:
        """Submit or submit again; the state afterwards.

        Raises:
            Refused: something is missing; the sentence names all of it.
        """
        ...

    def leave(self, listing: str, reason: str, by: Person) -> str:
        """Voluntary exit; the state afterwards."""
        ...

    def appeal(self, id_: str, text: str, by: Person) -> str:
        """Appeal against points (PT-…) or a sanction (SN-…); the state afterwards."""
        ...

    def listing(self, listing: str, by: Person) -> ListingView: ...


class ListingDesk(Filing, Protocol):
    """The community's side."""

    def rows(self, state: str = "") -> tuple[ListingRow, ...]: ...

    def queue(self) -> WorkQueue: ...

    def unit(self, unit: str) -> UnitView: ...

    def put_unit(self, wish: UnitWish, reason: str, by: Person) -> None: ...

    def put_operator(self, wish: OperatorWish, by: Person) -> None: ...

    def operator_leaves(self, operator: str, reason: str, by: Person) -> None:
        """
        Raises:
            NotFound: no such operator is on file.
            Refused: a listing of it is alive, its deposit is not paid back, or it has left before.
        """
        ...

    def flag_interest(self, user: str, operator: str, kind: str, by: Person) -> None: ...

    def assign(self, listing: str, reviewer: str, by: Person) -> str: ...

    def decide(self, listing: str, event: str, reason: str, by: Person) -> str:
        """return, reject, approve, review passed, 14 d over or recheck passed; the state afterwards.

        Raises:
            Refused: the table has no such step, or a guard does not hold; the sentence says which.
        """
        ...

    def inspect(self, listing: str, answers: Mapping[str, Answer], by: Person) -> str: ...

    def set_doors(self, room: str, doors: tuple[str, ...], by: Person) -> None: ...

    def approve_exception(self, listing: str, more: int, days: int, reason: str, by: Person) -> str:
        """More people than the listing takes, until the end of the day that is ``days`` ahead."""
        ...

    def end_exception(self, id_: str, reason: str, by: Person) -> None: ...

    def rules(self) -> tuple[Rule, ...]:
        """The catalogue, each rule at its newest version."""
        ...

    def propose_points(self, listing: str, rule: str, evidence: tuple[str, ...], by: Person) -> str: ...

    def decide_points(self, id_: str, event: str, reason: str, by: Person) -> str: ...

    def propose_sanction(
        self, listing: str, tier: int, rule: str, reason: str, by: Person, *, cents: int = 0
    ) -> str: ...

    def decide_sanction(self, id_: str, event: str, reason: str, by: Person) -> str:
        """confirm, dismiss, uphold or lift; a grave tier stays PROPOSED until a second person confirms it too."""
        ...

    def pay_deposit(self, operator: str, kind: str, cents: int, by: Person) -> int:
        """paid or refunded; the balance afterwards."""
        ...

    def report_unit(self, unit: str, kind: str, note: str, by: Person) -> str:
        """A unit that is let without a code was found; returns the finding's id."""
        ...

    def decide_finding(self, id_: str, event: str, reason: str, by: Person) -> str:
        """confirm or dismiss; the case that was opened, or "" for none."""
        ...


class Verifier(Protocol):
    """What the public page may ask: nothing but this."""

    def verify(self, code: str) -> Verified: ...
