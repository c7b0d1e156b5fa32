"""Figures about guests: who was registered when they came, how stays ended, beds, and today by the hour."""

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa

from cloud_sync.core.figures import Figure, Why
from cloud_sync.core.lifecycles import PROVED, ListingState, StayState
from cloud_sync.core.policy import DAY_MS, HOUR_MS
from cloud_sync.core.spot_check import Share
from cloud_sync.store import tables
from cloud_sync.store.figure_sql import Look, same
from cloud_sync.store.read import DECISIONS, NOT_EXPECTED, NOT_REGISTERED, OVER
from cloud_sync.store.tables_model import room_file
from cloud_sync.store.tables_rules import spot_check

LEVELS = range(5)
LATE = "late"  # not verified when they came in
SETTLED_MS = DAY_MS  # stays are looked at a day after they ended
ENDED = (StayState.CHECKED_OUT, StayState.CLOSED)
ALONE = ("self", "kiosk", "national-net-id")  # the ways to register that take nobody at a desk or on a call
_EVENT, _PASS, _SEEN, _REG, _STAY, _MEMBER, _FOUND = (
    tables.event,
    tables.pass_,
    tables.presence,
    tables.registration,
    tables.stay,
    tables.stay_member,
    tables.discrepancy,
)


def each_who_came(look: Look) -> sa.Subquery:
    """Every member with a first entry in the period; the level at which they were proved at or before it, if they were."""
    first = sa.func.min(_SEEN.c.first_entry_ms)
    came = (
        sa.select(_PASS.c.community, _PASS.c.stay, _PASS.c.person, first.label("first_ms"))
        .select_from(_PASS.join(_SEEN, same(_PASS, _SEEN, "pass_id")))
        .where(look.mine(_PASS), _PASS.c.stay.is_not(None), _PASS.c.person.is_not(None))
        .group_by(_PASS.c.community, _PASS.c.stay, _PASS.c.person)
        .having(look.within(first))
        .subquery()
    )
    proved = (
        same(came, _REG, "stay", "person")
        & _REG.c.status.in_(PROVED)
        & (_REG.c.proofing >= look.house.profile.proofing_min)
        & (_REG.c.verified_ms <= came.c.first_ms)
    )
    level = sa.func.max(_REG.c.proofing)
    return (
        sa.select(came.c.stay, came.c.person, came.c.first_ms, level.label("level"))
        .select_from(came.outerjoin(_REG, proved))
        .group_by(came.c.stay, came.c.person, came.c.first_ms)
        .subquery()
    )


def registered(look: Look) -> Iterator[Figure]:
    """登记率: of all members with a first entry in the period, those proved at or before it; and by level of proof."""
    each = each_who_came(look)
    found = look.counts(sa.select(each.c.level, sa.func.count()).group_by(each.c.level))
    everybody, late = sum(found.values()), found.get(None, 0)
    yield look.figure("registration_rate", everybody - late, everybody)
    for one in LEVELS:
        yield look.figure("registration_by_level", found.get(one, 0), everybody, str(one))
    yield look.figure("registration_by_level", late, everybody, LATE)


def ended(look: Look) -> tuple[sa.ColumnElement[bool], ...]:
    """Stays that ended in the period, a day ago and more."""
    until_ms = min(look.until_ms, look.now_ms - SETTLED_MS)
    return look.mine(_STAY), _STAY.c.state.in_(ENDED), _STAY.c.checked_out_ms.between(look.since_ms, until_ms)


def unsettled(look: Look) -> sa.Subquery:
    """Those of them about which something was open a day after."""
    settled_ms = _STAY.c.checked_out_ms + SETTLED_MS
    was_open = (
        (_FOUND.c.state != "inconclusive")
        & (_FOUND.c.opened_ms <= settled_ms)
        & (_FOUND.c.closed_ms.is_(None) | (_FOUND.c.closed_ms > settled_ms))
    )
    of_stay = sa.select(_STAY.c.stay).join(
        _FOUND, (_FOUND.c.community == _STAY.c.community) & (_FOUND.c.subject == _STAY.c.stay)
    )
    of_pass = (
        sa.select(_STAY.c.stay)
        .join(_PASS, same(_PASS, _STAY, "stay"))
        .join(_FOUND, (_FOUND.c.community == _PASS.c.community) & (_FOUND.c.subject == _PASS.c.pass_id))
    )
    these = (*ended(look), was_open)
    return sa.union(of_stay.where(*these), of_pass.where(*these)).subquery()


