"""A node's real link on a real mosquitto, with the certificate its join brought: events, renewal, keys that follow keys."""

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509

from cloud_sync.identity.rotate import rotate
from cloud_sync.protocol import chain
from cloud_sync.protocol.messages import State
from cloud_sync.protocol.topics import NodeTopics
from edge.compose_identity import identity_side, open_identity, session_opener, with_ring
from edge.compose_passes import BookPasses
from edge.core.events import ClockState, Fact, NodeId, Stamp
from edge.link.link import Aboard, Link
from edge.link.mqtt import Session
from edge.link.translate import decode_passes
from edge.ports import ClockReading
from edge.store.ballast import Ballast
from edge.store.device_key import read_join
from edge.store.ledger import SqliteLedger
from edge.store.pass_book import PassBook
from tests.fakes.bus_bench import TENANT, VICTIM, Bench
from tests.fakes.waiting import eventually
from tests.fakes.wire_ledger import body

pytestmark = pytest.mark.mosquitto

DAY_MS = 86_400_000


class Side:
    """A node that knows the time of a day to come, and otherwise only what the link asks."""

    ahead_ms = 0

    def __init__(self, book: PassBook) -> None:
        self.book = book
        self.passes = BookPasses(book, self)

    def read(self) -> ClockReading:
        return self.clock()

    def clock(self) -> ClockReading:
        return ClockReading(
            time.time_ns() // 1_000_000 + self.ahead_ms, time.monotonic_ns(), ClockState.TRUSTED, 10
        )

    def aboard(self) -> Aboard:
        return Aboard(self.book.auth_ver, self.book.root, 0)

    def free_mb(self) -> int:
        return 1

    def state(self) -> State:
        return State(on=True, e="e", boot_id="b")

    def link_changed(self, up: bool) -> None:
        self.up = up


class House:
    """The victim of the attempts as an honest node: its folder, its join file, its link."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        joined = bench.nodes[VICTIM]
        ballast = Ballast(folder / "reserve")
        self.side = Side(PassBook(folder / "passes.db", decode=decode_passes, ballast=ballast))
        self.config = SimpleNamespace(
            data_dir=joined.folder,
            node=VICTIM,
            broker=SimpleNamespace(
                host="localhost", port=bench.port, ca_file=None, cert_file=None, key_file=None
            ),
        )
        told = read_join(joined.folder / "join.json")
        self.key, self.join = open_identity(self.config, told, lambda: self.side.clock().wall_ms)
        self.ledger = SqliteLedger(
            folder / "events.db",
            NodeId(VICTIM),
            encode=lambda _fact, _stamp: body(access_point=f"AP-{VICTIM}"),
            chain=chain,
            new_epoch=lambda: os.urandom(12).hex(),
            ballast=ballast,
        )
        self.opened: list[int] = []
        self.link = Link(
            topics=NodeTopics(TENANT, VICTIM),
            software="1",
            boot_id="b1",
            ledger=self.ledger,
            node=self.side,
            verify=self.join.verify,
            open_session=self.open,
        )
        self.link.identity.side = identity_side(self.config, self.key, self.join)

    def open(self, subscribe: tuple[str, ...], topic: str, will: bytes) -> Session:
        self.opened.append(self.serial())
        return session_opener(self.config, self.key, self.join)(subscribe, topic, will)

    def records(self, count: int) -> None:
        stamp = Stamp("b1", 1, self.side.clock().wall_ms, ClockState.TRUSTED, 10)
        self.ledger.append([Fact("access.granted")] * count, stamp)
        self.link.wake()

    def delivered(self) -> bool:
        return self.ledger.head > 0 and self.ledger.acked == self.ledger.head

    def serial(self) -> int:
        return x509.load_pem_x509_certificate(self.key.files.cert.read_bytes()).serial_number


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory):
    with Bench(tmp_path_factory.mktemp("bus"), watched=False) as made:
        yield made


@pytest.fixture
def house(bench: Bench, tmp_path: Path):
    house = House(bench, tmp_path)
    yield house
    house.link.stop()
    house.ledger.close()
    house.side.book.close()


def test_what_a_joined_node_records_is_acknowledged_over_mutual_tls(house: House) -> None:
    house.link.start()
    house.records(3)
    eventually(house.delivered, what="the certificate of the join file brought nothing through")


def test_a_node_renews_over_the_bus_and_goes_on_with_the_new_certificate(house: House, bench: Bench) -> None:
    before = house.serial()
    house.side.ahead_ms = 21 * DAY_MS  # the node's own clock: two thirds of thirty days are over
    house.link.start()
    eventually(lambda: len(house.opened) == 2, what="no new session after the renewal")
    assert house.opened[0] == before != house.opened[1] == house.serial()
    house.records(2)
    eventually(house.delivered, what="nothing comes through under the new certificate")
    assert [row.how for row in bench.books.certificates.listed() if row.node == VICTIM][-1] == "renewal"


def test_a_node_follows_a_new_key_while_it_runs_and_after_it_is_started_again(
    house: House, bench: Bench
) -> None:
    house.link.start()
    old = bench.books.keys.signer
    words = {"by": "Li", "reason": "yearly", "actor": "t"}
    link = rotate(bench.books.house, bench.config.keys, "community", overlap_days=1, **words)
    ring = house.join.ring
    eventually(lambda: ring.kids["community"] == (old.kid, link.kid), what="the link did not come down")
    eventually(lambda: len(house.opened) == 2, what="no new session for what is retained")
    again = with_ring(house.config, read_join(house.config.data_dir / "join.json"), lambda: 0)
    assert again.ring.kids["community"] == (old.kid, link.kid)
    assert again.verify_pass(old.kid[:8], b"pass", old.sign(b"pass"))
