"""How communities write their households down: three layouts, several encodings, and every habit of writing an address."""

import csv
import io
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, Self
from xml.sax.saxutils import escape

from cloud_sync.synth import household_words as words

if TYPE_CHECKING:
    from cloud_sync.synth.households import Entry, Home

# Suffix, encoding, layout; the rows are dealt to these files in order, in equal parts.
SHAPES: tuple[tuple[str, str, str], ...] = (
    ("csv", "utf-8", "line"),
    ("csv", "gbk", "columns"),
    ("csv", "utf-8-sig", "line"),
    ("csv", "gb18030", "columns"),
    ("xlsx", "", "book"),
    ("csv", "gbk", "line"),
    ("txt", "utf-16", "columns"),
    ("xlsx", "", "book"),
    ("csv", "gb18030", "line"),
    ("csv", "utf-8", "columns"),
    ("csv", "gbk", "line"),
    ("xlsx", "", "book"),
)
LINE_HEAD = ("序号", "姓名", "身份证号", "家庭住址", "联系电话")
COLUMNS_HEAD = ("序号", "小区名称", "楼栋号", "单元号", "房 号", "户主姓名", "证件号码（必填）", "备注")
BOOK_HEAD = ("小区", "楼栋", "单元", "楼层", "房号", "户主", "身份证号码", "备注")
OTHER_SHEET = "其他"
_MADE = (2021, 3, 31, 0, 0, 0)  # of every part of a workbook: two runs are the same bytes
_LETTERS = "ABCDEFGH"
UNKNOWN = ("待核实", "租客未提供", "同上", "门卫室旁")

Labelled = tuple["Entry", str]
Cells = tuple[str, ...]


class Labels:
    """``labels.csv``: file, sheet, line, bucket."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._write = csv.writer(self._file, lineterminator="\n").writerow
        self._write(("file", "sheet", "line", "bucket"))
        self.rows = 0
        self.counts: Counter[str] = Counter()

    def put(self, file: str, sheet: str, line: int, bucket: str) -> None:
        self._write((file, sheet, line, bucket))
        self.rows += 1
        self.counts[bucket] += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._file.close()


def write_roll(folder: Path, people: "Iterator[Entry]", empty: "Iterator[Home]") -> None:
    """What the registry knows already: who lives where, and dwellings where nobody is recorded."""
    with (folder / "roll.csv").open("w", encoding="utf-8", newline="") as file:
        write = csv.writer(file, lineterminator="\n").writerow
        write(("姓名", "地址", "身份证号"))
        for one in people:
            write((one.name, _plain(one.home), one.document))
    with (folder / "dwellings.csv").open("w", encoding="utf-8", newline="") as file:
        write = csv.writer(file, lineterminator="\n").writerow
        write(("地址",))
        for home in empty:
            write((_plain(home),))


def write_rows(
    folder: Path, rows: Iterator[Labelled], repeats: int, total: int, seed: int, labels: Labels
) -> list[str]:
    """The spreadsheets; in each of them some households stand twice."""
    names, left, rest = [], len(SHAPES), total - repeats
    for number, (suffix, encoding, layout) in enumerate(SHAPES, start=1):
        mine, twice = -(-rest // left), -(-repeats // left)
        rest, repeats, left = rest - mine, repeats - twice, left - 1
        dice = Random(f"{seed}/file/{number}")
        path = folder / f"{number:02d}.{suffix}"
        entries = _with_repeats(list(islice(rows, mine)), twice)
        if layout == "book":
            _write_book(path, entries, dice, labels)
        else:
            _write_text(path, encoding, layout, entries, dice, labels)
        names.append(path.name)
    return names


def _with_repeats(entries: list[Labelled], twice: int) -> list[Labelled]:
    """The first households without a flaw come again at the end, written as whoever typed them the second time would."""
    plain = [one for one in entries if one[1] == "exact"][:twice]
    assert len(plain) == twice, "there are more repeats than households to repeat"
    return entries + [(one, "rejected") for one, _ in plain]


# --- text --------------------------------------------------------------------------------------------------------


def _write_text(
    path: Path, encoding: str, layout: str, entries: Sequence[Labelled], dice: Random, labels: Labels
) -> None:
    separator = "\t" if path.suffix == ".txt" else ","
    ending = "\r\n" if encoding.startswith("gb") else "\n"
    with path.open("w", encoding=encoding, newline="") as file:
        line = 0
        if dice.random() < 0.5:
            file.write(separator.join(("住户信息登记表", "", "")) + ending * 2)
            line = 2
        head, printed = (LINE_HEAD, _line) if layout == "line" else (COLUMNS_HEAD, _columns)
        for cells, bucket in _printed(head, printed, entries, dice):
            buffer = io.StringIO()
            csv.writer(buffer, delimiter=separator, lineterminator=ending).writerow(cells)
            text = buffer.getvalue()
            # The middle dot of Japanese has no place in GBK.
            file.write(text.replace("・", "·") if encoding == "gbk" else text)
            line += 1
            if bucket:
                labels.put(path.name, "", line, bucket)


def _printed(
    head: Cells, printed: "Callable[[Entry, Random], Cells]", entries: Sequence[Labelled], dice: Random
) -> Iterator[tuple[Cells, str]]:
    yield head, ""
    for number, (entry, bucket) in enumerate(entries, start=1):
        yield (str(number), *printed(entry, dice)), bucket


def _line(entry: "Entry", dice: Random) -> tuple[str, ...]:
    address = _with_estate(entry, dice)
    return _name(entry.name, dice), _number(entry.document, dice), address, words.phone(entry.serial)


def _columns(entry: "Entry", dice: Random) -> tuple[str, ...]:
    building, stair, room = _three(entry, dice)
    estate = f"{entry.home.estate}{_phase(entry.home, dice)}"
    remark = "自住" if dice.random() < 0.2 else ""
    return estate, building, stair, room, _name(entry.name, dice), _number(entry.document, dice), remark


# --- workbooks -----------------------------------------------------------------------------------------------------


def _write_book(path: Path, entries: Sequence[Labelled], dice: Random, labels: Labels) -> None:
    """A sheet for each phase, its name merged down the sheet and each building's merged down its rows."""
    sheets: dict[str, list[Labelled]] = {}
    for one in entries:
        home = one[0].home
        mine = f"{words.chinese(home.phase)}期" if home.estate == words.ESTATE else OTHER_SHEET
        sheets.setdefault(mine, []).append(one)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        _part(book, "[Content_Types].xml", _types(len(sheets)))
        _part(book, "_rels/.rels", _RELS)
        _part(book, "xl/workbook.xml", _workbook(sorted(sheets)))
        _part(book, "xl/_rels/workbook.xml.rels", _workbook_rels(len(sheets)))
        for number, name in enumerate(sorted(sheets), start=1):
            rows = sorted(sheets[name], key=lambda one: one[0].home.building)
            _part(book, f"xl/worksheets/sheet{number}.xml", _sheet(path.name, name, rows, dice, labels))


