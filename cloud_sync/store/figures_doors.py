"""Figures about gates: how they are, what was decided by which credential, and how often staff let somebody in."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.case_types import OPEN, POWER_LOW
from cloud_sync.core.figures import Figure
from cloud_sync.core.policy import DAY_MS, HOUR_MS
from cloud_sync.store import tables
from cloud_sync.store.figure_sql import Look, same, spans
from cloud_sync.store.pass_sets import is_online
from cloud_sync.store.tables_rules import DECISION_WORDS

OVERRIDE = "override"
NO_CREDENTIAL = "none"
SHIFT_MS = 8 * HOUR_MS
SHIFTS = ("00-08", "08-16", "16-24")
GRANTED, DENIED, TAKEN = "access.granted", "access.denied", "access.taken"
_EVENT, _NODE, _STATE, _CASE = tables.event, tables.node, tables.node_state, tables.case_


def gates(look: Look) -> Iterator[Figure]:
    """What the registered nodes last said of themselves."""
    query = (
        sa.select(_NODE.c.node, _STATE)
        .select_from(_NODE.outerjoin(_STATE, same(_NODE, _STATE, "node")))
        .where(look.mine(_NODE))
    )
    rows = look.db.execute(query).all()
    heard = [row for row in rows if row.hello_ms]
    online = sum(is_online(row.online, row.hello_ms, look.now_ms) for row in heard)
    yield look.figure("gates_online", online, len(rows))
    lags = [look.now_ms - row.drained_through_ms for row in heard if row.drained_through_ms]
    yield look.figure("gates_lag_most", max(lags, default=0), len(lags))
    outboxes = [row.outbox if row.outbox is not None else max(0, row.head - row.acked) for row in heard]
    yield look.figure("gates_outbox", sum(outboxes), None)
    yield look.figure("gates_clock_most", max((row.clock_bound_ms for row in heard), default=0), len(heard))
    on_battery = sa.select(sa.func.count(sa.distinct(_CASE.c.access_point))).where(
        look.mine(_CASE), _CASE.c.kind == POWER_LOW.name, _CASE.c.state.in_(OPEN), _CASE.c.active == 1
    )
    yield look.figure("gates_on_battery", look.number(on_battery), look.count(tables.access_point))
    for software, nodes in sorted(Counter(row.software or "–" for row in heard).items()):
        yield look.figure("gates_by_software", nodes, len(heard), software)


Decided = dict[tuple[str, str, str, str], int]  # (type, credential, access point, shift) → how many


def decisions(look: Look) -> Decided:
    """Every decision of the period, counted in one pass over an index that has them in this order and no event's body."""
    keys = (_EVENT.c.type, _EVENT.c.credential_kind, _EVENT.c.access_point)
    query = (
        sa.select(*keys, *(_in_shift(look, at) for at in range(len(SHIFTS))))
        .where(look.mine(_EVENT), sa.text(DECISION_WORDS))
        .group_by(_EVENT.c.community, *keys)
    )
    found: Counter[tuple[str, str, str, str]] = Counter()
    for kind, credential, place, *counts in look.db.execute(query):
        for shift, count in zip(SHIFTS, counts, strict=True):
            if count:
                found[kind, credential or NO_CREDENTIAL, place or "", shift] += int(count)
    return dict(found)


def in_shift(look: Look, at: int) -> sa.ColumnElement[bool]:
    """Whether it fell into these hours of the community's day, in the period."""
    stretches = [
        (_EVENT.c.wall_ms >= since_ms)
        & (_EVENT.c.wall_ms < until_ms)
        & (((_EVENT.c.wall_ms + offset_ms) % DAY_MS).between(at * SHIFT_MS, (at + 1) * SHIFT_MS - 1))
        for since_ms, until_ms, offset_ms in _clock(look)
    ]
    return sa.or_(*stretches)


def _in_shift(look: Look, at: int) -> sa.ColumnElement[int]:
    """How many of the period fell into these hours.

    The period stands in the sum and not in the question: so the rows are read in the order of the groups, and none is sorted.
    """
    return sa.func.sum(sa.case((in_shift(look, at), 1), else_=0))


