"""A shift at the gate: begun, signed with a note, and taken over by name; one small life-cycle (domain.md §11)."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from cloud_sync.core.case_types import AWAY, OWNED, UNSEEN, CaseState
from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles import Lifecycle, Row


class ShiftState(StrEnum):
    ON = "ON"
    SIGNED = "SIGNED"  # whoever leaves has signed; nobody has taken over yet
    OVER = "OVER"


_S = ShiftState
SHIFT = Lifecycle(
    "shift",
    frozenset(_S),
    (
        Row(None, "begin", _S.ON),
        Row(_S.ON, "sign", _S.SIGNED, (Guard.OWNER, Guard.REASON, Guard.COLLEAGUE)),
        Row(_S.SIGNED, "sign", _S.SIGNED, (Guard.OWNER, Guard.REASON, Guard.COLLEAGUE)),  # to somebody else
        Row(_S.SIGNED, "take over", _S.OVER, (Guard.OFFERED,)),
    ),
)


class Group(StrEnum):
    """What a report counts cases by; together they are every open one, and what was closed meanwhile."""

    UNSEEN = "unseen"
    TAKEN = "taken"
    AWAY = "away"
    TO_CHECK = "to_check"
    SHELVED = "shelved"
    EXPLAINED = "explained"
    OUT = "out"
    CLOSED = "closed"


GROUP_OF: Mapping[CaseState, Group] = MappingProxyType(
    {
        **dict.fromkeys(UNSEEN, Group.UNSEEN),
        **dict.fromkeys(OWNED, Group.TAKEN),
        **dict.fromkeys(AWAY, Group.AWAY),
        CaseState.RESOLVED: Group.TO_CHECK,
        CaseState.SHELVED: Group.SHELVED,
        CaseState.SUPPRESSED: Group.EXPLAINED,
        CaseState.OUT_OF_SERVICE: Group.OUT,
        CaseState.CLOSED: Group.CLOSED,
    }
)
