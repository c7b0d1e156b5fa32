"""Reports to authorities: what a connector promises, what the queue promises, and what is shown of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cloud_sync.core.lifecycles_upstream import SubmissionState
from cloud_sync.core.reporting import Op, Shape


@dataclass(frozen=True, slots=True)
class Report:
    """One telling of one person.  ``values`` has the fields of the connector's shape that are known, and no others."""

    reference: str  # ours; the same for every try of the same report
    op: Op
    synthetic: bool
    values: Mapping[str, str] = field(repr=False)
    number: str = ""  # the recipient's own number of what is corrected, ended or taken back


# --- what became of it -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Acked:
    """The recipient has it and says so; ``receipt`` is its number, or its words where it gives none."""

    receipt: str


@dataclass(frozen=True, slots=True)
class Taken:
    """The recipient has it and will judge it later; ``ticket`` is what to ask with."""

    ticket: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The recipient will never take it as it is."""

    why: str


@dataclass(frozen=True, slots=True)
class NotTaken:
    """Surely not there: it never left, or the recipient said that it took nothing."""

    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may be there or not: it left, and no answer came that says."""

    why: str


@dataclass(frozen=True, slots=True)
class Unnumbered:
    """It is there by the recipient's word, and its number can only be read by a person in the recipient's own pages."""

    why: str


Outcome = Acked | Taken | Rejected | NotTaken | Unknown | Unnumbered


class Connector(Protocol):
    """One recipient.  Safe from several threads.

    Every call refuses (``Refused``) for a synthetic community, and for a person with a document that belongs to nobody,
    before anything leaves; what the far side does is an ``Outcome`` and never an exception.
    """

    @property
    def shape(self) -> Shape: ...

    @property
    def recipient(self) -> str:
        """Who is told, for the disclosure log."""
        ...

    def body(self, report: Report) -> bytes:
        """What would leave for this report, credentials aside: equal reports have equal bodies.

        Raises:
            Refused: a value cannot be said in this protocol.
        """
        ...

    def send(self, report: Report) -> Outcome: ...

    def ask(self, report: Report, ticket: str) -> Outcome:
        """Whether the recipient has it; ``NotTaken`` when it says no.  ``ticket`` is what ``Taken`` gave, or empty."""
        ...


# --- the queue ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DueSubmission:
    """One report that is this worker's alone until ``claim`` is taken by another."""

    id: str
    claim: str
    connector: str
    op: Op
    state: SubmissionState
    reference: str
    uncertain: bool  # it may have left before and no answer is known
    ticket: str
    body_mac: str  # of what left, "" before that
    person: str
    minor: bool
    synthetic: bool
    number: str
    record: Mapping[str, str] = field(repr=False)  # facts that stand outside the vault


class SubmissionBook(Protocol):
    """The queue in the service's database.  Every call is one transaction, committed when it returns."""

    def derive(self) -> int:
        """Queue what the records owe and has not been told; how many that were."""
        ...

    def watch_clocks(self) -> int:
        """Raise D12 where a legal deadline comes near or has passed; how many changed."""
        ...

    def claim(self, *, most: int) -> Sequence[DueSubmission]:
        """What is due, this caller's alone for the next minutes."""
        ...

    def open_fields(self, due: DueSubmission, shape: Shape) -> Mapping[str, str]:
        """Exactly the fields the shape allows for this person, each opened by the vault for this connector.

        Raises:
            Refused: a needed one is not there; the sentence names the fields.
        """
        ...

    def mac(self, body: bytes) -> str:
        """Equal bodies have equal macs; it tells nothing else."""
        ...

    def begin(self, due: DueSubmission, recipient: str, fields: Sequence[str], mac: str) -> bool:
        """Disclosure row and SENT, committed before the first byte leaves; False: it is not this worker's any more."""
        ...

    def note(self, due: DueSubmission, outcome: Outcome) -> None: ...

    def give_up(self, due: DueSubmission, why: str) -> None:
        """DEAD_LETTER with a case: nothing the machine may do tells what is so."""
        ...

    def incomplete(self, due: DueSubmission, why: str) -> None:
        """REJECTED with a case, and nothing was sent."""
        ...

    def withdraw(self, due: DueSubmission, why: str) -> None: ...


# --- what people are shown ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SubmissionLine:
    id: str
    connector: str
    op: str
    state: str
    registration: str
    reference: str
    attempts: int
    sends: int
    made_ms: int
    due_ms: int
    next_ms: int | None
    ended_ms: int | None
    receipt: str
    problem: str


@dataclass(frozen=True, slots=True)
class DisclosureLine:
    """One telling: who was told what of whom, on which law, and what came back; no value of a field."""

    n: int
    at_ms: int
    submission: str
    attempt: int
    person: str
    registration: str
    connector: str
    recipient: str
    op: str
    fields: tuple[str, ...]
    basis: str
    outcome: str  # "" while no answer is known
    receipt: str
    answered_ms: int | None


@dataclass(frozen=True, slots=True)
class UpstreamTally:
    connector: str
    state: str
    count: int
    oldest_ms: int


class UpstreamReader(Protocol):
    """One community's reports for the officer's page."""

    @property
    def synthetic(self) -> bool: ...

    def tallies(self) -> Sequence[UpstreamTally]: ...

    def lines(self, *, most: int, states: Sequence[str] = ()) -> Sequence[SubmissionLine]:
        """Newest first."""
        ...

    def disclosures(self, *, most: int) -> Sequence[DisclosureLine]:
        """Newest first."""
        ...
