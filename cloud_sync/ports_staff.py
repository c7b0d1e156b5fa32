"""What staff do with the records by hand: prove a person, change a booking, answer who stands at a gate."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, Protocol

from cloud_sync.core.jurisdiction import GuestKind
from cloud_sync.core.minors import Must
from cloud_sync.ports_guest import FormAnswer

ProofMethod = Literal["staff", "live-video"]
# What each way of looking proves (domain.md §14): in person, or by a call that ties face and document.
PROOFING_OF: Mapping[ProofMethod, int] = MappingProxyType({"staff": 4, "live-video": 3})


@dataclass(frozen=True, slots=True)
class Proof:
    """One person as somebody of the staff saw them; ``form`` has the fields of a guest's own form, as typed."""

    source: str
    external_ref: str
    method: ProofMethod
    reason: str
    form: Mapping[str, str] = field(repr=False)
    subject_ref: str = (
        ""  # whose place in the party this is; empty: found by the document, else the next free one
    )


@dataclass(frozen=True, slots=True)
class Proved:
    """What the proof led to: the pass, the doors it opens, and between when."""

    subject_ref: str
    pass_id: str
    pass_state: str
    proofing: int
    doors: tuple[str, ...]
    not_before_ms: int
    not_after_ms: int


@dataclass(frozen=True, slots=True)
class PartyMember:
    """One place of a party, without a name."""

    subject_ref: str
    role: str
    registration: str  # a state of the registration, "" before anything was sent
    proofing: int
    pass_state: str
    minor: bool = False


@dataclass(frozen=True, slots=True)
class Party:
    """The stay of one booking, as the gate needs it to know whom to prove."""

    source: str
    external_ref: str
    stay: str
    state: str
    room: str
    planned_in_ms: int
    planned_out_ms: int
    members: tuple[PartyMember, ...]
    asks: Mapping[str, GuestKind | None]  # as for a guest's own form


@dataclass(frozen=True, slots=True)
class MustDone:
    """One of the five musts about a minor; ``by`` is empty until a person has ticked it."""

    must: Must
    by: str = ""
    at_ms: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class MinorCare:
    """The five musts of a stay with somebody under age, without a name.  ``alone``: no adult is registered with them."""

    stay: str
    room: str
    minors: int
    alone: bool
    musts: tuple[MustDone, ...]


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What a report led to: its case, whether the liaison is written to, and whom the staff call now."""

    case: str
    written: bool
    guardians: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody at a gate who says which booking is theirs.  ``bookings`` are those it fits, for the staff's eyes only."""

    id: str
    access_point: str
    name_zh: str
    name_en: str
    said: str
    asked_ms: int
    bookings: tuple[tuple[str, str], ...]  # (source, external_ref)


@dataclass(frozen=True, slots=True)
class DryRunCount:
    reason: str
    credential_kind: str
    cls: str
    count: int


@dataclass(frozen=True, slots=True)
class DryRunReport:
    """What a door on trial would have said: denials by reason, of all that it was asked."""

    access_point: str
    since_ms: int
    until_ms: int
    asked: int
    would_deny: int
    denials: tuple[DryRunCount, ...]  # the most frequent first


@dataclass(frozen=True, slots=True)
class Place:
    """What stands over a door and its community, in both languages."""

    community_zh: str
    community_en: str
    door_zh: str
    door_en: str
    synthetic: bool

    def community(self, *, chinese: bool) -> str:
        return self.community_zh if chinese else self.community_en

    def door(self, *, chinese: bool) -> str:
        return self.door_zh if chinese else self.door_en


class StaffDesk(Protocol):
    """Every change is one transaction with an audit row that names who did it and why."""

    def party(self, source: str, external_ref: str, *, privy: bool = False) -> Party:
        """Raises NotFound where there is no such booking, and of a hidden stay for whoever is not ``privy`` to it."""
        ...

    def prove(self, proof: Proof, *, actor: str) -> Proved | FormAnswer:
        """Verify one registration by a person who looked, and arm its pass, room included; or say which fields cannot be.

        Raises:
            Refused: no reason, the look is below what the community asks, or the stay takes nobody (``rule`` says which).
            NotFound: no such booking, or nobody of this party.
        """
        ...

    def minor_care(self, stay: str) -> MinorCare:
        """Raises NotFound where nobody under age is registered for this stay."""
        ...

    def tick_must(self, stay: str, must: str, *, actor: str, reason: str) -> None:
        """One of the five musts was done.

        Raises:
            Refused: no reason, ticked before, or the records do not show it (``rule`` says which).
            NotFound: as ``minor_care``.
        """
        ...

    def report_suspicion(self, stay: str, *, actor: str, reason: str) -> Suspicion:
        """Tell the police liaison, open an S1 case, and open the guardians' numbers for whoever reports.

        Raises:
            Refused: no reason.
            NotFound: as ``minor_care``.
        """
        ...

    def visitor_let_in(self, place: str, *, actor: str, reason: str) -> bool:
        """Somebody was let in who visits this room or dwelling; whether that opened a case (a minor is alone there).

        Raises:
            NotFound: no such room or dwelling.
        """
        ...

    def companion_let_in(self, place: str, *, actor: str) -> None:
        """Somebody was let in who belongs to the party of this room or dwelling and is not registered.

        Raises:
            NotFound: no such room or dwelling, or nobody stays there now.
        """
        ...

    def cancel_booking(self, source: str, external_ref: str, *, actor: str, reason: str) -> str:
        """The state of the stay afterwards: before arrival nobody comes in; inside, only the way out is left."""
        ...

    def move_departure(
        self, source: str, external_ref: str, departure_ms: int, *, actor: str, reason: str
    ) -> str:
        """Extend or shorten; the same credentials go on."""
        ...

    def move_room(self, source: str, external_ref: str, room: str, *, actor: str, reason: str) -> str: ...

    def place(self, access_point: str) -> Place | None:
        """None for a door nobody knows."""
        ...

    def announce_arrival(self, access_point: str, said: str) -> None:
        """Keep what somebody at a gate typed; says nothing about whether it fits anything."""
        ...

    def arrivals(self) -> tuple[Arrival, ...]:
        """Those who wait, the latest first."""
        ...

    def bookings_of(self, external_ref: str) -> tuple[tuple[str, str], ...]:
        """Open bookings with this number, as (source, number), at most five: a guest rarely knows the source's name."""
        ...

    def answer_arrival(self, arrival: str, source: str, external_ref: str, *, actor: str) -> str:
        """A fresh guest token for that booking, for the phone of the person who stands there."""
        ...

    def export_subject(
        self, source: str, external_ref: str, subject_ref: str | None, *, actor: str, reason: str
    ) -> dict[str, Any]:
        """Everything about one person of a booking, under every stay of the same document; each field opened is disclosed.

        Raises:
            Refused: no reason.
            NotFound: no such booking, or nobody of this party.
        """
        ...

    def erase_subject(
        self, source: str, external_ref: str, subject_ref: str | None, *, actor: str, reason: str
    ) -> int:
        """End what nothing orders to keep, once the stay is over; how many consents that ended."""
        ...
