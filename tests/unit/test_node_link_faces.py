"""The link and faces: whose roster is believed, what is handed on, and what waits to be said."""

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from cloud_sync.protocol import chain
from cloud_sync.protocol.messages import (
    BadMessage,
    Erase,
    EraseItem,
    Head,
    Part,
    Roster,
    RosterNode,
    Sealed,
    SealedAck,
    decode,
    encode,
)
from cloud_sync.protocol.messages import signing_bytes as signed_bytes
from cloud_sync.protocol.sealed import proof_bytes
from cloud_sync.protocol.topics import NodeTopics
from edge.core import peers
from edge.core.events import AccessPointId, ClockState, NodeId
from edge.core.passes import EMPTY
from edge.link.faces import SAYING_MAX, FaceLink
from edge.link.link import Aboard, Link
from edge.link.mqtt import Heard
from edge.link.translate import encode_fact
from edge.ports import ClockReading
from edge.runtime.face_models import no_eyes
from edge.runtime.node import Node
from edge.runtime.node_parts import NoOwnLocks
from edge.store.ballast import Ballast
from edge.store.device_key import verify_ed25519
from edge.store.ledger import SqliteLedger
from tests.fakes.sealed_nodes import Keys, SteppedClock

TOPICS = NodeTopics("dongfang", "n-b")
GOLDEN = Path(__file__).parent.parent / "golden" / "messages" / "v1"
AUTHORITY, STRANGER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
A, B = Keys("n-a"), Keys("n-b")


class Side:
    """A node that only takes over."""

    def __init__(self) -> None:
        self.rosters: list[peers.Roster] = []
        self.envelopes: list[peers.Envelope] = []
        self.answers: list[tuple[str, str, str]] = []

    def roster(self, roster: peers.Roster) -> None:
        self.rosters.append(roster)

    def sealed(self, envelope: peers.Envelope) -> None:
        self.envelopes.append(envelope)

    def answered(self, *answer: str) -> None:
        self.answers.append(answer)


@pytest.fixture
def link() -> FaceLink:
    public = AUTHORITY.public_key().public_bytes_raw()
    link = FaceLink(TOPICS, lambda kid, message, sig: kid == "k1" and verify_ed25519(public, message, sig))
    link.side = Side()
    return link


def listed(keys: Keys, **more: object) -> RosterNode:
    device, sealing = (key.public_key().public_bytes_raw() for key in (keys.device, keys.sealing))
    words = {
        "node": keys.node,
        "device_key": base64.b64encode(device).decode(),
        "sealing_key": base64.b64encode(sealing).decode(),
        "proof": base64.b64encode(keys.device.sign(proof_bytes(keys.node, sealing))).decode(),
        "doors": ["AP-1"],
        **more,
    }
    return RosterNode(**words)


def roster(*nodes: RosterNode, key: Ed25519PrivateKey = AUTHORITY, **more: object) -> Roster:
    words = {"community": "dongfang", "ver": 3, "issued": 3, "nodes": list(nodes), "kid": "k1", **more}
    bare = Roster(**words)
    return replace(bare, sig=base64.b64encode(key.sign(signed_bytes(bare))).decode())


def heard(topic: str, message: object, *, retain: bool = False) -> Heard:
    return Heard("message", topic, encode(message), retain)


def test_a_signed_roster_is_handed_on_with_the_fingerprints_people_compare(link: FaceLink) -> None:
    assert link.hear(heard(TOPICS.faces, roster(listed(A), listed(B)), retain=True))
    (got,) = link.side.rosters
    assert (got.ver, [peer.fingerprint for peer in got.peers]) == (
        3,
        [A.peer().fingerprint, B.peer().fingerprint],
    )


@pytest.mark.parametrize(
    "lie",
    [
        roster(listed(A), key=STRANGER),
        replace(roster(listed(A)), sig=""),
        replace(roster(listed(A)), sig="no base64"),
        replace(roster(listed(A)), sig="无"),
        replace(roster(listed(A)), nodes=[]),
        replace(roster(listed(A)), ver=9),
        roster(listed(A), community="elsewhere"),
        roster(listed(A), kid="k2"),
    ],
    ids=[
        "a stranger's",
        "unsigned",
        "nonsense",
        "not even ASCII",
        "changed",
        "renumbered",
        "another community's",
        "another key's",
    ],
)
def test_a_roster_that_is_not_our_communitys_is_not_believed(link: FaceLink, lie: Roster) -> None:
    assert link.hear(heard(TOPICS.faces, lie))
    assert link.side.rosters == []


