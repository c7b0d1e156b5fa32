"""A whole set by one signed HTTPS request: over real TLS, believed by its root only, and by the bus where that fails."""

import base64
import dataclasses
import json
import ssl
from dataclasses import dataclass, field

import httpx
import msgspec
import pytest

from cloud_sync.compose import join_file, open_books, set_up, tls_files
from cloud_sync.config import WebConfig
from cloud_sync.errors import Refused, StoreError
from cloud_sync.protocol import delta
from cloud_sync.protocol.pull import (
    NONCE,
    PULL_PATH,
    SIGNATURE,
    SKEW_MS,
    TIME,
    VERSION,
    request_bytes,
)
from cloud_sync.store.places import NodeJoin
from cloud_sync.web.tls import ensure_local_authority
from edge.compose_talk import passes_pull
from edge.config import NodeConfig
from edge.link import pull as pulling
from edge.link.pull import HttpsPull, Place, Pulled
from edge.store.device_key import read_join
from tests.fakes import sealed_nodes
from tests.fakes.community_house import NAME, config_in
from tests.fakes.passes_down import Node, Office, passes
from tests.fakes.pulling import NODE, PullHouse, PullNode
from tests.fakes.web_house import COMMUNITY
from tests.fakes.wire_ledger import device_key, device_public

NONCES = [f"{n:032x}" for n in range(9)]


@pytest.fixture
def house(tmp_path):
    made = PullHouse(tmp_path)
    made.distributor.tick()
    yield made
    made.close()


@pytest.fixture
def node(house, tmp_path):
    with house.serving() as (server, ca):
        made = PullNode(house, tmp_path, server.url, ca)
        yield made
        made.book.close()


def signed(house, nonce=NONCES[0], *, node=NODE, key=NODE, at_ms=None):
    at_ms = house.clock.now_ms() if at_ms is None else at_ms
    signature = device_key(key).sign(request_bytes(COMMUNITY, node, at_ms, nonce))
    return {"at_ms": at_ms, "nonce": nonce, "signature": base64.b64encode(signature).decode()}


# --- over TLS ------------------------------------------------------------------------------------------------------


def test_a_new_node_is_told_to_fetch_its_set_and_gets_it_over_tls_and_in_no_part(house, node):
    node.until_there()
    assert [row.pass_id for row in node.book.passes] == [line.pass_id for line in house.registry.passes()]
    assert "auth/pull" in node.heard
    assert "auth" not in node.heard
    assert (house.distributor.counters.pulls, house.distributor.counters.parts) == (1, 0)
    node.turn()
    node.turn()
    assert house.distributor.counters.snapshots == 0


def test_what_changes_while_it_is_on_its_way_follows_as_a_delta(house, node):
    node.until_there()
    before = node.book.auth_ver
    house.registry.cancel_booking("tujia", "B-1", actor="test", reason="changed plans")
    node.until_there()
    assert node.book.auth_ver > before
    assert {str(row.state) for row in node.book.passes} == {"REVOKED"}
    assert house.distributor.counters.parts == 0


def test_where_nobody_is_trusted_or_nobody_answers_the_set_comes_in_parts(house, tmp_path):
    (tmp_path / "node").mkdir()
    other = ensure_local_authority(tmp_path / "other", ["127.0.0.1"]).ca.read_text()
    with house.serving() as (server, _):
        url = server.url
        node = PullNode(house, tmp_path / "node", url, other)
        node.until_there()
        node.book.close()
    assert "auth" in node.heard
    assert (house.distributor.counters.pulls, house.distributor.counters.snapshots) == (1, 1)
    (tmp_path / "again").mkdir()
    house.restart()
    node = PullNode(house, tmp_path / "again", url, other)  # the pages have ended
    node.until_there()
    node.book.close()
    assert "auth" in node.heard


def test_the_answer_names_no_person_and_a_request_of_another_shape_is_refused_before_anything(house):
    with house.serving() as (server, ca):
        url = server.url + PULL_PATH.format(node=NODE)
        words = signed(house)
        head = {TIME: str(words["at_ms"]), NONCE: words["nonce"], SIGNATURE: words["signature"]}
        trust = ssl.create_default_context(cadata=ca)
        with httpx.Client(verify=trust, timeout=60) as client:
            answer = client.get(url, headers=head)
            assert answer.status_code == 200
            assert answer.headers[VERSION] == "1"
            assert NAME.encode() not in answer.content
            assert [row for row, _ in delta.split(answer.content)] == [
                line.pass_id for line in house.registry.passes()
            ]
            assert client.get(url, headers=head).status_code == 403
            assert client.get(url).status_code == 422
            assert client.get(url, headers={**head, NONCE: "z" * 32}).status_code == 422
            assert client.post(url, headers=head).status_code == 405


