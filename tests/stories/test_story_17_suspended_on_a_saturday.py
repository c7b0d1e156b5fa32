"""Story 17: suspended with nine in house and four expected: the nine keep their doors, the four are known by their bookings."""

import pytest

from cloud_sync.core.dossier import DOCUMENTS, LETTERS
from cloud_sync.errors import Refused
from cloud_sync.ports_model import FilingWish, RoomWish
from cloud_sync.protocol.messages import PREREQ_LISTING
from cloud_sync.store.visitors import VisitWish
from edge.core.passes import LocationClass
from tests.fakes.community_house import (
    DOOR,
    GATE,
    Gate,
    booking_row,
    listing_row,
    registration_row,
    resident_id,
    take,
)
from tests.fakes.guest_house import FORM, PHONE
from tests.fakes.listing_house import GOOD, OFFICER, OP, OPERATOR, UNIT, ListingHouse
from tests.fakes.row_at_a_door import said_at
from tests.stories.doorway import AWAY, door_of, shown
from tests.stories.story import visiting

INSIDE, EXPECTED = 9, 4
HOUR_MS = 3_600_000


@pytest.fixture
def house(tmp_path):
    made = ListingHouse(tmp_path)
    yield made
    made.close()


def open_listing(house: ListingHouse) -> str:
    rooms = tuple(RoomWish(f"30{n}", 2, 7) for n in (1, 2))
    code = house.desk.file(FilingWish(OP, UNIT, "云居", 14, rooms), OPERATOR)
    for letter in LETTERS:
        house.desk.acknowledge(OP, letter.kind, letter.version, "zh", OPERATOR)
    for kind in DOCUMENTS:
        house.desk.declare(code, kind.id, "seen", OFFICER)
    house.desk.submit(code, OPERATOR)
    house.desk.assign(code, OFFICER.name, OFFICER)
    house.desk.inspect(code, GOOD, OFFICER)
    for room in rooms:
        house.desk.set_doors(f"{code}-{room.label}", (GATE, DOOR), OFFICER)
    house.desk.decide(code, "approve", "all seen", OFFICER)
    return code


@pytest.mark.story("17a", "17b")
def test_suspended_on_a_saturday(house):
    code = open_listing(house)
    refs = [f"G{n:02}" for n in range(INSIDE + EXPECTED)]
    take(
        house.books,
        "bookings",
        *(booking_row(ref, hours=(-1, 30), listing=code, room=f"{code}-301", headcount=1) for ref in refs),
    )
    people = []
    for n, ref in enumerate(refs, start=1):
        document = resident_id(f"000001199001{n:02}000")
        people.append(registration_row(ref, document_number=document, birth_date=f"1990-01-{n:02}"))
    take(house.books, "registrations", *people)
    house.books.registry.advance_time(since_ms=0)
    rows = house.books.registry.rows_for("gate-1")
    assert [row.state for row in rows] == ["ARMED"] * 13
    came = {row.pass_id for row in rows[:INSIDE]}
    gate = Gate(house.books)
    for pass_id in sorted(came):
        gate.tells("access.taken", pass_id=pass_id, direction="in", decision="allow")
    gate.close()
    house.books.registry.advance_time(since_ms=0)
    house.sanctioned(code, 2)
    after = {row.pass_id: row for row in house.books.registry.rows_for("gate-1")}
    assert {pass_id for pass_id, row in after.items() if row.state == "ARMED"} == came
    shut = [row for pass_id, row in after.items() if pass_id not in came]
    assert [(row.state, row.prereq & PREREQ_LISTING) for row in shut] == [("PENDING", 0)] * EXPECTED
    for row in shut:
        for door, room in ((GATE, False), (DOOR, True)):
            assert said_at(row, door, house.clock.now_ms(), room=room) != "Granted"
    for door, room in ((GATE, False), (DOOR, True)):
        assert said_at(after[min(came)], door, house.clock.now_ms(), room=room) == "Granted"
    view = house.desk.listing(code, OFFICER)
    assert (view.in_house, len(view.expected)) == (INSIDE, EXPECTED)
    assert {ref for _source, ref in view.expected} < set(refs)
    assert house.desk.listing(code, OPERATOR).reason.startswith("seen on site (C07 version 1")


@pytest.mark.story("17c")
def test_the_staff_may_let_one_of_the_expected_in_at_the_gate_and_at_no_room(house):
    code = open_listing(house)
    house.sanctioned(code, 2)
    made = house.books.registry.admit(VisitWish("day_visitor", (GATE,), 30, "luggage, suspended"), actor="li")
    assert shown(door_of(house.books, **AWAY), ("text", made.text)) == [("granted", "Granted")]
    room = door_of(house.books, at=DOOR, location=LocationClass.ROOM, **AWAY)
    assert ("granted", "Granted") not in shown(room, ("text", made.text))
    with pytest.raises(Refused, match="nobody visits a room"):
        house.books.registry.admit(VisitWish("day_visitor", (DOOR,), 30, "luggage"), actor="li")


@pytest.mark.story("17e")
@pytest.mark.parametrize(
    ("language", "said"), [("en", "may not take new guests"), ("zh", "不得接待新的住客")]
)
def test_an_expected_guest_reads_it_on_the_page_with_whom_to_call_and_one_who_is_inside_does_not(
    at_home, language, said
):
    at_home.read_notice()
    assert at_home.registry.register_self(at_home.token, FORM).verified
    (row,) = at_home.rows()

    def page() -> str:
        with visiting(at_home.app(), **{"accept-language": language}) as phone:
            return phone.get(f"/g/{at_home.token}/pass").text

    assert 'id="ready"' in page()
    take(at_home.books, "listings", listing_row(max_guests=4, state="SUSPENDED"))
    suspended = page()
    standing = suspended.partition('id="standing"')[2].partition("</p>")[0]
    assert said in standing
    assert 'id="ready"' not in suspended
    assert f'href="tel:{PHONE.replace(" ", "")}"' in suspended
    take(at_home.books, "listings", listing_row(max_guests=4, state="ACTIVE"))
    at_home.comes_in(row)
    take(at_home.books, "listings", listing_row(max_guests=4, state="SUSPENDED"))
    assert 'id="ready"' in page()


@pytest.mark.story("17f")
def test_the_operator_reads_state_and_reason(house):
    code = open_listing(house)
    house.sanctioned(code, 2)
    seen = house.desk.listing(code, OPERATOR)
    assert seen.row.state == "SUSPENDED"
    assert "C07" in seen.reason
