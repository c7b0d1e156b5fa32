"""Whoever lawfully stood at a door: would the passes that the nodes hold have opened it?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cloud_sync.compose import Books
from cloud_sync.protocol.messages import PassRow
from cloud_sync.score.folder import Folder, moment_ms
from cloud_sync.store import tables

OPENS = "ARMED"
# Whoever is inside goes out with these as well.
GOES_OUT = frozenset({"ARMED", "EXIT_ONLY", "EXPIRED", "PENDING"})
MARKS = frozenset({"name_variant", "room_move", "duplicate_feed", "out_of_order", "ical_late", ""})
KEPT = 20


@dataclass(slots=True)
class Doors:
    """Counts passages of guests in whose stay nothing is wrong, against the passes as they stand at that moment."""

    lawful: dict[str, tuple[int, int]]  # "source ref" → (from, until)
    kinds: Mapping[str, str]
    early_ms: Mapping[str, int]
    passages: int = 0
    lock_outs: list[str] = field(default_factory=list)
    lock_ins: list[str] = field(default_factory=list)

    def judge(self, line: Mapping[str, Any], rows: Sequence[PassRow]) -> None:
        """One line of a guest at a door; ``rows`` are their pass before and after what was told around that time."""
        who = str(line["who"])
        if line["direction"] == "out":
            self.passages += 1
            if line["type"] == "access.denied" or not any(row.state in GOES_OUT for row in rows):
                self.lock_ins.append(f"{who} at {line['access_point']}")
            return
        span = self.lawful.get(who.rsplit(" ", 1)[0])
        if span is None or not span[0] <= line["at"] <= span[1] or line["type"] != "access.taken":
            return
        if line.get("credential_kind") == "guard":
            return
        self.passages += 1
        if not any(self._opens(line, row) for row in rows):
            self.lock_outs.append(f"{who} at {line['access_point']}")

    def _opens(self, line: Mapping[str, Any], row: PassRow) -> bool:
        door = str(line["access_point"])
        early_ms = self.early_ms.get(self.kinds.get(door, ""), 0)
        window = row.not_before - early_ms <= line["at"] <= row.not_after
        return row.state == OPENS and door in row.scope and window


def doors_of(folder: Folder, books: Books) -> Doors:
    """Stays without anything wrong, from their planned beginning to the end of the grace after it."""
    profile = books.house.profile
    grace_ms = profile.grace_ms
    lawful = {
        f"{row['source']} {row['external_ref']}": (
            moment_ms(row["planned_in"]) - profile.early_most_ms,
            moment_ms(row["planned_out"]) + grace_ms,
        )
        for row in folder.stays()
        if row["label"] in MARKS
    }
    point = tables.access_point
    with books.engine.connect() as db:
        rows = db.execute(point.select().where(point.c.community == books.house.community)).all()
    return Doors(lawful, {str(row.access_point): str(row.kind) for row in rows}, profile.early_ms)
