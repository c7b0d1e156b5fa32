"""A spreadsheet as the CSV it could have been saved as: the first visible sheet, cell by cell, bounded.

Formulas are never run: what stands in the file as their result is taken.  Dates become ISO, whole numbers lose the point
that spreadsheets give them, so that a phone number or a revision is what was typed.
"""

import csv
import datetime as dt
import io
import zipfile

from cloud_sync.errors import Refused

UNPACKED_MAX = 60_000_000  # a packed file of 10 MB may hold far more than anybody's bookings
ROWS_MAX = 50_001  # as many as a CSV may have, and the line of names
COLUMNS_MAX = 64
MAGIC = b"PK\x03\x04"

Cell = int | float | str | bool | dt.time | dt.date | dt.datetime | dt.timedelta


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
    from python_calamine import CalamineError, CalamineWorkbook, SheetVisibleEnum

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        visible = [one.name for one in book.sheets_metadata if one.visible == SheetVisibleEnum.Visible]
        if not visible:
            raise Refused(f"import {kind}", "the spreadsheet has no visible sheet.")
        sheet = book.get_sheet_by_name(visible[0])
        last_row, last_column = sheet.end or (0, 0)  # counted from 0
        if last_row >= ROWS_MAX or last_column >= COLUMNS_MAX:
            most = f"{ROWS_MAX - 1} rows or {COLUMNS_MAX} columns"
            raise Refused(f"import {kind}", f"the first sheet has more than {most}; split it.")
        return sheet.to_python(skip_empty_area=False)
    except (CalamineError, ValueError, OSError) as error:
        raise Refused(
            f"import {kind}", "the spreadsheet cannot be read; save it again as XLSX or CSV."
        ) from error


def _text(cell: Cell) -> str:
    match cell:
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
