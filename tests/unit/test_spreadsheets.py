"""Spreadsheets are read like the CSV they could have been saved as, and nothing in one can run or fill the memory."""

from datetime import datetime

import pytest

from cloud_sync.errors import Refused
from cloud_sync.store.spreadsheets import as_csv
from tests.fakes.community_house import CODE, ROOM, booking_row, listing_row, new_house, take
from tests.fakes.spreadsheet import xlsx


@pytest.fixture
def books(tmp_path):
    books = new_house(tmp_path)
    take(books, "listings", listing_row())
    yield books
    books.close()


# A row that says it is the last one there can be: read whole, such a file is a million lines.
FAR = xlsx([["a"]], last='<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')


def sheet(*rows: dict[str, object]) -> bytes:
    return xlsx([list(rows[0]), *(list(row.values()) for row in rows)])


def test_a_sheet_with_real_dates_and_numbers_is_the_file_it_could_have_been(books):
    arrival, departure = map(datetime.fromisoformat, ("2026-05-01T15:00", "2026-05-03T12:30"))
    row = booking_row("1001", arrival=arrival, departure=departure)
    report = books.registry.import_csv("bookings", sheet(row), actor="t")
    assert [(one.line, one.status, one.reason) for one in report.rows] == [(2, "new", "")]
    text = booking_row("1001", arrival="2026-05-01T15:00:00", departure="2026-05-03T12:30:00")
    assert take(books, "bookings", text) == ["unchanged"]


def test_bad_rows_are_answered_with_the_line_of_the_sheet(books):
    rows = [booking_row("1001"), booking_row("1002", room="R-none"), booking_row("1003")]
    names = list(rows[0])
    data = xlsx(
        [names, list(rows[0].values()), [""] * len(names), list(rows[1].values()), list(rows[2].values())]
    )
    report = books.registry.import_csv("bookings", data, actor="t")
    assert [(one.line, one.status) for one in report.rows] == [(2, "new"), (4, "rejected"), (5, "new")]
    assert f"listing {CODE} has no room R-none" in report.rows[1].reason


def test_a_line_break_inside_a_cell_stays_one_line():
    assert (
        as_csv("bookings", xlsx([["a", "b"], ["one\ntwo", ROOM]])).decode().splitlines()[1]
        == f"one two,{ROOM}"
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\x03\x04 and then nothing", "damaged"),
        (xlsx([["a"]]).replace(b"xl/workbook.xml", b"xl/wirkbook.xml"), "cannot be read"),
        (xlsx([["a"]], more={"xl/big.xml": b"0" * 61_000_000}), "unpacks to more than"),
        (xlsx([["a"], ["b"] * 65]), "64 columns"),
        (FAR, "rows or 64 columns"),
    ],
    ids=["damaged", "no book", "a bomb", "too wide", "far"],
)
def test_what_is_no_spreadsheet_of_ours_is_refused_whole(data, words):
    with pytest.raises(Refused, match=words):
        as_csv("bookings", data)
