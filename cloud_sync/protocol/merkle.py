"""The root that a signed head vouches for (sync.md §7.1).

256 buckets by the first byte of BLAKE2b(pass_id); a leaf is the hash of its rows in pass_id order; the Merkle
root over the 256 leaves; and ``root = BLAKE2b(version ‖ count ‖ Merkle root)``, 32 bytes.
"""

from collections.abc import Iterable
from hashlib import blake2b

import msgspec

from cloud_sync.protocol.messages import PassRow

BUCKETS = 256
SIZE = 32

_rows_decoder = msgspec.msgpack.Decoder(list[PassRow])


def _h(data: bytes) -> bytes:
    return blake2b(data, digest_size=SIZE).digest()


def bucket_of(pass_id: str) -> int:
    return blake2b(pass_id.encode(), digest_size=1).digest()[0]


def leaves(rows: Iterable[PassRow]) -> list[bytes]:
    """The 256 leaf hashes; equal sets of rows give equal leaves whatever their order."""
    buckets: list[list[PassRow]] = [[] for _ in range(BUCKETS)]
    for row in rows:
        buckets[bucket_of(row.pass_id)].append(row)
    return [
        _h(
            b"\0"
            + b"".join(_h(msgspec.msgpack.encode(row)) for row in sorted(bucket, key=lambda row: row.pass_id))
        )
        for bucket in buckets
    ]


def merkle(level: list[bytes]) -> bytes:
    assert len(level) == BUCKETS
    while len(level) > 1:
        level = [_h(b"\1" + level[i] + level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


def root(auth_ver: int, rows: Iterable[PassRow]) -> str:
    """The root of one version of a node's pass set, as hex."""
    held = list(rows)
    seal = auth_ver.to_bytes(8, "big") + len(held).to_bytes(4, "big") + merkle(leaves(held))
    return _h(seal).hex()


def pack(rows: Iterable[PassRow]) -> bytes:
    """Rows as one msgpack blob in pass_id order: equal sets pack to equal bytes."""
    return msgspec.msgpack.encode(sorted(rows, key=lambda row: row.pass_id))


def unpack(data: bytes) -> list[PassRow]:
    """Inverse of ``pack``.

    Raises:
        msgspec.DecodeError: the blob is not a list of pass rows.
    """
    return _rows_decoder.decode(data)
