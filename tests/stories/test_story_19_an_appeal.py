"""Story 19: three points for noise, an appeal with evidence: paused, decided by somebody else, the band from the ledger."""

import pytest

from cloud_sync.core.policy import DAY_MS
from cloud_sync.errors import Refused
from tests.fakes.listing_house import OFFICER, OPERATOR, OTHER, ListingHouse


@pytest.fixture
def house(tmp_path):
    made = ListingHouse(tmp_path)
    yield made
    made.close()


@pytest.mark.story("19a", "19b", "19c", "19d")
def test_an_appeal(house):
    code = house.coded()

    def left() -> tuple[int, str]:
        standing = house.desk.listing(code, OFFICER).row.standing
        return standing.left, standing.band.value

    made = house.desk.propose_points(code, "C05", ("matter-17", "matter-18"), OTHER)
    house.desk.decide_points(made, "confirm", "third night in a row", OFFICER)
    assert left() == (7, "blue")
    house.desk.appeal(made, "the noise came from 303, see CS-9", OPERATOR)
    assert left() == (10, "green")
    (entry,) = house.desk.queue().points
    assert entry.next_ms == house.clock.now_ms() + 5 * DAY_MS
    with pytest.raises(Refused, match="somebody else than who decided before"):
        house.desk.decide_points(made, "uphold", "I stay with it", OFFICER)
    admin = type(OFFICER)("root", "admin")
    house.desk.decide_points(made, "uphold", "two neighbours heard it", admin)
    assert left() == (7, "blue")
