"""Whoever empties the folder of ``csv_drop``: late, forgetful, and not always writing the receipt one hopes for."""

import csv
import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.fakes.upstream_authorities import REFUSED_MARK

FAULTS = ("later", "no receipt yet", "wrong receipt", "half a receipt")


class FolderTaker:
    """``look`` is one round of its work; faults are per file and per round, and in the end every file has its receipt."""

    def __init__(self, folder: Path, dice: Callable[[], str]) -> None:
        self._folder = folder
        self._dice = dice
        self.taken: list[dict[str, str]] = []

    @property
    def held(self) -> Counter[str]:
        good = [row for row in self.taken if row["operation"] == "submit"]
        return Counter(row["document_number"] for row in good if REFUSED_MARK not in row["document_number"])

    def look(self) -> None:
        for path in sorted((self._folder / "out").glob("*.csv")):
            if self._dice() == "later":
                continue
            rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"))))
            path.rename(self._folder / "taken" / path.name)
            self.taken.extend(rows)
        for path in sorted((self._folder / "taken").glob("*.csv")):
            self._receipt(path)

    def _receipt(self, path: Path) -> None:
        target = self._folder / "receipts" / path.name
        (row,) = csv.DictReader(io.StringIO(path.read_text("utf-8-sig")))
        refused = REFUSED_MARK in (row.get("document_number") or "")
        result = "rejected" if refused else "accepted"
        whole = f"reference,result,receipt\n{row['reference']},{result},CSV-{row['reference'][-8:]}\n"
        if target.exists() and target.read_text() == whole:
            return
        fault = self._dice()
        if fault == "no receipt yet":
            return
        said = {"wrong receipt": whole.replace(row["reference"], "another"), "half a receipt": whole[:30]}
        target.write_text(said.get(fault, whole))
