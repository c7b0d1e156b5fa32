"""What ends together: everything of a stay, of a person with a right of their own, of a pass.

Tables are found by their columns, so that one added later is not forgotten here; what has a clock of its own is named.
"""

from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa

from cloud_sync.store import tables
from cloud_sync.store import tables_model as model
from cloud_sync.store.house import Act
from cloud_sync.store.tables_cases import matter_report
from cloud_sync.store.tables_import import import_decision, import_row, roll_person
from cloud_sync.store.tables_rules import evidence, follow_up

# These name a pass, a stay or a person, and end by a clock of their own; what went upstream is a chain (invariant 11).
OWN_CLOCK = frozenset({"event", "consent", "disclosure", "upstream_log", "upstream_submission"})
# Ended by name, after everything that refers to them.
LAST = frozenset({"stay", "person", "pass", "subject", "notice", "stay_member", "booking"})


def forget_stays(act: Act, stays: Collection[str]) -> None:
    """Stays with their bookings, passes, registrations and messages; persons whom nothing else knows; their vault."""
    if not stays:
        return
    bookings = _found(act, tables.stay.c.booking, tables.stay.c.stay, stays)
    members = _found(act, tables.stay_member.c.person, tables.stay_member.c.stay, stays)
    notices = _found(act, tables.notice.c.notice, tables.notice.c.stay, stays)
    contacts = _found(act, tables.stay_contact.c.contact, tables.stay_contact.c.stay, stays)
    registered = _found(act, tables.registration.c.registration, tables.registration.c.stay, stays)
    forget_passes(act, _found(act, tables.pass_.c.pass_id, tables.pass_.c.stay, stays))
    for name, values in (("registration", registered), ("booking", bookings)):
        for table in _with(name):
            _delete(act, table, table.c[name], values)
    for table in _with("stay"):
        _delete(act, table, table.c.stay, stays)
    for table, column in ((tables.notice, "stay"), (tables.stay_member, "stay"), (tables.stay, "stay")):
        _delete(act, table, table.c[column], stays)
    _delete(act, tables.touched, tables.touched.c.subject, stays)
    _delete(
        act, evidence, evidence.c.subject, stays
    )  # also what never ends by itself: that a document was looked at
    _delete(act, tables.booking, tables.booking.c.booking, bookings)
    forget_persons(act, members)
    _forget_keys(act, (*stays, *notices, *contacts))  # drafts and addresses stand in the vault under these


def forget_subjects(act: Act, subjects: Collection[str]) -> None:
    """Residents, staff and visitors whose right is over, with their passes and names."""
    persons = _found(act, tables.subject.c.person, tables.subject.c.subject, subjects)
    table = tables.pass_
    own = sa.select(table.c.pass_id).where(
        table.c.community == act.house.community, table.c.stay.is_(None), table.c.person.in_(persons)
    )
    forget_passes(act, list(act.connection.execute(own).scalars()))
    _delete(act, tables.subject, tables.subject.c.subject, subjects)
    forget_persons(act, persons)


def forget_passes(act: Act, passes: Collection[str]) -> None:
    for table in _with("pass_id"):
        _delete(act, table, table.c.pass_id, passes)
    _delete(act, tables.pass_, tables.pass_.c.pass_id, passes)
    for table in (tables.touched, evidence):
        _delete(act, table, table.c.subject, passes)


def forget_persons(act: Act, persons: Collection[str]) -> None:
    """Those of them whom no stay and no right needs any more."""
    needed = {
        one
        for table in (tables.stay_member, tables.subject)
        for one in _found(act, table.c.person, table.c.person, persons)
    }
    gone = sorted(set(persons) - needed)
    for table in _with("person"):
        _delete(act, table, table.c.person, gone)
    _delete(act, evidence, evidence.c.subject, gone)
    _delete(act, tables.person, tables.person.c.person, gone)
    _forget_keys(act, gone)


def forget_cases(act: Act, cases: Collection[str]) -> None:
    for table, column in (
        (tables.case_note, "case_id"),
        (tables.case_link, "case_id"),
        (matter_report, "case_id"),
        (tables.case_, "id"),
    ):
        _delete(act, table, table.c[column], cases)


