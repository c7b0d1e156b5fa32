"""The community's figures (domain.md §12), all counted in one picture of the books."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta
from types import MappingProxyType

import sqlalchemy as sa

from cloud_sync.core.case_types import Severity
from cloud_sync.core.community_metrics import AGES, OLDEST
from cloud_sync.core.discrepancies import KINDS
from cloud_sync.core.figures import (
    DAYS_MAX,
    DAYS_USUAL,
    ROWS_MAX,
    SPECS,
    Behind,
    Figure,
    Figures,
    OpenOnes,
    Row,
    Shape,
    not_counted,
)
from cloud_sync.core.policy import DAY_MS
from cloud_sync.core.weeks import monday_of
from cloud_sync.errors import NotFound, Refused
from cloud_sync.store import figure_rows, figure_rows_desk
from cloud_sync.store import figures_desk as desk
from cloud_sync.store import figures_doors as doors
from cloud_sync.store import figures_machine as machine
from cloud_sync.store import figures_people as people
from cloud_sync.store import figures_units as units
from cloud_sync.store.engine import reading
from cloud_sync.store.figure_rows import Lister
from cloud_sync.store.figure_sql import Look, watermark
from cloud_sync.store.house import House, acting

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
    (frozenset({_R.MACHINE}), machine.machine),
    (frozenset({_R.REPORTS_DUE, _R.UPSTREAM}), desk.reports),
    (frozenset({_R.PRIVACY}), desk.privacy),
)
AGE_NAMES = frozenset({OLDEST, *(name for name, _ in AGES)})
ORDER = {name: at for at, name in enumerate(SPECS)}


LISTERS: Mapping[str, Lister] = MappingProxyType({**figure_rows.LISTERS, **figure_rows_desk.LISTERS})


def _check(days: int) -> None:
    if not 1 <= days <= DAYS_MAX:
        raise Refused("figures.days", f"figures are of the last 1 to {DAYS_MAX} days.")


class StoredFigures:
    """``FigureReader`` on the service's database."""

    def __init__(self, house: House) -> None:
        self._house = house

    def figures(self, days: int = DAYS_USUAL, rows: frozenset[Row] | None = None) -> Figures:
        """Of the last ``days`` days where a figure is of a period, else as it stands; of some rows, or of all.

        Raises:
            Refused: not 1 to 90 days.
        """
        _check(days)
        wanted = frozenset(Row) if rows is None else rows
        with reading(self._house.engine).begin() as db:
            return self._counted(self._look(db, days), days, wanted)

    def _counted(self, look: Look, days: int, wanted: frozenset[Row]) -> Figures:
        found = [one for of, counter in COUNTERS if of & wanted for one in counter(look)]
        lines = desk.open_lines(look) if Row.DISCREPANCIES in wanted else ()
        found += [not_counted(spec, look.now_ms) for spec in SPECS.values() if spec.shape is Shape.NONE]
        found = [one for one in found if one.spec.row in wanted]
        found.sort(key=lambda figure: ORDER[figure.name])
        return Figures(look.now_ms, look.told_ms, days, tuple(found), lines)

    def behind(self, name: str, part: str = "", days: int = DAYS_USUAL) -> Behind:
        """One figure, or one line of one, and the rows it was counted from.

        Raises:
            NotFound: there is no such figure, or it has no such line now.
            Refused: not 1 to 90 days.
        """
        if name not in SPECS:
            raise NotFound("There is no figure of this name; the page of figures names them.")
        spec = SPECS[name]
        if spec.shape is Shape.NONE:
            now_ms = self._house.clock.now_ms()
            return Behind(not_counted(spec, now_ms), now_ms, now_ms, days, ())
        _check(days)
        with reading(self._house.engine).begin() as db:
            look = self._look(db, days)
            counted = (one for of, counter in COUNTERS if spec.row in of for one in counter(look))
            wanted = (part,) if part or spec.parts else ()
            figure = next(
                (one for one in counted if one.name == name and (one.why or one.part == wanted)), None
            )
            if figure is None:
                raise NotFound("This figure has no such line now; the page of figures names those there are.")
            rows = () if figure.why else tuple(LISTERS[name](look, name, part))[:ROWS_MAX]
        return Behind(figure, look.now_ms, look.told_ms, days, rows)

    def week(self, week: str, form: str, *, actor: str, role: str) -> Figures:
        """Every figure, of an ISO week where it is of a period; that somebody took it away is written down.

        Raises:
            Refused: no calendar has this week, or it has not begun.
        """
        since_ms, until_ms = self._bounds(week)
        with acting(self._house, actor, role) as act:
            act.note("figures.week", week, after=form)
        with reading(self._house.engine).begin() as db:
            look = replace(self._look(db, 7), since_ms=since_ms, until_ms=until_ms)
            return self._counted(look, 7, frozenset(Row))

    def _bounds(self, week: str) -> tuple[int, int]:
        """Monday's midnight to the last millisecond before the next one's, or to now."""
        monday, zone = monday_of(week), self._house.zone
        now_ms = self._house.clock.now_ms()
        if monday is None:
            raise Refused("figures.week", f"no calendar has a week {week[:16]}; give one like 2026-W49.")
        begins, ends = (datetime.combine(day, time(), zone) for day in (monday, monday + timedelta(days=7)))
        since_ms, until_ms = (round(moment.timestamp() * 1000) for moment in (begins, ends))
        if since_ms > now_ms:
            raise Refused("figures.week", f"the week {week} has not begun.")
        return since_ms, min(now_ms, until_ms - 1)

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
