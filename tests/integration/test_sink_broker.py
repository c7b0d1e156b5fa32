"""The sink on real brokers: whatever is killed or restored, nothing is lost and nothing counts twice."""

import shutil
import sqlite3
import threading
from pathlib import Path

import paho.mqtt.client as paho
import pytest
import sqlalchemy as sa
from paho.mqtt.enums import CallbackAPIVersion

from cloud_sync.ingest.inbox import BrokerAddress, PahoInbox, Will
from cloud_sync.ingest.sink import Sink
from cloud_sync.ports import EntryLine
from cloud_sync.protocol.messages import SinkState, decode, encode
from cloud_sync.protocol.topics import NodeTopics, sink_state, up_filter
from cloud_sync.store import tables
from cloud_sync.store.chain_check import verify_chain
from cloud_sync.store.engine import open_database, reading
from cloud_sync.store.repair_check import findings
from cloud_sync.store.sink import SinkStore
from tests.fakes.brokers import Iotcore, Mosquitto, Plain, Shipped
from tests.fakes.paho_gate import PahoGate
from tests.fakes.waiting import eventually
from tests.fakes.wire_ledger import T0_MS, body

HOME = "dongfang"
BROKERS = [
    pytest.param(Iotcore, id="iotcore"),
    pytest.param(Mosquitto, id="mosquitto", marks=pytest.mark.mosquitto),
    pytest.param(Shipped, id="shipped", marks=pytest.mark.mosquitto),
]

# paho leaves the socket of a TLS handshake that fails, as it does where a broker dies, to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")


class Ticking:
    """A clock that only goes forward, one millisecond a look."""

    def __init__(self) -> None:
        self._now_ms = T0_MS

    def now_ms(self) -> int:
        self._now_ms += 1
        return self._now_ms


class Service:
    """One life of the sink: its own connection, its own thread, the same database file."""

    def __init__(self, path: Path, broker: Plain, clock: Ticking) -> None:
        self.engine = open_database(path)
        self.store = SinkStore(self.engine, HOME)
        address = BrokerAddress("127.0.0.1", broker.port, f"sync-{HOME}", *broker.files("sync"))
        gone = Will(sink_state(HOME), encode(SinkState(on=False)))
        self.inbox = PahoInbox(address, [up_filter(HOME)], gone)
        self.sink = Sink(self.inbox, self.store, clock, HOME)
        self.sink.start()

    def stop(self) -> None:
        assert self.sink.stop()
        self.inbox.close()
        self.store.close()
        self.engine.dispose()

    def scalar(self, query: str) -> int:
        with reading(self.engine).connect() as db:
            return db.scalar(sa.text(query))


class Street:
    """A broker, a service and some gates; a test kills what it likes."""

    def __init__(self, folder: Path, kind: type) -> None:
        self.path = folder / "service.db"
        self.clock = Ticking()
        self.broker = kind(folder)
        self.broker.start()
        self.service = Service(self.path, self.broker, self.clock)
        self.gates: list[PahoGate] = []

    def gate(self, node: str) -> PahoGate:
        self.gates.append(PahoGate(HOME, node, self.broker.port, tls=self.broker.files(node)).start())
        return self.gates[-1]

    def restart_service(self) -> None:
        self.service.stop()
        self.service = Service(self.path, self.broker, self.clock)

    def restart_broker(self) -> None:
        self.broker.kill()
        self.broker.start()

    def settled(self) -> None:
        eventually(
            lambda: all(gate.done for gate in self.gates), within_s=150, what="a gate still waits for its ack"
        )

    def assert_whole(self) -> None:
        """The gates' own ledgers against the database: each event once, each effect once, every chain unbroken."""
        recorded = sum(gate.ledger.head for gate in self.gates)
        assert self.service.scalar("select count(*) from event") == recorded
        assert self.service.scalar("select sum(n) from counter") == recorded
        for gate in self.gates:
            found = verify_chain(self.service.engine, HOME, gate.topics.node, gate.ledger.epoch)
            assert (found.upto, found.first_break) == (gate.ledger.head, None)

    def close(self) -> None:
        for gate in self.gates:
            gate.stop()
        self.service.stop()
        self.broker.stop()


