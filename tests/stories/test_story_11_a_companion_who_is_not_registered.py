"""Story 11: two are registered and a third comes; the guest adds a person, nobody's room is locked, and it closes."""

import pytest

from tests.fakes.guest_house import COMPANION, FORM
from tests.stories.story import visiting


@pytest.fixture
def phone(at_home):
    with visiting(at_home.app(), **{"accept-language": "en"}) as made:
        yield made


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


def test_somebody_who_came_in_without_a_verified_registration_is_noticed_until_it_is(at_home):
    """The gate was cut off with an older list and let them in: D01, and the room stays as it was."""
    at_home.read_notice()
    at_home.registry.register_self(at_home.token, FORM)
    (lead,) = at_home.rows()
    at_home.comes_in(lead)
    child = {**FORM, "document_number": "00000120150131000"}
    unproved = {**COMPANION, "birth_date": "1988-05-04"}
    answer = at_home.registry.add_companion(at_home.token, unproved)
    assert not answer.faults
    assert child is not None
    companion = next(row for row in at_home.rows() if row.pass_id != lead.pass_id)
    at_home.comes_in(companion)
    assert at_home.open("D01") == []
