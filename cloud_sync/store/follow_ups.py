"""What discrepancies ask for, once per (discrepancy, step); proposals wait here for a named person to take them up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.discrepancies import KINDS, PROPOSALS, Step
from cloud_sync.errors import NotFound
from cloud_sync.store import tables
from cloud_sync.store.asking import ask, ask_set, many, mine
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House
from cloud_sync.store.tables_rules import follow_up

_ABOUT = (
    sa.select(tables.stay.c.stay, tables.stay.c.listing, tables.listing.c.operator)
    .select_from(
        tables.stay.outerjoin(
            tables.listing,
            (tables.listing.c.community == tables.stay.c.community)
            & (tables.listing.c.listing == tables.stay.c.listing),
        )
    )
    .where(mine(tables.stay), tables.stay.c.stay.in_(many("subjects")))
)
_BY_PASS = sa.select(tables.pass_.c.pass_id, tables.pass_.c.stay).where(
    mine(tables.pass_), tables.pass_.c.pass_id.in_(many("subjects"))
)
_LISTING = sa.select(tables.listing.c.listing, tables.listing.c.operator).where(
    mine(tables.listing), tables.listing.c.listing.in_(many("subjects"))
)
_THERE = sa.select(follow_up.c.step).where(
    mine(follow_up), follow_up.c.discrepancy == sa.bindparam("discrepancy")
)
_MADE = sa.select(follow_up).where(
    mine(follow_up), follow_up.c.step.in_(many("steps")), follow_up.c.taken_ms.is_(None)
)


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One step asked for.  For ``points`` and ``tier`` this is the whole proposal: nothing has been done."""

    discrepancy: str
    step: Step
    kind: str
    subject: str
    listing: str | None
    operator: str | None
    made_ms: int


def ask_for(act: Act, discrepancy: str, kind: str, subject: str) -> None:
    """Every step of the kind, once; what was withdrawn and not taken up stands again."""
    again = {"discrepancy": discrepancy}
    held = ask_set(act, _THERE, **again)
    if held:
        stands = sa.update(follow_up).where(
            follow_up.c.community == act.house.community,
            follow_up.c.discrepancy == discrepancy,
            follow_up.c.taken_ms.is_(None),
        )
        act.connection.execute(stands.values(withdrawn_ms=None))
    listing, operator = _whose(act, subject)
    for step in KINDS[kind].steps:
        if step not in held:
            act.insert(
                follow_up,
                discrepancy=discrepancy,
                step=step,
                kind=kind,
                subject=subject,
                listing=listing,
                operator=operator,
                made_ms=act.now_ms,
            )


def withdraw(act: Act, discrepancy: str, *, proposals: bool) -> None:
    """Whatever nobody has taken up yet is asked for no more; ``proposals``: these too."""
    gone = sa.update(follow_up).where(
        follow_up.c.community == act.house.community,
        follow_up.c.discrepancy == discrepancy,
        follow_up.c.taken_ms.is_(None),
        follow_up.c.withdrawn_ms.is_(None),
        sa.true() if proposals else follow_up.c.step.not_in(sorted(PROPOSALS)),
    )
    act.connection.execute(gone.values(withdrawn_ms=act.now_ms))


def take_up(act: Act, discrepancy: str, step: Step) -> None:
    """Whoever acts on it says so in the same transaction.

    Raises:
        NotFound: nothing of the kind is asked for, or somebody took it up already.
    """
    key = {"discrepancy": discrepancy, "step": str(step)}
    held = act.row(follow_up, **key)
    if held is None or held.taken_ms is not None or held.withdrawn_ms is not None:
        raise NotFound(f"{discrepancy} asks for no {step} that is still to be done.")
    act.update(follow_up, key, taken_ms=act.now_ms)


def waiting(house: House, steps: Iterable[Step]) -> Sequence[FollowUp]:
    """What is asked for and nobody has taken up, oldest first."""
    with reading(house.engine).begin() as connection:
        act = Act(house, connection, house.clock.now_ms(), "follow-up", "system")
        rows = [row for row in ask(act, _MADE, steps=sorted(steps)) if row.withdrawn_ms is None]
    rows.sort(key=lambda row: (row.made_ms, row.discrepancy, row.step))
    return [_follow_up(row) for row in rows]


def _follow_up(row: Any) -> FollowUp:
    return FollowUp(
        row.discrepancy, Step(row.step), row.kind, row.subject, row.listing, row.operator, row.made_ms
    )


def _whose(act: Act, subject: str) -> tuple[str | None, str | None]:
    """(listing, operator) of a stay, a pass or a listing; a unit or a node has neither."""
    stays = [row.stay for row in ask(act, _BY_PASS, subjects=[subject])] or [subject]
    for row in ask(act, _ABOUT, subjects=[stay for stay in stays if stay]):
        return row.listing, row.operator
    for row in ask(act, _LISTING, subjects=[subject]):
        return row.listing, row.operator
    return None, None
