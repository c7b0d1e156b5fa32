"""The written files, read back row by row; nothing of the generator is asked."""

import csv
import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class NotASynth(ValueError):
    """The folder was not written by ``synth``, or not to the end; the sentence says so."""


def manifest_of(out: Path) -> dict[str, Any]:
    """What the generator wrote about its own run.

    Raises:
        NotASynth: there is none, or it cannot be read.
    """
    try:
        found = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise NotASynth(f"{out} has no manifest.json of a finished run; make it again.") from None
    if not isinstance(found, dict) or "dataset" not in found:
        raise NotASynth(f"{out}/manifest.json is not that of a synthetic community.")
    return found


def rows(out: Path, name: str) -> Iterator[dict[str, str]]:
    """The rows of one table by column; none if it is not there."""
    path = out / name
    if not path.exists():
        return
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def daily(out: Path, kind: str) -> list[str]:
    """The files of one kind, in the order of days; what was told before the first day comes first."""
    names = sorted(path.name for path in (out / kind).glob("*.csv"))
    return [f"{kind}/{name}" for name in sorted(names, key=lambda n: (not n.startswith("before"), n))]


def every(out: Path, kind: str) -> Iterator[dict[str, str]]:
    for name in daily(out, kind):
        yield from rows(out, name)


def pairs(out: Path, kind: str) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Rows of an importable file with what stands beside them."""
    for name in daily(out, kind):
        yield from zip(rows(out, name), rows(out, name.replace(kind, f"{kind}_at")), strict=True)


def event_days(out: Path) -> list[Path]:
    return sorted((out / "events").glob("*.jsonl*"))


def events(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of one day, packed or not."""
    with path.open("rb") as raw, gzip.open(raw) if path.suffix == ".gz" else raw as file:
        for line in file:
            yield json.loads(line)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
