"""The way in: the sketch and the list have the same numbers, in the order a guest walks."""

import re

import pytest

from cloud_sync.ports_guest import GuestDoor, GuestPlace
from cloud_sync.web.board import Speaker
from cloud_sync.web.guest.way import EAVES, GROUND, LEVELS_MAX, way_of
from cloud_sync.web.language import Lang
from cloud_sync.web.services import DEFAULT_ZONE
from cloud_sync.web.texts import texts
from tests.fakes.community_house import booking_row, take
from tests.fakes.guest_house import ADULT
from tests.fakes.listing_house import ListingHouse
from tests.fakes.web_house import visiting

WRONG = ADULT[:-1] + ("1" if ADULT[-1] != "1" else "2")
BY = Speaker(texts(Lang.EN), DEFAULT_ZONE)
DOORS = (
    GuestDoor("a", "gate", "南门", "South gate", face=True),
    GuestDoor("b", "unit", "1单元", "Stair 1", face=False),
    GuestDoor("c", "room", "301室", "Room 301", face=False),
)


def test_steps_stand_in_the_order_they_are_walked_with_building_and_floor_between_the_doors():
    way = way_of(DOORS, GuestPlace("1", "2", "3"), BY)
    assert [one.words for one in way.steps] == [
        "Gate: South gate",
        "Building 1, stair 2",
        "Door of the building: Stair 1",
        "Floor 3",
        "Your room: Room 301",
    ]
    assert [one.number for one in way.steps] == [1, 2, 3, 4, 5]
    assert way.steps[3].y == way.steps[4].y < GROUND


@pytest.mark.parametrize("floor", ["1", "2", "7", "33", "999", "0", "", "B1", "三层"])
def test_every_floor_is_within_the_house_and_the_line_ends_at_the_room(floor):
    way = way_of(DOORS, GuestPlace("1", "", floor), BY)
    room = way.steps[-1]
    assert EAVES < room.y <= GROUND
    assert way.line.endswith(f"{room.x},{room.y}")
    assert 2 <= len(way.levels) < LEVELS_MAX


def test_what_the_records_do_not_know_is_left_out_and_one_door_is_not_drawn():
    assert [one.kind for one in way_of(DOORS, None, BY).steps] == ["gate", "unit", "room"]
    assert not way_of(DOORS[2:], None, BY).drawn


def test_the_pass_page_has_list_and_sketch_of_the_same_numbers(tmp_path):
    house = ListingHouse(tmp_path)
    code = house.coded()
    take(house.books, "bookings", booking_row(listing=code, room=f"{code}-301"))
    token = house.books.registry.guest_link("xc", "1001")
    house.books.registry.read_notice(token, house.books.house.profile.registration_notice, "rules-0")
    with visiting(house.app(), **{"accept-language": "en"}) as phone:
        for _ in range(3):  # three documents that do not fit, and the pass page stands without a registration
            wrong = {"name": "金", "document_type": "resident_id", "document_number": WRONG}
            phone.post(f"/g/{token}/me", data=wrong)
        page = phone.get(f"/g/{token}/pass").text
    listed = re.search(r'<ol class="way">(.*?)</ol>', page, re.DOTALL)
    assert listed is not None
    assert "Building 1" in listed[1]
    drawn = re.findall(r'text-anchor="middle">(\d+)</text>', page)
    assert drawn == [str(number + 1) for number in range(listed[1].count("<li>"))]
    house.close()
