"""Matters that people report: what kinds there are, and which class a rule suggests (domain.md §11.7)."""

from collections.abc import Mapping
from types import MappingProxyType

from cloud_sync.core.case_types import MatterClass
from cloud_sync.core.policy import DAY_MS

OFTEN = 3  # in thirty days: what comes again and again is not small any more
OFTEN_MS = 30 * DAY_MS
MERGE_MS = DAY_MS

_C = MatterClass
SUGGESTED: Mapping[str, MatterClass] = MappingProxyType(
    {
        "crime": _C.BIG,
        "fire_safety": _C.BIG,
        "noise": _C.SMALL,
        "garbage": _C.SMALL,
        "lift": _C.SMALL,
        "door": _C.SMALL,
        "light": _C.SMALL,
        "facility": _C.SMALL,
        "unfiled_listing": _C.SMALL,
        "dispute": _C.PRIVATE,
    }
)


def suggest(kind: str, in_thirty_days: int) -> MatterClass:
    """What the officer is offered first; a private matter stays private however often it comes."""
    class_ = SUGGESTED[kind]
    return _C.BIG if class_ is _C.SMALL and in_thirty_days >= OFTEN else class_
