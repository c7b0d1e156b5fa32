"""What the pages and commands may ask about how long things are kept, whose they are, and who looked where."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from cloud_sync.core.breach import FacesOn
from cloud_sync.core.retention import FacePersons, Hold, Proof
from cloud_sync.core.trace import TellingRule, TraceWish


@dataclass(frozen=True, slots=True)
class TraceTold:
    """What somebody decided about telling whoever is in it."""

    rule: TellingRule
    decided_by: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class TraceView:
    """One request, without its result."""

    trace: str
    wish: TraceWish
    asked_by: str
    asked_ms: int
    decided_by: str
    decided_ms: int | None
    state: str  # of core.trace.TraceState
    told: tuple[TraceTold, ...] = ()  # the newest last, and that one stands


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One event: a pseudonym, never a person."""

    at_ms: int
    access_point: str
    event: str  # its type
    direction: str
    credential_kind: str
    subject_ref: str


@dataclass(frozen=True, slots=True)
class TraceShown:
    view: TraceView
    lines: tuple[TraceLine, ...]
    cut: bool  # there were more than can be shown: ask for a shorter time
    shown_ms: int


@dataclass(frozen=True, slots=True)
class StepDone:
    by: str
    at_ms: int
    note: str


@dataclass(frozen=True, slots=True)
class BreachView:
    """A node with faces was lost: how many people's, and which steps of ``core.breach`` are done."""

    breach: str
    node: str
    told_ms: int
    told_by: str
    faces: FacesOn
    done: Mapping[str, StepDone]
    closed_ms: int | None


@dataclass(frozen=True, slots=True)
class HiddenStay:
    """A stay of which gate and operator see nothing, and who said so and why."""

    stay: str
    source: str
    external_ref: str
    set_by: str
    reason: str
    set_ms: int


class PrivacyDesk(Protocol):
    """Every change and every look is one transaction with an audit row; a look at somebody is disclosed to them too."""

    def proof(self) -> tuple[Proof, ...]:
        """The last night's, () before the first."""
        ...

    def holds(self) -> tuple[Hold, ...]: ...

    def hold(self, kind: str, ref: str, *, reason: str, days: int, actor: str) -> str:
        """Keep one clock's records (``clock``), or a booking's (``booking``: "SOURCE NUMBER"); Refused, NotFound."""
        ...

    def lift(self, hold: str, *, reason: str, actor: str) -> None: ...

    def face_persons(self) -> FacePersons: ...

    def hide_stay(self, source: str, external_ref: str, *, reason: str, actor: str) -> None:
        """Gate and operator see nothing of it; its doors open as before.  Refused (reason, hidden.already), NotFound."""
        ...

    def show_stay(self, stay: str, *, reason: str, actor: str) -> None:
        """Raises Refused (reason), NotFound."""
        ...

    def hidden_stays(self) -> tuple[HiddenStay, ...]: ...

    def traces(self) -> tuple[TraceView, ...]:
        """The newest first, a few dozen."""
        ...

    def trace(self, trace: str) -> TraceView:
        """Raises NotFound."""
        ...

    def ask_trace(self, wish: TraceWish, *, actor: str) -> str:
        """Raises Refused (trace.scope, .purpose, .case, .window, .many, reason), NotFound: no such booking or door."""
        ...

    def decide_trace(
        self, trace: str, *, approve: bool, actor: str, telling: TellingRule | None = None
    ) -> None:
        """Whoever approves says whether the person is told.

        Raises Refused (trace.same_person, .late, .decided, .telling, .ground, .until), NotFound.
        """
        ...

    def record_telling(self, trace: str, telling: TellingRule, *, actor: str) -> None:
        """Raises Refused (trace.told, .telling, .ground, .until, .same_person, .not_approved), NotFound."""
        ...

    def traces_owed(self) -> tuple[TraceView, ...]:
        """Where a telling was put off and its day has come."""
        ...

    def show_trace(self, trace: str, *, actor: str) -> TraceShown:
        """Raises Refused (trace.not_approved, .over), NotFound; the look is on record before anything is returned."""
        ...

    def breaches(self) -> tuple[BreachView, ...]:
        """Open ones first, a few dozen."""
        ...

    def breach(self, breach: str) -> BreachView:
        """Raises NotFound."""
        ...

    def tick_breach(self, breach: str, step: str, *, note: str, actor: str) -> None:
        """Raises Refused (breach.step, .done, reason), NotFound."""
        ...
