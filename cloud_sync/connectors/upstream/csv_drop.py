"""``csv_drop``: one file for each report in a folder that somebody else empties, and a receipt file back.

``out/REFERENCE.csv`` appears whole (written aside, flushed, linked).  Whoever takes it moves it to ``taken/`` and writes
``receipts/REFERENCE.csv`` with the columns reference, result and receipt.  A reference that lies in any of the three was
told before and is never written again; that is all the certainty there is, and it is enough, for a rename is atomic.
"""

import csv
import io
import os
import re
import secrets
from pathlib import Path
from types import MappingProxyType

from pydantic import Field as Setting

from cloud_sync.connectors.upstream.ways import UpstreamSettings, Way, allowed, missing, permit, printable
from cloud_sync.core.reporting import Certainty, Field, Op, ReportRule, Shape
from cloud_sync.errors import ConfigError, Refused
from cloud_sync.ports_upstream import Acked, NotTaken, Outcome, Rejected, Report, Taken, Unknown

OUT, TAKEN, RECEIPTS = "out", "taken", "receipts"
RECEIPT_MAX = 4096
HEAD = ("reference", "operation", "number")
REFERENCE = re.compile(r"[A-Za-z0-9-]{1,64}")  # it becomes a file's name
_PERSON = (
    Field("name"),
    Field("document_type"),
    Field("document_number"),
    Field("sex", "foreigner", needed=False),
    Field("birth_date", "foreigner"),
    Field("nationality", "foreigner"),
    Field("listing"),
    Field("room"),
    Field("arrival"),
    Field("departure"),
    Field("relation", "minor"),
)
SHAPE = Shape(
    "csv_drop",
    Certainty.ASKS,
    MappingProxyType({
        Op.SUBMIT: _PERSON,
        Op.CORRECT: _PERSON,
        Op.CHECKOUT: (Field("departure"),),
        Op.CANCEL: (),
    }),
)  # fmt: skip
RULE = ReportRule(basis="as agreed with the authority that empties the folder", checkout=True)


class CsvSettings(UpstreamSettings):
    """``[upstream.csv_drop]``: a folder that an authority's own program empties."""

    folder: Path = Setting(description="Where `out`, `taken` and `receipts` stand; readable by nobody else.")
    authority: str = Setting(min_length=1, max_length=80, description="Who empties it, for the log.")


class CsvDrop:
    """``Connector`` of ports_upstream.py."""

    shape = SHAPE

    def __init__(self, settings: CsvSettings) -> None:
        self._settings = settings

    @property
    def recipient(self) -> str:
        return f"{self._settings.authority}, by file"

    def body(self, report: Report) -> bytes:
        lacking = missing(report, SHAPE)
        if lacking:
            raise Refused("upstream.incomplete", f"{', '.join(lacking)} missing.")
        values = allowed(report, SHAPE)
        names = [field.name for field in _PERSON if field.name in values]
        text = io.StringIO()
        out = csv.writer(text, lineterminator="\r\n")
        out.writerow([*HEAD, *names])
        cells = [report.reference, str(report.op), report.number, *(values[name] for name in names)]
        out.writerow([_inert(cell) for cell in cells])
        return text.getvalue().encode("utf-8-sig")

    def send(self, report: Report) -> Outcome:
        permit(report)
        body = self.body(report)
        try:
            self._folders()
            told = self._state(report)
            if not isinstance(told, NotTaken):
                return told
            self._place(report.reference, body)
        except OSError as error:
            return Unknown(f"{self._settings.folder} cannot be written ({error.strerror}).")
        return Taken(report.reference)

    def ask(self, report: Report, ticket: str) -> Outcome:  # noqa: ARG002 - the file has our own name
        permit(report)
        try:
            self._folders()
            return self._state(report)
        except OSError as error:
            return Unknown(f"{self._settings.folder} cannot be read ({error.strerror}).")

    def _folders(self) -> None:
        for name in (OUT, TAKEN, RECEIPTS):
            (self._settings.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)

    def _file(self, room: str, report: Report) -> Path:
        if not REFERENCE.fullmatch(report.reference):
            raise Refused("upstream.reference", "a reference has letters, digits and hyphens only.")
        return self._settings.folder / room / f"{report.reference}.csv"

    def _state(self, report: Report) -> Outcome:
        """A file moves from ``out`` to ``taken``; looked at in this order it is never missed."""
        waits, taken = self._file(OUT, report).exists(), self._file(TAKEN, report).exists()
        receipt = self._file(RECEIPTS, report)
        if receipt.exists():
            return _receipt(receipt, report)
        if waits or taken:
            return Taken(report.reference)
        return NotTaken("no such file was ever placed.")

    def _place(self, reference: str, body: bytes) -> None:
        """Whole or not at all, and never over another: ``link`` refuses a name that is there."""
        aside = self._settings.folder / f".{reference}.{secrets.token_hex(4)}"
        opened = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            with os.fdopen(opened, "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            target = self._settings.folder / OUT / f"{reference}.csv"
            try:
                os.link(aside, target)
            except FileExistsError:
                return  # another worker was quicker with the same report
            _sync_folder(target.parent)
        finally:
            aside.unlink(missing_ok=True)


def _receipt(path: Path, report: Report) -> Outcome:
    """One line about our reference; anything else is not a receipt for it."""
    with path.open("rb") as file:
        text = file.read(RECEIPT_MAX).decode("utf-8-sig", "replace")
    try:
        rows = list(csv.DictReader(io.StringIO(text)))
    except csv.Error:
        rows = []
    ours = [row for row in rows if row.get("reference") == report.reference]
    if len(ours) != 1 or not text.endswith("\n"):  # without its end of line it is still being written
        return Unknown("the receipt file is not about this report.")
    said = printable(ours[0].get("receipt") or "", report.values)
    match ours[0].get("result"):
        case "accepted" if said:
            return Acked(said)
        case "rejected":
            return Rejected(said or "refused without a reason")
        case _:
            return Unknown("the receipt file says neither accepted nor rejected.")


def _inert(cell: str) -> str:
    """A spreadsheet on the far side runs nothing that a guest has typed."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _open(settings: CsvSettings) -> CsvDrop:
    if settings.folder.exists() and not settings.folder.is_dir():
        raise ConfigError("upstream.csv_drop.folder", f"{settings.folder} is no folder", "Name a folder")
    return CsvDrop(settings)


CSV_DROP = Way(CsvSettings, _open, SHAPE, RULE)
