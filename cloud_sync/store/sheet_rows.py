"""A row of somebody's spreadsheet, and how a file that cannot be read is refused."""

from dataclasses import dataclass

from cloud_sync.core.roll import Reason
from cloud_sync.errors import Refused

ROWS_MAX = 400_000  # two and a half times the largest import on record (164,253 households)
RULE = "import"


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One line that has something on it; ``sheet`` is empty where the file has no sheets."""

    sheet: str
    line: int
    cells: tuple[str, ...]
    fault: Reason | None = None  # it could not be read; ``cells`` is what could


def refuse(sentence: str) -> Refused:
    return Refused(RULE, sentence)
