"""Debouncing in software, for inputs that are polled: a level counts once it has stood long enough."""

from edge.ports import Level, Point

# hardware.md §2.3.  All stay under 400 ms, as the norm asks of inputs (access.md §4.2).
DEBOUNCE_MS = {
    Point.CONTACT: 50,
    Point.REX: 50,
    Point.TAMPER: 100,
    Point.FIRE: 20,
    Point.BOLT: 50,
    Point.BEAM: 20,
    Point.POWER: 100,
    Point.RESET: 50,
}


class Debounce:
    """One input.  Starts not known (None); a change needs two samples at least ``ns`` apart and none other between."""

    def __init__(self, ns: int) -> None:
        self._ns = ns
        self._candidate: Level = None
        self._since_ns = 0
        self.level: Level = None

    def sample(self, level: Level, now: int) -> int | None:
        """When the new level was first seen, once it counts; None while nothing changes."""
        if level == self.level:
            self._candidate = level
            return None
        if level != self._candidate:
            self._candidate, self._since_ns = level, now
            return None
        if now - self._since_ns < self._ns:
            return None
        self.level = level
        return self._since_ns

    def forget(self) -> bool:
        """The source fell silent: not known from now on; True when that is news."""
        known = self.level is not None
        self.level = self._candidate = None
        return known
