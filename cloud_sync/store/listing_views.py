"""Reading the register of listings for the pages: frozen values, no person in them."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.dossier import LAPSE_GRACE_MS, STALE_MS
from cloud_sync.core.lifecycles import LISTING, STAY_AHEAD, STAY_INSIDE, ListingState
from cloud_sync.core.lifecycles_conduct import FindingState, PointsState, SanctionState
from cloud_sync.errors import NotFound
from cloud_sync.ports_model import (
    ExceptionView,
    FindingView,
    ListingRow,
    ListingView,
    Person,
    PointsView,
    RoomView,
    SanctionView,
    StepView,
    UnitView,
    UnitWish,
    WorkQueue,
)
from cloud_sync.store import tables
from cloud_sync.store.filing import REVIEW, SUPERVISE
from cloud_sync.store.hidden import hidden_subjects
from cloud_sync.store.house import Act
from cloud_sync.store.listing_steps import (
    answers_of,
    file_of,
    listing_of,
    missing,
    newest_inspection,
    open_stays,
    papers_of,
    refs_of,
)
from cloud_sync.store.places import scope_of
from cloud_sync.store.points import standings
from cloud_sync.store.sanctions import deposit_of
from cloud_sync.store.tables_model import (
    capacity_exception,
    finding,
    listing_file,
    points_entry,
    room_file,
    sanction,
    unit,
    unit_residents,
)

ROWS_MAX = 2_000  # more listings than a community has
HISTORY_MAX = 200
_L = ListingState
WAITS = (_L.FILED, _L.IN_REVIEW, _L.LAPSED)


def rows(act: Act, state: str = "", only: str = "", of: str = "") -> tuple[ListingRow, ...]:
    """The register, by code; of one state, one listing, or one operator, where that is asked."""
    listing, filed = tables.listing, listing_file
    both = (filed.c.community == listing.c.community) & (filed.c.listing == listing.c.listing)
    query = (
        sa.select(listing, filed.c.reviewer, filed.c.decide_by_ms)
        .select_from(listing.outerjoin(filed, both))
        .where(listing.c.community == act.house.community)
        .order_by(listing.c.listing)
        .limit(ROWS_MAX)
    )
    if state:
        query = query.where(listing.c.state == state)
    if only:
        query = query.where(listing.c.listing == only)
    if of:
        query = query.where(listing.c.operator == of)
    found = act.connection.execute(query).all()
    standing = standings(act, [row.listing for row in found])
    return tuple(
        ListingRow(
            row.listing,
            row.name,
            row.unit,
            row.operator,
            ListingState(row.state),
            row.reviewer or "",
            row.decide_by_ms,
            standing[row.listing],
        )
        for row in found
    )


def view(act: Act, code: str, by: Person) -> ListingView:
    """The whole file."""
    held = listing_of(act, code)
    (row,) = rows(act, only=code)
    filed, looked = file_of(act, code), newest_inspection(act, code)
    hidden = hidden_subjects(act.connection, act.house.community)
    stays = [stay for stay in open_stays(act, code) if str(stay.stay) not in hidden]
    return ListingView(
        row=row,
        max_guests=held.max_guests,
        ownership=filed.ownership if filed else "",
        area_m2=filed.area_m2 if filed else 0,
        platform_refs=refs_of(filed.platform_refs) if filed else (),
        filed_by=filed.filed_by if filed else "",
        filed_ms=filed.filed_ms if filed else None,
        coded_ms=filed.coded_ms if filed else None,
        next_review_ms=filed.next_review_ms if filed else None,
        reason=(filed.reason if filed else "") or "",
        rooms=_rooms(act, code),
        documents={kind: paper.value for kind, paper in papers_of(act, code).items()},
        answers=answers_of(act, looked.inspection) if looked else {},
        inspected_ms=looked.at_ms if looked else None,
        missing=missing(act, held, by.name),
        history=history(act, code),
        points=_points(act, points_entry.c.listing == code),
        sanctions=_sanctions(act, sanction.c.listing == code),
        deposit_cents=deposit_of(act, held.operator),
        in_house=_inside(act, [stay.stay for stay in stays if stay.state in STAY_INSIDE]),
        expected=_bookings(act, [stay.booking for stay in stays if stay.state in STAY_AHEAD]),
        may=_may(held.state, filed, by),
        exceptions=_exceptions(act, code),
    )


def _exceptions(act: Act, code: str) -> tuple[ExceptionView, ...]:
    table = capacity_exception
    found = sa.select(table.c.id, table.c.extra, table.c.reason, table.c.approved_by, table.c.until_ms).where(
        table.c.community == act.house.community, table.c.listing == code, table.c.until_ms > act.now_ms
    )
    return tuple(ExceptionView(*row) for row in act.connection.execute(found.order_by(table.c.until_ms)))


def _rooms(act: Act, code: str) -> tuple[RoomView, ...]:
    known: dict[str, Any] = {str(row.room): row for row in act.rows(room_file, listing=code)}
    found: list[Any] = sorted(act.rows(tables.room, listing=code), key=lambda row: str(row.room))
    return tuple(
        RoomView(
            row.room,
            row.label,
            known[row.room].beds if row.room in known else 0,
            known[row.room].max_guests if row.room in known else 0,
            tuple(scope_of(row.access_points)),
        )
        for row in found
    )


def _may(state: str, filed: Any, by: Person) -> tuple[str, ...]:
    """Events of the table from here that a person decides on the listing's own page."""
    events = {row.event for row in LISTING.rows if row.before == state}
    mine = filed is not None and filed.reviewer == by.name
    return tuple(
        event for event in (*REVIEW, *SUPERVISE) if event in events and (event not in REVIEW or mine)
    )


