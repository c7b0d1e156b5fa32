"""Story 2: no to face; a code and a PIN open the same doors at the same hours, and there is no face to compare."""

import pytest

from edge.core.passes import LocationClass
from tests.fakes.bundles import Phone
from tests.fakes.community_house import DOOR, GATE
from tests.fakes.faces_at_a_door import mean_of, walk
from tests.fakes.guest_house import FORM
from tests.stories.doorway import door_of, looked_at, shown

PLACES = {GATE: LocationClass.GATE, DOOR: LocationClass.ROOM}


@pytest.mark.story("2a", "2c")
def test_code_and_pin_open_gate_and_room_and_a_face_opens_neither(at_home):
    registry, phone = at_home.registry, Phone()
    at_home.read_notice()
    registry.register_self(at_home.token, FORM)
    registry.answer_face(at_home.token, None, agrees=False, text_version="face_access-1", language="zh")
    credential, pass_id = registry.bind_code_key(at_home.token, None, phone.public)
    pin = registry.issue_pin(at_home.token, None)
    (row,) = at_home.rows()
    now_ms = at_home.clock.now_ms()
    for at, location in PLACES.items():
        code = ("text", phone.code(bytes.fromhex(credential), at_ms=now_ms))
        for what in (code, ("keys", pin)):
            assert shown(door_of(at_home.books, [row], at=at, location=location), what) == [
                ("granted", "Granted")
            ]
        lone = door_of(at_home.books, [row], at=at, location=location)
        # Even a template that somebody left behind opens nothing.
        looked_at(lone, {pass_id: mean_of("ada")}, walk("ada", 0))
        assert lone.pulses == []
    assert registry.guest_view(at_home.token).lead.face == "no"
