"""A node's real ledger and real link, a real broker, the real sink: a damaged ledger is told whole, and signed."""

import time
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from cloud_sync.protocol import chain
from cloud_sync.protocol.messages import State
from cloud_sync.protocol.topics import NodeTopics
from cloud_sync.store import tables
from cloud_sync.store.proof import proofs
from cloud_sync.store.repair_check import findings
from cloud_sync.store.tables_vouched import anchor, node_wire
from demo.peers.quiet_node import NoPasses
from edge.core.events import ClockState, Fact, NodeId, Stamp
from edge.link.link import Aboard, Link
from edge.link.mqtt import Broker, Session
from edge.link.translate import encode_fact
from edge.ports import ClockReading
from edge.store.ballast import Ballast
from edge.store.ledger import SqliteLedger
from edge.store.salvage import STORAGE
from edge.store.stretch import DAMAGED
from tests.fakes.brokers import Iotcore
from tests.fakes.waiting import eventually
from tests.fakes.wire_ledger import T0_MS, device_key, device_public
from tests.integration.test_sink_broker import HOME, Street

NODE = "n1"
PAGE = 4096


class Side:
    """What a link asks of a node at which no door hangs."""

    def __init__(self, ledger: SqliteLedger) -> None:
        self._ledger = ledger
        self.passes = NoPasses()

    def aboard(self) -> Aboard:
        return Aboard(0, "", 0)

    def clock(self) -> ClockReading:
        return ClockReading(T0_MS, time.monotonic_ns(), ClockState.TRUSTED, 12)

    def state(self) -> State:
        return State(on=True, e=self._ledger.epoch, boot_id="b1")

    def free_mb(self) -> int:
        return 1

    def link_changed(self, up: bool) -> None:
        """Nothing here depends on it."""


class Node:
    """One life of it; the folder is what stays."""

    epochs = count(1)

    def __init__(self, folder: Path, port: int) -> None:
        self.ledger = SqliteLedger(
            folder / "events.db",
            NodeId(NODE),
            encode=encode_fact,
            chain=chain,
            new_epoch=lambda: f"{next(self.epochs):024d}",
            ballast=Ballast(folder / "reserve"),
        )
        self.link = Link(
            topics=NodeTopics(HOME, NODE),
            software="1",
            boot_id="b1",
            ledger=self.ledger,
            node=Side(self.ledger),
            verify=lambda *_: False,
            open_session=lambda subscribe, topic, will: Session(
                Broker("127.0.0.1", port), NODE, subscribe=subscribe, will_topic=topic, will=will
            ),
            sign=device_key(NODE).sign,
        )

    def record(self, events: int) -> None:
        for _ in range(events // 10):
            self.ledger.append(
                [Fact("access.granted", decision="allow", cls="guest")] * 10,
                Stamp("b1", 1, T0_MS, ClockState.TRUSTED, 12),
            )

    def told(self) -> bool:
        self.link.wake()
        return self.link.outbox == 0

    def stop(self) -> None:
        self.link.stop()
        self.ledger.close()


@pytest.fixture
def street(tmp_path: Path):
    made = Street(tmp_path, Iotcore)
    with made.service.engine.begin() as db:
        row = {"community": HOME, "node": NODE, "name": NODE, "device_public_key": device_public(NODE)}
        db.execute(sa.insert(tables.node).values(registered_ms=1, **row))
    yield made
    made.close()


def rows(street: Street, table: sa.Table) -> list[SimpleNamespace]:
    with street.service.engine.connect() as db:
        return [SimpleNamespace(**row) for row in db.execute(sa.select(table)).mappings()]


def test_a_damaged_ledger_is_told_to_its_end_and_the_new_one_after_it(street: Street, tmp_path: Path) -> None:
    node = Node(tmp_path, street.broker.port)
    node.link.start()
    node.record(200)
    eventually(node.told, within_s=150, what="the first events")
    node.stop()
    node = Node(tmp_path, street.broker.port)  # nobody hears it from here on
    node.record(200)
    old = node.ledger.epoch
    node.ledger.close()
    path = tmp_path / "events.db"
    db = path.read_bytes()
    page = db.index(b"access.granted", len(db) * 3 // 4) // PAGE
    path.write_bytes(db[: page * PAGE] + bytes(PAGE) + db[(page + 1) * PAGE :])
    node = Node(tmp_path, street.broker.port)
    assert node.ledger.epoch != old
    lost = node.ledger.salvaged.lost
    assert lost > 0
    node.record(50)
    node.link.start()
    eventually(node.told, within_s=150, what="both ledgers")
    node.link.nonce_used()
    eventually(
        lambda: rows(street, anchor), within_s=150, what="an anchor: the first hello did not know the version"
    )
    assert [row.epoch for row in rows(street, anchor)] == [node.ledger.epoch]
    marks = {row.epoch: row.upto for row in rows(street, tables.mark)}
    assert marks == {old: 400, node.ledger.epoch: 51}
    (hole,) = rows(street, tables.tombstone)
    assert (hole.epoch, hole.reason) == (old, DAMAGED)
    stored = rows(street, tables.event)
    assert len(stored) == 451 - lost
    assert [row.seq for row in stored if row.type == STORAGE] == [1]
    assert list(findings(street.service.engine)) == []
    assert {proof.epoch: proof.lost for proof in proofs(street.service.engine)} == {
        old: lost,
        node.ledger.epoch: 0,
    }
    assert [(row.wv, row.refused) for row in rows(street, node_wire)] == [(2, 0)]
    node.stop()
