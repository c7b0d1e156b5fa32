"""People who come for minutes or hours, and emergencies: a short right of their own, carried as a signed QR.

They have no PIN, card or face here.  Where contact is lost, the QR is all a gate goes by (access.md §7).
"""

from dataclasses import dataclass

from cloud_sync.core.evidence import UnitVisit
from cloud_sync.core.rights import EMERGENCY, VISIT_MAX_MIN
from cloud_sync.errors import Refused
from cloud_sync.store import tables
from cloud_sync.store.bundles import MINUTE_MS, SignedPass
from cloud_sync.store.day_codes import DayCode, bearer_pass, check_reason, day_code
from cloud_sync.store.dossier_books import check_unit
from cloud_sync.store.evidence_store import Status, tell
from cloud_sync.store.house import Act
from cloud_sync.store.minors_told import visitor_to
from cloud_sync.store.subjects import SubjectWish, scope_now, take_subject
from cloud_sync.store.tables_rules import evidence

REF_BYTES = 5


@dataclass(frozen=True, slots=True)
class VisitWish:
    cls: str
    access_points: tuple[str, ...]
    minutes: int
    reason: str
    unit: str = ""  # the dwelling they visit, where that is known


def admit(act: Act, wish: VisitWish) -> SignedPass | DayCode:
    """A pass from now on and its QR; an emergency's needs its PIN too, for two factors are asked of it everywhere.

    Raises:
        Refused: no reason, a class or length that is not of visits, or a room.
        NotFound: a door nobody knows.
    """
    check_reason(wish.reason)
    most = VISIT_MAX_MIN.get(wish.cls)
    if most is None:
        raise Refused("visitor", f"{wish.cls!r} is not one of {', '.join(VISIT_MAX_MIN)}.")
    if not 1 <= wish.minutes <= most:
        raise Refused("visitor", f"a pass for {wish.cls} lives 1 to {most} minutes.")
    check_no_rooms(act, wish.access_points)
    ref = act.house.randomness(REF_BYTES).hex()
    take_subject(
        act,
        0,
        SubjectWish(
            kind="visitors",
            ref=ref,
            name="",
            cls=wish.cls,
            access_points=wish.access_points,
            valid_from_ms=act.now_ms,
            valid_until_ms=act.now_ms + wish.minutes * MINUTE_MS,
            class_only=False,
            ended=False,
        ),
    )
    subject = act.row(tables.subject, kind="visitors", ref=ref)
    assert subject is not None
    (held,) = act.rows(tables.pass_, person=str(subject.person))
    if wish.unit:
        visited(act, wish.unit, str(held.pass_id), act.now_ms)
        if wish.cls != EMERGENCY:
            visitor_to(act, wish.unit, str(held.pass_id), act.now_ms, wish.reason.strip())
    act.note("visitor.admit", held.pass_id, None, f"{wish.cls} {wish.minutes} min", wish.reason.strip())
    if wish.cls == EMERGENCY:
        return day_code(act, str(held.pass_id), minutes=wish.minutes, reason=wish.reason)
    return bearer_pass(act, str(held.pass_id), minutes=wish.minutes, reason=wish.reason)


def visited(act: Act, unit: str, pass_id: str, since_ms: int) -> Status:
    """A visitor's pass names this dwelling (D07 a); how often it opens a door there is counted by ``door_evidence``.

    Raises:
        NotFound: nobody knows the dwelling.
    """
    check_unit(act, unit)
    held = act.row(evidence, subject=unit, type=UnitVisit.__name__, key=pass_id)
    if held is not None:
        return "unchanged"
    tell(act, unit, pass_id, UnitVisit(pass_id, 0, visitor=True), since_ms)
    return "new"


def check_no_rooms(act: Act, access_points: tuple[str, ...]) -> None:
    """Raises Refused where a visitor's doors are none, or rooms."""
    kinds = {str(row.access_point): str(row.kind) for row in act.rows(tables.access_point)}
    rooms = [door for door in scope_now(act, access_points) if kinds[door] == "room"]
    if not access_points or rooms:
        raise Refused(
            "visitor", "name the gates and unit doors; nobody visits a room by a pass of their own."
        )
