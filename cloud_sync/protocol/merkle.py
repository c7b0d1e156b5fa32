"""The root that a signed head vouches for (sync.md §7.1).

256 buckets by the first byte of BLAKE2b(pass_id); a leaf is the hash of its rows in pass_id order; the Merkle
root over the 256 leaves; and ``root = BLAKE2b(version ‖ count ‖ Merkle root)``, 32 bytes.
"""

from collections.abc import Iterable, Iterator, Mapping
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
        _leaf(row_hash(msgspec.msgpack.encode(row)) for row in sorted(bucket, key=lambda row: row.pass_id))
        for bucket in buckets
    ]


def row_hash(raw: bytes) -> bytes:
    """Of one encoded row."""
    return _h(raw)


def _leaf(hashes: Iterable[bytes]) -> bytes:
    return _h(b"\0" + b"".join(hashes))


def merkle(level: list[bytes]) -> bytes:
    assert len(level) == BUCKETS
    while len(level) > 1:
        level = [_h(b"\1" + level[i] + level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


def root(auth_ver: int, rows: Iterable[PassRow]) -> str:
    """The root of one version of a node's pass set, as hex."""
    held = list(rows)
    return _seal(auth_ver, len(held), merkle(leaves(held)))


def _seal(auth_ver: int, count: int, top: bytes) -> str:
    return _h(auth_ver.to_bytes(8, "big") + count.to_bytes(4, "big") + top).hex()


class Tree:
    """The hashes of one set of rows, kept so that a change costs its buckets and the way up from them, not the set."""

    def __init__(self, hashes: Mapping[str, bytes] | None = None) -> None:
        self._buckets: list[dict[str, bytes]] = [{} for _ in range(BUCKETS)]
        # The top is 1, below ``i`` are ``2i`` and ``2i + 1``, the leaves stand from BUCKETS on.  None: to be computed
        # anew, and then so is everything above it.
        self._nodes: list[bytes | None] = [None] * (2 * BUCKETS)
        self.count = 0
        for pass_id, hashed in (hashes or {}).items():
            self._buckets[bucket_of(pass_id)][pass_id] = hashed
            self.count += 1

    def get(self, pass_id: str) -> bytes | None:
        return self._buckets[bucket_of(pass_id)].get(pass_id)

    def ids(self, bucket: int) -> list[str]:
        """The passes of one bucket, in the order of their ids."""
        return sorted(self._buckets[bucket])

    def all_ids(self) -> Iterator[str]:
        for bucket in self._buckets:
            yield from bucket

    def change(self, to: Mapping[str, bytes | None]) -> dict[str, bytes | None]:
        """Put hashes, and take out where None; returns the change that undoes it."""
        undo = {pass_id: self.get(pass_id) for pass_id in to}
        for pass_id, hashed in to.items():
            number = bucket_of(pass_id)
            bucket = self._buckets[number]
            before = bucket.pop(pass_id, None)
            if hashed is not None:
                bucket[pass_id] = hashed
            self.count += (hashed is not None) - (before is not None)
            self._forget(BUCKETS + number)
        return undo

    def _forget(self, at: int) -> None:
        while at and self._nodes[at] is not None:
            self._nodes[at] = None
            at //= 2

    def leaves(self) -> list[bytes]:
        return [self._leaf_at(number) for number in range(BUCKETS)]

    def _leaf_at(self, number: int) -> bytes:
        known = self._nodes[BUCKETS + number]
        if known is None:
            bucket = self._buckets[number]
            known = self._nodes[BUCKETS + number] = _leaf(bucket[pass_id] for pass_id in sorted(bucket))
        return known

    def _node_at(self, at: int) -> bytes:
        if at >= BUCKETS:
            return self._leaf_at(at - BUCKETS)
        known = self._nodes[at]
        if known is None:
            known = self._nodes[at] = _h(b"\1" + self._node_at(2 * at) + self._node_at(2 * at + 1))
        return known

    def root(self, auth_ver: int) -> str:
        """The same as ``root`` of the rows themselves."""
        return _seal(auth_ver, self.count, self._node_at(1))


def pack(rows: Iterable[PassRow]) -> bytes:
    """Rows as one msgpack blob in pass_id order: equal sets pack to equal bytes."""
    return msgspec.msgpack.encode(sorted(rows, key=lambda row: row.pass_id))


def unpack(data: bytes) -> list[PassRow]:
    """Inverse of ``pack``.

    Raises:
        msgspec.DecodeError: the blob is not a list of pass rows.
    """
    return _rows_decoder.decode(data)
