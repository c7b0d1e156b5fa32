"""What the door of the design is made of: its state, its clocks, and what its lock does (access.md §4.1, 4.2, 4.5)."""

from collections.abc import Callable
from dataclasses import dataclass, field

from edge.core.door_profile import DoorProfile, LockProfile
from edge.core.door_types import AlarmFlag, Bolt, Contact
from edge.core.events import GrantId

MS = 1_000_000
LEASE_RENEW_MS = 20_000
STANDS_OPEN = {"UNLOCKED", "LOCKED_OPEN"}
GUARDED = {"LOCKED", "BLOCKED", "LOCKED_DOWN"}
# In the order in which clocks of one instant strike.
CLOCKS = ("confirm", "relock", "release", "rex", "prealarm", "held", "watchdog", "bolt", "second", "lease")


@dataclass
class DesignLock:
    profile: DoorProfile
    mode: str = "UNKNOWN"
    contact: Contact = Contact.UNKNOWN
    alarm: str = "NORMAL"
    fire: bool = False
    fire_input: bool = False
    pulse: bool = False  # Egress PULSE
    free: bool = (
        False  # the lock is released for a grant, or waits for its door to close, or for a vehicle to go
    )
    evacuated: bool = False
    beam: bool = False
    bolt: Bolt = Bolt.UNKNOWN
    flags: set[AlarmFlag] = field(default_factory=set)
    first: str | None = None  # who asked to end a lockdown, where it takes two
    passing: bool = False
    waiting: list[GrantId] = field(default_factory=list)
    leaving: GrantId | None = None
    clocks: dict[str, int] = field(default_factory=dict)
    counter: int = 0
    facts: list[str] = field(default_factory=list)
    refused: bool = False
    now: int = 0

    # --- what is asked of it -----------------------------------------------------------------------------------------

    @property
    def waits(self) -> bool:
        """Locks only once it has closed: a magnet would not hold, a thrown bolt would break."""
        return self.profile.lock in {LockProfile.MAGLOCK_FAIL_SAFE, LockProfile.MOTOR_BOLT}

    @property
    def barrier(self) -> bool:
        return self.profile.lock is LockProfile.BARRIER

    @property
    def may_not_lock(self) -> bool:
        return self.beam if self.barrier else self.waits and self.is_open

    @property
    def is_open(self) -> bool:
        return self.contact is Contact.OPEN

    @property
    def shunt(self) -> bool:
        return "rex" in self.clocks

    @property
    def released(self) -> bool:
        """What the lock has to do: True, a person can open."""
        by_grant = self.free and (self.mode == "ACCESSED" or self.waits or self.barrier)
        return self.fire or self.mode in STANDS_OPEN or self.pulse or by_grant

    # --- time --------------------------------------------------------------------------------------------------------

    def _start(self, clock: str, ms: int) -> None:
        self.clocks[clock] = self.now + ms * MS

    def _stop(self, *clocks: str) -> None:
        for clock in clocks:
            self.clocks.pop(clock, None)

    def _strike(self) -> None:
        until = self.now
        for _ in CLOCKS:
            due = [(at, CLOCKS.index(clock), clock) for clock, at in self.clocks.items() if at <= until]
            if not due:
                break
            at, _, clock = min(due)
            self.now = until if clock == "lease" else at
            self._stop(clock)
            STRUCK[clock](self)
            self._forget()
        self.now = until

    def _forget(self) -> None:
        """Clocks and words that have lost their meaning."""
        timed = self.is_open and self.mode not in STANDS_OPEN and self.mode != "UNKNOWN"
        if not timed:
            self._stop("prealarm", "held", "confirm")
            if self.alarm == "PRE_ALARM":
                self.alarm = "NORMAL"
        if not self.waiting:
            self._stop("release")
        if not self.free:
            self._stop("relock")
        if not (self.free or self.mode == "ACCESSED"):
            self._stop("watchdog")
        if self.mode != "UNLOCKED" and not (self.beam and self.free):
            self._stop("lease")
        if self.mode != "LOCKED_DOWN":
            self._stop("second")
        if "second" not in self.clocks:
            self.first = None
        under_way = self.contact is not Contact.CLOSED or self.beam
        self.passing = self.passing and self.mode == "ACCESSED" and under_way
        self._mind_the_bolt()

    def _mind_the_bolt(self) -> None:
        """A bolt that can say where it is has T_bolt_confirm to be where it should."""
        wanted = None
        if not self.released:
            wanted = None if self.is_open else Bolt.LOCKED
        elif self.profile.lock is LockProfile.MOTOR_BOLT:
            wanted = Bolt.UNLOCKED
        if wanted is None or {wanted, self.bolt} != {Bolt.LOCKED, Bolt.UNLOCKED}:
            self._stop("bolt")
        elif "bolt" not in self.clocks:
            self._start("bolt", self.profile.t_bolt_confirm_ms)

    # --- clocks that strike ------------------------------------------------------------------------------------------

    def _confirmed(self) -> None:
        self.alarm = "FORCED"
        self.facts.append("door.forced")

    def _relock_due(self) -> None:
        if self.mode in GUARDED | {"ACCESSED"}:
            self._relock()

    def _release_over(self) -> None:
        """Not opened in time: not taken; the door is locked again unless an earlier one still walks through."""
        self._end_all()
        if self.mode == "ACCESSED":
            if not self.passing:
                self.mode = "LOCKED"
            self._relock()

    def _rex_over(self) -> None:
        self.pulse = False
        if self.leaving is not None:
            self.leaving = None
            self.facts.append("access.not_taken")

    def _prealarm(self) -> None:
        if self.alarm == "NORMAL":
            self.alarm = "PRE_ALARM"
            self.facts.append("door.prealarm")

    def _held(self) -> None:
        if self.alarm in {"NORMAL", "PRE_ALARM"}:
            self.alarm = "HELD"
            self.facts.append("door.held")

    def _watchdog(self) -> None:
        """Nothing is released for longer than this, whatever the rest thinks; but no arm comes down on a vehicle."""
        self._end_all()
        if self.mode == "ACCESSED":
            self.mode = "LOCKED"
        if not self.free:
            self.facts.append("door.mode")
            return
        if self.may_not_lock:
            self.alarm = "HELD"
        if self.barrier and self.beam:
            self._keep_free()
        else:
            self.free = False
        self.facts.append("door.watchdog")

    def _lease(self) -> None:
        if self.mode != "UNLOCKED":
            self._keep_free()
        self._start("lease", LEASE_RENEW_MS)

    def _bolt_late(self) -> None:
        self.bolt = Bolt.JAMMED
        self.flags.add(AlarmFlag.LOCK_FAULT)
        self.facts.append("door.jammed")

    def _second_late(self) -> None:
        self.first = None

    # --- the lock ----------------------------------------------------------------------------------------------------

    def _relock(self) -> None:
        """What may not lock yet waits until it may, bounded by the watchdog."""
        if self.may_not_lock:
            self._keep_free()
        else:
            self.free = False

    def _keep_free(self) -> None:
        self.free = True
        if self.barrier:
            self._start("lease", LEASE_RENEW_MS)
        else:
            self.clocks.setdefault("watchdog", self.now + self.profile.t_max_energise_ms * MS)

    def _shut_again(self) -> None:
        """The door has closed, or the vehicle is gone."""
        if self.profile.lock in {LockProfile.STRIKE_FAIL_SECURE, LockProfile.TURNSTILE}:
            self.free = False
        else:
            self._start("relock", self.profile.t_relock_closed_ms)

    def _end_all(self) -> None:
        self.facts += ["access.not_taken"] * len(self.waiting)
        self.waiting.clear()

    def _start_open(self) -> None:
        if self.is_open and "held" not in self.clocks:
            self._start("held", self.profile.t_open_ms)
            if self.profile.t_prealarm_ms:
                self._start("prealarm", self.profile.t_open_ms - self.profile.t_prealarm_ms)

    def _to_mode(self, mode: str, fact: str = "door.mode") -> None:
        """By a person or a schedule: what waits is cancelled, the lock goes back."""
        self._end_all()
        self.mode = mode
        self._relock()
        self._start_open()
        self.facts.append(fact)


STRUCK: dict[str, Callable[[DesignLock], None]] = {
    "confirm": DesignLock._confirmed,
    "relock": DesignLock._relock_due,
    "release": DesignLock._release_over,
    "rex": DesignLock._rex_over,
    "prealarm": DesignLock._prealarm,
    "held": DesignLock._held,
    "watchdog": DesignLock._watchdog,
    "bolt": DesignLock._bolt_late,
    "second": DesignLock._second_late,
    "lease": DesignLock._lease,
}
