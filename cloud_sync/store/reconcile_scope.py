"""Which subjects a run of reconciliation looks at."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.policy import DAY_MS, HOUR_MS
from cloud_sync.store import tables
from cloud_sync.store.book_neighbours import NO_CODE
from cloud_sync.store.house import Act
from cloud_sync.store.tables_rules import evidence

# How the sink names a passage with more people than grants: its event, which says the grant and no pass.
COMPANY = "event/"
GRANT_BEFORE = 500  # a grant is told at most that many seqs before the count of its passage
SOON_MS = 8 * HOUR_MS  # nothing about an arrival is judged earlier
LATELY_MS = (
    4 * DAY_MS
)  # what time changes of a stay, it has changed by then; what is open is looked at anyway


def _select(act: Act, column: sa.ColumnElement[str], *where: Any) -> set[str]:
    table = column.table
    mine = table.c.community == act.house.community
    return set(act.connection.execute(sa.select(column).where(mine, *where)).scalars())


def known_nodes(act: Act) -> set[str]:
    return _select(act, tables.node.c.node)


def stays_of(act: Act, subjects: Iterable[str]) -> set[str]:
    """The stays among the subjects, those whose passes are, and those that came in more company than granted."""
    stay, pass_ = tables.stay, tables.pass_
    asked = set(subjects)
    counted = {subject for subject in asked if subject.startswith(COMPANY)}
    asked = (asked - counted) | {one for subject in counted for one in _passes_before(act, subject)}
    direct = _select(act, stay.c.stay, stay.c.stay.in_(asked))
    owned = _select(act, pass_.c.stay, pass_.c.pass_id.in_(asked), pass_.c.stay.is_not(None))
    return direct | owned


def _passes_before(act: Act, subject: str) -> set[str]:
    """The pass of the passage that this event counted."""
    node, epoch, seq = subject.removeprefix(COMPANY).rsplit("/", 2)
    event = tables.event
    ledger = (event.c.node == node, event.c.epoch == epoch)
    grants = _select(act, event.c.grant_id, *ledger, event.c.seq == int(seq))
    near = event.c.seq.between(int(seq) - GRANT_BEFORE, int(seq))
    return _select(
        act, event.c.pass_id, *ledger, near, event.c.grant_id.in_(grants), event.c.pass_id.is_not(None)
    )


def waiting_stays(act: Act) -> set[str]:
    """Stays with a verdict that waits for evidence: the only ones a moved watermark can change."""
    table = tables.discrepancy
    return stays_of(act, _select(act, table.c.subject, table.c.state == "inconclusive"))


def open_subjects(act: Act) -> set[str]:
    """Whatever something open or undecided is about."""
    table = tables.discrepancy
    return _select(act, table.c.subject, table.c.state.in_(("open", "inconclusive")))


def alive_stays(act: Act) -> Sequence[str]:
    """Stays that begin soon, are under way or ended lately, and those with anything open; in order of their begin."""
    table = tables.stay
    alive = _select(
        act,
        table.c.stay,
        table.c.planned_out_ms > act.now_ms - LATELY_MS,
        table.c.planned_in_ms < act.now_ms + SOON_MS,
    )
    return _in_time(act, alive | stays_of(act, open_subjects(act)))


def recent_stays(act: Act, look_back_ms: int) -> Sequence[str]:
    """Stays that ended within ``look_back_ms`` or are still to end, and those with anything open, in time."""
    table = tables.stay
    recent = _select(act, table.c.stay, table.c.planned_out_ms > act.now_ms - look_back_ms)
    return _in_time(act, recent | stays_of(act, open_subjects(act)))


def _in_time(act: Act, stays: set[str]) -> Sequence[str]:
    """What happened together stands together in the database."""
    table = tables.stay
    query = sa.select(table.c.stay, table.c.planned_in_ms).where(table.c.community == act.house.community)
    begins = {stay: begin for stay, begin in act.connection.execute(query).all() if stay in stays}
    return sorted(begins, key=lambda stay: (begins[stay], stay))


def topics_of_touched(act: Act, touched: set[str], stays: Sequence[str]) -> set[str]:
    """Subjects that are no stays and of which something was told, and listings with their units."""
    told = _select(act, evidence.c.subject, evidence.c.subject.in_(touched)) - set(stays)
    table = tables.listing
    listings = _select(act, table.c.listing, table.c.listing.in_(touched))
    return told | listings | _select(act, table.c.unit, table.c.listing.in_(listings))


def topics_beside(act: Act, stays: Sequence[str]) -> set[str]:
    """The units of these stays, where something was told of them or their listing has no code."""
    if not stays:
        return set()
    table, stay = tables.listing, tables.stay
    listings = _select(act, stay.c.listing, stay.c.stay.in_(stays))
    units = _select(act, table.c.unit, table.c.listing.in_(listings))
    told = _select(act, evidence.c.subject, evidence.c.subject.in_(units))
    uncoded = _select(act, table.c.unit, table.c.unit.in_(units), table.c.state.in_(NO_CODE))
    return told | uncoded | (units & _suspects(act))


def topics_of_all(act: Act) -> set[str]:
    """Every subject of which something was told and that is no stay, and units whose listing has no code."""
    told = _select(act, evidence.c.subject)
    known = _select(act, tables.stay.c.stay, tables.stay.c.stay.in_(told)) if told else set()
    return (
        (told - known)
        | _suspects(act)
        | _select(act, tables.listing.c.unit, tables.listing.c.state.in_(NO_CODE))
    )


def _suspects(act: Act) -> set[str]:
    """Units of which it is open whether they are let without a code."""
    table = tables.discrepancy
    return _select(act, table.c.subject, table.c.kind == "D07", table.c.state != "closed")
