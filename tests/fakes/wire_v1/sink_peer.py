"""The sink's end of the conversation, as pure state (sync.md §3).

Per (node, epoch) the sink holds ``upto``, the end of the contiguous run it has committed, and the seqs it holds
above it.  Storing is somebody else's business: the sink stores what ``fresh`` names, commits, and only then
acknowledges ``upto``.
"""

from dataclasses import dataclass, field

MISSING_MAX = 32  # ranges named in one ack; more would not fit a small frame and the oldest matter most


@dataclass(slots=True)
class SinkPeer:
    """What is held of one epoch of one node; ``closed`` are ranges declared lost that lie above ``upto``."""

    upto: int = 0
    above: set[int] = field(default_factory=set)
    bump: int = 0
    closed: list[tuple[int, int]] = field(default_factory=list)

    def holds(self, seq: int) -> bool:
        """True when this seq is committed here or declared lost."""
        return seq <= self.upto or seq in self.above or any(lo <= seq <= hi for lo, hi in self.closed)

    def fresh(self, seqs: list[int]) -> list[int]:
        """Which of these are new here, in order, each once."""
        return sorted({seq for seq in seqs if not self.holds(seq)})

    def store(self, seqs: list[int]) -> None:
        """These are being committed in the current transaction; ``upto`` runs over what is now contiguous."""
        self.above |= {seq for seq in seqs if seq > self.upto}
        self._run()

    def close(self, lo: int, hi: int) -> None:
        """A tombstone: the range is declared lost and counts as held from now on, however wide it is."""
        if lo <= hi and hi > self.upto:
            self.closed.append((lo, hi))
            self._run()

    def _run(self) -> None:
        before = -1
        while before != self.upto:
            before = self.upto
            while self.upto + 1 in self.above:
                self.upto += 1
                self.above.remove(self.upto)
            self.upto = max([self.upto, *(hi for lo, hi in self.closed if lo <= self.upto + 1)])
        if self.closed:
            self.above = {seq for seq in self.above if seq > self.upto}
            self.closed = [(lo, hi) for lo, hi in self.closed if hi > self.upto]

    def missing(self) -> list[tuple[int, int]]:
        """The gaps between ``upto`` and the highest seq held, oldest first."""
        gaps: list[tuple[int, int]] = []
        previous = self.upto
        for lo, hi in sorted([*((seq, seq) for seq in self.above), *self.closed]):
            if lo > previous + 1:
                gaps.append((previous + 1, lo - 1))
                if len(gaps) == MISSING_MAX:
                    break
            previous = max(previous, hi)
        return gaps

    def went_back(self, claimed: int) -> bool:
        """True when the node was once told more than is held here: the database is older than its own acks."""
        return claimed > self.upto


def generation(sink_gen: str, bump: int) -> str:
    """The generation as one node sees it: the database's, plus this node's own bumps."""
    return f"{sink_gen}.{bump}" if bump else sink_gen
