"""While an erasure is known of and not done, this node looks at no face; for a minute at most."""

from typing import Protocol

import structlog

from edge.ports import Clock

# An erasure that never comes (a database that was replaced) must not switch faces off for good.
HOLD_MAX_NS = 60_000_000_000

log = structlog.get_logger()


class Held(Protocol):
    faces_held: bool


class ErasureHold:
    """On the node's loop: ``owe`` when the link says so, ``tick`` twice a second."""

    def __init__(self, host: Held, clock: Clock) -> None:
        self._host = host
        self._clock = clock
        self._until_ns = 0
        self._owed = self._given_up = 0

    def owe(self, erase_ver: int) -> None:
        """Faces wait for the erasures up to this number; 0, or one that was waited for in vain: nobody waits."""
        owed = erase_ver > self._given_up
        self._owed = erase_ver
        self._until_ns = self._clock.read().mono_ns + HOLD_MAX_NS if owed else 0
        self._host.faces_held = owed

    def tick(self) -> None:
        if self._until_ns and self._clock.read().mono_ns >= self._until_ns:
            log.error("erasure_never_came", why="faces are looked at again")
            self._given_up = self._owed
            self.owe(0)
