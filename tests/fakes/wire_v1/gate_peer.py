"""The gate's end of the conversation, as pure state (sync.md §3).

The ledger numbers events from 1.  The gate sends in order what is not yet sent, at most ``WINDOW`` ahead of the
acknowledgement; a commit-ack moves ``acked`` up; no progress within the time-out sends everything from ``acked``
again; another ``sink_gen`` is believed even if it takes ``acked`` back.  Loss, repetition and reordering cost
time and never events.

Times are seconds of any monotonic clock; the caller tells them.
"""

from dataclasses import dataclass

from tests.fakes.wire_v1.messages import BATCH_EVENTS_MAX

WINDOW = 1000  # unacked events in flight; beyond it retransmission storms were measured (sync.md §3.2)
RTO_FIRST_S = 3.0  # 1.5 s with unbounded sink transactions produced 80,000 duplicates
RTO_MAX_S = 30.0


@dataclass(slots=True)
class GatePeer:
    """One epoch's sending state; ``acked`` and ``sink_gen`` are what the ledger remembered."""

    epoch: str
    head: int = 0
    acked: int = 0
    sink_gen: str = ""
    sent: int = 0
    rto_s: float = RTO_FIRST_S
    progress_at_s: float = 0.0
    refused: str | None = None

    def __post_init__(self) -> None:
        assert 0 <= self.acked <= self.head
        self.sent = self.acked

    def recorded(self, head: int) -> None:
        """The ledger has committed events up to ``head``."""
        assert head >= self.head, f"the ledger went back from {self.head} to {head}"
        self.head = head

    def connected(self, now_s: float) -> None:
        """A new session: whatever was in flight is unknown, so it is sent again."""
        self.sent = self.acked
        self.rto_s = RTO_FIRST_S
        self.progress_at_s = now_s

    def due(self) -> range:
        """The seqs to send now, oldest first; empty when nothing may be sent."""
        if self.refused is not None:
            return range(0)
        last = min(self.head, self.acked + WINDOW, self.sent + BATCH_EVENTS_MAX)
        return range(self.sent + 1, last + 1)

    def sending(self, through: int, now_s: float) -> None:
        """Seqs up to ``through`` were handed to the transport."""
        assert self.sent <= through <= self.head
        if self.sent == self.acked:
            self.progress_at_s = now_s
        self.sent = through

    def tick(self, now_s: float) -> bool:
        """True when the time-out struck: everything unacknowledged is due again, and the wait doubles."""
        if self.sent == self.acked or now_s - self.progress_at_s < self.rto_s:
            return False
        self.sent = self.acked
        self.rto_s = min(RTO_MAX_S, self.rto_s * 2)
        self.progress_at_s = now_s
        return True

    def on_ack(self, epoch: str, upto: int, sink_gen: str, *, refuse: str | None, now_s: float) -> bool:
        """Take a commit-ack; True when ``acked`` or ``sink_gen`` changed and should be remembered.

        Late and repeated acks are normal.  An ack for another epoch, or for what was never recorded, is ignored:
        it belongs to another life of this card or to a faulty sink.
        """
        if epoch != self.epoch or not 0 <= upto <= self.head:
            return False
        self.refused = refuse
        if sink_gen != self.sink_gen:
            self.sink_gen = sink_gen
            self.acked = self.sent = upto
        elif upto > self.acked:
            self.acked = upto
            self.sent = max(self.sent, upto)
        else:
            return False
        self.rto_s = RTO_FIRST_S
        self.progress_at_s = now_s
        return True
