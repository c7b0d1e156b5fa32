"""Every row that references a person, table by table (invariant 17): by person, pass, or stay, and nobody else's.

Tables are found by their columns, as in ``forgetting``: what is kept about a person is shown to them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.retention import BY_NAME, keep_ms
from cloud_sync.store import tables
from cloud_sync.store.house import Act
from cloud_sync.store.trace_telling import without_held_back

ENTRIES_MAX = 20_000  # a party of ten in a stay of three months causes fewer
# Secrets, ciphertext, and columns that say nothing of anybody.
_HIDDEN = frozenset({"community", "person", "verifier", "wire", "hash", "doc_hash", "guest_token_hash", "sealed", "h", "body"})  # fmt: skip
# The names of the parts that pages have words for; any other table is told under its own.
PARTS = {
    "registration": "registrations",
    "consent": "consents",
    "pass": "passes",
    "credential": "credentials",
    "event": "entries",
    "disclosure": "looked_at",
    "notice": "messages",
    "discrepancy": "discrepancies",
    "stay_member": "member",
    "erasure": "face_erasures",
    "pass_line": "deliveries",
    "guest_visit": "visit",
    "case_": "cases",
    "audit": "changes",
}
# Parts of the machine: their rows are copies of what is told already, and live for a moment.
_MACHINE = frozenset({"touched", "pass_change", "trace_request", "legal_hold", "access_point", "booking"})
_ENTRY = ("type", "access_point", "direction", "decision", "reason", "credential_kind", "wall_ms", "node")


@dataclass(frozen=True, slots=True)
class About:
    """Whom an export is about: one person under all pseudonyms, in these stays."""

    persons: tuple[str, ...]
    stays: tuple[str, ...]
    subject_refs: tuple[str, ...]
    passes: tuple[str, ...]


def about_member(act: Act, stay: str, member: Any) -> About:
    """One place in one party."""
    passes = act.rows(tables.pass_, stay=stay, person=str(member.person))
    return About(
        (str(member.person),),
        (stay,),
        (str(member.subject_ref),),
        tuple(str(row.pass_id) for row in passes),
    )


def about_person(act: Act, person: str) -> About:
    """Everything of somebody whose document was looked at: every stay under the same document."""
    held = act.row(tables.person, person=person)
    same = act.rows(tables.person, doc_hash=str(held.doc_hash)) if held is not None and held.doc_hash else []
    persons = sorted({person, *(str(row.person) for row in same)})
    members = _rows(act, tables.stay_member, tables.stay_member.c.person.in_(persons))
    subjects = _rows(act, tables.subject, tables.subject.c.person.in_(persons))
    passes = _rows(act, tables.pass_, tables.pass_.c.person.in_(persons))
    return About(
        tuple(persons),
        tuple(sorted({str(row.stay) for row in members})),
        tuple(sorted({str(row.subject_ref) for row in (*members, *subjects)})),
        tuple(sorted(str(row.pass_id) for row in passes)),
    )


def rows_about(act: Act, about: About) -> dict[str, list[dict[str, Any]]]:
    """Part by part, oldest first where the rows tell; empty parts are left out but for those a page always shows."""
    parts: dict[str, list[dict[str, Any]]] = {"stay": _shown(_rows(act, tables.stay, tables.stay.c.stay.in_(about.stays)))}  # fmt: skip
    ids = {*about.persons, *about.passes, *about.subject_refs}
    for table in tables.metadata.sorted_tables:
        which = _which(table, about)
        if which is None or table.name in _MACHINE:
            continue
        found = _rows(act, table, which)
        if table is tables.disclosure:
            found = without_held_back(act, found)
        ids |= {str(row._asdict()[name]) for row in found for name in _OWN_IDS if name in row._asdict()}
        _add(parts, table, found)
    ids |= set(about.stays)
    registered = [str(row["registration"]) for row in parts["registrations"]]
    bookings = [str(row["booking"]) for row in parts["stay"]]
    _add(parts, tables.booking, _rows(act, tables.booking, tables.booking.c.booking.in_(bookings)))
    for name, values in (("registration", registered), ("booking", bookings)):
        for table in tables.metadata.sorted_tables:
            if name in table.c and table is not tables.booking and not _found_before(table):
                _add(parts, table, _rows(act, table, table.c[name].in_(values)))
    for table, column in (
        (tables.discrepancy, "subject"),
        (tables.case_, "subject"),
        (tables.audit, "object"),
    ):
        _add(parts, table, _rows(act, table, table.c[column].in_(sorted(ids))))
    _add_notes(act, parts)
    return parts


_NARROWER = {"person", "pass_id", "subject_ref", "stay"}  # columns by which a row was found already
_OWN_IDS = ("consent", "registration", "cred_id", "notice")


def _found_before(table: sa.Table) -> bool:
    return bool(_NARROWER.intersection(table.c.keys()))


def _which(table: sa.Table, about: About) -> sa.ColumnElement[bool] | None:
    """By the narrowest of person, pass and stay that the table has."""
    columns = table.c
    if table is tables.stay or table.name in _MACHINE:
        return None
    if "person" in columns:
        mine = columns.person.in_(about.persons)
        return (
            mine & columns.stay.in_(about.stays) if "stay" in columns and table is not tables.pass_ else mine
        )
    if "pass_id" in columns:
        return columns.pass_id.in_(about.passes)
    if "subject_ref" in columns:
        return columns.subject_ref.in_(about.subject_refs)
    return columns.stay.in_(about.stays) if "stay" in columns else None


def _rows(act: Act, table: sa.Table, which: sa.ColumnElement[bool]) -> list[Any]:
    mine = table.c.community == act.house.community
    columns = [table.c[name] for name in _ENTRY] if table is tables.event else list(table.c)
    when = next((column for column in table.c if column.name.endswith("_ms")), None)
    query = sa.select(*columns).where(mine, which).limit(ENTRIES_MAX)
    return list(act.connection.execute(query if when is None else query.order_by(when)).all())


def _add(parts: dict[str, list[dict[str, Any]]], table: sa.Table, found: Sequence[Any]) -> None:
    told = [row for row in _shown(found) if row]
    name = PARTS.get(table.name, table.name)
    if told or table.name in PARTS:
        parts[name] = told


def _add_notes(act: Act, parts: dict[str, list[dict[str, Any]]]) -> None:
    """What happened in these cases; the staff's own words may be about others, and are told at the desk."""
    cases = [str(row["id"]) for row in parts.get("cases", [])]
    table = tables.case_note
    notes = _shown(_rows(act, table, table.c.case_id.in_(cases)), hide={"reason"})
    if notes:
        parts["case_note"] = notes


