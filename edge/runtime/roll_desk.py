"""Hands out the roll-call to whoever knows the site's code, with or without a network."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock

import structlog

from edge.core.clock import TimeSpan
from edge.core.events import AccessPointId, ClockState, Direction, PassId
from edge.core.roll_call import NoRoll, Roll, roll_call
from edge.ports import Clock
from edge.runtime.hands import Knowledge
from edge.runtime.patience import Patience

EVER_MS = 2**62
ANYBODY = "roll"  # nobody is named by a code of the site: all wrong ones count together

log = structlog.get_logger()


@dataclass(slots=True)
class RollDesk:
    """Safe from any thread."""

    code: str
    knowledge: Callable[[], Knowledge]
    seen: Callable[[], Mapping[PassId, Direction]]
    clock: Clock
    names: Mapping[AccessPointId, tuple[str, str]]
    since_ms: int = field(init=False)
    _patience: Patience = field(default_factory=Patience)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.since_ms = self.clock.read().wall_ms

    def ask(self, code: str) -> Roll | NoRoll:
        """The list, or why not; a wrong code is written to the log without its digits."""
        now = self.clock.read()
        with self._lock:
            wait_ms = self._patience.waits_ms(ANYBODY, now.mono_ns)
            if wait_ms is not None:
                return NoRoll(wait_ms // 1_000 + 1)
            if not hmac.compare_digest(code.encode(), self.code.encode()):
                self._patience.failed(ANYBODY, now.mono_ns)
                log.warning("roll_refused")
                return NoRoll()
        known = self.knowledge()
        unsure = now.state is ClockState.UNTRUSTED
        # Without the time of day nobody is left out whose pass is not certainly over.
        when = TimeSpan(known.floor_ms, EVER_MS) if unsure else TimeSpan.at(now.wall_ms)
        places = roll_call(known.passes.passes.values(), self.seen(), when)
        log.info("roll_shown", places=len(places))
        return Roll(places, self.since_ms, None if unsure else now.wall_ms)
