"""Spreadsheets as people send them, and files that mean harm: rows come as they are, or one clear sentence does."""

import io
import zipfile

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_sync.core.roll import Reason
from cloud_sync.errors import ConfigError, Refused
from cloud_sync.store import sheets, sheets_xlsx
from cloud_sync.store.sheets import opened_sheets

TEXT = "姓名,家庭住址\n张三丰,东方新城二期3栋2单元1801\n"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def rows_of(path):
    with opened_sheets(path) as rows:
        return list(rows)


@pytest.fixture
def written(tmp_path):
    def write(data, name="file"):
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    return write


def workbook(*fill):
    book = openpyxl.Workbook()
    for number, one in enumerate(fill):
        one(book.active if number == 0 else book.create_sheet(f"表{number + 1}"))
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gbk", "gb18030"])
@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_every_writing_of_a_csv_is_read(written, encoding, separator):
    path = written(TEXT.replace(",", separator).encode(encoding))
    assert [(row.line, row.cells) for row in rows_of(path)] == [
        (1, ("姓名", "家庭住址")),
        (2, ("张三丰", "东方新城二期3栋2单元1801")),
    ]


def test_a_quotation_mark_that_is_not_closed_spoils_its_own_line(written):
    rows = rows_of(written('姓名,地址\n"张三,3-2-1801\n"李,四",="0101"\n\n,,\n'))
    assert [(row.line, row.fault) for row in rows] == [(1, None), (2, Reason.LINE_BROKEN), (3, None)]
    assert rows[2].cells == ("李,四", "0101")


def test_merged_cells_are_told_to_every_row_they_cover_and_sheets_follow_each_other(written):
    def first(sheet):
        sheet.append(["住户台账"])
        sheet.append(["楼栋", "单元", "房号", "户主"])
        for room in (101, 102, 103):
            sheet.append([None, None, room, "张三"])
        sheet["A3"], sheet["B3"] = "3栋", 2.0
        for cells in ("A1:D1", "A3:A5", "B3:B4"):
            sheet.merge_cells(cells)

    def second(sheet):
        sheet.append(["说明", None, None])

    rows = rows_of(written(workbook(first, second)))
    assert [(row.sheet, row.line, row.cells) for row in rows] == [
        ("Sheet", 1, ("住户台账",) * 4),
        ("Sheet", 2, ("楼栋", "单元", "房号", "户主")),
        ("Sheet", 3, ("3栋", "2", "101", "张三")),
        ("Sheet", 4, ("3栋", "2", "102", "张三")),
        ("Sheet", 5, ("3栋", "", "103", "张三")),
        ("表2", 1, ("说明",)),
    ]


def test_a_formula_comes_as_what_it_is(written):
    path = written(workbook(lambda sheet: sheet.append(["=1+1", "3栋"])))
    assert rows_of(path)[0].cells[0].startswith("=")


# --- files that mean harm ------------------------------------------------------------------------------------


def zip_of(**parts):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), data)
    return buffer.getvalue()


def small_book(sheet_xml):
    """A workbook whose only sheet is this XML."""
    book = io.BytesIO(workbook(lambda sheet: sheet.append(["x"])))
    out = io.BytesIO()
    with zipfile.ZipFile(book) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            data = sheet_xml if part.filename == "xl/worksheets/sheet1.xml" else old.read(part)
            new.writestr(part.filename, data)
    return out.getvalue()


