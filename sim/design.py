"""The door as access.md §4 words it, written a second time and differently: conditions, no table.

It is told the same inputs at the same times as the machine and says what the machine has to be afterwards: mode,
contact, alarm, what the lock does, and which facts have to be written, in order.  It knows the events and the
profile of ``edge.core``, and nothing of how the machine comes to its answer.
"""

from edge.core import door_events as ev
from edge.core.door_profile import LockProfile
from edge.core.door_types import AlarmFlag, Bolt, Contact
from edge.core.events import GrantId
from sim.design_lock import GUARDED, LEASE_RENEW_MS, MS, DesignLock

WAITING_MAX = 16
SHUT = {"BLOCKED", "LOCKED_DOWN"}  # by a person, for a while
FLAGS = {
    ev.TamperOn: (AlarmFlag.TAMPER, True, "door.tamper"),
    ev.TamperOff: (AlarmFlag.TAMPER, False, "door.tamper_off"),
    ev.PowerLow: (AlarmFlag.POWER_LOW, True, "door.power_low"),
    ev.PowerBack: (AlarmFlag.POWER_LOW, False, "door.power_back"),
    ev.LockLost: (AlarmFlag.LOCK_SILENT, True, "door.lock_silent"),
    ev.LockBack: (AlarmFlag.LOCK_SILENT, False, "door.lock_back"),
}


class DesignDoor(DesignLock):
    """Told the same inputs as the machine."""

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
            case ev.FoundOpen():
                self._found_open()
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
        elif AlarmFlag.LOCK_FAULT in self.flags and bolt in {Bolt.LOCKED, Bolt.UNLOCKED}:
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

    def _found_open(self) -> None:
        """gate-io keeps the door open: that is what it is, whatever was believed."""
        if self.mode != "UNKNOWN" and not self.evacuated:
            self._end_all()
            self.mode, self.evacuated, self.free = "LOCKED_OPEN", True, False
            self.facts.append("door.evacuate")

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
