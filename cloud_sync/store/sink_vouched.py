"""What a node vouches for with its device key, inside one sink transaction: who says that something is gone.

A tombstone or an anchor is believed when the key the node joined with has signed it for this very ledger; one that
is not is buried where people find it, and changes nothing: the gap it wanted to close stays open.
"""

import base64
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec.structs import replace

from cloud_sync.protocol.messages import Anchor, Batch, Hello, Tombstone, encode
from cloud_sync.protocol.vouched import anchor_bytes, tombstone_bytes
from cloud_sync.store.sink_db import SinkDb

_ANCHOR = """
insert into anchor (community, node, epoch, seq, h, at_ms, sig, device_key, stored_ms)
values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (community, node, epoch, seq) do nothing
"""
_WORD = """
insert into tombstone_word (community, node, epoch, lo, hi, kept, reason, h, sig, device_key, stored_ms)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (community, node, epoch, lo, hi) do nothing
"""
_WIRE = """
insert into node_wire (community, node, wv, wv_min, refused, told_ms) values (?, ?, ?, ?, ?, ?)
on conflict (community, node) do update set
    wv = excluded.wv, wv_min = excluded.wv_min, refused = excluded.refused, told_ms = excluded.told_ms
where node_wire.wv != excluded.wv or node_wire.wv_min != excluded.wv_min or node_wire.refused != excluded.refused
"""

Bury = Callable[[str, str, int, bytes, str], None]  # node, epoch, seq, what was said, why it is not believed


class Vouched:
    """For one transaction; keys are read once for each node."""

    def __init__(self, db: SinkDb, community: str, now_ms: int, bury: Bury) -> None:
        self._db = db
        self._community = community
        self._now_ms = now_ms
        self._bury = bury
        self._keys: dict[str, str] = {}

    def believed(self, node: str, batch: Batch) -> Batch:
        """The batch with only those tombstones that its node signed; the words of these are kept."""
        if batch.anchor is not None:
            self._anchor(node, batch.e, batch.anchor)
        if not batch.tomb:
            return batch
        return replace(batch, tomb=[one for one in batch.tomb if self._tombstone(node, batch.e, one)])

    def _tombstone(self, node: str, epoch: str, told: Tombstone) -> bool:
        key = self._key(node)
        if told.lo > told.hi or not verified(key, tombstone_bytes(node, epoch, told), told.sig):
            self._refuse(node, epoch, told.lo, encode(told), "a tombstone its node has not signed")
            return False
        word = (told.lo, told.hi, told.kept, told.reason, told.h, told.sig)
        self._db.execute(_WORD, (self._community, node, epoch, *word, key, self._now_ms))
        return True

    def _anchor(self, node: str, epoch: str, told: Anchor) -> None:
        key = self._key(node)
        if not verified(key, anchor_bytes(node, epoch, told), told.sig):
            self._refuse(node, epoch, told.seq, encode(told), "an anchor its node has not signed")
            return
        word = (told.seq, told.h, told.at, told.sig)
        self._db.execute(_ANCHOR, (self._community, node, epoch, *word, key, self._now_ms))

    def _refuse(self, node: str, epoch: str, seq: int, said: bytes, why: str) -> None:
        """Once for the same words: a node repeats what is not acknowledged."""
        known = self._db.execute(
            "select 1 from deadletter where community = ? and node = ? and raw = ? limit 1",
            (self._community, node, said),
        ).fetchone()
        if known is None:
            self._bury(node, epoch, seq, said, why)

    def _key(self, node: str) -> str:
        """The device key the node joined with, base64; empty where it never did."""
        if node not in self._keys:
            row = self._db.execute(
                "select device_public_key from node where community = ? and node = ?", (self._community, node)
            ).fetchone()
            self._keys[node] = str(row[0]) if row else ""
        return self._keys[node]

    def anchored(self, node: str, epoch: str) -> int:
        """The newest anchor of this ledger that is kept; 0 without one."""
        (seq,) = self._db.execute(
            "select coalesce(max(seq), 0) from anchor where community = ? and node = ? and epoch = ?",
            (self._community, node, epoch),
        ).fetchone()
        return int(seq)

    def speaks(self, node: str, hello: Hello, *, refused: bool) -> None:
        """Note the versions a node speaks; whether we have one in common is what a case is about."""
        self._db.execute(_WIRE, (self._community, node, hello.wv, hello.wv_min, int(refused), self._now_ms))


def verified(key: str, message: bytes, signature: str) -> bool:
    """True when the holder of ``key`` (base64, Ed25519) signed the message; anything malformed is False."""
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True))
        public.verify(base64.b64decode(signature, validate=True), message)
    except (InvalidSignature, ValueError):
        return False
    return True
