"""The weekly pack as a workbook: numbers are numbers, and every sheet stands for itself."""

import io
from collections.abc import Sequence
from typing import Any

from cloud_sync.web.pack.lines import Pack, PackLine

XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
WIDTHS = (24, 44, 34, 14, 14, 11, 10, 18, 50)
Value = str | int | float | None


def pack_xlsx(pack: Pack, count: str, seconds: str) -> bytes:
    """``count`` and ``seconds`` are what the two units are called."""
    from openpyxl import Workbook

    book = Workbook()
    first, second, third, fourth = pack.names
    figures = _sheet(book.active, first, pack.columns)
    for line in pack.lines:
        _add(figures, _cells(line, count, seconds))
    figures.append([])
    for text in (pack.title, pack.place, pack.period, pack.made, pack.told, *pack.notes):
        _add(figures, [text])
    open_ = _sheet(book.create_sheet(), second, pack.matrix_heads)
    for row in pack.matrix:
        named = f"{row.name} {row.kind} {row.severity}".strip() if row.kind else pack.matrix_heads[-1]
        _add(open_, [named, *(field.count for field in row.fields)])
    classes = _sheet(book.create_sheet(), third, pack.columns)
    for line in pack.classes:
        _add(classes, _cells(line, count, seconds))
    told = _sheet(book.create_sheet(), fourth, pack.definition_columns)
    for one in pack.definitions:
        _add(told, [one.name, one.title, one.numerator, one.denominator, one.source, one.as_of])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _sheet(sheet: Any, name: str, heads: Sequence[str]) -> Any:
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    sheet.title = name[:31]
    _add(sheet, heads)
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for at, width in enumerate(WIDTHS, 1):
        sheet.column_dimensions[get_column_letter(at)].width = width
    sheet.freeze_panes = "A2"
    return sheet


def _cells(line: PackLine, count: str, seconds: str) -> list[Value]:
    unit = seconds if line.seconds else count
    numbers: list[Value] = [line.numerator, line.denominator, line.share]
    return [line.section, line.title, line.part, *numbers, unit, line.as_of, line.note]


def _add(sheet: Any, values: Sequence[Value]) -> None:
    """Words are words, also those that begin as a formula does."""
    at = sheet.max_row + 1 if sheet.max_row > 1 or sheet["A1"].value is not None else 1
    for column, value in enumerate(values, 1):
        if value is None or value == "":
            continue
        cell = sheet.cell(at, column, value)
        if isinstance(value, str):
            cell.data_type = "s"
        elif isinstance(value, float):
            cell.number_format = "0.00%" if column == 6 else "0.0"
