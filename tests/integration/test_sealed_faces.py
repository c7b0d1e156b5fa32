"""A guest enrolled at one node is known at the next: sealed on the way, never in clear, and gone when asked."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as paho
import pytest
import sqlalchemy as sa
from paho.mqtt.enums import CallbackAPIVersion
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))  # the rig is not a test and not a package

from node_rig import NodeRig

from cloud_sync.cli import app as sync_app
from cloud_sync.compose import Books, join_file, set_up
from cloud_sync.config import load
from cloud_sync.jobs import SystemClock
from cloud_sync.protocol.topics import NodeTopics
from cloud_sync.service import Service
from cloud_sync.store import tables
from cloud_sync.store.engine import reading
from cloud_sync.store.guests import ConsentWish
from cloud_sync.store.places import AccessPointSpec, NodeJoin, PiaRecord
from demo import scan
from demo.proxy import Cable
from demo.stage import Cue, wait_until
from edge.cli import app as node_app
from edge.errors import GateError
from tests.fakes.brokers import free_port
from tests.fakes.community_house import booking_row, listing_row, local, registration_row, take

pytestmark = [pytest.mark.alone, pytest.mark.clips]

HOUR = 3_600_000
A, B = "n-a", "n-b"
DOORS = {A: "AP-t-001", B: "AP-t-002"}
WISH = ConsentWish("face_access", "face_access-1", "zh", "staff", None)

SERVICE = """
data_dir = "service"
[community]
code = "test"
name_zh = "测试"
name_en = "Test"
synthetic = true
[web]
tls = false
port = {web_port}
[broker]
port = {port}
"""


@dataclass
class Tap:
    """Somebody on the bus who hears everything, and may say whatever he likes."""

    port: int
    heard: list[tuple[str, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        self.client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self.client.on_message = lambda _client, _user, message: self.heard.append(
            (message.topic, bytes(message.payload))
        )
        self.client.connect("127.0.0.1", self.port)
        self.client.loop_start()

    def on(self, topic: str) -> list[dict[str, object]]:
        return [json.loads(payload) for told, payload in list(self.heard) if told == topic]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@dataclass
class Street:
    """The whole service, and two nodes with a camera each; the second one's cable can be pulled."""

    folder: Path
    service: Service
    tap: Tap
    cable: Cable
    rigs: dict[str, NodeRig]

    @property
    def books(self) -> Books:
        assert self.service.books is not None
        return self.service.books

    def gallery(self, node: str) -> int:
        return int(self.rigs[node].door().get("gallery_n", -1))

    def faces(self, node: str) -> dict[str, object]:
        return self.rigs[node].ask({"do": "status"})["faces"]

    def envelopes(self) -> int:
        with reading(self.books.engine).connect() as db:
            return db.execute(sa.select(sa.func.count()).select_from(tables.envelope)).scalar_one()

    def owed(self) -> set[str]:
        """Nodes that have not receipted an erasure."""
        with reading(self.books.engine).connect() as db:
            table = tables.erasure
            return set(db.execute(sa.select(table.c.node).where(table.c.acked_ms.is_(None))).scalars())


@pytest.fixture
def street(tmp_path_factory: pytest.TempPathFactory, clips: Path) -> Iterator[Street]:
    folder, port = tmp_path_factory.mktemp("s"), free_port()
    (folder / "service.toml").write_text(SERVICE.format(port=port, web_port=free_port()))
    config = load(folder / "service.toml")
    set_up(config)
    service, cable = Service(config), Cable(port)
    try:
        rigs = {}
        for node, door in DOORS.items():
            (folder / node).mkdir()
            way = cable.port if node == B else port
            rigs[node] = NodeRig(folder / node, clips, broker_port=way, node=node, door=door)
            _register(service.books, rigs[node], door)
        _let_faces(service.books, folder)
        for node, rig in rigs.items():
            (rig.folder / "join.json").write_bytes(join_file(service.books, node))
        _book_in(service.books)
        with service:
            tap = Tap(port)
            with rigs[A], rigs[B]:
                made = Street(folder, service, tap, cable, rigs)
                wait_until(
                    lambda: all(rig.door().get("face") == "on" for rig in rigs.values()),
                    within_s=120,
                    what="both face engines",
                )
                yield made
            tap.close()
    finally:
        service.stop()
        cable.close()