def _sheet(file: str, name: str, rows: Sequence[Labelled], dice: Random, labels: Labels) -> str:
    lines = [_xml_row(1, (f"{words.ESTATE}{name}住户台账",)), _xml_row(2, BOOK_HEAD)]
    merges = ["A1:H1"]
    first = len(lines) + 1
    began = first
    for line, (entry, bucket) in enumerate(rows, start=first):
        merged = name != OTHER_SHEET
        new_building = line == first or rows[line - first - 1][0].home.building != entry.home.building
        if merged and new_building and line - began > 1:
            merges.append(f"B{began}:B{line - 1}")
        began = line if new_building else began
        lines.append(
            _xml_row(line, _book_cells(entry, dice, line == first or not merged, new_building or not merged))
        )
        labels.put(file, name, line, bucket)
    if name != OTHER_SHEET and len(rows) > 1:
        merges.append(f"A{first}:A{first + len(rows) - 1}")
        if first + len(rows) - began > 1:
            merges.append(f"B{began}:B{first + len(rows) - 1}")
    cells = "".join(f'<mergeCell ref="{one}"/>' for one in merges)
    return f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData>{"".join(lines)}</sheetData><mergeCells count="{len(merges)}">{cells}</mergeCells></worksheet>'


def _book_cells(
    entry: "Entry", dice: Random, says_estate: bool, says_building: bool
) -> tuple[str | int, ...]:
    home = entry.home
    estate = f"{home.estate}{words.chinese(home.phase)}期" if says_estate else ""
    building = f"{home.building}{dice.choice(('栋', '幢', '号楼'))}" if says_building else ""
    stair: str | int = "" if entry.flaw == "no_stair" else dice.choice((home.stair, f"{home.stair}单元"))
    floor: str | int = home.floor
    room: str | int = dice.choice(
        (home.number, home.floor * 100 + home.number, f"{home.floor}{home.number:02d}室")
    )
    if entry.flaw == "no_address":
        floor, room = "", dice.choice(UNKNOWN)
    elif entry.flaw == "no_floor":
        floor, room = "", home.number
    elif entry.flaw == "two_floors":
        floor, room = home.floor + 1, home.floor * 100 + home.number
    return estate, building, stair, floor, room, _name(entry.name, dice), _number(entry.document, dice), ""


_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_RELS = f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" Type="{_REL}/officeDocument" Target="xl/workbook.xml"/></Relationships>'


def _part(book: zipfile.ZipFile, name: str, text: str) -> None:
    entry = zipfile.ZipInfo(name, _MADE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    book.writestr(entry, text.encode())


def _types(sheets: int) -> str:
    base = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{base}.worksheet+xml"/>'
        for n in range(1, sheets + 1)
    )
    return (
        f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{base}.sheet.main+xml"/>{parts}</Types>'
    )


