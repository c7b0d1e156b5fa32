"""A door on trial says so to everybody who looks at the community's page."""

import pytest

from tests.fakes.staff_house import OFFICER, StaffHouse, logged_in
from tests.fakes.web_house import GATE, door


@pytest.fixture
def house(tmp_path):
    made = StaffHouse(tmp_path)
    made.open_up()
    yield made
    made.close()


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_dashboard_says_which_doors_hold_nobody_back(house, dry_run):
    house.report("gate-1", [door(GATE, dry_run=dry_run)])
    with logged_in(house, OFFICER) as client:
        page = client.get("/").text
    assert ("some doors are on trial and hold nobody back" in page) is dry_run
    assert page.count(">on trial<") == int(dry_run)


def test_what_it_would_have_said_stands_in_the_list_in_words(house):
    house.tell("access.would_deny", decision="deny", reason="x:NotRegistered", credential_kind="qr")
    with logged_in(house, OFFICER) as client:
        page = client.get("/").text
    assert "On trial: would have refused" in page
    assert "the registration is not verified" in page
