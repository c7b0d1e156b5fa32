"""Anti-passback: one pass does not let in two people, and never locks an honest one out (access.md §4.6).

| ``anti_passback`` | a pass that is recorded elsewhere than before this door |
|---|---|
| off | is not looked at |
| soft | opens, and the grant says so |
| timed | is refused for T_apb_soft after its last passage, then opens like any other |
| hard | is refused until it is forgiven |

A record is *sure* only while nobody unknown has crossed into or out of its zone since.  What is not sure refuses
nobody: whoever left by the exit button, behind somebody else or through a door that stood open comes in again.  All
is forgiven at 04:00 local time, and by a named person with a reason before that.  The way out is never judged.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from edge.core.decision_types import Ruling
from edge.core.schedule import Local
from edge.core.ways import Way

FORGIVEN_AT_MINUTE = 4 * 60
T_APB_SOFT_MS = 600_000
T_APB_SOFT_RANGE_MS = (0, 86_400_000)


class Strictness(StrEnum):
    OFF = "off"
    SOFT = "soft"
    TIMED = "timed"
    HARD = "hard"


class ResetWhy(StrEnum):
    """Why a person takes a record away; a closed list, because the ledger holds no names."""

    FOLLOWED_SOMEBODY = "followed_somebody"
    LEFT_UNSEEN = "left_unseen"
    WRONG_RECORD = "wrong_record"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pass was last seen to go, and when (UTC ms)."""

    zone: str
    at_ms: int


def night_of(now: Local) -> date:
    """The day as forgiveness counts it: it changes at 04:00, whatever the clocks did that night."""
    return now.day if now.minute >= FORGIVEN_AT_MINUTE else now.day - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered of one pass, seen from now.  ``sure``: nobody unknown crossed its zone since."""

    place: Place
    sure: bool
    forgiven: bool


def judged(
    strictness: Strictness,
    way: Way,
    record: Record | None,
    now_ms: int,
    *,
    time_known: bool,
    t_apb_soft_ms: int = T_APB_SOFT_MS,
) -> Ruling:
    """What anti-passback says of one pass at one door; with a clock that is not believed it refuses nobody."""
    if strictness is Strictness.OFF or way.leaves:
        return Ruling.NOT_CONFIGURED
    if record is None or record.forgiven or not record.sure or record.place.zone == way.zone_from:
        return Ruling.MET
    age_ms = now_ms - record.place.at_ms
    match strictness:
        case Strictness.HARD:
            return Ruling.BROKEN if time_known else Ruling.FLAGGED
        case Strictness.TIMED if age_ms >= t_apb_soft_ms:
            return Ruling.MET
        case Strictness.TIMED if time_known and age_ms >= 0:
            return Ruling.BROKEN
        case _:
            return Ruling.FLAGGED


def has_way_back(way: Way, others: Collection[Way]) -> bool:
    """Whether a reader on the other side sees people leave: without one, ``hard`` would refuse whoever went out."""
    return any(
        other.leaves and (other.zone_from, other.zone_to) == (way.zone_to, way.zone_from) for other in others
    )
