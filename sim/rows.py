"""Which rows of the door's table are taken: counted by a first action that does nothing else."""

from collections import Counter

from edge.core import door_actions
from edge.core.door_table import TABLE
from edge.core.door_types import Mode, Step

TAKEN: Counter[int] = Counter()


def name_of(index: int) -> str:
    """How a person finds the row: its region, modes, inputs and guard, and where it leads."""
    row = TABLE[index]
    modes = "any" if len(row.modes) == len(Mode) else " ".join(sorted(row.modes))
    inputs = " / ".join(sorted(str(one) for one in row.inputs))
    guard = f" [{row.guard.__doc__}]" if row.guard is not None else ""
    after = f" → {row.after}" if row.after is not None else ""
    return f"{index:02} {row.region}: {modes} | {inputs}{guard}{after}"


def count_rows() -> None:
    """From now on in this process, ``TAKEN`` counts by row number, until ``leave_rows``."""
    leave_rows()
    for index, row in enumerate(TABLE):
        object.__setattr__(row, "do", (_counter(index), *row.do))


def leave_rows() -> None:
    for row in TABLE:
        object.__setattr__(row, "do", tuple(action for action in row.do if not counts(action)))


def counts(action: object) -> bool:
    return getattr(action, "counts", False)


def _counter(index: int) -> door_actions.Action:
    def count(step: Step, _ctx: door_actions.Context) -> Step:
        TAKEN[index] += 1
        return step

    count.counts = True  # type: ignore[attr-defined]
    return count
