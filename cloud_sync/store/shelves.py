"""Where each clock of ``core.retention`` finds its records, and how they end.

A shelf names the moment at which a row's clock began; NULL there: not begun.  ``stay`` is whose legal holds count for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.lifecycles_conduct import FindingState, PointsState, SanctionState
from cloud_sync.core.rights import RESIDENT_CLASSES
from cloud_sync.store import tables
from cloud_sync.store import tables_model as model
from cloud_sync.store.emergencies import forget_answers
from cloud_sync.store.forgetting import (
    delete_keys,
    forget_cases,
    forget_discrepancies,
    forget_import_rows,
    forget_inspections,
    forget_moved,
    forget_operators,
    forget_stays,
    forget_subjects,
)
from cloud_sync.store.house import Act
from cloud_sync.store.self_registering import drop_draft
from cloud_sync.store.sink_epoch import ERASED_BYTES, erased
from cloud_sync.store.tables_accounts import ceremony
from cloud_sync.store.tables_api import api_answer, api_token, webhook, webhook_delivery
from cloud_sync.store.tables_booking import daily_return, feed_entry, intake_key
from cloud_sync.store.tables_bulletins import bulletin, bulletin_letter, bulletin_receipt
from cloud_sync.store.tables_cases import field_task, sweep
from cloud_sync.store.tables_guests import complaint
from cloud_sync.store.tables_import import import_row, import_run, roll_person
from cloud_sync.store.tables_privacy import (
    breach,
    breach_step,
    emergency,
    emergency_answer,
    trace_request,
    trace_telling,
)
from cloud_sync.store.tables_rollout import rollout, rollout_node
from cloud_sync.store.tables_rules import evidence
from cloud_sync.store.tables_shifts import shift, shift_note
from cloud_sync.store.tables_upstream import upstream_submission

HOUR_MS = 3_600_000
Ending = Callable[[Act, Sequence[Any]], None]


@dataclass(frozen=True, slots=True)
class Shelf:
    clock: str
    table: sa.Table
    begins: sa.ColumnElement[Any]
    end: Ending | None = None  # None: nothing is done here, somebody else's word ends it
    where: tuple[sa.ColumnElement[bool], ...] = ()
    stay: sa.ColumnElement[Any] | None = None
    # What an index can find: it holds for every row that is due, and for few that are not.
    early: Callable[[int], sa.ColumnElement[bool]] | None = None


def delete_rows(table: sa.Table) -> Ending:
    def end(act: Act, keys: Sequence[Any]) -> None:
        delete_keys(act, table, keys)

    return end


def _by_first(forget: Callable[[Act, list[str]], None]) -> Ending:
    return lambda act, keys: forget(act, [str(key[0]) for key in keys])


def _erase_events(act: Act, keys: Sequence[Any]) -> None:
    """Who it was goes; that something was decided at a door within an hour stays, as a count needs it."""
    table = tables.event
    same = sa.tuple_(table.c.node, table.c.epoch, table.c.seq).in_([tuple(key) for key in keys])
    mine = (table.c.community == act.house.community, same)
    columns = (table.c.node, table.c.epoch, table.c.seq, table.c.body, table.c.wall_ms, table.c.stored_ms)
    rows = [
        {
            "b_node": row.node,
            "b_epoch": row.epoch,
            "b_seq": row.seq,
            "body": erased(bytes(row.body)),
            "wall_ms": row.wall_ms - row.wall_ms % HOUR_MS,
            "stored_ms": row.stored_ms - row.stored_ms % HOUR_MS,
        }
        for row in act.connection.execute(sa.select(*columns).where(*mine)).all()
    ]
    change = sa.update(table).where(
        table.c.community == act.house.community,
        table.c.node == sa.bindparam("b_node"),
        table.c.epoch == sa.bindparam("b_epoch"),
        table.c.seq == sa.bindparam("b_seq"),
    )
    values: dict[str, Any] = {name: sa.bindparam(name) for name in ("body", "wall_ms", "stored_ms")}
    act.connection.execute(change.values(pass_id=None, subject_ref=None, grant_id=None, **values), rows)


def _stay_of_pass(table: sa.Table) -> sa.ColumnElement[Any]:
    held = tables.pass_
    same = (held.c.community == table.c.community) & (held.c.pass_id == table.c.pass_id)
    return sa.select(held.c.stay).where(same).scalar_subquery()


def _entries(clock: str, *, resident: bool) -> Shelf:
    table = tables.event
    trusted = table.c.clock_state == "TRUSTED"
    cls = sa.func.coalesce(table.c["class"], "")
    return Shelf(
        clock,
        table,
        # A node that was cut off tells late; where its clock was good the clock runs from what happened.
        sa.case((trusted & (table.c.wall_ms < table.c.stored_ms), table.c.wall_ms), else_=table.c.stored_ms),
        _erase_events,
        (
            sa.func.length(table.c.body) != ERASED_BYTES,
            cls.in_(RESIDENT_CLASSES) if resident else cls.not_in(RESIDENT_CLASSES),
        ),
        stay=_stay_of_pass(table),
        early=lambda cutoff: (table.c.stored_ms <= cutoff) | (table.c.wall_ms <= cutoff),
    )


def _plain(
    clock: str, table: sa.Table, begins: str, *where: sa.ColumnElement[bool], stay: Any = None
) -> Shelf:
    return Shelf(clock, table, table.c[begins], delete_rows(table), where, stay)


def _stays(clock: str, *, registered: bool) -> Shelf:
    stay, registration = tables.stay, tables.registration
    proved = sa.exists().where(
        registration.c.community == stay.c.community,
        registration.c.stay == stay.c.stay,
        registration.c.verified_ms.is_not(None),
    )
    over = sa.func.coalesce(stay.c.checked_out_ms, stay.c.planned_out_ms)
    which = proved if registered else ~proved
    return Shelf(clock, stay, over, _by_first(forget_stays), (which,), stay.c.stay)


def _over(table: sa.Table) -> sa.ColumnElement[bool]:
    """The pass of this row is gone, or its time is over."""
    held = tables.pass_
    same = (held.c.community == table.c.community) & (held.c.pass_id == table.c.pass_id)
    return ~sa.exists().where(same, held.c.state.not_in(("EXPIRED", "REVOKED")))


def _assessments() -> Shelf:
    table, door = tables.pia_record, tables.access_point
    needed = sa.exists().where(door.c.community == table.c.community, door.c.pia_id == table.c.id)
    return _plain("assessment", table, "review_ms", ~needed)


def _tellings() -> Shelf:
    """A rule stands for as long as the log has a look that it speaks of."""
    table, looks = trace_telling, tables.disclosure
    looked = sa.exists().where(
        looks.c.community == table.c.community,
        looks.c.purpose.like(sa.literal("trace ") + table.c.trace + sa.literal(":%")),
    )
    return _plain("trace", table, "at_ms", ~looked)


def _conduct() -> tuple[Shelf, ...]:
    """What was held against a listing or a unit; what still counts, or is still asked about, stays."""
    points, sanction, finding, seen = model.points_entry, model.sanction, model.finding, model.inspection
    newer = seen.alias("newer")
    followed = sa.exists().where(
        newer.c.community == seen.c.community, newer.c.listing == seen.c.listing, newer.c.at_ms > seen.c.at_ms
    )
    last = {
        points: sa.func.coalesce(points.c.expires_ms, points.c.appeal_ms, points.c.proposed_ms),
        sanction: sa.func.coalesce(sanction.c.appeal_ms, sanction.c.in_force_ms, sanction.c.proposed_ms),
        finding: finding.c.decided_ms,
    }
    over = {
        points: (PointsState.DISMISSED, PointsState.REVERSED, PointsState.EXPIRED),
        sanction: (SanctionState.DISMISSED, SanctionState.LIFTED),
        finding: (FindingState.CONFIRMED, FindingState.DISMISSED),
    }
    return (
        *(
            Shelf("conduct", table, last[table], delete_rows(table), (table.c.state.in_(over[table]),))
            for table in last
        ),
        Shelf("conduct", seen, seen.c.at_ms, _by_first(forget_inspections), (followed,)),
        _plain("conduct", model.capacity_exception, "until_ms"),
    )


def _taken() -> sa.ColumnElement[Any]:
    """When the file of a row was taken; a file that was never taken whole has no such moment, and is taken again."""
    same = (import_run.c.community == import_row.c.community) & (import_run.c.run == import_row.c.run)
    return sa.select(import_run.c.at_ms).where(same).scalar_subquery()


def _has_rows() -> sa.ColumnElement[bool]:
    same = (import_run.c.community == import_row.c.community) & (import_run.c.run == import_row.c.run)
    return sa.exists().where(same).select_from(import_row)


def _houses_people() -> tuple[Shelf, ...]:
    """Who worked for an operator or the community, and as what; operators that left; residents who moved away."""
    left = model.operator.c.left_ms
    moved = roll_person.c.until_ms
    return (
        _plain("duty", model.duty, "until_ms"),
        _plain("duty", model.interest, "until_ms"),
        _plain("duty", model.operator_staff, "until_ms"),
        _plain("duty", intake_key, "ended_ms"),
        _plain("duty", daily_return, "filed_ms"),
        _plain("field", field_task, "due_ms"),
        _plain("field", sweep, "due_ms"),
        _plain("shift", shift, "over_ms"),
        _plain("shift", shift_note, "at_ms"),
        Shelf("operator", model.operator, left, _by_first(forget_operators), (left.is_not(None),)),
        Shelf("subject", roll_person, moved, _by_first(forget_moved), (moved.is_not(None),)),
        Shelf("import", import_row, _taken(), forget_import_rows),
        _plain("import", import_run, "at_ms", ~_has_rows()),
        _plain("upstream", upstream_submission, "ended_ms", stay=upstream_submission.c.stay),
    )


def shelves() -> tuple[Shelf, ...]:
    """In the order in which they are gone through: what refers to a stay goes before or with it."""
    t = tables
    closed, found = t.case_.c.closed_ms, t.discrepancy
    gone = sa.func.coalesce(t.subject.c.ended_ms, t.subject.c.valid_until_ms)
    agreed = sa.func.coalesce(t.consent.c.withdrawn_ms, t.consent.c.given_ms)
    return (
        Shelf(
            "face.template",
            t.erasure,
            t.erasure.c.asked_ms,
            None,
            (t.erasure.c.acked_ms.is_(None),),
            stay=_stay_of_pass(t.erasure),
        ),
        _plain("face.envelope", t.envelope, "not_after_ms", stay=_stay_of_pass(t.envelope)),
        _entries("entry.guest", resident=False),
        _entries("entry.resident", resident=True),
        _plain("presence", t.presence, "as_of_ms", _over(t.presence), stay=_stay_of_pass(t.presence)),
        _stays("registration", registered=True),
        _stays("stay.unused", registered=False),
        Shelf("subject", t.subject, gone, _by_first(forget_subjects)),
        Shelf("consent", t.consent, agreed, delete_rows(t.consent), stay=t.consent.c.stay),
        _assessments(),
        _plain("trace", trace_request, "asked_ms"),
        _tellings(),
        Shelf("case", t.case_, closed, _by_first(forget_cases), (closed.is_not(None),)),
        Shelf("discrepancy", found, found.c.closed_ms, _by_first(forget_discrepancies), stay=found.c.subject),
        _plain("discrepancy", evidence, "ended_ms", stay=evidence.c.subject),
        _plain("stay.unused", feed_entry, "departure_ms"),
        *_conduct(),
        *_houses_people(),
        *_grave(),
        *_programs(),
        _plain("command", t.command, "iat_ms"),
        _plain("command", t.zone_result, "told_ms"),
        _plain("command", t.zone_command, "proposed_ms"),
        *_said(),
        _plain("arrival", t.arrival, "asked_ms"),
        _plain("deadletter", t.deadletter, "seen_ms"),
        _plain("alert.queue", t.alert_queue, "stored_ms"),
        _plain("session", t.session, "ends_ms"),
        _plain("session", ceremony, "ends_ms"),
        Shelf("draft", t.guest_visit, t.guest_visit.c.draft_ms, _drop_drafts, stay=t.guest_visit.c.stay),
    )


def _programs() -> tuple[Shelf, ...]:
    """What is kept for programs: their tokens, the answers they had, and what they were told."""
    over = sa.func.coalesce(api_token.c.revoked_ms, api_token.c.ends_ms)
    waits = sa.exists().where(
        webhook_delivery.c.community == webhook.c.community, webhook_delivery.c.webhook == webhook.c.webhook
    )
    return (
        Shelf("token", api_token, over, delete_rows(api_token)),
        _plain("answer", api_answer, "made_ms"),
        _plain("delivery", webhook_delivery, "ended_ms"),
        _plain("delivery", webhook, "ended_ms", ~waits),
    )


def _grave() -> tuple[Shelf, ...]:
    """Lost faces, emergencies, and what went out to nodes."""
    return (
        Shelf(
            "breach",
            breach,
            breach.c.closed_ms,
            _by_first(_forget_breaches),
            (breach.c.closed_ms.is_not(None),),
        ),
        Shelf(
            "emergency.answer",
            emergency_answer,
            _emergency_over(),
            forget_answers,
            stay=emergency_answer.c.stay,
        ),
        Shelf(
            "emergency",
            emergency,
            sa.func.coalesce(emergency.c.ended_ms, emergency.c.ends_ms),
            delete_rows(emergency),
        ),
        Shelf(
            "rollout",
            rollout,
            rollout.c.ended_ms,
            _by_first(_forget_rollouts),
            (rollout.c.ended_ms.is_not(None),),
        ),
    )


def _said() -> tuple[Shelf, ...]:
    """What was said to guests, operators and neighbours, and by them."""
    t, complained = tables, sa.func.coalesce(complaint.c.answered_ms, complaint.c.made_ms)
    return (
        _plain("message", bulletin_receipt, "shown_ms", stay=bulletin_receipt.c.stay),
        _plain("message", bulletin_letter, "written_ms", stay=bulletin_letter.c.stay),
        _plain("message", bulletin, "ends_ms"),
        Shelf("complaint", complaint, complained, delete_rows(complaint)),
        Shelf("message", t.notice, t.notice.c.made_ms, _sealed(t.notice), stay=t.notice.c.stay),
        _plain("message", model.operator_notice, "made_ms"),
        Shelf(
            "contact",
            t.stay_contact,
            _end_of_stay(t.stay_contact),
            _sealed(t.stay_contact),
            stay=t.stay_contact.c.stay,
        ),
    )


def _emergency_over() -> sa.ColumnElement[Any]:
    """When the emergency of a row's answer was over, or will be."""
    over = sa.func.coalesce(emergency.c.ended_ms, emergency.c.ends_ms)
    same = (emergency.c.community == emergency_answer.c.community) & (
        emergency.c.emergency == emergency_answer.c.emergency
    )
    return sa.select(over).where(same).scalar_subquery()


