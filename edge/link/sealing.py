"""Templates into envelopes and out of them: X25519 with a fresh key each time, HKDF-SHA256, AES-256-GCM, Ed25519.

Whoever carries an envelope reads its address.  What is in it opens with its receiver's private key only, and only
while every word of the address is the one it was sealed with.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec.structs import replace

from cloud_sync.protocol.messages import Sealed, decode, encode, signing_bytes
from cloud_sync.protocol.sealed import SEALED_VERSION, associated, pad, unpad
from edge.core.peers import Envelope, No, Peer

_KEY = 32
_NONCE = 12


@dataclass(frozen=True, slots=True, repr=False)
class Sealer:
    """This node's hand: ``private`` opens what is for it, ``sign`` is its device key."""

    community: str
    private: bytes
    sign: Callable[[bytes], bytes]

    def seal(self, envelope: Envelope, peer: Peer, data: bytes) -> bytes:
        """The frame of this envelope for this peer.

        Raises:
            ValueError: the data does not fit, or the peer's key is none.
        """
        fresh = X25519PrivateKey.generate()
        epk = fresh.public_key().public_bytes_raw()
        key, nonce = _derive(
            fresh.exchange(X25519PublicKey.from_public_bytes(peer.sealing_key)), epk, peer.sealing_key
        )
        bare = Sealed(
            v=SEALED_VERSION,
            id=envelope.id,
            from_=envelope.sender,
            to=envelope.receiver,
            pass_id=envelope.pass_id,
            pass_version=envelope.pass_version,
            model=envelope.model,
            not_after=envelope.not_after_ms,
            epk=base64.b64encode(epk).decode(),
            ct="",
        )
        ct = AESGCM(key).encrypt(nonce, pad(data), associated(self.community, bare))
        full = replace(bare, ct=base64.b64encode(ct).decode())
        return encode(replace(full, sig=base64.b64encode(self.sign(signing_bytes(full))).decode()))

    def open(self, envelope: Envelope, sender: Peer) -> bytes | No:
        """What is inside, or why nothing comes out: not the sender's signature, not for us, or changed on the way."""
        sealed = decode(envelope.frame, Sealed)
        try:
            Ed25519PublicKey.from_public_bytes(sender.device_key).verify(
                base64.b64decode(sealed.sig, validate=True), signing_bytes(sealed)
            )
        except (InvalidSignature, ValueError):
            return No.BAD_SIG
        try:
            own = X25519PrivateKey.from_private_bytes(self.private)
            epk = base64.b64decode(sealed.epk, validate=True)
            shared = own.exchange(X25519PublicKey.from_public_bytes(epk))
            key, nonce = _derive(shared, epk, own.public_key().public_bytes_raw())
            ct = base64.b64decode(sealed.ct, validate=True)
            return unpad(AESGCM(key).decrypt(nonce, ct, associated(self.community, sealed)))
        except (InvalidTag, binascii.Error, ValueError):
            return No.CANNOT_OPEN


def _derive(shared: bytes, epk: bytes, receiver: bytes) -> tuple[bytes, bytes]:
    """Key and nonce of one envelope; the fresh key makes both its own, so that neither is ever used twice."""
    info = b"ac-seal-v1\0" + epk + receiver
    material = HKDF(SHA256(), _KEY + _NONCE, salt=None, info=info).derive(shared)
    return material[:_KEY], material[_KEY:]
