"""The matrix of open discrepancies: every number of it leads to just so many discrepancies of that field."""

import re
from dataclasses import replace

import pytest

from cloud_sync.core.roles import Right, Role, may
from cloud_sync.store.figures import StoredFigures
from cloud_sync.web.app import create_app
from tests.fakes.web_house import PASSWORD, WebHouse, log_in, visiting

HOUR_MS = 3_600_000
# (kind, severity, how long open): every age, one kind in two severities
OPEN = (
    *[("D01", "S1", 1)] * 3,
    ("D01", "S2", 30),
    ("D03", "S3", 100),
    ("D03", "S3", 101),
    ("D07", "S3", 500),
    ("D21", "S1", 5),
)
FIELD = re.compile(r'<a href="(/discrepancies/rows\?[^"]*|/discrepancies/rows)">(\d+)</a>')


@pytest.fixture
def house(tmp_path):
    made = WebHouse(tmp_path)
    now = made.clock.now
    for at, (kind, severity, hours) in enumerate(OPEN):
        made.clock.now = now - hours * HOUR_MS
        made.open_case(kind, severity, f"ST-{at}")
    made.clock.now = now
    yield made
    made.close()


def app_of(house):
    return create_app(replace(house.services, figures=StoredFigures(house.house)))


def test_every_number_of_the_matrix_leads_to_just_these_discrepancies(house):
    house.accounts.add("zhao", "officer", PASSWORD, actor="test")
    with visiting(app_of(house), **{"accept-language": "en"}) as client:
        log_in(client, name="zhao")
        assert 'href="/discrepancies"' in client.get("/").text
        fields = FIELD.findall(client.get("/discrepancies").text)
        seen = {}
        for href, number in fields:
            page = client.get(href.replace("&amp;", "&"))
            assert page.status_code == 200
            seen[href] = page.text.count("<tr>") - 1
            assert seen[href] == int(number), href
    assert seen["/discrepancies/rows?kind=D01&amp;severity=S1&amp;age=0-2+h"] == 3
    assert seen["/discrepancies/rows?kind=D03&amp;severity=S3"] == 2
    assert seen["/discrepancies/rows?age=over+7+d"] == 1
    assert seen["/discrepancies/rows?" if "/discrepancies/rows?" in seen else "/discrepancies/rows"] == len(
        OPEN
    )


@pytest.mark.parametrize("role", [Role.STREET, Role.GUARD])
def test_whoever_sees_figures_sees_the_matrix_and_the_rows_are_the_officers(house, role):
    house.accounts.add("somebody", role, PASSWORD, actor="test")
    assert not may(role, Right.SEE_BOARD)
    with visiting(app_of(house), **{"accept-language": "zh"}) as client:
        log_in(client, name="somebody")
        page = client.get("/discrepancies")
        assert page.status_code == 200
        assert "D21" in page.text
        assert FIELD.findall(page.text) == []
        assert client.get("/discrepancies/rows").status_code == 403


def test_a_field_that_is_none_is_answered_in_a_sentence(house):
    house.accounts.add("zhao", "officer", PASSWORD, actor="test")
    with visiting(app_of(house), **{"accept-language": "en"}) as client:
        log_in(client, name="zhao")
        for asked in ("kind=D99", "severity=S9", "age=yesterday"):
            page = client.get(f"/discrepancies/rows?{asked}")
            assert page.status_code == 404
            assert "<h1" in page.text