# --- who may ask ---------------------------------------------------------------------------------------------------


def test_only_the_nodes_own_device_for_this_moment_and_once(house):
    house.snapshots.pull(NODE, **signed(house))
    house.clock.now += 60_000
    refused = [
        signed(house, NONCES[0], at_ms=house.clock.now - 60_000),  # the same again
        signed(house, NONCES[1], key="building-7"),
        signed(house, NONCES[2], node="building-7"),
        signed(house, NONCES[3], at_ms=house.clock.now - SKEW_MS - 1),
        signed(house, NONCES[4], at_ms=house.clock.now + SKEW_MS + 1),
        {**signed(house, NONCES[5]), "at_ms": house.clock.now + 1},
        {**signed(house, NONCES[6]), "nonce": NONCES[7]},
        {**signed(house, NONCES[7]), "signature": "A" * 88},
    ]
    for words in refused:
        with pytest.raises(Refused):
            house.snapshots.pull(NODE, **words)
    with pytest.raises(Refused):
        house.snapshots.pull("nobody", **signed(house, NONCES[8], node="nobody", key="nobody"))


def test_a_request_cannot_be_played_again_as_long_as_its_time_is_believed(house):
    early = signed(house, at_ms=house.clock.now + SKEW_MS)  # the node's clock is ahead
    house.snapshots.pull(NODE, **early)
    house.clock.now += 2 * SKEW_MS
    with pytest.raises(Refused, match="before"):
        house.snapshots.pull(NODE, **early)
    house.clock.now += 1
    with pytest.raises(Refused, match="this moment"):
        house.snapshots.pull(NODE, **early)


def test_a_node_that_asks_again_at_once_gets_its_passes_in_parts(house):
    house.snapshots.pull(NODE, **signed(house, NONCES[0]))
    with pytest.raises(StoreError, match="in parts"):
        house.snapshots.pull(NODE, **signed(house, NONCES[1]))
    house.clock.now += 10_000
    assert house.snapshots.pull(NODE, **signed(house, NONCES[2])).auth_ver == 1


def test_a_set_that_is_not_the_one_that_was_signed_is_not_given_away(house):
    house.registry.cancel_booking("tujia", "B-1", actor="test", reason="changed plans")
    with pytest.raises(StoreError, match="being changed"):
        house.snapshots.pull(NODE, **signed(house))
    house.distributor.tick()
    house.clock.now += 10_000
    assert house.snapshots.pull(NODE, **signed(house, NONCES[1])).auth_ver == 2


# --- the node's end ------------------------------------------------------------------------------------------------


@dataclass
class Carrier:
    """Brings what it is given at the first look."""

    pulled: Pulled
    asked: int = 0
    busy: bool = False
    brought: list[int] = field(default_factory=list)

    def start(self) -> None:
        self.asked, self.busy = self.asked + 1, True

    def take(self) -> Pulled:
        self.busy = False
        self.brought.append(self.pulled.auth_ver)
        return self.pulled


@pytest.fixture
def office(tmp_path):
    made = Office(Node(tmp_path))
    made.distributor._pull = True
    made.wanted = passes(*range(300))
    yield made
    made.node.book.close()


def packed(*numbers):

    return delta.join([msgspec.msgpack.encode(row) for row in passes(*numbers).values()])


@pytest.mark.parametrize(
    ("what", "version"),
    [
        (packed(*range(299)), 1),
        (packed(*range(301)), 1),
        (packed(*range(300))[:-1], 1),
        (b"", 1),
        (packed(*range(300)), 2),
        (None, 0),
    ],
)
def test_what_does_not_give_the_signed_root_is_put_aside_and_the_parts_are_asked_for(office, what, version):
    office.node.link.fetch = carrier = Carrier(Pulled(version, what))
    office.settle()
    assert carrier.asked == 1
    assert office.node.book.auth_ver == 1
    assert office.distributor.counters.snapshots == 1


