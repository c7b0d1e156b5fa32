"""The service's part: a named person's approval, a signed roster, and ciphertext for as long as it is of use."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec.structs import replace

from cloud_sync.compose import Books
from cloud_sync.distribute.faces import FaceDriver
from cloud_sync.errors import NotFound, Refused, StoreError
from cloud_sync.protocol.messages import Roster, Sealed, SealedAck, decode, signing_bytes
from cloud_sync.protocol.sealed import proof_bytes
from cloud_sync.protocol.topics import NodeTopics
from cloud_sync.store import sink_envelopes, tables
from cloud_sync.store.engine import reading
from cloud_sync.store.envelopes import SqlFaceRelay
from cloud_sync.store.faces import SqlFaceNodes
from cloud_sync.store.guests import ConsentWish
from cloud_sync.store.places import AccessPointSpec, NodeJoin, PiaRecord
from cloud_sync.store.sink import SinkStore
from edge.core.peers import Envelope
from tests.fakes.community_house import DOOR, GATE, SteppedClock, listing_row, new_house, take, with_guest
from tests.fakes.kept_post import Post
from tests.fakes.sealed_nodes import Keys
from tests.fakes.wire_ledger import WireLedger, told

A, B = Keys("n-a"), Keys("n-b")
DOOR_OF = {"n-a": "AP-a", "n-b": "AP-b"}
WHO = {"by": "Li Na", "reason": "the house door", "actor": "cli:li"}
HOUR_MS = 3_600_000
WISH = ConsentWish("face_access", "face_access-1", "zh", "staff", None)


def join_of(keys: Keys, **more: object) -> NodeJoin:
    device, sealing = (key.public_key().public_bytes_raw() for key in (keys.device, keys.sealing))
    words = {
        "node": keys.node,
        "name": keys.node,
        "public_key": base64.b64encode(device).decode(),
        "access_points": (AccessPointSpec(DOOR_OF[keys.node], "gate", "门", "Gate"),),
        "sealing_key": base64.b64encode(sealing).decode(),
        "sealing_proof": base64.b64encode(keys.device.sign(proof_bytes(keys.node, sealing))).decode(),
        **more,
    }
    return NodeJoin(**words)


class Office:
    """A community with one consenting guest at two nodes' doors, its sink and its driver of envelopes."""

    def __init__(self, folder: Path) -> None:
        self.clock = SteppedClock()
        self.books: Books = new_house(folder, self.clock)
        review_ms = self.clock.at_ms + 1000 * HOUR_MS
        self.pia = self.books.registry.record_pia(
            PiaRecord("a", "b", "c", "d", "tester", review_ms, synthetic=True)
        )
        for keys in (A, B):
            self.books.registry.add_node(join_of(keys))
            self.books.registry.enable_face(DOOR_OF[keys.node], self.pia, "tester")
        self.nodes = SqlFaceNodes(self.books.house, self.books.keys.signer)
        self.sink = SinkStore(self.books.engine, "dongfang")
        self.post = Post()
        self.driver = self.new_driver()
        self.token = with_guest(self.books)
        self.guest = {"source": "xc", "external_ref": "1001"}

    def new_driver(self) -> FaceDriver:
        return FaceDriver(SqlFaceRelay(self.books.house, self.nodes), self.post, self.clock, "dongfang")

    def consent(self) -> None:
        self.books.registry.consent_for_booking("xc", "1001", WISH, actor="test")

    def withdraw(self) -> None:
        self.books.registry.withdraw_for_booking("xc", "1001", "face_access", actor="test")

    def online(self, *nodes: str) -> None:
        for node in nodes:
            self.says(node, WireLedger(node).hello())

    def says(self, node: str, message: object) -> None:
        self.sink.store([told(message, node)], self.clock.at_ms)

    def envelope(self, *, to: Keys = B, version: int | None = None, **more: object) -> Sealed:
        (line,) = self.books.registry.passes()
        words = {
            "id": "a" * 32,
            "sender": "n-a",
            "receiver": to.node,
            "pass_id": line.pass_id,
            "pass_version": line.version if version is None else version,
            "model": "ab" * 32,
            "not_after_ms": self.clock.at_ms + 40 * HOUR_MS,
            "frame": b"",
            **more,
        }
        return decode(A.sealer().seal(Envelope(**words), to.peer(), b"a template"), Sealed)

    def rows(self) -> list[tuple[str, str, int]]:
        with reading(self.books.engine).connect() as db:
            found = db.execute(sa.select(tables.envelope)).all()
        return [(row.state, row.why, len(row.sealed)) for row in found]

    def told_to(self, node: str) -> list[tuple[str, str]]:
        found = [decode(one, SealedAck) for one in self.post.on(NodeTopics("dongfang", node).sealed_ack)]
        return [(one.state, one.why) for one in found]

    def forwarded(self) -> list[bytes]:
        return self.post.on(NodeTopics("dongfang", "n-b").sealed)

    def tick(self, *, ms: int = 600) -> None:
        self.clock.step(ms=ms)
        self.driver.tick()

    def close(self) -> None:
        self.sink.close()
        self.books.close()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    yield office
    office.close()


