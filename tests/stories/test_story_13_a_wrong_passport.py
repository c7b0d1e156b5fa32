"""Story 13: a check fails; no pass, a way to the staff, after three tries D10, and nobody calls the police by itself."""

import pytest

from tests.fakes.guest_house import ADULT, FORM
from tests.stories.story import Community

WRONG = {**FORM, "document_number": ADULT[:-1] + ("0" if ADULT[-1] != "0" else "1")}


def test_three_failed_checks_open_a_case_for_people_and_the_staff_settle_it(at_home):
    at_home.read_notice()
    for tries in (1, 2, 3):
        answer = at_home.registry.register_self(at_home.token, WRONG)
        assert (answer.failed_checks, bool(answer.faults)) == (tries, True)
        assert len(at_home.open("D10")) == (tries == 3)
    assert [one.status for one in at_home.registrations()] == ["VERIFY_FAILED"]
    assert {row.state for row in at_home.rows()} == {"PENDING"}
    from cloud_sync.ports_staff import Proof

    form = {**FORM, "birth_date": "1990-01-31"}
    done = at_home.registry.prove(Proof("xc", "1001", "staff", "card seen", form), actor="wang")
    assert done.pass_state == "ACTIVE"
    assert at_home.open("D10") == []


@pytest.mark.parametrize("synthetic", [True, False])
def test_a_number_of_nobody_is_taken_in_a_synthetic_community_only(tmp_path, synthetic):
    house = Community(tmp_path, profile="cn-self", synthetic=synthetic)
    house.read_notice()
    answer = house.registry.register_self(house.token, FORM)
    assert answer.faults == ({} if synthetic else {"document_number": "number_region"})
    assert house.registers() == ("updated" if synthetic else "rejected")
    house.end()
