"""The page of figures without a browser: who may open it, what is said, and what a wrong period gets."""

from dataclasses import replace

import pytest

from cloud_sync.core.figures import SPECS, Row
from cloud_sync.core.roles import Right, Role, may
from cloud_sync.store.figures import StoredFigures
from cloud_sync.web import figure_words
from cloud_sync.web.app import create_app
from cloud_sync.web.language import Lang
from cloud_sync.web.texts import texts
from tests.fakes.web_house import PASSWORD, WebHouse, log_in, visiting


@pytest.fixture
def house(tmp_path):
    made = WebHouse(tmp_path)
    yield made
    made.close()


def app_of(house):
    return create_app(replace(house.services, figures=StoredFigures(house.house)))


def test_every_figure_and_every_row_has_its_words():
    assert set(figure_words.FIGURES) == set(SPECS)
    assert set(figure_words.ROWS) == set(Row)
    assert {spec.row for spec in SPECS.values()} == set(Row)
    for spec in SPECS.values():
        title, numerator, denominator = figure_words.FIGURES[spec.name]
        assert title
        assert numerator
        assert denominator or spec.shape == "count"


def test_a_level_says_its_number_and_an_unknown_code_stands_for_itself():
    say = texts(Lang.EN)
    assert figure_words.part("level", "4", say) == "4 · seen in person"
    assert figure_words.part("credential", "override", say) == "Admitted by staff"
    assert figure_words.part("gate", "AP-1", say) == "AP-1"
    assert figure_words.part("gate", "", say) == "–"


@pytest.mark.parametrize("role", list(Role))
def test_who_may_open_it(house, role):
    house.accounts.add("somebody", role, PASSWORD, actor="test")
    with visiting(app_of(house), **{"accept-language": "en"}) as client:
        assert client.get("/figures").status_code == 303
        log_in(client, name="somebody")
        page = client.get("/figures")
        assert page.status_code == (200 if may(role, Right.SEE_FIGURES) else 403)
        if page.status_code == 200:
            assert ("not shown to your role" in page.text) is not may(role, Right.SEE_FEW)
            assert ('href="/figures/rows/in_house?days=30"' in page.text) is may(role, Right.SEE_BOARD)


@pytest.mark.parametrize("days", ["0", "91", "abc"])
def test_a_period_that_cannot_be_is_answered_in_a_sentence(house, days):
    house.accounts.add("zhao", "officer", PASSWORD, actor="test")
    with visiting(app_of(house), **{"accept-language": "en"}) as client:
        log_in(client, name="zhao")
        page = client.get(f"/figures?days={days}")
        assert 400 <= page.status_code < 500
        assert "<h1" in page.text
        assert client.get("/figures?days=7").status_code == 200


def test_without_the_books_there_is_no_page_and_no_link(house):
    house.accounts.add("zhao", "officer", PASSWORD, actor="test")
    with visiting(create_app(house.services)) as client:
        log_in(client, name="zhao")
        assert client.get("/figures").status_code == 404
        assert "/figures" not in client.get("/").text
    with visiting(app_of(house)) as client:
        log_in(client, name="zhao")
        assert 'href="/figures"' in client.get("/").text
