"""Envelopes: what binds them, how they are padded, and what a person compares before a node is trusted with faces.

Pure: no key is made, used or held here.  The cipher is the nodes' business (``edge.link.sealing``).
"""

import hashlib

import msgspec
from msgspec.structs import replace

from cloud_sync.protocol.messages import Sealed

SEALED_VERSION = 1
# A template of three vectors of 512 numbers has 8.5 KB; all are padded to this, so that a length tells nothing.  With
# base64 and its address an envelope stays below PUBLISH_BYTES_MAX.
PLAIN_BYTES = 10_000
_LENGTH_BYTES = 4
FINGERPRINT_GROUPS = 8


def proof_bytes(node: str, sealing_key: bytes) -> bytes:
    """What a node's device key signs, so that nobody can put another sealing key beside its name."""
    return b"ac-seal-key-v1\0" + node.encode() + b"\0" + sealing_key


def fingerprint(node: str, device_key: bytes, sealing_key: bytes) -> str:
    """Eight groups of four hex digits (128 bits) over a node's name and both its public keys, to be read aloud."""
    mark = b"ac-peer-v1\0" + node.encode() + b"\0" + device_key + sealing_key
    digits = hashlib.sha256(mark).hexdigest()[: 4 * FINGERPRINT_GROUPS]
    return "-".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def associated(community: str, sealed: Sealed) -> bytes:
    """The additional data of the cipher: the community and everything of the envelope but its secret and signature."""
    address = msgspec.json.encode(replace(sealed, ct="", sig=""))
    return b"ac-seal-v1\0" + community.encode() + b"\0" + address


def pad(data: bytes) -> bytes:
    """Exactly ``PLAIN_BYTES`` long.

    Raises:
        ValueError: the data does not fit.
    """
    room = PLAIN_BYTES - _LENGTH_BYTES - len(data)
    if room < 0:
        raise ValueError(f"{len(data)} bytes do not fit an envelope of {PLAIN_BYTES}")
    return len(data).to_bytes(_LENGTH_BYTES, "big") + data + bytes(room)


def unpad(padded: bytes) -> bytes:
    """What was padded.

    Raises:
        ValueError: not padded by ``pad``.
    """
    size = int.from_bytes(padded[:_LENGTH_BYTES], "big")
    if len(padded) != PLAIN_BYTES or size > PLAIN_BYTES - _LENGTH_BYTES:
        raise ValueError("an envelope's content has the wrong length")
    return padded[_LENGTH_BYTES : _LENGTH_BYTES + size]
