"""The door as access.md §4 words it, written a second time and differently: conditions, no table.

It is told the same inputs at the same times as the machine and says what the machine has to be afterwards: mode,
contact, alarm, what the lock does, and which facts have to be written, in order.  It knows the events and the
profile of ``edge.core``, and nothing of how the machine comes to its answer.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from edge.core import door_events as ev
from edge.core.door_profile import DoorProfile, LockProfile
from edge.core.door_types import AlarmFlag, Bolt, Contact
from edge.core.events import GrantId

MS = 1_000_000
LEASE_RENEW_MS = 20_000
WAITING_MAX = 16
STANDS_OPEN = {"UNLOCKED", "LOCKED_OPEN"}
GUARDED = {"LOCKED", "BLOCKED", "LOCKED_DOWN"}
# In the order in which clocks of one instant strike.
CLOCKS = ("confirm", "relock", "release", "rex", "prealarm", "held", "watchdog", "bolt", "second", "lease")
SHUT = {"BLOCKED", "LOCKED_DOWN"}  # by a person, for a while
FLAGS = {
    ev.TamperOn: (AlarmFlag.TAMPER, True, "door.tamper"),
    ev.TamperOff: (AlarmFlag.TAMPER, False, "door.tamper_off"),
    ev.PowerLow: (AlarmFlag.POWER_LOW, True, "door.power_low"),
    ev.PowerBack: (AlarmFlag.POWER_LOW, False, "door.power_back"),
    ev.LockLost: (AlarmFlag.LOCK_SILENT, True, "door.lock_silent"),
    ev.LockBack: (AlarmFlag.LOCK_SILENT, False, "door.lock_back"),
}


@dataclass
class DesignDoor:
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

    def hear(self, event: ev.Event, now: int) -> None:
        """Let time pass until now, then take the event."""
        self.facts, self.refused = [], False
        self.now = max(now, self.now)
        self._strike()
        if not self._unheard(event):
            self._take(event)
            self._forget()
        self._strike()

    def _unheard(self, event: ev.Event) -> bool:
        """A command a second time, a second boot: refused before anything of them is believed."""
        again = isinstance(event, ev.Command) and event.counter <= self.counter
        self.refused = again or (isinstance(event, ev.Boot) and self.mode != "UNKNOWN")
        return self.refused

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
                if self.contact is not Contact.FAULT:
                    self.facts.append("door.contact_fault")
                self.contact = Contact.FAULT
            case ev.BeamBroken() | ev.BeamClear():
                before_beam, self.beam = self.beam, isinstance(event, ev.BeamBroken)
                if self.barrier and before_beam != self.beam:
                    self._beam_turned()
            case ev.BoltChanged(bolt=bolt):
                self._bolt_told(bolt)
            case ev.Command():
                self._command(event)
            case ev.SchedOpen() | ev.SchedClose():
                self._schedule(to_open=isinstance(event, ev.SchedOpen))
            case ev.FireOn() | ev.FireOff() | ev.FireReset():
                self._burn(event)
            case _ if type(event) in FLAGS:
                flag, on, fact = FLAGS[type(event)]
                if (flag in self.flags) != on:
                    self.flags ^= {flag}
                    self.facts.append(fact)
            case _:
                pass  # side regions never move the door

    def _boot(self, event: ev.Boot) -> None:
        self.contact, self.bolt, self.beam = event.contact, event.bolt, event.beam
        self.fire_input, self.evacuated = event.fire_input, event.evacuated
        self.facts.append("door.boot")
        if event.fire_input or event.fire_latched:
            self._release_for_fire()
            return
        if event.evacuated:
            self.mode = "LOCKED_OPEN"
            self.facts.append("door.evacuate")
            return
        # Who was shut by a person stays shut; nobody is let in by a restart.
        self.mode = event.prev_mode if event.prev_mode in SHUT else "LOCKED"
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
        if self.waiting and self.mode in {"ACCESSED", "UNLOCKED"} and not self.barrier:
            self._taken()
            if self.mode == "ACCESSED":
                self._opened_by_grant()
        elif self.leaving is not None and not self.waiting:
            self.leaving = None
            self.facts.append("access.taken")
        if self.mode in GUARDED and not self.shunt:
            if self.profile.t_forced_confirm_ms:
                self._start("confirm", self.profile.t_forced_confirm_ms)
            else:
                self._confirmed()
        elif self.mode in GUARDED or self.mode == "ACCESSED":
            self._start_open()

    def _taken(self) -> None:
        self.waiting.pop(0)
        self.passing = True
        self.facts.append("access.taken")

    def _opened_by_grant(self) -> None:
        if self.waits:
            self._keep_free()
        elif self.profile.lock is LockProfile.TURNSTILE:
            self.free = False
            self._stop("relock")
        else:
            self._start("relock", self.profile.t_relock_delay_ms)

    def _free_for_next(self) -> None:
        """For whoever was granted and has not opened yet."""
        self.free = True
        self._stop("relock")

    def _closed(self, *, was_closed: bool) -> None:
        if not was_closed:
            self.facts.append("door.closed")
            if self.mode == "ACCESSED" and self.waiting:
                self._free_for_next()
            elif self.mode == "ACCESSED" or (self.mode in GUARDED and self.free):
                self.mode = "LOCKED" if self.mode == "ACCESSED" else self.mode
                self._shut_again()
        if self.alarm in {"FORCED", "HELD"}:
            self.alarm = "NORMAL"
            self.facts.append("door.secured")

    def _beam_turned(self) -> None:
        """At a barrier the vehicle in the beam is the passage, not the arm."""
        if self.beam:
            if self.waiting and self.mode in {"ACCESSED", "UNLOCKED"}:
                self._taken()
                if self.mode == "ACCESSED":
                    self._keep_free()
        elif self.mode == "ACCESSED" and self.waiting:
            self._free_for_next()
        elif (self.mode == "ACCESSED" and self.passing) or (self.mode in GUARDED and self.free):
            self.mode = "LOCKED" if self.mode == "ACCESSED" else self.mode
            self._shut_again()

    def _bolt_told(self, bolt: Bolt) -> None:
        before, self.bolt = self.bolt, bolt
        if bolt is Bolt.JAMMED and before is not Bolt.JAMMED:
            self._bolt_late()
        elif before is Bolt.JAMMED and bolt in {Bolt.LOCKED, Bolt.UNLOCKED}:
            self.flags.discard(AlarmFlag.LOCK_FAULT)
            self.facts.append("door.bolt_free")

    def _command(self, event: ev.Command) -> None:
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
            case ev.Verb.LOCKDOWN if self.mode in {"LOCKED", "ACCESSED", "UNLOCKED", "BLOCKED"}:
                self._to_mode("LOCKED_DOWN", "door.lockdown")
            case ev.Verb.LOCKDOWN:
                self.refused = self.mode != "LOCKED_DOWN"
            case ev.Verb.LOCKDOWN_RELEASE:
                self._end_lockdown(event.actor)
            case ev.Verb.LOCKOPEN:
                self._evacuate()
            case ev.Verb.LOCKOPEN_RELEASE:
                self._end_evacuation()

    def _end_lockdown(self, actor: str) -> None:
        if self.mode != "LOCKED_DOWN":
            self.refused = True
        elif not self.profile.lockdown_release_by_two or self.first not in {None, actor}:
            self.mode = "LOCKED"
            self.facts.append("door.mode")
        else:
            self.first = actor
            self._start("second", self.profile.t_second_ms)
            self.facts.append("door.release_asked")

    def _evacuate(self) -> None:
        if self.mode in {"LOCKED_DOWN", "UNKNOWN"}:
            self.refused = True
        elif not self.evacuated:
            self._end_all()
            self.mode, self.evacuated, self.free = "LOCKED_OPEN", True, False
            self.facts.append("door.evacuate")

    def _end_evacuation(self) -> None:
        if not self.evacuated:
            self.refused = True
            return
        self.evacuated = False
        if self.fire:
            self.facts.append("door.mode")
        else:
            self._to_mode("LOCKED")

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
        self._start("lease", LEASE_RENEW_MS)
        self.facts.append("door.mode")

    def _schedule(self, *, to_open: bool) -> None:
        """The lowest rung: where a person or a fire has said otherwise, it waits without a word."""
        if self.mode == "UNKNOWN":
            self.refused = True
        elif to_open and self.mode in {"LOCKED", "ACCESSED"}:
            self._unlock({"LOCKED", "ACCESSED"})
        elif not to_open and self.mode == "UNLOCKED":
            self._to_mode("LOCKED")

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
                self.fire = False
                if not self.evacuated:
                    self._to_mode("LOCKED", "fire.reset")
                else:
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
    "bolt": DesignDoor._bolt_late,
    "second": DesignDoor._second_late,
    "lease": DesignDoor._lease,
}
