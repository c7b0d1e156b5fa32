"""The community's figures (domain.md §12), all counted in one picture of the books."""

import sqlalchemy as sa

from cloud_sync.core.figures import DAYS_MAX, DAYS_USUAL, SPECS, Figures, Shape, not_counted
from cloud_sync.core.policy import DAY_MS
from cloud_sync.errors import Refused
from cloud_sync.store.engine import reading
from cloud_sync.store.figure_sql import Look, watermark
from cloud_sync.store.figures_desk import desk_figures, open_lines
from cloud_sync.store.figures_doors import door_figures
from cloud_sync.store.figures_people import people_figures
from cloud_sync.store.figures_units import unit_figures
from cloud_sync.store.house import House

COUNTERS = (people_figures, unit_figures, door_figures, desk_figures)
ORDER = {name: at for at, name in enumerate(SPECS)}


class StoredFigures:
    """``FigureReader`` on the service's database."""

    def __init__(self, house: House) -> None:
        self._house = house

    def figures(self, days: int = DAYS_USUAL) -> Figures:
        """Of the last ``days`` days where a figure is of a period, else as it stands.

        Raises:
            Refused: not 1 to 90 days.
        """
        if not 1 <= days <= DAYS_MAX:
            raise Refused("figures.days", f"figures are of the last 1 to {DAYS_MAX} days.")
        with reading(self._house.engine).begin() as db:
            look = self._look(db, days)
            found = [figure for counter in COUNTERS for figure in counter(look)]
            lines = open_lines(look)
        found += [not_counted(spec, look.now_ms) for spec in SPECS.values() if spec.shape is Shape.NONE]
        found.sort(key=lambda figure: ORDER[figure.name])
        return Figures(look.now_ms, look.told_ms, days, tuple(found), lines)

    def _look(self, db: sa.Connection, days: int) -> Look:
        now_ms = self._house.clock.now_ms()
        told_ms = watermark(db, self._house.community, now_ms)
        return Look(db, self._house, now_ms, now_ms - days * DAY_MS, told_ms)
