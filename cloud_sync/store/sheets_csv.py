"""CSV as communities have it: UTF-8 with or without its mark, UTF-16, or what Chinese spreadsheets write (GBK, GB 18030)."""

import codecs
import csv
import re
from collections.abc import Generator
from pathlib import Path
from typing import TextIO

from cloud_sync.core.columns import COLUMNS_MAX
from cloud_sync.core.roll import Reason
from cloud_sync.store.sheet_rows import SheetRow, refuse

BLOCK_BYTES = 1 << 20
LINE_CHARS_MAX = 20_000
LOOK_LINES = 10  # at which the separator is told
_SEPARATORS = ",\t;"
# How a spreadsheet is kept from taking a number for a number: ="0101".
_QUOTED = re.compile(r'="([^"]*)"')


def csv_rows(path: Path) -> Generator[SheetRow, None, None]:
    """
    Raises:
        Refused: it is text in no writing we know.
    """
    encoding = _encoding(path)
    separator = _separator(path, encoding)
    with path.open(encoding=encoding, newline=None) as file:
        for line, text in _lines(file):
            if text is None or "\0" in text:
                yield SheetRow("", line, (), Reason.CELL_LONG if text is None else Reason.LINE_BROKEN)
            elif text.strip(" \t,;\r\n\u3000"):
                yield _row(line, text, separator)


def _row(line: int, text: str, separator: str) -> SheetRow:
    """A quotation mark that is never closed spoils its own line only."""
    try:
        (cells,) = csv.reader([text.rstrip("\n")], delimiter=separator, strict=True)
    except csv.Error:
        return SheetRow("", line, (text[:200],), Reason.LINE_BROKEN)
    return SheetRow("", line, tuple(_value(cell) for cell in cells[:COLUMNS_MAX]))


def _value(cell: str) -> str:
    kept = cell.strip()
    quoted = _QUOTED.fullmatch(kept) if kept.startswith("=") else None
    return quoted[1] if quoted else kept


def _lines(file: TextIO) -> Generator[tuple[int, str | None], None, None]:
    """Line number and text, None where a line is longer than any row; never more than one line in memory."""
    line = 0
    while text := file.readline(LINE_CHARS_MAX):
        line += 1
        long = False
        while not text.endswith("\n") and len(text) >= LINE_CHARS_MAX:
            long = True
            more = file.readline(LINE_CHARS_MAX)
            if not more:
                break
            text = more if len(more) >= LINE_CHARS_MAX or more.endswith("\n") else more + "\n"
        yield line, None if long else text


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        candidates: tuple[str, ...] = ("utf-16",)
    else:
        candidates = ("utf-8-sig", "gb18030")
    for encoding in candidates:
        if _decodes(path, encoding):
            return encoding
    raise refuse("the file is neither UTF-8, UTF-16 nor GBK text; save it as CSV UTF-8 or .xlsx.")


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _separator(path: Path, encoding: str) -> str:
    with path.open(encoding=encoding, newline=None) as file:
        seen = "".join(text for (_, text), _ in zip(_lines(file), range(LOOK_LINES), strict=False) if text)
    return max(_SEPARATORS, key=seen.count)
