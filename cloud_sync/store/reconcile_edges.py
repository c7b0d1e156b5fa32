"""Stays of which time alone may have changed a verdict since the last look: those with an edge in between."""

import sqlalchemy as sa

from cloud_sync.core.policy import DAY_MS
from cloud_sync.store import tables
from cloud_sync.store.asking import ask_set, mine
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting

ACTOR, ROLE = "reconcile", "system"
_STAY, _PASS, _PRESENCE, _REGISTRATION = tables.stay, tables.pass_, tables.presence, tables.registration
_SINCE: sa.BindParameter[int] = sa.bindparam("since")
_UNTIL: sa.BindParameter[int] = sa.bindparam("until")


def _between(column: sa.ColumnElement[int], name: str) -> sa.ColumnElement[bool]:
    """``column`` plus the span called ``name`` lies after the last look, and not after this one."""
    span: sa.BindParameter[int] = sa.bindparam(name)
    return (column > _SINCE - span) & (column <= _UNTIL - span)


_BEGIN = sa.select(_STAY.c.stay).where(
    mine(_STAY),
    _between(_STAY.c.planned_in_ms, "near") | _between(_STAY.c.planned_in_ms, "no_show"),
)
_END = sa.select(_STAY.c.stay).where(
    mine(_STAY),
    _between(_STAY.c.planned_out_ms, "now")
    | _between(_STAY.c.planned_out_ms, "grace")
    | _between(_STAY.c.planned_out_ms, "day"),
)
_LEFT = (
    sa.select(_PASS.c.stay)
    .join(
        _PRESENCE,
        (_PRESENCE.c.community == _PASS.c.community) & (_PRESENCE.c.pass_id == _PASS.c.pass_id),
    )
    .where(
        mine(_PASS),
        _PASS.c.stay.is_not(None),
        _PRESENCE.c.state == "out",
        _between(_PRESENCE.c.as_of_ms, "unseen"),
    )
)
_DUE = sa.select(_REGISTRATION.c.stay).where(
    mine(_REGISTRATION),
    _between(_REGISTRATION.c.due_ms, "now") | _between(_REGISTRATION.c.due_ms, "legal"),
)


def stays_with_edge(act: Act, since_ms: int) -> set[str]:
    """Stays for which a moment that a rule counts from lies after ``since_ms`` and not after now."""
    profile = act.house.profile
    rules = profile.rules
    words = {
        "since": since_ms,
        "until": act.now_ms,
        "now": 1,  # a rule fires when the moment is past
        "near": 1 - rules.near_arrival_ms,
        "no_show": 1 + profile.no_show_after_ms,
        "grace": 1 + profile.grace_ms,
        "day": 1 + DAY_MS,
        "unseen": 1 + rules.unseen_exit_ms,
        "legal": 1 + rules.report_legal_ms,
    }
    found: set[str] = set()
    for query in (_BEGIN, _END, _LEFT, _DUE):
        names = query.compile().params
        found |= ask_set(act, query, **{name: words[name] for name in names if name in words})
    return found


def touch_edges(house: House, since_ms: int) -> int:
    """Ask for a look at every stay with an edge since then; how many those are."""
    with reading(house.engine).begin() as db:
        stays = stays_with_edge(Act(house, db, house.clock.now_ms(), ACTOR, ROLE), since_ms)
    if stays:
        with acting(house, ACTOR, ROLE) as act:
            for stay in sorted(stays):
                act.touch(stay)
    return len(stays)
