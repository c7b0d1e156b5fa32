"""What time alone changes: first entries, departure days, overstays, windows, erase clocks (domain.md §§5.4, 5.5)."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles import CREDENTIAL, STAY, STAY_INSIDE, CredentialState, StayState
from cloud_sync.store import registration_clocks, tables
from cloud_sync.store.asking import ask, ask_set, mine
from cloud_sync.store.book_stays import Places
from cloud_sync.store.engine import reading
from cloud_sync.store.erasing import finish_erase_clocks
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.issuing import refresh_stay
from cloud_sync.store.listing_clock import due_listings
from cloud_sync.store.self_registering import drop_drafts_of_ended_stays
from cloud_sync.store.subjects import due_subjects, refresh_subject
from cloud_sync.store.tables_rules import TO_END_WORDS, TO_OPEN_WORDS

STAYS_PER_ACT = 200  # one transaction stays short, so that the sink never waits long
ACTOR = "clock"
ROLE = "system"
_PASS, _STAY, _LISTING = tables.pass_, tables.stay, tables.listing
# Thousands of passes have no stay: not a thing to look for in an index.
_OF_PASSES = (
    sa.select(_PASS.c.stay).where(mine(_PASS), sa.func.coalesce(_PASS.c.stay, "") != "").limit(STAYS_PER_ACT)
)
_OF_STAYS = (
    sa.select(_STAY.c.stay)
    .distinct()
    .join(_PASS, (_PASS.c.community == _STAY.c.community) & (_PASS.c.stay == _STAY.c.stay))
    .where(mine(_STAY))
)
# How far each node has surely told; of one whose clock is not right nothing is sure.
_STATE = tables.node_state
_TOLD_UNTIL = sa.select(
    _STATE.c.node, (_STATE.c.drained_through_ms - _STATE.c.clock_bound_ms).label("told_ms")
).where(mine(_STATE), _STATE.c.clock_state != "UNTRUSTED")
_ROOM, _PRESENCE = tables.room, tables.presence
_OVER = (
    sa.select(_STAY, _ROOM.c.access_points)
    .select_from(
        _STAY.outerjoin(_ROOM, (_ROOM.c.community == _STAY.c.community) & (_ROOM.c.room == _STAY.c.room))
    )
    .order_by(_STAY.c.planned_out_ms, _STAY.c.stay)
)


def _somebody(where: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    joined = _PASS.join(
        _PRESENCE, (_PRESENCE.c.community == _PASS.c.community) & (_PRESENCE.c.pass_id == _PASS.c.pass_id)
    )
    of_the_stay = (_PASS.c.community == _STAY.c.community) & (_PASS.c.stay == _STAY.c.stay)
    return sa.exists().select_from(joined).where(of_the_stay, where).correlate(_STAY)


# Every member who came in was last seen going out.
SEEN_OUT = _somebody(_PRESENCE.c.state == "out") & ~_somebody(_PRESENCE.c.state != "out")
# Each has an index of its own; in one question with OR between them every pass there ever was is read.
_DUE: tuple[tuple[sa.Select[Any], tuple[str, ...]], ...] = (
    (  # the window opens
        _OF_PASSES.where(sa.text(TO_OPEN_WORDS), _PASS.c.not_before_ms <= sa.bindparam("early")),
        ("early",),
    ),
    (  # it is over
        _OF_PASSES.where(sa.text(TO_END_WORDS), _PASS.c.not_after_ms < sa.bindparam("now")),
        ("now",),
    ),
    # The room is handed on: a moment that comes once, and at noon for everybody; what is left out is never found again.
    (
        _OF_STAYS.where(
            _PASS.c.state.in_(("ARMED", "ACTIVE")),
            _STAY.c.planned_out_ms <= sa.bindparam("now"),
            _STAY.c.planned_out_ms > sa.bindparam("since"),
        ),
        ("now", "since"),
    ),
    (  # the listing was revoked
        _OF_STAYS.join(
            _LISTING,
            (_LISTING.c.community == _STAY.c.community) & (_LISTING.c.listing == _STAY.c.listing),
        ).where(
            mine(_LISTING),
            _LISTING.c.state == "REVOKED",
            _STAY.c.state.in_(tuple(sorted(STAY_INSIDE))),
            _PASS.c.state == "ACTIVE",
        ),
        (),
    ),
)


def advance_time(house: House, *, since_ms: int) -> int:
    """Do everything that has fallen due; how many stays or passes moved.  ``since_ms`` is the last time this ran."""
    # Before the write lock is taken, so that nobody waits for them twice a second.
    with reading(house.engine).begin() as db:
        looking = Act(house, db, house.clock.now_ms(), ACTOR, ROLE)
        stays, passes = _stays_of_due_passes(looking, since_ms), due_subjects(looking)
    with acting(house, ACTOR, ROLE) as act:
        moved = sum(step(act) for step in _STEPS)
        for pass_id in passes:
            refresh_subject(act, pass_id)
    for start in range(0, len(stays), STAYS_PER_ACT):
        with acting(house, ACTOR, ROLE) as act:
            for stay in stays[start : start + STAYS_PER_ACT]:
                refresh_stay(act, stay)
    return moved + len(passes) + len(stays)


def _stays(act: Act, *where: sa.ColumnElement[bool]) -> list[Any]:
    table = tables.stay
    found = sa.select(table).where(table.c.community == act.house.community, *where).limit(STAYS_PER_ACT)
    return list(act.connection.execute(found).all())


def _move(act: Act, stay: Any, event: str, guards: set[Guard] | None = None, **values: int) -> None:
    after = act.move(STAY, stay.stay, stay.state, event, guards or set())
    act.update(tables.stay, {"stay": stay.stay}, state=after, **values)
    refresh_stay(act, stay.stay)


def _first_entries(act: Act) -> int:
    """``access.taken`` has made presence; the first of a registered stay makes it in-house."""
    stay, pass_, presence = tables.stay, tables.pass_, tables.presence
    first = (
        sa.select(stay.c.stay, sa.func.min(presence.c.first_entry_ms).label("first_ms"))
        .join(pass_, (pass_.c.community == stay.c.community) & (pass_.c.stay == stay.c.stay))
        .join(
            presence,
            (presence.c.community == pass_.c.community) & (presence.c.pass_id == pass_.c.pass_id),
        )
        .where(
            stay.c.community == act.house.community,
            stay.c.state == StayState.REGISTERED,
            presence.c.first_entry_ms.is_not(None),
        )
        .group_by(stay.c.stay)
        .limit(STAYS_PER_ACT)
    )
    rows = act.connection.execute(first).all()
    for row in rows:
        held = act.row(tables.stay, stay=row.stay)
        _move(act, held, "first entry taken", first_entry_ms=row.first_ms)
        _mark_used(act, row.stay)
        registration_clocks.set_again(act, row.stay)
    return len(rows)


def _mark_used(act: Act, stay: str) -> None:
    """The credential that opened the door is in use from now on."""
    used = sa.select(tables.event.c.credential_kind).where(
        tables.event.c.community == act.house.community,
        tables.event.c.type == "access.granted",
    )
    for held in act.rows(tables.pass_, stay=stay):
        kinds = set(act.connection.execute(used.where(tables.event.c.pass_id == held.pass_id)).scalars())
        for row in act.rows(tables.credential, pass_id=held.pass_id):
            if row.kind in kinds and row.state == CredentialState.READY:
                after = act.move(CREDENTIAL, row.cred_id, row.state, "first successful use")
                act.update(tables.credential, {"cred_id": row.cred_id}, state=after)


def _departures(act: Act) -> int:
    """From local midnight of the planned day on."""
    tomorrow_ms = (
        act.house.midnight_ms(act.now_ms) + 36 * 3_600_000
    )  # some hour of tomorrow, whatever the zone does
    end_of_today_ms = act.house.midnight_ms(tomorrow_ms)
    table = tables.stay
    due = _stays(act, table.c.state == StayState.IN_HOUSE, table.c.planned_out_ms < end_of_today_ms)
    for stay in due:
        _move(act, stay, "departure day begins")
    return len(due)


def _over_grace(act: Act, seen_out: sa.ColumnElement[bool], *states: StayState) -> list[Any]:
    """All of them, the longest over first: who waits for a door that is cut off may not hide those who wait for none."""
    over = _OVER.where(
        _STAY.c.community == act.house.community,
        _STAY.c.state.in_(states),
        _STAY.c.planned_out_ms < act.now_ms - act.house.profile.grace_ms,
        seen_out,
    )
    return list(act.connection.execute(over))


def _overstays(act: Act) -> int:
    late = _over_grace(act, ~SEEN_OUT, StayState.DUE_OUT)[:STAYS_PER_ACT]
    for stay in late:
        _move(act, stay, "grace over", {Guard.NOT_SEEN_OUT})
    return len(late)


def _automatic_checkouts(act: Act) -> int:
    """Last seen going out, grace over, and the doors on the way have told everything until then."""
    due = _over_grace(act, SEEN_OUT, StayState.DUE_OUT, StayState.OVERSTAY)
    if not due:
        return 0
    ways = Places(act).ways(stay.access_points for stay in due if stay.access_points)
    told = {row.node: row.told_ms for row in ask(act, _TOLD_UNTIL)}
    gone = [stay for stay in due if _is_drained(act, stay, ways.get(stay.access_points, ()), told)]
    for stay in gone[:STAYS_PER_ACT]:
        _move(act, stay, "checkout", checked_out_ms=act.now_ms)
    return min(len(gone), STAYS_PER_ACT)


def _is_drained(act: Act, stay: Any, way: tuple[str, ...], told: Mapping[str, int]) -> bool:
    until_ms = stay.planned_out_ms + act.house.profile.grace_ms
    return bool(way) and all(told.get(node, -1) >= until_ms for node in way)


def _last_exits(act: Act) -> int:
    """A guest whose booking was cancelled during the stay has left."""
    cancelled = _stays(act, _STAY.c.state == StayState.CANCELLED_DURING, SEEN_OUT)
    for stay in cancelled:
        _move(act, stay, "last exit", checked_out_ms=act.now_ms)
    return len(cancelled)


def _stays_of_due_passes(act: Act, since_ms: int) -> list[str]:
    """Stays whose passes have a window edge, a turnover or a relocation deadline behind them."""
    words = {"early": act.now_ms + act.house.profile.early_most_ms, "now": act.now_ms, "since": since_ms}
    found: set[str] = set()
    for query, names in _DUE:
        found |= ask_set(act, query, **{name: words[name] for name in names})
    return sorted(found)


_STEPS = (
    _first_entries,
    _departures,
    _overstays,
    _automatic_checkouts,
    _last_exits,
    finish_erase_clocks,
    drop_drafts_of_ended_stays,
    due_listings,
)
