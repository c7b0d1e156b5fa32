"""Story 40: a resident without face and without a name in the log: the card opens, and the class is all that is recorded."""

import msgspec
import pytest
import sqlalchemy as sa

from cloud_sync.store import tables
from tests.fakes.community_house import DOOR, GATE, take
from tests.fakes.faces_at_a_door import mean_of, walk
from tests.stories.doorway import door_of, looked_at, shown, tells


@pytest.mark.story("40a", "40b", "40c")
def test_the_card_opens_and_only_the_class_is_stored(community):
    row = {
        "ref": "R-1", "name": "居民测试", "class": "resident", "access_points": f"{GATE} {DOOR}",
        "valid_from": community.at(-1), "valid_until": community.at(9_000), "card": "04:a1:b2:c3",
        "code_key": "", "pin": "", "class_only": "yes", "state": "active",
    }  # fmt: skip
    assert take(community.books, "residents", row) == ["new"]
    (held,) = [one for one in community.rows() if one.cls == "resident"]
    gate = door_of(community.books, [held])
    assert shown(gate, ("card", "32:04A1B2C3"), walks_in=True) == [("granted", "Granted")]
    tells(community.gate, gate)
    with community.books.engine.connect() as db:
        stored = [msgspec.json.decode(body) for body in db.execute(sa.select(tables.event.c.body)).scalars()]
    kinds = {one["type"] for one in stored}
    assert {"access.granted", "access.taken"} <= kinds
    for one in stored:
        if one["type"].startswith("access."):
            assert one["class"] == "resident"
        assert not {"subject_ref", "pass_id", "pass_version"} & {key for key in one if one[key] is not None}
    seen = looked_at(door_of(community.books, [held]), {held.pass_id: mean_of("ada")}, walk("ada", 0))
    assert seen.pulses == []
