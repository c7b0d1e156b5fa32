"""CSV files and spreadsheets of listings, bookings, registrations, residents and staff: every row answered exactly once, bad rows never lose good ones.

Each row is a transaction of its own, so that a row is either in the books with all that follows from it or not at
all, and a file may be handed over again at any time.  A quotation mark that is never closed spoils its own line only:
no column of these files has a line break in it.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from cloud_sync.core.codes import ulid
from cloud_sync.core.jurisdiction import MORE_FIELDS
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports import ImportKind, ImportReport, RowAnswer
from cloud_sync.store import emergencies
from cloud_sync.store.attempts import take_told_booking
from cloud_sync.store.document_checks import check_failed
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.listings import take_listing
from cloud_sync.store.registering import register
from cloud_sync.store.rows import (
    CheckFault,
    RowFault,
    booking_wish,
    listing_wish,
    registration_wish,
    subject_wish,
)
from cloud_sync.store.spreadsheets import as_csv, is_spreadsheet
from cloud_sync.store.staging import Staged, Staging
from cloud_sync.store.subjects import take_subject

FILE_BYTES_MAX = 10_000_000  # a year of one community's bookings; more is a mistake or an attack
ROWS_MAX = 50_000
LINE_CHARS_MAX = 4_000
ROLE = "import"
SUBJECT_COLUMNS = ("ref", "name", "class", "access_points", "valid_from", "valid_until")
SUBJECT_KEYS = ("card", "code_key", "pin")


@dataclass(frozen=True, slots=True)
class Form:
    """What a file of one kind has to look like, and what one row of it does."""

    needed: tuple[str, ...]
    optional: tuple[str, ...]
    personal: frozenset[str]
    key: tuple[str, ...]
    take: Callable[[Act, int, Mapping[str, str]], RowAnswer]

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.needed, *self.optional)


FORMS: dict[ImportKind, Form] = {
    "listings": Form(
        needed=(
            "listing",
            "name",
            "unit",
            "operator",
            "state",
            "max_guests",
            "room",
            "label",
            "access_points",
        ),
        optional=(),
        personal=frozenset(),
        key=("listing", "room"),
        take=lambda act, line, cells: take_listing(act, line, listing_wish(cells, act.house)),
    ),
    "bookings": Form(
        needed=(
            "source",
            "external_ref",
            "external_revision",
            "listing",
            "room",
            "arrival",
            "departure",
            "headcount",
        ),
        optional=("state",),
        personal=frozenset(),
        key=("source", "external_ref"),
        take=lambda act, line, cells: take_told_booking(act, line, booking_wish(cells, act.house)),
    ),
    "registrations": Form(
        needed=(
            "source",
            "external_ref",
            "name",
            "document_type",
            "document_number",
            "birth_date",
            "proofing",
        ),
        optional=(
            "document_issuer",
            "method",
            "guardian_contact",
            "relation",
            "nationality",
            "mrz",
            *MORE_FIELDS,
        ),
        personal=frozenset(
            {"name", "document_number", "document_issuer", "birth_date", "guardian_contact", "relation"}
            | {"nationality", "mrz", *MORE_FIELDS}
        ),
        key=("source", "external_ref"),
        take=lambda act, line, cells: register(act, line, registration_wish(cells, act.house)),
    ),
    "residents": Form(
        needed=SUBJECT_COLUMNS,
        optional=(*SUBJECT_KEYS, "class_only", "state"),
        personal=frozenset({"name", *SUBJECT_KEYS}),
        key=("ref",),
        take=lambda act, line, cells: take_subject(act, line, subject_wish("residents", cells, act.house)),
    ),
    # Whoever works here is named by their pseudonym in the ledger; class-only logging is for residents.
    "staff": Form(
        needed=SUBJECT_COLUMNS,
        optional=(*SUBJECT_KEYS, "state"),
        personal=frozenset({"name", *SUBJECT_KEYS}),
        key=("ref",),
        take=lambda act, line, cells: take_subject(act, line, subject_wish("staff", cells, act.house)),
    ),
}


def import_csv(house: House, staging: Staging, kind: ImportKind, data: bytes, *, actor: str) -> ImportReport:
    """Read a file and apply it row by row.

    Raises:
        Refused: the file as a whole cannot be read; nothing was changed.
        StoreError: the disk failed; the rows before that stand, and the file may be handed over again.
    """
    form = FORMS[kind]
    if kind == "registrations":
        form = _with_emergency(house, form)
    return import_rows(house, staging, kind, form, data, actor=actor)


def _with_emergency(house: House, form: Form) -> Form:
    """With the columns that a declared emergency asks for at this moment; they are unknown columns at any other."""
    with reading(house.engine).begin() as db:
        now = emergencies.active(Act(house, db, house.clock.now_ms(), "service", ROLE))
    fields = now.fields if now is not None else ()
    return replace(form, optional=(*form.optional, *fields), personal=form.personal | set(fields))


def import_rows(
    house: House, staging: Staging, kind: str, form: Form, data: bytes, *, actor: str
) -> ImportReport:
    """As ``import_csv``, for any form."""
    if len(data) <= FILE_BYTES_MAX and is_spreadsheet(data):
        data = as_csv(kind, data)
    lines = _lines(kind, data)
    header = _header(kind, form, lines[0][1])
    parsed = [_cells(number, text, header) for number, text in lines[1:]]
    run = ulid(house.clock.now_ms(), house.randomness(10))
    staging.stage(kind, run, [row for row in parsed if isinstance(row, Staged)], form.personal)
    answers = [row if isinstance(row, RowAnswer) else _apply(house, form, row, actor) for row in parsed]
    staging.answer(kind, run, answers)
    return ImportReport(kind, tuple(answers))


def _apply(house: House, form: Form, row: Staged, actor: str) -> RowAnswer:
    try:
        with acting(house, actor, ROLE) as act:
            return form.take(act, row.line, row.cells)
    except (RowFault, Refused, NotFound) as fault:
        if isinstance(fault, CheckFault):
            with acting(house, actor, ROLE) as act:
                check_failed(act, row.cells.get("source", ""), row.cells.get("external_ref", ""))
        sentence = f"{str(fault).rstrip('.')}."
        return RowAnswer(row.line, "rejected", _key(form, row), sentence)


def _key(form: Form, row: Staged) -> str:
    return " ".join(row.cells.get(name, "")[:64] for name in form.key).strip()


def _decode(kind: str, data: bytes) -> str:
    """UTF-8 with or without its mark, else what Chinese spreadsheets write (GB 18030, which holds all of GBK)."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Refused(f"import {kind}", "the file is neither UTF-8 nor GBK text; save it as CSV UTF-8.")


