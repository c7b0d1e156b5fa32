"""The lives of a points entry and of a sanction (domain.md §§5.9, 5.10): proposed by rules, decided by named people."""

from enum import StrEnum

from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles import Lifecycle, Row


class PointsState(StrEnum):
    PROPOSED = "PROPOSED"
    EFFECTIVE = "EFFECTIVE"
    DISMISSED = "DISMISSED"
    UNDER_APPEAL = "UNDER_APPEAL"
    REVERSED = "REVERSED"
    EXPIRED = "EXPIRED"


class SanctionState(StrEnum):
    PROPOSED = "PROPOSED"
    IN_FORCE = "IN_FORCE"
    DISMISSED = "DISMISSED"
    UNDER_APPEAL = "UNDER_APPEAL"
    LIFTED = "LIFTED"


class FindingState(StrEnum):
    PROPOSED = "PROPOSED"
    CONFIRMED = "CONFIRMED"
    DISMISSED = "DISMISSED"


_P = PointsState
POINTS = Lifecycle(
    "points",
    frozenset(_P),
    (
        Row(None, "propose", _P.PROPOSED),
        Row(_P.PROPOSED, "confirm", _P.EFFECTIVE, (Guard.NAMED_HUMAN, Guard.NOT_INTERESTED)),
        Row(_P.PROPOSED, "dismiss", _P.DISMISSED, (Guard.NAMED_HUMAN,)),
        Row(_P.PROPOSED, "not confirmed in time", _P.DISMISSED),
        Row(_P.EFFECTIVE, "appeal", _P.UNDER_APPEAL),
        Row(_P.UNDER_APPEAL, "uphold", _P.EFFECTIVE, (Guard.OTHER_REVIEWER, Guard.NOT_INTERESTED)),
        Row(_P.UNDER_APPEAL, "reverse", _P.REVERSED, (Guard.OTHER_REVIEWER, Guard.NOT_INTERESTED)),
        Row(_P.EFFECTIVE, "12 months", _P.EXPIRED),
    ),
)

_S = SanctionState
SANCTION = Lifecycle(
    "sanction",
    frozenset(_S),
    (
        Row(None, "propose", _S.PROPOSED),
        Row(_S.PROPOSED, "confirm", _S.IN_FORCE, (Guard.TWO_APPROVALS, Guard.NOT_INTERESTED)),
        Row(
            _S.PROPOSED,
            "confirm",
            _S.IN_FORCE,
            (Guard.NAMED_HUMAN, Guard.NOT_INTERESTED, Guard.LIGHT_TIER),
        ),
        Row(_S.PROPOSED, "dismiss", _S.DISMISSED, (Guard.NAMED_HUMAN,)),
        Row(_S.IN_FORCE, "appeal", _S.UNDER_APPEAL),
        Row(_S.UNDER_APPEAL, "uphold", _S.IN_FORCE, (Guard.OTHER_REVIEWER, Guard.NOT_INTERESTED)),
        Row(_S.UNDER_APPEAL, "lift", _S.LIFTED, (Guard.OTHER_REVIEWER, Guard.NOT_INTERESTED)),
        Row(_S.IN_FORCE, "term over", _S.LIFTED),
        Row(_S.IN_FORCE, "recheck passed", _S.LIFTED, (Guard.NAMED_HUMAN,)),
    ),
)

_F = FindingState
# A unit that is let without a code (D07): what an inspection saw is a proposal until another person has looked.
FINDING = Lifecycle(
    "finding",
    frozenset(_F),
    (
        Row(None, "report", _F.PROPOSED),
        Row(
            _F.PROPOSED,
            "confirm",
            _F.CONFIRMED,
            (Guard.NAMED_HUMAN, Guard.OTHER_REVIEWER, Guard.NOT_INTERESTED),
        ),
        Row(_F.PROPOSED, "dismiss", _F.DISMISSED, (Guard.NAMED_HUMAN,)),
    ),
)

CONDUCT_TABLES = (POINTS, SANCTION, FINDING)