def _register(books: Books, rig: NodeRig, door: str) -> None:
    """As a technician does: what the node's own command prints goes to the service."""
    asked = CliRunner().invoke(node_app, ["join-request", "--config", str(rig.config)])
    shown = json.loads(asked.output)
    spec = AccessPointSpec(door, "gate", "门", "Gate")
    books.registry.add_node(
        NodeJoin(
            rig.node, rig.node, shown["public_key"], (spec,), shown["sealing_key"], shown["sealing_proof"]
        )
    )
    rig.fingerprint = shown["fingerprint"]


def _let_faces(books: Books, folder: Path) -> None:
    review_ms = SystemClock().now_ms() + 400 * HOUR
    record = PiaRecord("entry", "test", "small", "sealed", "tester", review_ms, synthetic=True)
    pia = books.registry.record_pia(record)
    for node, door in DOORS.items():
        books.registry.enable_face(door, pia, "tester")
        words = ["face", "approve-node", node, "--by", "Li", "--reason", "a test"]
        typed = CliRunner().invoke(sync_app, [*words, "--config", str(folder / "service.toml")])
        assert typed.exit_code == 0, typed.output


def _book_in(books: Books) -> None:
    now_ms = SystemClock().now_ms()
    stay = {"arrival": local(now_ms - HOUR), "departure": local(now_ms + 20 * HOUR)}
    assert take(books, "listings", listing_row(access_points=" ".join(DOORS.values()))) == ["new"]
    assert take(books, "bookings", booking_row(**stay)) == ["new"]
    assert take(books, "registrations", registration_row()) == ["new"]
    books.registry.consent_for_booking("xc", "1001", WISH, actor="test")


def the_pass(street: Street) -> str:
    (line,) = street.books.registry.passes()
    return line.pass_id


def enrol_at_a(street: Street, clips: Path) -> str:
    """The guest of the clip before the first node's camera; returns the pass."""
    pass_id, rig = the_pass(street), street.rigs[A]
    wait_until(lambda: rig.ask({"do": "status"})["auth_ver"] > 0, within_s=90, what="the pass has arrived")
    rig.stage.enter(Cue(clips / "WolfgangLanger_Pexels.mp4", 3.5, 14.4), "enrolling")
    enrolled = rig.ask({"do": "enrol_camera", "pass_id": pass_id, "access_point": DOORS[A]})
    assert enrolled["pictures"] == 3
    return pass_id


def trusted_at_a(street: Street) -> None:
    wait_until(lambda: street.faces(A)["nodes"], within_s=60, what="the roster has arrived")
    assert "trusted" in types_at(street, A, *trusting(street.rigs[B].fingerprint))
    said = types_at(street, A, "status")
    assert f"receiver {B} {street.rigs[B].fingerprint}: trusted" in said
    assert f"takes part; this node's fingerprint: {street.rigs[A].fingerprint}" in said


def trusting(fingerprint: str) -> list[str]:
    words = ["--by", "officer-2", "--reason", "the house door"]
    return ["trust-receiver", B, "--fingerprint", fingerprint, *words]


def types_at(street: Street, node: str, *words: str) -> str:
    """Somebody at this node's machine."""
    typed = CliRunner().invoke(node_app, [*words, "--config", str(street.rigs[node].config)])
    if typed.exception is not None:
        raise typed.exception
    return typed.output


def stands_before_b(street: Street, clips: Path) -> None:
    street.rigs[B].stage.enter(Cue(clips / "WolfgangLanger_Pexels.mp4", 15.7, 18.6), "face")


def in_clear(street: Street, vectors: list[bytes]) -> list[str]:
    roots = [street.folder / "service", *(street.folder / node / "data" for node in DOORS)]
    return scan.templates_in(roots, vectors, heard=list(street.tap.heard))


