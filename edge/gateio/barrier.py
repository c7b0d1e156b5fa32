"""A barrier goes up for a reason and comes down only over a clear beam.

Pure: told the time (CLOCK_MONOTONIC ns).  The beam's own relay in the barrier's controller stays the safety device;
this is what keeps the software from asking for the wrong thing.
"""

from dataclasses import dataclass, replace

from edge.ports import Level

# Between a car and its trailer, or two axles of a lorry, the beam is clear for a moment: at walking pace (1 m/s) a
# drawbar of one metre is one second.
CLEAR_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Boom:
    """One barrier; before its beam was read nothing is known of it, and it stays up if it is."""

    up: bool = False
    clear_since: int | None = None  # None: something stands in the beam, or the beam does not say

    def beam(self, level: Level, now: int) -> "Boom":
        if level is not False:
            return replace(self, clear_since=None)
        return self if self.clear_since is not None else replace(self, clear_since=now)

    def settle(self, asked: bool, now: int) -> "Boom":
        """``asked``: somebody or something wants it open now."""
        return replace(self, up=asked or self.held_up(now))

    def held_up(self, now: int) -> bool:
        """It is open, and what stands below it has no say but presence."""
        return self.up and (self.clear_since is None or now < self.clear_since + CLEAR_NS)

    def next_deadline(self, now: int) -> int | None:
        """When it may come down by itself."""
        if not self.up or self.clear_since is None:
            return None
        end = self.clear_since + CLEAR_NS
        return end if end > now else None
