"""What the service can tell reconciliation by itself, from events and books that are here already.

Told before everything is judged again, every quarter of an hour: returns that nobody filed (D12), how often visitors'
passes opened a door of the house they visit (D07 e), and how long each way in took yesterday (D25).
"""

from collections import defaultdict
from statistics import median
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.evidence import Body, DailyReturn, PathTimes, UnitVisit
from cloud_sync.core.policy import DAY_MS, HOUR_MS, MINUTE_MS
from cloud_sync.store import returns, tables
from cloud_sync.store.asking import ask, many, mine
from cloud_sync.store.engine import reading
from cloud_sync.store.evidence_store import tell, told_body
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.tables_rules import evidence

ACTOR, ROLE = "reconcile", "system"
RETURNS_BACK = 7  # days; a service that was off for longer asks for no older ones
# Of the doors of a house: a gate at the edge of the community says nothing about whom somebody visits.
WITHIN = ("unit", "room")
SETTLED_MS = 3 * HOUR_MS  # after midnight: by then most doors have told of the day before
WALK_MS = 2 * MINUTE_MS  # a door that opens later was opened for somebody else
_EVENT, _POINT = tables.event, tables.access_point
_TOLD = sa.select(evidence).where(
    mine(evidence), evidence.c.type == sa.bindparam("type"), evidence.c.since_ms >= sa.bindparam("since")
)
_UNLOCKS = (
    sa.select(_EVENT.c.pass_id, sa.func.count())
    .select_from(
        _EVENT.join(
            _POINT,
            (_POINT.c.community == _EVENT.c.community) & (_POINT.c.access_point == _EVENT.c.access_point),
        )
    )
    .where(
        mine(_EVENT),
        _EVENT.c.pass_id.in_(many("passes")),
        _EVENT.c.type == "access.taken",
        sa.func.coalesce(_EVENT.c.direction, "in") != "out",
        _POINT.c.kind.in_(WITHIN),
    )
    .group_by(_EVENT.c.pass_id)
)
_OPENED = sa.select(
    _EVENT.c.node,
    _EVENT.c.grant_id,
    _EVENT.c.type,
    _EVENT.c.access_point,
    _EVENT.c.credential_kind,
    _EVENT.c.wall_ms,
).where(
    mine(_EVENT),
    _EVENT.c.type.in_(("access.granted", "access.taken")),
    _EVENT.c.wall_ms >= sa.bindparam("since"),
    _EVENT.c.wall_ms < sa.bindparam("until"),
    _EVENT.c.grant_id.is_not(None),
    _EVENT.c.access_point.is_not(None),
)
Saying = tuple[str, str, Body, int]  # subject, key, body, since


def tell_own(house: House) -> int:
    """Tell what is new since the last time; how much that was.  Nothing is locked where nothing is."""
    with reading(house.engine).begin() as connection:
        act = Act(house, connection, house.clock.now_ms(), ACTOR, ROLE)
        said = [*_missing_returns(act), *_unlocks(act), *_path_times(act)]
    if said:
        with acting(house, ACTOR, ROLE) as act:
            for subject, key, body, since_ms in said:
                tell(act, subject, key, body, since_ms)
    return len(said)


def _missing_returns(act: Act) -> list[Saying]:
    """Each day that an operator owes is told once; a return that is filed later says so itself (``returns``)."""
    missing = returns.missing(act, RETURNS_BACK)
    if not missing:
        return []
    since_ms = act.now_ms - (RETURNS_BACK + 2) * DAY_MS
    told = {(row.subject, row.key) for row in ask(act, _TOLD, type=DailyReturn.__name__, since=since_ms)}
    return [
        (one.operator, one.day, DailyReturn(one.due_ms, filed=False), returns.day_begin_ms(act, one.day))
        for one in missing
        if (one.operator, one.day) not in told
    ]


def _unlocks(act: Act) -> list[Saying]:
    """Visits that count still, where their pass opened more doors of the house than was told."""
    since_ms = act.now_ms - act.house.profile.rules.visit_days_ms
    rows = [row for row in ask(act, _TOLD, type=UnitVisit.__name__, since=since_ms) if row.ended_ms is None]
    visits = [(row, body) for row in rows if isinstance(body := told_body(row), UnitVisit)]
    if not visits:
        return []
    counts: dict[str, int] = {}
    passes = sorted({body.pass_id for _, body in visits})
    for start in range(0, len(passes), 500):
        counts |= dict(ask(act, _UNLOCKS, passes=passes[start : start + 500]))
    return [
        (row.subject, row.key, UnitVisit(body.pass_id, counts[body.pass_id], body.visitor), row.since_ms)
        for row, body in visits
        if counts.get(body.pass_id, 0) > body.unlocks
    ]


def _path_times(act: Act) -> list[Saying]:
    """Yesterday's medians from the decision to the open door, once, by access point and kind of credential."""
    today_ms = act.house.midnight_ms(act.now_ms)
    day_ms = act.house.midnight_ms(today_ms - HOUR_MS)
    if act.now_ms < today_ms + SETTLED_MS or ask(act, _TOLD, type=PathTimes.__name__, since=day_ms):
        return []
    granted: dict[tuple[str, str], Any] = {}
    taken: dict[tuple[str, str], int] = {}
    for row in ask(act, _OPENED, since=day_ms, until=today_ms):
        if row.type == "access.granted":
            granted[row.node, row.grant_id] = row
        else:
            taken[row.node, row.grant_id] = row.wall_ms
    waits: dict[tuple[str, str], list[int]] = defaultdict(list)
    for name, row in granted.items():
        wait_ms = taken.get(name, row.wall_ms + WALK_MS) - row.wall_ms
        if row.credential_kind is not None and 0 <= wait_ms < WALK_MS:
            waits[row.access_point, row.credential_kind].append(wait_ms)
    return [
        (door, kind, PathTimes(kind, len(found), round(median(found))), day_ms)
        for (door, kind), found in sorted(waits.items())
    ]
