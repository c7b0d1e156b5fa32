"""Story 14: somebody of fifteen books; guardian and relation are asked for, and a person of the staff decides."""

import pytest

from cloud_sync.ports_staff import Proof
from tests.fakes.community_house import resident_id

FIFTEEN = resident_id("00000120110131000")
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
