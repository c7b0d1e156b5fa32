"""The ledgers of all nodes, told as nodes tell them: numbered, chained, in batches, late where the line was cut."""

import base64
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.protocol import chain
from cloud_sync.protocol.messages import (
    BATCH_EVENTS_MAX,
    PUBLISH_BYTES_MAX,
    Batch,
    Hello,
    Tombstone,
    encode,
)
from cloud_sync.protocol.versions import WIRE_VERSION, WIRE_VERSION_MIN
from cloud_sync.protocol.vouched import tombstone_bytes
from cloud_sync.score.folder import Folder, Outage
from cloud_sync.synth.streams import Streams
from cloud_sync.synth.wire import BOUND_MS, PassOf, body_of

FRAME_BYTES = 400  # around the rows of a batch
ROW_BYTES = 48  # around a body
QUIET = ("outage", "storage", "stolen")  # says nothing meanwhile; what it wrote, it tells later
CLOCKS = {"clock_1970": "UNTRUSTED", "clock_ahead": "UNTRUSTED", "clock_drift": "HOLDOVER"}
LOST = "damaged"
Row = tuple[int, msgspec.Raw, str]
_json = msgspec.json.Encoder()


@dataclass(slots=True)
class Node:
    """One node: what it has written and not yet told."""

    name: str
    key: Ed25519PrivateKey
    booted_ms: int
    epoch: str = "e" * 24
    h: bytes = b""
    head: int = 0
    waiting: list[Row] = field(default_factory=list)
    lost: list[Tombstone] = field(default_factory=list)  # said a step later: the gap is seen first
    lately: list[Tombstone] = field(default_factory=list)
    changed: bool = True


class Nodes:
    """Every node of the community; each line is written once and told once."""

    def __init__(self, folder: Folder, names: list[str]) -> None:
        self._tenant = folder.code
        self._outages: dict[str, list[Outage]] = defaultdict(list)
        streams = Streams(folder.code, folder.seed)
        self.by_name = {
            name: Node(
                name,
                Ed25519PrivateKey.from_private_bytes(streams.secret(name)),
                folder.begins_ms,
                h=chain.start(name, "e" * 24),
            )
            for name in names
        }
        for outage in folder.outages():
            for name in self._named(outage.nodes):
                self._outages[name].append(outage)

    def _named(self, text: str) -> list[str]:
        if text == "*":
            return [name for name in self.by_name if "-rooms-" not in name]
        return [text] if text in self.by_name else []

    def write(self, line: dict[str, Any], pass_of: PassOf) -> None:
        """One line into the ledger of its node."""
        node = self.by_name[line["node"]]
        seq: int = line["seq"]
        if seq > node.head + 1:
            self._lose(node, node.head + 1, seq - 1)
        body = body_of(line, boot_id="b" * 8, booted_ms=node.booted_ms, pass_of=pass_of)
        raw = _json.encode(body)
        node.h = chain.link(node.h, chain.digest(raw))
        node.head = seq
        node.waiting.append((seq, msgspec.Raw(raw), chain.short(node.h)))
        node.changed = True

    def _lose(self, node: Node, lo: int, hi: int) -> None:
        """These were written, and their pages are gone; the chain goes on behind them."""
        for seq in range(lo, hi + 1):
            node.h = chain.link(node.h, chain.digest(f"lost {seq}".encode()))
        told = Tombstone(lo=lo, hi=hi, reason=LOST, h=node.h.hex())
        signature = node.key.sign(tombstone_bytes(node.name, node.epoch, told))
        node.lately.append(msgspec.structs.replace(told, sig=base64.b64encode(signature).decode()))

    def is_quiet(self, name: str, now_ms: int) -> bool:
        """Cut off, full or stolen."""
        return any(
            one.kind in QUIET and one.begin_ms <= now_ms < one.end_ms for one in self._outages.get(name, ())
        )

    def frames(self, now_ms: int) -> Iterator[tuple[str, str, bytes, int]]:
        """(node, kind, payload, events) of everything that is to be said now."""
        for name, node in self.by_name.items():
            if self.is_quiet(name, now_ms):
                continue
            late = len(node.waiting) > BATCH_EVENTS_MAX
            while node.waiting:
                rows, node.waiting = _cut(node.waiting)
                yield name, "ev", self._batch(node, rows, [], live=not late), len(rows)
            if node.lost:
                yield name, "ev", self._batch(node, [], node.lost, live=False), 0
            node.lost, node.lately = node.lately, []
            yield name, "hello", self._hello(node, now_ms), 0

    def _batch(self, node: Node, rows: list[Row], lost: list[Tombstone], *, live: bool) -> bytes:
        return encode(Batch(v=WIRE_VERSION, n=node.name, e=node.epoch, lv=live, ev=[*rows], tomb=[*lost]))

    def _hello(self, node: Node, now_ms: int) -> bytes:
        wall = datetime.fromtimestamp(now_ms / 1000, UTC)
        clock = self._clock(node.name, now_ms)
        hello = Hello(
            v=WIRE_VERSION,
            n=node.name,
            e=node.epoch,
            head=node.head,
            oldest=min(1, node.head),
            acked=node.head,
            head_h=node.h.hex(),
            sw="played",
            wv=WIRE_VERSION,
            wv_min=WIRE_VERSION_MIN,
            boot_id="b" * 8,
            mono_ms=max(0, now_ms - node.booted_ms),
            wall=f"{wall:%Y-%m-%dT%H:%M:%S}.000Z",
            clock_state=clock,  # type: ignore[arg-type]
            clock_bound_ms=BOUND_MS[clock],
        )
        return encode(hello)

    def _clock(self, name: str, now_ms: int) -> str:
        for one in self._outages.get(name, ()):
            if one.kind in CLOCKS and one.begin_ms <= now_ms < one.end_ms:
                return CLOCKS[one.kind]
        return "TRUSTED"


def _cut(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """As many as one publish holds."""
    size, count = FRAME_BYTES, 0
    for _, raw, _ in rows[:BATCH_EVENTS_MAX]:
        size += len(bytes(raw)) + ROW_BYTES
        if size > PUBLISH_BYTES_MAX and count:
            break
        count += 1
    return rows[:count], rows[count:]