@pytest.fixture
def ready(office: Office) -> Office:
    """Both nodes approved, the guest has consented and holds a pass at their doors."""
    for node in ("n-a", "n-b"):
        office.nodes.approve(node, **WHO)
    office.consent()
    return office


def audit_of(office: Office, action: str) -> list[tuple[str, str, str]]:
    with reading(office.books.engine).connect() as db:
        rows = db.execute(sa.select(tables.audit).where(tables.audit.c.action == action)).all()
    return [(row.object, row.actor, row.reason) for row in rows]


# --- joining with a sealing key ----------------------------------------------------------------------------------


def test_a_sealing_key_needs_the_device_keys_word_for_it(office: Office) -> None:
    other = join_of(B).sealing_proof
    with pytest.raises(Refused, match="has not signed this sealing key"):
        office.books.registry.add_node(join_of(A, sealing_proof=other))
    with pytest.raises(Refused, match="has not signed"):
        office.books.registry.add_node(join_of(A, sealing_proof=""))


def test_another_sealing_key_has_to_be_approved_anew(office: Office) -> None:
    office.nodes.approve("n-b", **WHO)
    renewed = Keys("n-b", device=B.device)
    office.books.registry.add_node(join_of(renewed))
    assert office.nodes.approved() == []
    assert office.nodes.approve("n-b", **WHO) == renewed.peer().fingerprint


def test_joining_again_without_the_key_takes_nothing_away(office: Office) -> None:
    office.nodes.approve("n-b", **WHO)
    office.books.registry.add_node(join_of(B, sealing_key="", sealing_proof=""))
    assert [node for node, *_ in office.nodes.approved()] == ["n-b"]


# --- approval ----------------------------------------------------------------------------------------------------


def test_an_approval_is_a_named_persons_and_stands_in_the_chain(office: Office) -> None:
    assert office.nodes.approve("n-b", **WHO) == B.peer().fingerprint
    ((node, actor, reason),) = audit_of(office, "face.approve_node")
    assert (node, actor) == ("n-b", "cli:li")
    assert reason.startswith("approved by Li Na: the house door")


@pytest.mark.parametrize(
    ("node", "words", "error", "why"),
    [
        ("n-x", WHO, NotFound, "there is no node"),
        ("gate-1", WHO, Refused, "has no sealing key"),
        ("n-b", {**WHO, "by": " "}, Refused, "has a name"),
        ("n-b", {**WHO, "reason": ""}, Refused, "has a reason"),
    ],
)
def test_what_an_approval_needs(
    office: Office, node: str, words: dict[str, str], error: type, why: str
) -> None:
    with pytest.raises(error, match=why):
        office.nodes.approve(node, **words)
    assert office.nodes.approved() == []


def test_a_node_without_face_at_any_door_is_not_approved_and_one_that_loses_it_leaves_the_roster(
    office: Office,
) -> None:
    office.nodes.approve("n-b", **WHO)
    assert len(decode(office.nodes.roster().frame, Roster).nodes) == 1
    office.books.registry.disable_face("AP-b")
    assert decode(office.nodes.roster().frame, Roster).nodes == []
    with pytest.raises(Refused, match="no door with face on"):
        office.nodes.approve("n-b", **WHO)


def test_the_roster_names_keys_and_doors_and_nobody_and_is_signed(office: Office) -> None:
    assert office.nodes.roster() is None
    for node in ("n-a", "n-b"):
        office.nodes.approve(node, **WHO)
    frame = office.nodes.roster().frame
    roster = decode(frame, Roster)
    assert [(one.node, one.doors) for one in roster.nodes] == [("n-a", ["AP-a"]), ("n-b", ["AP-b"])]
    assert "Li Na" not in frame.decode()
    key = Ed25519PublicKey.from_public_bytes(office.books.keys.signer.public_key)
    key.verify(base64.b64decode(roster.sig), signing_bytes(roster))
    with pytest.raises(InvalidSignature):
        key.verify(base64.b64decode(roster.sig), signing_bytes(replace(roster, nodes=[])))


