"""Story 41: forty days later a guest asks what is held; the copy has it all, and says by how many nodes the face was erased."""

import pytest
import sqlalchemy as sa

from cloud_sync.core.policy import DAY_MS
from cloud_sync.protocol.messages import EraseAck
from cloud_sync.store import tables
from cloud_sync.store.retention import run_retention
from tests.fakes.guest_house import ADULT, FORM
from tests.stories.doorway import door_of, shown, tells

NIGHTS = 40


def owed(house) -> list[int]:
    """The requests to erase that the node has not answered."""
    table = tables.erasure
    with house.books.engine.connect() as db:
        return list(db.execute(sa.select(table.c.erase_ver).where(table.c.acked_ms.is_(None))).scalars())


@pytest.mark.story("41a", "41c")
def test_the_copy_has_everything_and_the_receipt_of_the_face(at_home):
    registry, clock = at_home.registry, at_home.clock
    at_home.read_notice()
    assert registry.register_self(at_home.token, FORM).verified
    registry.answer_face(at_home.token, None, agrees=True, text_version="face_access-1", language="zh")
    pin = registry.issue_pin(at_home.token, None)
    gate = door_of(at_home.books, at_home.rows())
    assert shown(gate, ("keys", pin), walks_in=True) == [("granted", "Granted")]
    tells(at_home.gate, gate)
    at_home.time_goes(2)
    (row,) = at_home.rows()
    at_home.goes_out(row)
    registry.check_out("xc", "1001", actor="wang")
    registry.remove_face(at_home.token, None)
    erased_ms = 0
    for _ in range(NIGHTS):
        clock.step(hours=24)
        registry.advance_time(since_ms=clock.now_ms() - DAY_MS)
        run_retention(at_home.books.house)
        if owed(at_home):
            erased_ms = clock.now_ms()
            at_home.gate.hears(EraseAck(erase_ver=max(owed(at_home)), done_at=erased_ms, erased=1))
    held = registry.export_subject("xc", "1001", None, actor="zhao", reason="came with the document")
    again = registry.export_subject("xc", "1001", None, actor="zhao", reason="came with the document")
    assert held["registrations"][0]["proofing"] == 1
    assert {"access.granted", "access.taken"} <= {one["type"] for one in held["entries"]}
    assert [one["purpose"] for one in held["consents"]] == ["face_access"]
    assert held["consents"][0]["withdrawn_ms"] is not None
    assert len(again["looked_at"]) > len(held["looked_at"])  # the first copy was a disclosure itself
    assert (held["face"]["said"], held["face"]["erased_ms"]) == ("erased by 1/1 nodes", erased_ms)
    assert held["data"][0]["document_number"].endswith(ADULT[-4:])
