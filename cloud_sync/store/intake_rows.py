"""Rows of several kinds taken in the order in which they came: as an import takes them, without a file around them.

Each row is in the books with all that follows from it, or not at all, as in ``imports``; but some rows share a commit.
"""

from collections.abc import Callable, Mapping, Sequence

from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports import RowAnswer
from cloud_sync.store.document_checks import check_failed
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.imports import ROLE, Form
from cloud_sync.store.intake_files import FORMS
from cloud_sync.store.rows import CheckFault, RowFault

ROWS_PER_ACT = 50  # one transaction stays short, so that the sink never waits long
Row = tuple[str, Mapping[str, str]]  # kind and cells
Seen = Callable[
    [Act, int, RowAnswer], None
]  # told of each row in its transaction, with its place in ``rows``


def form_of(kind: str) -> Form | None:
    """How a row of this kind is taken; None where no import takes it."""
    return FORMS.get(kind)


def take_rows(house: House, rows: Sequence[Row], *, actor: str, seen: Seen) -> list[RowAnswer]:
    """Every row is answered; one that is refused changes nothing and costs no other."""
    answers: list[RowAnswer] = []
    for start in range(0, len(rows), ROWS_PER_ACT):
        with acting(house, actor, ROLE) as act:
            for at, row in enumerate(rows[start : start + ROWS_PER_ACT], start=start):
                answer = _take(act, at + 1, *row)
                seen(act, at, answer)
                answers.append(answer)
    return answers


def _take(act: Act, line: int, kind: str, cells: Mapping[str, str]) -> RowAnswer:
    form = form_of(kind)
    if form is None:
        return RowAnswer(line, "unchanged", kind, "no import takes this")
    part = Act(act.house, act.connection, act.now_ms, act.actor, act.role)
    try:
        with act.connection.begin_nested():
            answer = form.take(part, line, cells)
    except (RowFault, Refused, NotFound) as fault:
        for deed in part.on_failure:
            deed()
        if isinstance(fault, CheckFault):
            check_failed(act, cells.get("source", ""), cells.get("external_ref", ""))
        key = " ".join(cells.get(name, "") for name in form.key).strip()
        return RowAnswer(line, "rejected", key, f"{str(fault).rstrip('.')}.")
    act.after_commit += part.after_commit
    act.on_failure += part.on_failure
    return answer
