"""Shifts at the gate: who is on, what a report holds, and how one person hands over to another."""

from dataclasses import dataclass
from typing import Protocol

from cloud_sync.core.case_types import CaseState
from cloud_sync.core.shifts import GROUP_OF, Group
from cloud_sync.ports import User


@dataclass(frozen=True, slots=True)
class SheetCase:
    """A case by its kind and place; ``about`` is what floods, and empty for everything else."""

    id: str
    family: str
    kind: str
    severity: str
    state: CaseState
    place_zh: str
    place_en: str
    about: str
    owner: str
    since_ms: int

    @property
    def group(self) -> Group:
        return GROUP_OF[self.state]


@dataclass(frozen=True, slots=True)
class SheetCommand:
    """What somebody told a door, or all doors of a zone, with what became of it."""

    id: str
    at_ms: int
    op: str
    place_zh: str
    place_en: str
    actor: str
    second: str
    state: str
    zone: bool


@dataclass(frozen=True, slots=True)
class SheetDoor:
    """A door that was forced or held open."""

    at_ms: int
    type: str
    place_zh: str
    place_en: str


@dataclass(frozen=True, slots=True)
class SheetNote:
    at_ms: int
    actor: str
    text: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """One report: what stood open at its end, and what happened in it.  ``cut`` names lists that were longer."""

    from_ms: int
    until_ms: int
    cases: tuple[SheetCase, ...]
    commands: tuple[SheetCommand, ...]
    doors: tuple[SheetDoor, ...]
    notes: tuple[SheetNote, ...]
    cut: tuple[str, ...] = ()

    def of(self, group: Group) -> tuple[SheetCase, ...]:
        return tuple(case for case in self.cases if case.group is group)


@dataclass(frozen=True, slots=True)
class ShiftLine:
    """``handed``: the cases that went to whoever took over."""

    shift: str
    user: str
    state: str
    from_ms: int
    note: str
    to: str
    signed_ms: int | None
    over_ms: int | None
    handed: tuple[str, ...]


class ShiftDesk(Protocol):
    """Every act is one transaction with an audit row."""

    def on(self) -> tuple[ShiftLine, ...]:
        """Who is on shift, and who has signed and waits to be relieved; the longest first."""
        ...

    def earlier(self, *, most: int) -> tuple[ShiftLine, ...]:
        """Those that are over, the latest first."""
        ...

    def sheet(self, since_ms: int) -> Sheet:
        """As of now."""
        ...

    def kept(self, shift: str) -> tuple[ShiftLine, Sheet]:
        """As it was signed; raises NotFound for a shift that is not there or not signed."""
        ...

    def begin(self, user: User) -> str:
        """Raises Refused for who is on shift already."""
        ...

    def note(self, text: str, user: User) -> None:
        """Raises Refused when nothing is said, or more than a line."""
        ...

    def sign(self, shift: str, to: str, note: str, user: User) -> None:
        """Keep the report as it is now, and offer what the leaving person owns to ``to``.

        Raises:
            NotFound: no such shift.
            Refused: another's shift, no note, or nobody to take over.
        """
        ...

    def take_over(self, shift: str, user: User) -> str:
        """The cases are this user's from now, and so is the shift; returns the new one.

        Raises:
            NotFound: no such shift.
            Refused: it was not signed over to this user.
        """
        ...