def test_its_number_moves_with_every_change_and_only_then(office: Office) -> None:
    office.nodes.approve("n-a", **WHO)
    first = office.nodes.roster()
    office.clock.step(hours=1)
    assert office.nodes.roster() == first
    office.nodes.approve("n-b", **WHO)
    second = office.nodes.roster()
    office.nodes.withdraw("n-b", **WHO)
    third = office.nodes.roster()
    assert first.ver < second.ver < third.ver
    assert third.ver >= office.clock.at_ms  # a database of yesterday still overtakes the nodes


def test_a_roster_longer_than_one_message_is_refused_where_it_would_grow(office: Office, monkeypatch) -> None:
    office.nodes.approve("n-a", **WHO)
    monkeypatch.setattr("cloud_sync.store.faces.PUBLISH_BYTES_MAX", 700)
    with pytest.raises(Refused, match="longer than one message"):
        office.nodes.approve("n-b", **WHO)
    assert [node for node, *_ in office.nodes.approved()] == ["n-a"]
    monkeypatch.setattr("cloud_sync.store.faces.PUBLISH_BYTES_MAX", 100)
    with pytest.raises(StoreError, match="withdraw a node"):
        office.nodes.roster()


def test_the_roster_is_retained_and_told_once_to_every_node_that_has_a_key(ready: Office) -> None:
    for _ in range(3):
        ready.tick()
    topics = [topic for topic, _, retain in ready.post.sent if retain]
    assert topics == [NodeTopics("dongfang", node).faces for node in ("n-a", "n-b")]
    ready.post.session = 2
    ready.tick()
    assert len([1 for _, _, retain in ready.post.sent if retain]) == 4


# --- on the way --------------------------------------------------------------------------------------------------


def test_stored_forwarded_receipted_and_gone(ready: Office) -> None:
    ready.online("n-a", "n-b")
    sealed = ready.envelope()
    ready.says("n-a", sealed)
    ready.tick()
    assert ready.told_to("n-a") == [("stored", "")]
    assert [decode(frame, Sealed) for frame in ready.forwarded()] == [sealed]
    ready.says("n-b", SealedAck(id=sealed.id, state="kept"))
    assert ready.rows() == [("kept", "", 0)]  # the ciphertext went with the receipt
    ready.tick()
    assert ready.told_to("n-a") == [("stored", ""), ("kept", "")]
    assert ready.rows() == []


def test_it_waits_for_a_node_that_is_away_and_for_a_service_that_starts_again(ready: Office) -> None:
    ready.online("n-a")
    ready.says("n-a", ready.envelope())
    ready.tick()
    assert ready.forwarded() == []
    ready.driver = ready.new_driver()
    ready.online("n-b")
    ready.tick()
    assert len(ready.forwarded()) == 1


def test_unanswered_it_is_sent_again_ever_more_slowly(ready: Office) -> None:
    ready.online("n-a", "n-b")
    ready.says("n-a", ready.envelope())
    counts = []
    for _ in range(8):
        ready.tick(ms=1_000)
        counts.append(len(ready.forwarded()))
    assert counts == [1, 2, 2, 3, 3, 3, 3, 4]


def test_offered_twice_it_is_stored_once_and_answered_twice(ready: Office) -> None:
    ready.online("n-a")
    for _ in range(2):
        ready.says("n-a", ready.envelope())
        ready.tick()
    assert [state for state, *_ in ready.rows()] == ["stored"]
    assert ready.told_to("n-a") == [("stored", ""), ("stored", "")]


def test_a_newer_one_takes_the_place_of_an_older(ready: Office) -> None:
    ready.says("n-a", ready.envelope())
    ready.says("n-a", ready.envelope(id="b" * 32))
    assert len(ready.rows()) == 1


def test_over_means_deleted_also_for_a_node_that_never_comes(ready: Office) -> None:
    ready.online("n-a")
    ready.says("n-a", ready.envelope())
    ready.clock.step(hours=41)
    ready.tick()
    assert ready.rows() == []


def test_a_receipt_of_somebody_else_ends_nothing(ready: Office) -> None:
    sealed = ready.envelope()
    ready.says("n-a", sealed)
    ready.says("n-a", SealedAck(id=sealed.id, state="kept"))
    ready.says("gate-1", SealedAck(id=sealed.id, state="refused", why="erased"))
    assert [state for state, *_ in ready.rows()] == ["stored"]


