"""Story 35: two approvers ban a listing; guests get a day to move, the plate says not valid, the points are frozen."""

import pytest

from cloud_sync.core.dossier import Verified
from cloud_sync.errors import Refused
from tests.fakes.community_house import Gate, booking_row, registration_row, take
from tests.fakes.listing_house import OFFICER, OTHER, STREET, ListingHouse
from tests.fakes.web_house import visiting


@pytest.fixture
def house(tmp_path):
    made = ListingHouse(tmp_path)
    yield made
    made.close()


@pytest.mark.story("35a", "35b", "35c", "35d", "35e")
def test_a_ban(house):
    code = house.coded()
    take(house.books, "bookings", booking_row(hours=(-1, 60), listing=code, room=f"{code}-301"))
    take(house.books, "registrations", registration_row())
    house.books.registry.advance_time(since_ms=0)
    (row,) = house.books.registry.rows_for("gate-1")
    gate = Gate(house.books)
    gate.tells("access.taken", pass_id=row.pass_id, direction="in", decision="allow")
    gate.close()
    house.books.registry.advance_time(since_ms=0)
    link = house.books.registry.guest_link("xc", "1001")
    with visiting(house.app()) as phone:
        assert "move-by" not in phone.get(f"/g/{link}/pass").text
    made = house.desk.propose_sanction(code, 4, "C09", "guests taken in while suspended", OTHER)
    assert house.desk.decide_sanction(made, "confirm", "agreed", OFFICER) == "PROPOSED"
    assert house.desk.verify(code) is Verified.VALID
    assert house.desk.decide_sanction(made, "confirm", "agreed", STREET) == "IN_FORCE"
    assert house.state(code) == "REVOKED"
    assert house.desk.verify(code) is Verified.NOT_VALID
    assert house.books.registry.rows_for("gate-1")[0].state == "ARMED"  # a day to move
    for language, said in (("en", "may no longer take guests"), ("zh", "已不得接待住客")):
        with visiting(house.app(), **{"accept-language": language}) as phone:
            page = phone.get(f"/g/{link}/pass").text
        notice = page.partition('id="move-by"')[2].partition("</p>")[0]
        assert said in notice
        assert "2026-05-02 12:00" in notice
    with pytest.raises(Refused, match="frozen"):
        house.desk.propose_points(code, "C01", ("D01-1",), OTHER)
    house.clock.step(hours=24)
    house.books.registry.advance_time(since_ms=0)
    assert house.books.registry.rows_for("gate-1")[0].state == "EXIT_ONLY"
    assert house.state(code) == "CLOSED"