def forget_discrepancies(act: Act, found: Collection[str]) -> None:
    _delete(act, follow_up, follow_up.c.discrepancy, found)
    _delete(act, tables.discrepancy, tables.discrepancy.c.id, found)


def forget_inspections(act: Act, inspections: Collection[str]) -> None:
    for table in (model.inspection_item, model.inspection):
        _delete(act, table, table.c.inspection, inspections)


def forget_operators(act: Act, operators: Collection[str]) -> None:
    """Who let rooms here and has left: its staff, its letters and its deposit ledger; a listing keeps the bare number."""
    for table in (
        model.operator_notice,
        model.operator_staff,
        model.interest,
        model.letter_ack,
        model.deposit_entry,
        model.operator,
    ):
        _delete(act, table, table.c.operator, operators)
    _forget_keys(act, operators)


def forget_moved(act: Act, persons: Collection[str]) -> None:
    """Residents of the roll who have moved away."""
    _delete(act, roll_person, roll_person.c.person, persons)
    _forget_keys(act, persons)


def forget_import_rows(act: Act, keys: Sequence[sa.Row[Any]]) -> None:
    """Rows of spreadsheets; what people decided about them, and their sealed cells, where no other file has the same row."""
    same = sa.tuple_(*key_of(import_row)).in_([tuple(key) for key in keys])
    mine = import_row.c.community == act.house.community
    matters = set(act.connection.execute(sa.select(import_row.c.matter).where(mine, same)).scalars())
    delete_keys(act, import_row, keys)
    gone = matters - set(_found(act, import_row.c.matter, import_row.c.matter, matters))
    _delete(act, import_decision, import_decision.c.matter, gone)
    _forget_keys(act, gone)


def _forget_keys(act: Act, keys: Iterable[str]) -> None:
    for key in keys:
        act.after_commit.append(partial(act.house.vault.forget, key))


# Under which keys this room seals something, and the columns that name them; other keys are not judged here.
SEALED_UNDER = {"person": "PE-", "stay": "ST-", "notice": "NO-", "contact": "CO-"}


def orphans_of(act: Act, sealed: Collection[str]) -> list[str]:
    """The keys among these that no table knows any more; what is kept by a clock of its own does not count as knowing."""
    ours = {key for key in sealed if key.startswith(tuple(SEALED_UNDER.values()))}
    for table in tables.metadata.sorted_tables:
        for name in SEALED_UNDER.keys() & table.c.keys():
            if ours and table.name not in OWN_CLOCK:
                mine = sa.select(table.c[name]).where(table.c.community == act.house.community)
                ours -= {str(one) for one in act.connection.execute(mine.distinct()).scalars()}
    return sorted(ours)


def _with(column: str) -> Iterable[sa.Table]:
    for table in tables.metadata.sorted_tables:
        if column in table.c and table.name not in OWN_CLOCK | LAST:
            yield table


def _found(act: Act, wanted: sa.ColumnElement[Any], by: sa.Column[Any], values: Collection[str]) -> list[str]:
    if not values:
        return []
    query = sa.select(wanted).where(by.table.c.community == act.house.community, by.in_(sorted(values)))
    return sorted({str(one) for one in act.connection.execute(query).scalars()})


def _delete(act: Act, table: sa.Table, column: sa.ColumnElement[Any], values: Collection[str]) -> None:
    if values:
        mine = table.c.community == act.house.community
        act.connection.execute(sa.delete(table).where(mine, column.in_(sorted(values))))


def delete_keys(act: Act, table: sa.Table, keys: Sequence[sa.Row[Any]]) -> int:
    """The rows with these primary keys (without the community)."""
    columns = key_of(table)
    same = sa.tuple_(*columns).in_([tuple(key) for key in keys])
    gone = sa.delete(table).where(table.c.community == act.house.community, same)
    return act.connection.execute(gone).rowcount


def key_of(table: sa.Table) -> list[sa.Column[Any]]:
    return [column for column in table.primary_key.columns if column.name != "community"]
