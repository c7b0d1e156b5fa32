"""Reconciliation on the database: what was touched, and everything, with the same answer (invariants 23-25)."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.books import Drained
from cloud_sync.core.policy import DAY_MS
from cloud_sync.core.reconcile import (
    BY_HUMAN,
    Evaluation,
    Finding,
    Inconclusive,
    Key,
    Raise,
    Recorded,
    Retract,
    Verdict,
    Word,
    gather,
    settle,
)
from cloud_sync.core.rules_node import evaluate
from cloud_sync.errors import NotFound, Refused
from cloud_sync.store import tables
from cloud_sync.store.book_loader import Loader
from cloud_sync.store.chain_check import ChainCheck, verify_node
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting

STAYS_PER_ACT = 200  # one transaction stays short, so that the sink never waits long
SUBJECTS_PER_RUN = 500  # the rest of the queue waits for the next run, a second later
STAYS_LOOKED_BACK_MS = 30 * DAY_MS  # older stays have been judged on every day of a month
ACTOR = "reconcile"
ROLE = "system"


@dataclass(frozen=True, slots=True)
class _Marks:
    """What moves without anybody touching a subject: how far nodes have told, and what they are to hold."""

    drained: dict[str, Drained]
    sets: dict[str, str]


def _marks(act: Act) -> _Marks:
    table = tables.pass_set
    sets = sa.select(table.c.node, table.c.root).where(table.c.community == act.house.community)
    return _Marks(Loader(act).drained(), {row.node: row.root for row in act.connection.execute(sets)})


def _changed(now: dict[str, str], before: dict[str, str]) -> set[str]:
    return {node for node, root in now.items() if before.get(node) != root}


class Reconciler:
    """One community's reconciliation; call it from one thread."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._seen = _Marks({}, {})

    def run_touched(self) -> int:
        """Judge what changed since the last run, and what waited for a watermark that moved; how many findings."""
        if not self._has_work():
            return 0
        with acting(self._house, ACTOR, ROLE) as act:
            touched = self._take_queue(act)
            now = _marks(act)
            waiting = _waiting_stays(act) if now.drained != self._seen.drained else set()
            stays = waiting | _stays_of(act, touched)
            nodes = (touched | _changed(now.sets, self._seen.sets)) & _known(act, tables.node, "node")
            nodes |= Loader(act).nodes_on_the_way(sorted(stays))
            findings = _judge(act, sorted(stays), sorted(nodes))
        self._seen = now
        return findings

    def run_full(self) -> int:
        """Judge everything of the last month, in small transactions; how many findings."""
        with acting(self._house, ACTOR, ROLE) as act:
            nodes = sorted(_known(act, tables.node, "node"))
            stays = sorted(_recent_stays(act))
            findings = _judge(act, [], nodes)
        for chunk in _chunks(stays, STAYS_PER_ACT):
            with acting(self._house, ACTOR, ROLE) as act:
                findings += _judge(act, chunk, [])
        return findings

    def run_chains(self) -> int:
        """Follow every ledger's hash chain again from the stored bodies (D22); how many findings.  Slow: once a day."""
        with reading(self._house.engine).begin() as connection:
            found = sa.select(tables.node.c.node).where(tables.node.c.community == self._house.community)
            nodes = connection.execute(found).scalars().all()
        checks = [
            check for node in nodes for check in verify_node(self._house.engine, self._house.community, node)
        ]
        verdicts = [_chain_verdict(check) for check in checks]
        looked_at = [(verdict.key.kind, verdict.key.subject) for verdict in verdicts]
        with acting(self._house, ACTOR, ROLE) as act:
            return _apply(act, gather(looked_at, verdicts))

    def close_by_human(self, discrepancy: str, reason: str, *, actor: str) -> None:
        """A named person explains one; it opens again only on new evidence.

        Raises:
            Refused: no reason was given.
            NotFound: no such discrepancy is open.
        """
        if not reason.strip():
            raise Refused("discrepancy", "a discrepancy is closed with a reason.")
        with acting(self._house, actor, "staff") as act:
            held = act.row(tables.discrepancy, id=discrepancy)
            if held is None or held.state == "closed":
                raise NotFound(f"no discrepancy {discrepancy} is open.")
            _close(act, Key(held.kind, held.subject, held.window_ms), f"{BY_HUMAN}{reason.strip()}")
            act.note("discrepancy.close", discrepancy, held.state, "closed", "explained by a person")

    def _has_work(self) -> bool:
        """Looked at without the write lock: an idle second costs the sink nothing."""
        with reading(self._house.engine).begin() as connection:
            act = Act(self._house, connection, self._house.clock.now_ms(), ACTOR, ROLE)
            queued = sa.select(tables.touched.c.subject).where(
                tables.touched.c.community == self._house.community
            )
            now = _marks(act)
            return (
                connection.execute(queued.limit(1)).first() is not None
                or now.sets != self._seen.sets
                or (now.drained != self._seen.drained and bool(_waiting_stays(act)))
            )

    def _take_queue(self, act: Act) -> set[str]:
        """The oldest subjects, gone from the queue when this transaction commits."""
        table = tables.touched
        oldest = (
            sa.select(table.c.subject)
            .where(table.c.community == self._house.community)
            .order_by(table.c.since_ms)
            .limit(SUBJECTS_PER_RUN)
        )
        subjects = set(act.connection.execute(oldest).scalars())
        act.connection.execute(
            sa.delete(table).where(table.c.community == self._house.community, table.c.subject.in_(subjects))
        )
        return subjects


