"""The figures of the evening, taken from outside the actors: ledgers, database, bus tap, lock and gate-io records.

Everything here reads files that stay in ``run/demo``; anybody can count again with ``python -m demo.count``.
"""

import base64
import json
import sqlite3
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The first bytes of everything a photograph or a film could be kept in.
IMAGE_MARKS = {
    "jpeg": b"\xff\xd8\xff",
    "png": b"\x89PNG\r\n\x1a\n",
    # Whole: four letters alone stand by chance in what travels as base64, once in a thousand sealed envelopes.
    "gif": b"GIF89a",
    "gif of 1987": b"GIF87a",
    "webp": b"WEBPVP8",
    "bmp": b"BM6\x00",
    "y4m": b"YUV4MPEG2",
    "mp4": b"ftypisom",
    "mov": b"ftypqt",
    "avi": b"AVI LIST",
}
# A JPEG is only three certain bytes; the fourth is one of these, else any compressed file would look like one.
JPEG_FOURTH = b"\xe0\xe1\xe2\xdb\xee\xc0\xc4"
IMAGE_MARKS_TEXT = ("/9j/4", "iVBORw0KGgo", "R0lGOD", "UklGR")  # the same, as base64 would carry them


@dataclass(frozen=True, slots=True)
class Event:
    node: str
    epoch: str
    seq: int
    body: dict[str, Any]

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.node, self.epoch, self.seq)


def ledger(path: Path, node: str) -> list[Event]:
    """All events of a node's ledger, in order."""
    with read(path) as db:
        (epoch,) = db.execute("select epoch from meta").fetchone()
        rows = db.execute("select seq, body from event order by seq").fetchall()
    return [Event(node, epoch, seq, json.loads(body)) for seq, body in rows]


class read:  # noqa: N801  # used as a function that is a context
    """A database opened for reading only."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)

    def __enter__(self) -> sqlite3.Connection:
        return self._db

    def __exit__(self, *_: object) -> None:
        self._db.close()


@dataclass(frozen=True, slots=True)
class Stored:
    keys: frozenset[tuple[str, str, int]]
    rows: int
    counted: int  # what the sink's counters say, which only ever move with a stored row
    stored_ms: dict[tuple[str, str, int], int]


def service(path: Path) -> Stored:
    """What the service's database holds."""
    with read(path) as db:
        rows = db.execute("select node, epoch, seq, stored_ms from event").fetchall()
        (counted,) = db.execute("select coalesce(sum(n), 0) from counter").fetchone()
    stored = {(node, epoch, seq): stored_ms for node, epoch, seq, stored_ms in rows}
    return Stored(frozenset(stored), len(rows), int(counted), stored)


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """A JSONL record; nothing when it was never written."""
    if path.exists():
        for line in path.read_text().splitlines():
            if line.strip():
                yield json.loads(line)


def tally(events: Iterable[Event], type_: str, **fields: str) -> int:
    return sum(
        event.body["type"] == type_ and all(event.body.get(name) == value for name, value in fields.items())
        for event in events
    )


def images_in(data: bytes) -> list[str]:
    """Which kinds of image a file's bytes contain anywhere."""
    found = []
    for kind, mark in IMAGE_MARKS.items():
        at = data.find(mark)
        while at >= 0:
            if kind != "jpeg" or (data[at + 3 : at + 4] in JPEG_FOURTH and _looks_like_jpeg(data, at)):
                found.append(kind)
                break
            at = data.find(mark, at + 1)
    return found


def _looks_like_jpeg(data: bytes, at: int) -> bool:
    """The first segment's length leads to another segment."""
    size = int.from_bytes(data[at + 4 : at + 6], "big")
    return data[at + 4 + size : at + 5 + size] == b"\xff"


def photos(roots: Sequence[Path], *, but: Sequence[Path]) -> list[str]:
    """Every file below the roots that contains an image, the excepted folders left out."""
    found = []
    for root in roots:
        for path in sorted(root.rglob("*")):
            if path.is_file() and not any(path.is_relative_to(folder) for folder in but):
                found += [f"{path}: {kind}" for kind in images_in(path.read_bytes())]
    return found


def words_in(data: bytes, canaries: Sequence[str]) -> list[str]:
    """Which canaries stand in these bytes, in clear, as JSON escapes, or as base64."""
    found = []
    for word in canaries:
        raw = word.encode()
        shapes = [
            raw,
            json.dumps(word)[1:-1].encode(),
            word.encode("gbk", "ignore"),
            word.encode("utf-16-le"),
        ]
        shapes += [base64.b64encode(b"\0" * pad + raw)[(4 if pad else 0) : -4] for pad in (0, 1, 2)]
        if any(len(shape) >= 4 and shape in data for shape in shapes):
            found.append(word)
    return found


def bus(path: Path) -> list[tuple[str, bytes]]:
    """Everything the tap heard: (topic, payload)."""
    return [(line["topic"], base64.b64decode(line["payload"])) for line in lines(path)]


def pii_on_bus(heard: Iterable[tuple[str, bytes]], canaries: Sequence[str]) -> list[str]:
    """Every frame in which a name, a document number or an image travelled; parts are opened first."""
    found = []
    for topic, payload in heard:
        opened = payload + _unpacked(payload)
        text = opened.decode("utf-8", "replace")
        marks = [mark for mark in IMAGE_MARKS_TEXT if mark in text]
        found += [f"{topic}: {what}" for what in words_in(opened, canaries) + images_in(opened) + marks]
    return found


def _unpacked(payload: bytes) -> bytes:
    """The bytes inside a snapshot part, which travel as base64."""
    try:
        data = json.loads(payload).get("data")
        return base64.b64decode(data) if isinstance(data, str) else b""
    except (ValueError, AttributeError):
        return b""


def percentiles(values: Sequence[float]) -> dict[str, float | None]:
    """p50 and p95 in the unit given; None when nothing was measured."""
    if not values:
        return {"p50": None, "p95": None}
    ordered = sorted(values)
    return {
        "p50": round(statistics.median(ordered), 1),
        "p95": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 1),
    }