def test_a_sealing_key_its_device_has_not_signed_is_left_out_of_a_true_roster(link: FaceLink) -> None:
    other = listed(Keys("n-a"))
    for change in (
        {"sealing_key": other.sealing_key},
        {"proof": other.proof},
        {"node": "n-x"},
        {"proof": "?"},
    ):
        link.hear(heard(TOPICS.faces, roster(listed(A, **change), listed(B))))
        assert [peer.node for peer in link.side.rosters.pop().peers] == ["n-b"]


def test_an_envelope_is_handed_on_as_it_came_and_a_retained_one_is_not(link: FaceLink) -> None:
    frame = (GOLDEN / "sealed.json").read_bytes()
    assert not link.hear(Heard("message", TOPICS.sealed, frame, retain=True))
    assert link.hear(Heard("message", TOPICS.sealed, frame))
    (envelope,) = link.side.envelopes
    assert (envelope.sender, envelope.receiver, envelope.frame) == ("n-gate-1", "n-house-12", frame)


def test_an_answer_is_handed_on(link: FaceLink) -> None:
    assert link.hear(heard(TOPICS.sealed_ack, SealedAck(id="0" * 32, state="refused", why="erased")))
    assert link.side.answers == [("0" * 32, "refused", "erased")]


@pytest.mark.parametrize("topic", [TOPICS.faces, TOPICS.sealed, TOPICS.sealed_ack])
def test_what_cannot_be_read_is_a_bad_message(link: FaceLink, topic: str) -> None:
    with pytest.raises(BadMessage):
        link.hear(Heard("message", topic, b"{"))


def test_of_other_things_it_takes_nothing(link: FaceLink) -> None:
    assert not link.hear(Heard("message", TOPICS.auth, b"{}"))


def test_what_is_said_waits_for_a_session_and_not_without_bound(link: FaceLink) -> None:
    class Session:
        up = False
        said: list[str] = []  # noqa: RUF012

        def send(self, topic: str, _payload: bytes) -> bool:
            if self.up:
                self.said.append(topic)
            return self.up

    session = Session()
    taken = [link.say_envelope(b"frame") for _ in range(SAYING_MAX + 5)]
    assert taken.count(True) == SAYING_MAX
    link.send(session)
    assert session.said == []
    session.up = True
    link.send(session)
    assert session.said == [TOPICS.up("sealed")] * SAYING_MAX
    link.say_answer("0" * 32, "kept", "")
    link.send(session)
    assert session.said[-1] == TOPICS.up("sealedack")


def test_an_address_longer_than_any_of_ours_is_no_message() -> None:
    sealed = decode((GOLDEN / "sealed.json").read_bytes(), Sealed)
    for change in ({"to": "n" * 65}, {"pass_id": "p" * 65}, {"ct": "A" * 14_001}, {"id": "x"}):
        with pytest.raises(BadMessage):
            decode(encode(replace(sealed, **change)), Sealed)


def test_a_sealing_key_that_is_none_is_left_out_though_its_device_signed_it(link: FaceLink) -> None:
    short = b"k" * 31
    words = {
        "sealing_key": base64.b64encode(short).decode(),
        "proof": base64.b64encode(A.device.sign(proof_bytes("n-a", short))).decode(),
    }
    link.hear(heard(TOPICS.faces, roster(listed(A, **words), listed(B))))
    assert [peer.node for peer in link.side.rosters.pop().peers] == ["n-b"]


# --- an erasure that is known of and not done ---------------------------------------------------------------------


class Owing(Side):
    """A node that is told what is owed, in the order in which it happens."""

    def __init__(self) -> None:
        super().__init__()
        self.erase_ver = 4
        self.happened: list[object] = []

    def aboard(self) -> Aboard:
        return Aboard(1, "root", self.erase_ver)

    def clock(self) -> ClockReading:
        return ClockReading(1, 0, ClockState.TRUSTED, 0)

    @property
    def passes(self) -> "Owing":
        return self

    def version(self) -> tuple[int, str]:
        return 1, "root"

    def wall_ms(self) -> int:
        return 1

    def note_head(self, *_: int) -> None: ...

    def erase(self, pass_ids: list[str], erase_ver: int) -> int:
        self.happened.append(pass_ids)
        self.erase_ver = erase_ver
        return len(pass_ids)

    def tombstones(self, versions: dict[str, int]) -> None:
        self.happened.append(versions)

    def owes_erasure(self, erase_ver: int) -> None:
        self.happened.append(erase_ver)