def _forget_breaches(act: Act, breaches: list[str]) -> None:
    for table in (breach_step, breach):
        mine = (table.c.community == act.house.community, table.c.breach.in_(breaches))
        act.connection.execute(sa.delete(table).where(*mine))


def _forget_rollouts(act: Act, rollouts: list[str]) -> None:
    for table in (rollout_node, rollout):
        mine = (table.c.community == act.house.community, table.c.rollout.in_(rollouts))
        act.connection.execute(sa.delete(table).where(*mine))


def _sealed(table: sa.Table) -> Ending:
    """The rows, and what the vault has under their keys."""

    def end(act: Act, keys: Sequence[Any]) -> None:
        delete_keys(act, table, keys)
        for (key,) in keys:
            act.after_commit.append(partial(act.house.vault.forget, str(key)))

    return end


def _end_of_stay(table: sa.Table) -> sa.ColumnElement[Any]:
    held = tables.stay
    same = (held.c.community == table.c.community) & (held.c.stay == table.c.stay)
    over = sa.func.coalesce(held.c.checked_out_ms, held.c.planned_out_ms)
    return sa.select(over).where(same).scalar_subquery()


def _drop_drafts(act: Act, keys: Sequence[Any]) -> None:
    for (stay,) in keys:
        drop_draft(act, str(stay))


