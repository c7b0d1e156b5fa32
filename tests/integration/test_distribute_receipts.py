"""Passes and erasures down a real bus to a gate of wire version 1, until its receipt is in the database."""

from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.distribute.snapshots import Distributor
from cloud_sync.ingest.inbox import BrokerAddress, PahoInbox
from cloud_sync.ingest.sink import Sink
from cloud_sync.ports import PassNews
from cloud_sync.protocol.messages import Cred, PassRow
from cloud_sync.protocol.topics import up_filter
from cloud_sync.store import tables
from cloud_sync.store.engine import open_database, reading
from cloud_sync.store.pass_sets import StoredPassSets
from cloud_sync.store.sink import SinkStore
from tests.fakes.brokers import Iotcore, Mosquitto
from tests.fakes.paho_gate import PahoGate
from tests.fakes.waiting import eventually
from tests.fakes.wire_ledger import T0_MS

HOME = "dongfang"
BROKERS = [
    pytest.param(Iotcore, id="iotcore"),
    pytest.param(Mosquitto, id="mosquitto", marks=pytest.mark.mosquitto),
]


def a_pass(number: int, **more: object) -> PassRow:
    words = {
        "pass_id": f"P{number:05d}",
        "pass_version": 1,
        "subject_ref": f"r-{number}",
        "cls": "guest",
        "state": "ARMED",
        "scope": ["AP-1"],
        "schedule": "always",
        "not_before": T0_MS,
        "not_after": T0_MS + 86_400_000,
        "prereq": 7,
        "policy": 1,
        "creds": [Cred("qr", f"{number:032x}", number.to_bytes(32, "big"))],
        **more,
    }
    return PassRow(**words)


class Stepped:
    """A clock the test moves; every look moves it a little, so that re-sending comes due."""

    def __init__(self) -> None:
        self.now = T0_MS

    def now_ms(self) -> int:
        self.now += 100
        return self.now


class Signer:
    kid = "k1"

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)

    def verify(self, signature: bytes, message: bytes) -> bool:
        try:
            self.key.public_key().verify(signature, message)
        except InvalidSignature:
            return False
        return True


class Office:
    """Sink and distributor on one connection, and the passes the registry wants each node to hold."""

    def __init__(self, folder: Path, kind: type) -> None:
        self.broker = kind(folder)
        self.broker.start()
        self.engine = open_database(folder / "service.db")
        self.clock, self.signer, self.wanted = Stepped(), Signer(), {}
        self.store = SinkStore(self.engine, HOME)
        self.inbox = PahoInbox(BrokerAddress("127.0.0.1", self.broker.port, "sync"), [up_filter(HOME)])
        self.sink = Sink(self.inbox, self.store, self.clock, HOME)
        self.sink.start()
        self.gates: list[PahoGate] = []
        self.distributor = self.new_distributor()

    def new_distributor(self) -> Distributor:
        return Distributor(self, StoredPassSets(self.engine, HOME), self.signer, self.inbox, self.clock, HOME)

    def news(self, *, whole: bool) -> PassNews:
        rows = {row.pass_id: msgspec.msgpack.encode(row) for row in self.wanted.get("n1", [])}
        return PassNews(True, rows, {"AP-1": "n1"})

    def gate(self, node: str = "n1", *, started: bool = True) -> PahoGate:
        row = {"community": HOME, "node": node, "name": node, "device_public_key": "", "registered_ms": 1}
        with self.engine.begin() as db:
            db.execute(tables.node.insert().values(**row))
        self.gates.append(PahoGate(HOME, node, self.broker.port, self.signer.verify))
        return self.gates[-1].start() if started else self.gates[-1]

    def until(self, condition) -> None:
        """Tick as the service does until something became true."""

        def look() -> bool:
            self.distributor.tick()
            return bool(condition())

        eventually(look, within_s=90)

    def row(self, table: sa.Table) -> sa.RowMapping:
        with reading(self.engine).connect() as db:
            return db.execute(sa.select(table)).mappings().one()

    def receipted(self) -> bool:
        held = self.row(tables.pass_set)
        return (held["receipt_ver"], held["receipt_root"]) == (held["auth_ver"], held["root"])

    def close(self) -> None:
        for gate in self.gates:
            if gate._thread.ident:
                gate.stop()
        self.sink.stop()
        self.inbox.close()
        self.store.close()
        self.engine.dispose()
        self.broker.stop()


