"""``SubmissionBook`` of ports_upstream.py: the queue of reports, where a crash at any point leaves one clear state.

A worker claims a row, opens the fields, and commits disclosure and SENT before the first byte leaves.  A row that is found
SENT without an answer was left behind: it is asked about, or sent again where that is harmless, or given to a person.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles_upstream import (
    ATTEMPTS_MAX,
    FINAL,
    SUBMISSION,
    WARN_AHEAD_MS,
    SubmissionState,
    backoff_ms,
)
from cloud_sync.core.policy import MINUTE_MS
from cloud_sync.core.reporting import Op, ReportRule, Shape, owed, reference_of
from cloud_sync.errors import Refused
from cloud_sync.ports_upstream import (
    Acked,
    DueSubmission,
    NotTaken,
    Outcome,
    Rejected,
    Taken,
    Unknown,
    Unnumbered,
)
from cloud_sync.store import upstream_facts as facts
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.tables_upstream import upstream_submission
from cloud_sync.store.upstream_cases import raise_late, unacknowledged
from cloud_sync.store.upstream_log import log_answer, log_sent
from cloud_sync.store.upstream_rows import (
    acknowledge,
    again,
    change,
    end,
    follow_report,
    graver,
    held_by,
    is_synthetic,
    left_behind,
    next_turn,
    number_before,
    outside_the_vault,
    row_of,
    waits_for_another,
)
from cloud_sync.store.vault import FIELDS

ACTOR, ROLE = "upstream", "system"
# Longer than the longest conversation (three calls of a minute), so that two workers never hold one report.
CLAIM_MS = 10 * MINUTE_MS
BLOCKED_MS = MINUTE_MS  # how long to wait for the report before this one
DERIVED_PER_ACT = 100  # one transaction stays short, so that the sink never waits long
WARNED_PER_RUN = 200
# What a new report means for its registration: something was mended, or has changed since it was told.
_CHANGED = {Op.CORRECT: ("facts change",), Op.SUBMIT: ("corrected", "facts change")}
_S = SubmissionState


@dataclass(frozen=True, slots=True)
class Recipient:
    """What the queue knows of one connector, opened or not."""

    shape: Shape
    rule: ReportRule


class SqlSubmissions:
    def __init__(self, house: House, recipients: Mapping[str, Recipient]) -> None:
        """``recipients``: every connector that is installed; the profile names those that are told."""
        self._house = house
        self._recipients = recipients

    # --- what is owed ------------------------------------------------------------------------------------------

    def derive(self) -> int:
        if is_synthetic(self._house):
            return 0
        return sum(self._derive(name) for name in self._house.profile.reports_to if name in self._recipients)

    def _derive(self, connector: str) -> int:
        """Looked at without the write lock, and judged anew with it."""
        with reading(self._house.engine).connect() as db:
            wanting = [case for case, _ in self._owed(db, connector, None)]
        made = 0
        for start in range(0, len(wanting), DERIVED_PER_ACT):
            some = wanting[start : start + DERIVED_PER_ACT]
            with acting(self._house, ACTOR, ROLE) as act:
                for case, ops in self._owed(act.connection, connector, some):
                    made += len(ops)
                    for op in ops:
                        self.enqueue(act, connector, case, op)
        return made

    def _owed(
        self, db: sa.Connection, connector: str, only: Sequence[facts.Case] | None
    ) -> list[tuple[facts.Case, tuple[Op, ...]]]:
        shape, rule = self._recipients[connector].shape, self._recipients[connector].rule
        found = facts.cases(self._house, db, self._house.clock.now_ms())
        if only is not None:
            names = {case.registration for case in only}
            found = [case for case in found if case.registration in names]
        told = facts.told_before(self._house, db, connector, None if only is None else names)
        digests = facts.digests(self._house, found, rule, shape)
        ops = frozenset(shape.fields)
        owing = [
            (
                case,
                owed(
                    rule,
                    ops,
                    facts.standing(case, digests[case.registration]),
                    told.get(case.registration, ()),
                ),
            )
            for case in found
        ]
        return [(case, wants) for case, wants in owing if wants]

    def enqueue(self, act: Act, connector: str, case: facts.Case, op: Op) -> str:
        """Queue one report in the caller's transaction; returns its id.

        Raises:
            Refused: a synthetic community, or no legal basis.
        """
        rule = self._recipients[connector].rule
        guards = set()
        if not is_synthetic(self._house, act.connection):
            guards.add(Guard.NOT_SYNTHETIC)
        if rule.basis:
            guards.add(Guard.LEGAL_BASIS)
        name, turn = act.new_id("US"), next_turn(act, connector, case.registration)
        state = act.move(SUBMISSION, name, None, "enqueue", guards, reason=f"{connector} {op}")
        act.insert(
            upstream_submission,
            id=name,
            connector=connector,
            op=str(op),
            state=state,
            registration=case.registration,
            stay=case.stay,
            person=case.person,
            turn=turn,
            reference=reference_of(case.registration, connector, turn, 1),
            round=1,
            legal_basis=rule.basis,
            facts="",
            body_mac="",
            attempts=0,
            sends=0,
            uncertain=0,
            ticket="",
            receipt="",
            problem="",
            warned="",
            claim="",
            made_ms=act.now_ms,
            due_ms=case.due_ms(rule) if op is Op.SUBMIT else act.now_ms + rule.clock_ms,
            next_ms=act.now_ms,
        )
        if turn > 1:
            follow_report(act, case.registration, op, _CHANGED.get(op, ()))
        return name

    def watch_clocks(self) -> int:
        until_ms = self._house.clock.now_ms() + WARN_AHEAD_MS
        query = unacknowledged(self._house.community, until_ms, until_ms - WARN_AHEAD_MS, WARNED_PER_RUN)
        with reading(self._house.engine).connect() as db:
            if not any(graver(row, self._house.clock.now_ms()) for row in db.execute(query)):
                return 0
        changed = 0
        with acting(self._house, ACTOR, ROLE) as act:
            for row in act.connection.execute(query).all():
                grave = graver(row, act.now_ms)
                if grave:
                    raise_late(act, row, grave)
                    if row.state == _S.QUEUED:
                        act.move(SUBMISSION, row.id, row.state, "legal deadline near", reason=grave)
                    change(act, row.id, warned=grave)
                    changed += 1
        return changed

    # --- one report at a time --------------------------------------------------------------------------------------

    def claim(self, *, most: int) -> Sequence[DueSubmission]:
        found = self._due(most)
        with reading(self._house.engine).connect() as db:
            if db.execute(found).first() is None:
                return []  # looked at without the write lock: an idle round costs the sink nothing
        with acting(self._house, ACTOR, ROLE) as act:
            rows = act.connection.execute(found).all()
            claimed = [self._claimed(act, row) for row in rows]
        return [one for one in claimed if one is not None]

    def _due(self, most: int) -> sa.Select[Any]:
        table = upstream_submission
        return (
            sa.select(table)
            .where(
                table.c.community == self._house.community,
                table.c.state.in_((_S.QUEUED, _S.SENT)),
                table.c.next_ms <= self._house.clock.now_ms(),
            )
            .order_by(table.c.next_ms, table.c.made_ms, table.c.turn)
            .limit(most)
        )

    def _claimed(self, act: Act, row: Any) -> DueSubmission | None:
        """None where there is nothing to do about it now; what that means is written down here."""
        if row.state == _S.SENT and row.uncertain:
            row = left_behind(act, row)
            if row.state in FINAL:
                return None
        case = facts.case_of(self._house, act.connection, row.registration)
        known = self._recipients.get(row.connector)
        if case is None or known is None:
            what = (
                "its registration is gone" if case is None else f"no connector {row.connector} is installed"
            )
            end(act, row, "nobody can tell", f"{what}; a person has to look.")
            return None
        untold = not row.uncertain and not row.ticket
        if case.void and row.op == Op.SUBMIT and untold:
            end(act, row, "withdrawn", "nobody came.")
            return None
        if untold and waits_for_another(act, row):
            change(act, row.id, next_ms=act.now_ms + BLOCKED_MS)
            return None
        claim = act.new_id("CL")
        digest = facts.digests(self._house, [case], known.rule, known.shape)[case.registration]
        # What has left and is asked about was told with the facts of then.
        kept = row.facts if row.uncertain or row.ticket else digest
        change(act, row.id, claim=claim, next_ms=act.now_ms + CLAIM_MS, facts=kept)
        op = Op(row.op)
        return DueSubmission(
            id=row.id,
            claim=claim,
            connector=row.connector,
            op=op,
            state=SubmissionState(row.state),
            reference=row.reference,
            uncertain=bool(row.uncertain),
            ticket=row.ticket,
            body_mac=row.body_mac,
            person=row.person,
            minor=case.minor,
            synthetic=is_synthetic(self._house, act.connection),
            number=number_before(act, row) if op is not Op.SUBMIT else "",
            record=facts.record_of(self._house, case, known.rule, op),
        )

    def open_fields(self, due: DueSubmission, shape: Shape) -> Mapping[str, str]:
        everybody = shape.wanted(due.op, foreigner=True, minor=due.minor)
        basis = self._recipients[due.connector].rule.basis
        # Who is a foreigner is read from the kind of document, and only where it makes a difference.
        tells = any(one.name == "document_type" or one.when == "foreigner" for one in everybody)
        kind = self._opened(due, "document_type", basis) if tells else ""
        wanted = shape.wanted(due.op, foreigner=kind != "resident_id", minor=due.minor)
        values = {
            "document_type": kind,
            **{name: due.record.get(name, "") for name in outside_the_vault(wanted)},
        }
        for one in wanted:
            if one.name in FIELDS and one.name != "document_type":
                values[one.name] = self._opened(due, one.name, basis)
        lacking = [one.name for one in wanted if one.needed and not values.get(one.name)]
        if lacking:
            raise Refused("upstream.incomplete", f"{', '.join(lacking)} not registered; nothing was sent.")
        names = [one.name for one in wanted]
        return {name: values[name] for name in names if values.get(name)}

    def _opened(self, due: DueSubmission, name: str, basis: str) -> str:
        if not self._house.vault.holds(due.person, name):
            return ""
        return self._house.vault.open_field(
            due.person, name, actor=ACTOR, purpose=f"report {due.op}: {basis}", screen=due.connector
        )

    def mac(self, body: bytes) -> str:
        return hmac.new(self._house.k_community, b"upstream body\0" + body, sha256).hexdigest()

    def begin(self, due: DueSubmission, recipient: str, fields: Sequence[str], mac: str) -> bool:
        with acting(self._house, ACTOR, ROLE) as act:
            row = held_by(act, due)
            if row is None or row.state != _S.QUEUED or is_synthetic(self._house, act.connection):
                return False
            log_sent(act, row, recipient, fields)
            state = act.move(SUBMISSION, row.id, row.state, "sent", reason=recipient)
            attempts = row.attempts + 1
            values = {"attempts": attempts, "sends": row.sends + 1, "uncertain": 1, "sent_ms": act.now_ms}
            values["next_ms"] = act.now_ms + CLAIM_MS  # the conversation begins only now
            change(act, row.id, state=state, body_mac=mac, problem="", **values)
            follow_report(act, row.registration, row.op, ("upstream accepted for sending", "resend"))
        return True

    def note(self, due: DueSubmission, outcome: Outcome) -> None:
        with acting(self._house, ACTOR, ROLE) as act:
            row = held_by(act, due)
            if row is None:
                return  # it was somebody else's by then, and they have asked
            # A send was counted when it began; a question is counted now.
            if not (row.state == _S.SENT and row.uncertain):
                change(act, row.id, attempts=row.attempts + 1)
                row = row_of(act, row.id)
            self._noted(act, row, outcome)

    def _noted(self, act: Act, row: Any, outcome: Outcome) -> None:
        match outcome:
            case Acked(receipt):
                log_answer(act, row, "acked", receipt)
                acknowledge(act, row, "receipt", receipt)
            case Rejected(why):
                log_answer(act, row, "rejected", why)
                end(act, row, "rejected", why)
            case Unnumbered(why):
                log_answer(act, row, "there, unnumbered", "")
                end(act, row, "nobody can tell", why)
            case Taken(ticket):
                log_answer(act, row, "taken", ticket)
                self._taken(act, row, ticket)
            case NotTaken(why):
                log_answer(act, row, "not taken", "")
                again(act, row, why, uncertain=False)
            case Unknown(why):
                if row.sends:
                    log_answer(act, row, "no answer", "")
                again(act, row, why, uncertain=True)

    def _taken(self, act: Act, row: Any, ticket: str) -> None:
        if row.attempts >= ATTEMPTS_MAX:
            end(act, row, "nobody can tell", "its recipient took it and never said what became of it.")
            return
        state = row.state if row.state == _S.SENT else act.move(SUBMISSION, row.id, row.state, "sent")
        next_ms = act.now_ms + backoff_ms(row.attempts)
        change(act, row.id, state=state, ticket=ticket, uncertain=0, next_ms=next_ms, claim="", problem="")

    def give_up(self, due: DueSubmission, why: str) -> None:
        self._ended(due, "nobody can tell", why)

    def incomplete(self, due: DueSubmission, why: str) -> None:
        self._ended(due, "rejected", why)

    def withdraw(self, due: DueSubmission, why: str) -> None:
        self._ended(due, "withdrawn", why)

    def _ended(self, due: DueSubmission, event: str, why: str) -> None:
        with acting(self._house, ACTOR, ROLE) as act:
            row = held_by(act, due, claimed=False)
            if row is not None:
                end(act, row, event, why)
