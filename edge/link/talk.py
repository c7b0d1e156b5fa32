"""One ledger's way up: what is due as batches, holes as signed tombstones, the day's anchor, and the acks' effect.

Used by the link's thread only.  A node has one for its ledger, and one for each that ended with a damaged page
until the service has what could be read of it.
"""

import base64
from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec
import structlog

from cloud_sync.protocol import chain
from cloud_sync.protocol.gate_peer import VERSION, GatePeer
from cloud_sync.protocol.messages import PUBLISH_BYTES_MAX, Ack, Anchor, Batch, Tombstone, encode
from cloud_sync.protocol.versions import ANCHORS_SINCE
from cloud_sync.protocol.vouched import UNKNOWN_H, anchor_bytes, tombstone_bytes
from edge.ports import Hole, LedgerRow, MadeAnchor, Stretch

M = TypeVar("M", Tombstone, Anchor)
_FRAME_BYTES = 512  # the words and the anchor around a batch's rows

Sign = Callable[[bytes], bytes]  # by the node's device key: 64 bytes

log = structlog.get_logger()


class TalkSource(Protocol):
    """What is told of a ledger."""

    epoch: str
    acked: int
    sink_gen: str

    @property
    def head(self) -> int: ...

    def stretch(self, seqs: range, *, bytes_max: int) -> Stretch: ...

    def remember(self, acked: int, sink_gen: str) -> None: ...


class Talk:
    """``peer`` is where the conversation stands; ``is_young`` says whether a row was recorded just now.

    Without a key to ``sign`` with there are no anchors, and holes are declared by a word that nobody believes.
    """

    def __init__(
        self, node: str, source: TalkSource, sign: Sign | None, is_young: Callable[[LedgerRow], bool]
    ) -> None:
        self.peer = GatePeer(source.epoch, head=source.head, acked=source.acked, sink_gen=source.sink_gen)
        self._node = node
        self._source = source
        self._sign = sign
        self._is_young = is_young
        self._sent_once = source.acked
        self._anchor: Anchor | None = None
        self._anchored = 0
        self._stalled = False

    @property
    def over(self) -> bool:
        """Nothing is left to tell; only the ledger that is still written begins again."""
        return self.peer.acked >= self._source.head

    def faults(self) -> list[str]:
        """What a person should know of this conversation, a sentence each."""
        said = []
        if self.peer.refused == VERSION:
            said.append(
                "the service speaks no version of the wire that this node speaks: everything is kept here. "
                "Update whichever of the two is older."
            )
        if self.peer.stalled:
            said.append(
                "events do not get through and go one by one now. Look at the broker and the service."
            )
        if self.peer.outdone:
            said.append(
                "the service holds more of this ledger than this node: its disk was copied or set back. "
                "Stop one of the two, and start the other with a new data_dir."
            )
        return said

    def offer(self, made: MadeAnchor | None) -> None:
        """The day's anchor: goes with the next batch, and again after the next hello until it is acknowledged."""
        self._anchor = None
        if made is None or self._sign is None or self.peer.version < ANCHORS_SINCE:
            return
        if made.seq > self._anchored:
            anchor = Anchor(seq=made.seq, h=made.h.hex(), at=max(0, made.at_ms), sig="")
            self._anchor = self._signed(anchor, anchor_bytes(self._node, self._source.epoch, anchor))

    def tick(self, now_s: float) -> None:
        """Time-outs; what they mean is said once."""
        if self.peer.tick(now_s):
            log.info("resending", from_seq=self.peer.acked + 1, rto_s=self.peer.rto_s)
        if self.peer.stalled is not self._stalled:
            self._stalled = self.peer.stalled
            log.warning("sending_one_by_one" if self._stalled else "sending_in_batches_again")

    def send(self, now_s: float, say: Callable[[bytes], bool]) -> None:
        """Hand over what is due, as long as ``say`` takes it.

        Raises:
            StoreError: the ledger could not be read.
        """
        self.peer.recorded(self._source.head)
        while due := self.peer.due():
            found = self._source.stretch(due, bytes_max=PUBLISH_BYTES_MAX - _FRAME_BYTES)
            if not say(self._batch(found)):
                return
            self.peer.sending(found.through, now_s)
            self._sent_once = max(self._sent_once, found.through)
            self._anchor = None
        if self._anchor is not None and self.peer.refused is None and say(self._batch(Stretch([], [], 0))):
            self._anchor = None

    def hear(self, ack: Ack, now_s: float) -> None:
        """Take a commit-ack of this epoch; those of others do nothing."""
        if ack.e == self._source.epoch:
            self._anchored = ack.anchored
        self.peer.recorded(self._source.head)
        moved = self.peer.on_ack(
            ack.e,
            ack.upto,
            ack.sg,
            refuse=ack.refuse,
            now_s=now_s,
            missing=ack.missing,
            speaks=(ack.wv, ack.wv_min),
        )
        if moved:
            self._source.remember(self.peer.acked, self.peer.sink_gen)

    def _batch(self, found: Stretch) -> bytes:
        rows = found.rows
        return encode(
            Batch(
                v=self.peer.version,
                n=self._node,
                e=self._source.epoch,
                sg=self.peer.sink_gen,
                lv=bool(rows) and rows[0].seq > self._sent_once and self._is_young(rows[0]),
                ev=[(row.seq, msgspec.Raw(row.body), chain.short(row.h)) for row in rows],
                tomb=[self._tombstone(hole) for hole in found.holes],
                anchor=self._anchor,
            )
        )

    def _tombstone(self, hole: Hole) -> Tombstone:
        h = UNKNOWN_H if hole.h is None else hole.h.hex()
        tombstone = Tombstone(lo=hole.lo, hi=hole.hi, reason=hole.reason, h=h, kept=hole.kept)
        return self._signed(tombstone, tombstone_bytes(self._node, self._source.epoch, tombstone))

    def _signed(self, message: M, said: bytes) -> M:
        if self._sign is None:
            return message
        return msgspec.structs.replace(message, sig=base64.b64encode(self._sign(said)).decode())
