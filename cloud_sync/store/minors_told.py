"""What staff tell of a party: a suspicion about a minor, a visitor to one who is alone, a companion who is not registered."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.case_types import Case, CaseEvent, Deed, Family, Finding, OwnerRole, Severity
from cloud_sync.core.evidence import LetIn, MinorConcern
from cloud_sync.core.lifecycles import STAY_OPEN
from cloud_sync.core.policy import HOUR_MS
from cloud_sync.core.reconcile import Key
from cloud_sync.errors import NotFound
from cloud_sync.store import audit, minors, tables
from cloud_sync.store.case_rows import begin, link, move, newest_rev, open_with_key
from cloud_sync.store.discrepancy_rows import raise_now
from cloud_sync.store.dossier_books import check_unit
from cloud_sync.store.evidence_store import is_standing, tell
from cloud_sync.store.house import Act
from cloud_sync.store.notices import Letter, queue
from cloud_sync.store.reasons import checked_reason

SUSPICION = "suspicion"
SCREEN = "police liaison"
COMPANION = "companion"  # the key of the evidence
NIGHT_FROM, NIGHT_UNTIL = 22, 6
_WORD = MinorConcern.__name__


@dataclass(frozen=True, slots=True)
class Reported:
    case: str
    written: bool
    minors: tuple[str, ...]


def suspect(act: Act, stay_id: str, reason: str) -> Reported:
    """A named person reports a suspicion: case, evidence, a letter to the liaison, and the disclosure that says so.

    Raises:
        NotFound: nobody under age is registered for this stay.
        Refused: no reason.
    """
    care, why = minors.care(act, stay_id), checked_reason(reason)
    told = MinorConcern("suspicion")
    case = _concern(act, stay_id, f"{SUSPICION}-{act.now_ms}", told, why, OwnerRole.CALL)
    act.note("minor.suspicion", stay_id, None, case, why)
    people = minors.minors_of(act, stay_id)
    liaison = act.house.liaison
    if liaison is not None:
        said = {"by": act.actor, "at": str(act.now_ms), "reason": why, "room": care.room, "case": case}
        queue(act, liaison, Letter(SUSPICION, "zh", said), stay=stay_id)
        for person in people:
            look = audit.Look(act.actor, f"report a suspicion: {why}", person, SUSPICION, SCREEN)
            audit.disclose_in(act.connection, act.house.community, look, act.now_ms)
    return Reported(case, liaison is not None, people)


def visitor_to(act: Act, place: str, ref: str, since_ms: int, why: str) -> bool:
    """Somebody visits this room or dwelling; an S1 where a minor is alone there then.

    Raises:
        NotFound: no such room or dwelling.
    """
    alone = [stay for room in _rooms(act, place) for stay in _stays(act, room, since_ms) if _alone(act, stay)]
    for stay in alone:
        _concern(act, stay, f"visitor-{ref}", MinorConcern("visitor"), why, OwnerRole.GUARD)
    return bool(alone)


def companion_to(act: Act, place: str) -> None:
    """Staff let in somebody of the party that stays in this room or dwelling now, who is not registered.

    Raises:
        NotFound: no such room or dwelling, or nobody stays there now.
    """
    stays = [stay for room in _rooms(act, place) for stay in _stays(act, room, act.now_ms)]
    if not stays:
        raise NotFound(f"nobody stays at {place} now.")
    for stay in stays:
        companion_of(act, stay, act.now_ms)


def companion_of(act: Act, stay: str, at_ms: int) -> None:
    """As ``companion_to``, of a stay that is known; told once, for who else comes along changes nothing."""
    hour = (at_ms - act.house.midnight_ms(at_ms)) // HOUR_MS
    told = LetIn(hour < NIGHT_UNTIL or hour >= NIGHT_FROM)
    if not is_standing(act, stay, COMPANION, told):
        tell(act, stay, COMPANION, told, at_ms)


def _rooms(act: Act, place: str) -> list[str]:
    rooms: list[Any] = [*act.rows(tables.room, label=place)]
    for listing in act.rows(tables.listing, unit=place):
        rooms += act.rows(tables.room, listing=str(listing.listing))
    if not rooms:
        check_unit(act, place)
    return sorted({str(row.room) for row in rooms})


def _stays(act: Act, room: str, at_ms: int) -> list[str]:
    table = tables.stay
    then = (table.c.planned_in_ms <= at_ms, table.c.planned_out_ms > at_ms, table.c.state.in_(STAY_OPEN))
    query = sa.select(table.c.stay).where(table.c.community == act.house.community, table.c.room == room)
    return list(act.connection.execute(query.where(*then)).scalars())


def _alone(act: Act, stay: str) -> bool:
    try:
        return minors.care(act, stay).alone
    except NotFound:
        return False


def _concern(act: Act, stay_id: str, key: str, told: MinorConcern, why: str, owner: OwnerRole) -> str:
    """What reconciliation judges by from now on, its D20, and its case at once; the case's id."""
    stay: Any = act.row(tables.stay, stay=stay_id)
    window = int(stay.planned_in_ms)
    tell(act, stay_id, key, told)
    raise_now(act, Key(minors.KIND, stay_id, window), Severity.S1, (f"{_WORD}/{key}",))
    rows: list[Any] = act.rows(tables.discrepancy, kind=minors.KIND, subject=stay_id)
    held = next(one for one in rows if one.window_ms == window)
    group = f"discrepancy/{minors.KIND}/{stay_id}/{window}"
    seen = Finding(Family.DISCREPANCY, minors.KIND, Severity.S1, stay_id, group, act.now_ms)
    case = _case(act, seen, str(held.id), why)
    if owner is OwnerRole.CALL and case.owner is None:
        rev = newest_rev(act.connection, act.house.community) + 1
        act.update(tables.case_, {"id": case.id}, owner_role=owner, rev=rev)
    link(act, case.id, str(held.id))
    return case.id


def _case(act: Act, seen: Finding, ref: str, why: str) -> Case:
    before = open_with_key(act, seen.group_key)
    if not before:
        return begin(act, seen, ref, why=why)
    deed = Deed(CaseEvent.RAISE, act.actor, reason=why, seen_ms=seen.seen_ms, severity=seen.severity)
    moved = move(act, before[0], deed, ref=ref)
    assert isinstance(moved, Case), "an open case takes a further finding"
    return moved