def reconciled(look: Look) -> Iterator[Figure]:
    """账实一致率: stays that ended in the period, a day ago and more, with nothing open about them a day after."""
    closed = look.number(sa.select(sa.func.count()).select_from(_STAY).where(*ended(look)))
    wrong = look.number(sa.select(sa.func.count()).select_from(unsettled(look)))
    yield look.figure("stay_reconciliation_rate", closed - wrong, closed)


def spot_checked(look: Look) -> Iterator[Figure]:
    """抽查真实率: visits that found nobody who was not registered, with the 95 % interval of Wilson."""
    good = sa.func.sum(sa.case((spot_check.c.found <= spot_check.c.registered, 1), else_=0))
    query = sa.select(good, sa.func.count()).where(look.mine(spot_check), spot_check.c.found.is_not(None))
    row = look.db.execute(query).one()
    share = Share(int(row[0] or 0), int(row[1]))
    low, high = (share.low, share.high) if share.of else (None, None)
    yield Figure("true_registration_estimate", share.good, share.of, look.now_ms, low=low, high=high)


def members(look: Look) -> tuple[sa.FromClause, tuple[sa.ColumnElement[bool], ...], sa.ColumnElement[bool]]:
    """Members of open stays, as the first page counts them, and whether somebody was last seen going in."""
    ends_ms = look.house.midnight_ms(look.house.midnight_ms(look.now_ms) + DAY_MS + 2 * HOUR_MS)
    open_stay = (look.mine(_MEMBER), _STAY.c.state.not_in(OVER), _STAY.c.planned_in_ms < ends_ms)
    is_in = sa.exists().where(
        same(_PASS, _MEMBER, "stay", "person"), same(_SEEN, _PASS, "pass_id"), _SEEN.c.state == "in"
    )
    return _MEMBER.join(_STAY, same(_MEMBER, _STAY, "stay")), open_stay, is_in


def inside(look: Look) -> tuple[int, int]:
    """How many members of open stays were last seen going in, and how many there are."""
    source, open_stay, is_in = members(look)
    everybody = sa.select(sa.func.count()).select_from(source).where(*open_stay)
    return look.number(everybody.where(is_in)), look.number(everybody)


def beds(look: Look) -> Iterator[Figure]:
    """床位入住率: people in house of the beds of listings with a code."""
    listing = tables.listing
    query = (
        sa.select(sa.func.sum(room_file.c.beds))
        .select_from(room_file.join(listing, same(room_file, listing, "listing")))
        .where(look.mine(room_file), listing.c.state == ListingState.ACTIVE)
    )
    there = look.number(query)
    if not there:
        yield Figure("bed_occupancy", 0, None, look.told_ms, why=Why.NO_BEDS)
    else:
        yield look.figure("bed_occupancy", inside(look)[0], there)


def day_of(look: Look) -> tuple[int, int]:
    """Today's two midnights."""
    begins_ms = look.house.midnight_ms(look.now_ms)
    return begins_ms, look.house.midnight_ms(begins_ms + DAY_MS + 2 * HOUR_MS)


def expected(begins_ms: int, ends_ms: int) -> tuple[sa.ColumnElement[bool], ...]:
    """Stays expected between two midnights."""
    begins = (_STAY.c.planned_in_ms >= begins_ms, _STAY.c.planned_in_ms < ends_ms)
    return *begins, _STAY.c.state.not_in(NOT_EXPECTED)


def came() -> sa.ColumnElement[bool]:
    """Whether somebody of a stay has come in, by whichever book."""
    seen = (same(_PASS, _STAY, "stay"), same(_SEEN, _PASS, "pass_id"), _SEEN.c.first_entry_ms.is_not(None))
    return sa.exists().where(*seen) | _STAY.c.first_entry_ms.is_not(None)


