"""Receipts of the lodging report and operators' daily returns, as files (D12, D13).

A receipt tells of what lies behind it: one that came after its time was late until then, and one that says rejected was
rejected, even where the next line of the same file says that all is well since.  Both are raised by the row itself, and
closed by reconciliation as soon as the newest receipt says acknowledged.
"""

from collections.abc import Mapping
from typing import Any

from cloud_sync.core.evidence import Submission
from cloud_sync.core.reconcile import Key
from cloud_sync.errors import NotFound
from cloud_sync.ports import RowAnswer
from cloud_sync.store import returns, tables
from cloud_sync.store.discrepancy_rows import raise_now
from cloud_sync.store.evidence_store import tell_news
from cloud_sync.store.house import Act
from cloud_sync.store.imports import Form
from cloud_sync.store.rows import choice_in, moment_in, needed_in, number_in, ref_in, told_ms

RESULTS = ("pending", "acked", "rejected")
MEMBERS_MAX = 98
REF = "Submission"


def _report(act: Act, line: int, cells: Mapping[str, str]) -> RowAnswer:
    key = f"{ref_in(cells, 'source')} {ref_in(cells, 'external_ref')}"
    at_ms, due_ms = told_ms(cells, act.house), moment_in(cells, "due_at", act.house)
    member = number_in(cells, "member", 0, MEMBERS_MAX)
    result: Any = choice_in(cells, "result", RESULTS, "")
    stay = _stay(act, cells, key)
    name = f"member/{member}"
    status = tell_news(act, str(stay.stay), name, Submission(due_ms, result), at_ms)
    if status != "unchanged":
        _raise(act, stay, result, name, at_ms - due_ms)
        act.note(
            "report.receipt", str(stay.stay), None, f"{name} {result}", cells.get("receipt", "")[:64] or None
        )
    return RowAnswer(line, status, f"{key} {member}", "")


def _stay(act: Act, cells: Mapping[str, str], key: str) -> Any:
    booking = act.row(tables.booking, source=cells["source"], external_ref=cells["external_ref"])
    if booking is None:
        raise NotFound(f"there is no booking {key}; import the bookings first.")
    (stay,) = act.rows(tables.stay, booking=str(booking.booking))
    return stay


def _raise(act: Act, stay: Any, result: str, name: str, late_ms: int) -> None:
    rules, evidence = act.house.profile.rules, (f"{REF}/{name}",)
    if late_ms > 0 and "D12" not in rules.off:
        grave = late_ms > rules.report_legal_ms
        raise_now(act, Key("D12", stay.stay, stay.planned_in_ms), "S1" if grave else "S2", evidence)
    if result == "rejected" and "D13" not in rules.off:
        raise_now(act, Key("D13", stay.stay, stay.planned_in_ms), "S2", evidence)


def _return(act: Act, line: int, cells: Mapping[str, str]) -> RowAnswer:
    guests = number_in(cells, "guests", 0, returns.GUESTS_MAX)
    filed = returns.file(act, ref_in(cells, "operator"), needed_in(cells, "day"), guests)
    return RowAnswer(line, filed.status, f"{filed.operator} {filed.day}", "")


REPORTS = Form(
    needed=("at", "source", "external_ref", "member", "due_at", "result"),
    optional=("receipt",),
    personal=frozenset(),
    key=("source", "external_ref", "member"),
    take=_report,
)
RETURNS = Form(
    needed=("operator", "day", "guests"),
    optional=("at",),
    personal=frozenset(),
    key=("operator", "day"),
    take=_return,
)
