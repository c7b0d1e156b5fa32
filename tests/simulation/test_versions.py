"""A node of the version before with the newest service, and the reverse: nothing is lost, doubled or refused."""

from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa

from cloud_sync.protocol.messages import Ack, decode, encode
from cloud_sync.store import tables
from cloud_sync.store.tables_vouched import anchor, node_wire
from tests.fakes.talking_node import TalkingNode
from tests.fakes.wire_v1_peers import OldNode, OldSink
from tests.simulation.test_conversation_whole import Service

ROUNDS_MAX = 40


def drawn(rng: Random, frames: list[bytes]) -> list[bytes]:
    """What arrives of them: in another order, some twice, some never."""
    arrived = [frame for frame in frames for _ in range(rng.choice([0, 1, 1, 1, 2]))]
    rng.shuffle(arrived)
    return arrived


def an_hour(node: OldNode, service: Service, rng: Random, *, lossy: bool) -> None:
    """One exchange of an old node with the service of now, over frames."""
    node.pass_time(rng.choice([1.0, 31.0]) if lossy else 31.0)
    node.hello()
    node.send()
    frames, node.up = node.up, []
    arrived = drawn(rng, frames) if lossy else frames
    answers = [encode(ack) for ack in service.take(arrived, node.now_ms)] if arrived else []
    for answer in drawn(rng, answers) if lossy else answers:
        node.hear_frame(answer)


@pytest.mark.story("39a", "39b")
@pytest.mark.parametrize("seed", range(8))
def test_a_node_of_version_1_loses_nothing_with_the_service_of_now(tmp_path: Path, seed: int) -> None:
    rng = Random(seed)
    (tmp_path / "node").mkdir()
    node, service = OldNode(tmp_path / "node", "n1", rng), Service(tmp_path, ["n1"])
    for _ in range(25):
        node.record()
        an_hour(node, service, rng, lossy=True)
        if rng.random() < 0.1:
            node.die()
        if rng.random() < 0.1:
            service.restore(None)
    for _ in range(ROUNDS_MAX):
        an_hour(node, service, rng, lossy=False)
    stored = {(row.epoch, row.seq): bytes(row.body) for row in service.rows(tables.event)}
    assert stored == {
        (epoch, seq): body for epoch, all_ in node.written.items() for seq, body in all_.items()
    }
    assert sum(row.n for row in service.rows(tables.counter)) == len(stored)
    assert not service.rows(tables.gap) + service.rows(tables.conflict) + service.rows(tables.deadletter)
    assert [(row.wv, row.wv_min, row.refused) for row in service.rows(node_wire)] == [(1, 1, 0)]
    node.ledger.close()
    service.close()


@pytest.mark.parametrize("seed", range(8))
def test_a_node_of_now_loses_nothing_with_a_service_of_version_1(tmp_path: Path, seed: int) -> None:
    """It says what version 1 understands: holes as tombstones, no anchors; everything it keeps is told once."""
    rng, sink = Random(seed), OldSink()
    node = TalkingNode(tmp_path, "n1", rng)
    for turn in range(25 + ROUNDS_MAX):
        lossy = turn < 25
        if lossy:
            node.record()
        node.pass_time(31.0, days=rng.choice([0, 3, 20]) if lossy else 0)
        node.keep_house()
        node.hello()
        node.send()
        frames, node.up = node.up, []
        answers = [sink.take(frame) for frame in (drawn(rng, frames) if lossy else frames)]
        for answer in drawn(rng, answers) if lossy else answers:
            node.hear(decode(answer, Ack))
        if lossy and rng.random() < 0.1:
            node.die()
        if turn == 20:
            sink = OldSink("g2")
    (epoch,) = node.written
    held = sink.peers[epoch]
    assert (held.upto, held.missing(), node.ledger.acked) == (node.ledger.head, [], node.ledger.head)
    assert sink.counted == len(sink.events[epoch])
    kept = {row.seq: row.body for row in node.ledger.rows(range(1, node.ledger.head + 1), bytes_max=10**9)}
    assert kept.items() <= sink.events[epoch].items() <= node.written[epoch].items()
    assert sink.versions == {1}
    node.ledger.close()


@pytest.mark.story("39a")
@pytest.mark.parametrize("seed", range(4))
def test_a_node_that_is_updated_goes_on_in_its_ledger(tmp_path: Path, seed: int) -> None:
    rng = Random(seed)
    (tmp_path / "node").mkdir()
    old, service = OldNode(tmp_path / "node", "n1", rng), Service(tmp_path, ["n1"])
    for _ in range(6):
        old.record()
        an_hour(old, service, rng, lossy=True)
    old.ledger.close()
    new = TalkingNode(tmp_path / "node", "n1", rng)
    new.written = old.written
    for _ in range(ROUNDS_MAX):
        new.pass_time(31.0)
        new.hello()
        new.send()
        frames, new.up = new.up, []
        for ack in service.take(frames, new.now_ms):
            new.hear(ack)
        if len(new.written[new.ledger.epoch]) < 200:
            new.record()
    stored = {(row.epoch, row.seq): bytes(row.body) for row in service.rows(tables.event)}
    assert stored == {(epoch, seq): body for epoch, all_ in new.written.items() for seq, body in all_.items()}
    assert [(row.wv, row.refused) for row in service.rows(node_wire)] == [(2, 0)]
    assert service.rows(anchor)
    new.ledger.close()
    service.close()


def test_without_a_version_in_common_everything_waits_and_is_told_later(tmp_path: Path) -> None:
    rng = Random(1)
    node, sink = TalkingNode(tmp_path, "n1", rng), OldSink()
    later = Ack(e=node.ledger.epoch, upto=0, sg="g1", wv=9, wv_min=9)
    node.record()
    node.hear(later)
    node.send()
    assert not node.up
    assert "no version of the wire" in node.talks[-1].faults()[0]
    node.record()
    node.pass_time(31.0)
    node.hello()
    node.hear(decode(sink.take(node.up.pop()), Ack))
    assert node.talks[-1].faults() == []
    for _ in range(5):
        node.pass_time(31.0)
        node.send()
        frames, node.up = node.up, []
        for frame in frames:
            node.hear(decode(sink.take(frame), Ack))
    assert sink.events[node.ledger.epoch] == node.written[node.ledger.epoch]
    node.ledger.close()


def test_the_service_says_no_to_a_node_it_cannot_understand_and_takes_it_back(tmp_path: Path) -> None:
    rng, service = Random(1), Service(tmp_path, ["n1"])
    (tmp_path / "node").mkdir()
    node = OldNode(tmp_path / "node", "n1", rng)
    node.record()
    node.hello()
    strange = node.up.pop().replace(b'"wv":1,"wv_min":1', b'"wv":9,"wv_min":9')
    (answer,) = service.take([strange], node.now_ms)
    assert answer.refuse == "version"
    assert [(row.wv, row.refused) for row in service.rows(node_wire)] == [(9, 1)]
    for _ in range(5):
        an_hour(node, service, rng, lossy=False)
    assert [(row.wv, row.refused) for row in service.rows(node_wire)] == [(1, 0)]
    with service.engine.connect() as db:
        assert db.execute(sa.select(sa.func.count()).select_from(tables.event)).scalar() == node.ledger.head
    node.ledger.close()
    service.close()