ENTITIES = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    f'<worksheet xmlns="{MAIN}"><sheetData><row r="1"><c t="inlineStr"><is><t>&b;</t></is></c></row></sheetData></worksheet>'
)
FAR_DOWN = f'<worksheet xmlns="{MAIN}"><sheetData><row r="900000000"><c r="A900000000"><v>1</v></c></row></sheetData></worksheet>'
MERGES = "".join(f'<mergeCell ref="A{n}:B{n}"/>' for n in range(1, 60_000))
HOSTILE = {
    "empty": (b"", "empty"),
    "binary": (bytes(range(256)) * 8, "neither UTF-8"),
    "broken UTF-16": (b"\xff\xfe\x00", "neither UTF-8"),
    "an old workbook": (bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 99, "save it as .xlsx"),
    "a PDF": (b"%PDF-1.7 ...", "no spreadsheet"),
    "any zip": (zip_of(readme_dot_txt="hello"), "no workbook"),
    "half a zip": (workbook(lambda sheet: sheet.append(["x"]))[:-200], "damaged"),
    "a workbook without sheets": (zip_of(xl__workbook_dot_xml="<x/>"), "damaged"),
    "XML that is none": (small_book("<worksheet"), "damaged"),
    "entities": (small_book(ENTITIES), "damaged"),
    "a row far down": (small_book(FAR_DOWN), "beyond line"),
    "merged without end": (
        small_book(f'<worksheet xmlns="{MAIN}"><sheetData/><mergeCells>{MERGES}</mergeCells></worksheet>'),
        "merged cells",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_cannot_be_read_is_answered_in_one_sentence(written, name):
    data, words = HOSTILE[name]
    with pytest.raises(Refused) as refused:
        rows_of(written(data))
    sentence = str(refused.value)
    assert words in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_a_zip_bomb_is_refused_before_anything_is_unpacked(written, monkeypatch):
    monkeypatch.setattr(sheets_xlsx, "UNPACKED_MAX", 1_000_000)
    bomb = zip_of(xl__workbook_dot_xml="<x/>", xl__worksheets__sheet1_dot_xml=b"\0" * 8_000_000)
    assert len(bomb) < 20_000
    opened = []
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: opened.append(1))
    with pytest.raises(Refused, match="unpacks to far more"):
        rows_of(written(bomb))
    assert opened == []


def test_a_million_columns_are_cut_and_a_line_without_end_is_never_held(written):
    wide = written(",".join(["姓名"] * 1_000_000) + "\n张三,3-2-101\n", "wide.csv")
    assert [(row.line, row.fault) for row in rows_of(wide)] == [(1, Reason.CELL_LONG), (2, None)]
    far = f'<worksheet xmlns="{MAIN}"><sheetData><row r="1"><c r="XFD1"><v>1</v></c></row></sheetData></worksheet>'
    assert all(len(row.cells) <= 256 for row in rows_of(written(small_book(far), "far.xlsx")))


def test_too_many_rows_and_too_many_bytes_are_said(written, monkeypatch):
    monkeypatch.setattr(sheets, "ROWS_MAX", 3)
    with pytest.raises(Refused, match="more than 3 rows"):
        rows_of(written("a\n" * 5))
    monkeypatch.setattr(sheets, "FILE_BYTES_MAX", 5)
    with pytest.raises(Refused, match="split it by building"):
        rows_of(written("a\n" * 5))


def test_a_file_that_is_not_there_is_the_owner_s_mistake(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        rows_of(tmp_path / "none.csv")


def rows_or_sentence(path):
    """Either; anything else is a failure."""
    try:
        return rows_of(path)
    except Refused as refused:
        return str(refused)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400), st.sampled_from([b"", b"PK\x03\x04", "姓名,地址\n".encode()]))
def test_any_bytes_are_rows_or_one_sentence(tmp_path, data, head):
    path = tmp_path / "any"
    path.write_bytes(head + data)
    came = rows_or_sentence(path)
    assert came.endswith(".") if isinstance(came, str) else all(row.line >= 1 for row in came)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 6000), st.binary(min_size=1, max_size=4))
def test_a_workbook_with_damaged_bytes_is_rows_or_one_sentence(tmp_path, at, noise):
    good = workbook(lambda sheet: sheet.append(["姓名", "地址"]))
    at %= len(good)
    path = tmp_path / "damaged.xlsx"
    path.write_bytes(good[:at] + noise + good[at + len(noise) :])
    came = rows_or_sentence(path)
    assert came.endswith(".") if isinstance(came, str) else len(came) <= 1
