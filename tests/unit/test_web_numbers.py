"""Every number of the dashboard and of the figures is a link, and behind it stand just the rows it was counted from."""

import html
import re
from dataclasses import replace

import pytest

from cloud_sync.core.figures import SPECS, Shape
from cloud_sync.store.figures import StoredFigures
from cloud_sync.web.app import create_app
from tests.fakes.figure_history import FigureHistory
from tests.fakes.web_house import PASSWORD, WebHouse, log_in, visiting

HREF = re.compile(r'href="(/figures/rows/([a-z_0-9]+)[^"]*)"')
RATIO = re.compile(r'<strong>([^<]*)</strong>(?:<span class="of">/ ([^<]*)</span>)?')
ADDED = re.compile(r'data-counted="(\d+)" data-of="(\d+)"')
# One side of these is no count of rows: the limit of the law, and time times people.
NOT_ROWS = {"face_people_now", "face_people_ever", "alarms_per_person"}


@pytest.fixture
def house(tmp_path):
    made = WebHouse(tmp_path)
    made.add_nodes()
    FigureHistory(made, made.clock.now).write()
    made.accounts.add("zhao", "officer", PASSWORD, actor="test")
    yield made
    made.close()


def added_up(page):
    """The number over the rows, and what the rows in the page add up to, counted from the page."""
    number, of = RATIO.search(page).groups()
    rows = re.findall(r"<tr(?: class=counted)?>(.*?)</tr>", page.partition("<tbody>")[2], re.DOTALL)
    if of is None:
        return number, of, len(rows), 0
    cells = [re.findall(r"<td[^>]*>([^<]*)</td>", row)[:2] for row in rows]
    counted, total = (sum(int(cell[at].replace("–", "0")) for cell in cells) for at in (0, 1))
    told = ADDED.search(page)
    assert told is None or (int(told[1]), int(told[2])) == (counted, total)
    return number, of, counted, total


def test_each_number_leads_to_the_rows_that_add_up_to_it(house):
    app = create_app(replace(house.services, figures=StoredFigures(house.house)))
    with visiting(app, **{"accept-language": "en"}) as client:
        log_in(client, name="zhao")
        pages = {path: client.get(path).text for path in ("/", "/figures", "/measures")}
        links = {
            path: {html.unescape(href): name for href, name in HREF.findall(page)}
            for path, page in pages.items()
        }
        assert {"expected_today", "arrivals_today", "in_house", "refused_today"} <= set(links["/"].values())
        counted = {name for name, spec in SPECS.items() if spec.shape is not Shape.NONE}
        assert set(links["/figures"].values()) == counted
        assert set(links["/measures"].values()) < counted
        for href, name in (links["/"] | links["/figures"]).items():
            said = client.get(href)
            assert said.status_code == 200, href
            number, of, rows, total = added_up(said.text)
            if of is not None and name not in NOT_ROWS:
                assert total == int(of.replace(",", "")), href
            if SPECS[name].shape in (Shape.SHARE, Shape.COUNT) and name != "gates_outbox":
                assert rows == int(number.replace(",", "")), href


def test_the_dashboard_says_the_numbers_of_its_rows(house):
    app = create_app(replace(house.services, figures=StoredFigures(house.house)))
    with visiting(app, **{"accept-language": "en"}) as client:
        log_in(client, name="zhao")
        page = client.get("/").text
        tiles = re.findall(
            r'<p class="ratio"><strong>(\d+)</strong><span class="of">/ (\d+)</span>.*?href="(/figures/rows/[a-z_]+)"',
            page, re.DOTALL,
        )  # fmt: skip
        assert len(tiles) == 4
        for number, of, href in tiles:
            said = added_up(client.get(href).text)
            assert said[:2] == (number, of), href
            assert said[2:] == (int(number), int(of)), href


def test_what_there_is_no_number_of_is_answered_in_a_sentence(house):
    app = create_app(replace(house.services, figures=StoredFigures(house.house)))
    with visiting(app, **{"accept-language": "en"}) as client:
        log_in(client, name="zhao")
        for asked in ("nothing", "path_success?part=by+magic", "cases_open?days=0"):
            page = client.get(f"/figures/rows/{asked}")
            assert 400 <= page.status_code < 500
            assert "<h1" in page.text
        assert "not counted here" in client.get("/figures/rows/staff_minutes").text