@pytest.fixture(params=BROKERS)
def street(tmp_path: Path, request: pytest.FixtureRequest):
    street = Street(tmp_path, request.param)
    yield street
    street.close()


@pytest.mark.story("1c")
def test_everything_recorded_is_stored_once_and_acknowledged(street: Street) -> None:
    gates = [street.gate(f"n{n}") for n in range(3)]
    for gate in gates:
        gate.record(1_500)
    street.settled()
    street.assert_whole()
    assert street.service.sink.counters.events == 4_500


def test_a_broker_killed_twice_on_the_way_loses_nothing(street: Street) -> None:
    gates = [street.gate(f"n{n}") for n in range(2)]
    for _ in range(2):
        for gate in gates:
            gate.record(1_200)
        eventually(lambda: gates[0].peer.acked > 0)
        street.restart_broker()
    for gate in gates:
        gate.record(50)
    street.settled()
    street.assert_whole()
    assert street.service.inbox.counters.sessions >= 2


def test_a_service_restarted_on_the_way_loses_nothing(street: Street) -> None:
    gates = [street.gate(f"n{n}") for n in range(2)]
    for _ in range(2):
        for gate in gates:
            gate.record(1_200)
        eventually(lambda: street.service.sink.counters.events > 0)
        street.restart_service()
    street.settled()
    street.assert_whole()


def test_a_database_restored_from_a_stale_backup_is_filled_again(street: Street, tmp_path: Path) -> None:
    gate = street.gate("n1")
    gate.record(300)
    street.settled()
    street.service.stop()
    shutil.copy(street.path, tmp_path / "backup.db")
    street.service = Service(street.path, street.broker, street.clock)
    gate.record(400)
    street.settled()
    before = gate.peer.sink_gen

    street.service.stop()
    for suffix in ("", "-wal", "-shm"):
        Path(f"{street.path}{suffix}").unlink(missing_ok=True)
    shutil.copy(tmp_path / "backup.db", street.path)
    street.service = Service(street.path, street.broker, street.clock)
    eventually(lambda: gate.peer.sink_gen != before, what="the gate was never told of another generation")
    street.settled()
    street.assert_whole()


def test_a_deleted_database_is_filled_again(street: Street) -> None:
    gate = street.gate("n1")
    gate.record(500)
    street.settled()
    street.service.stop()
    for suffix in ("", "-wal", "-shm"):
        Path(f"{street.path}{suffix}").unlink(missing_ok=True)
    street.service = Service(street.path, street.broker, street.clock)
    eventually(lambda: gate.peer.sink_gen == street.service.store.sink_gen())
    street.settled()
    street.assert_whole()


def test_poison_stalls_neither_its_gate_nor_the_others(street: Street) -> None:
    bad, good = street.gate("bad"), street.gate("good")
    bad.record(3)
    bad.record_raw(b'{"type":12}')
    bad.record(3)
    eventually(bad.client.is_connected)
    bad.say("ev", b"\x00 no frame at all")
    bad.say("hello", b"{}")
    good.record(10)
    street.settled()
    street.assert_whole()
    eventually(lambda: street.service.sink.counters.bad_frames == 2)
    assert street.service.scalar("select count(*) from event where type = 'sys.undecodable'") == 1
    assert street.service.scalar("select count(*) from deadletter") == 3


def test_a_clone_with_another_past_is_an_alarm(street: Street) -> None:
    gate = street.gate("n1")
    gate.record(20)
    street.settled()
    clone = PahoGate(HOME, "n1", street.broker.port, tls=street.broker.files("n1"))
    clone.ledger.record(*(body("door.forced") for _ in range(20)))
    gate.say("ev", clone.ledger.batch(range(1, 21)))
    eventually(lambda: street.service.sink.counters.conflicts == 1)
    assert street.service.scalar("select seq from conflict") == 20
    street.assert_whole()


