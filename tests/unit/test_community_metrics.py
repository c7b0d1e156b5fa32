"""The community's figures: what is counted of what, and who may see how much."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from cloud_sync.api import metrics
from cloud_sync.api.callers import Callers
from cloud_sync.api.metrics import metrics_router
from cloud_sync.core.community_metrics import CommunityMetrics, Ratio
from cloud_sync.core.figures import SPECS, Figure, Shape, Why, shown, speaks_of_few
from cloud_sync.core.roles import Role
from cloud_sync.core.spot_check import Share
from cloud_sync.errors import Refused
from cloud_sync.ports import SESSION_COOKIE, Session, User
from cloud_sync.store.community_metrics import community_metrics
from cloud_sync.store.figures import StoredFigures
from tests.fakes.community_house import Gate, SteppedClock, csv_of, new_house, with_guest


@pytest.mark.story("29a")
def test_a_ratio_of_nothing_is_not_nought():
    assert Figure("coding_coverage", 0, 0, 7).share is None
    assert Figure("gap_operating", 91, 225, 7).share == pytest.approx(0.4044, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "numerator", "denominator", "few"),
    [
        ("in_house", 10, 20, False),
        ("in_house", 9, 20, True),
        ("in_house", 11, 20, True),  # nine are not in house
        ("in_house", 0, 20, False),
        ("in_house", 0, 9, True),
        ("in_house", 0, 0, False),
        ("bed_occupancy", 30, 31, False),  # one bed is nobody
        ("bed_occupancy", 3, 31, True),
        ("face_people_now", 12, 100_000, False),
        ("gates_online", 1, 3, False),
    ],
)
def test_what_speaks_of_fewer_than_ten_people(name, numerator, denominator, few):
    assert speaks_of_few(Figure(name, numerator, denominator, 7)) is few


def test_the_lines_of_a_figure_are_hidden_together():
    """The one that is missing would be what the others lack to their sum."""
    lines = [Figure("registration_by_level", n, 60, 7, (str(level),)) for level, n in enumerate((20, 37, 3))]
    other = Figure("gates_online", 1, 3, 7)
    assert shown([*lines, other], few=True) == (*lines, other)
    hidden = shown([*lines, other], few=False)
    assert [(one.numerator, one.denominator, one.hidden) for one in hidden] == [(0, 0, True)] * 3 + [
        (1, 3, False)
    ]


def test_what_no_book_can_count_is_never_a_number(tmp_path):
    books = new_house(tmp_path, SteppedClock())
    found = StoredFigures(books.house).figures()
    missing = {one.name: one.why for one in found.figures if one.why is not None}
    assert {name for name, spec in SPECS.items() if spec.shape is Shape.NONE} <= set(missing)
    assert missing["gap_operating"] is Why.NO_CENSUS
    assert missing["bed_occupancy"] is Why.NO_BEDS
    assert {one.name for one in found.figures} | {name for name, spec in SPECS.items() if spec.parts} == set(
        SPECS
    )
    for days in (0, 91):
        with pytest.raises(Refused, match="1 to 90"):
            StoredFigures(books.house).figures(days)
    books.close()


def take(books, *rows: dict[str, object]) -> list[str]:
    return [row.status for row in books.registry.import_file("census", csv_of(list(rows)), actor="test").rows]


def census(as_of: str, *counts: int) -> dict[str, object]:
    return dict(zip(("as_of", "households", "operating", "registered"), (as_of, *counts), strict=True))


@pytest.mark.story("29a", "29d")
def test_a_census_comes_as_a_file_and_its_day_is_that_of_the_gap(tmp_path):
    books = new_house(tmp_path, SteppedClock())
    first, wrong, later = (
        census("2026-04-30", 241, 225, 91),
        census("2026-04-01", 90, 91, 1),
        census("2027-01-01", 9, 9, 9),
    )
    assert take(books, first, wrong, later) == ["new", "rejected", "new"]
    assert take(books, first) == ["unchanged"]
    found = {one.name: one for one in StoredFigures(books.house).figures().figures}
    gap = found["gap_operating"]
    assert (gap.numerator, gap.denominator) == (91, 225)
    assert (found["gap_households"].numerator, found["gap_households"].denominator) == (91, 241)
    assert (
        books.clock.now_ms() - gap.as_of_ms == 36 * 3_600_000
    )  # noon, since the midnight that began the day before
    assert (found["register_census"].numerator, found["register_census"].denominator) == (0, 91)
    assert take(books, census("2026-04-30", 241, 220, 91)) == ["updated"]
    assert take(books, census("yesterday", 1, 1, 1), census("2029-01-01", 1, 1, 1)) == ["rejected"] * 2
    books.close()


class Door:
    """Sessions of one role."""

    def __init__(self, role: Role) -> None:
        self.role = role

    def session(self, token: str) -> Session | None:
        return Session(User("wang", self.role), "c") if token == "t" else None


def asked(
    role: Role, found: CommunityMetrics, token: str = "t", path: str = "community", house=None
) -> httpx.Response:
    app = FastAPI()
    figures = StoredFigures(house) if house is not None else None
    app.include_router(metrics_router(Callers(Door(role)), lambda: found, figures))  # type: ignore[arg-type]

    async def ask() -> httpx.Response:
        cookies = {SESSION_COOKIE: token}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://gatehouse", cookies=cookies
        ) as client:
            return await client.get(f"/api/v1/metrics/{path}")

    return asyncio.run(ask())


FOUND = CommunityMetrics(
    7, (Ratio("a", 3, 9, 7), Ratio("b", 3, 10, 7)), Share(9, 10), {("D01", "S2", "0-2 h"): 1}
)


def test_few_are_shown_to_an_officer_and_not_to_a_guard():
    said = asked(Role.OFFICER, FOUND).json()
    assert [(one["numerator"], one["denominator"]) for one in said["ratios"]] == [(3, 9), (3, 10)]
    assert said["open"] == [{"kind": "D01", "severity": "S2", "age": "0-2 h", "count": 1}]
    assert asked(Role.OFFICER, FOUND, "no").status_code == 401
    assert metrics.shown_ratio(FOUND.ratios[0], Role.GUARD).hidden
    assert not metrics.shown_ratio(FOUND.ratios[1], Role.GUARD).hidden
    assert not metrics.shown_ratio(FOUND.ratios[0], Role.OFFICER).hidden


def test_the_books_are_counted(tmp_path, database):
    books = new_house(tmp_path, SteppedClock(), database=database)
    gate = Gate(books)
    with_guest(books)
    gate.tells("access.taken", direction="in", pass_id=books.registry.passes()[0].pass_id)
    found = community_metrics(books.house)
    counted = {one.name: (one.numerator, one.denominator) for one in found.ratios}
    assert counted["registration_rate"] == counted["registration_rate.proofing_4"] == (1, 1)
    assert counted["coding_coverage"] == (1, 1)
    assert counted["stay_reconciliation_rate"] == counted["true_registration_estimate"] == (0, 0)
    gate.close()
    books.close()


def test_a_program_gets_the_figures_as_its_role_may_see_them(tmp_path):
    books = new_house(tmp_path, SteppedClock())
    gate = Gate(books)
    with_guest(books)
    gate.tells("access.taken", direction="in", pass_id=books.registry.passes()[0].pass_id)

    def of(role, path="figures", token="t"):
        return asked(role, FOUND, token, path, books.house)

    for role, hidden in ((Role.OFFICER, False), (Role.GUARD, True), (Role.STREET, True)):
        said = {one["name"]: one for one in of(role).json()["figures"] if not one["part"]}
        rate = said["registration_rate"]
        assert rate["hidden"] is hidden
        assert (rate["numerator"], rate["denominator"], rate["share"]) == (
            (None,) * 3 if hidden else (1, 1, 1.0)
        )
        assert (said["coding_coverage"]["numerator"], said["coding_coverage"]["denominator"]) == (1, 1)
        assert said["gap_operating"]["not_counted"] == "no_census"
        assert said["gap_operating"]["numerator"] is None
    one = of(Role.OFFICER, "figures/registration_by_level?days=7").json()
    assert {figure["name"] for figure in one["figures"]} == {"registration_by_level"}
    assert one["days"] == 7
    for response, status in (
        (of(Role.OPERATOR), 403),
        (of(Role.OFFICER, token="no"), 401),
        (of(Role.OFFICER, "figures/none_such"), 404),
        (of(Role.OFFICER, "figures?days=91"), 422),
    ):
        assert response.status_code == status
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["detail"]
    gate.close()
    books.close()
