"""The gate's end of the conversation, as pure state (sync.md §3).

The ledger numbers events from 1.  The gate sends in order what is not yet sent, at most ``WINDOW`` ahead of the
acknowledgement; a commit-ack moves ``acked`` up and may name what is missing below what was sent, which goes first;
no progress within the time-out sends everything from ``acked`` again; another ``sink_gen`` is believed even if it
takes ``acked`` back.  Loss, repetition and reordering cost time and never events.

Times are seconds of any monotonic clock; the caller tells them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from cloud_sync.protocol.messages import BATCH_EVENTS_MAX
from cloud_sync.protocol.versions import WIRE_VERSION, WIRE_VERSION_MIN, common_version

WINDOW = 1000  # unacked events in flight; beyond it retransmission storms were measured (sync.md §3.2)
RTO_FIRST_S = 3.0  # 1.5 s with unbounded sink transactions produced 80,000 duplicates
RTO_MAX_S = 30.0
# So many time-outs in a row, and something in a batch may be what does not get through: one event per publish.
STALLED_AFTER = 5
VERSION = "version"  # the one reason to refuse a node's events (sync.md §3.6)


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
    version: int = WIRE_VERSION_MIN  # what both ends can talk at; the lowest until the sink has said its own
    timeouts: int = 0  # in a row, without progress
    outdone: bool = (
        False  # the sink holds more of this epoch than was ever recorded here: there is a copy of us
    )
    _again: list[tuple[int, int]] = field(
        default_factory=list
    )  # named as missing, to be sent before all else
    _asked: list[tuple[int, int, float]] = field(
        default_factory=list
    )  # what was sent for that reason, and when

    def __post_init__(self) -> None:
        assert 0 <= self.acked <= self.head
        self.sent = self.acked

    @property
    def stalled(self) -> bool:
        """Time-out after time-out: events now go one by one, and somebody should look."""
        return self.timeouts >= STALLED_AFTER

    def recorded(self, head: int) -> None:
        """The ledger has committed events up to ``head``."""
        assert head >= self.head, f"the ledger went back from {self.head} to {head}"
        self.head = head

    def connected(self, now_s: float) -> None:
        """A new session: whatever was in flight is unknown, so it is sent again."""
        self._from(self.acked)
        self.rto_s = RTO_FIRST_S
        self.progress_at_s = now_s

    def due(self) -> range:
        """The seqs to send now, what is missing first, then oldest first; empty when nothing may be sent."""
        if self.refused is not None:
            return range(0)
        most = 1 if self.stalled else BATCH_EVENTS_MAX
        if self._again:
            lo, hi = self._again[0]
            return range(lo, min(hi, lo + most - 1) + 1)
        return range(self.sent + 1, min(self.head, self.acked + WINDOW, self.sent + most) + 1)

    def sending(self, through: int, now_s: float) -> None:
        """What was due was handed to the transport up to ``through``; a hole may reach beyond what was due."""
        assert self.acked < through <= self.head
        if self._again:
            lo, hi = self._again.pop(0)
            self._asked.append((lo, through, now_s))
            if through < hi:
                self._again.insert(0, (through + 1, hi))
        elif self.sent == self.acked:
            self.progress_at_s = now_s
        self.sent = max(self.sent, through)

    def tick(self, now_s: float) -> bool:
        """True when the time-out struck: everything unacknowledged is due again, and the wait doubles."""
        if self.sent == self.acked or now_s - self.progress_at_s < self.rto_s:
            return False
        self._from(self.acked)
        self.timeouts += 1
        self.rto_s = min(RTO_MAX_S, self.rto_s * 2)
        self.progress_at_s = now_s
        return True

    def on_ack(
        self,
        epoch: str,
        upto: int,
        sink_gen: str,
        *,
        refuse: str | None,
        now_s: float,
        missing: Sequence[tuple[int, int]] = (),
        speaks: tuple[int, int] = (WIRE_VERSION, WIRE_VERSION_MIN),
    ) -> bool:
        """Take a commit-ack; True when ``acked`` or ``sink_gen`` changed and should be remembered.

        Late and repeated acks are normal.  An ack for another epoch, or for what was never recorded, is ignored:
        it belongs to another life of this card or to a faulty sink.  ``speaks`` is the sink's pair of versions.
        """
        if epoch != self.epoch or upto < 0:
            return False
        self.outdone = upto > self.head
        if self.outdone:
            return False
        version = common_version(*speaks)
        self.refused = refuse if version is not None else VERSION
        self.version = version or self.version
        if sink_gen != self.sink_gen:
            self.sink_gen, self.acked = sink_gen, upto
            self._from(upto)
        elif upto > self.acked:
            self.acked = upto
            self.sent = max(self.sent, upto)
        else:
            self._note_missing(missing, now_s)
            return False
        self._note_missing(missing, now_s)
        self.rto_s = RTO_FIRST_S
        self.progress_at_s = now_s
        self.timeouts = 0
        return True

    def begin_again(self) -> None:
        """The database behind the sink is another one: everything from the first event on is due."""
        self.acked = 0
        self._from(0)

    def _from(self, acked: int) -> None:
        self.sent = acked
        self._again.clear()
        self._asked.clear()

    def _note_missing(self, missing: Sequence[tuple[int, int]], now_s: float) -> None:
        """Every sink transaction names its gaps anew: what was just sent for one is given its time to arrive."""
        self._asked = [one for one in self._asked if one[1] > self.acked and now_s - one[2] < self.rto_s]
        self._again = [
            (max(lo, self.acked + 1), min(hi, self.sent))
            for lo, hi in sorted(missing)
            if max(lo, self.acked + 1) <= min(hi, self.sent) and not self._on_its_way(lo, hi)
        ]

    def _on_its_way(self, lo: int, hi: int) -> bool:
        return any(a <= hi and lo <= b for a, b, _ in self._asked)
