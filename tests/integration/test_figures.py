"""Every figure of a small history counted a second time: by Python, row by row, from the tables as they are."""

import pytest

from cloud_sync.core.figures import SPECS, Shape
from cloud_sync.errors import NotFound
from cloud_sync.store.figures import StoredFigures
from tests.fakes.community_house import SteppedClock, new_house
from tests.fakes.counted_figures import Counted
from tests.fakes.figure_history import DAY, FigureHistory
from tests.fakes.measured_cases import rank


@pytest.fixture
def books(tmp_path, database):
    made = new_house(tmp_path, SteppedClock(), database=database)
    FigureHistory(made, made.clock.now_ms()).write()
    yield made
    made.close()


@pytest.mark.story("26f")
@pytest.mark.parametrize("days", [1, 30, 90])
def test_every_figure_is_what_the_rows_add_up_to(books, days):
    counted = Counted(books, books.clock.now_ms() - days * DAY)
    found = StoredFigures(books.house).figures(days)
    said = {(f.name, f.part): (f.numerator, f.denominator) for f in found.figures if f.why is None}
    assert said == counted.found
    wanted = {name for name, spec in SPECS.items() if spec.shape is not Shape.NONE}
    # On a single day a figure of several lines may have none.
    silent = wanted - {name for name, _ in said}
    assert silent == set() or (days == 1 and all(SPECS[name].parts for name in silent))
    assert len(wanted) >= 40
    assert {(o.kind, o.severity, o.age, o.owner): o.count for o in found.open} == dict(counted.lines)


# Figures of which one side is no count of rows: a limit, a time, or a number that somebody told.
NOT_ROWS = {"face_people_now", "face_people_ever", "alarms_per_person"}
QUANTILE = {"p90": 90, "p95": 95}
MOST = {"gates_lag_most", "gates_clock_most", "reports_oldest"}


@pytest.mark.parametrize("days", [1, 30])
def test_the_rows_behind_every_number_add_up_to_it(books, days):
    reader = StoredFigures(books.house)
    figures = [one for one in reader.figures(days).figures if one.why is None]
    for figure in figures:
        behind = reader.behind(figure.name, *figure.part, days=days)
        where = (figure.name, figure.part)
        assert behind.figure == figure, where
        counts, of = sum(row.counts for row in behind.rows), sum(row.of for row in behind.rows)
        if figure.spec.shape is Shape.SPAN:
            took = [row.cells["span"] for row in behind.rows if row.of]
            per_cent = 100 if figure.name in MOST else QUANTILE.get(figure.name[-3:], 50)
            assert (rank(took, per_cent), len(took)) == (figure.numerator, figure.denominator), where
            continue
        assert counts == figure.numerator, where
        if figure.denominator is not None and figure.name not in NOT_ROWS:
            assert of == figure.denominator, where
    assert len(figures) > 90 or days == 1


def test_a_figure_or_a_line_that_is_not_there_has_no_rows(books):
    reader = StoredFigures(books.house)
    for asked in (("nothing", ""), ("path_success", "by magic"), ("cases_open", "face")):
        with pytest.raises(NotFound):
            reader.behind(*asked)
    assert reader.behind("staff_minutes").rows == ()
