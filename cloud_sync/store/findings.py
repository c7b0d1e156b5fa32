"""A unit that is let without a code (D07): what an inspection saw, confirmed by another person, whistled to the street."""

from typing import Any

import sqlalchemy as sa

from cloud_sync.core.case_types import Family, Finding, OwnerRole, Severity
from cloud_sync.core.evidence import Inspection
from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles import ListingState
from cloud_sync.core.lifecycles_conduct import FINDING
from cloud_sync.core.reconcile import Key
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_model import Person
from cloud_sync.store import tables
from cloud_sync.store.case_rows import begin, link, newest_rev, open_with_key
from cloud_sync.store.discrepancy_rows import raise_now
from cloud_sync.store.evidence_store import tell
from cloud_sync.store.house import Act
from cloud_sync.store.interests import check_place, is_interested
from cloud_sync.store.reasons import checked_reason
from cloud_sync.store.tables_model import finding, unit

KIND, WINDOW = "D07", 0  # one discrepancy per unit, whoever finds it again
KINDS = ("occupied_no_code", "advertised_no_code", "complaint_no_plate")
_L = ListingState
CODED = (_L.ACTIVE, _L.LAPSED, _L.SUSPENDED, _L.WITHDRAWING)


def report(act: Act, unit_id: str, kind: str, note: str, by: Person) -> str:
    """Write down what was seen; it has no effect until another person has confirmed it.

    Raises:
        NotFound: no such unit.
        Refused: not a kind of finding, or the unit has a code.
    """
    if act.row(unit, unit=unit_id) is None:
        raise NotFound(f"unit {unit_id} is not in the register of units; put it there first.")
    if kind not in KINDS:
        raise Refused("finding.kind", f"a finding is one of {', '.join(KINDS)}.")
    if _listings(act, unit_id, CODED):
        raise Refused("finding.coded", f"unit {unit_id} has a listing with a code.")
    made = act.new_id("FN")
    state = act.move(FINDING, made, None, "report", reason=f"unit {unit_id}, {kind}")
    act.insert(
        finding,
        id=made,
        unit=unit_id,
        kind=kind,
        note=checked_reason(note),
        found_by=by.name,
        found_ms=act.now_ms,
        state=state,
    )
    return made


def decide(act: Act, id_: str, event: str, reason: str, by: Person) -> str:
    """confirm opens the discrepancy and its case; dismiss ends it.  The case, or ""."""
    row: Any = act.row(finding, id=id_)
    if row is None:
        raise NotFound(f"there is no finding {id_}.")
    why = checked_reason(reason)
    check_place(act, by.name, row.unit)
    state = act.move(FINDING, id_, row.state, event, _guards(act, row, by), reason=why)
    case = _whistle(act, row, why) if event == "confirm" else ""
    act.update(
        finding,
        {"id": id_},
        state=state,
        decided_by=by.name,
        decided_ms=act.now_ms,
        reason=why,
        case_id=case or None,
    )
    return case


def _guards(act: Act, row: Any, by: Person) -> frozenset[Guard]:
    holding = {Guard.NAMED_HUMAN}
    if by.name != row.found_by:
        holding.add(Guard.OTHER_REVIEWER)
    if not any(is_interested(act, by.name, one) for one in _listings(act, row.unit, tuple(_L))):
        holding.add(Guard.NOT_INTERESTED)
    return frozenset(holding)


def _listings(act: Act, unit_id: str, states: tuple[ListingState, ...]) -> list[Any]:
    table = tables.listing
    found = sa.select(table).where(
        table.c.community == act.house.community, table.c.unit == unit_id, table.c.state.in_(states)
    )
    return list(act.connection.execute(found).all())


def _whistle(act: Act, row: Any, why: str) -> str:
    """The discrepancy, and one case of it that asks the street: who has no listing has no operator to ask first."""
    key = Key(KIND, row.unit, WINDOW)
    # What reconciliation judges by from now on: without it the next look would find no sign and close what people opened.
    tell(act, row.unit, row.id, Inspection(inspector=row.found_by, operating=True))
    raise_now(act, key, Severity.S2, (row.id,))
    rows: list[Any] = act.rows(tables.discrepancy, kind=KIND, subject=str(row.unit))
    held = next(one for one in rows if one.window_ms == WINDOW)
    group = f"discrepancy/{KIND}/{row.unit}/{WINDOW}"
    before = open_with_key(act, group)
    if before:
        return before[0].id
    seen = Finding(Family.DISCREPANCY, KIND, Severity.S2, row.unit, group, act.now_ms)
    case = begin(act, seen, held.id, why=f"whistled to the street: {why}")
    rev = newest_rev(act.connection, act.house.community) + 1
    act.update(tables.case_, {"id": case.id}, owner_role=OwnerRole.STREET, rev=rev)
    link(act, case.id, held.id)
    return case.id
