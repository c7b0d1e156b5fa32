"""When one lock output is released, why, and until when.

Pure: told the time (CLOCK_MONOTONIC ns), drives nothing.  *Released* means the door can be opened; whether that
takes current (strike) or takes it away (maglock) is the board's business.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

MS = 1_000_000

# access.md §4.2: a hard watchdog since the last grant, whatever the logic above asked for.
T_MAX_ENERGISE_NS = 65_000 * MS

# A schedule is renewed at least daily; an end further away is a mistake in somebody's arithmetic.
HOLD_MAX_NS = 24 * 3600 * 1000 * MS


class Why(StrEnum):
    """Why an output is released; several may hold at once."""

    PULSE = "pulse"
    HOLD = "hold"
    REX = "rex"
    FIRE = "fire"
    EVACUATE = "evacuate"
    BEAM = "beam"  # a barrier: something stands where it would come down


LATCHES = frozenset({Why.FIRE, Why.EVACUATE})


@dataclass(frozen=True, slots=True)
class Wish:
    """What an output shall do now, for a lock that has to be asked."""

    energised: bool
    rest: bool  # the level at rest; another one releases
    until_ns: int | None = None  # the release ends by itself then; None: at rest, or nobody knows when
    reflex: bool = (
        False  # fire, evacuation, REX, beam: carried out without the node, and better late than never
    )


@dataclass(frozen=True, slots=True)
class Output:
    """The reasons to release, each with its own end; the default is at rest."""

    pulse_until: int = 0
    granted_at: int = 0
    hold_until: int = 0
    rex_until: int = 0
    latches: frozenset[Why] = frozenset()

    def pulse(self, ms: int, now: int) -> "Output":
        """A grant; it can lengthen what is left of an earlier one, never add to it or shorten it."""
        return replace(self, pulse_until=max(self._pulse_end, now + ms * MS), granted_at=now)

    def hold(self, until_ns: int) -> "Output":
        return replace(self, hold_until=max(self.hold_until, until_ns))

    def press_rex(self, ms: int, now: int) -> "Output":
        return replace(self, rex_until=max(self.rex_until, now + ms * MS))

    def lock(self) -> "Output":
        """Drop what was granted; the way out and the latches are not a command's to end."""
        return replace(self, pulse_until=0, hold_until=0)

    def latch(self, kind: Why) -> "Output":
        assert kind in LATCHES, f"{kind} is not a latch"
        return replace(self, latches=self.latches | {kind})

    def unlatch(self, kind: Why) -> "Output":
        return replace(self, latches=self.latches - {kind})

    def reasons(self, now: int) -> frozenset[Why]:
        """Empty = at rest."""
        timed = (
            (Why.PULSE, self._pulse_end),
            (Why.HOLD, self.hold_until),
            (Why.REX, self.rex_until),
        )
        return self.latches | {why for why, end in timed if now < end}

    def next_deadline(self, now: int) -> int | None:
        """The next moment at which ``reasons`` may shrink by itself."""
        ends = [end for end in (self._pulse_end, self.hold_until, self.rex_until) if end > now]
        return min(ends, default=None)

    def ends_at(self, now: int) -> int | None:
        """When the last of the reasons ends; None at rest and where one has no end."""
        if self.latches or not self.reasons(now):
            return None
        return max(self._pulse_end, self.hold_until, self.rex_until)

    @property
    def leased(self) -> bool:
        """Something here ends when the node falls silent."""
        return bool(self.pulse_until or self.hold_until)

    @property
    def _pulse_end(self) -> int:
        return min(self.pulse_until, self.granted_at + T_MAX_ENERGISE_NS)
