"""Rows of several kinds taken in the order in which they came: as an import takes them, without a file around them."""

from collections.abc import Mapping, Sequence

from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports import RowAnswer
from cloud_sync.store import imports
from cloud_sync.store.house import House, acting
from cloud_sync.store.imports import ROLE, Form
from cloud_sync.store.rows import RowFault


def form_of(kind: str) -> Form | None:
    """How a row of this kind is taken; None where no import takes it."""
    return next((form for name, form in imports.FORMS.items() if name == kind), None)


def take_rows(
    house: House, rows: Sequence[tuple[str, Mapping[str, str]]], *, actor: str
) -> list[RowAnswer]:
    """Each row is a transaction of its own, and is answered."""
    return [_take(house, line, kind, cells, actor) for line, (kind, cells) in enumerate(rows, start=1)]


def _take(house: House, line: int, kind: str, cells: Mapping[str, str], actor: str) -> RowAnswer:
    form = form_of(kind)
    if form is None:
        return RowAnswer(line, "unchanged", kind, "no import takes this")
    try:
        with acting(house, actor, ROLE) as act:
            return form.take(act, line, cells)
    except (RowFault, Refused, NotFound) as fault:
        key = " ".join(cells.get(name, "") for name in form.key).strip()
        return RowAnswer(line, "rejected", key, f"{str(fault).rstrip('.')}.")
