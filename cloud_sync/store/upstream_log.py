"""Who was told what of whom: a row before anything leaves, a row for what came back, chained as the audit is."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from cloud_sync.ports_upstream import DisclosureLine
from cloud_sync.store import audit, tables
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House
from cloud_sync.store.tables_upstream import upstream_log

SENT, ANSWER = "sent", "answer"


def log_sent(act: Act, row: Any, recipient: str, fields: Sequence[str]) -> None:
    """The disclosure of one send, in the transaction that makes it SENT."""
    _append(act, row, SENT, int(row.sends) + 1, recipient=recipient, fields=json.dumps(list(fields)))


def log_answer(act: Act, row: Any, outcome: str, receipt: str) -> None:
    """What came back for the newest send of this submission; nothing where none has left."""
    if row.sends:
        _append(act, row, ANSWER, int(row.sends), outcome=outcome, receipt=receipt)


def _append(act: Act, row: Any, kind: str, attempt: int, **more: str) -> None:
    values = {
        "at_ms": act.now_ms,
        "kind": kind,
        "submission": row.id,
        "attempt": attempt,
        "person": row.person,
        "registration": row.registration,
        "connector": row.connector,
        "recipient": "",
        "op": row.op,
        "fields": "[]",
        "legal_basis": row.legal_basis,
        "outcome": "",
        "receipt": "",
    }
    audit.append(act.connection, upstream_log, act.house.community, {**values, **more})


def disclosures_of(house: House, subject_id: str) -> list[DisclosureLine]:
    """Every telling about this person, oldest first; ``subject_id`` is a person or one of their subject references."""
    member = tables.stay_member
    person = sa.select(member.c.person).where(
        member.c.community == house.community, member.c.subject_ref == subject_id
    )
    which = (upstream_log.c.person == subject_id) | upstream_log.c.person.in_(person)
    with reading(house.engine).connect() as db:
        return _lines(db, house.community, which)


def disclosures_about(house: House, submission: str) -> list[DisclosureLine]:
    """Every telling of one report, oldest first."""
    with reading(house.engine).connect() as db:
        return _lines(db, house.community, upstream_log.c.submission == submission)


def disclosures(house: House, *, most: int) -> list[DisclosureLine]:
    """The newest tellings, newest first."""
    with reading(house.engine).connect() as db:
        mine = (upstream_log.c.community == house.community) & (upstream_log.c.kind == SENT)
        newest = sa.select(upstream_log.c.submission).where(mine).order_by(upstream_log.c.n.desc())
        names = list(db.execute(newest.limit(most)).scalars())
        lines = _lines(db, house.community, upstream_log.c.submission.in_(names))
    return sorted(lines, key=lambda line: -line.n)[:most]


def _lines(db: sa.Connection, community: str, which: sa.ColumnElement[bool]) -> list[DisclosureLine]:
    query = sa.select(upstream_log).where(upstream_log.c.community == community, which)
    rows: list[Any] = list(db.execute(query.order_by(upstream_log.c.n)))
    answers = {(row.submission, row.attempt): row for row in rows if row.kind == ANSWER}  # the newest stands
    return list(_joined((row for row in rows if row.kind == SENT), answers))


def _joined(sent: Iterable[Any], answers: dict[tuple[str, int], Any]) -> Iterable[DisclosureLine]:
    for row in sent:
        answer = answers.get((row.submission, row.attempt))
        yield DisclosureLine(
            n=row.n,
            at_ms=row.at_ms,
            submission=row.submission,
            attempt=row.attempt,
            person=row.person,
            registration=row.registration,
            connector=row.connector,
            recipient=row.recipient,
            op=row.op,
            fields=tuple(json.loads(row.fields)),
            basis=row.legal_basis,
            outcome=answer.outcome if answer is not None else "",
            receipt=answer.receipt if answer is not None else "",
            answered_ms=answer.at_ms if answer is not None else None,
        )
