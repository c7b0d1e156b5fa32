"""Where each clock of ``core.retention`` finds its records, and how they end.

A shelf names the moment at which a row's clock began; NULL there: not begun.  ``stay`` is whose legal holds count for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.rights import RESIDENT_CLASSES
from cloud_sync.store import tables
from cloud_sync.store.forgetting import delete_keys, forget_cases, forget_stays, forget_subjects
from cloud_sync.store.house import Act
from cloud_sync.store.self_registering import drop_draft
from cloud_sync.store.sink_epoch import ERASED_BYTES, erased
from cloud_sync.store.tables_booking import feed_entry
from cloud_sync.store.tables_privacy import trace_request
from cloud_sync.store.tables_rules import evidence

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


def shelves() -> tuple[Shelf, ...]:
    """In the order in which they are gone through: what refers to a stay goes before or with it."""
    t = tables
    closed = t.case_.c.closed_ms
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
        Shelf("case", t.case_, closed, _by_first(forget_cases), (closed.is_not(None),)),
        _plain("discrepancy", t.discrepancy, "closed_ms", stay=t.discrepancy.c.subject),
        _plain("discrepancy", evidence, "ended_ms", stay=evidence.c.subject),
        _plain("stay.unused", feed_entry, "departure_ms"),
        _plain("command", t.command, "iat_ms"),
        _plain("command", t.zone_result, "told_ms"),
        _plain("command", t.zone_command, "proposed_ms"),
        Shelf("message", t.notice, t.notice.c.made_ms, _drop_messages, stay=t.notice.c.stay),
        _plain("arrival", t.arrival, "asked_ms"),
        _plain("deadletter", t.deadletter, "seen_ms"),
        _plain("alert.queue", t.alert_queue, "stored_ms"),
        _plain("session", t.session, "ends_ms"),
        Shelf("draft", t.guest_visit, t.guest_visit.c.draft_ms, _drop_drafts, stay=t.guest_visit.c.stay),
    )


def _drop_messages(act: Act, keys: Sequence[Any]) -> None:
    delete_keys(act, tables.notice, keys)
    for (notice,) in keys:
        act.after_commit.append(partial(act.house.vault.forget, str(notice)))


def _drop_drafts(act: Act, keys: Sequence[Any]) -> None:
    for (stay,) in keys:
        drop_draft(act, str(stay))


# Tables that hold nobody: places, devices, sets, and counts; and those whose rows end with another's.  A name that is not
# there yet does no harm; a table that is not named is found by a test.
NOBODYS = frozenset(
    {
        "access_point", "archived", "anchor", "certificate", "chain_cut", "chain_head", "community", "conflict",
        "counter", "delivery_check", "delivery_unready", "face_node", "face_roster", "gap", "join_claim",
        "legal_hold", "listing", "mark", "node", "node_loss", "node_state", "node_wire", "sink_node", "tombstone_word", "pass_set", "pass_wire",
        "renewal", "retention_proof", "room", "sink_meta", "tombstone", "touched", "zone", "zone_door",
    }
)  # fmt: skip
# What a community knows of its units, its listings and who lets them.  They last as long as the community's registry
# does; nothing ends them by itself yet, nor what its own spreadsheets brought, nor what was told to an authority, which has
# to be kept three years at least (invariant 11) and is not yet that old anywhere.
UNENDED = frozenset(
    {
        "band_table", "booking_feed", "census", "conduct_rule", "daily_return", "deposit_entry", "duty", "finding", "follow_up",
        "grid", "import_decision", "import_row", "import_run", "inspection", "inspection_item", "intake_key", "interest",
        "letter_ack", "listing_document", "listing_file", "operator", "operator_staff", "points_entry", "roll_person",
        "roll_unit", "room_file", "sanction", "spot_check", "spot_draw", "unit", "unit_residents", "upstream_log",
        "upstream_submission",
    }
)  # fmt: skip
ENDS_WITH = {
    "booking": "registration",
    "booking_revision": "registration",
    "registration_clock": "registration",
    "case_link": "case",
    "case_note": "case",
    "credential": "registration",
    "pass": "registration",
    "pass_change": "registration",
    "pass_line": "registration",
    "person": "registration",
    "registration": "registration",
    "stay_member": "registration",
    "guest_visit": "registration",
    "erasure": "registration",
    "push_subscription": "session",  # with the account; a browser that is gone is forgotten at the next wake
    "user": "session",  # with the account, by an administrator
    "disclosure": "disclosure",
    "audit": "audit",
}
