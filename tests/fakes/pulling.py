"""A node that fetches its set over real TLS from the service's pages, on loopback; the bus between them is a list."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloud_sync.api.nodes import node_router
from cloud_sync.distribute.snapshots import Distributor
from cloud_sync.protocol.delta import Repair
from cloud_sync.protocol.messages import AuthAck, decode
from cloud_sync.protocol.topics import NodeTopics
from cloud_sync.store.pass_feed import StoredPassFeed
from cloud_sync.store.pass_sets import StoredPassSets
from cloud_sync.store.places import AccessPointSpec, NodeJoin
from cloud_sync.store.snapshot_pull import StoredSnapshots
from cloud_sync.web.app import create_app
from cloud_sync.web.serve import PageServer
from cloud_sync.web.tls import TlsFiles, ensure_local_authority
from edge.compose_passes import BookPasses
from edge.core.events import ClockState
from edge.link.mqtt import Heard
from edge.link.passes import PassLink
from edge.link.pull import HttpsPull, Place
from edge.link.translate import decode_passes
from edge.ports import ClockReading
from edge.store.ballast import Ballast
from edge.store.device_key import verify_ed25519
from edge.store.pass_book import PassBook
from tests.fakes.community_house import csv_of, registration_row
from tests.fakes.waiting import eventually
from tests.fakes.web_house import BOOKING_CSV, COMMUNITY, GATE, LISTING_CSV, ROOM, UNIT, WebHouse, utc_text
from tests.fakes.wire_ledger import device_key, device_public, told

NODE = "gate-1"
UP = {"authack": AuthAck, "repair": Repair}
TOPICS = NodeTopics(COMMUNITY, NODE)


class Bus:
    """Publishes into a list."""

    session = 1

    def __init__(self) -> None:
        self.down: list[tuple[str, bytes]] = []

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.down.append((topic, payload))


class PullHouse(WebHouse):
    """One guest whose pass leads by the node's gate; the node's device key is ``wire_ledger``'s."""

    def __post_init__(self) -> None:
        super().__post_init__()
        gate = (AccessPointSpec(GATE, "gate", "东门", "East gate"),)
        rooms = (
            AccessPointSpec(UNIT, "unit", "单元", "Entrance"),
            AccessPointSpec(ROOM, "room", "602", "602"),
        )
        self.registry.add_node(NodeJoin(NODE, "East", device_public(NODE), gate))
        self.registry.add_node(NodeJoin("building-7", "7", device_public("building-7"), rooms))
        self.bring("listings", LISTING_CSV)
        self.bring("bookings", BOOKING_CSV)
        self.bring("registrations", csv_of([registration_row("B-1", source="tujia")]).decode())
        self.books = self._house()
        self.snapshots = StoredSnapshots(self.books)
        self.bus = Bus()
        self.restart()

    def restart(self) -> None:
        sets, feed = StoredPassSets(self.engine, COMMUNITY), StoredPassFeed(self.books)
        signer = self.books.signer
        self.distributor = Distributor(feed, sets, signer, self.bus, self.clock, COMMUNITY, pull=True)

    @contextmanager
    def serving(self) -> Iterator[tuple[PageServer, str]]:
        """The pages over TLS, and the authority to trust there."""
        files: TlsFiles = ensure_local_authority(self.folder / "tls", ["127.0.0.1", "localhost"])
        app = create_app(self.services, routers=[node_router(self.snapshots)])
        with PageServer(app, "127.0.0.1", 0, files) as server:
            yield server, files.ca.read_text()

    def hello(self, node: "PullNode") -> None:
        more: dict[str, object] = {
            "auth_ver": node.book.auth_ver,
            "root": node.book.root,
            "wall": utc_text(self.clock.now_ms()),
        }
        self.sink.store([told(self.ledgers[NODE].hello(**more))], self.clock.now_ms())


class PullNode:
    """The node's end, with its real book on the disk."""

    def __init__(self, house: PullHouse, folder: Path, url: str, ca: str) -> None:
        self.house = house
        self.book = PassBook(folder / "passes.db", decode=decode_passes, ballast=Ballast(folder / "reserve"))
        signer = house.books.signer

        def verify(kid: str, message: bytes, signature: bytes) -> bool:
            return kid == signer.kid and verify_ed25519(signer.public_key, message, signature)

        self.link = PassLink(TOPICS, BookPasses(self.book, self), verify)
        self.link.speaks(2)
        self.pull = HttpsPull(Place(url, ca, COMMUNITY, NODE), self.sign, house.clock.now_ms)
        self.link.fetch = self.pull
        self.said: list[tuple[str, bytes]] = []
        self.heard: list[str] = []  # kinds of frames, in order

    def sign(self, message: bytes) -> bytes:
        return device_key(NODE).sign(message)

    def read(self) -> ClockReading:
        return ClockReading(self.house.clock.now_ms(), 0, ClockState.TRUSTED, 0)

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        self.said.append((topic, payload))
        return True

    def turn(self) -> None:
        """A second: what is on the bus goes both ways."""
        house = self.house
        house.clock.now += 1_000
        now_s = house.clock.now / 1000
        house.distributor.tick()
        mine = [frame for frame in house.bus.down if frame[0].startswith(TOPICS.down_all.rstrip("#"))]
        for topic, payload in mine:
            self.link.hear(Heard("message", topic, payload), now_s)
        house.bus.down.clear()
        self.link.tick(now_s)
        self.link.send(self)
        self.heard += [topic.removeprefix(TOPICS.down_all.rstrip("#")) for topic, _ in mine]
        frames = [told(decode(payload, UP[topic.rpartition("/")[2]]), NODE) for topic, payload in self.said]
        self.said.clear()
        if frames:
            house.sink.store(frames, house.clock.now)

    def until_there(self) -> None:
        """As the link does: turn by turn; what is on its way over TLS takes the time that it takes."""
        self.house.hello(self)

        def there() -> bool:
            thread = self.pull._thread
            if thread is None or not thread.is_alive():
                self.turn()
            return self.book.auth_ver > 0 and not self.link.is_behind()

        eventually(there, what="the node never got its passes")