@pytest.mark.story("1a", "3b", "3c", "3e")
def test_enrolled_at_one_node_known_at_the_next_sealed_between_and_erased_at_both(
    street: Street, clips: Path
) -> None:
    pass_id = enrol_at_a(street, clips)
    wait_until(lambda: street.faces(A)["nodes"], within_s=60, what="the roster has arrived")
    assert street.faces(A)["nodes"][0]["trust"] == "not trusted"
    with pytest.raises(GateError, match="fingerprint"):
        types_at(street, A, *trusting(street.rigs[A].fingerprint))
    assert street.tap.on(NodeTopics("test", A).up("sealed")) == []  # nobody has said yes at this node

    trusted_at_a(street)
    wait_until(
        lambda: street.gallery(B) == 1, within_s=120, what=f"the second node knows; {street.rigs[B].log()}"
    )
    enrolled = street.rigs[B].wait_event("sys.enrolled")
    assert (enrolled["pass_id"], enrolled["x"]) == (pass_id, {"k": 3, "from": A})
    wait_until(
        lambda: street.faces(A)["nodes"][0]["kept"] == 1, within_s=60, what="the sender knows it is kept"
    )
    wait_until(lambda: street.envelopes() == 0, within_s=40, what="nothing is left on its way")
    trust = street.rigs[A].wait_event("sys.receiver_trusted")
    assert (trust["actor"], trust["x"]["node"]) == ("officer-2", B)

    stands_before_b(street, clips)
    granted = street.rigs[B].wait_event("access.granted")
    assert (granted["credential_kind"], granted["pass_id"]) == ("face", pass_id)
    street.rigs[B].lane_is_empty()

    vectors = scan.template_vectors(street.folder / A)
    assert vectors == scan.template_vectors(street.folder / B)
    assert len(vectors) == 4
    assert in_clear(street, vectors) == []
    planted = street.folder / "service" / "planted.bin"
    planted.write_bytes(b"anything" + vectors[2][48:80])  # a scan that misses it proves nothing
    assert in_clear(street, vectors) == [str(planted)]
    planted.unlink()

    (envelope,) = {payload for topic, payload in street.tap.heard if topic == NodeTopics("test", B).sealed}
    _withdrawn_while_b_is_away(street, clips, pass_id)
    _late_envelope_stays_out(street, envelope)
    assert in_clear(street, vectors) == []


def _withdrawn_while_b_is_away(street: Street, clips: Path, pass_id: str) -> None:
    street.cable.cut()
    assert street.books.registry.withdraw_for_booking("xc", "1001", "face_access", actor="test") == 1
    wait_until(lambda: street.owed() == {B}, within_s=60, what="the first node's receipt")
    assert (street.gallery(A), street.gallery(B)) == (0, 1)
    stands_before_b(street, clips)
    street.cable.mend()
    wait_until(
        lambda: street.owed() == set(), within_s=150, what=f"the second receipt; {street.rigs[B].log()}"
    )
    assert street.gallery(B) == 0
    assert scan.template_vectors(street.folder / B) == []
    erased = street.rigs[B].wait_event("sys.erased")
    assert erased["pass_id"] == pass_id
    street.rigs[B].lane_is_empty()
    events = [event.body for event in street.rigs[B].events()]
    back = max(at for at, body in enumerate(events) if body["type"] == "link.up")
    assert [body for body in events[back:] if body["type"] == "access.granted"] == []


def _late_envelope_stays_out(street: Street, envelope: bytes) -> None:
    """The guest consents again; what was sealed before comes late, true signature and all."""
    before = street.rigs[B].ask({"do": "status"})["auth_ver"]
    street.books.registry.consent_for_booking("xc", "1001", WISH, actor="test")
    wait_until(
        lambda: street.rigs[B].ask({"do": "status"})["auth_ver"] > before, within_s=60, what="consent again"
    )
    street.tap.client.publish(NodeTopics("test", B).sealed, envelope, qos=1)
    answers = NodeTopics("test", B).up("sealedack")
    wait_until(
        lambda: any(answer.get("why") == "erased" for answer in street.tap.on(answers)),
        within_s=60,
        what=f"a refusal; {street.tap.on(answers)}",
    )
    assert street.faces(B)["refused"] == {"erased": 1}
    assert street.gallery(B) == 0
    # The same, brought to the service instead: it is not even stored.
    street.tap.client.publish(NodeTopics("test", A).up("sealed"), envelope, qos=1)
    told = NodeTopics("test", A).sealed_ack
    wait_until(
        lambda: any(answer.get("why") == "erased" for answer in street.tap.on(told)),
        within_s=60,
        what="the service says no",
    )
    assert street.gallery(B) == 0
