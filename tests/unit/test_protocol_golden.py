"""A sample of every message ever released is understood for ever, and the proofs give the numbers they always gave."""

import base64
import json
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cloud_sync.protocol import (
    chain,
    code,
    delta,
    identity,
    keychain,
    merkle,
    messages,
    pull,
    revocation,
    sealed,
)
from cloud_sync.protocol.messages import Batch, EventBody, Message
from cloud_sync.protocol.versions import WIRE_VERSION, WIRE_VERSION_MIN
from cloud_sync.protocol.vouched import anchor_bytes, tombstone_bytes
from edge.core.peers import Envelope, Peer
from edge.link.sealing import Sealer
from edge.store.device_key import verify_ed25519
from tests.fakes.wire_v1 import messages as wire_v1

GOLDEN = Path(__file__).parent.parent / "golden"
SAMPLES = sorted((GOLDEN / "messages").glob("v*/*.json"))
V1 = GOLDEN / "messages" / "v1"
V2 = GOLDEN / "messages" / "v2"
# The samples of a version that was released: names and bytes, for ever.  A new message goes into the newest folder.
RELEASED = {"v1": "43db1180a154a811dffa64d3ac5e311ea0f9a2a7ffa0e271caf8e5d4ec7d9d07"}


def of_folder(folder: Path) -> str:
    return sha256(
        b"".join(path.name.encode() + path.read_bytes() for path in sorted(folder.iterdir()))
    ).hexdigest()


def kinds() -> dict[str, type[Message]]:
    """Every message that is published on its own, by its lower-case name."""
    parts = {"Match", "Pad", "EventBody", "Tombstone", "Anchor", "Lag", "DoorHealth", "EraseItem"}
    parts |= {"RosterNode", "KeyLink", "Supply"}
    found = [cls for cls in Message.__subclasses__() if cls.__name__ not in parts]
    return {cls.__name__.lower(): cls for cls in found}


def kind_of(path: Path) -> type[Message]:
    return kinds()[path.name.split(".")[0]]


def vectors(name: str) -> dict:
    return json.loads((GOLDEN / "vectors" / f"{name}.json").read_text())


def test_there_is_a_sample_of_every_message() -> None:
    assert {kind_of(path) for path in SAMPLES} == set(kinds().values())


@pytest.mark.parametrize("version", sorted(RELEASED))
def test_the_samples_of_a_released_version_are_never_touched(version: str) -> None:
    assert of_folder(GOLDEN / "messages" / version) == RELEASED[version]


def test_every_version_that_is_spoken_has_its_samples() -> None:
    folders = {path.name for path in (GOLDEN / "messages").iterdir()}
    assert folders >= {f"v{number}" for number in range(WIRE_VERSION_MIN, WIRE_VERSION + 1)}


# What version 1 has no word for travels on topics that version 1 does not ask for.
KNOWN_TO_V1 = [path for path in sorted(V2.glob("*.json")) if hasattr(wire_v1, kind_of(path).__name__)]


@pytest.mark.parametrize("path", KNOWN_TO_V1, ids=lambda path: path.stem)
def test_version_1_reads_what_version_2_sends(path: Path) -> None:
    kind = getattr(wire_v1, kind_of(path).__name__)
    read, now = wire_v1.decode(path.read_bytes(), kind), messages.decode(path.read_bytes(), kind_of(path))
    assert [getattr(read, name) for name in ("e", "v") if hasattr(read, name)] == [
        getattr(now, name) for name in ("e", "v") if hasattr(now, name)
    ]
    assert messages.decode(wire_v1.encode(read), kind_of(path)) is not None


@pytest.mark.parametrize("name", ["batch.tombstones", "batch.end", "batch.anchor"])
def test_a_recorded_word_of_a_node_still_verifies(name: str) -> None:
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(vectors("vouched")["device_public_hex"]))
    batch = messages.decode((V2 / f"{name}.json").read_bytes(), Batch)
    for one in batch.tomb:
        key.verify(base64.b64decode(one.sig), tombstone_bytes(batch.n, batch.e, one))
    if batch.anchor is not None:
        key.verify(base64.b64decode(batch.anchor.sig), anchor_bytes(batch.n, batch.e, batch.anchor))
    assert batch.tomb or batch.anchor


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_recorded_message_still_means_the_same(path: Path) -> None:
    data = path.read_bytes()
    assert messages.encode(messages.decode(data, kind_of(path))) == data


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_unknown_fields_are_let_pass(path: Path) -> None:
    plain = json.loads(path.read_bytes())
    newer = {"field_of_a_later_version": {"deep": [1]}, **plain}
    kind = kind_of(path)
    read, known = (messages.decode(msgspec.json.encode(one), kind) for one in (newer, plain))
    assert messages.encode(read) == messages.encode(known)


def test_every_recorded_body_still_decodes() -> None:
    batch = messages.decode((V1 / "batch.events.json").read_bytes(), Batch)
    bodies = [msgspec.json.decode(raw, type=EventBody) for _, raw, _ in batch.ev]
    assert [body.type for body in bodies] == ["access.granted", "door.forced", "override"]
    assert bodies[0].class_ == "guest"
    assert bodies[0].match is not None
    assert (bodies[0].match.score_bucket, bodies[0].x) == ("high", {"latency_ms": 83})


@pytest.mark.parametrize("name", ["head", "erase"])
def test_a_recorded_signature_still_verifies(name: str) -> None:
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(vectors("code")["public_hex"]))
    kind = kinds()[name]
    message = messages.decode((V1 / f"{name}.json").read_bytes(), kind)
    key.verify(base64.b64decode(message.sig), messages.signing_bytes(message))