def _lines(kind: str, data: bytes) -> list[tuple[int, str]]:
    """(line number, text) of every line that has something on it, the header first."""
    if len(data) > FILE_BYTES_MAX:
        raise Refused(f"import {kind}", f"the file has more than {FILE_BYTES_MAX} bytes; split it.")
    split = re.split(r"\r\n|\n|\r", _decode(kind, data))
    lines = [(number, text) for number, text in enumerate(split, start=1) if text.strip(" \t,")]
    if not lines:
        raise Refused(f"import {kind}", "the file is empty; its first line has to name the columns.")
    if len(lines) > ROWS_MAX + 1:
        raise Refused(f"import {kind}", f"the file has more than {ROWS_MAX} rows; split it.")
    return lines


def _fields(text: str) -> list[str]:
    """The cells of one line.

    Raises:
        csv.Error: a quotation mark is not closed, or stands where none may.
    """
    (cells,) = csv.reader([text], strict=True)
    return [cell.strip() for cell in cells]


def _header(kind: str, form: Form, text: str) -> list[str]:
    try:
        names = _fields(text)
    except csv.Error as error:
        raise Refused(f"import {kind}", f"the first line cannot be read as CSV ({error}).") from error
    missing = [name for name in form.needed if name not in names]
    unknown = [name for name in names if name not in form.columns]
    if missing:
        raise Refused(f"import {kind}", f"the column {', '.join(missing)} is missing in the first line.")
    if unknown:
        known = ", ".join(form.columns)
        raise Refused(f"import {kind}", f"the column {', '.join(unknown)!r} is not known; known are {known}.")
    if len(set(names)) != len(names):
        raise Refused(f"import {kind}", "a column stands twice in the first line.")
    return names


def _cells(number: int, text: str, header: list[str]) -> Staged | RowAnswer:
    """One line as named cells, or its rejection."""
    if len(text) > LINE_CHARS_MAX or "\0" in text:
        return RowAnswer(number, "rejected", "", "the line is too long or holds characters no text has.")
    try:
        cells = _fields(text)
    except csv.Error:
        return RowAnswer(number, "rejected", "", "a quotation mark on this line is not closed.")
    if len(cells) != len(header):
        sentence = f"the line has {len(cells)} cells, the first line names {len(header)} columns."
        return RowAnswer(number, "rejected", "", sentence)
    return Staged(number, dict(zip(header, cells, strict=True)))


def rejected(report: ImportReport) -> Iterator[RowAnswer]:
    """The rows somebody has to look at."""
    return (row for row in report.rows if row.status == "rejected")
