"""The link's part in faces: rosters and envelopes down, envelopes and receipts up; opaque all the way."""

import base64
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from cloud_sync.protocol.messages import (
    Roster,
    RosterNode,
    Sealed,
    SealedAck,
    decode,
    encode,
    signing_bytes,
)
from cloud_sync.protocol.sealed import fingerprint, proof_bytes
from cloud_sync.protocol.topics import NodeTopics
from edge.core import peers
from edge.core.events import AccessPointId
from edge.link.mqtt import Heard, Session

# 14 KB each; what is more waits with whoever offers it.
SAYING_MAX = 32

log = structlog.get_logger()


class FaceSide(Protocol):
    """What the link asks of the node about faces.  Called on the link's thread; every call returns at once."""

    def roster(self, roster: peers.Roster) -> None: ...

    def sealed(self, envelope: peers.Envelope) -> None: ...

    def answered(self, envelope_id: str, state: peers.AckState, why: str) -> None: ...

    def tombstones(self, versions: Mapping[str, int]) -> None:
        """These passes are erased, each under this version of it; on the disk when it returns."""
        ...

    def owes_erasure(self, erase_ver: int) -> None:
        """Up to which number erasures are known of and not done yet; 0 when none is."""
        ...

    def link_up(self) -> None: ...


class FaceLink:
    """``attach`` the node's side once; without one, everything about faces is let pass."""

    def __init__(self, topics: NodeTopics, verify: Callable[[str, bytes, bytes], bool]) -> None:
        self._topics = topics
        self._verify = verify
        self._saying: deque[tuple[str, bytes]] = deque()
        self.side: FaceSide | None = None

    def hear(self, heard: Heard) -> bool:
        """Take a frame that is about faces; False for any other.

        Raises:
            BadMessage: it cannot be read.
        """
        if heard.topic == self._topics.faces:
            self._on_roster(decode(heard.payload, Roster))
        elif heard.topic == self._topics.sealed and not heard.retain:
            self._on_sealed(heard.payload)
        elif heard.topic == self._topics.sealed_ack and not heard.retain:
            answer = decode(heard.payload, SealedAck)
            if self.side is not None:
                self.side.answered(answer.id, answer.state, answer.why)
        else:
            return False
        return True

    def say_envelope(self, frame: bytes) -> bool:
        """Hand an envelope over; False when too many wait, and nothing was taken.  From any thread."""
        return self._put("sealed", frame)

    def say_answer(self, envelope_id: str, state: peers.AckState, why: str) -> None:
        """What became of an envelope; one that does not get through is asked for again.  From any thread."""
        self._put("sealedack", encode(SealedAck(id=envelope_id, state=state, why=why)))

    def send(self, session: Session) -> None:
        """What waits, as far as the session takes it; from the link's thread."""
        while self._saying and session.send(*self._saying[0]):
            self._saying.popleft()

    def _put(self, kind: str, frame: bytes) -> bool:
        if len(self._saying) >= SAYING_MAX:
            return False
        topic = self._topics.up("sealed") if kind == "sealed" else self._topics.up("sealedack")
        self._saying.append((topic, frame))
        return True

    def _on_roster(self, roster: Roster) -> None:
        try:
            signature = base64.b64decode(roster.sig, validate=True)
        except ValueError:  # also what binascii says no word about: a letter that is none of ASCII's
            signature = b""
        known = roster.community == self._topics.tenant
        if not known or not self._verify(roster.kid, signing_bytes(roster), signature):
            log.error("roster_refused", ver=roster.ver, why="signature or community is wrong")
            return
        found = [peer for node in roster.nodes if (peer := _peer(node)) is not None]
        if self.side is not None:
            self.side.roster(peers.Roster(roster.ver, tuple(found)))

    def _on_sealed(self, frame: bytes) -> None:
        sealed = decode(frame, Sealed)
        envelope = peers.Envelope(
            id=sealed.id,
            sender=sealed.from_,
            receiver=sealed.to,
            pass_id=sealed.pass_id,
            pass_version=sealed.pass_version,
            model=sealed.model,
            not_after_ms=sealed.not_after,
            frame=frame,
        )
        if self.side is not None:
            self.side.sealed(envelope)


def _peer(node: RosterNode) -> peers.Peer | None:
    """A node of the roster; None, and a word in the log, when its device key has not signed its sealing key, or that is none."""
    try:
        device, sealing, proof = (
            base64.b64decode(text, validate=True) for text in (node.device_key, node.sealing_key, node.proof)
        )
        Ed25519PublicKey.from_public_bytes(device).verify(proof, proof_bytes(node.node, sealing))
        X25519PublicKey.from_public_bytes(sealing)
    except (InvalidSignature, ValueError):
        log.error("roster_node_refused", node=node.node, why="its device key has not signed its sealing key")
        return None
    doors = frozenset(AccessPointId(door) for door in node.doors)
    return peers.Peer(node.node, device, sealing, doors, fingerprint(node.node, device, sealing))
