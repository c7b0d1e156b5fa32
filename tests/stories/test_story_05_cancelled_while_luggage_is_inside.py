"""Story 5: cancelled at noon; who is inside keeps the way out, who had not come is revoked and forgotten."""

import pytest

from cloud_sync.errors import Refused
from cloud_sync.ports_booking import Told
from cloud_sync.store import tables
from tests.fakes.community_house import CODE, GATE, ROOM
from tests.fakes.guest_house import PHONE
from tests.stories.doorway import door_of, shown
from tests.stories.story import visiting


def cancelled(community) -> str:
    told = Told("1001", 2, CODE, ROOM, community.at(-1), community.at(20), 1, "cancelled")
    (taken,) = community.desk.take("xc", [told], actor="api:xc")
    return taken.status


@pytest.mark.story("5a", "5e")
def test_who_is_inside_gets_out_and_the_checkout_is_set_on_the_last_exit(community):
    community.registers()
    (row,) = community.rows()
    community.comes_in(row)
    assert cancelled(community) == "updated"
    (held,) = community.rows()
    assert (held.state, community.stay().state) == ("EXIT_ONLY", "CANCELLED_DURING")
    community.time_goes(1)
    assert community.stay().checked_out_ms is None
    community.goes_out(row)
    assert community.stay().state == "CHECKED_OUT"
    assert community.stay().checked_out_ms == community.clock.now_ms()


@pytest.mark.story("5f")
def test_who_had_not_come_is_revoked_and_nothing_of_them_stays(community):
    community.registers()
    person = community.registrations()[0].person
    assert community.books.house.vault.holds(person, "name")
    assert cancelled(community) == "updated"
    (row,) = community.rows()
    assert (row.state, community.stay().state) == ("REVOKED", "CANCELLED_BEFORE")
    assert [one.status for one in community.registrations()] == ["PURGED"]
    assert not community.books.house.vault.holds(person, "name")


def test_every_door_that_is_to_forget_a_pass_is_asked_for_a_receipt(community):
    """A revocation that no receipt covers is D21, S1, after ten minutes."""
    community.gate.says_hello()
    community.registers()
    cancelled(community)
    with community.books.engine.connect() as db:
        actions = set(db.execute(tables.audit.select().with_only_columns(tables.audit.c.action)).scalars())
    assert "pass.revoke" in actions


@pytest.mark.story("5b")
def test_one_way_back_for_the_luggage_within_two_hours_and_never_into_a_room(community):
    community.registers()
    (row,) = community.rows()
    with pytest.raises(Refused, match="cancelled during it"):
        community.desk.reenter("xc", "1001", actor="wang", reason="luggage")
    community.comes_in(row)
    cancelled(community)
    community.time_goes(1)
    made = community.desk.reenter("xc", "1001", actor="wang", reason="luggage")
    assert made.doors == (GATE,)
    assert made.expires_ms <= community.clock.now_ms() + 30 * 60_000
    with pytest.raises(Refused, match="was used"):
        community.desk.reenter("xc", "1001", actor="wang", reason="luggage")


@pytest.mark.story("5b")
def test_after_two_hours_there_is_none(community):
    community.registers()
    (row,) = community.rows()
    community.comes_in(row)
    cancelled(community)
    community.time_goes(2.1)
    with pytest.raises(Refused, match="two hours"):
        community.desk.reenter("xc", "1001", actor="wang", reason="luggage")


@pytest.mark.story("5a", "5d")
@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "This stay is over"), ("zh", "此次入住已结束")],
)
def test_the_guest_reads_it_on_the_page_and_the_gate_lets_out_only(community, language, said):
    community.registers()
    (row,) = community.rows()
    community.comes_in(row)
    pin = community.registry.issue_pin(community.token, None)
    cancelled(community)
    assert shown(door_of(community.books, community.rows()), ("keys", pin)) == [
        ("denied", "CredentialExpired")
    ]
    with visiting(community.app(), **{"accept-language": language}) as phone:
        page = phone.get(f"/g/{community.token}/pass").text
    assert said in page
    assert PHONE in page
