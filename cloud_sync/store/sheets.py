"""Rows of a spreadsheet as somebody made it: CSV in whatever writing, or a workbook with several sheets.

A stream: a row is read when it is asked for, and everything that could be without end has a bound.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloud_sync.core.roll import Reason
from cloud_sync.errors import ConfigError
from cloud_sync.store.sheet_rows import ROWS_MAX, SheetRow, refuse
from cloud_sync.store.sheets_csv import csv_rows
from cloud_sync.store.sheets_xlsx import xlsx_rows

FILE_BYTES_MAX = 64_000_000  # 400,000 rows of 160 bytes
CELL_CHARS_MAX = 500
_ZIP = b"PK\x03\x04"
_OLD_OFFICE = bytes.fromhex("d0cf11e0a1b11ae1")
_NOT_A_SHEET = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b")


@contextmanager
def opened_sheets(path: Path) -> Iterator[Iterator[SheetRow]]:
    """The file's rows, sheet after sheet.

    Raises:
        ConfigError: there is no such file, or it may not be read.
        Refused: it is nothing we can read; the sentence says what to do.
    """
    try:
        with path.open("rb") as file:
            head, size = file.read(8), path.stat().st_size
    except OSError as error:
        raise ConfigError(
            str(path), f"cannot be read ({error.strerror})", "Give the path of a spreadsheet"
        ) from error
    _look(head, size)
    rows = xlsx_rows(path) if head.startswith(_ZIP) else csv_rows(path)
    try:
        yield _bounded(rows)
    finally:
        rows.close()


def _look(head: bytes, size: int) -> None:
    """What can be said by looking at the file from outside."""
    if size == 0:
        raise refuse("the file is empty; its headings and rows are missing.")
    if size > FILE_BYTES_MAX:
        raise refuse(f"the file has more than {FILE_BYTES_MAX // 1_000_000} MB; split it by building.")
    if head.startswith(_OLD_OFFICE):
        raise refuse("the file is an old .xls workbook or has a password; save it as .xlsx without one.")
    if head.startswith(_NOT_A_SHEET):
        raise refuse("the file is no spreadsheet; give a CSV or .xlsx file.")


def _bounded(rows: Iterator[SheetRow]) -> Iterator[SheetRow]:
    for number, row in enumerate(rows, start=1):
        if number > ROWS_MAX:
            raise refuse(f"the file has more than {ROWS_MAX} rows; split it by building.")
        if row.fault is None and any(len(cell) > CELL_CHARS_MAX for cell in row.cells):
            short = tuple(cell[:CELL_CHARS_MAX] for cell in row.cells)
            yield SheetRow(row.sheet, row.line, short, Reason.CELL_LONG)
        else:
            yield row