def _inside(act: Act, stays: Sequence[str]) -> int:
    """People of stays in house that came in."""
    if not stays:
        return 0
    pass_, presence = tables.pass_, tables.presence
    both = (presence.c.community == pass_.c.community) & (presence.c.pass_id == pass_.c.pass_id)
    counted = (
        sa.select(sa.func.count(sa.distinct(pass_.c.person)))
        .select_from(pass_.join(presence, both))
        .where(pass_.c.community == act.house.community, pass_.c.stay.in_(stays))
    )
    return int(act.connection.execute(counted).scalar_one())


def _bookings(act: Act, bookings: Sequence[str]) -> tuple[tuple[str, str], ...]:
    table = tables.booking
    found = sa.select(table.c.source, table.c.external_ref).where(
        table.c.community == act.house.community, table.c.booking.in_(bookings)
    )
    return tuple((row.source, row.external_ref) for row in act.connection.execute(found))


def history(act: Act, target: str) -> tuple[StepView, ...]:
    """The audit rows about this object, the latest first."""
    table = tables.audit
    found = (
        sa.select(table)
        .where(table.c.community == act.house.community, table.c.object == target)
        .order_by(table.c.n.desc())
        .limit(HISTORY_MAX)
    )
    return tuple(
        StepView(
            row.at_ms, row.actor, row.role, row.action, row.before or "", row.after or "", row.reason or ""
        )
        for row in act.connection.execute(found)
    )


def _points(act: Act, *where: sa.ColumnElement[bool]) -> tuple[PointsView, ...]:
    table = points_entry
    query = sa.select(table).where(table.c.community == act.house.community, *where)
    found = act.connection.execute(query.order_by(table.c.id.desc()).limit(HISTORY_MAX)).all()
    return tuple(
        PointsView(
            row.id,
            row.listing,
            row.rule,
            row.rule_version,
            row.delta,
            refs_of(row.evidence),
            row.proposed_by,
            row.proposed_ms,
            row.state,
            row.decided_by or "",
            row.appeal or "",
            row.next_ms,
        )
        for row in found
    )


def _sanctions(act: Act, *where: sa.ColumnElement[bool]) -> tuple[SanctionView, ...]:
    table = sanction
    query = sa.select(table).where(table.c.community == act.house.community, *where)
    found = act.connection.execute(query.order_by(table.c.id.desc()).limit(HISTORY_MAX)).all()
    return tuple(
        SanctionView(
            row.id,
            row.listing,
            row.tier,
            row.rule,
            row.rule_version,
            row.cents,
            row.proposed_by,
            row.proposed_ms,
            row.reason,
            row.state,
            row.first_by or "",
            row.second_by or "",
            row.appeal or "",
        )
        for row in found
    )


def _findings(act: Act, *where: sa.ColumnElement[bool]) -> tuple[FindingView, ...]:
    table = finding
    query = sa.select(table).where(table.c.community == act.house.community, *where)
    found = act.connection.execute(query.order_by(table.c.id.desc()).limit(HISTORY_MAX)).all()
    return tuple(
        FindingView(
            row.id,
            row.unit,
            row.kind,
            row.note,
            row.found_by,
            row.found_ms,
            row.state,
            row.decided_by or "",
            row.case_id or "",
        )
        for row in found
    )


def queue(act: Act) -> WorkQueue:
    """What waits for a person, oldest decisions first."""
    waiting = [row for state in WAITS for row in rows(act, state)]
    reviewed = [row for row in waiting if row.state is _L.IN_REVIEW]
    over = act.now_ms - LAPSE_GRACE_MS
    late = sa.select(listing_file.c.listing).where(
        listing_file.c.community == act.house.community, listing_file.c.lapsed_ms <= over
    )
    lapsed = set(act.connection.execute(late).scalars())
    return WorkQueue(
        filed=tuple(row for row in waiting if row.state is _L.FILED),
        in_review=tuple(sorted(reviewed, key=lambda row: row.decide_by_ms or 0)),
        lapsed=tuple(row for row in waiting if row.state is _L.LAPSED and row.listing in lapsed),
        points=_points(act, points_entry.c.state.in_((PointsState.PROPOSED, PointsState.UNDER_APPEAL))),
        sanctions=_sanctions(act, sanction.c.state.in_((SanctionState.PROPOSED, SanctionState.UNDER_APPEAL))),
        findings=_findings(act, finding.c.state == FindingState.PROPOSED),
    )


def unit_view(act: Act, unit_id: str) -> UnitView:
    """The dossier of one household."""
    held: Any = act.row(unit, unit=unit_id)
    if held is None:
        raise NotFound(f"unit {unit_id} is not in the register of units.")
    residents: list[Any] = act.rows(unit_residents, unit=unit_id)
    table = tables.listing
    found = sa.select(table.c.listing).where(
        table.c.community == act.house.community, table.c.unit == unit_id
    )
    wish = UnitWish(
        held.unit,
        held.building,
        held.stair,
        held.floor,
        held.door_no,
        held.grid,
        held.use,
        held.ownership,
    )
    return UnitView(
        wish=wish,
        verified_ms=held.verified_ms,
        verified_by=held.verified_by or "",
        stale=held.verified_ms is None or act.now_ms - held.verified_ms > STALE_MS,
        residents=tuple((row.cls, row.n, row.as_of_ms) for row in residents),
        listings=tuple(sorted(act.connection.execute(found).scalars())),
        history=history(act, unit_id),
    )
