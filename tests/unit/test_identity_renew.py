"""Renewal: asked by the node at two thirds of its certificate's life, answered once, taken whole."""

from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from cloud_sync.compose import Books, open_books
from cloud_sync.identity.authority import NODE_LIFE
from cloud_sync.identity.book import RENEWALS_A_DAY_MAX
from cloud_sync.identity.rotate import key_links, rotate
from cloud_sync.identity.work import IdentityWork
from cloud_sync.ports import Told
from cloud_sync.protocol.identity import Issued, KeyChain, Renew
from cloud_sync.protocol.messages import BadMessage, decode, encode
from cloud_sync.protocol.topics import NodeTopics
from cloud_sync.store.sink import SinkStore
from edge.compose_identity import Identity
from edge.core.events import ClockState
from edge.link.identity import ASK_EVERY_S, IdentityLink
from edge.link.mqtt import Heard
from edge.ports import ClockReading
from tests.fakes.community_house import NOON_MS, SteppedClock, new_house
from tests.fakes.joining import Joiner
from tests.fakes.kept_post import Post

DAY_MS = 86_400_000
TOPICS = NodeTopics("dongfang", "gate-2")
# The certificate begins an hour before it is issued, so that clocks need not agree to the second.
DUE_MS = NOON_MS - 3_600_000 + (NODE_LIFE // timedelta(milliseconds=1) + 3_600_000) * 2 // 3


class Office:
    def __init__(self, folder: Path, database: str) -> None:
        made = new_house(folder, database=database)
        (folder / "ca.pem").write_bytes(made.certificates.authority.pem)
        broker = made.config.broker.model_copy(update={"embedded": False, "ca_file": folder / "ca.pem"})
        made.close()
        self.clock = SteppedClock()
        self.books: Books = open_books(made.config.model_copy(update={"broker": broker}), self.clock)
        self.sink = SinkStore(self.books.engine, "dongfang")
        self.post = Post()
        self.work = IdentityWork(self.books.certificates, self.post, self.clock, "dongfang")
        self.node = Joiner(folder / "nodes", "gate-2", NOON_MS)
        self.node.join(self.books, "AP-dongfang-002")

    def tell(self, wish: Renew) -> list[str]:
        """The wish comes up by the sink; the certificates that go down."""
        before = len(self.post.on(TOPICS.cert))
        self.sink.store([Told(wish.n, wish, encode(wish))], self.clock.at_ms)
        self.work()
        return [decode(frame, Issued).cert for frame in self.post.on(TOPICS.cert)[before:]]

    def close(self) -> None:
        self.sink.close()
        self.books.close()


@pytest.fixture
def office(tmp_path: Path, database: str):
    office = Office(tmp_path, database)
    yield office
    office.close()


def side(node: Joiner, *, renews: bool = True) -> Identity:
    return Identity(node.bus, None, node.folder / "device.key", node.node, renews)


def reading(at_ms: int, state: ClockState = ClockState.TRUSTED, mono_s: float = 0) -> ClockReading:
    return ClockReading(at_ms, round(mono_s * 1e9), state, 0)


def test_a_node_asks_from_two_thirds_of_the_life_on(office: Office) -> None:
    node = side(office.node)
    assert node.wish(reading(DUE_MS - DAY_MS)) is None
    assert node.wish(reading(DUE_MS + 1)) is not None


def test_a_node_without_the_time_or_with_certificates_of_its_owner_does_not_ask(office: Office) -> None:
    assert side(office.node).wish(reading(DUE_MS + 1, ClockState.UNTRUSTED)) is None
    assert side(office.node, renews=False).wish(reading(DUE_MS + 1)) is None


def test_the_whole_way_ends_with_another_key_and_thirty_more_days(office: Office) -> None:
    office.clock.at_ms = DUE_MS + 1
    wish = side(office.node).wish(reading(office.clock.at_ms))
    (cert,) = office.tell(wish)
    before = office.node.bus.files.key.read_bytes()
    assert side(office.node).take(cert)
    assert office.node.bus.files.key.read_bytes() != before
    assert office.node.bus.life()[1] == office.clock.at_ms // 1000 * 1000 + NODE_LIFE.days * DAY_MS
    assert side(office.node).wish(reading(office.clock.at_ms)) is None
    assert office.books.certificates.waiting() == []
    made = [row.how for row in office.books.certificates.listed()]
    assert made == ["join", "renewal"]


def test_an_answer_that_was_lost_is_given_again_and_not_made_again(office: Office) -> None:
    office.clock.at_ms = DUE_MS + 1
    wish = side(office.node).wish(reading(office.clock.at_ms))
    assert office.tell(wish) == office.tell(wish)
    assert len(office.books.certificates.listed()) == 2


def test_a_node_that_plays_with_its_key_gets_so_many_a_day(office: Office, tmp_path: Path) -> None:
    office.clock.step(hours=48)
    answers = []
    for n in range(RENEWALS_A_DAY_MAX + 2):
        other = Joiner(tmp_path / str(n), "gate-2", NOON_MS)  # another bus key each time
        csr = other.bus.request()
        answers += office.tell(office.node.renewal(office.clock.at_ms, csr=csr))
    assert len(answers) == RENEWALS_A_DAY_MAX
    assert office.work.counters.refused == 2
    office.clock.step(hours=25)
    assert len(office.tell(office.node.renewal(office.clock.at_ms))) == 1


def test_only_the_device_key_of_that_node_is_answered(office: Office, tmp_path: Path) -> None:
    good = office.node.renewal(NOON_MS)
    other = Joiner(tmp_path / "nodes", "gate-3", NOON_MS)
    lies = [
        replace(good, sig=""),
        replace(good, at=good.at + 1),
        replace(good, csr=other.bus.request()),
        other.renewal(NOON_MS, n="gate-2"),
        replace(good, csr="nonsense"),
        office.node.renewal(NOON_MS, csr="nonsense"),
    ]
    assert [office.tell(lie) for lie in lies] == [[]] * len(lies)
    assert office.work.counters.refused == len(lies)


def test_a_node_that_is_not_registered_gets_none(office: Office, tmp_path: Path) -> None:
    stranger = Joiner(tmp_path / "nodes", "gate-9", NOON_MS)
    wish = stranger.renewal(NOON_MS)
    office.sink.store([Told("gate-9", wish, encode(wish))], NOON_MS)
    office.work()
    assert office.post.on(NodeTopics("dongfang", "gate-9").cert) == []


def test_while_the_bus_is_away_the_wish_waits(office: Office) -> None:
    office.post.session = 0
    assert office.tell(office.node.renewal(NOON_MS)) == []
    assert office.books.certificates.waiting() == ["gate-2"]
    office.post.session = 2
    office.work()
    assert len(office.post.on(TOPICS.cert)) == 1


# --- the link's part ---------------------------------------------------------------------------------------------


class Session:
    def __init__(self) -> None:
        self.said: list[tuple[str, bytes]] = []

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        self.said.append((topic, payload))
        return True


def test_the_link_asks_at_once_and_then_every_ten_minutes(office: Office) -> None:
    link, session = IdentityLink(TOPICS), Session()
    for at_s in (0.0, 1.0, ASK_EVERY_S - 1, ASK_EVERY_S + 1):
        link.ask(session, reading(DUE_MS + 1, mono_s=at_s))
    assert session.said == []  # nobody attached
    link.side = side(office.node)
    for at_s in (0.0, 1.0, ASK_EVERY_S - 1, ASK_EVERY_S + 1):
        link.ask(session, reading(DUE_MS + 1, mono_s=at_s))
    assert [topic for topic, _ in session.said] == [TOPICS.up("renew")] * 2


def test_a_certificate_that_was_taken_asks_for_a_new_session_once(office: Office) -> None:
    link = IdentityLink(TOPICS)
    link.side = side(office.node)
    (cert,) = office.tell(office.node.renewal(NOON_MS))
    for bad in (Issued(node="gate-3", cert=cert), Issued(node="gate-2", cert="nonsense")):
        assert link.hear(Heard("message", TOPICS.cert, encode(bad)))
        assert not link.renewed()
    assert not link.hear(Heard("message", TOPICS.cert, encode(Issued(node="gate-2", cert=cert)), retain=True))
    assert link.hear(Heard("message", TOPICS.cert, encode(Issued(node="gate-2", cert=cert))))
    assert (link.renewed(), link.renewed()) == (True, False)


def test_a_key_that_was_followed_asks_for_a_new_session_once_for_what_is_retained(office: Office) -> None:
    class Side:
        links = 0

        def follow(self, chain: KeyChain) -> bool:
            before, self.links = self.links, len(chain.links)
            return self.links > before

    link = IdentityLink(TOPICS)
    link.side = Side()
    rotate(
        office.books.house,
        office.books.config.keys,
        "community",
        overlap_days=0,
        by="Li",
        reason="yearly",
        actor="cli:li",
    )
    told = Heard("message", TOPICS.keys, encode(key_links(office.books.config.keys)), retain=True)
    seen = []
    for _ in range(2):
        assert link.hear(told)
        seen += [link.renewed(), link.renewed()]
    assert seen == [True, False, False, False]


def test_what_is_not_about_identity_is_let_pass_and_nonsense_is_said(office: Office) -> None:
    link = IdentityLink(TOPICS)
    assert not link.hear(Heard("message", TOPICS.ack, b"{}"))
    assert link.hear(Heard("message", TOPICS.keys, encode(KeyChain(links=[])), retain=True))
    with pytest.raises(BadMessage):
        link.hear(Heard("message", TOPICS.keys, b"{", retain=True))


def test_the_old_certificate_stays_valid_until_its_end(office: Office) -> None:
    """Nothing is revoked by a renewal: the answer may be lost, and then the node goes on with what it has."""
    office.tell(office.node.renewal(NOON_MS))
    assert len(office.books.certificates.listed()) == 2
    assert office.books.certificates.revoked() == []
