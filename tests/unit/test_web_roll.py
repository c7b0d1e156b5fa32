"""The roll-call at the gate staff's page: rooms and numbers, for staff only, and nobody's name."""

from datetime import UTC, date, datetime

import pytest

from cloud_sync.ports_morning import Counted
from cloud_sync.store.morning import StoredMorning
from cloud_sync.web.staff.roll import RollRow, roll_of
from tests.fakes.evening import EVENING_MS, enter, expect_guests
from tests.fakes.staff_house import GUARD, StaffHouse, logged_in
from tests.fakes.web_house import COMMUNITY, SteppedClock, visiting

EVENING = date(2026, 11, 22)


@pytest.fixture
def house(tmp_path):
    made = StaffHouse(tmp_path, SteppedClock(EVENING_MS))
    made.open_up()
    yield made
    made.close()


def member(room, inside):
    return Counted(inside, {"room": room, "subject": "SJ-1", "stay": "REGISTERED"})


def test_each_room_stands_once_with_its_people():
    members = [member("302", True), member("301", True), member("302", False), member("303", False)]
    assert roll_of(members) == (RollRow("301", 1, 1), RollRow("302", 1, 2), RollRow("303", 0, 1))
    assert roll_of([]) == ()


@pytest.mark.story("24d")
def test_the_list_is_for_the_staff_and_its_numbers_are_the_books(house):
    expect_guests(house)
    (line, *_) = [one for one in house.registry.passes() if one.stay]
    enter(house, line, 60, "qr")
    with visiting(house.app()) as stranger:
        assert stranger.get("/staff/roll").status_code in (303, 401, 403)
    with logged_in(house, GUARD) as client:
        assert 'href="/staff/roll"' in client.get("/staff").text
        page = client.get("/staff/roll").text
    now = datetime.fromtimestamp(house.clock.now_ms() / 1000, UTC)
    held = StoredMorning(house.engine).morning(COMMUNITY, now, EVENING).measures["in_house"]
    assert (held.numerator, held.denominator) == (1, 4)
    for row in roll_of(held.rows):
        assert f'{row.room}</td><td data-label="Last seen going in">{row.inside}</td>' in page
    assert not any(str(one.cells["subject"]) in page for one in held.rows)