class Said:
    """A session that keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def send(self, topic: str, _payload: bytes, *, retain: bool = False) -> bool:
        self.said.append(topic)
        return True


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Link]:
    ledger = SqliteLedger(
        tmp_path / "events.db",
        NodeId("n-b"),
        encode=encode_fact,
        chain=chain,
        new_epoch=lambda: "e" * 24,
        ballast=Ballast(tmp_path / "reserve"),
    )
    link = Link(
        topics=TOPICS,
        software="1",
        boot_id="b",
        ledger=ledger,
        node=Owing(),
        verify=lambda *_: True,
        open_session=lambda *_: Said(),
        sign=lambda _: bytes(64),
    )
    link.faces.side = link._node
    yield link
    ledger.close()


def head(erase_ver: int) -> Head:
    words = {
        "node": "n-b",
        "auth_ver": 1,
        "count": 0,
        "root": "root",
        "issued": 1,
        "lease_until": 2,
        "kid": "k1",
    }
    return Head(**words, erase_ver=erase_ver)


def test_nobody_is_looked_at_from_the_head_that_tells_of_an_erasure_until_it_is_done(whole: Link) -> None:
    item = EraseItem(template_ref="*", pass_id="P-1", reason="consent withdrawn", pass_version=3)
    whole._receive(heard(TOPICS.auth_head, head(4), retain=True), 0.0)
    whole._receive(heard(TOPICS.auth_head, head(5), retain=True), 0.0)
    whole._receive(heard(TOPICS.erase, Erase(node="n-b", erase_ver=5, items=[item], kid="k1")), 0.0)
    assert whole._node.happened == [0, 5, {"P-1": 3}, ["P-1"], 0]
    assert whole._session.said[-1] == TOPICS.up("eraseack")


def test_a_signature_or_a_part_that_is_not_even_ascii_is_refused_and_the_link_lives(whole: Link) -> None:
    item = EraseItem(template_ref="*", pass_id="P-1", reason="consent withdrawn", pass_version=3)
    erase = Erase(node="n-b", erase_ver=5, items=[item], kid="k1", sig="无")
    part = Part(auth_ver=1, i=0, n=1, data="无")
    topics = ((TOPICS.auth_head, replace(head(5), sig="无")), (TOPICS.erase, erase), (TOPICS.auth, part))
    for topic, message in topics:
        whole._hear(heard(topic, message))
    assert (whole._node.happened, whole._session.said) == ([], [])


def test_an_erasure_that_takes_too_long_is_not_receipted_and_comes_again(whole: Link, monkeypatch) -> None:
    def too_slow(*_: object) -> int:
        raise TimeoutError

    item = EraseItem(template_ref="*", pass_id="P-1", reason="consent withdrawn", pass_version=3)
    erase = heard(TOPICS.erase, Erase(node="n-b", erase_ver=5, items=[item], kid="k1"))
    with monkeypatch.context() as busy:
        busy.setattr(whole._node, "erase", too_slow)
        whole._hear(erase)
    assert TOPICS.up("eraseack") not in whole._session.said
    whole._hear(erase)
    assert whole._session.said[-1] == TOPICS.up("eraseack")


def test_a_node_that_owes_an_erasure_looks_at_nobody() -> None:
    async def looked(*, held: bool) -> int:
        seen: list[object] = []

        class Door:
            access_point, fire_group = AccessPointId("AP-1"), None

            async def on_face(self, face: object) -> None:
                seen.append(face)

        parts = SimpleNamespace(
            book=SimpleNamespace(auth_ver=0, held=EMPTY),
            clock=SteppedClock(),
            templates=SimpleNamespace(pairs=lambda: ()),
            own_locks=NoOwnLocks(),
            going=None,
            want_before=no_eyes,
        )
        node = Node(parts, {AccessPointId("AP-1"): "lane"}, {})
        node.take_gates([Door()])
        node.faces_held = held
        node._face(SimpleNamespace(camera="lane"))
        await asyncio.gather(*node._tasks)
        node.close()
        return len(seen)

    assert [asyncio.run(looked(held=held)) for held in (False, True)] == [1, 0]
