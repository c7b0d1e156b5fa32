"""Trace requests on the books: asked, decided by somebody else, shown for a day, every look disclosed (B13, A23)."""

from typing import Any

import sqlalchemy as sa

from cloud_sync.core.policy import DAY_MS
from cloud_sync.core.trace import (
    ASKED_PER_DAY,
    TraceKind,
    TraceState,
    TraceWish,
    decision_fault,
    fault_of,
    showing_fault,
)
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_privacy import TraceLine, TraceShown, TraceTold, TraceView
from cloud_sync.store import audit, tables
from cloud_sync.store.house import Act
from cloud_sync.store.reasons import checked_reason
from cloud_sync.store.tables_privacy import trace_request
from cloud_sync.store.trace_telling import in_words, told_of

LINES_MAX = 500
LISTED_MAX = 50
MOVEMENTS, SCREEN = "movements", "trace"
SAID = {
    "scope": "name a booking, as SOURCE NUMBER, or a door.",
    "purpose": "choose one of the purposes.",
    "case": "this purpose needs the number of the letter or the case.",
    "window": "a booking is looked at for 31 days at most, a door for four hours, and not in the future.",
    "many": f"at most {ASKED_PER_DAY} a day; a colleague may ask.",
    "same_person": "another person has to decide; you asked for it.",
    "late": "nobody decided within a day; ask again.",
    "decided": "this was decided already.",
    "not_approved": "nobody else has approved this.",
    "over": "its day is over; ask again.",
    "telling": "nobody has said whether the person is told.",
}


def ask(act: Act, wish: TraceWish) -> str:
    """Write a request down; nothing is looked up yet."""
    _check(fault_of(wish, act.now_ms))
    reason = checked_reason(wish.reason)
    _target(act, wish)
    table = trace_request
    lately = sa.select(sa.func.count()).where(
        table.c.community == act.house.community,
        table.c.asked_by == act.actor,
        table.c.asked_ms > act.now_ms - DAY_MS,
    )
    if int(act.connection.execute(lately).scalar_one()) >= ASKED_PER_DAY:
        _check("many")
    trace = act.new_id("TR")
    act.insert(
        table,
        trace=trace,
        kind=wish.kind,
        ref=" ".join(wish.ref.split()),
        purpose=wish.purpose,
        reason=reason,
        case_ref=wish.case_ref.strip(),
        from_ms=wish.from_ms,
        until_ms=wish.until_ms,
        asked_by=act.actor,
        asked_ms=act.now_ms,
        state=TraceState.ASKED.value,
    )
    act.note("trace.ask", trace, None, f"{wish.purpose} {wish.kind}", reason)
    return trace


def decide(act: Act, trace: str, *, approve: bool) -> None:
    held = _held(act, trace)
    _check(decision_fault(held.state, held.asked_by, held.asked_ms, act.actor, act.now_ms))
    state = TraceState.APPROVED if approve else TraceState.REFUSED
    values = {"state": state.value, "decided_by": act.actor, "decided_ms": act.now_ms}
    act.update(trace_request, {"trace": trace}, **values)
    act.note("trace.decide", trace, held.state, state.value)


def show(act: Act, trace: str) -> TraceShown:
    """The lines; whoever is in them finds this look in their own copy.  Nothing is returned before that is committed."""
    held = _held(act, trace)
    _check(showing_fault(held.state, held.decided_ms, act.now_ms))
    rows = _events(act, held)
    passes = sorted({str(row.pass_id) for row in rows if row.pass_id is not None})
    view = one(act, trace)
    _check("" if view.told else "telling")
    purpose = f"trace {trace}: {held.purpose}; {in_words(view.told, _until(act, view.told))}"
    for person in _persons(act, passes):
        look = audit.Look(act.actor, purpose, person, MOVEMENTS, SCREEN)
        audit.disclose_in(act.connection, act.house.community, look, act.now_ms)
    act.note("trace.show", trace, None, f"{len(rows)} lines, {len(passes)} passes")
    return TraceShown(view, tuple(_line(row) for row in rows[:LINES_MAX]), len(rows) > LINES_MAX, act.now_ms)  # fmt: skip


