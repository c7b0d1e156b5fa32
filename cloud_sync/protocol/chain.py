"""The hash chain of a ledger (sync.md §2.1).

``h_i = BLAKE2b(h_{i-1} ‖ d_i)`` over the digest ``d_i = BLAKE2b(body_i)``, so that a body can be erased on its
retention clock and the chain still verifies.  All hashes are 32 bytes.
"""

from collections.abc import Iterable
from hashlib import blake2b

SIZE = 32
SHORT_HEX = 16  # hex digits of a chain hash that travel with each event


def digest(body: bytes) -> bytes:
    """``d``: the digest of one event body, 32 bytes."""
    return blake2b(body, digest_size=SIZE).digest()


def start(node: str, epoch: str) -> bytes:
    """``h_0``: where the chain of one ledger file begins."""
    return blake2b(b"ac-chain-v1" + node.encode() + epoch.encode(), digest_size=SIZE).digest()


def link(previous: bytes, body_digest: bytes) -> bytes:
    """``h_i`` from ``h_{i-1}`` and ``d_i``."""
    assert len(previous) == SIZE
    assert len(body_digest) == SIZE
    return blake2b(previous + body_digest, digest_size=SIZE).digest()


def short(h: bytes) -> str:
    """The part of a chain hash that travels with its event: 16 hex digits."""
    return h.hex()[:SHORT_HEX]


def first_break(node: str, epoch: str, rows: Iterable[tuple[int, bytes, bytes]]) -> int | None:
    """The first seq whose hash does not follow, or None: ``rows`` are (seq, d, h) from seq 1 on."""
    previous = start(node, epoch)
    for expected, (seq, d, h) in enumerate(rows, start=1):
        previous = link(previous, d)
        if seq != expected or h != previous:
            return expected
    return None
