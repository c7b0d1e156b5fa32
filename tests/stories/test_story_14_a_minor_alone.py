"""Story 14: somebody of fifteen books; guardian and relation are asked for, and a person of the staff decides."""

import re

import pytest

from cloud_sync.core.minors import Must
from cloud_sync.errors import Refused
from cloud_sync.ports_staff import Proof
from cloud_sync.store.evidence_store import EvidenceBook
from tests.fakes.community_house import resident_id
from tests.fakes.staff_house import GUARD, OTHER_GUARD, StaffHouse, logged_in
from tests.fakes.web_house import BOOKING_CSV, LISTING_CSV

FIFTEEN = resident_id("00000120110131000")
CSRF = re.compile(r'name="csrf" value="([^"]+)"')
FORM = {
    "name": "未成年测试",
    "document_type": "resident_id",
    "document_number": FIFTEEN,
    "birth_date": "2011-01-31",
}
GUARDED = {**FORM, "guardian_contact": "0000 138", "relation": "mother"}


@pytest.mark.story("14a")
def test_without_a_guardian_nothing_is_taken(at_home):
    at_home.read_notice()
    answer = at_home.registry.register_self(at_home.token, FORM)
    assert answer.faults == {"guardian_contact": "guardian_missing", "relation": "relation_missing"}


@pytest.mark.story("14a", "14c")
def test_alone_the_staff_decide_and_then_the_pass_arms(at_home):
    at_home.read_notice()
    answer = at_home.registry.register_self(at_home.token, GUARDED)
    assert (answer.faults, answer.verified) == ({}, False)
    assert [one.status for one in at_home.registrations()] == ["SUBMITTED"]
    assert {row.state for row in at_home.rows()} == {"PENDING"}
    done = at_home.registry.prove(Proof("xc", "1001", "staff", "spoke to the mother", GUARDED), actor="wang")
    assert done.pass_state == "ACTIVE"
    person = at_home.registrations()[0].person
    assert at_home.books.house.vault.holds(person, "guardian_contact")


@pytest.fixture
def desk(tmp_path):
    """A gate's staff, and somebody of fifteen who was proved with her mother's number."""
    made = StaffHouse(tmp_path)
    made.open_up()
    made.bring("listings", LISTING_CSV)
    made.bring("bookings", BOOKING_CSV)
    made.registry.prove(Proof("tujia", "B-1", "staff", "spoke to the mother", GUARDED), actor=GUARD)
    yield made
    made.close()


def tick(client, stay: str, must: str, reason: str = "done at the desk") -> int:
    page = client.get(f"/staff/minors/{stay}").text
    form = {"csrf": CSRF.search(page)[1], "must": must, "reason": reason}
    return client.post(f"/staff/minors/{stay}", data=form, follow_redirects=False).status_code


@pytest.mark.story("14b")
def test_the_five_musts_are_a_list_that_named_people_tick(desk):
    stay = desk.registry.party("tujia", "B-1").stay
    with logged_in(desk, GUARD) as client:
        assert f"/staff/minors/{stay}" in client.get("/staff/prove?source=tujia&ref=B-1").text
        page = client.get(f"/staff/minors/{stay}?lang=zh").text
        assert page.count('data-done="0"') == len(Must) == 5
        assert "没有成年人与这名未成年人一起登记" in page
        assert tick(client, stay, Must.CONTACT) == 303
        assert tick(client, stay, Must.WATCHED, "") == 409
    with logged_in(desk, OTHER_GUARD) as client:
        assert tick(client, stay, Must.CONTACT) == 409
        assert tick(client, stay, Must.WATCHED, "told the night round") == 303
        assert client.get(f"/staff/minors/{stay}").text.count('data-done="1"') == 2
    by = {one.must: (one.by, one.reason) for one in desk.registry.minor_care(stay).musts if one.by}
    assert by == {
        Must.CONTACT: (GUARD, "done at the desk"),
        Must.WATCHED: (OTHER_GUARD, "told the night round"),
    }


@pytest.mark.story("14b")
def test_no_must_is_ticked_against_the_records_and_the_fifth_settles_what_was_open(at_home):
    at_home.read_notice()
    at_home.registry.register_self(at_home.token, GUARDED)
    stay, registry = at_home.stay().stay, at_home.registry
    EvidenceBook(at_home.books.house).tell(stay, "MinorConcern", "k", {"what": "unrelated_adult"}, actor="li")
    at_home.time_goes()
    with pytest.raises(Refused, match="not proved yet"):
        registry.tick_must(stay, Must.PROVED, actor="wang", reason="looked")
    registry.prove(Proof("xc", "1001", "staff", "spoke to the mother", GUARDED), actor="wang")
    for must in Must:
        assert len(at_home.open("D20")) == 1
        registry.tick_must(stay, must, actor="wang", reason="done at the desk")
    at_home.time_goes()
    assert at_home.open("D20") == []
