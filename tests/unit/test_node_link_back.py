"""The service was away and is back: what nobody heard is said again at once, and not when a time-out has doubled."""

from pathlib import Path

import pytest

from cloud_sync.protocol.messages import Batch, Hello, SinkState, decode, encode
from cloud_sync.protocol.topics import NodeTopics
from demo.peers.quiet_node import Quiet, open_ledger
from edge.core.events import ClockState, Fact, Stamp
from edge.link.link import Link
from edge.link.mqtt import Heard

TOPICS = NodeTopics("dongfang", "n1")
STAMP = Stamp("b", 1, 1_795_277_220_123, ClockState.TRUSTED, 12)


class Said:
    """A session that takes everything."""

    def __init__(self) -> None:
        self.said: list[tuple[str, bytes]] = []

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        self.said.append((topic, payload))
        return True


@pytest.fixture
def link(tmp_path: Path):
    """Five events were sent, and time-outs have doubled to twelve seconds."""
    ledger = open_ledger(tmp_path / "events.db", "n1")
    ledger.append([Fact("door.closed")] * 5, STAMP)
    session = Said()
    link = Link(
        topics=TOPICS,
        software="1",
        boot_id="b",
        ledger=ledger,
        node=Quiet(ledger.epoch, "b"),
        verify=lambda *_: True,
        open_session=lambda *_: session,
    )
    link._talk.peer.connected(0)
    link._send_due(0)
    assert link._talk.peer.tick(3)
    link._send_due(3)
    assert link._talk.peer.tick(9)
    assert link._talk.peer.rto_s == 12
    link._send_due(9)
    session.said.clear()
    yield link
    ledger.close()


def hears(link: Link, said: SinkState, *, retained: bool, now_s: float) -> None:
    link._receive(Heard("message", TOPICS.sink_state, encode(said), retained), now_s)


def seqs(link: Link) -> list[int]:
    batches = (decode(payload, Batch) for topic, payload in link._session.said if topic == TOPICS.up("ev"))
    return [seq for batch in batches for seq, _, _ in batch.ev]


def test_a_service_that_returns_is_told_everything_again_within_a_third_of_the_time_out(link: Link) -> None:
    hears(link, SinkState(on=True, sg="g"), retained=False, now_s=10)
    assert 10 <= link._again_at_s <= 10 + 4
    link._begin_again(link._again_at_s)
    link._send_due(14)
    assert seqs(link) == [1, 2, 3, 4, 5]
    assert [decode(one, Hello).head for topic, one in link._session.said if topic == TOPICS.up("hello")] == [
        5
    ]
    assert link._again_at_s == float("inf"), "once"
    assert link._talk.peer.rto_s == 3


@pytest.mark.parametrize(("on", "retained"), [(False, False), (True, True), (False, True)])
def test_a_service_that_leaves_or_was_there_before_changes_nothing(
    link: Link, on: bool, retained: bool
) -> None:
    hears(link, SinkState(on=on, sg="g"), retained=retained, now_s=10)
    assert link._again_at_s == float("inf")
    link._send_due(10)
    assert seqs(link) == []
