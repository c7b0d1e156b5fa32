"""Whether whoever is in a trace is told: one rule after the other, what it holds back, and what has run out."""

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.trace import Telling, TellingRule, TraceState, telling_fault
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_privacy import TraceTold
from cloud_sync.store.house import Act
from cloud_sync.store.tables_privacy import trace_request, trace_telling

DUE_MAX = 200
SAID = {
    "telling": "say whether the person is told, later, or not.",
    "ground": "say on which ground the person is not told.",
    "until": "a telling is put off until a day within a year.",
    "told": "they were told; nothing can be put off any more.",
    "same_person": "whoever asked may tell people, and does not decide that they are not told.",
    "not_approved": "nobody else has approved this.",
}


def record(act: Act, trace: str, wish: TellingRule) -> None:
    """Write down what is to be done about telling; nothing that was written before is changed.

    Raises:
        Refused: by its rule (trace.telling, .ground, .until, .told, .same_person, .not_approved).
        NotFound: no such trace.
    """
    held = act.row(trace_request, trace=trace)
    if held is None:
        raise NotFound(f"there is no trace {trace}.")
    before = told_of(act, [trace])[trace]
    newest = before[-1].rule.rule if before else ""
    fault = telling_fault(wish, newest, held.asked_by, act.actor, act.now_ms)
    fault = fault if held.state == TraceState.APPROVED else "not_approved"
    if fault:
        raise Refused(f"trace.{fault}", SAID[fault])
    is_told, is_deferred = wish.rule == Telling.TOLD, wish.rule == Telling.DEFERRED
    act.insert(
        trace_telling,
        trace=trace,
        n=len(before) + 1,
        rule=wish.rule,
        ground="" if is_told else wish.ground,
        until_ms=wish.until_ms if is_deferred else None,
        decided_by=act.actor,
        at_ms=act.now_ms,
    )
    act.note("trace.telling", trace, newest or None, wish.rule, wish.ground or None)


def told_of(act: Act, traces: Collection[str]) -> Mapping[str, tuple[TraceTold, ...]]:
    """Every rule of these traces, the oldest first; () where none was written down."""
    table = trace_telling
    mine = sa.select(table).where(table.c.community == act.house.community, table.c.trace.in_(sorted(traces)))
    found: dict[str, tuple[TraceTold, ...]] = dict.fromkeys(traces, ())
    for row in act.connection.execute(mine.order_by(table.c.trace, table.c.n)).all():
        found[row.trace] += (_told(row),)
    return found


def owed(act: Act) -> tuple[str, ...]:
    """Traces whose putting off has run out, the oldest first: somebody has to tell now, or say anew why not."""
    ended = trace_telling.c.until_ms <= act.now_ms
    newest = _newest(act).where(trace_telling.c.rule == Telling.DEFERRED, ended)
    found = newest.order_by(trace_telling.c.until_ms, trace_telling.c.trace).limit(DUE_MAX)
    return tuple(str(one) for one in act.connection.execute(found).scalars())


def held_back(act: Act) -> frozenset[str]:
    """Traces that nobody in them is told of now: their looks stand in no copy."""
    later = (trace_telling.c.rule == Telling.DEFERRED) & (trace_telling.c.until_ms > act.now_ms)
    newest = _newest(act).where((trace_telling.c.rule == Telling.NOT_TOLD) | later)
    return frozenset(str(one) for one in act.connection.execute(newest).scalars())


def without_held_back(act: Act, looks: list[Any]) -> list[Any]:
    """Rows of the disclosure log as their own person may read them."""
    silent = {f"trace {trace}:" for trace in held_back(act)} if looks else set()
    return [row for row in looks if not any(row.purpose.startswith(one) for one in silent)]


def in_words(told: tuple[TraceTold, ...], day: str) -> str:
    """As the disclosure log says it; ``day`` is when it is no longer put off."""
    newest = told[-1]
    rule = f"{newest.rule.rule} until {day}" if newest.rule.until_ms is not None else newest.rule.rule
    ground = f" ({newest.rule.ground})" if newest.rule.ground else ""
    return f"person {rule}{ground}, by {newest.decided_by}"


def _newest(act: Act) -> sa.Select[Any]:
    table, later = trace_telling, trace_telling.alias("later")
    followed = sa.exists().where(
        later.c.community == table.c.community, later.c.trace == table.c.trace, later.c.n > table.c.n
    )
    return sa.select(table.c.trace).where(table.c.community == act.house.community, ~followed)


def _told(row: Any) -> TraceTold:
    return TraceTold(TellingRule(row.rule, row.ground, row.until_ms), row.decided_by, row.at_ms)
