"""Story 13: a check fails; no pass, a way to the staff, after three tries D10, and nobody calls the police by itself."""

import pytest

from tests.fakes.community_house import booking_row, take
from tests.fakes.guest_house import ADULT, FORM
from tests.fakes.upstream_house import UpstreamHouse
from tests.stories.story import Community

WRONG = {**FORM, "document_number": ADULT[:-1] + ("0" if ADULT[-1] != "0" else "1")}


@pytest.mark.story("13a", "13c", "13e")
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


@pytest.mark.story("13d")
def test_nobody_outside_is_told_of_a_failed_check(tmp_path):
    """Real people by the settings and a recipient that would take reports: three failures later nothing waits for it."""
    house = UpstreamHouse(tmp_path, {"lodging_report": "http://127.0.0.1:9"})
    take(house.books, "bookings", booking_row("1001", headcount=1))
    token = house.books.registry.guest_link("xc", "1001")
    house.books.registry.read_notice(token, house.books.house.profile.registration_notice, "rules-0")
    wrong = {**FORM, "document_type": "resident_id", "document_number": "110101199001310001"}
    for tries in (1, 2, 3):
        assert house.books.registry.register_self(token, wrong).failed_checks == tries
    assert [kind for kind, _, _ in house.open_discrepancies()] == ["D10"]
    house.book.derive()
    assert house.rows() == []
    assert house.books.outbox.lines() == []
    house.close()
