"""The sink's end of the conversation, as pure state (sync.md §3).

Per (node, epoch) the sink holds ``upto``, the end of the contiguous run it has committed, and the seqs it holds
above it.  Storing is somebody else's business: the sink stores what ``fresh`` names, commits, and only then
acknowledges ``upto``.
"""

from dataclasses import dataclass, field

MISSING_MAX = 32  # ranges named in one ack; more would not fit a small frame and the oldest matter most


@dataclass(slots=True)
class SinkPeer:
    """What is held of one epoch of one node."""

    upto: int = 0
    above: set[int] = field(default_factory=set)
    bump: int = 0

    def fresh(self, seqs: list[int]) -> list[int]:
        """Which of these are new here, in order, each once."""
        return sorted({seq for seq in seqs if seq > self.upto and seq not in self.above})

    def store(self, seqs: list[int]) -> None:
        """These are being committed in the current transaction; ``upto`` runs over what is now contiguous."""
        self.above |= {seq for seq in seqs if seq > self.upto}
        while self.upto + 1 in self.above:
            self.upto += 1
            self.above.remove(self.upto)

    def close(self, lo: int, hi: int) -> None:
        """A tombstone: the range is declared lost and counts as held from now on."""
        self.store(list(range(max(lo, self.upto + 1), hi + 1)))

    def missing(self) -> list[tuple[int, int]]:
        """The gaps between ``upto`` and the highest seq held, oldest first."""
        gaps: list[tuple[int, int]] = []
        previous = self.upto
        for seq in sorted(self.above):
            if seq > previous + 1:
                gaps.append((previous + 1, seq - 1))
                if len(gaps) == MISSING_MAX:
                    break
            previous = seq
        return gaps

    def went_back(self, claimed: int) -> bool:
        """True when the node was once told more than is held here: the database is older than its own acks."""
        return claimed > self.upto


def generation(sink_gen: str, bump: int) -> str:
    """The generation as one node sees it: the database's, plus this node's own bumps."""
    return f"{sink_gen}.{bump}" if bump else sink_gen