@pytest.fixture(params=BROKERS)
def office(tmp_path: Path, request: pytest.FixtureRequest):
    office = Office(tmp_path, request.param)
    yield office
    office.close()


def test_a_node_holds_what_it_should_and_its_receipt_says_so(office: Office) -> None:
    gate = office.gate()
    office.wanted["n1"] = [a_pass(1), a_pass(2)]
    office.until(office.receipted)
    assert {row.pass_id for row in gate.rows} == {"P00001", "P00002"}
    assert (gate.auth_ver, gate.heads[-1].count, gate.heads[-1].kid) == (1, 2, "k1")
    assert gate.heads[-1].lease_until - gate.heads[-1].issued == 30 * 86_400_000


def test_a_change_makes_the_next_version_and_no_change_none(office: Office) -> None:
    gate = office.gate()
    office.wanted["n1"] = [a_pass(1), a_pass(2)]
    office.until(office.receipted)
    for _ in range(5):
        office.distributor.tick()
    assert office.row(tables.pass_set)["auth_ver"] == 1
    office.wanted["n1"] = [a_pass(2, state="REVOKED", pass_version=2)]
    office.until(lambda: gate.auth_ver == 2 and office.receipted())
    assert gate.rows == office.wanted["n1"]


def test_a_set_larger_than_one_publish_arrives_whole(office: Office) -> None:
    gate = office.gate()
    office.wanted["n1"] = [a_pass(n) for n in range(400)]
    office.until(office.receipted)
    assert office.distributor.counters.parts > 3
    assert sorted(row.pass_id for row in gate.rows) == [f"P{n:05d}" for n in range(400)]


def test_a_node_that_missed_the_snapshot_is_sent_it_again(office: Office) -> None:
    gate = office.gate()
    gate.deaf_to_parts = True
    office.wanted["n1"] = [a_pass(1)]
    office.until(lambda: office.distributor.counters.snapshots >= 3)
    assert gate.auth_ver == 0
    gate.deaf_to_parts = False
    office.until(office.receipted)
    assert gate.auth_ver == 1
    sent = office.distributor.counters.snapshots
    for _ in range(20):
        office.distributor.tick()
    assert office.distributor.counters.snapshots == sent


def test_a_node_that_comes_later_finds_the_head_waiting(office: Office) -> None:
    gate = office.gate(started=False)
    office.wanted["n1"] = [a_pass(1)]
    office.until(lambda: office.distributor.counters.heads == 1)
    gate.start()
    eventually(lambda: gate.heads)
    office.until(office.receipted)


def test_a_broker_that_forgot_everything_is_told_again(office: Office) -> None:
    gate = office.gate()
    office.wanted["n1"] = [a_pass(1)]
    office.until(office.receipted)
    session = office.inbox.session
    office.broker.kill()
    office.broker.start()
    office.until(lambda: office.inbox.session > session)
    told = len(gate.heads)
    office.until(lambda: len(gate.heads) > told)
    assert gate.heads[-1].auth_ver == 1


def test_a_restored_database_overtakes_what_the_node_already_holds(office: Office) -> None:
    gate = office.gate()
    gate.auth_ver, gate.root = 41, "root of a version this database never made"
    office.wanted["n1"] = [a_pass(1)]
    office.until(lambda: gate.rows and office.receipted())
    assert gate.auth_ver == 42


def test_erasures_are_sent_signed_until_they_are_receipted(office: Office) -> None:
    gate = office.gate()
    with office.engine.begin() as db:
        for version, name in ((1, "P1"), (2, "P2")):
            request = {"template_ref": "*", "pass_id": name, "reason": "checkout", "asked_ms": 1}
            db.execute(
                tables.erasure.insert().values(community=HOME, node="n1", erase_ver=version, **request)
            )

    def acknowledged() -> bool:
        with reading(office.engine).connect() as db:
            return db.scalar(sa.text("select count(*) from erasure where acked_ms is null")) == 0

    office.until(acknowledged)
    assert gate.erased[:2] == ["P1", "P2"]
    office.until(lambda: gate.heads[-1].erase_ver == 2)
