"""Several sinks on one PostgreSQL and one broker: each event stored once, whoever of them dies."""

from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread

import psycopg
import pytest
import sqlalchemy as sa

from cloud_sync.errors import StoreError
from cloud_sync.ingest.inbox import BrokerAddress, PahoInbox
from cloud_sync.ingest.sink import Sink
from cloud_sync.protocol.topics import shared_up_filter
from cloud_sync.store import pg_engine, tables
from cloud_sync.store.chain_check import verify_chain
from cloud_sync.store.engine import open_database, reading
from cloud_sync.store.repair_check import findings
from cloud_sync.store.sink import SinkStore
from tests.fakes.brokers import Mosquitto
from tests.fakes.paho_gate import PahoGate
from tests.fakes.postgres_house import Cluster
from tests.fakes.waiting import eventually
from tests.fakes.wire_ledger import T0_MS, WireLedger, body, told

HOME = "dongfang"
pytestmark = [pytest.mark.postgres, pytest.mark.mosquitto]


class Noon:
    def now_ms(self) -> int:
        return T0_MS


class OneOfSeveral:
    """One sink program's inside: its own share of the messages, its own connection to the database."""

    def __init__(self, url: str, port: int, name: str) -> None:
        self.engine = open_database(url)
        self.store = SinkStore(self.engine, HOME)
        self.inbox = PahoInbox(
            BrokerAddress("127.0.0.1", port, f"sync-{HOME}-{name}"), [shared_up_filter(HOME, "of-this-test")]
        )
        self.sink = Sink(self.inbox, self.store, Noon(), HOME)
        self.sink.start()
        eventually(lambda: self.inbox.session > 0)

    def stop(self) -> None:
        assert self.sink.stop()
        self.inbox.close()
        self.store.close()
        self.engine.dispose()


class District:
    def __init__(self, folder: Path, url: str) -> None:
        self.url = url
        self.broker = Mosquitto(folder)
        self.broker.start()
        self.engine = open_database(url)
        self.sinks = [self.sink("a"), self.sink("b")]
        self.gates: list[PahoGate] = []

    def sink(self, name: str) -> OneOfSeveral:
        return OneOfSeveral(self.url, self.broker.port, name)

    def gate(self, node: str) -> PahoGate:
        self.gates.append(PahoGate(HOME, node, self.broker.port).start())
        return self.gates[-1]

    def settled(self) -> None:
        eventually(
            lambda: all(gate.done for gate in self.gates), within_s=200, what="a gate still waits for its ack"
        )

    def assert_whole(self) -> None:
        """The gates' own ledgers against the database."""
        recorded = sum(gate.ledger.head for gate in self.gates)
        with reading(self.engine).connect() as db:
            assert db.scalar(sa.select(sa.func.count()).select_from(tables.event)) == recorded
            assert db.scalar(sa.select(sa.func.sum(tables.counter.c.n))) == recorded
            assert db.scalar(sa.select(sa.func.count()).select_from(tables.gap)) == 0
            assert db.scalar(sa.select(sa.func.count()).select_from(tables.conflict)) == 0
        for gate in self.gates:
            found = verify_chain(self.engine, HOME, gate.topics.node, gate.ledger.epoch)
            assert (found.upto, found.first_break) == (gate.ledger.head, None)

    def close(self) -> None:
        for gate in self.gates:
            gate.stop()
        for sink in self.sinks:
            sink.stop()
        self.engine.dispose()
        self.broker.stop()


@pytest.fixture
def url(postgres: Cluster) -> str:
    return postgres.new_database()


@pytest.fixture
def district(tmp_path: Path, url: str) -> Iterator[District]:
    district = District(tmp_path, url)
    yield district
    district.close()


def test_two_sinks_share_the_work_and_store_everything_once(district: District) -> None:
    gates = [district.gate(f"n{n}") for n in range(4)]
    for gate in gates:
        gate.record(600)
    district.settled()
    district.assert_whole()
    counted = [sink.sink.counters.events for sink in district.sinks]
    assert min(counted) > 0
    assert sum(counted) == 2_400
    assert len({sink.store.sink_gen() for sink in district.sinks}) == 1


