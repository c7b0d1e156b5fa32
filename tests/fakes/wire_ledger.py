"""A gate's ledger in memory, for tests of the other end: real bodies, real chain, real frames."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from cloud_sync.ports import Told
from cloud_sync.protocol import chain
from cloud_sync.protocol.messages import Anchor, Batch, EventBody, Hello, Tombstone, encode
from cloud_sync.protocol.versions import WIRE_VERSION, WIRE_VERSION_MIN
from cloud_sync.protocol.vouched import anchor_bytes, tombstone_bytes

T0_MS = 1_795_276_800_000  # 2026-11-21T16:00:00Z
T0_TEXT = "2026-11-21T16:00:00.000Z"


def body(type_: str = "access.granted", **more: object) -> bytes:
    """One event body as a gate encodes it."""
    words = {
        "boot_id": "b1",
        "mono_ms": 1,
        "wall": T0_TEXT,
        "clock_state": "TRUSTED",
        "clock_bound_ms": 12,
        "access_point": "AP-1",
        **more,
    }
    return msgspec.json.encode(EventBody(type=type_, **words))


def device_key(node: str) -> Ed25519PrivateKey:
    """The same for the same node, in every test."""
    return Ed25519PrivateKey.from_private_bytes(sha256(node.encode()).digest())


def device_public(node: str) -> str:
    """Base64, as the service keeps it."""
    return base64.b64encode(device_key(node).public_key().public_bytes_raw()).decode()


def sign(node: str, message: bytes) -> str:
    return base64.b64encode(device_key(node).sign(message)).decode()


@dataclass
class WireLedger:
    """Seq n is ``rows[n - 1]``: its body and full chain hash."""

    node: str = "n1"
    epoch: str = "e" * 24
    rows: list[tuple[bytes, bytes]] = field(default_factory=list)

    @property
    def head(self) -> int:
        return len(self.rows)

    def h(self, seq: int) -> bytes:
        return self.rows[seq - 1][1] if seq else chain.start(self.node, self.epoch)

    def record(self, *bodies: bytes) -> None:
        for raw in bodies:
            self.rows.append((raw, chain.link(self.h(self.head), chain.digest(raw))))

    def batch(
        self, seqs: Iterable[int], *, live: bool = True, tomb: Iterable[Tombstone] = (), sg: str = ""
    ) -> Batch:
        events = [(seq, msgspec.Raw(self.rows[seq - 1][0]), chain.short(self.h(seq))) for seq in seqs]
        return Batch(v=WIRE_VERSION, n=self.node, e=self.epoch, sg=sg, lv=live, ev=events, tomb=list(tomb))

    def tombstone(self, lo: int, hi: int, reason: str = "retention", kept: int = 0) -> Tombstone:
        plain = Tombstone(lo=lo, hi=hi, reason=reason, h=self.h(hi).hex(), kept=kept)
        return replace(plain, sig=sign(self.node, tombstone_bytes(self.node, self.epoch, plain)))

    def anchor(self, seq: int, at_ms: int = T0_MS) -> Anchor:
        plain = Anchor(seq=seq, h=self.h(seq).hex(), at=at_ms, sig="")
        return replace(plain, sig=sign(self.node, anchor_bytes(self.node, self.epoch, plain)))

    def hello(self, **more: object) -> Hello:
        words: dict[str, object] = {
            "v": WIRE_VERSION,
            "n": self.node,
            "e": self.epoch,
            "head": self.head,
            "oldest": 1,
            "acked": 0,
            "head_h": self.h(self.head).hex(),
            "sw": "1",
            "wv": WIRE_VERSION,
            "wv_min": WIRE_VERSION_MIN,
            "boot_id": "b1",
            "mono_ms": 1,
            "wall": T0_TEXT,
            "clock_state": "TRUSTED",
            "clock_bound_ms": 12,
            **more,
        }
        return Hello(**words)


def told(message: object, node: str = "n1") -> Told:
    """A frame as the sink understands it."""
    return Told(getattr(message, "n", node), message, encode(message))
