"""Story 22: one node is silent; within ninety seconds the staff see it, and the neighbouring gate opens as before."""

import pytest

from cloud_sync.ports import User
from cloud_sync.store.case_intake import CaseIntake
from cloud_sync.store.cases_store import SqlCaseDesk
from cloud_sync.store.places import AccessPointSpec, NodeJoin
from tests.fakes.community_house import DOOR, GATE, listing_row, public_key, take
from tests.stories.doorway import door_of, shown

NORTH = "AP-dongfang-009"


@pytest.mark.story("22a", "22b")
def test_the_gate_next_to_it_opens_for_the_same_pass(community):
    north = (AccessPointSpec(NORTH, "gate", "北门", "North gate"),)
    community.registry.add_node(NodeJoin("gate-9", "North", public_key(9), north))
    take(community.books, "listings", listing_row(max_guests=4, access_points=f"{GATE} {NORTH} {DOOR}"))
    community.registers()
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
