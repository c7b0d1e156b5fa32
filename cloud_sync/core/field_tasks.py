"""Tasks in the field: a patrol, a sweep over units, a verification (domain.md §17, story 29); one small life-cycle.

Who went says what was found; another person checks it, and only then it counts.
"""

from enum import StrEnum

from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles import Lifecycle, Row

UNITS_MAX = 500  # of one sweep
DAYS_MAX = 31
HOURS_MAX = 72  # of a round, which is walked in one night and not in a month


class SweepKind(StrEnum):
    PATROL = "patrol"
    SWEEP = "sweep"
    VERIFICATION = "verification"


class TaskState(StrEnum):
    PLANNED = "PLANNED"
    CLAIMED = "CLAIMED"
    REPORTED = "REPORTED"
    CHECKED = "CHECKED"
    MISSED = "MISSED"


class Result(StrEnum):
    LET = "let"
    NOT_LET = "not_let"
    NOBODY = "nobody"  # nobody opened: somebody was there, and nothing is known
    IN_ORDER = "in_order"
    NOT_IN_ORDER = "not_in_order"


# What can be said of a dwelling, and of a point of a round, which is a door.
OF_UNITS = frozenset({Result.LET, Result.NOT_LET, Result.NOBODY})
OF_POINTS = frozenset({Result.IN_ORDER, Result.NOT_IN_ORDER})


_S = TaskState
FIELD_TASK = Lifecycle(
    "field_task",
    frozenset(_S),
    (
        Row(None, "plan", _S.PLANNED),
        Row(_S.PLANNED, "claim", _S.CLAIMED),
        Row(_S.CLAIMED, "give back", _S.PLANNED, (Guard.OWNER,)),
        Row(_S.CLAIMED, "report", _S.REPORTED, (Guard.OWNER, Guard.REASON)),
        Row(_S.REPORTED, "check", _S.CHECKED, (Guard.OTHER_PERSON,)),
        Row(_S.REPORTED, "send back", _S.PLANNED, (Guard.OTHER_PERSON, Guard.REASON)),
        Row(_S.PLANNED, "due time over", _S.MISSED),
        Row(_S.CLAIMED, "due time over", _S.MISSED),
    ),
)
SEEN = frozenset({_S.REPORTED, _S.CHECKED})


def share(seen: int, planned: int) -> int:
    """How much of a sweep or round is covered, in percent; rounded down, so that 100 is all of it."""
    return 100 * seen // planned if planned else 0
