"""What stands between the link, the gallery and other nodes: the keys, the sealer and the desk that uses them."""

import base64

import structlog

from cloud_sync.protocol.sealed import fingerprint, proof_bytes
from edge.config import NodeConfig
from edge.errors import StoreError
from edge.link.link import Link
from edge.link.sealing import Sealer
from edge.ports import Clock
from edge.runtime.envelope_parts import EnvelopeParts
from edge.runtime.envelopes import EnvelopeDesk
from edge.runtime.no_envelopes import NoEnvelopes
from edge.runtime.node import Node
from edge.store.device_key import Join
from edge.store.gallery_store import GalleryStore
from edge.store.peer_book import PeerBook
from edge.store.sealing_key import device_public_raw, device_sign, public_half, sealing_private_key

log = structlog.get_logger()

DEVICE_KEY = "device.key"
SEALING_KEY = "sealing.key"


def key_request(config: NodeConfig) -> dict[str, str]:
    """What a node shows of its keys when it joins: public halves, the one signed by the other, and the fingerprint."""
    device = config.data_dir / DEVICE_KEY
    public = public_half(sealing_private_key(config.data_dir / SEALING_KEY))
    proof = device_sign(device, proof_bytes(config.node, public))
    own = device_public_raw(device)
    return {
        "public_key": base64.b64encode(own).decode(),
        "sealing_key": base64.b64encode(public).decode(),
        "sealing_proof": base64.b64encode(proof).decode(),
        "fingerprint": fingerprint(config.node, own, public),
    }


def open_peers(config: NodeConfig) -> PeerBook | StoreError:
    """The book of other nodes, or why it cannot be used: only faces need it, so it stops no door."""
    try:
        return PeerBook(config.data_dir / "peers.db")
    except StoreError as error:
        return error


def faces_side(
    config: NodeConfig,
    join: Join,
    node: Node,
    templates: GalleryStore,
    peers: PeerBook | StoreError,
    link: Link,
    clock: Clock,
) -> EnvelopeDesk | NoEnvelopes:
    """The desk, attached to the link; without a key or a book that can be used, what says so in its place."""
    try:
        if isinstance(peers, StoreError):
            raise peers
        return envelope_desk(config, join, node, templates, peers, link, clock)
    except StoreError as error:
        log.error("envelopes_off", why=str(error))
        link.faces.side = NoEnvelopes(str(error), node, clock)
        return link.faces.side


def envelope_desk(
    config: NodeConfig,
    join: Join,
    node: Node,
    templates: GalleryStore,
    peers: PeerBook,
    link: Link,
    clock: Clock,
) -> EnvelopeDesk:
    """The desk, attached to the link.

    Raises:
        StoreError: the sealing key cannot be used.
    """
    sealer = Sealer(
        community=join.community,
        private=sealing_private_key(config.data_dir / SEALING_KEY),
        sign=lambda message: device_sign(config.data_dir / DEVICE_KEY, message),
    )
    desk = EnvelopeDesk(
        EnvelopeParts(
            own=config.node,
            fingerprint=key_request(config)["fingerprint"],
            face_wanted=config.face.enabled and any(door.face.mode != "off" for door in config.doors),
            clock=clock,
            host=node,
            shelf=templates,
            peers=peers,
            seal=sealer.seal,
            open=sealer.open,
            say_envelope=link.faces.say_envelope,
            say_answer=link.faces.say_answer,
            wake_link=link.wake,
        )
    )
    link.faces.side = desk
    return desk
