"""The community's figures (domain.md §12), all counted in one picture of the books."""

from collections.abc import Callable, Iterable

import sqlalchemy as sa

from cloud_sync.core.case_types import Severity
from cloud_sync.core.community_metrics import AGES, OLDEST
from cloud_sync.core.discrepancies import KINDS
from cloud_sync.core.figures import (
    DAYS_MAX,
    DAYS_USUAL,
    SPECS,
    Figure,
    Figures,
    OpenOnes,
    Row,
    Shape,
    not_counted,
)
from cloud_sync.core.policy import DAY_MS
from cloud_sync.errors import NotFound, Refused
from cloud_sync.store import figures_desk as desk
from cloud_sync.store import figures_doors as doors
from cloud_sync.store import figures_people as people
from cloud_sync.store import figures_units as units
from cloud_sync.store.engine import reading
from cloud_sync.store.figure_sql import Look, watermark
from cloud_sync.store.house import House

_R = Row
Counter = Callable[[Look], Iterable[Figure]]
# What is counted together, and for which rows.
COUNTERS: tuple[tuple[frozenset[Row], Counter], ...] = (
    (frozenset({_R.REGISTRATION}), people.registered),
    (frozenset({_R.STAYS}), people.reconciled),
    (frozenset({_R.SPOT_CHECKS}), people.spot_checked),
    (frozenset({_R.BEDS}), people.beds),
    (frozenset({_R.TODAY}), people.today),
    (frozenset({_R.LABOUR}), people.desk_avoided),
    (frozenset({_R.CODING}), units.coded),
    (frozenset({_R.GAP}), units.gap),
    (frozenset({_R.HOUSEHOLDS}), units.households),
    (frozenset({_R.POINTS}), units.points),
    (frozenset({_R.GATES}), doors.gates),
    (frozenset({_R.GATES, _R.WAYS_IN, _R.OVERRIDES}), doors.decided),
    (frozenset({_R.WAYS_IN}), doors.medians),
    (frozenset({_R.DISCREPANCIES}), desk.discrepancies),
    (frozenset({_R.CASES}), desk.cases),
    (frozenset({_R.REPORTS_DUE, _R.UPSTREAM}), desk.reports),
    (frozenset({_R.PRIVACY}), desk.privacy),
)
AGE_NAMES = frozenset({OLDEST, *(name for name, _ in AGES)})
ORDER = {name: at for at, name in enumerate(SPECS)}


class StoredFigures:
    """``FigureReader`` on the service's database."""

    def __init__(self, house: House) -> None:
        self._house = house

    def figures(self, days: int = DAYS_USUAL, rows: frozenset[Row] | None = None) -> Figures:
        """Of the last ``days`` days where a figure is of a period, else as it stands; of some rows, or of all.

        Raises:
            Refused: not 1 to 90 days.
        """
        if not 1 <= days <= DAYS_MAX:
            raise Refused("figures.days", f"figures are of the last 1 to {DAYS_MAX} days.")
        wanted = frozenset(Row) if rows is None else rows
        with reading(self._house.engine).begin() as db:
            look = self._look(db, days)
            found = [one for of, counter in COUNTERS if of & wanted for one in counter(look)]
            lines = desk.open_lines(look) if Row.DISCREPANCIES in wanted else ()
        found += [not_counted(spec, look.now_ms) for spec in SPECS.values() if spec.shape is Shape.NONE]
        found = [one for one in found if one.spec.row in wanted]
        found.sort(key=lambda figure: ORDER[figure.name])
        return Figures(look.now_ms, look.told_ms, days, tuple(found), lines)

    def open_ones(self, kind: str = "", severity: str = "", age: str = "") -> OpenOnes:
        """The open discrepancies of one field of the matrix; what is empty does not narrow.

        Raises:
            NotFound: no such kind, severity or age.
        """
        for said, known in ((kind, KINDS), (severity, frozenset(Severity)), (age, AGE_NAMES)):
            if said and said not in known:
                raise NotFound(f"There is no field {said!r} in the matrix of discrepancies.")
        with reading(self._house.engine).begin() as db:
            return desk.open_ones(self._look(db, DAYS_USUAL), kind=kind, severity=severity, age=age)

    def _look(self, db: sa.Connection, days: int) -> Look:
        now_ms = self._house.clock.now_ms()
        told_ms = watermark(db, self._house.community, now_ms)
        return Look(db, self._house, now_ms, now_ms - days * DAY_MS, told_ms, now_ms)