def listed(act: Act) -> tuple[TraceView, ...]:
    table = trace_request
    mine = sa.select(table).where(table.c.community == act.house.community)
    newest = mine.order_by(table.c.asked_ms.desc(), table.c.trace.desc()).limit(LISTED_MAX)
    rows = act.connection.execute(newest).all()
    told = told_of(act, [row.trace for row in rows])
    return tuple(view_of(row, told[row.trace]) for row in rows)


def one(act: Act, trace: str) -> TraceView:
    return view_of(_held(act, trace), told_of(act, [trace])[trace])


def view_of(row: Any, told: tuple[TraceTold, ...] = ()) -> TraceView:
    wish = TraceWish(row.kind, row.ref, row.purpose, row.reason, row.case_ref, row.from_ms, row.until_ms)
    return TraceView(
        row.trace, wish, row.asked_by, row.asked_ms, row.decided_by or "", row.decided_ms, row.state, told
    )


def _until(act: Act, told: tuple[TraceTold, ...]) -> str:
    until_ms = told[-1].rule.until_ms
    return act.house.local_day(until_ms).isoformat() if until_ms is not None else ""


def _held(act: Act, trace: str) -> Any:
    held = act.row(trace_request, trace=trace)
    if held is None:
        raise NotFound(f"there is no trace {trace}.")
    return held


def _check(fault: str) -> None:
    if fault:
        raise Refused(f"trace.{fault}", SAID[fault])


def _target(act: Act, wish: TraceWish) -> tuple[str, ...]:
    """The passes of a booking; () for a door."""
    if wish.kind == TraceKind.DOOR:
        if act.row(tables.access_point, access_point=wish.ref.strip()) is None:
            raise NotFound(f"there is no door {wish.ref.strip()}.")
        return ()
    source, _, external_ref = " ".join(wish.ref.split()).partition(" ")
    booking = act.row(tables.booking, source=source, external_ref=external_ref)
    if booking is None:
        raise NotFound(f"there is no booking {source} {external_ref}.")
    (stay,) = act.rows(tables.stay, booking=str(booking.booking))
    return tuple(str(row.pass_id) for row in act.rows(tables.pass_, stay=str(stay.stay)))


def _events(act: Act, held: Any) -> list[Any]:
    table, wish = tables.event, view_of(held).wish
    passes = _target(act, wish)
    which = table.c.access_point == wish.ref if wish.kind == TraceKind.DOOR else table.c.pass_id.in_(passes)
    columns = (
        table.c.wall_ms,
        table.c.access_point,
        table.c.type,
        table.c.direction,
        table.c.credential_kind,
        table.c.subject_ref,
        table.c.pass_id,
    )
    found = sa.select(*columns).where(
        table.c.community == act.house.community,
        which,
        table.c.wall_ms >= wish.from_ms,
        table.c.wall_ms < wish.until_ms,
        table.c.pass_id.is_not(None),
    )
    ordered = found.order_by(table.c.wall_ms, table.c.node, table.c.seq).limit(LINES_MAX + 1)
    return list(act.connection.execute(ordered).all())


def _persons(act: Act, passes: list[str]) -> list[str]:
    table = tables.pass_
    mine = sa.select(table.c.person).where(
        table.c.community == act.house.community, table.c.pass_id.in_(passes), table.c.person.is_not(None)
    )
    return sorted({str(person) for person in act.connection.execute(mine).scalars()})


def _line(row: Any) -> TraceLine:
    return TraceLine(
        row.wall_ms,
        row.access_point or "",
        row.type,
        row.direction or "",
        row.credential_kind or "",
        row.subject_ref or "",
    )
