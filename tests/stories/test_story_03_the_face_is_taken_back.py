"""Story 3: the face is taken back while a node is away; its door goes on opening for the code."""

import pytest
import sqlalchemy as sa

from cloud_sync.protocol.messages import EraseAck
from cloud_sync.store import tables
from tests.fakes.guest_house import FORM
from tests.stories.doorway import AWAY, door_of, shown


def owing(house) -> list[str]:
    """The nodes that have not said yet that they erased."""
    table = tables.erasure
    with house.books.engine.connect() as db:
        return list(db.execute(sa.select(table.c.node).where(table.c.acked_ms.is_(None))).scalars())


@pytest.mark.story("3b", "3c", "3d")
def test_a_node_that_is_away_is_owed_for_and_refuses_nothing(at_home):
    registry = at_home.registry
    at_home.read_notice()
    registry.register_self(at_home.token, FORM)
    pin = registry.issue_pin(at_home.token, None)
    registry.answer_face(at_home.token, None, agrees=True, text_version="face_access-1", language="zh")
    (as_it_was,) = at_home.rows()
    assert registry.remove_face(at_home.token, None) == 1
    assert owing(at_home) == ["gate-1"]
    assert shown(door_of(at_home.books, [as_it_was], **AWAY), ("keys", pin)) == [("granted", "Granted")]
    assert shown(door_of(at_home.books, at_home.rows()), ("keys", pin)) == [("granted", "Granted")]
    at_home.gate.hears(EraseAck(erase_ver=1, done_at=at_home.clock.now_ms(), erased=1))
    assert owing(at_home) == []
