"""The independent watcher: after every step, does everything hold that access.md §4.7 and domain.md §7 promise?

It sees what went in (wires, codes, commands, passes) and what came out (facts, packets to gate-io, the level of the
line, answers), compares with the door and the box of the design, and keeps its own small books.  It never looks into
the table of the machine.
"""

import copy
from collections import Counter
from collections.abc import Sequence

from cloud_sync.protocol import chain
from edge.core.commands import LOCK_TYPE, MODE_OPS, Answer, Order, Received, State
from edge.core.door import step
from edge.core.door_events import Boot, Command, Event, RexPressed
from edge.core.door_types import AlarmFlag, DoorState, output
from edge.core.events import ClockState, CredentialKind, Fact, GrantId, Stamp
from edge.core.open_grants import INTERRUPTED
from edge.core.passes import Pass, Prereq
from edge.gateio.board import Verdict
from edge.gateio.outputs import Why
from edge.ports import Level, Outcome, Point
from edge.runtime.hands import Did
from sim.box import DOOR, PEER, Box, Packet
from sim.design import SHUT, DesignDoor
from sim.design_box import DesignBox
from sim.house import ERRORS, House
from sim.loop import Hours
from sim.memory import EPOCH, NODE
from sim.people import People
from sim.rights import Rights
from sim.rows import TAKEN
from sim.script import MS_NS, S_NS, Guest
from sim.wires import Wires

REPLAYED_MAX = 250  # of the last life; a longer one would cost a third of the night
WAITING_FEW = 8  # far from where a door says that there are too many
BESIDE = ("command.", "link.", "sys.")  # facts that the door does not write
FIRE_WITHIN_NS = S_NS
ANSWER_NS = 1_500 * MS_NS
# Wrong commands, and why none of them may ever be accepted.
BAD_COMMANDS = {"retained", "expired", "long", "ahead", "forged", "elsewhere", "unknown_key"}


class Broken(Exception):
    """An invariant does not hold; ``rule`` is its number or name."""

    def __init__(self, rule: str, said: str) -> None:
        super().__init__(f"{rule}: {said}")
        self.rule = rule