def test_when_one_sink_ends_the_other_takes_over_and_a_new_one_may_join(district: District) -> None:
    gates = [district.gate(f"n{n}") for n in range(3)]
    for gate in gates:
        gate.record(400)
    eventually(lambda: district.sinks[0].sink.counters.events > 0)
    district.sinks.pop(0).stop()
    for gate in gates:
        gate.record(200)
    district.settled()
    district.sinks.append(district.sink("c"))
    for gate in gates:
        gate.record(200)
    district.settled()
    district.assert_whole()


def test_a_server_that_goes_away_stops_acknowledgement_and_loses_nothing(
    district: District, postgres: Cluster
) -> None:
    gate = district.gate("n1")
    gate.record(200)
    eventually(lambda: gate.peer.acked > 0)
    postgres.restart()
    gate.record(300)
    district.settled()
    district.assert_whole()


# --- two sinks at the same node, without a broker between ---------------------------------------------------------


def test_the_same_frames_at_two_sinks_at_once_count_once(url: str) -> None:
    gate = WireLedger("n1")
    gate.record(*(body("access.granted", x={"n": n}) for n in range(400)))
    batches = [gate.batch(range(at, at + 20)) for at in range(1, 401, 20)]
    stores = [SinkStore(open_database(url), HOME) for _ in range(2)]
    both, faults = Barrier(2), []

    def work(store: SinkStore) -> None:
        try:
            for batch in batches:
                both.wait(60)
                store.store([told(batch, "n1")], T0_MS)
        except Exception as error:  # noqa: BLE001 - told to the test
            faults.append(error)

    threads = [Thread(target=work, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    engine = open_database(url)
    with engine.connect() as db:
        assert db.execute(sa.select(tables.counter.c.type, tables.counter.c.n)).all() == [
            ("access.granted", 400)
        ]
    assert list(findings(engine)) == ["node: n1: has told events and is not registered"]
    for store in stores:
        store.close()
    engine.dispose()


def test_a_refusal_that_one_sink_learned_holds_at_the_other(url: str) -> None:
    one, other = (SinkStore(open_database(url), HOME) for _ in range(2))
    gate = WireLedger("n1")
    gate.record(body())
    one.store([told(gate.hello(wv=999, wv_min=999), "n1")], T0_MS)
    ((_, ack),) = other.store([told(gate.batch([1]), "n1")], T0_MS).acks
    assert (ack.upto, ack.refuse) == (0, "version")
    one.close()
    other.close()


def test_a_node_that_another_sink_holds_is_waited_for_and_then_tried_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pg_engine, "_SETTINGS", ("set lock_timeout = 50",))
    store = SinkStore(open_database(url), HOME)
    gate = WireLedger("n1")
    gate.record(body())
    with psycopg.connect(url) as other:
        other.execute("select pg_advisory_xact_lock(%s)", (pg_engine.lock_key("sink", HOME, "n1"),))
        with pytest.raises(StoreError, match="another program has held a lock"):
            store.store([told(gate.batch([1]), "n1")], T0_MS)
    ((_, ack),) = store.store([told(gate.batch([1]), "n1")], T0_MS).acks
    assert ack.upto == 1
    store.close()


def test_a_connection_cut_inside_a_transaction_keeps_nothing_and_the_next_one_everything(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SinkStore(open_database(url), HOME)
    gate = WireLedger("n1")
    gate.record(body(), body())
    whole = store._db.insert_events

    def cut(rows):
        stored = whole(rows)
        with psycopg.connect(url, autocommit=True) as other:
            pid = store._db.execute("select pg_backend_pid()").fetchone()[0]
            other.execute("select pg_terminate_backend(%s, 5000)", (pid,))
        return stored

    monkeypatch.setattr(store._db, "insert_events", cut)
    with pytest.raises(StoreError, match=r"it was shut down|it cannot be reached"):
        store.store([told(gate.batch([1, 2]), "n1")], T0_MS)
    monkeypatch.undo()
    stored = store.store([told(gate.batch([1, 2]), "n1")], T0_MS)
    assert (stored.acks[0][1].upto, stored.events) == (2, 2)
    store.close()
