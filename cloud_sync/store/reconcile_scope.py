"""Which subjects a run of reconciliation looks at."""

import json
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from cloud_sync.core.policy import DAY_MS, HOUR_MS
from cloud_sync.store import tables
from cloud_sync.store.asking import ask, ask_set, many, mine
from cloud_sync.store.book_neighbours import NO_CODE
from cloud_sync.store.house import Act
from cloud_sync.store.tables_rules import BESIDE_WORDS, evidence

# How the sink names a passage with more people than grants: its event, which says the grant and no pass.
COMPANY = "event/"
GRANT_BEFORE = 500  # a grant is told at most that many seqs before the count of its passage
SOON_MS = 8 * HOUR_MS  # nothing about an arrival is judged earlier
LATELY_MS = (
    4 * DAY_MS
)  # what time changes of a stay, it has changed by then; what is open is looked at anyway

_STAY, _PASS, _FOUND, _EVENT, _LISTING = (
    tables.stay,
    tables.pass_,
    tables.discrepancy,
    tables.event,
    tables.listing,
)
_NODES = sa.select(tables.node.c.node).where(mine(tables.node))
_DIRECT = sa.select(_STAY.c.stay).where(mine(_STAY), _STAY.c.stay.in_(many("names")))
_STAYS_OF = sa.union_all(
    _DIRECT,
    sa.select(_PASS.c.stay).where(mine(_PASS), _PASS.c.pass_id.in_(many("names")), _PASS.c.stay.is_not(None)),
)
_GRANT = sa.select(_EVENT.c.grant_id).where(
    mine(_EVENT),
    _EVENT.c.node == sa.bindparam("node"),
    _EVENT.c.epoch == sa.bindparam("epoch"),
    _EVENT.c.seq == sa.bindparam("seq"),
)
_BEFORE = sa.select(_EVENT.c.pass_id).where(
    mine(_EVENT),
    _EVENT.c.node == sa.bindparam("node"),
    _EVENT.c.epoch == sa.bindparam("epoch"),
    _EVENT.c.seq.between(sa.bindparam("first"), sa.bindparam("seq")),
    _EVENT.c.grant_id.in_(many("grants")),
    _EVENT.c.pass_id.is_not(None),
)
_IN_STATES = sa.select(_FOUND.c.subject).where(mine(_FOUND), _FOUND.c.state.in_(many("states")))
_BESIDE = sa.select(_FOUND.c.kind, _FOUND.c.subject, _FOUND.c.evidence).where(
    mine(_FOUND), sa.text(BESIDE_WORDS)
)
_ALIVE = sa.select(_STAY.c.stay).where(
    mine(_STAY), _STAY.c.planned_out_ms > sa.bindparam("ended"), _STAY.c.planned_in_ms < sa.bindparam("soon")
)
_BEGINS = sa.select(_STAY.c.stay, _STAY.c.planned_in_ms).where(mine(_STAY))
_TOLD = sa.select(evidence.c.subject).where(mine(evidence), evidence.c.subject.in_(many("names")))
_TOLD_EVER = sa.select(evidence.c.subject).distinct().where(mine(evidence))
_LISTED = sa.select(_LISTING.c.listing, _LISTING.c.unit).where(
    mine(_LISTING), _LISTING.c.listing.in_(many("names"))
)
_UNCODED = sa.select(_LISTING.c.unit).where(mine(_LISTING), _LISTING.c.state.in_(NO_CODE))
_SUSPECTS = sa.select(_FOUND.c.subject).where(
    mine(_FOUND), _FOUND.c.kind == "D07", _FOUND.c.state != "closed"
)
_FOR_EVER_MS = 1 << 60


def known_nodes(act: Act) -> set[str]:
    return ask_set(act, _NODES)


def stays_of(act: Act, subjects: Iterable[str]) -> set[str]:
    """The stays among the subjects, those whose passes are, and those that came in more company than granted."""
    asked = set(subjects)
    counted = {subject for subject in asked if subject.startswith(COMPANY)}
    names = sorted((asked - counted) | {one for subject in counted for one in _passes_before(act, subject)})
    if not names:
        return set()
    return ask_set(act, _STAYS_OF, names=names)


def _passes_before(act: Act, subject: str) -> set[str]:
    """The pass of the passage that this event counted."""
    node, epoch, seq = subject.removeprefix(COMPANY).rsplit("/", 2)
    ledger = {"node": node, "epoch": epoch, "seq": int(seq)}
    grants = sorted(one for one in ask_set(act, _GRANT, **ledger) if one)
    return ask_set(act, _BEFORE, **ledger, first=int(seq) - GRANT_BEFORE, grants=grants)


def waiting_stays(act: Act) -> set[str]:
    """Stays with a verdict that waits for evidence: the only ones a moved watermark can change."""
    return stays_of(act, ask_set(act, _IN_STATES, states=["inconclusive"]))


def beside(act: Act, stays: set[str]) -> tuple[set[str], frozenset[str]]:
    """(stays that were one too many because of these, which may have moved away; units that are under suspicion)."""
    if not stays:
        return set(), frozenset()
    rows = ask(act, _BESIDE)
    crowded = {r.subject for r in rows if r.kind == "D06" and not stays.isdisjoint(json.loads(r.evidence))}
    return crowded, frozenset(r.subject for r in rows if r.kind == "D07")


def open_subjects(act: Act) -> set[str]:
    """Whatever something open or undecided is about."""
    return ask_set(act, _IN_STATES, states=["open", "inconclusive"])


def alive_stays(act: Act) -> Sequence[str]:
    """Stays that begin soon, are under way or ended lately, and those with anything open; in order of their begin."""
    alive = ask_set(act, _ALIVE, ended=act.now_ms - LATELY_MS, soon=act.now_ms + SOON_MS)
    return _in_time(act, alive | stays_of(act, open_subjects(act)))


def recent_stays(act: Act, look_back_ms: int) -> Sequence[str]:
    """Stays that ended within ``look_back_ms`` or are still to end, and those with anything open, in time."""
    recent = ask_set(act, _ALIVE, ended=act.now_ms - look_back_ms, soon=_FOR_EVER_MS)
    return _in_time(act, recent | stays_of(act, open_subjects(act)))


def _in_time(act: Act, stays: set[str]) -> Sequence[str]:
    """What happened together stands together in the database."""
    begins = {stay: begin for stay, begin in ask(act, _BEGINS) if stay in stays}
    return sorted(begins, key=lambda stay: (begins[stay], stay))


def topics_of_touched(act: Act, touched: set[str]) -> set[str]:
    """Subjects that are neither stays nor nodes and of which something was told, and listings with their units."""
    names = sorted(one for one in touched if not one.startswith(COMPANY))
    if not names:
        return set()
    listed = ask(act, _LISTED, names=names)
    return ask_set(act, _TOLD, names=names) | {one for row in listed for one in row}


def topics_of_all(act: Act) -> set[str]:
    """Every subject of which something was told and that is no stay, and units that are let without a code, or may be."""
    told = ask_set(act, _TOLD_EVER)
    stays = ask_set(act, _DIRECT, names=sorted(told)) if told else set()
    return (told - stays) | ask_set(act, _SUSPECTS) | ask_set(act, _UNCODED)