class Watch:
    def __init__(self, hours: Hours, wires: Wires, box: Box, house: House, people: People) -> None:
        self._hours, self._wires, self._box, self._house, self._people = hours, wires, box, house, people
        profile = wires.fitted.profile
        self._profile = profile
        self.rights = Rights(hours, house)
        self.door = DesignDoor(profile)
        self.io = DesignBox(DOOR, profile.rex_unlocks, profile.t_rex_ms * MS_NS, barrier=wires.is_barrier)
        self._before: tuple[DesignDoor, bool] | None = None
        self._told: list[Fact] | None = None
        self._busy = False
        self.latch_doubt = False  # a latch was not set or cleared as the node had asked
        self.doubt = True  # the node does not know what its lock does
        self._stir = 0  # rises with everything that happens; a check that waits sees whether it was alone
        self._open: dict[GrantId, int] = {}
        self._owed: set[GrantId] = set()  # open when the node died: the next life ends them first of all
        self._ended: set[GrantId] = set()
        self._box_since_ns = 0
        self._slowest_ns = 0
        self._failed: set[str] = set()
        self._orders: dict[str, tuple[Order, str]] = {}
        self._accepted: list[str] = []
        self._done_commands = 0
        self._left: str | None = None  # how a person had shut the door when the node ended
        self._unsure = False  # the disk was full: what the door did is not what the book says
        self._mode_ctr: dict[str, int] = {}
        self._granted_at: list[tuple[int, str | None, CredentialKind | None]] = []
        self.log: list[tuple[Event, int]] = []  # of this life, for the replay
        self.broken: Broken | None = None
        self.steps = self.inputs = self.facts = 0

    def _fail(self, rule: str, said: str) -> None:
        """Kept too: whoever is being watched might swallow what is raised."""
        self.broken = self.broken or Broken(rule, said)
        raise self.broken

    def _need(self, holds: bool, rule: str, said: str) -> None:
        if not holds:
            self._fail(rule, said)

    # --- the door machine ----------------------------------------------------------------------------------------------

    def before_step(self, event: Event, now: int) -> None:
        self._stir += 1
        self._busy = True
        self._told = []
        self.steps += 1
        full = self._house.disk.ledger.full
        self._unsure = self._unsure or full
        self._before = (copy.deepcopy(self.door) if full else self.door, full)
        self.log.append((event, now))
        if isinstance(event, Boot) and self.door.mode == "UNKNOWN":
            self._boots_rightly(event)
        self.door.hear(event, now)

    def _boots_rightly(self, boot: Boot) -> None:
        """Who was shut by a person is shut; what is latched at gate-io is known; levels are the sensors'."""
        rule = "a boot believes the wires and what a person ordered"
        wires = self._wires
        self._need(boot.evacuated == (Why.EVACUATE in self.io.kept), rule, f"evacuated={boot.evacuated}")
        self._need(boot.fire_latched == (Why.FIRE in self.io.kept), rule, f"fire_latched={boot.fire_latched}")
        if not self._lagging():
            self._need(
                wires.contact_broken or (boot.contact == "open") == wires.open, rule, f"{boot.contact}"
            )
        before = boot.prev_mode if boot.prev_mode in SHUT else None
        self._need(self._unsure or before == self._left, rule, f"prev_mode {before}, it was {self._left}")

    def _lagging(self) -> bool:
        return self._house.lag_ns > MS_NS

    def after_step(self, event: Event, before: DoorState, state: DoorState, did: Did) -> None:
        assert self._before is not None
        assert self._told is not None
        self._stir += 1
        self._busy = False
        told, self._told = [fact.type for fact in self._told], None
        kept, full = self._before
        if full and did.fault and state is before:
            self.door = kept  # what cannot be written down is not done
            return
        self._compare(event, state, did)
        if not full:
            self._need(
                told == self.door.facts, "facts",
                f"after {_name(event)} in {before.mode} the design writes {self.door.facts}, the door wrote {told}",
            )  # fmt: skip
        if isinstance(event, RexPressed):
            self._need(not did.refused, "4 the way out is never refused", f"REX was refused in {before.mode}")
        if isinstance(event, Command) and not did.refused:
            self._done_commands += 1
            self._need(event.counter > before.counter, "5 no command twice", f"counter {event.counter} again")
        if did.fault:
            self.doubt = True
        elif isinstance(event, Boot):
            self.doubt = self.latch_doubt = False
        self._look_later()

    def _compare(self, event: Event, state: DoorState, did: Did) -> None:
        door, where = self.door, _name(event)
        for word, ours, theirs in (
            ("mode", door.mode, state.mode.value),
            ("contact", door.contact, state.contact),
            ("alarm", door.alarm, state.alarm.value),
            ("egress pulse", door.pulse, state.egress.value == "PULSE"),
            ("bolt", door.bolt, state.bolt),
            ("flags", door.flags, state.flags),
            ("evacuated", door.evacuated, state.evacuated),
            ("fire latch", door.fire, state.life_safety.value == "FIRE"),
            ("grants waiting", len(door.waiting), len(state.waiting)),
            ("lock released", door.released, output(state, self._profile).value == "RELEASED"),
            ("refused", door.refused, did.refused),
        ):
            self._need(ours == theirs, word, f"after {where} the design says {ours}, the door {theirs}")
        due = min(door.clocks.values(), default=None)
        machine = min(state.timers.values(), default=None)
        self._need(
            due == machine, "timers", f"after {where} the next is due at {due}, the door's at {machine}"
        )

    # --- the ledger ----------------------------------------------------------------------------------------------------

    def written(self, facts: Sequence[Fact], stamp: Stamp) -> None:
        self.facts += len(facts)
        self._stir += 1
        for fact in facts:
            if fact.access_point == PEER:
                continue
            if self._told is not None and not fact.type.startswith(BESIDE):
                self._told.append(fact)
            self._weigh(fact, stamp)

    def _weigh(self, fact: Fact, stamp: Stamp) -> None:
        if fact.decision == "deny":
            self._need(bool(fact.reason), "12 every denial has its reason", f"{fact.type} says none")
        if fact.decision == "override":
            self._need(bool(fact.actor), "12 every override has its person", f"{fact.type} names nobody")
        if fact.type == "access.granted":
            self._granted(fact, stamp)
        if fact.type in {"access.taken", "access.not_taken"}:
            grant = fact.grant_id
            assert grant is not None
            self._need(grant not in self._ended, "1 a grant ends once", f"{grant} ended again: {fact.type}")
            owed = grant in self._owed and fact.reason == INTERRUPTED
            self._owed.discard(grant)
            given = self._open.pop(grant, None) is not None or owed or self._unsure
            self._need(given, "1 a grant ends once", f"{grant} ended and was never given")
            self._ended.add(grant)
        if fact.type == "access.denied" and fact.credential_kind is not None:
            self._failed.add(fact.pass_id or fact.credential_kind.value)

    def _granted(self, fact: Fact, stamp: Stamp) -> None:
        grant, now = fact.grant_id, self._hours.now_ns
        assert grant is not None
        self._need(
            grant not in self._open and grant not in self._ended,
            "1 a grant ends once",
            f"{grant} is given twice",
        )
        self._open[grant] = now
        if fact.credential_kind is CredentialKind.REX:
            return
        self._granted_at.append((now, fact.pass_id, fact.credential_kind))
        self._need(
            self.door.mode != "LOCKED_DOWN",
            "3 nothing opens in lockdown",
            f"{fact.credential_kind} was let in",
        )
        if fact.decision == "allow":
            objection = self.rights.objection(fact, stamp)
            if objection is not None:
                self._fail(*objection)

    # --- what people do --------------------------------------------------------------------------------------------------

    def brought(self, rows: Sequence[Pass]) -> None:
        """These passes are aboard from now on."""
        self._stir += 1
        self.rights.brought(rows)

    def read_code(self, text: str) -> None:
        self.inputs += 1
        # At a door that stands open a code is used up and teaches its phone's clock, and no fact tells of it.
        full = self._house.disk.ledger.full  # then it is used up and opens nothing
        self.rights.read_code(text, unseen=self.door.mode == "LOCKED_OPEN" or full)

    def showed(self, guest: Guest, by: str, step: int) -> None:
        """An honest guest at a healthy door gets in: the pass is the authority."""
        row = self.rights.passes.get(guest.row.pass_id)
        if row is None or not self._healthy() or self.door.mode not in {"LOCKED", "ACCESSED", "UNLOCKED"}:
            return
        tired = self._failed & {row.pass_id, "qr", "pin"}  # wrong tries may have locked them out for a while
        if tired or len(self.door.waiting) > WAITING_FEW or not self.rights.is_honest(guest, row, by, step):
            return
        token = (self._house.boots, self._box.life, self._hours.now_ns, row)
        self._hours.at(self._hours.now_ns + ANSWER_NS, self._was_let_in, token, by)

    def _was_let_in(self, token: tuple[int, int, int, Pass], by: str) -> None:
        boots, life, at_ns, row = token
        undisturbed = (boots, life) == (self._house.boots, self._box.life) and self._healthy()
        if not undisturbed or self.rights.passes.get(row.pass_id) is not row:
            return
        named = None if Prereq.CLASS_ONLY in row.prereq else row.pass_id
        kind = CredentialKind.PIN if by == "pin" else CredentialKind.QR
        let_in = any(at >= at_ns and who == named and how is kind for at, who, how in self._granted_at[-40:])
        self._need(let_in, "the pass is the authority", f"{row.pass_id} showed a good {by} and stood outside")

    def _healthy(self) -> bool:
        life = self._house.life
        well = life is not None and life.client.connected and self._box.alive and self.door.mode != "UNKNOWN"
        well = well and AlarmFlag.LOCK_SILENT not in self.door.flags
        return well and not self._house.disk.ledger.full and self._house.lag_ns <= MS_NS

    def cannot_leave(self, why: str) -> None:
        pressed_ns = self._people.pressed_ns
        heard = self._box.missed_ns.get(Point.REX, 0) < pressed_ns and self._box_since_ns < pressed_ns
        if self._box.alive and heard and self._wires.jammed is None:
            self._fail("4 egress works in every mode", why)

    # --- gate-io -----------------------------------------------------------------------------------------------------------

    def box_came(self) -> None:
        self._stir += 1
        self._box_since_ns = self._hours.now_ns
        self.io.born()
        if (
            self._box.spoilt
        ):  # nobody knows what was latched: everything stays open until a person says otherwise
            self._box.spoilt = False
            self.io.kept = {Why.EVACUATE}
        self.io.lease_until = self._hours.now_ns if not self._box.beating() else 2**62

    def box_went(self) -> None:
        self._stir += 1
        self.io.alive = False
        self.doubt = True

    def sensed(self, door: str, point: Point, level: Level) -> None:
        if door == DOOR or point is Point.FIRE:
            self._stir += 1
            if not self._line():
                self.io.rests_at(self._hours.now_ns)
            self.io.sensed(point, level, door, self._hours.now_ns)

    def burns(self) -> None:
        """Fire at a wire of this group: the lock is released within a second, whatever else is true."""
        self._hours.at(self._hours.now_ns + FIRE_WITHIN_NS, self._has_opened, self._box.life)

    def _has_opened(self, life: int) -> None:
        if self._box.alive and self._box.life == life and self._wires.pressed[Point.FIRE]:
            self._need(self._line(), "9 fire opens within a second", "the line still holds the door")

    def obeyed(self, packet: Packet, verdict: Verdict) -> None:
        self._stir += 1
        now, done = self._hours.now_ns, verdict.outcome is Outcome.DONE
        if now >= packet.cmd.deadline_ns:
            self._need(not done, "never an unlock after its deadline", f"{packet.verb} was done late")
            self.latch_doubt = self.latch_doubt or packet.verb in {"latch", "reset"}
            return
        if self.io.lease_over(now):
            self.io.locked()
        match packet.verb:
            case "pulse" if done:
                self._need(
                    bool(self._open or self._owed),
                    "write, then act",
                    "a pulse, and no grant stands open in the ledger",
                )
                self.io.pulsed(packet.value, now)
            case "hold" if done:
                self.io.held(packet.value)
            case "lock":
                self._need(done, "a lock command is always done", verdict.detail)
                self.io.locked()
            case "latch" if done and packet.kind is not None:
                self.io.kept.add(packet.kind)
            case "reset" if done:
                self._reset(packet)
        if packet.verb in {"latch", "reset"}:
            self.latch_doubt = not done
        if done:
            self.doubt = False

    def _reset(self, packet: Packet) -> None:
        rule = "9 a fire release ends by a person, after the fire"
        self._need(bool(packet.actor), rule, "nobody is named")
        if packet.kind is Why.FIRE:
            self._need(not self.io.burning, rule, f"it still burns at {self.io.burning}")
        if packet.kind is not None:
            self.io.kept.discard(packet.kind)

    # --- after every moment --------------------------------------------------------------------------------------------------

    def _line(self) -> bool:
        return self._wires.current

    def rest(self) -> None:
        """A moment has come to rest: the line is what gate-io's design says, and no program has broken."""
        if self.broken is not None:
            raise self.broken
        now = self._hours.now_ns
        if self._box.alive:
            self._lease(now)
            self._need(
                self._line() == self.io.released(now), "the line",
                f"the design says released={self.io.released(now)}, the line {self._line()}",
            )  # fmt: skip
            self.io.rest(now)
        else:
            dead = self._wires.energised == self._wires.fitted.dead
            self._need(dead, "dead level", "gate-io is dead and its line is not at rest")
        if ERRORS:
            self._fail("a program failed", ERRORS.pop())
        life = self._house.life
        if life is not None and life.loop.troubles:
            self._fail("a program failed", life.loop.troubles[0])

    def _lease(self, now: int) -> None:
        if self._box.beating():
            if now == self.io.lease_until and not self._line():
                self.io.locked()  # the lease ended in the very moment in which the node greeted anew
            self.io.lease_until = 2**62
        elif self.io.lease_until == 2**62:
            self.io.lease_until = now - now % (500 * MS_NS) + 2 * S_NS
        self.io.lapsed(now)

    def _look_later(self) -> None:
        """When everything has settled, the line does what the door says."""
        self._slowest_ns = max(self._slowest_ns, self._house.recent_lag_ns)
        wait_ns = 10 * MS_NS + 5 * self._slowest_ns
        self._hours.at(self._hours.now_ns + wait_ns, self._agree, self._stir, wait_ns, 2)

    def _agree(self, stir: int, wait_ns: int, again: int) -> None:
        if stir != self._stir or self._busy or self.doubt or self.latch_doubt or not self._healthy():
            return
        leaving = (
            self._hours.now_ns < self.io.rex_until
        )  # by gate-io alone, where the node was down when it was pressed
        # A strike on an open door: its pulse may end before T_relock_delay does, and nobody is behind it.
        early = "relock" in self.door.clocks and self.door.is_open
        same = self._line() == self.door.released
        if same or leaving or early or self.io.held_up(self._hours.now_ns):
            return
        if again:
            self._hours.at(self._hours.now_ns + wait_ns, self._agree, stir, wait_ns, again - 1)
            return
        self._fail("2 line and mode agree", f"{self.door.mode}: the door says released={self.door.released}, "
                   f"the line {self._line()}")  # fmt: skip

    # --- commands ----------------------------------------------------------------------------------------------------------

    def commanded(self, got: Received, kind: str) -> None:
        self.inputs += 1
        order = got.order
        assert order is not None
        if kind != "replayed":
            self._orders[order.id] = (order, kind)
        if kind == "good" and self._healthy() and self._clock_is_good():
            at = (self._house.boots, self._box.life, self._hours.now_ns)
            self._hours.at(self._hours.now_ns + ANSWER_NS, self._was_answered, order, at)

    def _clock_is_good(self) -> bool:
        return self._house.clock.read().state is ClockState.TRUSTED and not self._house.clock.offset_ms

    def _was_answered(self, order: Order, at: tuple[int, int, int]) -> None:
        if at[:2] == (self._house.boots, self._box.life) and self._healthy():
            self._need(
                order.id in self._accepted, "a good command is obeyed", f"{order.id} {order.op} was not"
            )

    def answered(self, answer: Answer) -> None:
        if answer.state is not State.ACCEPTED:
            return
        order, kind = self._orders[answer.id]
        self._need(answer.id not in self._accepted, "5 no command twice", f"{answer.id} accepted again")
        self._need(kind not in BAD_COMMANDS, "commands", f"a command that was {kind} is obeyed: {answer.id}")
        if order.op in MODE_OPS:
            floor = self._mode_ctr.get(order.kid, 0)
            self._need(order.ctr > floor, "commands", f"{answer.id} is older than what changed the mode last")
            self._mode_ctr[order.kid] = order.ctr
        if self._house.clock.read().state is ClockState.UNTRUSTED:
            self._need(order.op in LOCK_TYPE, "8 clock", f"{order.op} is obeyed under an UNTRUSTED clock")
        self._accepted.append(answer.id)

    # --- lives ---------------------------------------------------------------------------------------------------------------

    def node_ended(self) -> None:
        """What was open is told by nobody any more; the next life begins with a boot and its levels."""
        self._stir += 1
        self._busy, self._told, self.doubt = False, None, True
        if self.door.mode != "UNKNOWN":
            self._left = self.door.mode if self.door.mode in SHUT else None
        self.door = DesignDoor(self._profile)
        self._owed |= set(self._open)
        self._open.clear()
        self.log.clear()

    def _replay(self) -> None:
        """The log of the last life, played again, leaves the same door."""
        life = self._house.life
        if life is None or self._unsure or len(self.log) > REPLAYED_MAX or self._busy:
            return
        state, counted = DoorState(), Counter(TAKEN)
        for event, now in self.log:
            state = step(state, event, self._profile, now).state
        TAKEN.clear()
        TAKEN.update(counted)
        self._need(
            state == life.gate.state,
            "6 the same log gives the same door",
            f"{state} is not {life.gate.state}",
        )

    def finish(self) -> None:
        """At the end of the night: the book is whole, and nobody's grant is left open."""
        lines = self._house.disk.ledger.lines
        broken = chain.first_break(NODE, EPOCH, ((line.seq, line.digest, line.h) for line in lines))
        self._need(broken is None, "domain 5 the sequence has no gap", f"the chain breaks at {broken}")
        self._replay()
        waiting = {*self.door.waiting, *([self.door.leaving] if self.door.leaving else [])}
        left = set(self._open) - waiting
        if self._house.life is not None:
            left |= self._owed
        self._need(not left or self._unsure, "1 a grant ends once", f"{sorted(left)} never ended")
        self._need(
            self._done_commands <= len(self._accepted), "5 no command twice",
            f"{self._done_commands} carried out, {len(self._accepted)} accepted",
        )  # fmt: skip


def _name(event: Event) -> str:
    return f"CMD {event.verb}" if isinstance(event, Command) else type(event).__name__
