"""Discrepancies as rows: what evaluation found is written here, and what an act found by itself."""

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.reconcile import (
    BY_HUMAN,
    LATE_EVIDENCE,
    RECORDS_CHANGED,
    Evaluation,
    Finding,
    Inconclusive,
    Key,
    Raise,
    Recorded,
    Retract,
    settle,
)
from cloud_sync.store import built, tables
from cloud_sync.store.asking import ask, many, mine
from cloud_sync.store.follow_ups import ask_for, withdraw
from cloud_sync.store.house import Act

_ABOUT = sa.select(tables.discrepancy).where(
    mine(tables.discrepancy), tables.discrepancy.c.subject.in_(many("subjects"))
)


def pending(act: Act, evaluation: Evaluation) -> list[Finding]:
    """What would have to change in the record for it to agree."""
    subjects = {subject for _, subject in evaluation.looked_at} | {
        verdict.key.subject for verdict in evaluation.verdicts
    }
    return settle(evaluation, _recorded(act, subjects))


def apply(act: Act, evaluation: Evaluation) -> int:
    """Change it; how many findings that were."""
    findings = pending(act, evaluation)
    for finding in findings:
        _write(act, finding)
    return len(findings)


def _recorded(act: Act, subjects: Iterable[str]) -> dict[Key, Recorded]:
    return {
        Key(row.kind, row.subject, row.window_ms): Recorded(
            row.state, row.severity, tuple(json.loads(row.evidence)), row.close_reason or ""
        )
        for row in (ask(act, _ABOUT, subjects=sorted(subjects)) if subjects else ())
    }


def raise_now(act: Act, key: Key, severity: str, evidence: tuple[str, ...]) -> None:
    """Open a discrepancy that an act found by itself; while it is open, the same again changes only its evidence."""
    _open(act, Raise(key, severity, evidence), "open")


def settle_by_act(act: Act, kind: str, subject: str, reason: str) -> None:
    """Close what this act has put right; nothing happens where nothing of the kind is open."""
    table = tables.discrepancy
    found = sa.select(table.c.id, table.c.window_ms, table.c.state).where(
        table.c.community == act.house.community,
        table.c.kind == kind,
        table.c.subject == subject,
        table.c.state != "closed",
    )
    for row in act.connection.execute(found).all():
        close(act, Key(kind, subject, row.window_ms), f"{BY_HUMAN}{reason}")
        act.note("discrepancy.close", row.id, row.state, "closed", "explained by a person")


def _write(act: Act, finding: Finding) -> None:
    match finding:
        case Raise():
            _open(act, finding, "open")
        case Inconclusive():
            _open(act, finding, "inconclusive")
        case Retract():
            close(act, finding.key, finding.reason)


def _where(act: Act, key: Key) -> dict[str, Any]:
    return {
        "community": act.house.community,
        "kind": key.kind,
        "subject": key.subject,
        "window_ms": key.window_ms,
    }


def _open(act: Act, finding: Raise | Inconclusive, state: str) -> None:
    """New, or the same one again with what is known now; ``opened_ms`` is when it first or anew became open."""
    table, key = tables.discrepancy, _where(act, finding.key)
    found = built.select(act.connection, table, key)
    held = found[0] if found else None
    values = {
        "severity": finding.severity,
        "state": state,
        "updated_ms": act.now_ms,
        "closed_ms": None,
        "close_reason": None,
        "evidence": json.dumps(finding.evidence),
    }
    if held is None:
        name = act.new_id("DC")
        fresh = {"id": name, "opened_ms": act.now_ms}
        built.insert(act.connection, table, {**key, **values, **fresh})
    else:
        name = held.id
        if held.state != state:
            values["opened_ms"] = act.now_ms
        built.update(act.connection, table, key, values)
    if state == "open" and (held is None or held.state != state):
        ask_for(act, name, finding.key.kind, finding.key.subject)


def close(act: Act, key: Key, reason: str) -> None:
    """Closed, and what it asks for with it; a proposal stays for a person where it was true while it lasted."""
    (held,) = built.select(act.connection, tables.discrepancy, _where(act, key))
    withdraw(act, held.id, proposals=reason.startswith((BY_HUMAN, LATE_EVIDENCE, RECORDS_CHANGED)))
    values = {"state": "closed", "closed_ms": act.now_ms, "updated_ms": act.now_ms, "close_reason": reason}
    built.update(act.connection, tables.discrepancy, _where(act, key), values)
