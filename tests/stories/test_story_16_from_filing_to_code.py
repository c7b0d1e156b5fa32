"""Story 16: two units are filed; what is missing is said at once, the reviewer is no party, and a code and its plate follow."""

import pytest

from cloud_sync.core.dossier import Verified
from cloud_sync.core.policy import DAY_MS
from cloud_sync.errors import Refused
from cloud_sync.ports_model import FilingWish, RoomWish, UnitWish
from cloud_sync.web.listings.plate import plate_pdf
from tests.fakes.listing_house import OFFICER, OP, OPERATOR, OTHER, ListingHouse


@pytest.fixture
def house(tmp_path):
    made = ListingHouse(tmp_path)
    yield made
    made.close()


@pytest.mark.story("16a", "16b", "16c", "16d")
def test_from_filing_to_code(house):
    house.desk.put_unit(UnitWish("1-302", "1", grid="3"), "survey", OFFICER)
    bare = house.desk.file(FilingWish(OP, "1-302", "云居二", 2, (RoomWish("302", 1, 2),)), OPERATOR)
    with pytest.raises(Refused, match="still missing: document ownership, document fire_certificate"):
        house.desk.submit(bare, OPERATOR)
    code = house.file()
    assert house.desk.submit(code, OPERATOR) == "FILED"
    house.desk.flag_interest(OTHER.name, OP, "relative", OFFICER)
    with pytest.raises(Refused, match="no flagged interest"):
        house.desk.assign(code, OTHER.name, OFFICER)
    house.desk.assign(code, OFFICER.name, OFFICER)
    (row,) = house.desk.queue().in_review
    assert row.decide_by_ms is not None
    assert (
        5 * DAY_MS <= row.decide_by_ms - house.clock.now_ms() <= 9 * DAY_MS
    )  # five working days from a holiday
    second = house.coded("1-302")
    assert second != code
    assert house.desk.verify(second) is Verified.VALID
    assert second.encode() in plate_pdf(
        second, f"https://gate.example/verify/{second}", "东方新城", "Dongfang"
    )
