"""The mechanical mutants: each row of the door's table dropped, led to another mode, or without its actions.

A row is changed in place, so that whoever has indexed the table meets the change too; ``undo`` puts it back.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge.core.door_actions import Context
from edge.core.door_table import TABLE, Row
from edge.core.door_types import Mode, Step
from sim.rows import counts, name_of


@dataclass(frozen=True, slots=True)
class Mutant:
    """``kind`` drop, mute (no actions), or the mode that row ``row`` leads to instead."""

    row: int
    kind: str

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.row:02}"

    def __str__(self) -> str:
        what = {"drop": "dropped", "mute": "without its actions"}.get(self.kind, f"led to {self.kind}")
        return f"row {name_of(self.row)}: {what}"


def all_mutants() -> Iterator[Mutant]:
    for index, row in enumerate(TABLE):
        yield Mutant(index, "drop")
        if any(not counts(action) for action in row.do):
            yield Mutant(index, "mute")
        for mode in Mode:
            if mode is not row.after:
                yield Mutant(index, mode.value)


def mutant_of(name: str) -> Mutant:
    kind, row = name.split(":")
    return Mutant(int(row), kind)


def apply(mutant: Mutant) -> Callable[[], None]:
    """Change the row; the answer undoes it."""
    row = TABLE[mutant.row]
    field, value = _change(row, mutant.kind)
    before = getattr(row, field)
    object.__setattr__(row, field, value)
    return lambda: object.__setattr__(row, field, before)


def _never(_step: Step, _ctx: Context) -> bool:
    """never"""
    return False


def _change(row: Row, kind: str) -> tuple[str, object]:
    match kind:
        case "drop":
            return "guard", _never
        case "mute":
            return "do", tuple(action for action in row.do if counts(action))
        case _:
            return "after", Mode(kind)
