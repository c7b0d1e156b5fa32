"""What pages and programs may ask of the community's figures."""

from typing import Protocol

from cloud_sync.core.figures import DAYS_USUAL, Figures, OpenOnes, Row


class FigureReader(Protocol):
    """Each call is one consistent picture."""

    def figures(self, days: int = DAYS_USUAL, rows: frozenset[Row] | None = None) -> Figures:
        """Of the last ``days`` days where a figure is of a period, else as it stands; of some rows, or of all.

        Raises:
            Refused: not 1 to 90 days.
        """
        ...

    def open_ones(self, kind: str = "", severity: str = "", age: str = "") -> OpenOnes:
        """The open discrepancies of one field of the matrix; what is empty does not narrow.

        Raises:
            NotFound: no such kind, severity or age.
        """
        ...
