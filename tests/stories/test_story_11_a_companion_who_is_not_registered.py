"""Story 11: two are registered and a third comes; the guest adds a person, nobody's room is locked, and it closes."""

import pytest

from cloud_sync.errors import NotFound
from cloud_sync.ports_staff import Proof
from tests.fakes.guest_house import COMPANION, FORM
from tests.stories.story import visiting


@pytest.fixture
def phone(at_home):
    with visiting(at_home.app(), **{"accept-language": "en"}) as made:
        yield made


@pytest.mark.story("11b", "11c")
def test_a_companion_is_added_by_the_link_and_touches_nobody_else(at_home, phone):
    at_home.read_notice()
    at_home.registry.register_self(at_home.token, FORM)
    (first,) = at_home.rows()
    at_home.comes_in(first)
    assert phone.get(f"/g/{at_home.token}/people").status_code == 200
    added = phone.post(f"/g/{at_home.token}/people", data=COMPANION)
    assert added.status_code == 303, added.text
    rows = {row.pass_id: row for row in at_home.rows()}
    assert len(rows) == 2
    assert rows[first.pass_id] == first
    assert {row.state for row in rows.values()} == {"ARMED"}


@pytest.mark.story("11a", "11c", "11d")
def test_somebody_who_came_in_without_a_verified_registration_is_noticed_until_it_is(community):
    """A gate with an older list let them in: D01 for the staff, and nobody's room is locked for it."""
    community.registers()
    (lead,) = community.rows()
    community.comes_in(lead)
    community.read_notice()
    answer = community.registry.add_companion(community.token, COMPANION)
    assert (answer.faults, answer.verified) == ({}, False)  # typed is not enough here
    companion = next(row for row in community.rows() if row.pass_id != lead.pass_id)
    assert companion.state == "PENDING"
    community.comes_in(companion)
    (found,) = community.open("D01")
    assert (found.severity, found.subject) == ("S2", community.stay().stay)
    assert next(row for row in community.rows() if row.pass_id == lead.pass_id).state == "ARMED"
    proof = Proof("xc", "1001", "staff", "seen at the gate", COMPANION)
    assert community.registry.prove(proof, actor="wang").pass_state == "ACTIVE"
    community.time_goes()
    assert community.open("D01") == []


@pytest.mark.story("11a", "11d")
def test_a_companion_without_a_pass_whom_staff_let_in_is_noticed_until_registered(community):
    """Nothing at the door names them: the guard says to which room they belong, and the party is one short."""
    community.registers()
    (lead,) = community.rows()
    community.comes_in(lead)
    with pytest.raises(NotFound, match="unit 999 is not in the register"):
        community.registry.companion_let_in("999", actor="wang")
    community.registry.companion_let_in("301", actor="wang")
    community.time_goes()
    (found,) = community.open("D01")
    assert (found.severity, found.subject) == ("S2", community.stay().stay)
    community.read_notice()
    community.registry.add_companion(community.token, COMPANION)
    community.registry.prove(Proof("xc", "1001", "staff", "seen at the gate", COMPANION), actor="wang")
    community.time_goes()
    assert community.open("D01") == []
