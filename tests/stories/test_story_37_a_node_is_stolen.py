"""Story 37: its lid is opened, or it falls silent: either is a case for people within moments."""

import pytest

from cloud_sync.ports import User
from cloud_sync.store.case_intake import CaseIntake
from cloud_sync.store.cases_store import SqlCaseDesk
from edge.core.door_events import TamperOn
from tests.fakes.community_house import GATE
from tests.fakes.told_door import Door


@pytest.mark.story("37b", "37c")
def test_an_open_lid_and_a_silence_are_cases(community):
    door = Door().at(1, TamperOn())
    assert door.told == ["door.tamper"]
    community.gate.says_hello()
    community.gate.tells(door.told[0])
    intake, desk = CaseIntake(community.books.house), SqlCaseDesk(community.books.house)
    assert intake.take_alarms() == 1
    queue = desk.queue(User("li", "guard"))
    assert [(line.case.kind, line.case.access_point) for line in queue] == [("tamper", GATE)]
    community.clock.step(ms=91_000)
    intake.look_around()
    assert {line.case.kind for line in desk.queue(User("li", "guard"))} == {"tamper", "node_offline"}
