"""The rows behind each figure of people, stays, dwellings and listings, asked by the very questions that count them."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType

import sqlalchemy as sa

from cloud_sync.core.figures import FigureRow
from cloud_sync.core.lifecycles import PROVED, ListingState
from cloud_sync.core.lifecycles_conduct import PointsState, SanctionState
from cloud_sync.core.policy import HOUR_MS
from cloud_sync.core.roll import Bucket
from cloud_sync.store import figures_people as people
from cloud_sync.store import figures_units as units
from cloud_sync.store import tables
from cloud_sync.store.census import newest_census
from cloud_sync.store.figure_sql import Look, listed, same
from cloud_sync.store.read import NOT_REGISTERED
from cloud_sync.store.tables_import import import_decision, import_row, roll_unit
from cloud_sync.store.tables_model import points_entry, room_file, sanction, unit
from cloud_sync.store.tables_rules import spot_check

Rows = Iterator[FigureRow]
Lister = Callable[[Look, str, str], Rows]  # of a figure's name and its part
_LISTING, _MEMBER, _REG, _STAY, _EVENT = (
    tables.listing,
    tables.stay_member,
    tables.registration,
    tables.stay,
    tables.event,
)
_STAY_COLUMNS = (_STAY.c.stay, _STAY.c.state.label("stay_state"), _STAY.c.planned_in_ms.label("planned_ms"))


def flag(condition: sa.ColumnElement[bool], name: str = "counts") -> sa.Label[int]:
    """1 where it holds, else 0: what a row adds."""
    return sa.case((condition, 1), else_=0).label(name)


def nothing(name: str) -> sa.Label[int]:
    """The row is not of this side of the figure."""
    return sa.literal(0, sa.Integer).label(name)


# --- people and stays -----------------------------------------------------------------------------------------------


def _came(look: Look, name: str, part: str) -> Rows:
    each = people.each_who_came(look)
    holds: sa.ColumnElement[bool] = each.c.level.is_not(None)
    if name == "registration_by_level":
        holds = each.c.level.is_(None) if part == people.LATE else each.c.level == int(part)
    who = sa.and_(
        _MEMBER.c.community == look.house.community,
        _MEMBER.c.stay == each.c.stay,
        _MEMBER.c.person == each.c.person,
    )
    columns = (each.c.stay, _MEMBER.c.subject_ref.label("subject"), each.c.first_ms.label("first_entry_ms"))
    query = sa.select(flag(holds), *columns, each.c.level).select_from(each.outerjoin(_MEMBER, who))
    yield from listed(look, query.order_by(each.c.first_ms.desc(), each.c.stay, each.c.person))


def _reconciled(look: Look, _name: str, _part: str) -> Rows:
    wrong = people.unsettled(look)
    query = sa.select(
        flag(_STAY.c.stay.not_in(sa.select(wrong.c.stay))),
        *_STAY_COLUMNS,
        _STAY.c.checked_out_ms.label("left_ms"),
    )
    yield from listed(look, query.where(*people.ended(look)).order_by(_STAY.c.checked_out_ms.desc()))


def _spot_checks(look: Look, _name: str, _part: str) -> Rows:
    table = spot_check
    query = sa.select(
        flag(table.c.found <= table.c.registered), table.c.draw, table.c.place, table.c.stay, table.c.registered,
        table.c.found,
    )  # fmt: skip
    query = query.where(look.mine(table), table.c.found.is_not(None))
    yield from listed(look, query.order_by(table.c.draw.desc(), table.c.place))


def _members(look: Look, name: str, _part: str) -> Rows:
    source, open_stay, is_in = people.members(look)
    columns = (_MEMBER.c.stay, _MEMBER.c.subject_ref.label("subject"), _STAY.c.state.label("stay_state"))
    until = _STAY.c.planned_out_ms.label("until_ms")
    query = sa.select(flag(is_in), *columns, until).select_from(source).where(*open_stay)
    if name == "in_house":
        yield from listed(look, query.order_by(_MEMBER.c.stay, _MEMBER.c.person))
        return
    query = query.add_columns(nothing("of")).where(is_in)
    yield from listed(look, query.order_by(_MEMBER.c.stay, _MEMBER.c.person))
    beds = sa.select(nothing("counts"), room_file.c.beds.label("of"), room_file.c.listing, room_file.c.room)
    beds = beds.select_from(room_file.join(_LISTING, same(room_file, _LISTING, "listing")))
    beds = beds.where(look.mine(room_file), _LISTING.c.state == ListingState.ACTIVE)
    yield from listed(look, beds.order_by(room_file.c.listing, room_file.c.room))


def _today(look: Look, name: str, _part: str) -> Rows:
    begins_ms, ends_ms = people.day_of(look)
    due = people.expected(begins_ms, ends_ms)
    where, holds = {
        "expected_today": (due, _STAY.c.state.not_in(NOT_REGISTERED)),
        "arrivals_today": (due, people.came()),
        "departures_today": (people.leaving(begins_ms, ends_ms), _STAY.c.checked_out_ms.is_not(None)),
    }[name]
    ends = (_STAY.c.planned_out_ms.label("until_ms"), _STAY.c.checked_out_ms.label("left_ms"))
    query = sa.select(flag(holds), *_STAY_COLUMNS, *ends).where(look.mine(_STAY), *where)
    yield from listed(look, query.order_by(_STAY.c.planned_in_ms, _STAY.c.stay))


def _by_hour(look: Look, name: str, part: str) -> Rows:
    """Stays of one hour of today; of the two of a day that the clocks are set back on, both."""
    begins_ms, ends_ms = people.day_of(look)
    for from_ms in range(begins_ms, ends_ms, HOUR_MS):
        if f"{datetime.fromtimestamp(from_ms / 1000, look.house.zone):%H:%M}" != part:
            continue
        if name == "arrivals_by_hour":
            firsts = people.first_entries(look, begins_ms, ends_ms)
            query = sa.select(firsts.c.stay, firsts.c.first_ms.label("first_entry_ms"))
            moment: sa.ColumnElement[int] = firsts.c.first_ms
        else:
            query = sa.select(_STAY.c.stay, _STAY.c.checked_out_ms.label("left_ms")).where(look.mine(_STAY))
            moment = _STAY.c.checked_out_ms
        yield from listed(look, query.where(moment >= from_ms, moment < from_ms + HOUR_MS).order_by(moment))


def _refused(look: Look, _name: str, _part: str) -> Rows:
    columns = (
        _EVENT.c.type.label("event"),
        _EVENT.c.credential_kind.label("credential"),
        _EVENT.c.access_point,
    )
    source = (_EVENT.c.node, _EVENT.c.seq.label("sequence"))
    query = sa.select(
        flag(_EVENT.c.type == "access.denied"), _EVENT.c.wall_ms.label("at_ms"), *columns, *source
    )
    query = query.where(look.mine(_EVENT), *people.decisions_today(look))
    yield from listed(look, query.order_by(_EVENT.c.wall_ms.desc(), _EVENT.c.seq.desc()))


def _alone(look: Look, _name: str, _part: str) -> Rows:
    query = sa.select(
        flag(_REG.c.method.in_(people.ALONE)),
        _REG.c.registration,
        _REG.c.stay,
        _REG.c.verified_ms,
        _REG.c.method,
    )
    proved = (look.mine(_REG), _REG.c.status.in_(PROVED), look.within(_REG.c.verified_ms))
    yield from listed(look, query.where(*proved).order_by(_REG.c.verified_ms.desc()))


# --- dwellings and listings -----------------------------------------------------------------------------------------


def _coding(look: Look, name: str, _part: str) -> Rows:
    active = sa.select(_LISTING.c.listing, _LISTING.c.unit, _LISTING.c.state.label("listing_state"))
    active = active.where(look.mine(_LISTING), _LISTING.c.state == ListingState.ACTIVE)
    if name == "coding_of_dwellings":
        active = active.add_columns(nothing("of"))
    yield from listed(look, active.order_by(_LISTING.c.listing))
    if name == "coding_of_dwellings":
        yield from _dwellings(look)
        return
    hidden = units.confirmed_hidden(look).subquery()
    yield from listed(look, sa.select(nothing("counts"), hidden.c.subject.label("unit")))


def _dwellings(look: Look) -> Rows:
    book = unit if look.count(unit) >= look.count(roll_unit) else roll_unit
    # The roll's dwellings have no page of their own.
    name = book.c.unit if book is unit else book.c.unit.label("dwelling")
    query = sa.select(nothing("counts"), name).where(look.mine(book))
    yield from listed(look, query.order_by(book.c.unit))


def _register(look: Look, name: str, _part: str) -> Rows:
    coded = sa.select(_LISTING.c.unit).where(look.mine(_LISTING), _LISTING.c.state == ListingState.ACTIVE)
    if name == "register_operating":
        known = units.known_operating(look)
        unit_ = next(iter(known.c))
        yield from listed(look, sa.select(flag(unit_.in_(coded)), unit_.label("unit")).order_by(unit_))
        return
    query = coded.add_columns(nothing("of")).distinct()
    yield from listed(look, query.order_by(_LISTING.c.unit))
    if name == "register_households":
        yield from _dwellings(look)
    else:
        yield from _census(look, name, "")


def _census(look: Look, name: str, _part: str) -> Rows:
    """What the census told is a number, not rows: the line that says it adds its numbers."""
    found = newest_census(look.db, look.house.community, look.house.local_day(look.now_ms))
    if found is not None:
        told = {"households": found.households, "letting": found.letting, "registered": found.registered}
        of = {"gap_operating": found.letting, "gap_households": found.households}.get(name, found.registered)
        counts = 0 if name == "register_census" else found.registered
        yield FigureRow(counts, of, {"day": str(found.as_of), **told})


def _household_rows(look: Look, name: str, part: str) -> Rows:
    run = look.db.execute(units.newest_run(look)).one_or_none()
    if run is None:
        return
    decided = sa.exists().where(same(import_decision, import_row, "matter"))
    holds = {
        "household_match_rate": import_row.c.bucket.in_((Bucket.EXACT, Bucket.FUZZY)),
        "household_buckets": import_row.c.bucket == part,
        "household_decided": decided,
    }[name]
    query = sa.select(
        flag(holds),
        import_row.c.run,
        import_row.c.line,
        import_row.c.bucket,
        import_row.c.unit.label("dwelling"),
    )
    query = query.where(look.mine(import_row), import_row.c.run == run.run)
    if name == "household_decided":
        query = query.where(import_row.c.bucket.in_(units.WAIT))
    yield from listed(look, query.order_by(import_row.c.sheet, import_row.c.line))


def _bands(look: Look, _name: str, part: str) -> Rows:
    table, each = units.balances(look)
    query = sa.select(each.c.listing, each.c.balance).order_by(each.c.balance, each.c.listing)
    for row in look.db.execute(query):
        band = units.band_of(table, int(row.balance))
        yield FigureRow(int(band == part), 1, {"listing": row.listing, "points": int(row.balance)})


def _conduct(look: Look, name: str, _part: str) -> Rows:
    entry = points_entry
    standing: tuple[PointsState, ...] = units.CONFIRMED_ONCE
    state = PointsState.REVERSED
    if name == "appeals_pending":
        standing, state = (PointsState.EFFECTIVE, PointsState.UNDER_APPEAL), PointsState.UNDER_APPEAL
    columns = (entry.c.id.label("entry"), entry.c.listing, entry.c.state.label("entry_state"))
    query = sa.select(flag(entry.c.state == state), *columns, entry.c.delta.label("points"))
    yield from listed(look, query.where(look.mine(entry), entry.c.state.in_(standing)).order_by(entry.c.id))
    if name == "appeals_pending":
        theirs = (SanctionState.IN_FORCE, SanctionState.UNDER_APPEAL)
        appealed = flag(sanction.c.state == SanctionState.UNDER_APPEAL)
        cells = (sanction.c.id.label("entry"), sanction.c.listing, sanction.c.state.label("entry_state"))
        found = sa.select(appealed, *cells).where(look.mine(sanction), sanction.c.state.in_(theirs))
        yield from listed(look, found.order_by(sanction.c.id))


LISTERS: Mapping[str, Lister] = MappingProxyType({
    **dict.fromkeys(("registration_rate", "registration_by_level"), _came),
    "stay_reconciliation_rate": _reconciled,
    "true_registration_estimate": _spot_checks,
    **dict.fromkeys(("bed_occupancy", "in_house"), _members),
    **dict.fromkeys(("expected_today", "arrivals_today", "departures_today"), _today),
    **dict.fromkeys(("arrivals_by_hour", "departures_by_hour"), _by_hour),
    "refused_today": _refused,
    "desk_avoided": _alone,
    **dict.fromkeys(("coding_coverage", "coding_of_dwellings"), _coding),
    **dict.fromkeys(("register_operating", "register_households", "register_census"), _register),
    **dict.fromkeys(("gap_operating", "gap_households"), _census),
    **dict.fromkeys(("household_match_rate", "household_buckets", "household_decided"), _household_rows),
    "listings_by_band": _bands,
    **dict.fromkeys(("appeals_pending", "points_reversed"), _conduct),
})  # fmt: skip
