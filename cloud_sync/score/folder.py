"""A synthetic community's files as a run takes them: told rows by the minute, events in the order of time."""

import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cloud_sync.errors import Refused
from cloud_sync.synth.reading import NotASynth, manifest_of, rows
from cloud_sync.synth.write import BEFORE, FAULTS_FILE, STAYS_FILE, TRUTH_FILE

ZONE = ZoneInfo("Asia/Shanghai")
# In this order within one minute: nobody registers for a booking that is not there yet.
KINDS = (
    "listing_states",
    "bookings",
    "registrations",
    "visitors",
    "reports",
    "returns",
    "verifications",
    "inspections",
    "complaints",
)
BESIDE = ("bookings", "registrations")  # their minutes stand in a file beside them


@dataclass(frozen=True, slots=True)
class Told:
    """One row of a file that is handed over, and what is known of it besides."""

    at_ms: int
    kind: str
    cells: dict[str, str]
    member: int = -1  # of a registration: the place in the party


@dataclass(frozen=True, slots=True)
class Outage:
    kind: str
    nodes: str
    begin_ms: int
    end_ms: int


def moment_ms(text: str) -> int:
    """A local minute of the community."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1000)


class Folder:
    """What ``synth`` wrote for one community."""

    def __init__(self, path: Path) -> None:
        """
        Raises:
            Refused: the folder does not hold one synthetic community.
        """
        self.path = path
        try:
            self.manifest: dict[str, Any] = manifest_of(path)
        except NotASynth as error:
            raise Refused("score", str(error)) from error
        self.code = str(self.manifest["community"])
        self.seed = int(self.manifest["seed"])
        self.days = int(self.manifest["days"])
        self.start = date.fromisoformat(str(self.manifest["start"]))
        self.begins_ms = moment_ms(f"{self.start.isoformat()}T00:00")
        self.ends_ms = self.begins_ms + self.days * 24 * 3_600_000

    def data(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def names(self, pattern: str) -> list[str]:
        return sorted(str(found.relative_to(self.path)) for found in self.path.glob(pattern))

    def table(self, name: str) -> list[dict[str, str]]:
        return list(rows(self.path, name))

    def truth(self) -> list[dict[str, str]]:
        return self.table(TRUTH_FILE)

    def stays(self) -> list[dict[str, str]]:
        return self.table(STAYS_FILE)

    def outages(self) -> list[Outage]:
        return [
            Outage(row["kind"], row["nodes"], moment_ms(row["begin"]), moment_ms(row["end"]))
            for row in self.table(FAULTS_FILE)
        ]

    def told(self, day: str) -> list[Told]:
        """Everything that was told on a day, or ``before`` the first; in the order in which it was."""
        found: list[Told] = []
        for kind in KINDS:
            name = f"{kind}/{day}.csv"
            if kind not in BESIDE:
                found += [Told(moment_ms(row["at"]), kind, row) for row in rows(self.path, name)]
                continue
            beside = rows(self.path, f"{kind}_at/{day}.csv")
            for row, more in zip(rows(self.path, name), beside, strict=True):
                member = int(more.get("member", -1))
                found.append(Told(moment_ms(more["at"]), kind, row, member))
        return sorted(found, key=lambda one: (one.at_ms, KINDS.index(one.kind)))

    def before(self) -> list[Told]:
        return self.told(BEFORE)

    def events(self, day: str) -> Iterator[dict[str, Any]]:
        """The lines of a day."""
        plain = self.path / f"events/{day}.jsonl"
        packed = plain.with_suffix(".jsonl.gz")
        if plain.exists():
            with plain.open(encoding="utf-8") as file:
                yield from map(json.loads, file)
        elif packed.exists():
            with gzip.open(packed, "rt", encoding="utf-8") as file:
                yield from map(json.loads, file)


def as_csv(rows_: list[dict[str, str]]) -> bytes:
    """Rows of one kind as a file again."""
    import io

    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows_[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows_)
    return text.getvalue().encode()
