"""One door's settings as its machine needs them; what contradicts itself never becomes a profile."""

from dataclasses import dataclass
from enum import StrEnum

from edge.core.events import AccessPointId, Direction
from edge.errors import ConfigError


class LockProfile(StrEnum):
    STRIKE_FAIL_SECURE = "strike_fail_secure"  # energise = unlock; relocks once open
    MAGLOCK_FAIL_SAFE = "maglock_fail_safe"  # no current = unlock; relocks only when closed
    MOTOR_BOLT = "motor_bolt"  # a bolt thrown against an open door breaks: relocks only when closed
    TURNSTILE = "turnstile"  # one passage in one direction: relocks as it turns
    BARRIER = "barrier"  # a passage is the beam, not the arm; never closes on a vehicle


# They wait for their door to close before they lock.
WAIT_FOR_CLOSE = frozenset({LockProfile.MAGLOCK_FAIL_SAFE, LockProfile.MOTOR_BOLT})


# access.md §4.2.  Ranges in ms, inclusive.
RANGES_MS: dict[str, tuple[int, int]] = {
    "t_release_ms": (1_000, 60_000),
    "t_extension_ms": (0, 30_000),
    "t_relock_delay_ms": (0, 5_000),
    "t_relock_closed_ms": (0, 5_000),
    "t_open_ms": (10_000, 600_000),
    "t_prealarm_ms": (0, 60_000),
    "t_rex_ms": (1_000, 30_000),
    "t_forced_confirm_ms": (0, 1_000),
    "t_bolt_confirm_ms": (500, 10_000),
    "t_second_ms": (10_000, 300_000),
    "t_max_energise_ms": (10_000, 65_000),
}
# The watchdog must never strike before an honest grant has ended.
WATCHDOG_MARGIN_MS = 5_000
# A lease outlives two missed renewals of a busy node and ends soon after a dead one.
HOLD_LEASE_MS = 60_000
HOLD_RENEW_MS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorProfile:
    """Timers are defaults of access.md §4.2 for a pedestrian gate.

    Raises:
        ConfigError: a timer out of its range, or two that contradict each other.
    """

    access_point: AccessPointId
    lock: LockProfile = LockProfile.STRIKE_FAIL_SECURE
    direction: Direction = "in"
    contact_wired: bool = True  # False: a room lock alone; its bolt says what a contact would, and less
    rex_unlocks: bool = False
    t_release_ms: int = 5_000
    t_extension_ms: int = 10_000
    t_relock_delay_ms: int = 500  # strike: after the door opened
    t_relock_closed_ms: int = 300  # magnet: after the door closed
    t_open_ms: int = 15_000
    t_prealarm_ms: int = 5_000
    t_rex_ms: int = 3_000
    t_forced_confirm_ms: int = 0
    t_bolt_confirm_ms: int = 3_000
    t_second_ms: int = 60_000  # how long the release of a lockdown waits for its second person
    lockdown_release_by_two: bool = False
    t_max_energise_ms: int = 65_000

    def __post_init__(self) -> None:
        for name, (least, most) in RANGES_MS.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise ConfigError(name, f"{value} ms is out of range", f"Choose {least} to {most} ms.")
        if self.t_prealarm_ms > self.t_open_ms:
            raise ConfigError(
                "t_prealarm_ms", "longer than t_open_ms", "The warning is the end of the open time."
            )
        longest_ms = self.t_release_ms + self.t_extension_ms
        if longest_ms > self.t_max_energise_ms - WATCHDOG_MARGIN_MS:
            raise ConfigError(
                "t_release_ms",
                f"with t_extension_ms it is {longest_ms} ms, too near t_max_energise_ms",
                f"Keep the sum at least {WATCHDOG_MARGIN_MS} ms below it.",
            )
