"""An authenticator in a few lines: one key, made and used as a browser would pass it on; each part can be told to lie."""

import hashlib
import json
import struct
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, encode_cbor

ORIGIN, RP_ID = "https://gate.example", "gate.example"
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class SoftKey:
    origin: str = ORIGIN
    rp_id: str = RP_ID
    verifies: bool = True  # asks whose finger it is
    counts: bool = True
    counter: int = 0
    id: bytes = b"soft-key-1"
    handle: bytes = b""
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def create(self, options: str) -> str:
        """What ``navigator.credentials.create`` answers."""
        asked = json.loads(options)
        self.handle = base64url_to_bytes(asked["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + struct.pack(">H", len(self.id)) + self.id + encode_cbor(cose)
        data = self._data(ATTESTED) + attested
        said = {"fmt": "none", "attStmt": {}, "authData": data}
        client = self._client("webauthn.create", asked["challenge"])
        return self._answer({"clientDataJSON": client, "attestationObject": encode_cbor(said)})

    def get(self, options: str) -> str:
        """What ``navigator.credentials.get`` answers."""
        client = self._client("webauthn.get", json.loads(options)["challenge"])
        data = self._data(0)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        parts = {"clientDataJSON": client, "authenticatorData": data, "signature": signature}
        return self._answer({**parts, "userHandle": self.handle})

    def _data(self, more: int) -> bytes:
        self.counter += self.counts
        flags = PRESENT | (VERIFIED if self.verifies else 0) | more
        return hashlib.sha256(self.rp_id.encode()).digest() + struct.pack(">BI", flags, self.counter)

    def _client(self, type_: str, challenge: str) -> bytes:
        return json.dumps({"type": type_, "challenge": challenge, "origin": self.origin}).encode()

    def _answer(self, response: dict[str, bytes]) -> str:
        id_ = bytes_to_base64url(self.id)
        shown = {name: bytes_to_base64url(part) for name, part in response.items()}
        return json.dumps({"id": id_, "rawId": id_, "type": "public-key", "response": shown})