def _shown(rows: Sequence[Any], hide: Collection[str] = ()) -> list[dict[str, Any]]:
    hidden = {*_HIDDEN, *hide}
    return [{name: value for name, value in row._asdict().items() if name not in hidden} for row in rows]


# --- what stays, and what is gone --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FaceReceipts:
    """How many nodes were asked to erase a face, how many said that they did, and when the last one said it."""

    asked: int
    acked: int
    last_ms: int | None

    @property
    def is_done(self) -> bool:
        return self.asked == self.acked

    def sentence(self) -> str:
        if self.asked == 0:
            return "no face was ever asked of a node"
        return f"erased by {self.acked}/{self.asked} nodes"


def face_receipts(act: Act, passes: Collection[str]) -> FaceReceipts:
    """The newest request to each node counts; an earlier one was answered or is answered by it."""
    table = tables.erasure
    newest: dict[tuple[str, str], Any] = {}
    for row in _rows(act, table, table.c.pass_id.in_(sorted(passes))):
        key = str(row.node), str(row.pass_id)
        if key not in newest or row.erase_ver > newest[key].erase_ver:
            newest[key] = row
    nodes = {node for node, _ in newest}
    owing = {node for (node, _), row in newest.items() if row.acked_ms is None}
    told = [int(row.acked_ms) for row in newest.values() if row.acked_ms is not None]
    return FaceReceipts(len(nodes), len(nodes - owing), max(told, default=None))


def kept_until(act: Act, about: About) -> list[dict[str, Any]]:
    """What the profile keeps after the stay, until when at the latest, and why."""
    stays = _rows(act, tables.stay, tables.stay.c.stay.in_(about.stays))
    ends = [row.checked_out_ms or row.planned_out_ms for row in stays]
    if not ends:
        return []
    clocks = ("registration", "entry.guest", "consent", "disclosure", "audit")
    profile = act.house.profile
    return [
        {
            "what": name,
            "until_ms": max(ends) + keep_ms(BY_NAME[name], profile),
            "why": BY_NAME[name].basis,
        }
        for name in clocks
    ]
