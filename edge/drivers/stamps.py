"""When a picture was taken, from when it arrived and what its source says.  Numbers in, numbers out.

The older of the two counts, always: a source's clock may make a picture older than it arrived, never younger.
"""

from dataclasses import dataclass

# A camera that counts pictures instead of measuring time is off by up to one per cent: its stamps may run away from
# our clock that fast without being taken for a delay.  A real delay of half a second is forgotten after 50 s.
DRIFT = 0.01
# A connection opened a moment ago first delivers what piled up meanwhile.  Only when the shortest way has not become
# shorter by more than this for so long is it known what the live picture is.
SHORTER_NS = 100_000_000
SETTLE_NS = 500_000_000
OUR_CLOCK_NS = 60_000_000_000  # a stamp further from ours is of another clock


def of_our_clock(arrived_ns: int, stamped_ns: int | None) -> int:
    """For a source that stamps with this machine's CLOCK_MONOTONIC; any other stamp says nothing."""
    if stamped_ns is None or abs(arrived_ns - stamped_ns) > OUR_CLOCK_NS:
        return arrived_ns
    return min(arrived_ns, stamped_ns)


@dataclass(slots=True)
class OwnClock:
    """For a source that stamps with a clock of its own, one connection long.

    The picture that came by the shortest way is taken for live, and every other one is as much older as its way was
    longer.  What even the fastest picture needed (exposure, encoder, wire) is not seen from here.
    """

    _way_ns: int | None = None  # the shortest of late: arrival less stamp
    _before_ns: int = 0  # what it was, coming down no faster than drift would let it
    _at_ns: int = 0
    _restless_ns: int | None = None  # when the shortest way was last beaten by much

    def taken_ns(self, arrived_ns: int, stamped_ns: int | None) -> int | None:
        """When the picture was taken; None while that cannot be known yet.

        One without a stamp is believed only where none has any: among others it may be as old as the oldest.
        """
        if self._restless_ns is None:
            self._restless_ns = arrived_ns
        if stamped_ns is not None:
            self._learn(arrived_ns, arrived_ns - stamped_ns)
        if arrived_ns - self._restless_ns < SETTLE_NS:
            return None
        if stamped_ns is None or self._way_ns is None:
            return arrived_ns if self._way_ns is None else None
        return min(arrived_ns, stamped_ns + self._way_ns)

    def _learn(self, arrived_ns: int, way_ns: int) -> None:
        if self._way_ns is None:
            self._way_ns, self._before_ns, self._at_ns = way_ns, way_ns, arrived_ns
        drift_ns = int((arrived_ns - self._at_ns) * DRIFT)
        self._way_ns = min(way_ns, self._way_ns + drift_ns)
        self._before_ns = max(self._way_ns, self._before_ns - drift_ns)
        if self._before_ns - self._way_ns > SHORTER_NS:
            self._before_ns = self._way_ns
            self._restless_ns = arrived_ns
        self._at_ns = arrived_ns
