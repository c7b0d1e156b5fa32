"""gate-io as hardware.md §3.3 words it: when the lock has to be released, from what it sensed and what it was asked.

Written a second time, without ``edge.gateio.board``.
"""

from dataclasses import dataclass, field

from edge.gateio.outputs import Why
from edge.ports import Level, Point

MS = 1_000_000
LEASE_NS = 2_000 * MS
GRANT_MAX_NS = 65_000 * MS
CLEAR_NS = 1_000 * MS  # a beam that is clear for less may be the gap before a trailer


@dataclass
class DesignBox:
    """One life after the other; ``kept`` are the latches that its disk remembers."""

    door: str
    rex_unlocks: bool
    t_rex_ns: int
    alive: bool = False
    kept: set[Why] = field(default_factory=set)
    rex_until: int = 0
    pulse_until: int = 0
    granted_at: int = 0
    hold_until: int = 0
    lease_until: int = 0  # as long as the node beats, far away
    pressed: bool = False
    barrier: bool = False
    up: bool = False
    clear_since: int | None = None  # None: something stands in the beam, or nobody has looked yet
    burning: set[str] = field(default_factory=set)

    def born(self) -> None:
        """What was asked is forgotten; a latch is not."""
        self.alive = True
        self.rex_until = self.pulse_until = self.granted_at = self.hold_until = 0
        self.pressed = self.up = False
        self.clear_since = None
        self.burning.clear()

    def sensed(self, point: Point, level: Level, where: str, now: int) -> None:
        if point is Point.REX:
            if level and not self.pressed and self.rex_unlocks:
                self.rex_until = max(self.rex_until, now + self.t_rex_ns)
            self.pressed = bool(level)
        if point is Point.BEAM and where == self.door:
            if level is not False:
                self.clear_since = None
            elif self.clear_since is None:
                self.clear_since = now
        if point is Point.FIRE:
            if level:
                self.burning.add(where)
                self.kept.add(Why.FIRE)
            else:
                self.burning.discard(where)

    def lease_over(self, now: int) -> bool:
        return now >= self.lease_until

    def released(self, now: int) -> bool:
        return self.asked(now) or self.held_up(now)

    def held_up(self, now: int) -> bool:
        """An arm that is up comes down on nothing that stands below it."""
        return self.barrier and self.up and (self.clear_since is None or now < self.clear_since + CLEAR_NS)

    def rest(self, now: int) -> None:
        self.up = self.released(now)

    def rests_at(self, now: int) -> None:
        """The line was seen at rest: where the beam's clear second ends in this moment, the arm has come down first."""
        if self.clear_since is not None and now == self.clear_since + CLEAR_NS:
            self.up = False

    def asked(self, now: int) -> bool:
        if self.kept or now < self.rex_until:
            return True
        if self.lease_over(now):
            return False
        return now < min(self.pulse_until, self.granted_at + GRANT_MAX_NS) or now < self.hold_until

    # --- what it did as it was asked -----------------------------------------------------------------------------------

    def pulsed(self, ms: int, now: int) -> None:
        left = min(self.pulse_until, self.granted_at + GRANT_MAX_NS)
        self.pulse_until, self.granted_at = max(left, now + ms * MS), now

    def held(self, until: int) -> None:
        self.hold_until = max(self.hold_until, until)

    def locked(self) -> None:
        self.pulse_until = self.hold_until = 0

    def lapsed(self, now: int) -> None:
        """What the node asked for is gone with its lease."""
        if self.lease_over(now):
            self.locked()