def _chunks(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    yield from (items[start : start + size] for start in range(0, len(items), size))


def _select(act: Act, column: sa.ColumnElement[str], *where: sa.ColumnElement[bool]) -> set[str]:
    return set(act.connection.execute(sa.select(column).where(*where)).scalars())


def _known(act: Act, table: sa.Table, name: str) -> set[str]:
    return _select(act, table.c[name], table.c.community == act.house.community)


def _stays_of(act: Act, subjects: set[str]) -> set[str]:
    """The stays among the subjects, and those whose passes are."""
    stay, pass_ = tables.stay, tables.pass_
    mine = act.house.community
    direct = _select(act, stay.c.stay, stay.c.community == mine, stay.c.stay.in_(subjects))
    owned = _select(
        act, pass_.c.stay, pass_.c.community == mine, pass_.c.pass_id.in_(subjects), pass_.c.stay.is_not(None)
    )
    return direct | owned


def _waiting_stays(act: Act) -> set[str]:
    """Stays with a verdict that waits for evidence: the only ones a moved watermark can change."""
    table = tables.discrepancy
    waiting = _select(
        act, table.c.subject, table.c.community == act.house.community, table.c.state == "inconclusive"
    )
    return _stays_of(act, waiting)


def _recent_stays(act: Act) -> set[str]:
    table = tables.stay
    return _select(
        act,
        table.c.stay,
        table.c.community == act.house.community,
        table.c.planned_out_ms > act.now_ms - STAYS_LOOKED_BACK_MS,
    )


def _chain_verdict(check: ChainCheck) -> Verdict:
    """A subject of its own per ledger: the cheap rules, which run all day, neither open nor close it."""
    subject = f"{check.node}/{check.epoch}"
    if check.first_break is None:
        return Verdict(Key("D22", subject, 0), Word.CLEAR, note="the chain holds")
    return Verdict(Key("D22", subject, 0), Word.RAISE, "S2", (f"{subject}/{check.first_break}",))


def _judge(act: Act, stays: Sequence[str], nodes: Sequence[str]) -> int:
    return _apply(act, evaluate(Loader(act).books(stays, nodes), act.house.profile))


def _apply(act: Act, evaluation: Evaluation) -> int:
    subjects = {subject for _, subject in evaluation.looked_at} | {
        verdict.key.subject for verdict in evaluation.verdicts
    }
    findings = settle(evaluation, _recorded(act, subjects))
    for finding in findings:
        _write(act, finding)
    return len(findings)


def _recorded(act: Act, subjects: Iterable[str]) -> dict[Key, Recorded]:
    table = tables.discrepancy
    found = sa.select(table).where(
        table.c.community == act.house.community, table.c.subject.in_(sorted(subjects))
    )
    return {
        Key(row.kind, row.subject, row.window_ms): Recorded(
            row.state, row.severity, tuple(json.loads(row.evidence)), row.close_reason or ""
        )
        for row in act.connection.execute(found)
    }


def judge_now(act: Act, verdicts: Sequence[Verdict]) -> int:
    """Record verdicts that somebody else came to; how many changed the record."""
    return _apply(act, gather([(one.key.kind, one.key.subject) for one in verdicts], verdicts))


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
        _close(act, Key(kind, subject, row.window_ms), f"{BY_HUMAN}{reason}")
        act.note("discrepancy.close", row.id, row.state, "closed", "explained by a person")


def _write(act: Act, finding: Finding) -> None:
    match finding:
        case Raise():
            _open(act, finding, "open")
        case Inconclusive():
            _open(act, finding, "inconclusive")
        case Retract():
            _close(act, finding.key, finding.reason)


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
    held = act.connection.execute(sa.select(table).filter_by(**key)).one_or_none()
    values = {
        "severity": finding.severity,
        "state": state,
        "updated_ms": act.now_ms,
        "closed_ms": None,
        "close_reason": None,
        "evidence": json.dumps(finding.evidence),
    }
    if held is None:
        fresh = {"id": act.new_id("DC"), "opened_ms": act.now_ms}
        act.connection.execute(sa.insert(table).values(**key, **values, **fresh))
        return
    if held.state != state:
        values["opened_ms"] = act.now_ms
    act.connection.execute(sa.update(table).filter_by(**key).values(**values))


def _close(act: Act, key: Key, reason: str) -> None:
    values = {"state": "closed", "closed_ms": act.now_ms, "updated_ms": act.now_ms, "close_reason": reason}
    act.connection.execute(sa.update(tables.discrepancy).filter_by(**_where(act, key)).values(**values))
