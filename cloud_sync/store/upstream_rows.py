"""Rows of the queue of reports: how each of them moves, and what follows for its registration and its cases."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles_upstream import (
    ATTEMPTS_MAX,
    FINAL,
    SUBMISSION,
    SubmissionState,
    backoff_ms,
    lateness,
)
from cloud_sync.core.reporting import Field, Op
from cloud_sync.ports_upstream import DueSubmission
from cloud_sync.store import tables
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House
from cloud_sync.store.tables_upstream import upstream_submission
from cloud_sync.store.upstream_cases import close_both, raise_late, raise_rejected
from cloud_sync.store.upstream_follow import follow
from cloud_sync.store.vault import FIELDS

_S = SubmissionState


def is_synthetic(house: House, db: sa.Connection | None = None) -> bool:
    """By the configuration or by the books: whichever says so."""
    table = tables.community
    query = sa.select(table.c.synthetic).where(table.c.community == house.community)
    if house.synthetic:
        return True
    if db is not None:
        return bool(db.execute(query).scalar_one_or_none())
    with reading(house.engine).connect() as own:
        return bool(own.execute(query).scalar_one_or_none())


def outside_the_vault(wanted: Sequence[Field]) -> list[str]:
    return [one.name for one in wanted if one.name not in FIELDS]


def row_of(act: Act, name: str) -> Any:
    row = act.row(upstream_submission, id=name)
    assert row is not None
    return row


def held_by(act: Act, due: DueSubmission, *, claimed: bool = True) -> Any:
    """The row, while it is this worker's; ``claimed=False`` also where it has just let go of it."""
    row: Any = act.row(upstream_submission, id=due.id)
    if row is None or row.state in FINAL or row.claim not in ((due.claim,) if claimed else (due.claim, "")):
        return None
    return row


def change(act: Act, name: str, **values: object) -> None:
    act.update(upstream_submission, {"id": name}, **values)


def graver(row: Any, now_ms: int) -> str:
    """How grave its clock is now, where that is graver than was said before; "" otherwise."""
    grave = lateness(now_ms, row.due_ms, row.made_ms, row.attempts)
    return grave if grave and (not row.warned or grave < row.warned) else ""


def left_behind(act: Act, row: Any) -> Any:
    """Whoever sent it ended before an answer came: from here on it is uncertain, like any lost answer."""
    again(act, row, "the worker that sent it ended before an answer came.", uncertain=True)
    return row_of(act, row.id)


def again(act: Act, row: Any, why: str, *, uncertain: bool) -> None:
    """Later once more: by our table where nothing is under way there, by a question where it is."""
    if row.ticket and uncertain:  # it was taken, and only the question about it failed
        if row.attempts >= ATTEMPTS_MAX:
            end(act, row, "nobody can tell", why)
        else:
            change(act, row.id, next_ms=act.now_ms + backoff_ms(row.attempts), claim="", problem=why)
        return
    state = act.move(SUBMISSION, row.id, row.state, "time-out")
    values = {"state": state, "uncertain": int(uncertain), "ticket": "", "problem": why, "claim": ""}
    change(act, row.id, next_ms=act.now_ms + backoff_ms(max(row.attempts, 1)), **values)
    follow_report(act, row.registration, row.op, ("send failed",))
    if row.attempts >= ATTEMPTS_MAX:
        end(act, row_of(act, row.id), "attempts exhausted", why)


def end(act: Act, row: Any, event: str, why: str) -> None:
    state = act.move(SUBMISSION, row.id, row.state, event)
    change(act, row.id, state=state, next_ms=None, ended_ms=act.now_ms, problem=why, claim="")
    if state == _S.REJECTED:
        follow_report(act, row.registration, row.op, ("send succeeded", "rejected"))
        raise_rejected(act, row)
    elif state == _S.DEAD_LETTER:
        raise_late(act, row, "S1" if act.now_ms > row.due_ms else "S2")


def acknowledge(act: Act, row: Any, event: str, receipt: str, guards: Sequence[Guard] = ()) -> None:
    """The recipient has it: the number is kept, and what was open about it is closed."""
    state = act.move(SUBMISSION, row.id, row.state, event, guards)
    values = {"next_ms": None, "ended_ms": act.now_ms, "receipt": receipt, "problem": "", "claim": ""}
    change(act, row.id, state=state, uncertain=0, ticket="", **values)
    ended = ("checkout reported",) if row.op == Op.CHECKOUT else ("send succeeded", "receipt")
    follow_report(act, row.registration, row.op, ended)
    close_both(act, row)


def follow_report(act: Act, registration: str, op: str, events: Sequence[str]) -> None:
    """Taking something back is no step in a registration's life; what comes instead of it is."""
    if op != Op.CANCEL:
        follow(act, registration, events)


def next_turn(act: Act, connector: str, registration: str) -> int:
    """The next one; identifiers of one millisecond have no order among them."""
    table = upstream_submission
    query = sa.select(sa.func.max(table.c.turn)).where(
        table.c.community == act.house.community,
        table.c.registration == registration,
        table.c.connector == connector,
    )
    return int(act.connection.execute(query).scalar() or 0) + 1


def number_before(act: Act, row: Any) -> str:
    """The recipient's number of what it holds about this registration."""
    table = upstream_submission
    query = sa.select(table.c.receipt).where(
        table.c.community == act.house.community,
        table.c.registration == row.registration,
        table.c.connector == row.connector,
        table.c.op.in_((Op.SUBMIT, Op.CORRECT)),
        table.c.state == _S.ACKED,
        table.c.turn < row.turn,
    )
    return str(act.connection.execute(query.order_by(table.c.turn.desc()).limit(1)).scalar() or "")


def waits_for_another(act: Act, row: Any) -> bool:
    """Reports about one person go in their order; a new one does not overtake what was not taken back."""
    table = upstream_submission
    query = sa.select(table.c.op, table.c.state).where(
        table.c.community == act.house.community,
        table.c.registration == row.registration,
        table.c.connector == row.connector,
        table.c.turn < row.turn,
    )
    before: Any = act.connection.execute(query.order_by(table.c.turn.desc()).limit(1)).first()
    if before is None:
        return False
    not_taken_back = before.op == Op.CANCEL and before.state == _S.REJECTED
    return before.state not in FINAL or before.state == _S.DEAD_LETTER or not_taken_back
