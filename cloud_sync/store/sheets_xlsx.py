"""Workbooks: several sheets, merged cells told to every row they cover, formulas seen as what they are.

A workbook is a zip of XML, so what it says of its own size is asked before anything is unpacked; the reader below never
unpacks more of a part than its entry says.
"""

import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from cloud_sync.core.columns import COLUMNS_MAX
from cloud_sync.store.sheet_rows import ROWS_MAX, SheetRow, refuse

UNPACKED_MAX = 256_000_000  # 400,000 rows of ten cells are 200 MB of XML
SHARED_MAX = 48_000_000  # every distinct text, which is held in memory
PARTS_MAX = 2_000
SHEETS_MAX = 100
MERGES_MAX = 50_000
BLOCK_BYTES = 1 << 20
_STRINGS = "xl/sharedStrings.xml"
# Merges stand behind the rows they concern, so they are looked for first, in the bytes: a second parse would take as
# long as the first.
_MERGE = re.compile(rb'<(?:\w+:)?mergeCell\s+ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')
_MERGE_BYTES = 80
# What the library, the zip and the XML beneath say when bytes are not what they should be.
DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    ParseError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
_BROKEN = "the workbook is damaged; open it in a spreadsheet program and save it again."


@dataclass(slots=True)
class Merge:
    """Cells that look like one; counted from 0 (columns) and 1 (rows)."""

    first_row: int
    last_row: int
    first: int
    last: int
    value: str = ""


def xlsx_rows(path: Path) -> Generator[SheetRow, None, None]:
    """
    Raises:
        Refused: it is no workbook, damaged, or unpacks to more than a community's registry can be.
    """
    from openpyxl.reader.excel import ExcelReader

    _check_parts(path)
    # What a sheet lacks in styles is nothing to anybody here.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"openpyxl\.")
    try:
        with path.open("rb") as file:
            reader = ExcelReader(file, read_only=True, data_only=False, keep_links=False)
            with closing(reader.archive):
                reader.read()
                targets = {sheet.name: rel.target for sheet, rel in reader.parser.find_sheets()}
                for sheet in reader.wb.worksheets[:SHEETS_MAX]:
                    sheet.reset_dimensions()  # what it says of its own extent is often wrong
                    merges = _merges(reader.archive, targets[sheet.title])
                    yield from _sheet_rows(sheet, merges)
    except DAMAGE as error:
        raise refuse(_BROKEN) from error


def _check_parts(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise refuse(_BROKEN) from error
    sizes = {part.filename: part.file_size for part in parts}
    if "xl/workbook.xml" not in sizes and "[Content_Types].xml" not in sizes:
        raise refuse("the file is a zip archive and no workbook; give a CSV or .xlsx file.")
    if len(parts) > PARTS_MAX or sum(sizes.values()) > UNPACKED_MAX or sizes.get(_STRINGS, 0) > SHARED_MAX:
        raise refuse("the workbook unpacks to far more than its rows can need; copy its rows into a new one.")


def _sheet_rows(sheet: Any, merges: list[Merge]) -> Iterator[SheetRow]:
    waiting, active = sorted(merges, key=lambda one: -one.first_row), list[Merge]()
    for line, cells in enumerate(sheet.iter_rows(), start=1):
        if line > ROWS_MAX:
            raise refuse(
                f"the sheet {sheet.title[:40]!r} has rows beyond line {ROWS_MAX}; copy its rows into a new one."
            )
        values = [_text(cell) for cell in cells[:COLUMNS_MAX]]
        while waiting and waiting[-1].first_row <= line:
            merge = waiting.pop()
            merge.value = values[merge.first] if merge.first < len(values) else ""
            active.append(merge)
        active = [merge for merge in active if merge.last_row >= line and merge.value]
        if any(values):
            yield SheetRow(sheet.title[:80], line, tuple(_filled(values, active)))


def _filled(values: list[str], merges: Sequence[Merge]) -> list[str]:
    for merge in merges:
        if merge.last >= len(values):
            values.extend("" for _ in range(min(merge.last + 1, COLUMNS_MAX) - len(values)))
        for at in range(merge.first, min(merge.last + 1, COLUMNS_MAX)):
            values[at] = values[at] or merge.value
    return values


def _text(cell: Any) -> str:
    """The cell as somebody sees it; a formula as its text, which begins with an equals sign."""
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "f":
        return f"={getattr(value, 'text', value)}" if not str(value).startswith("=") else str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value).replace("\n", " ").strip()


def _merges(archive: zipfile.ZipFile, target: str) -> list[Merge]:
    found: list[Merge] = []
    with archive.open(target) as part:
        rest = b""
        while block := part.read(BLOCK_BYTES):
            text = rest + block
            end = 0
            for match in _MERGE.finditer(text):
                found.append(_merge(*match.groups()))
                end = match.end()
            if len(found) > MERGES_MAX:
                raise refuse(
                    f"the workbook has more than {MERGES_MAX} merged cells; copy its rows into a new one."
                )
            rest = text[max(end, len(text) - _MERGE_BYTES) :]
    return found


def _merge(first: bytes, first_row: bytes, last: bytes, last_row: bytes) -> Merge:
    from openpyxl.utils.cell import column_index_from_string

    columns = (column_index_from_string(name.decode()) - 1 for name in (first, last))
    left, right = columns
    return Merge(int(first_row), int(last_row), left, right)
