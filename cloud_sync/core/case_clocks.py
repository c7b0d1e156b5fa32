"""How long a case may wait for eyes and hands, and who is asked next (domain.md §11.4): arithmetic, told the time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from types import MappingProxyType

from cloud_sync.core.case_types import (
    OWNED,
    UNSEEN,
    Case,
    CaseEvent,
    CaseState,
    Colour,
    Family,
    MatterClass,
    OwnerRole,
    Severity,
    Whistle,
)
from cloud_sync.core.dossier import working_days_after
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

# Nobody has said yet what a matter is: the officer has a day to look, whatever it turns out to be.
MATTER_LADDERS: Mapping[Severity, tuple[Rung, ...]] = MappingProxyType(
    {
        Severity.S1: (Rung(_R.OFFICER), Rung(_R.STREET)),
        Severity.S2: (Rung(_R.OFFICER), Rung(_R.STREET)),
        Severity.S3: (Rung(_R.OFFICER), Rung(_R.STREET)),
        Severity.S4: (Rung(_R.OFFICER),),
    }
)
MATTER_ACK_MS: Mapping[Severity, int] = MappingProxyType({**ACK_MS, Severity.S3: DAY_MS})
MATTER_ACT_MS: Mapping[Severity, int] = MappingProxyType({**ACT_MS, Severity.S3: 3 * DAY_MS})
LADDERS: Mapping[Family, Mapping[Severity, tuple[Rung, ...]]] = MappingProxyType(
    {Family.ALERT: ALERT_LADDERS, Family.DISCREPANCY: DISCREPANCY_LADDERS, Family.MATTER: MATTER_LADDERS}
)
GRAVEST = frozenset({"crime", "fire_safety"})  # of the big matters


def ladder(family: Family, severity: Severity) -> tuple[Rung, ...]:
    return LADDERS[family][severity]


def first_role(family: Family, severity: Severity) -> OwnerRole:
    return ladder(family, severity)[0].role


def raised_level(case: Case) -> tuple[int, OwnerRole]:
    """One rung up, or the highest there is."""
    rungs = ladder(case.family, case.severity)
    level = min(case.level + 1, len(rungs) - 1)
    return level, rungs[level].role


def next_look(case: Case, now_ms: int) -> int | None:
    """When the next rung is asked because nobody acknowledged; None at the top."""
    return _next(case, now_ms, MATTER_ACK_MS if case.family is Family.MATTER else ACK_MS)


def next_action(case: Case, now_ms: int) -> int | None:
    """When the next rung is asked because nothing was done; None at the top."""
    return _next(case, now_ms, MATTER_ACT_MS if case.family is Family.MATTER else ACT_MS)


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
    span_ms = (MATTER_ACT_MS if case.family is Family.MATTER else ACT_MS).get(case.severity)
    return now_ms + span_ms if span_ms is not None else None


def recheck_ms(now_ms: int) -> int:
    return now_ms + RECHECK_MS


# --- whistles (§11.8) ----------------------------------------------------------------------------------------------

SIGN_MS = HOUR_MS
REPORT_DAYS: Mapping[Whistle, int] = MappingProxyType({Whistle.WORK: 3, Whistle.HARD: 5})
_RAISED: Mapping[Colour, Colour] = MappingProxyType({Colour.BLUE: Colour.YELLOW, Colour.YELLOW: Colour.RED})


def raised_colour(colour: Colour | None) -> Colour:
    """One colour up; red is the chief, and there is none above."""
    return _RAISED.get(colour, Colour.RED) if colour is not None else Colour.BLUE


def contact_ms(case: Case, now_ms: int, zone: tzinfo) -> int:
    """First contact: within a day by the clock for S1, else within one working day."""
    return now_ms + DAY_MS if case.severity is Severity.S1 else _working_ms(now_ms, 1, zone)


def report_ms(case: Case, now_ms: int, zone: tzinfo) -> int:
    return _working_ms(now_ms, REPORT_DAYS[case.whistle or Whistle.WORK], zone)


def _working_ms(now_ms: int, days: int, zone: tzinfo) -> int:
    """The same time of day, so many working days on."""
    now = datetime.fromtimestamp(now_ms / 1000, zone)
    day = working_days_after(now.date(), days)
    return round(now.replace(year=day.year, month=day.month, day=day.day).timestamp() * 1000)


def class_severity(case: Case, class_: MatterClass) -> Severity:
    """How grave a matter of this class is (§11.7): what is private has no clock at all."""
    if class_ is MatterClass.BIG:
        return Severity.S1 if case.kind in GRAVEST else Severity.S2
    return Severity.S3 if class_ is MatterClass.SMALL else Severity.S4


_BY_STATE: Mapping[CaseState, CaseEvent] = MappingProxyType(
    {
        CaseState.ON_HOLD: CaseEvent.RESUME,
        CaseState.RESOLVED: CaseEvent.UNCHECKED,
        CaseState.SHELVED: CaseEvent.SHELF_OVER,
        CaseState.TRANSFERRED: CaseEvent.SIGN_CLOCK,
        CaseState.DEPT_SIGNED: CaseEvent.DEPT_CLOCK,
    }
)


def due(case: Case, now_ms: int) -> CaseEvent | None:
    """What the clock does to this case now, if anything."""
    if case.next_ms is None or now_ms < case.next_ms:
        return None
    if case.state in UNSEEN:
        return CaseEvent.ACK_CLOCK
    if case.state in OWNED and case.state not in _BY_STATE:
        return CaseEvent.ACT_CLOCK
    return _BY_STATE.get(case.state)
