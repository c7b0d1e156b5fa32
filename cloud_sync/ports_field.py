"""Matters that staff take down, and tasks in the field: what the pages may ask (domain.md §§11.7, 17)."""

from dataclasses import dataclass
from typing import Protocol

from cloud_sync.ports import User


@dataclass(frozen=True, slots=True)
class MatterWish:
    """``join``: the open case it is to be added to; ``apart``: it is a story of its own, whatever else is open."""

    kind: str
    place: str
    words: str
    join: str = ""
    apart: bool = False


@dataclass(frozen=True, slots=True)
class MatterTaken:
    """``token`` is shown once, to whoever reported; ``similar`` is a case to be asked about first, and then nothing is kept."""

    case_id: str = ""
    token: str = ""
    similar: str = ""


@dataclass(frozen=True, slots=True)
class MatterStatus:
    """How a report stands: no name, no place."""

    kind: str
    state: str
    at_ms: int
    closed_ms: int | None


class MatterDesk(Protocol):
    """What people report to staff becomes a case, and a link by which they see how it stands."""

    def report(self, wish: MatterWish, user: User) -> MatterTaken:
        """Raises Refused for a kind or place that is not known, or when nothing is said."""
        ...

    def status(self, token: str) -> MatterStatus | None:
        """None for a link that was never given, or whose case is kept no more."""
        ...


@dataclass(frozen=True, slots=True)
class SweepWish:
    """A patrol's points are doors as well as units, and it may be due in ``hours``."""

    kind: str
    units: tuple[str, ...]
    days: int
    reason: str
    hours: int = 0


@dataclass(frozen=True, slots=True)
class TaskLine:
    task: str
    unit: str
    state: str
    claimed_by: str
    result: str
    note: str
    due_ms: int
    reported_ms: int | None = None
    point_zh: str = ""  # the door's names, where the task is a point of a round
    point_en: str = ""


@dataclass(frozen=True, slots=True)
class SweepLine:
    """``seen`` of ``planned`` were visited; ``checked`` of these were checked by another person."""

    sweep: str
    kind: str
    reason: str
    made_by: str
    due_ms: int
    planned: int
    seen: int
    checked: int
    missed: int
    tasks: tuple[TaskLine, ...]


class FieldDesk(Protocol):
    """Sweeps and their tasks; every act is one transaction with an audit row."""

    def plan(self, wish: SweepWish, user: User) -> str:
        """Raises Refused for a unit that is not in the register, or a sweep that is empty, too large or too long."""
        ...

    def act(self, task: str, event: str, user: User, *, result: str = "", note: str = "") -> None:
        """claim, give back, report, check or send back.

        Raises:
            NotFound: no such task.
            Refused: the task is not there now, or a guard does not hold.
        """
        ...

    def sweeps(self, *, most: int) -> tuple[SweepLine, ...]:
        """The newest first."""
        ...