@pytest.mark.parametrize("name", ["claim", "renew"])
def test_a_recorded_wish_for_a_certificate_is_still_the_device_keys(name: str) -> None:
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(vectors("identity")["device_key_hex"]))
    message = messages.decode((V2 / f"{name}.json").read_bytes(), kinds()[name])
    key.verify(base64.b64decode(message.sig), identity.identity_bytes(message))


def test_a_recorded_link_still_leads_from_the_old_key_to_the_new_one() -> None:
    known = {name: bytes.fromhex(text) for name, text in vectors("identity").items()}
    links = messages.decode((V2 / "keychain.json").read_bytes(), identity.KeyChain).links
    root = keychain.Trusted(keychain.kid_of(known["community_key_hex"]), known["community_key_hex"])
    keys, followed = keychain.walk(root, "community", "dongfang", links, verify_ed25519)
    assert [key.key for key in keys] == [known["community_key_hex"], known["next_key_hex"]]
    assert followed == links


@pytest.mark.parametrize("name", ["roster", "erase.version"])
def test_a_recorded_signature_about_faces_still_verifies(name: str) -> None:
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(vectors("sealed")["community_key_hex"]))
    message = messages.decode((V1 / f"{name}.json").read_bytes(), kinds()[name.split(".", maxsplit=1)[0]])
    key.verify(base64.b64decode(message.sig), messages.signing_bytes(message))


def test_a_recorded_word_that_a_set_waits_is_read_and_what_a_node_signs_for_it_never_changes() -> None:
    raw = (V2 / "pull.json").read_bytes()
    assert messages.encode(messages.decode(raw, pull.Pull)) == raw
    signed = pull.request_bytes("dongfang", "gate-1", 1_795_276_800_000, "0" * 31 + "7")
    assert signed.hex() == (
        "61632d70756c6c2d763100"
        "00000008646f6e6766616e67"
        "00000006676174652d31"
        "0000000d31373935323736383030303030"
        "000000203030303030303030303030303030303030303030303030303030303030303037"
    )


@pytest.mark.parametrize("name", ["delta", "deny"])
def test_a_recorded_change_of_passes_still_verifies(name: str) -> None:
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(vectors("deltas")["public_hex"]))
    message = messages.decode((V2 / f"{name}.json").read_bytes(), kinds()[name])
    key.verify(base64.b64decode(message.sig), delta.signing_bytes(message))


def test_a_recorded_delta_gives_the_root_it_always_gave() -> None:
    known = vectors("deltas")
    change = messages.decode((V2 / "delta.json").read_bytes(), delta.Delta)
    rows = dict(delta.split(bytes.fromhex(known["before_packed_hex"])))
    tree = merkle.Tree({pass_id: merkle.row_hash(raw) for pass_id, raw in rows.items()})
    assert tree.root(change.since) == known["before_root"]
    told = dict(delta.split(base64.b64decode(change.rows)))
    tree.change({**dict.fromkeys(change.gone), **{one: merkle.row_hash(raw) for one, raw in told.items()}})
    assert (tree.root(change.auth_ver), tree.count) == (change.root, change.count)


def test_a_recorded_code_still_names_its_pass() -> None:
    known = vectors("deltas")
    key, text = bytes.fromhex(known["pin_key_hex"]), known["revocation"]["text"]
    assert revocation.text_of(key, known["revocation"]["pass_id"], known["revocation"]["version"]) == text


def test_an_envelope_sealed_once_opens_for_ever() -> None:
    known, frame = vectors("sealed"), (V1 / "sealed.json").read_bytes()
    roster = messages.decode((V1 / "roster.json").read_bytes(), messages.Roster)
    device, sealing = (
        base64.b64decode(getattr(roster.nodes[1], name)) for name in ("device_key", "sealing_key")
    )
    assert sealed.fingerprint("n-house-12", device, sealing) == known["fingerprint"]
    assert len(frame) == known["frame_bytes"] < messages.PUBLISH_BYTES_MAX
    sender = Peer("n-gate-1", bytes.fromhex(known["sender_device_key_hex"]), b"", frozenset(), "")
    opener = Sealer(known["community"], bytes.fromhex(known["sealing_private_hex"]), lambda _: b"")
    read = messages.decode(frame, messages.Sealed)
    envelope = Envelope(
        read.id, read.from_, read.to, read.pass_id, read.pass_version, read.model, read.not_after, frame
    )
    assert opener.open(envelope, sender) == known["plain"].encode()


def test_the_chain_gives_the_hashes_it_always_gave() -> None:
    known = vectors("chain")
    h = chain.start(known["node"], known["epoch"])
    assert h.hex() == known["start"]
    for link in known["links"]:
        h = chain.link(h, chain.digest(link["body"].encode()))
        assert (h.hex(), chain.short(h)) == (link["h"], link["short"])


def test_the_root_gives_the_value_it_always_gave() -> None:
    known = vectors("passes")
    rows = merkle.unpack(bytes.fromhex(known["packed_hex"]))
    assert merkle.root(known["auth_ver"], rows) == known["root"]
    assert merkle.root(1, []) == known["root_of_none"]
    assert merkle.pack(reversed(rows)).hex() == known["packed_hex"]


def test_the_code_in_a_guests_hand_reads_as_it_always_read() -> None:
    known = vectors("code")
    read = code.parse(known["text"])
    assert (read.credential.hex(), read.step) == (known["credential_hex"], known["step"])
    assert code.step_at(known["unix_s"]) == code.step_at(known["unix_s"] + 29.9) == known["step"]
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(known["public_hex"]))
    key.verify(read.signature, read.signed)
    assert code.compose(read.credential, read.step, read.signature) == known["text"]