def test_what_does_is_in_force_without_a_part(office):
    office.node.link.fetch = carrier = Carrier(Pulled(1, packed(*range(300))))
    office.settle()
    assert carrier.brought == [1]
    assert office.distributor.counters.parts == 0


def test_a_node_that_cannot_fetch_says_so_at_once_and_one_of_version_1_is_never_told_to(office):
    assert office.settle() < 20
    assert (office.distributor.counters.pulls, office.distributor.counters.snapshots) == (1, 1)


def test_a_node_of_version_1_gets_parts(tmp_path):
    office = Office(Node(tmp_path, wv=1))
    office.distributor._pull = True
    office.wanted = passes(*range(30))
    office.settle()
    assert (office.distributor.counters.pulls, office.distributor.counters.snapshots) == (0, 1)
    office.node.book.close()


def test_a_node_that_neither_fetches_nor_asks_is_sent_parts_after_a_minute(office):
    class Lost(Carrier):
        def take(self):
            return None

    office.node.link.fetch = Lost(Pulled(0, None))
    assert 590 < office.settle() < 700


def test_a_set_without_end_is_cut_off(house, monkeypatch):
    monkeypatch.setattr(pulling, "SET_BYTES_MAX", 100)
    with house.serving() as (server, ca):
        place = Place(server.url, ca, COMMUNITY, NODE)
        asked = HttpsPull(place, device_key(NODE).sign, house.clock.now_ms)
        with pytest.raises(ValueError, match="more than 100 bytes"):
            asked._ask()
        house.clock.now += 10_000
        monkeypatch.setattr(pulling, "PULL_S", -1.0)
        monkeypatch.setattr(pulling, "SET_BYTES_MAX", 10_000)
        with pytest.raises(ValueError, match="not whole"):
            asked._ask()


@pytest.mark.parametrize("url", ["http://gate.example", "ftp://gate.example", "https://"])
def test_nothing_is_asked_of_an_address_that_is_not_https(url):
    asked = HttpsPull(Place(url, "", COMMUNITY, NODE), device_key(NODE).sign, lambda: 0)
    with pytest.raises(ValueError, match="HTTPS"):
        asked._ask()


# --- how a node comes to know where --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("web", "offered"),
    [
        ({}, False),
        ({"host": "0.0.0.0"}, True),
        ({"names": ("gate.example",)}, True),
        ({"names": ("gate.example",), "tls": False}, False),
        ({"public_url": "https://gate.example/pages"}, True),
        ({"public_url": "http://gate.example"}, False),
        ({"public_url": "https://localhost:8443", "names": ("gate.example",)}, False),
    ],
)
def test_it_is_offered_where_a_node_on_another_machine_could_get_it(web, offered):
    assert WebConfig(**web).serves_nodes is offered


def test_the_join_file_says_where_and_whom_to_trust(tmp_path):
    web = WebConfig(names=("gate.example",))
    config = config_in(tmp_path).model_copy(update={"web": web})
    set_up(config)
    books = open_books(config)
    books.registry.add_node(NodeJoin(NODE, "East", device_public(NODE), ()))
    (tmp_path / "join.json").write_bytes(join_file(books, NODE))
    books.close()
    join = read_join(tmp_path / "join.json")
    assert join.pages_url == "https://gate.example:8443"
    assert join.pages_ca == tls_files(config).ca.read_text()
    node = NodeConfig.model_construct(node=NODE, data_dir=tmp_path)
    made = passes_pull(node, join, sealed_nodes.SteppedClock())
    assert made is not None
    assert made._place == Place(join.pages_url, join.pages_ca, COMMUNITY, NODE)
    assert (
        passes_pull(
            node, dataclasses.replace(join, pages_url="http://gate.example"), sealed_nodes.SteppedClock()
        )
        is None
    )


def test_a_certificate_of_somebody_elses_is_trusted_by_whom_the_machine_trusts(tmp_path):
    files = ensure_local_authority(tmp_path / "theirs", ["gate.example"])
    web = WebConfig(names=("gate.example",), cert_file=files.cert, key_file=files.key)
    config = config_in(tmp_path).model_copy(update={"web": web})
    set_up(config)
    books = open_books(config)
    books.registry.add_node(NodeJoin(NODE, "East", device_public(NODE), ()))
    assert json.loads(join_file(books, NODE))["pages_ca"] is None
    books.close()