def test_what_is_foreign_or_retained_is_counted_and_has_no_effect(street: Street) -> None:
    gate = street.gate("n1")
    gate.record(1)
    street.settled()
    planted = gate.ledger.batch([1])
    gate.client.publish(NodeTopics(HOME, "n2").up("ev"), encode(planted), qos=1)  # n1's words on n2's topic
    gate.say("hello", gate.ledger.hello(head=77), retain=True)
    if not isinstance(street.broker, Shipped):  # that one lets nobody say it in the first place
        eventually(lambda: street.service.sink.counters.ignored["foreign"] == 1)
    street.restart_service()  # its new session is given the retained hello as retained
    eventually(lambda: street.service.sink.counters.ignored["retained"] == 1)
    assert street.service.scalar("select count(*) from event") == 1
    gate.client.publish(gate.topics.up("hello"), b"", qos=1, retain=True)


def test_whoever_is_watching_hears_of_an_event_after_it_is_stored(street: Street) -> None:
    heard: list[tuple[EntryLine, int]] = []
    arrived = threading.Event()

    def listen(line: EntryLine) -> None:
        stored = street.service.scalar(f"select count(*) from event where seq = {line.seq}")
        heard.append((line, stored))
        arrived.set()

    def fail(_: EntryLine) -> None:
        raise RuntimeError("a page that fails")

    street.service.sink.subscribe(fail)
    unsubscribe = street.service.sink.subscribe(listen)
    gate = street.gate("n1")
    gate.record(1, decision="allow")
    assert arrived.wait(60)
    assert [(line.node, line.seq, line.decision, stored) for line, stored in heard] == [("n1", 1, "allow", 1)]
    unsubscribe()
    gate.record(1)
    street.settled()
    assert len(heard) == 1


def test_a_full_disk_stops_the_acks_and_loses_nothing(street: Street) -> None:
    gate = street.gate("n1")
    gate.record(10)
    street.settled()
    street.service.sink.stop()
    db: sqlite3.Connection = street.service.store._db
    (pages,) = db.execute("pragma page_count").fetchone()
    db.execute(f"pragma max_page_count = {pages}")
    street.service.sink = Sink(street.service.inbox, street.service.store, street.clock, HOME)
    street.service.sink.start()
    gate.record(500)
    eventually(lambda: street.service.sink.fault is not None)
    assert "its disk is full" in str(street.service.sink.fault)
    assert gate.peer.acked < 510
    db.execute("pragma max_page_count = 1000000")
    street.settled()
    street.assert_whole()
    assert street.service.sink.fault is None


def test_the_bus_is_told_when_the_sink_is_there_and_when_it_is_gone(street: Street) -> None:
    said: list[SinkState] = []
    watcher = paho.Client(CallbackAPIVersion.VERSION2, client_id="watcher", protocol=paho.MQTTv311)
    watcher.on_connect = lambda client, *_: client.subscribe(sink_state(HOME), qos=1)
    watcher.on_message = lambda _client, _data, message: said.append(decode(message.payload, SinkState))
    if files := street.broker.files("watcher"):
        watcher.tls_set(*files)
    watcher.connect("127.0.0.1", street.broker.port)
    watcher.loop_start()
    eventually(lambda: said and said[-1].on)
    assert said[-1].sg == street.service.store.sink_gen()
    street.restart_service()
    eventually(lambda: SinkState(on=False) in said and said[-1].on)
    watcher.disconnect()
    watcher.loop_stop()


def test_a_quiet_week_leaves_nothing_to_find(street: Street) -> None:
    gate = street.gate("n1")
    gate.record(100)
    street.settled()
    row = {"community": HOME, "node": "n1", "name": "East", "device_public_key": "", "registered_ms": 1}
    with street.service.engine.begin() as db:
        db.execute(tables.node.insert().values(**row))
    assert list(findings(street.service.engine)) == []
