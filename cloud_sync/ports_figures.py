"""What pages and programs may ask of the community's figures."""

from typing import Protocol

from cloud_sync.core.figures import DAYS_USUAL, Behind, Figures, OpenOnes, Row


class FigureReader(Protocol):
    """Each call is one consistent picture."""

    def figures(self, days: int = DAYS_USUAL, rows: frozenset[Row] | None = None) -> Figures:
        """Of the last ``days`` days where a figure is of a period, else as it stands; of some rows, or of all.

        Raises:
            Refused: not 1 to 90 days.
        """
        ...

    def behind(self, name: str, part: str = "", days: int = DAYS_USUAL) -> Behind:
        """One figure, or one line of one, and the rows it was counted from.

        Raises:
            NotFound: there is no such figure, or it has no such line now.
            Refused: not 1 to 90 days.
        """
        ...

    def week(self, week: str, form: str, *, actor: str, role: str) -> Figures:
        """Every figure, of an ISO week where it is of a period; that somebody took it away is written down.

        Raises:
            Refused: no calendar has this week, or it has not begun.
        """
        ...

    def open_ones(self, kind: str = "", severity: str = "", age: str = "") -> OpenOnes:
        """The open discrepancies of one field of the matrix; what is empty does not narrow.

        Raises:
            NotFound: no such kind, severity or age.
        """
        ...
