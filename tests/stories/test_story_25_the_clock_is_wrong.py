"""Story 25: a node that woke up in 1970 refuses a code of the moment, opens with a PIN, and says that it does not know the time."""

import pytest
import sqlalchemy as sa

from cloud_sync.store import tables
from edge.core.events import ClockState
from edge.core.requirement import Require
from tests.fakes.bundles import Phone
from tests.stories.doorway import door_of, shown, tells

WOKE_UP_MS = 7_000


@pytest.mark.story("25b", "25c", "25d", "25e")
def test_alone_the_code_is_refused_and_with_the_pin_it_opens_and_the_record_says_so(community):
    community.registers()
    phone = Phone()
    credential, pass_id = community.registry.bind_code_key(community.token, None, phone.public)
    pin = community.registry.issue_pin(community.token, None)
    rows, now_ms = community.rows(), community.clock.now_ms()
    code = ("text", phone.code(bytes.fromhex(credential), at_ms=now_ms))
    wrong = {"clock": ClockState.UNTRUSTED, "floor_ms": now_ms - 3_600_000}  # when its passes were signed
    alone = door_of(community.books, rows, **wrong)
    assert shown(alone, code) == [("denied", "x:ClockUntrusted")]
    gate = door_of(community.books, rows, require=Require.CODE_AND_PIN, **wrong)
    assert shown(gate, code, ("keys", pin), walks_in=True)[-1] == ("granted", "Granted")
    gate.now_ms = alone.now_ms = WOKE_UP_MS  # what its own clock writes beside the event
    tells(community.gate, alone, gate)
    with community.books.engine.connect() as db:
        states = set(db.execute(sa.select(tables.event.c.clock_state)).scalars())
        seen = db.execute(sa.select(tables.presence).where(tables.presence.c.pass_id == pass_id)).one()
    assert states == {"UNTRUSTED"}
    assert seen.as_of_ms == now_ms
