"""Which alarm explains which (domain.md §11.6): a root cause and its children, and a flood that one case stands for."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cloud_sync.core.case_types import (
    CAMERA_LOST,
    CONTACT_FAULT,
    DELIVERY_FAILED,
    FLOOD,
    JAMMED,
    LOCK_SILENT,
    NODE_OFFLINE,
    POWER_LOW,
    Case,
    CaseState,
    Family,
    Severity,
)
from cloud_sync.core.policy import MINUTE_MS

FLOOD_ABOVE = 10  # new cases within ten minutes: more than one person can look at
FLOOD_MS = 10 * MINUTE_MS
GROUP_FROM = 3  # fewer of a kind are looked at one by one, flood or not
BEFORE_MS = 10 * MINUTE_MS  # so long before its cause a child may have been told

# Where the power is gone, or a whole node is silent, these follow from it; nobody walks from door to door for them.
_AT_A_DOOR = frozenset({kind.name for kind in (CAMERA_LOST, LOCK_SILENT, CONTACT_FAULT, JAMMED)})
EXPLAINS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        POWER_LOW.name: _AT_A_DOOR | {POWER_LOW.name, NODE_OFFLINE.name, DELIVERY_FAILED.name},
        NODE_OFFLINE.name: _AT_A_DOOR | {DELIVERY_FAILED.name},
    }
)
_QUIETABLE = frozenset({CaseState.NEW, CaseState.RTN_UNACK, CaseState.ACKED})


@dataclass(frozen=True, slots=True)
class Explained:
    """One case that another explains."""

    child: Case
    root: Case


def cascade(cases: Iterable[Case]) -> tuple[Explained, ...]:
    """Open alerts of one node that an open, true root there explains; power before silence, the older before the newer."""
    alerts = sorted(
        (case for case in cases if case.family is Family.ALERT and case.node),
        key=lambda case: (case.first_seen_ms, case.id),
    )
    roots: dict[tuple[str | None, str], Case] = {}
    for case in alerts:
        # A flood may hide a root, and it is one all the same: what follows from it is not another flood.
        if case.kind in EXPLAINS and case.active and case.state is not CaseState.CLOSED:
            roots.setdefault((case.node, case.kind), case)
    found = []
    for case in alerts:
        for kind in EXPLAINS:
            root = roots.get((case.node, kind))
            if root is not None and explains(root, case):
                found.append(Explained(case, root))
                break
    return tuple(found)


def explains(root: Case, child: Case) -> bool:
    """An S1 is never hidden: whoever is in danger does not wait for an electrician."""
    return (
        root.id != child.id
        and child.kind in EXPLAINS[root.kind]
        and child.severity is not Severity.S1
        and child.state in _QUIETABLE
        and child.first_seen_ms >= root.first_seen_ms - BEFORE_MS
    )


def flooding(cases: Iterable[Case], now_ms: int) -> tuple[str, ...]:
    """The kinds to be shown as one case each: too much is new, and at least three of the kind ask for eyes."""
    fresh = [case for case in cases if case.family is Family.ALERT and case.opened_ms > now_ms - FLOOD_MS]
    if len(fresh) <= FLOOD_ABOVE:
        return ()
    return tuple(
        sorted(kind for kind in {case.kind for case in fresh} if len(of_flood(fresh, kind)) >= GROUP_FROM)
    )


def of_flood(cases: Iterable[Case], kind: str) -> tuple[Case, ...]:
    """Those of this kind that the flood's case stands for."""
    return tuple(
        case
        for case in cases
        if case.kind == kind
        and kind != FLOOD.name
        and case.severity is not Severity.S1
        and case.state in _QUIETABLE
    )


def flood_severity(cases: Collection[Case]) -> Severity:
    return min((case.severity for case in cases), default=FLOOD.severity)