def _workbook(names: Sequence[str]) -> str:
    sheets = "".join(
        f'<sheet name="{escape(name)}" sheetId="{n}" r:id="rId{n}"/>' for n, name in enumerate(names, start=1)
    )
    return f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_REL}"><sheets>{sheets}</sheets></workbook>'


def _workbook_rels(sheets: int) -> str:
    rels = "".join(
        f'<Relationship Id="rId{n}" Type="{_REL}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, sheets + 1)
    )
    return f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{rels}</Relationships>'


def _xml_row(line: int, cells: Sequence[str | int]) -> str:
    kept = "".join(_xml_cell(f"{_LETTERS[at]}{line}", cell) for at, cell in enumerate(cells) if cell != "")
    return f'<row r="{line}">{kept}</row>'


def _xml_cell(ref: str, value: str | int) -> str:
    if isinstance(value, int):
        return f'<c r="{ref}"><v>{value}</v></c>'
    return f'<c r="{ref}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'


# --- habits of writing -----------------------------------------------------------------------------------------------


def _plain(home: "Home") -> str:
    return f"{home.estate}{home.phase}期{home.building}栋{home.stair}单元{home.floor}{home.number:02d}"


def _phase(home: "Home", dice: Random) -> str:
    return dice.choice((f"{words.chinese(home.phase)}期", f"{home.phase}期"))


def _with_estate(entry: "Entry", dice: Random) -> str:
    """The whole address in one cell."""
    home = entry.home
    district = words.DISTRICT if home.estate == words.ESTATE and dice.random() < 0.2 else ""
    estate = f"{district}{home.estate}{_phase(home, dice)}"
    if entry.flaw == "no_address":
        return dice.choice(("", estate, *UNKNOWN))
    written = estate + _door(entry, dice)
    if dice.random() < 0.15:
        written = written.translate(words.WIDE)
    if dice.random() < 0.1:
        written = written.translate(words.TRADITIONAL)
    return written + ("（租户）" if dice.random() < 0.03 else "")


def _door(entry: "Entry", dice: Random) -> str:
    home = entry.home
    b, s, f, n = home.building, home.stair, home.floor, home.number
    room = f"{f}{n:02d}"
    if entry.flaw == "no_floor":
        return f"{b}栋{s}单元{n}号"
    if entry.flaw == "two_floors":
        return f"{b}栋{s}单元{f + 1}层{room}"
    if entry.flaw == "no_stair":
        return dice.choice((f"{b}栋{room}", f"{b}幢{room}室", f"{b}号楼{room}号", f"{b}-{room}"))
    c = words.chinese
    return dice.choice((
        f"{b}栋{s}单元{room}",
        f"{b}幢{s}-{room}",
        f"{b}-{s}-{room}",
        f"{b}#{s}单元{room}室",
        f"{c(b)}号楼{c(s)}单元{f}楼{n}号",
        f"{c(b)}栋{c(s)}单元{c(f)}层{n}号",
        f"{b}座{s}单元{f}层{room}室",
        f"{b} 栋 {s} 单元 {room} 号",
        f"{b:02d}栋{s:02d}单元{room.zfill(4)}",
        f"{b}号楼{s}门{room}",
    ))  # fmt: skip


def _three(entry: "Entry", dice: Random) -> tuple[str, str, str]:
    """Building, stair and room in cells of their own."""
    home = entry.home
    room = f"{home.floor}{home.number:02d}"
    if entry.flaw == "no_address":
        return "", "", dice.choice(("", *UNKNOWN))
    b, s = home.building, home.stair
    building = dice.choice(
        (f"{b}栋", f"{b}", f"{words.chinese(b)}号楼", f"{b}幢".translate(words.WIDE), f"{b}棟")
    )
    stair = "" if entry.flaw == "no_stair" else dice.choice((f"{s}单元", f"{s}", f"{words.chinese(s)}單元"))
    if entry.flaw == "no_floor":
        return building, stair, f"{home.number}号"
    if entry.flaw == "two_floors":
        return building, stair, f"{home.floor + 1}层{room}"
    return (
        building,
        stair,
        dice.choice((room, f"{room}室", room.translate(words.WIDE), f"{home.floor}楼{home.number}号")),
    )


def _name(name: str, dice: Random) -> str:
    """The same name as another hand would write it."""
    way = dice.random()
    if way < 0.12:
        return name.translate(words.TRADITIONAL)
    if way < 0.18 and len(name) in (2, 3) and not name.isascii():
        return name[0] + dice.choice((" ", "\u3000")) + name[1:]
    if way < 0.22:
        return name.replace("·", "・") if "·" in name else f" {name} "
    if way < 0.25 and name.isascii():
        return name.upper()
    return name


def _number(document: str, dice: Random) -> str:
    if not document:
        return ""
    way = dice.random()
    if way < 0.1:
        return document.translate(words.WIDE)
    return document.lower() if way < 0.2 else document
