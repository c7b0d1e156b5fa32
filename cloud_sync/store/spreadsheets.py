"""A spreadsheet as the CSV it could have been saved as: the first visible sheet, cell by cell, bounded.

Formulas are never run: what stands in the file as their result is taken.  Dates become ISO, whole numbers lose the point
that spreadsheets give them, so that a phone number or a revision is what was typed.
"""

import csv
import datetime as dt
import io
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

from cloud_sync.errors import Refused
from cloud_sync.store.sheets_xlsx import DAMAGE

UNPACKED_MAX = 60_000_000  # a packed file of 10 MB may hold far more than anybody's bookings
ROWS_MAX = 50_001  # as many as a CSV may have, and the line of names
COLUMNS_MAX = 64
MAGIC = b"PK\x03\x04"

Cell = int | float | str | bool | None | dt.time | dt.date | dt.datetime | dt.timedelta


def is_spreadsheet(data: bytes) -> bool:
    return data.startswith(MAGIC)


def as_csv(kind: str, data: bytes) -> bytes:
    """UTF-8 CSV with one line for each row; an empty row is an empty line, so that line numbers stay the sheet's own.

    Raises:
        Refused: it is no spreadsheet, unpacks to too much, or is too large; nothing was changed.
    """
    _check_size(kind, data)
    rows = _rows(kind, data)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row in rows:
        cells = [_text(cell) for cell in row]
        if any(cells):
            writer.writerow(cells)
        else:
            out.write("\n")
    return out.getvalue().encode()


def _check_size(kind: str, data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            whole = sum(one.file_size for one in packed.infolist())
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise Refused(
            f"import {kind}", "the spreadsheet is damaged; save it again as XLSX or CSV."
        ) from error
    if whole > UNPACKED_MAX:
        raise Refused(
            f"import {kind}", f"the spreadsheet unpacks to more than {UNPACKED_MAX} bytes; split it."
        )


def _rows(kind: str, data: bytes) -> list[list[Cell]]:
    from openpyxl import load_workbook

    # What a sheet lacks in styles is nothing to anybody here.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"openpyxl\.")
    try:
        with closing(load_workbook(io.BytesIO(data), read_only=True, data_only=True)) as book:
            visible = [one for one in book.worksheets if one.sheet_state == "visible"]
            if not visible:
                raise Refused(f"import {kind}", "the spreadsheet has no visible sheet.")
            visible[0].reset_dimensions()  # what a sheet says of its own extent is often wrong
            return list(_bounded(kind, visible[0].iter_rows(values_only=True)))
    except DAMAGE as error:
        raise Refused(
            f"import {kind}", "the spreadsheet cannot be read; save it again as XLSX or CSV."
        ) from error


def _bounded(kind: str, rows: Iterable[Sequence[Cell]]) -> Iterator[list[Cell]]:
    """One cell far away makes a small file a large sheet; it is left as soon as that shows."""
    for number, row in enumerate(rows, start=1):
        if number > ROWS_MAX or len(row) > COLUMNS_MAX:
            most = f"{ROWS_MAX - 1} rows or {COLUMNS_MAX} columns"
            raise Refused(f"import {kind}", f"the first sheet has more than {most}; split it.")
        yield list(row)


def _text(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "yes" if cell else "no"
        case float() if cell.is_integer():
            return str(int(cell))
        case dt.datetime() if cell.time() == dt.time():
            return cell.date().isoformat()
        case dt.datetime():
            return cell.isoformat(timespec="seconds")
        case _:
            # One cell is one line: no column of these files has a line break in it.
            return " ".join(str(cell).split("\n"))