def leaving(begins_ms: int, ends_ms: int) -> tuple[sa.ColumnElement[bool], ...]:
    """Stays that end between two midnights."""
    ends = (_STAY.c.planned_out_ms >= begins_ms, _STAY.c.planned_out_ms < ends_ms)
    return *ends, _STAY.c.state.not_in((*NOT_EXPECTED, StayState.NO_SHOW))


def decisions_today(look: Look) -> tuple[sa.ColumnElement[bool], ...]:
    begins_ms, ends_ms = day_of(look)
    return _EVENT.c.type.in_(DECISIONS), _EVENT.c.wall_ms >= begins_ms, _EVENT.c.wall_ms < ends_ms


def today(look: Look) -> Iterator[Figure]:
    """Stays that were expected and came, that were to leave and left, and people in house; arrivals and departures by hour."""
    begins_ms, ends_ms = day_of(look)
    due, go = expected(begins_ms, ends_ms), leaving(begins_ms, ends_ms)
    known = look.count(_STAY, *due, _STAY.c.state.not_in(NOT_REGISTERED))
    yield look.figure("expected_today", known, look.count(_STAY, *due))
    yield look.figure("arrivals_today", look.count(_STAY, *due, came()), look.count(_STAY, *due))
    gone = look.count(_STAY, *go, _STAY.c.checked_out_ms.is_not(None))
    yield look.figure("departures_today", gone, look.count(_STAY, *go))
    yield look.figure("in_house", *inside(look))
    asked = decisions_today(look)
    refused = look.count(_EVENT, *asked, _EVENT.c.type == "access.denied")
    yield look.figure("refused_today", refused, look.count(_EVENT, *asked))
    firsts = first_entries(look, begins_ms, ends_ms)
    arriving = sa.select(firsts.c.stay)
    yield from _by_hour(look, "arrivals_by_hour", firsts.c.first_ms, arriving, begins_ms, ends_ms)
    left = sa.select(_STAY.c.stay).where(look.mine(_STAY))
    yield from _by_hour(look, "departures_by_hour", _STAY.c.checked_out_ms, left, begins_ms, ends_ms)


def first_entries(look: Look, begins_ms: int, ends_ms: int) -> sa.Subquery:
    """The first entry of every stay of which somebody had theirs between two moments."""
    seen = _PASS.join(_SEEN, same(_PASS, _SEEN, "pass_id"))
    lately = (
        sa.select(_PASS.c.stay)
        .select_from(seen)
        .where(look.mine(_PASS), _SEEN.c.first_entry_ms >= begins_ms, _SEEN.c.first_entry_ms < ends_ms)
    )
    return (
        sa.select(_PASS.c.stay, sa.func.min(_SEEN.c.first_entry_ms).label("first_ms"))
        .select_from(seen)
        .where(look.mine(_PASS), _PASS.c.stay.in_(lately))
        .group_by(_PASS.c.stay)
        .subquery()
    )


def _by_hour(
    look: Look,
    name: str,
    moment: sa.ColumnElement[int],
    rows: sa.Select[tuple[str]],
    begins_ms: int,
    ends_ms: int,
) -> Iterator[Figure]:
    """Every hour of today, also those in which nobody came; the hours of a day that clocks are changed on may be 23 or 25."""
    hour = ((moment - begins_ms) // HOUR_MS).label("hour")
    query = (
        rows.with_only_columns(hour, sa.func.count())
        .where(moment >= begins_ms, moment < ends_ms)
        .group_by(hour)
    )
    found = look.counts(query)
    for at in range((ends_ms - begins_ms) // HOUR_MS):
        shown = datetime.fromtimestamp((begins_ms + at * HOUR_MS) / 1000, look.house.zone)
        yield look.figure(name, found.get(at, 0), None, f"{shown:%H:%M}")


def desk_avoided(look: Look) -> Iterator[Figure]:
    """Registrations proved in the period for which nobody else was needed."""
    proved = (_REG.c.status.in_(PROVED), look.within(_REG.c.verified_ms))
    alone = look.count(_REG, *proved, _REG.c.method.in_(ALONE))
    yield look.figure("desk_avoided", alone, look.count(_REG, *proved))
