"""A node and a sink of version 1, whole enough to talk: frozen peers and messages on a real ledger and on sets."""

from dataclasses import dataclass, field

import msgspec

from cloud_sync.protocol import chain
from edge.link.translate import wall_text
from tests.fakes.talking_node import TalkingNode
from tests.fakes.wire_v1 import messages as v1
from tests.fakes.wire_v1.gate_peer import GatePeer
from tests.fakes.wire_v1.sink_peer import SinkPeer, generation
from tests.fakes.wire_v1.versions import WIRE_VERSION, WIRE_VERSION_MIN, common_version


class OldNode(TalkingNode):
    """Speaks as the release did: batches of what has a body, no tombstones, no anchors."""

    def _open(self) -> None:
        super()._open()
        ledger = self.ledger
        self.peer = GatePeer(ledger.epoch, head=ledger.head, acked=ledger.acked, sink_gen=ledger.sink_gen)
        self.peer.connected(self.now_s)

    @property
    def done(self) -> bool:
        return self.peer.acked == self.ledger.head

    def send(self) -> None:
        self.peer.recorded(self.ledger.head)
        self.peer.tick(self.now_s)
        while due := self.peer.due():
            rows = self.ledger.rows(due, bytes_max=v1.PUBLISH_BYTES_MAX - 512)
            if not rows or not self._say(self._batch(rows)):
                return
            self.peer.sending(rows[-1].seq, self.now_s)

    def _batch(self, rows: list) -> bytes:
        return v1.encode(
            v1.Batch(
                v=WIRE_VERSION,
                n=self.name,
                e=self.ledger.epoch,
                sg=self.peer.sink_gen,
                ev=[(row.seq, msgspec.Raw(row.body), chain.short(row.h)) for row in rows],
            )
        )

    def hello(self) -> None:
        hello = v1.Hello(
            v=WIRE_VERSION,
            n=self.name,
            e=self.ledger.epoch,
            sg=self.peer.sink_gen,
            head=self.ledger.head,
            oldest=self.ledger.oldest,
            acked=self.peer.acked,
            head_h=self.ledger.tip()[1].hex(),
            sw="0",
            wv=WIRE_VERSION,
            wv_min=WIRE_VERSION_MIN,
            boot_id="b1",
            mono_ms=1,
            wall=wall_text(self.now_ms),
            clock_state="TRUSTED",
            clock_bound_ms=12,
        )
        self.up.append(v1.encode(hello))

    def hear_frame(self, frame: bytes) -> None:
        ack = v1.decode(frame, v1.Ack)
        self.acked[ack.e] = max(self.acked.get(ack.e, 0), ack.upto)
        if self.peer.on_ack(ack.e, ack.upto, ack.sg, refuse=ack.refuse, now_s=self.now_s):
            self.ledger.remember(self.peer.acked, self.peer.sink_gen)


@dataclass
class OldSink:
    """Takes and answers frames as the release did; what it stored is ``events``, by epoch and seq."""

    gen: str = "g1"
    events: dict[str, dict[int, bytes]] = field(default_factory=dict)
    peers: dict[str, SinkPeer] = field(default_factory=dict)
    counted: int = 0
    versions: set[int] = field(default_factory=set)  # what the frames said they are
    refused: str | None = None

    def take(self, frame: bytes) -> bytes:
        if b'"head_h"' in frame:
            hello = v1.decode(frame, v1.Hello)
            self.versions.add(hello.v)
            self.refused = None if common_version(hello.wv, hello.wv_min) else "version"
            peer = self._peer(hello.e)
            if hello.sg == generation(self.gen, peer.bump) and peer.went_back(hello.acked):
                peer.bump += 1
            return self._ack(hello.e)
        batch = v1.decode(frame, v1.Batch)
        self.versions.add(batch.v)
        peer = self._peer(batch.e)
        if self.refused is None:
            offered = {seq: bytes(raw) for seq, raw, _ in batch.ev}
            fresh = peer.fresh(list(offered))
            self.events.setdefault(batch.e, {}).update({seq: offered[seq] for seq in fresh})
            self.counted += len(fresh)
            peer.store(fresh)
            for one in batch.tomb:
                peer.close(one.lo, one.hi)
        return self._ack(batch.e)

    def _peer(self, epoch: str) -> SinkPeer:
        return self.peers.setdefault(epoch, SinkPeer())

    def _ack(self, epoch: str) -> bytes:
        peer = self._peer(epoch)
        return v1.encode(
            v1.Ack(
                e=epoch,
                upto=peer.upto,
                sg=generation(self.gen, peer.bump),
                missing=peer.missing(),
                wv=WIRE_VERSION,
                wv_min=WIRE_VERSION_MIN,
                refuse=self.refused,
            )
        )
