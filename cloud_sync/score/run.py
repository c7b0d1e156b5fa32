"""One community from its folder to its score."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloud_sync.score.findings import Finding
from cloud_sync.score.folder import Folder
from cloud_sync.score.names import truth_rows
from cloud_sync.score.play import Play, Progress
from cloud_sync.score.report import figures, table, verdict
from cloud_sync.score.town import Town
from cloud_sync.score.truth import Found, Row, score

OFF = "switched off: it reads residents' movements, and needs a purpose in the impact assessment"
# (kind of the row, kind of the finding): what is wrong with the stay brings the other with it, and that is no mistake.
FOLLOWS: Mapping[tuple[str, str], str] = {
    (
        "D09",
        "D01",
    ): "the second registration of one document waits for a person, so its guest enters unregistered",
    ("D20", "D01"): "whoever is under age without a guardian waits for a person, so they enter unregistered",
    ("D06", "D02"): "the one too many who was declared never comes",
    ("D01", "D14"): "whoever comes first and registers later was not registered near the arrival either",
    ("D08", "D14"): "where nobody may be lodged nobody is registered, near the arrival or later",
}


@dataclass(frozen=True, slots=True)
class Done:
    lines: tuple[str, ...]
    figures: dict[str, Any]
    found: tuple[Finding, ...]
    rows: tuple[Row, ...]


def run(folder: Folder, home: Path, database_url: str, tell: Progress) -> Done:
    """Play it and score it.

    Raises:
        SyncError: the service could not be set up, or gave up.
    """
    town = Town(folder, home, database_url)
    try:
        play = Play(folder, town, tell)
        played = play.run()
        rows = truth_rows(folder, town.books, play.people)
        # The service is set up three weeks early, for bookings are; of those days the truth table says nothing.
        # Nor does it of stays that were ordered in its days and begin after its last midnight.
        later = play.people.planned_after(folder.ends_ms)
        found = [
            one
            for one in played.found
            if not 0 < one.window_ms < folder.begins_ms and one.subject not in later
        ]
        unscored = {**folder.manifest["unscored"], "D18": OFF}
        scored = score(rows, found, unscored=unscored, follows=_follows)
        missed = verdict(played, scored)
        lines = (*table(scored), *(f"missed goal: {one}" for one in missed))
        return Done(lines, figures(played, scored, missed), tuple(found), tuple(rows))
    finally:
        town.close()


def _follows(found: Found, row: Row) -> bool:
    return (row.kind, found.kind) in FOLLOWS
