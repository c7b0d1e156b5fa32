"""The door as access.md §4 words it, written a second time and differently: conditions, no table.

It is told the same inputs at the same times as the machine and says what the machine has to be afterwards: mode,
contact, alarm, what the lock does, and which facts have to be written, in order.  It knows the events and the
profile of ``edge.core``, and nothing of how the machine comes to its answer.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from edge.core import door_events as ev
from edge.core.door_profile import DoorProfile, LockProfile
from edge.core.door_types import Contact
from edge.core.events import GrantId

MS = 1_000_000
LEASE_RENEW_MS = 20_000
WAITING_MAX = 16
STANDS_OPEN = {"UNLOCKED", "LOCKED_OPEN"}
GUARDED = {"LOCKED", "BLOCKED", "LOCKED_DOWN"}
# In the order in which clocks of one instant strike.
CLOCKS = ("confirm", "relock", "release", "rex", "prealarm", "held", "watchdog", "lease")

REFUSED = "refused"


@dataclass
class DesignDoor:
    profile: DoorProfile
    mode: str = "UNKNOWN"
    contact: Contact = Contact.UNKNOWN
    alarm: str = "NORMAL"
    fire: bool = False
    fire_input: bool = False
    pulse: bool = False  # Egress PULSE
    free: bool = False  # the lock is released for a grant, or a magnet waits for its door to close
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
    def magnet(self) -> bool:
        return self.profile.lock is LockProfile.MAGLOCK_FAIL_SAFE

    @property
    def is_open(self) -> bool:
        return self.contact is Contact.OPEN

    @property
    def shunt(self) -> bool:
        return "rex" in self.clocks

    @property
    def released(self) -> bool:
        """What the lock has to do: True, a person can open."""
        by_grant = self.free and (self.mode == "ACCESSED" or self.magnet)
        return self.fire or self.mode in STANDS_OPEN or self.pulse or by_grant

    def hear(self, event: ev.Event, now: int) -> None:
        """Let time pass until now, then take the event."""
        self.facts, self.refused = [], False
        self.now = max(now, self.now)
        self._strike()
        self._take(event)
        self._forget()
        self._strike()

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
        if self.mode != "UNLOCKED":
            self._stop("lease")
        self.passing = self.passing and self.mode == "ACCESSED" and self.contact is not Contact.CLOSED

    # --- clocks that strike ------------------------------------------------------------------------------------------

    def _confirmed(self) -> None:
        self.alarm = "FORCED"
        self.facts.append("door.forced")

    def _relock_due(self) -> None:
        if self.mode in {"LOCKED", "ACCESSED", "BLOCKED"}:
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
        """Nothing is released for longer than this, whatever the rest thinks."""
        self._end_all()
        if self.mode == "ACCESSED":
            self.mode = "LOCKED"
        if self.free:
            self.free = False
            if self.magnet and self.is_open:
                self.alarm = "HELD"
            self.facts.append("door.watchdog")
        else:
            self.facts.append("door.mode")

    def _lease(self) -> None:
        self._start("lease", LEASE_RENEW_MS)

    # --- the lock ----------------------------------------------------------------------------------------------------

    def _relock(self) -> None:
        """A magnet on an open door waits for it to close, bounded by the watchdog."""
        if self.magnet and self.is_open:
            self._wait_for_close()
        else:
            self.free = False

    def _wait_for_close(self) -> None:
        self.free = True
        self.clocks.setdefault("watchdog", self.now + self.profile.t_max_energise_ms * MS)

    def _end_all(self) -> None:
        self.facts += ["access.not_taken"] * len(self.waiting)
        self.waiting.clear()

    def _start_open(self) -> None:
        if self.is_open and "held" not in self.clocks:
            self._start("held", self.profile.t_open_ms)
            if self.profile.t_prealarm_ms:
                self._start("prealarm", self.profile.t_open_ms - self.profile.t_prealarm_ms)

    def _to_mode(self, mode: str) -> None:
        """By a person or a schedule: what waits is cancelled, the lock goes back."""
        self._end_all()
        self.mode = mode
        self._relock()
        self._start_open()
        self.facts.append("door.mode")

    # --- events ------------------------------------------------------------------------------------------------------

    def _take(self, event: ev.Event) -> None:
        match event:
            case ev.Boot():
                self._boot(event)
            case ev.Granted(grant_id=grant, extended=extended):
                self._grant(grant, self.profile.t_extension_ms if extended else 0)
            case ev.Denied():
                self.facts.append("access.denied")
            case ev.RexPressed(grant_id=grant):
                self._rex(grant)
            case ev.DpsOpen():
                before, self.contact = self.contact, Contact.OPEN
                if before is not Contact.OPEN:
                    self._opened()
            case ev.DpsClose():
                before, self.contact = self.contact, Contact.CLOSED
                self._closed(was_closed=before is Contact.CLOSED)
            case ev.DpsFault():
                self.contact = Contact.FAULT
            case ev.Command():
                self._command(event)
            case ev.SchedOpen() | ev.SchedClose():
                self._schedule(to_open=isinstance(event, ev.SchedOpen))
            case ev.FireOn() | ev.FireOff() | ev.FireReset():
                self._burn(event)
            case _:
                pass  # side regions never move the door

    def _boot(self, event: ev.Boot) -> None:
        if self.mode != "UNKNOWN":
            self.refused = True
            return
        self.contact, self.fire_input = event.contact, event.fire_input
        self.facts.append("door.boot")
        if event.fire_input or event.fire_latched:
            self._release_for_fire()
            return
        self.mode = "LOCKED"
        if self.is_open:  # a level, not an edge: somebody may stand in it, nobody has broken in
            self._start_open()
            self._stop("prealarm")
            self.alarm = "PRE_ALARM"

    def _grant(self, grant: GrantId, extra_ms: int) -> None:
        if self.mode not in {"LOCKED", "ACCESSED", "UNLOCKED"} or len(self.waiting) >= WAITING_MAX:
            self.refused = True
            return
        self.waiting.append(grant)
        until = self.now + (self.profile.t_release_ms + extra_ms) * MS
        self.clocks["release"] = max(until, self.clocks.get("release", 0))
        self._start("watchdog", self.profile.t_max_energise_ms)
        if self.mode != "UNLOCKED":
            self.mode, self.free = "ACCESSED", True
            self._stop("relock")
        self.facts.append("access.granted")

    def _rex(self, grant: GrantId) -> None:
        """The way out: in every mode, never refused, and no later opening within T_rex is a break-in."""
        self._start("rex", self.profile.t_rex_ms)
        if self.profile.rex_unlocks and self.leaving is None:
            self.pulse, self.leaving = True, grant
            self.facts.append("access.granted")
        else:
            self.facts.append("door.rex")

    def _opened(self) -> None:
        taken = bool(self.waiting) and self.mode in {"ACCESSED", "UNLOCKED"}
        if taken:
            self.waiting.pop(0)
            self.facts.append("access.taken")
            if self.mode == "ACCESSED":
                self.passing = True
                if self.magnet:
                    self._wait_for_close()
                else:
                    self._start("relock", self.profile.t_relock_delay_ms)
        elif self.leaving is not None:
            self.leaving = None
            self.facts.append("access.taken")
        if self.mode in GUARDED and not self.shunt:
            if self.profile.t_forced_confirm_ms:
                self._start("confirm", self.profile.t_forced_confirm_ms)
            else:
                self._confirmed()
        elif self.mode in GUARDED or self.mode == "ACCESSED":
            self._start_open()

    def _closed(self, *, was_closed: bool) -> None:
        if not was_closed:
            self.facts.append("door.closed")
            if self.mode == "ACCESSED" and self.waiting:
                self.free = True  # for whoever was granted and has not opened yet
                self._stop("relock")
            elif self.mode == "ACCESSED" or (self.mode in {"LOCKED", "BLOCKED"} and self.free):
                self.mode = "LOCKED" if self.mode == "ACCESSED" else self.mode
                if self.magnet:
                    self._start("relock", self.profile.t_relock_closed_ms)
                else:
                    self.free = False
        if self.alarm in {"FORCED", "HELD"}:
            self.alarm = "NORMAL"
            self.facts.append("door.secured")

    def _command(self, event: ev.Command) -> None:
        if event.counter <= self.counter:
            self.refused = True
            return
        self.counter = event.counter
        match event.verb:
            case ev.Verb.ACCESS:
                assert event.grant_id is not None
                self._grant(event.grant_id, 0)
            case ev.Verb.LOCK:
                self._lock()
            case ev.Verb.UNLOCK:
                self._unlock({"LOCKED", "ACCESSED", "BLOCKED"})
            case ev.Verb.BLOCK if self.mode in {"LOCKED", "ACCESSED", "UNLOCKED"}:
                self._to_mode("BLOCKED")
            case ev.Verb.BLOCK:
                self.refused = self.mode != "BLOCKED"
            case _:
                self.refused = True

    def _lock(self) -> None:
        match self.mode:
            case "UNLOCKED" | "ACCESSED":
                self._to_mode("LOCKED")
            case "BLOCKED":
                self.mode = "LOCKED"
                self.facts.append("door.mode")
            case mode:
                self.refused = mode != "LOCKED"

    def _unlock(self, modes: set[str]) -> None:
        if self.mode not in modes:
            self.refused = self.mode != "UNLOCKED"
            return
        self.mode, self.free = "UNLOCKED", False
        self._lease()
        self.facts.append("door.mode")

    def _schedule(self, *, to_open: bool) -> None:
        if to_open and self.mode == "LOCKED":
            self._unlock({"LOCKED"})
        elif not to_open and self.mode == "UNLOCKED":
            self._to_mode("LOCKED")
        else:
            self.refused = True

    # --- fire --------------------------------------------------------------------------------------------------------

    def _burn(self, event: ev.FireOn | ev.FireOff | ev.FireReset) -> None:
        match event:
            case ev.FireOn():
                self.fire_input = True
                if not self.fire:
                    self._end_all()
                    self._release_for_fire()
            case ev.FireOff():
                self.fire_input = False
            case ev.FireReset() if self.fire and not self.fire_input:
                self.fire, self.mode = False, "LOCKED"
                self._relock()
                self._start_open()
                self.facts.append("fire.reset")
            case _:
                self.refused = True

    def _release_for_fire(self) -> None:
        self.fire, self.free, self.mode = True, False, "LOCKED_OPEN"
        self.facts.append("fire.release")


STRUCK: dict[str, Callable[[DesignDoor], None]] = {
    "confirm": DesignDoor._confirmed,
    "relock": DesignDoor._relock_due,
    "release": DesignDoor._release_over,
    "rex": DesignDoor._rex_over,
    "prealarm": DesignDoor._prealarm,
    "held": DesignDoor._held,
    "watchdog": DesignDoor._watchdog,
    "lease": DesignDoor._lease,
}
