"""Reports to authorities as people see them, and the two things a named person may do about one."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles_upstream import SUBMISSION, SubmissionState
from cloud_sync.core.reporting import reference_of
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_upstream import DisclosureLine, SubmissionLine, UpstreamTally
from cloud_sync.store import upstream_log
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.reasons import checked_reason
from cloud_sync.store.tables_upstream import upstream_submission
from cloud_sync.store.upstream_rows import acknowledge, is_synthetic

RECEIPT_MAX = 200


def tallies(engine: sa.Engine, community: str) -> list[UpstreamTally]:
    """How many reports stand in which state, by connector, and since when the oldest of them does."""
    table = upstream_submission
    query = (
        sa.select(table.c.connector, table.c.state, sa.func.count(), sa.func.min(table.c.made_ms))
        .where(table.c.community == community)
        .group_by(table.c.connector, table.c.state)
        .order_by(table.c.connector, table.c.state)
    )
    with reading(engine).connect() as db:
        return [UpstreamTally(*row) for row in db.execute(query)]


class StoredUpstream:
    """``UpstreamReader`` of ports_upstream.py."""

    def __init__(self, house: House) -> None:
        self._house = house

    @property
    def synthetic(self) -> bool:
        return is_synthetic(self._house)

    def tallies(self) -> Sequence[UpstreamTally]:
        return tallies(self._house.engine, self._house.community)

    def lines(self, *, most: int, states: Sequence[str] = ()) -> Sequence[SubmissionLine]:
        table = upstream_submission
        query = sa.select(table).where(table.c.community == self._house.community)
        if states:
            query = query.where(table.c.state.in_(states))
        with reading(self._house.engine).connect() as db:
            return [
                _line(row)
                for row in db.execute(query.order_by(table.c.made_ms.desc(), table.c.turn.desc()).limit(most))
            ]

    def line(self, submission: str) -> SubmissionLine:
        """One report.

        Raises:
            NotFound: there is none of this id.
        """
        table = upstream_submission
        query = sa.select(table).where(table.c.community == self._house.community, table.c.id == submission)
        with reading(self._house.engine).connect() as db:
            row = db.execute(query).one_or_none()
        if row is None:
            raise NotFound(f"there is no report {submission}; 'upstream list' names them.")
        return _line(row)

    def disclosures(self, *, most: int) -> Sequence[DisclosureLine]:
        return upstream_log.disclosures(self._house, most=most)

    def disclosures_about(self, submission: str) -> Sequence[DisclosureLine]:
        """Every telling of one report, oldest first."""
        return upstream_log.disclosures_about(self._house, submission)

    def disclosures_of(self, subject_id: str) -> Sequence[DisclosureLine]:
        return upstream_log.disclosures_of(self._house, subject_id)


def send_again(house: House, submission: str, reason: str, *, actor: str, looked: bool) -> None:
    """A named person has a refused or dead report sent again, with all its tries.

    ``looked``: the person has seen in the recipient's own pages that it is not there; without it a report whose answer was
    lost is asked about first, where its recipient can be asked.

    Raises:
        Refused: no reason, or the report is not in a state for it.
        NotFound: there is none.
    """
    with acting(house, actor, "staff") as act:
        row = _row(act, submission)
        state = act.move(
            SUBMISSION, row.id, row.state, "send again", {Guard.NAMED_HUMAN}, reason=checked_reason(reason)
        )
        fresh = row.state == SubmissionState.REJECTED or looked
        number = row.round + 1 if fresh else row.round
        # A recipient that remembers references would answer an old one with what it said then.
        reference = reference_of(row.registration, row.connector, row.turn, number)
        values = {"state": state, "attempts": 0, "next_ms": act.now_ms, "ended_ms": None, "claim": ""}
        values |= {"round": number, "reference": reference, "ticket": "", "problem": ""}
        uncertain = 0 if fresh else row.uncertain
        act.update(upstream_submission, {"id": submission}, uncertain=uncertain, **values)


def settle(house: House, submission: str, receipt: str, reason: str, *, actor: str) -> None:
    """A named person has read the recipient's number in its own pages: the report is acknowledged with it.

    Raises:
        Refused: no reason or no number, or the report is not a dead letter.
        NotFound: there is none.
    """
    number = receipt.strip()
    if not number or len(number) > RECEIPT_MAX or not number.isprintable():
        raise Refused("upstream.settle", f"a receipt has 1 to {RECEIPT_MAX} printable characters.")
    why = checked_reason(reason)
    with acting(house, actor, "staff") as act:
        row = _row(act, submission)
        acknowledge(act, row, "settled", number, [Guard.NAMED_HUMAN])
        upstream_log.log_answer(act, row, "settled by hand", number)
        act.note("upstream.settle", submission, row.state, SubmissionState.ACKED, why)


def _row(act: Act, submission: str) -> Any:
    row = act.row(upstream_submission, id=submission)
    if row is None:
        raise NotFound(f"there is no report {submission}; 'upstream list' names them.")
    return row


def _line(row: Any) -> SubmissionLine:
    return SubmissionLine(
        id=row.id,
        connector=row.connector,
        op=row.op,
        state=row.state,
        registration=row.registration,
        reference=row.reference,
        attempts=row.attempts,
        sends=row.sends,
        made_ms=row.made_ms,
        due_ms=row.due_ms,
        next_ms=row.next_ms,
        ended_ms=row.ended_ms,
        receipt=row.receipt,
        problem=row.problem,
    )