def _clock(look: Look) -> Iterator[tuple[int, int, int]]:
    """The period in stretches through which the community's clocks are the same hours ahead of UTC."""
    since_ms = look.since_ms
    moments = [*range(look.since_ms, look.until_ms, HOUR_MS), look.until_ms]
    offsets = [_offset_ms(look, at) for at in moments]
    for before, after, at in zip(offsets, offsets[1:], moments[1:], strict=False):
        if before != after:
            change_ms = at // HOUR_MS * HOUR_MS  # clocks change at a full hour
            yield since_ms, change_ms, before
            since_ms = change_ms
    yield since_ms, look.until_ms + 1, offsets[-1]


def _offset_ms(look: Look, at_ms: int) -> int:
    ahead = datetime.fromtimestamp(at_ms / 1000, look.house.zone).utcoffset()
    return round(ahead.total_seconds() * 1000) if ahead is not None else 0


def _sum(found: Decided, at: int, *, types: tuple[str, ...]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for key, count in found.items():
        if key[0] in types:
            counts[key[at]] += count
    return dict(counts)


def decided(look: Look) -> Iterator[Figure]:
    """What the decisions of the period say, by credential, gate and time of day."""
    found = decisions(look)
    yield from credentials(look, found)
    yield from overrides(look, found)


def credentials(look: Look, found: Decided) -> Iterator[Figure]:
    """Which credential people came with, and how often each was let in."""
    shown = _sum(found, 1, types=(GRANTED, DENIED))
    let_in = _sum(found, 1, types=(GRANTED,))
    by_hand, everything = _sum(found, 0, types=(OVERRIDE,)).get(OVERRIDE, 0), sum(found.values())
    for credential in sorted(shown):
        yield look.figure("decisions_by_credential", shown[credential], everything, credential)
    if everything:
        yield look.figure("decisions_by_credential", by_hand, everything, OVERRIDE)
    for credential in sorted(shown):
        yield look.figure("path_success", let_in.get(credential, 0), shown[credential], credential)


def passages(look: Look) -> sa.Select[Any]:
    """From the yes to having walked through, over the last day that is told; while a node never told all, the last day."""
    end_ms = min(look.told_ms or look.now_ms, look.until_ms)
    credential = sa.func.max(sa.case((_EVENT.c.type == GRANTED, _EVENT.c.credential_kind)))
    yes = sa.func.min(sa.case((_EVENT.c.type == GRANTED, _EVENT.c.wall_ms)))
    through = sa.func.min(sa.case((_EVENT.c.type == TAKEN, _EVENT.c.wall_ms)))
    place = sa.func.max(_EVENT.c.access_point).label("access_point")
    return (
        sa.select(credential.label("credential"), (through - yes).label("ms"), yes.label("at_ms"), place)
        .where(
            look.mine(_EVENT),
            _EVENT.c.wall_ms > end_ms - DAY_MS,
            _EVENT.c.wall_ms <= end_ms,
            _EVENT.c.type.in_((GRANTED, TAKEN)),
            _EVENT.c.grant_id.is_not(None),
        )
        .group_by(_EVENT.c.node, _EVENT.c.epoch, _EVENT.c.grant_id)
        .having(credential.is_not(None), through >= yes)
    )


def medians(look: Look) -> Iterator[Figure]:
    """How long passages took, by credential."""
    each = passages(look).subquery()
    for name, found in sorted(spans(look, sa.select(each.c.credential, each.c.ms)).items()):
        yield look.figure("path_median", found.median, found.n, name)


def overrides(look: Look, found: Decided) -> Iterator[Figure]:
    """How often staff let somebody in by hand, of all that was decided; by gate, and by eight hours of the day."""
    types = (GRANTED, DENIED, OVERRIDE)
    by_hand = _sum(found, 0, types=(OVERRIDE,)).get(OVERRIDE, 0)
    yield look.figure("override_rate", by_hand, sum(found.values()))
    for name, at in (("override_by_gate", 2), ("override_by_shift", 3)):
        hands, all_ = _sum(found, at, types=(OVERRIDE,)), _sum(found, at, types=types)
        for part in sorted(all_):
            yield look.figure(name, hands.get(part, 0), all_[part], part)
