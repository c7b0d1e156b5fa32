"""Story 15: somebody who is in danger asks that nobody be told, and her doors open all the same."""

import re

import pytest
import sqlalchemy as sa

from cloud_sync.errors import NotFound
from cloud_sync.ports import User
from cloud_sync.store import tables
from cloud_sync.store.booking_desk import SqlBookingDesk
from cloud_sync.store.cases_store import SqlCaseDesk
from cloud_sync.store.evidence_store import EvidenceBook
from cloud_sync.store.privacy_desk import SqlPrivacy
from cloud_sync.store.receipts import StoredDeliveries
from tests.fakes.community_house import GATE
from tests.fakes.staff_house import GUARD, OFFICER, StaffHouse, logged_in
from tests.fakes.web_house import BOOKING_CSV, LISTING_CSV

CSRF = re.compile(r'name="csrf" value="([^"]+)"')
STAY = re.compile(r'action="/privacy/hidden/(ST-[0-9A-Z]{26})"')
GUARD_USER, OFFICER_USER = User("li", "guard"), User("zhao", "officer")


@pytest.mark.story("15c")
def test_gate_and_operator_find_nothing_and_the_doors_open_as_before(community):
    community.registers()
    house = community.books.house
    before = community.registry.rows_for("gate-1")
    stay = community.stay().stay
    EvidenceBook(house).tell(stay, "MinorConcern", "k", {"what": "unrelated_adult"}, actor="li")
    community.time_goes()
    cases, passes = SqlCaseDesk(house), StoredDeliveries(house.engine, house.community)
    (line,) = cases.queue(GUARD_USER)
    now_ms = community.clock.now_ms()
    assert len(passes.deliveries(now_ms, most=9).passes) == 1

    SqlPrivacy(house).hide_stay("xc", "1001", reason="she asks for it", actor="zhao")
    assert community.registry.bookings_of("1001") == ()
    community.registry.announce_arrival(GATE, "1001")
    (waits,) = community.registry.arrivals()
    assert waits.bookings == ()
    for look in (
        lambda: community.registry.party("xc", "1001"),
        lambda: community.registry.answer_arrival(waits.id, "xc", "1001", actor="li"),
        lambda: SqlBookingDesk(house).look("xc", "1001"),
        lambda: cases.case(line.case.id, GUARD_USER),
    ):
        with pytest.raises(NotFound):
            look()
    assert cases.queue(GUARD_USER) == ()
    assert [one.case.id for one in cases.queue(OFFICER_USER)] == [line.case.id]
    assert passes.deliveries(now_ms, most=9).passes == ()
    assert community.registry.rows_for("gate-1") == before

    SqlPrivacy(house).show_stay(stay, reason="she has left the town", actor="zhao")
    assert community.registry.party("xc", "1001").stay == stay
    with house.engine.connect() as db:
        found = sa.select(tables.disclosure.c.actor, tables.disclosure.c.purpose)
        told = db.execute(found.where(tables.disclosure.c.screen == "hidden stay")).all()
    assert told == [
        ("zhao", "hide the stay: she asks for it"),
        ("zhao", "show the stay again: she has left the town"),
    ]


@pytest.mark.story("15c")
def test_an_officer_hides_it_on_a_page_and_a_guard_is_told_that_there_is_no_such_booking(tmp_path):
    house = StaffHouse(tmp_path)
    house.open_up()
    house.bring("listings", LISTING_CSV)
    house.bring("bookings", BOOKING_CSV)
    with logged_in(house, GUARD) as guard:
        unknown = guard.get("/staff/prove?source=tujia&ref=none")
        assert guard.get("/privacy").status_code == 403
    with logged_in(house, OFFICER) as officer:
        csrf = CSRF.search(officer.get("/privacy").text)[1]
        wish = {"csrf": csrf, "source": "tujia", "ref": "B-1", "reason": "she asks for it"}
        officer.post("/privacy/hidden", data=wish)
        assert officer.post("/privacy/hidden", data=wish).status_code == 409
        assert STAY.search(officer.get("/privacy").text)
        assert "602" in officer.get("/staff/prove?source=tujia&ref=B-1").text
    with logged_in(house, GUARD) as guard:
        shown = guard.get("/staff/prove?source=tujia&ref=B-1")
        assert shown.status_code == unknown.status_code == 404
        assert "602" not in shown.text
        form = {"csrf": CSRF.search(shown.text)[1], "source": "tujia", "external_ref": "B-1", "method": "staff", "reason": "x"}  # fmt: skip
        assert guard.post("/staff/prove", data=form).status_code == 409
    house.close()
