"""What the community's ratios are counted from, in one picture of the books."""

from typing import Any

import sqlalchemy as sa

from cloud_sync.core.community_metrics import (
    CommunityMetrics,
    Entered,
    OpenOne,
    coding_coverage,
    open_by_age,
    reconciled_stays,
    registration_by_level,
    registration_rate,
    true_registration,
)
from cloud_sync.core.lifecycles import StayState
from cloud_sync.core.policy import DAY_MS
from cloud_sync.core.reconcile import BY_HUMAN
from cloud_sync.store import tables
from cloud_sync.store.asking import ask, mine
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House
from cloud_sync.store.spot_checks import SpotChecks

PERIOD_MS = 30 * DAY_MS
ENDED = (StayState.CHECKED_OUT, StayState.CLOSED)
_PASS, _SEEN, _REG, _FOUND, _STAY, _LISTING, _NODE = (
    tables.pass_,
    tables.presence,
    tables.registration,
    tables.discrepancy,
    tables.stay,
    tables.listing,
    tables.node_state,
)
_ENTERED = (
    sa.select(_PASS.c.pass_id, _SEEN.c.first_entry_ms, _REG.c.verified_ms, _REG.c.proofing)
    .select_from(
        _PASS.join(
            _SEEN, (_SEEN.c.community == _PASS.c.community) & (_SEEN.c.pass_id == _PASS.c.pass_id)
        ).outerjoin(
            _REG,
            (_REG.c.community == _PASS.c.community)
            & (_REG.c.stay == _PASS.c.stay)
            & (_REG.c.person == _PASS.c.person),
        )
    )
    .where(mine(_PASS), _PASS.c.stay.is_not(None), _SEEN.c.first_entry_ms > sa.bindparam("since"))
    .order_by(_PASS.c.pass_id, _REG.c.verified_ms)
)
_STATES = sa.select(_LISTING.c.state, sa.func.count()).where(mine(_LISTING)).group_by(_LISTING.c.state)
_OPEN = sa.select(_FOUND.c.kind, _FOUND.c.severity, _FOUND.c.opened_ms).where(
    mine(_FOUND), _FOUND.c.state == "open"
)
_CONFIRMED = sa.select(sa.func.count()).where(
    mine(_FOUND), _FOUND.c.kind == "D07", _FOUND.c.close_reason.like(f"{BY_HUMAN}confirmed%")
)
_ENDED = sa.select(_STAY.c.stay).where(
    mine(_STAY),
    _STAY.c.state.in_(ENDED),
    _STAY.c.checked_out_ms.between(sa.bindparam("since"), sa.bindparam("until")),
)
_UNSETTLED = (
    sa.select(sa.func.count(sa.distinct(_STAY.c.stay)))
    .select_from(
        _STAY.outerjoin(
            _PASS, (_PASS.c.community == _STAY.c.community) & (_PASS.c.stay == _STAY.c.stay)
        ).join(
            _FOUND,
            (_FOUND.c.community == _STAY.c.community)
            & ((_FOUND.c.subject == _STAY.c.stay) | (_FOUND.c.subject == _PASS.c.pass_id)),
        )
    )
    .where(
        mine(_STAY),
        _STAY.c.state.in_(ENDED),
        _STAY.c.checked_out_ms.between(sa.bindparam("since"), sa.bindparam("until")),
        _FOUND.c.state == "open",
    )
)
_WATERMARK = sa.select(sa.func.min(_NODE.c.drained_through_ms)).where(mine(_NODE))


def community_metrics(house: House) -> CommunityMetrics:
    """Of the last thirty days; stays that ended less than a day ago are not counted yet."""
    spot = SpotChecks(house).estimate()
    with reading(house.engine).begin() as connection:
        act = Act(house, connection, house.clock.now_ms(), "metrics", "system")
        as_of_ms = int(ask(act, _WATERMARK)[0][0] or act.now_ms)
        window = {"since": act.now_ms - PERIOD_MS, "until": act.now_ms - DAY_MS}
        entered = _entered(act)
        ratios = (
            registration_rate(entered, as_of_ms),
            *registration_by_level(entered, as_of_ms),
            coding_coverage(dict(ask(act, _STATES)), int(ask(act, _CONFIRMED)[0][0]), as_of_ms),
            reconciled_stays(
                len(ask(act, _ENDED, **window)), int(ask(act, _UNSETTLED, **window)[0][0]), as_of_ms
            ),
            true_registration(spot, as_of_ms),
        )
        found = open_by_age([OpenOne(*row) for row in ask(act, _OPEN)], act.now_ms)
    return CommunityMetrics(as_of_ms, ratios, spot, found)


def _entered(act: Act) -> list[Entered]:
    """One for each pass; of several registrations the one that was verified first."""
    held: dict[str, Any] = {}
    for row in ask(act, _ENTERED, since=act.now_ms - PERIOD_MS):
        before = held.get(row.pass_id)
        if before is None or (before.verified_ms is None and row.verified_ms is not None):
            held[row.pass_id] = row
    return [Entered(row.first_entry_ms, row.verified_ms, row.proofing or 0) for row in held.values()]
