"""How long a case may wait for eyes and hands, and who is asked next (domain.md §11.4): arithmetic, told the time."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cloud_sync.core.case_types import OWNED, UNSEEN, Case, CaseEvent, CaseState, Family, OwnerRole, Severity
from cloud_sync.core.policy import DAY_MS, HOUR_MS, MINUTE_MS

RECHECK_MS = 7 * DAY_MS  # RESOLVED that nobody checked
RECENT_MS = 30 * DAY_MS  # a closed case may be opened again that long

ACK_MS: Mapping[Severity, int] = MappingProxyType(
    {Severity.S1: MINUTE_MS, Severity.S2: 5 * MINUTE_MS, Severity.S3: HOUR_MS}
)
ACT_MS: Mapping[Severity, int] = MappingProxyType(
    {Severity.S1: 5 * MINUTE_MS, Severity.S2: 30 * MINUTE_MS, Severity.S3: 8 * HOUR_MS}
)


@dataclass(frozen=True, slots=True)
class Rung:
    """Who is asked, and for a discrepancy how long after its opening; an alert climbs one rung per clock."""

    role: OwnerRole
    after_ms: int = 0


_R = OwnerRole
# "Revoke not delivered" and its like come as discrepancies and follow the second table.
ALERT_LADDERS: Mapping[Severity, tuple[Rung, ...]] = MappingProxyType(
    {
        Severity.S1: (Rung(_R.GUARD), Rung(_R.SHIFT_LEAD), Rung(_R.OFFICER), Rung(_R.CALL)),
        Severity.S2: (Rung(_R.SHIFT_LEAD), Rung(_R.OFFICER)),
        Severity.S3: (Rung(_R.OPERATOR),),
        Severity.S4: (Rung(_R.OFFICER),),
    }
)
DISCREPANCY_LADDERS: Mapping[Severity, tuple[Rung, ...]] = MappingProxyType(
    {
        Severity.S1: (
            Rung(_R.GUARD),
            Rung(_R.SHIFT_LEAD, 15 * MINUTE_MS),
            Rung(_R.OFFICER, HOUR_MS),
            Rung(_R.STREET, DAY_MS),
        ),
        Severity.S2: (Rung(_R.OPERATOR), Rung(_R.OFFICER, 2 * HOUR_MS)),
        Severity.S3: (Rung(_R.OPERATOR), Rung(_R.OFFICER, 3 * DAY_MS)),
        Severity.S4: (Rung(_R.OFFICER),),
    }
)


def ladder(family: Family, severity: Severity) -> tuple[Rung, ...]:
    return (ALERT_LADDERS if family is Family.ALERT else DISCREPANCY_LADDERS)[severity]


def first_role(family: Family, severity: Severity) -> OwnerRole:
    return ladder(family, severity)[0].role


def raised_level(case: Case) -> tuple[int, OwnerRole]:
    """One rung up, or the highest there is."""
    rungs = ladder(case.family, case.severity)
    level = min(case.level + 1, len(rungs) - 1)
    return level, rungs[level].role


def next_look(case: Case, now_ms: int) -> int | None:
    """When the next rung is asked because nobody acknowledged; None at the top."""
    return _next(case, now_ms, ACK_MS)


def next_action(case: Case, now_ms: int) -> int | None:
    """When the next rung is asked because nothing was done; None at the top."""
    return _next(case, now_ms, ACT_MS)


def _next(case: Case, now_ms: int, clock: Mapping[Severity, int]) -> int | None:
    rungs = ladder(case.family, case.severity)
    if case.level + 1 >= len(rungs):
        return None
    if case.family is Family.DISCREPANCY:
        return max(now_ms + 1, case.opened_ms + rungs[case.level + 1].after_ms)
    return now_ms + clock[case.severity]


def act_ms(case: Case, now_ms: int) -> int | None:
    """By when whoever acknowledged is to have acted; S4 has no clocks."""
    if case.family is Family.DISCREPANCY:
        return next_action(case, now_ms)
    span_ms = ACT_MS.get(case.severity)
    return now_ms + span_ms if span_ms is not None else None


def recheck_ms(now_ms: int) -> int:
    return now_ms + RECHECK_MS


def due(case: Case, now_ms: int) -> CaseEvent | None:
    """What the clock does to this case now, if anything."""
    if case.next_ms is None or now_ms < case.next_ms:
        return None
    if case.state in UNSEEN:
        return CaseEvent.ACK_CLOCK
    if case.state is CaseState.ON_HOLD:
        return CaseEvent.RESUME
    if case.state in OWNED:
        return CaseEvent.ACT_CLOCK
    return CaseEvent.UNCHECKED if case.state is CaseState.RESOLVED else None
