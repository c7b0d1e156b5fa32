"""One ledger's way up: what a batch holds, what is signed, and what a person is told."""

import base64
from pathlib import Path
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cloud_sync.protocol.gate_peer import STALLED_AFTER
from cloud_sync.protocol.messages import PUBLISH_BYTES_MAX, Ack, Batch, decode
from cloud_sync.protocol.vouched import anchor_bytes, tombstone_bytes
from edge.errors import StoreError
from edge.link.talk import Talk
from tests.fakes.talking_node import TalkingNode
from tests.fakes.wire_ledger import device_key

DAY_S = 86_400


@pytest.fixture
def node(tmp_path: Path):
    made = TalkingNode(tmp_path, "n1", Random(1))
    yield made
    made.ledger.close()


def ack(node: TalkingNode, upto: int = 0, **more: object) -> Ack:
    return Ack(e=node.ledger.epoch, upto=upto, **{"sg": "g1", "wv": 2, "wv_min": 1, **more})


def said(talk: Talk, now_s: float = 0.0) -> list[Batch]:
    """Everything it hands over in one turn."""
    frames: list[bytes] = []

    def say(frame: bytes) -> bool:
        frames.append(frame)
        return True

    talk.send(now_s, say)
    assert all(len(frame) <= PUBLISH_BYTES_MAX for frame in frames)
    return [decode(frame, Batch) for frame in frames]


def verifies(message: bytes, sig: str) -> None:
    public = Ed25519PublicKey.from_public_bytes(device_key("n1").public_key().public_bytes_raw())
    public.verify(base64.b64decode(sig), message)


def with_holes(node: TalkingNode) -> None:
    """Residents have left, the service has lost everything: the rest is due again, among signed holes."""
    for _ in range(8):
        node.record(60)
    node.hear(ack(node, node.ledger.head))
    node.pass_time(31 * DAY_S)
    node.keep_house()
    node.hear(ack(node, 0, sg="g2"))


def test_whatever_has_left_travels_as_signed_holes_and_no_frame_is_too_large(node) -> None:
    with_holes(node)
    batches = said(node.talks[0])
    seqs = sorted(seq for batch in batches for seq, _, _ in batch.ev)
    holes = [hole for batch in batches for hole in batch.tomb]
    assert len(holes) > 20
    assert sorted([*seqs, *(seq for hole in holes for seq in range(hole.lo, hole.hi + 1))]) == list(
        range(1, node.ledger.head + 1)
    )
    for hole in holes:
        verifies(tombstone_bytes("n1", node.ledger.epoch, hole), hole.sig)


def test_an_anchor_is_repeated_after_each_hello_until_it_is_acknowledged(node) -> None:
    node.record()
    node.hear(ack(node))
    for _ in range(2):
        node.hello()
        told = [batch.anchor for batch in said(node.talks[0]) if batch.anchor]
        assert [one.seq for one in told] == [node.ledger.head]
        verifies(anchor_bytes("n1", node.ledger.epoch, told[0]), told[0].sig)
    node.hear(ack(node, node.ledger.head, anchored=node.ledger.head))
    node.hello()
    assert said(node.talks[0]) == []


def test_a_node_without_a_key_anchors_nothing_and_signs_nothing(node) -> None:
    with_holes(node)
    mute = Talk("n1", node.ledger, None, lambda _row: False)
    mute.peer.version = 2
    mute.offer(node.ledger.anchor(node._clock()))
    batches = said(mute)
    assert {hole.sig for batch in batches for hole in batch.tomb} == {""}
    assert not any(batch.anchor for batch in batches)


def test_a_key_that_cannot_be_read_stops_the_telling_and_not_the_node(node) -> None:
    with_holes(node)

    def broken(_message: bytes) -> bytes:
        raise StoreError("device.key: cannot be read")

    with pytest.raises(StoreError, match="cannot be read"):
        said(Talk("n1", node.ledger, broken, lambda _row: False))


def test_a_person_is_told_while_events_do_not_get_through(node) -> None:
    node.record()
    talk, now_s = node.talks[0], 0.0
    for _ in range(STALLED_AFTER):
        assert talk.faults() == []
        said(talk, now_s)
        now_s += talk.peer.rto_s
        talk.tick(now_s)
    assert "go one by one" in talk.faults()[0]
    assert [len(batch.ev) for batch in said(talk, now_s)] == [1] * node.ledger.head
    talk.hear(ack(node, 1), now_s)
    assert talk.faults() == []
