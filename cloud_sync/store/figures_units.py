"""Figures about dwellings and listings: codes, the registration gap, household files, and points."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.columns import Kind
from cloud_sync.core.conduct import Band, BandTable
from cloud_sync.core.evidence import Inspection
from cloud_sync.core.figures import Figure, Why
from cloud_sync.core.lifecycles import ListingState
from cloud_sync.core.lifecycles_conduct import PointsState, SanctionState
from cloud_sync.core.reconcile import BY_HUMAN
from cloud_sync.core.roll import Bucket
from cloud_sync.store import tables
from cloud_sync.store.catalogue import bands_of
from cloud_sync.store.census import day_ms, newest_census
from cloud_sync.store.figure_sql import Look, same
from cloud_sync.store.findings import CODED
from cloud_sync.store.house import Act
from cloud_sync.store.tables_import import import_decision, import_row, import_run, roll_unit
from cloud_sync.store.tables_model import points_entry, sanction, unit
from cloud_sync.store.tables_rules import evidence

LET = "short_let"
_LISTING, _FOUND = tables.listing, tables.discrepancy
_P = PointsState
WAIT = (Bucket.FUZZY, Bucket.CONFLICT, Bucket.UNMATCHED)  # what somebody has to look at
CONFIRMED_ONCE = (_P.EFFECTIVE, _P.UNDER_APPEAL, _P.REVERSED, _P.EXPIRED)


def dwellings_of(look: Look) -> int:
    """Dwellings on file: dossiers and the roll both hold a dwelling once; the fuller book is taken."""
    return max(look.count(unit), look.count(roll_unit))


def _of_dwellings(look: Look, name: str, numerator: int) -> Figure:
    dwellings = dwellings_of(look)
    if not dwellings:
        return Figure(name, 0, None, look.now_ms, why=Why.NO_DWELLINGS)
    return look.figure(name, numerator, dwellings)


def confirmed_hidden(look: Look) -> sa.Select[tuple[str]]:
    """Units confirmed to be let without a code, each once."""
    has_code = sa.exists().where(
        _LISTING.c.community == _FOUND.c.community,
        _LISTING.c.unit == _FOUND.c.subject,
        _LISTING.c.state == ListingState.ACTIVE,
    )
    inspected = sa.exists().where(
        evidence.c.community == _FOUND.c.community, evidence.c.subject == _FOUND.c.subject, *_seen_operating()
    )
    confirmed = (
        (_FOUND.c.close_reason.like(f"{BY_HUMAN}confirmed%")) | ((_FOUND.c.state == "open") & inspected)
    ) & ~has_code
    return sa.select(_FOUND.c.subject).where(look.mine(_FOUND), _FOUND.c.kind == "D07", confirmed).distinct()


def coded(look: Look) -> Iterator[Figure]:
    """赋码覆盖率: listings with a code, of these and of the units confirmed to be let without one; and of all dwellings."""
    active = look.count(_LISTING, _LISTING.c.state == ListingState.ACTIVE)
    hidden = look.number(sa.select(sa.func.count()).select_from(confirmed_hidden(look).subquery()))
    yield look.figure("coding_coverage", active, active + hidden)
    yield _of_dwellings(look, "coding_of_dwellings", active)


def _seen_operating() -> tuple[sa.ColumnElement[bool], ...]:
    """What somebody who looked has said and nobody has taken back."""
    told = evidence.c.body.like('%"operating": true%')
    return evidence.c.type == Inspection.__name__, evidence.c.ended_ms.is_(None), told


def known_operating(look: Look) -> sa.Subquery:
    """Units with a coded listing, put down as short-let, or seen operating; each once."""
    return sa.union(
        sa.select(_LISTING.c.unit).where(look.mine(_LISTING), _LISTING.c.state.in_(CODED)),
        sa.select(unit.c.unit).where(look.mine(unit), unit.c.use == LET),
        sa.select(evidence.c.subject).where(look.mine(evidence), *_seen_operating()),
    ).subquery()


def gap(look: Look) -> Iterator[Figure]:
    """登记缺口: as the newest census has it, both sides of one day; and as the register has it now."""
    coded_unit = (_LISTING.c.state == ListingState.ACTIVE,)
    registered = look.number(
        sa.select(sa.func.count(sa.distinct(_LISTING.c.unit))).where(look.mine(_LISTING), *coded_unit)
    )
    found = newest_census(look.db, look.house.community, look.house.local_day(look.now_ms))
    if found is None:
        for name in ("gap_operating", "gap_households", "register_census"):
            yield Figure(name, 0, None, look.now_ms, why=Why.NO_CENSUS)
    else:
        as_of_ms = day_ms(look.house, found.as_of)
        yield look.figure("gap_operating", found.registered, found.letting, as_of_ms=as_of_ms)
        yield look.figure("gap_households", found.registered, found.households, as_of_ms=as_of_ms)
        yield look.figure("register_census", registered, found.registered)
    operating = look.number(sa.select(sa.func.count()).select_from(known_operating(look)))
    yield look.figure("register_operating", registered, operating)
    yield _of_dwellings(look, "register_households", registered)


def newest_run(look: Look) -> sa.Select[Any]:
    """The newest household file."""
    return (
        sa.select(import_run)
        .where(look.mine(import_run), import_run.c.kind == Kind.HOUSEHOLDS)
        .order_by(import_run.c.at_ms.desc(), import_run.c.run.desc())
        .limit(1)
    )


def households(look: Look) -> Iterator[Figure]:
    """匹配率, of the newest household file: every row is in exactly one bucket; what people decided comes on top."""
    run = look.db.execute(newest_run(look)).one_or_none()
    if run is None:
        for name in ("household_match_rate", "household_buckets", "household_decided"):
            yield Figure(name, 0, None, look.now_ms, why=Why.NO_HOUSEHOLD_FILE)
        return
    yield look.figure("household_match_rate", run.exact + run.fuzzy, run.rows, as_of_ms=run.at_ms)
    for bucket in Bucket:
        count = getattr(run, bucket.value)
        yield look.figure("household_buckets", count, run.rows, bucket.value, as_of_ms=run.at_ms)
    of_run = (look.mine(import_row), import_row.c.run == run.run, import_row.c.bucket.in_(WAIT))
    query = sa.select(sa.func.count()).select_from(import_row)
    decided = query.join(import_decision, same(import_decision, import_row, "matter"))
    yield look.figure(
        "household_decided", look.number(decided.where(*of_run)), look.number(query.where(*of_run))
    )


def points(look: Look) -> Iterator[Figure]:
    """Listings with a code in each band; what is under appeal; and which entries were taken back."""
    table, each = balances(look)
    found = look.counts(sa.select(each.c.balance, sa.func.count()).group_by(each.c.balance))
    in_band = dict.fromkeys((band for _, band in table.floors), 0)
    for sum_, listings in found.items():
        in_band[band_of(table, int(sum_))] += listings
    for band, listings in in_band.items():
        yield look.figure("listings_by_band", listings, sum(found.values()), band.value)
    yield from _appeals(look)


def band_of(table: BandTable, balance: int) -> Band:
    left = min(table.start, max(0, table.start + balance))
    return next(band for floor, band in table.floors if left >= floor)


def balances(look: Look) -> tuple[BandTable, sa.Subquery]:
    """The table of bands, and every listing with a code with the sum of its points."""
    table = bands_of(Act(look.house, look.db, look.now_ms, "figures", "system"))
    counts_now = (
        (points_entry.c.state == _P.EFFECTIVE)
        & (points_entry.c.effective_ms <= look.now_ms)
        & (points_entry.c.expires_ms.is_(None) | (points_entry.c.expires_ms > look.now_ms))
    )
    balance = sa.func.sum(points_entry.c.delta)
    each = (
        sa.select(_LISTING.c.listing, sa.func.coalesce(balance, 0).label("balance"))
        .select_from(_LISTING.outerjoin(points_entry, same(points_entry, _LISTING, "listing") & counts_now))
        .where(look.mine(_LISTING), _LISTING.c.state.in_(CODED))
        .group_by(_LISTING.c.listing)
        .subquery()
    )
    return table, each


def _appeals(look: Look) -> Iterator[Figure]:
    ours, theirs = points_entry.c.state, sanction.c.state
    appealed = look.count(points_entry, ours == _P.UNDER_APPEAL)
    appealed += look.count(sanction, theirs == SanctionState.UNDER_APPEAL)
    standing = look.count(points_entry, ours.in_((_P.EFFECTIVE, _P.UNDER_APPEAL)))
    standing += look.count(sanction, theirs.in_((SanctionState.IN_FORCE, SanctionState.UNDER_APPEAL)))
    yield look.figure("appeals_pending", appealed, standing)
    reversed_ = look.count(points_entry, ours == _P.REVERSED)
    yield look.figure("points_reversed", reversed_, look.count(points_entry, ours.in_(CONFIRMED_ONCE)))
