"""What somebody complains of at a door's plate, and from when on complaints propose something (domain.md story 44).

They only ever propose: points are confirmed by a named person, and can be appealed.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from cloud_sync.core.policy import DAY_MS

SAID_MAX = 300
# One loud night is a talk at the door; the third day of complaints within a month is asked about.
REPEATED_DAYS = 3
WITHIN_MS = 30 * DAY_MS


class Topic(StrEnum):
    NOISE = "noise"
    RUBBISH = "rubbish"
    FIRE = "fire"
    CROWD = "crowd"
    OTHER = "other"


class ComplaintState(StrEnum):
    OPEN = "OPEN"
    ANSWERED = "ANSWERED"
    DISMISSED = "DISMISSED"


# The rule whose points are proposed; the other topics need an inspection, which no complaint is.
RULE_OF: Mapping[Topic, str] = MappingProxyType({Topic.NOISE: "C05"})


def are_repeated(days: Iterable[date]) -> bool:
    """Whether complaints of these days are enough to ask a person; several of one night count as one."""
    return len(set(days)) >= REPEATED_DAYS