def test_a_node_that_names_another_as_sender_is_not_heard(ready: Office) -> None:
    ready.says("n-b", ready.envelope())
    assert ready.rows() == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"not_after_ms": 1}, "expired"),
        ({"to": Keys("gate-1"), "receiver": "gate-1"}, "not_approved"),
        ({"pass_id": "P-nobody"}, "no_consent"),
    ],
)
def test_what_the_service_does_not_carry_is_answered_and_not_kept(
    ready: Office, change: dict[str, object], why: str
) -> None:
    ready.online("n-a")
    ready.says("n-a", ready.envelope(**change))
    assert ready.rows() == [("refused", why, 0)]
    ready.tick()
    assert (ready.told_to("n-a"), ready.rows()) == ([("refused", why)], [])


def test_a_full_relay_says_so(ready: Office, monkeypatch) -> None:
    monkeypatch.setattr(sink_envelopes, "WAITING_MAX", 0)
    ready.says("n-a", ready.envelope())
    assert ready.rows() == [("refused", "full", 0)]


def test_what_was_refused_and_not_told_yet_fills_no_relay(ready: Office, monkeypatch) -> None:
    monkeypatch.setattr(sink_envelopes, "WAITING_MAX", 1)
    ready.says("n-a", ready.envelope(pass_id="P-nobody", id="b" * 32))
    ready.says("n-a", ready.envelope())
    assert ready.rows() == [("refused", "no_consent", 0), ("stored", "", ready.rows()[1][2])]
    ready.says("n-b", ready.envelope(sender="n-b", id="c" * 32))
    assert ready.rows()[2] == ("refused", "full", 0)


def test_answers_to_a_node_that_is_away_hold_up_no_other_node(ready: Office, monkeypatch) -> None:
    monkeypatch.setattr("cloud_sync.distribute.faces.OWED_PER_TICK", 1)
    ready.says("n-b", ready.envelope(to=A, sender="n-b", id="b" * 32))
    ready.clock.step(ms=1)
    ready.online("n-a")
    ready.says("n-a", ready.envelope())
    ready.tick()
    assert ready.told_to("n-a") == [("stored", "")]
    ready.online("n-b")
    ready.tick()
    assert ready.told_to("n-b") == [("stored", "")]


# --- erasure -----------------------------------------------------------------------------------------------------


@pytest.fixture
def at_the_doors(ready: Office) -> Office:
    """The guest's pass names the doors of both nodes."""
    assert take(ready.books, "listings", listing_row(access_points=f"{GATE} {DOOR} AP-a AP-b")) == ["updated"]
    ready.books.registry.advance_time(since_ms=0)
    return ready


def test_withdrawal_deletes_what_waits_in_the_same_transaction_and_nothing_of_before_is_carried_again(
    at_the_doors: Office,
) -> None:
    office = at_the_doors
    old = office.envelope()
    office.says("n-a", old)
    office.withdraw()
    assert office.rows() == []
    office.says("n-a", old)
    assert office.rows() == [("refused", "erased", 0)]
    office.consent()
    office.says("n-a", replace(old, id="c" * 32))
    assert office.rows() == [("refused", "erased", 0)]
    office.says("n-a", office.envelope(id="d" * 32))
    assert office.rows()[0][:2] == ("stored", "")


def test_the_tombstone_tells_the_version_it_stands_for(at_the_doors: Office) -> None:
    office = at_the_doors
    version = office.envelope().pass_version
    office.withdraw()
    with reading(office.books.engine).connect() as db:
        rows = db.execute(sa.select(tables.erasure)).all()
    assert {row.node for row in rows} >= {"n-a", "n-b"}
    assert {row.pass_version for row in rows} == {version}


def test_withdrawn_consented_and_withdrawn_again_it_is_asked_again_for_the_newer_version(
    at_the_doors: Office,
) -> None:
    office = at_the_doors
    office.withdraw()
    office.consent()
    office.withdraw()
    with reading(office.books.engine).connect() as db:
        found = sa.select(tables.erasure.c.pass_version).where(tables.erasure.c.node == "n-b")
        first, second = sorted(db.execute(found).scalars())
    assert first < second


def test_a_node_that_is_withdrawn_gets_nothing_of_what_waits(ready: Office) -> None:
    ready.says("n-a", ready.envelope())
    ready.nodes.withdraw("n-b", **WHO)
    assert ready.rows() == []
    assert audit_of(ready, "face.withdraw_node")[0][0] == "n-b"
    with pytest.raises(NotFound):
        ready.nodes.withdraw("n-b", **WHO)


@pytest.mark.invariant(21)
def test_no_database_of_the_service_holds_what_opens_an_envelope(ready: Office) -> None:
    ready.says("n-a", ready.envelope())
    private = B.sealing.private_bytes_raw()
    for path in sorted(ready.books.config.data_dir.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            assert private not in data, path
            assert b"a template" not in data, path
    assert json.dumps(private.hex()) not in repr(ready.books.keys)
