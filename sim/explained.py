"""Mutants of the door's table that nobody can notice, and why: each changes words and not behaviour."""

from edge.core.door_table import TABLE
from edge.core.door_types import Mode
from sim.table_mutants import Mutant


def explanation(mutant: Mutant) -> str:
    """Why this mutant is the same door, or nothing where it is not known to be."""
    row = TABLE[mutant.row]
    if row.modes == {mutant.kind}:
        return f"equivalent: the row stands in {Mode(mutant.kind)} only, and led there it stays where it was"
    if mutant.kind == "drop" and not row.do and row.after is None:
        return NO_ANSWER.get(mutant.row, "")
    return BY_NAME.get(mutant.name, "")


NO_ANSWER: dict[int, str] = {}
BY_NAME: dict[str, str] = {}
