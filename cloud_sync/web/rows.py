"""The rows behind one number, as a page shows them: each says what it adds, and leads to what it is about."""

from collections.abc import Sequence
from dataclasses import dataclass

from cloud_sync.core.figures import Cell, FigureRow
from cloud_sync.web import words
from cloud_sync.web.board import Speaker
from cloud_sync.web.render import Chrome
from cloud_sync.web.row_words import CODES, COLUMNS
from cloud_sync.web.services import Services
from cloud_sync.web.spans import span


@dataclass(frozen=True, slots=True)
class RowCell:
    head: str
    text: str
    href: str


@dataclass(frozen=True, slots=True)
class RowLine:
    counts: int
    of: int
    cells: tuple[RowCell, ...]


@dataclass(frozen=True, slots=True)
class NumberPage:
    """One number over its rows; ``of`` is empty where it is counted of nothing."""

    chrome: Chrome
    title: str
    part: str
    meaning: str
    number: str
    of: str
    percent: str
    as_of: str
    why: str
    back: str
    page: str  # where one works on these rows, where there is such a page
    heads: tuple[str, ...]
    rows: tuple[RowLine, ...]
    counted: int  # what the rows shown add up to
    counted_of: int
    left_out: bool


class Rows:
    """Cells in one language; a link only where its page is there."""

    def __init__(self, services: Services, by: Speaker) -> None:
        self._by = by
        links = {"node": "/nodes/"}
        if services.cases is not None:
            links |= {"discrepancy": "/staff/discrepancies/", "case": "/staff/cases/"}
            links |= {"access_point": "/staff/doors/"} if services.commands is not None else {}
        if services.listings is not None:
            links |= {"listing": "/listings/", "unit": "/units/"}
        self._links = links

    def heads(self, rows: Sequence[FigureRow]) -> tuple[str, ...]:
        """The columns of all of them, in the order in which they first stand."""
        return tuple(dict.fromkeys(name for row in rows for name in row.cells))

    def said(self, heads: Sequence[str]) -> tuple[str, ...]:
        return tuple(self._by.say(COLUMNS[head]) for head in heads)

    def lines(self, rows: Sequence[FigureRow]) -> tuple[RowLine, ...]:
        heads = self.heads(rows)
        return tuple(
            RowLine(row.counts, row.of, tuple(self._cell(head, row.cells.get(head)) for head in heads))
            for row in rows
        )

    def _cell(self, head: str, value: Cell) -> RowCell:
        start = self._links.get(head)
        href = f"{start}{value}" if start and value else ""
        return RowCell(self._by.say(COLUMNS[head]), self._text(head, value), href)

    def _text(self, head: str, value: Cell) -> str:
        if value is None or value == "":
            return "–"
        if head.endswith("_ms"):
            return self._by.day_and_clock(int(value)) if int(value) > 0 else "–"
        if head == "span":
            return span(int(value), self._by.say)
        return words.say(CODES[head], str(value), self._by.say) if head in CODES else str(value)
