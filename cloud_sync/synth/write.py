"""Files that come out the same every time: one for each kind and day, hashed while they are written."""

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

from cloud_sync.synth.rows import HEADERS, TRUTH_HEADER, Calendar, Truth

BEFORE = "before"  # the file of what was told before the first day
# How many cells of a row belong to the importable file; the rest stand beside it, line by line.
SPLIT = {"bookings": 9, "registrations": 11}
TRUTH_FILE = "truth/truth.csv"
STAYS_FILE = "truth/stays.csv"
FAULTS_FILE = "node_faults.csv"
STAYS_HEADER = (
    "source", "external_ref", "listing", "room", "planned_in", "planned_out", "day", "minute", "people", "nights",
    "left_at", "waited", "label",
)  # fmt: skip
EVENTS_AT_ONCE = 4_000


class _Hashed(io.RawIOBase):
    """A file that knows its sha256 when it is closed."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = path.open("wb")
        self.sha = hashlib.sha256()
        self.bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.sha.update(data)
        self.bytes += len(data)
        return self._file.write(data)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


class _Table:
    """One CSV file, open while rows come."""

    def __init__(self, path: Path, header: Sequence[str]) -> None:
        self.raw = _Hashed(path)
        self._text = io.TextIOWrapper(io.BufferedWriter(self.raw, 1 << 16), encoding="utf-8", newline="")
        self._rows = csv.writer(self._text, lineterminator="\n")
        self.count = 0
        self._rows.writerow(header)

    def row(self, cells: Sequence[str]) -> None:
        self._rows.writerow(cells)
        self.count += 1

    def close(self) -> None:
        self._text.close()


class Writer:
    """The folder of one community.  Rows of a day's files come in the order of days."""

    def __init__(self, out: Path, calendar: Calendar, *, packed: bool) -> None:
        self._out, self._calendar, self._packed = out, calendar, packed
        self._open: dict[str, _Table] = {}
        self.files: dict[str, dict[str, object]] = {}
        self._truth = _Table(out / TRUTH_FILE, TRUTH_HEADER)
        self._stays = _Table(out / STAYS_FILE, STAYS_HEADER)
        self._faults = _Table(out / FAULTS_FILE, ("kind", "nodes", "begin", "end", "note"))

    def table(self, name: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A whole file at once."""
        table = _Table(self._out / name, header)
        for cells in rows:
            table.row(cells)
        self._close(name, table)

    def told(self, day: str, minute: int, kind: str, cells: tuple[str, ...]) -> None:
        """One row of a day's file; what does not belong into the importable one stands beside it."""
        at = self._calendar.text(minute)
        split = SPLIT.get(kind)
        if split is None:
            self._row(kind, day, (at, *cells))
            return
        self._row(kind, day, cells[:split])
        self._row(f"{kind}_at", day, (at, *cells[split:]))

    def _row(self, kind: str, day: str, cells: Sequence[str]) -> None:
        name = f"{kind}/{day}.csv"
        table = self._open.get(name)
        if table is None:
            table = self._open[name] = _Table(self._out / name, HEADERS[kind])
        table.row(cells)

    def end_day(self) -> None:
        for name, table in self._open.items():
            self._close(name, table)
        self._open.clear()

    def events(self, day: str, lines: Iterable[str]) -> int:
        """The day's lines, in chunks; how many."""
        name = f"events/{day}.jsonl" + (".gz" if self._packed else "")
        raw = _Hashed(self._out / name)
        # No name and no time in the head of the archive: the same lines are the same bytes.
        packer = gzip.GzipFile("", "wb", 3, raw, mtime=0) if self._packed else None
        target: Any = packer or raw
        count, held = 0, []
        for line in lines:
            held.append(line)
            if len(held) == EVENTS_AT_ONCE:
                target.write("".join(held).encode())
                count, held = count + len(held), []
        target.write("".join(held).encode())
        if packer is not None:
            packer.close()
        raw.close()
        self.files[name] = {"sha256": raw.sha.hexdigest(), "bytes": raw.bytes, "rows": count + len(held)}
        return count + len(held)

    def truth(self, truth: Truth) -> None:
        begin, end = self._calendar.text(truth.begin), self._calendar.text(truth.end)
        self._truth.row((truth.kind, truth.subject, begin, end, truth.evidence, truth.note))

    def stay(self, cells: Sequence[str]) -> None:
        self._stays.row(cells)

    def fault(self, cells: Sequence[str]) -> None:
        self._faults.row(cells)

    def finish(self, manifest: dict[str, object]) -> None:
        """The list of all files with their hashes; written last, so that a run cut short has none."""
        self.end_day()
        self._close(TRUTH_FILE, self._truth)
        self._close(STAYS_FILE, self._stays)
        self._close(FAULTS_FILE, self._faults)
        whole = {**manifest, "files": dict(sorted(self.files.items()))}
        text = json.dumps(whole, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        (self._out / "manifest.json").write_text(text, encoding="utf-8")

    def _close(self, name: str, table: _Table) -> None:
        table.close()
        self.files[name] = {
            "sha256": table.raw.sha.hexdigest(),
            "bytes": table.raw.bytes,
            "rows": table.count,
        }
