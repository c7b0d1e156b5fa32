"""Story 22: one node is silent; within ninety seconds the staff see it, and the neighbouring gate opens as before."""

import pytest

from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports import User
from cloud_sync.store.case_intake import CaseIntake
from cloud_sync.store.cases_store import SqlCaseDesk
from cloud_sync.store.guest_view import view
from cloud_sync.store.house import acting
from cloud_sync.store.places import AccessPointSpec, NodeJoin
from tests.fakes.community_house import DOOR, GATE, listing_row, public_key, take
from tests.fakes.web_house import visiting
from tests.stories.doorway import door_of, shown

NORTH = "AP-dongfang-009"


def with_north(community):
    north = (AccessPointSpec(NORTH, "gate", "北门", "North gate"),)
    community.registry.add_node(NodeJoin("gate-9", "North", public_key(9), north))
    take(community.books, "listings", listing_row(max_guests=4, access_points=f"{GATE} {NORTH} {DOOR}"))
    community.registers()


def gate_of(community):
    with acting(community.books.house, "test", "system") as act:
        return next(door for door in view(act, community.token).doors if door.access_point == GATE)


@pytest.mark.story("22a", "22b")
def test_the_gate_next_to_it_opens_for_the_same_pass(community):
    with_north(community)
    pin = community.registry.issue_pin(community.token, None)
    intake = CaseIntake(community.books.house)
    community.gate.says_hello()
    community.clock.step(ms=91_000)
    intake.look_around()
    queue = SqlCaseDesk(community.books.house).queue(User("li", "guard"))
    assert [(line.case.kind, line.case.subject) for line in queue if line.case.subject == "gate-1"] == [
        ("node_offline", "gate-1")
    ]
    (row,) = community.registry.rows_for("gate-9")
    assert NORTH in row.scope
    assert shown(door_of(community.books, [row], at=NORTH), ("keys", pin)) == [("granted", "Granted")]


@pytest.mark.story("22c")
@pytest.mark.parametrize(
    ("lang", "sentence"),
    [
        ("en", "South gate may not open just now. Use North gate: your pass opens it too."),
        ("zh", "南门现在可能打不开。请走北门，您的通行证也能打开。"),
    ],
)
def test_the_guest_s_page_names_the_gate_next_to_it_while_it_is_silent(community, lang, sentence):
    with_north(community)
    community.read_notice()
    community.registry.set_near(GATE, NORTH, actor="li.na")
    community.gate.says_hello()
    assert not gate_of(community).silent
    community.clock.step(ms=91_000)
    assert (gate_of(community).silent, gate_of(community).near_en) == (True, "North gate")
    with visiting(community.app(), **{"accept-language": lang}) as client:
        assert sentence in client.get(f"/g/{community.token}/pass").text


def test_where_nobody_wrote_it_down_or_the_pass_does_not_open_it_the_staff_are_named(community):
    with_north(community)
    community.gate.says_hello()
    community.clock.step(ms=91_000)
    for near in ("", "AP-dongfang-302"):  # another room's door
        community.registry.set_near(GATE, near, actor="li.na")
        assert (gate_of(community).silent, gate_of(community).near_en) == (True, "")


@pytest.mark.parametrize(
    ("door", "near", "why"),
    [
        (GATE, GATE, "not next to itself"),
        (GATE, "AP-nowhere", "no access point AP-nowhere"),
        ("AP-nowhere", GATE, "no access point AP-nowhere"),
    ],
)
def test_what_is_next_to_what_is_judged(community, door, near, why):
    with pytest.raises((Refused, NotFound), match=why):
        community.registry.set_near(door, near, actor="li.na")