# Tables that hold nobody: places, devices, rules, sets, and counts, what a community knows of its houses among them, which
# lasts as long as its registry does.  A name that is not there yet does no harm; a table that is not named is found by a test.
NOBODYS = frozenset(
    {
        "access_point", "archived", "anchor", "band_table", "booking_feed", "census", "certificate", "chain_cut", "chain_head", "community",
        "conduct_rule", "conflict", "counter", "department", "delivery_check", "delivery_unready", "face_node", "face_roster", "gap", "grid", "join_claim",
        "legal_hold", "listing", "listing_document", "listing_file", "mark", "node", "node_loss", "node_state", "node_wire",
        "pass_set", "pass_wire", "renewal", "retention_proof", "roll_unit", "room", "room_file", "sink_meta", "sink_node",
        "spot_draw", "tombstone", "tombstone_word", "touched", "unit", "unit_residents", "zone", "zone_door",
    }
)  # fmt: skip
ENDS_WITH = {
    "booking": "registration",
    "booking_revision": "registration",
    "registration_clock": "registration",
    "case_link": "case",
    "breach_step": "breach",
    "rollout_node": "rollout",
    "case_note": "case",
    "matter_report": "case",
    "deposit_entry": "operator",
    "follow_up": "discrepancy",
    "import_decision": "import",
    "inspection_item": "conduct",
    "letter_ack": "operator",
    "spot_check": "registration",
    "credential": "registration",
    "pass": "registration",
    "pass_change": "registration",
    "pass_line": "registration",
    "person": "registration",
    "registration": "registration",
    "stay_member": "registration",
    "guest_visit": "registration",
    "minor_must": "registration",
    "hidden_stay": "registration",
    "child_hours": "registration",
    "stay_wish": "registration",
    "erasure": "registration",
    "department_staff": "session",  # with the account
    "passkey": "session",  # with the account, or by its owner
    "recovery_code": "session",  # likewise
    "totp": "session",  # likewise
    "push_subscription": "session",  # with the account; a browser that is gone is forgotten at the next wake
    "user": "session",  # with the account, by an administrator
    "disclosure": "disclosure",
    "audit": "audit",
    "upstream_log": "upstream_log",
}
