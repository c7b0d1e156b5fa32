"""A lock behind a bus that answers late, freezes, thaws, and does what it was asked long ago (hardware.md §2.4, §16).

The real board and the real ``edge.gateio.buses.Bus`` ask a device over a line whose every delay is drawn; the driver
between them keeps the promises of ``edge.ports_io.BusLock``: nothing that releases is sent late, no answer drops the
line, and the first word on a new one is the resting level.
"""

import random
from dataclasses import dataclass

from edge.core.events import AccessPointId
from edge.gateio.board import Board, DoorRules
from edge.gateio.buses import Bus
from edge.gateio.outputs import Why
from edge.ports import Cmd, Feedback, Outcome, Point
from edge.ports_io import Ask, BusLink, BusTold
from sim.loop import Hours
from sim.plan import night_seed
from sim.script import MS_NS, S_NS

DOOR = AccessPointId("AP-bus")
ACK_MS, SUPERVISE_MS = 500, 1_000
REACH_AGAIN_NS = 250 * MS_NS  # a dropped line is tried anew this often
RELOCKED_NS = 1_000 * MS_NS  # after contact, whatever came late is undone within this
REFLEX_NS = 1_700 * MS_NS  # a reflex is asked for every second, and an answer takes its time
EVENTS = 60
LOOK_NS = 200 * MS_NS


class LateLock(Exception):
    """The lock did what it must not."""


class Device:
    """The driver and the device behind it: ``edge.ports_io.BusLock``."""

    feedback = Feedback.COIL
    ack_ms = ACK_MS
    supervise_ms = SUPERVISE_MS

    def __init__(self, hours: Hours, *, self_timed: bool, rest: bool) -> None:
        self._hours = hours
        self.self_timed_pulse = self_timed
        self.energised, self._rest = rest, rest
        self.asked = Ask(0, rest, None, 0, rest)
        self.frozen = False
        self.latency_ns = 5 * MS_NS
        self.reached_ns: int | None = None  # since when the line works and nothing is late
        self._inbox: list[tuple[Ask, int]] = []  # arrived while frozen
        self._line = 0
        self._connected = False
        self._silent_told = True
        self._sending: Ask | None = None
        self._next: Ask | None = None
        self._told: list[BusTold | BusLink] = []
        self._moves = 0
        self.late_done = 0
        hours.at(hours.now_ns + REACH_AGAIN_NS, self._reach)

    # --- BusLock -----------------------------------------------------------------------------------------------------

    def ask(self, ask: Ask) -> None:
        self._next = self.asked = ask
        self._send()

    def fileno(self) -> int:
        return -1

    def told(self) -> list[BusTold | BusLink]:
        told, self._told = self._told, []
        return told

    def selftest(self) -> str:
        return "it is simulated"

    def close(self) -> None:
        self._connected = False

    # --- the line ------------------------------------------------------------------------------------------------------

    def _send(self) -> None:
        if not self._connected or self._sending is not None or self._next is None:
            return
        ask, self._next = self._next, None
        now = self._hours.now_ns
        if ask.energised != ask.rest and now >= ask.deadline_ns:
            self._told.append(BusTold(ask.seq, Outcome.REFUSED, now, "late before it was sent"))
            return
        self._sending = ask
        self._hours.at(now + self.latency_ns, self._arrive, ask, self._line)
        self._hours.at(now + ACK_MS * MS_NS, self._give_up, ask, self._line)

    def _arrive(self, ask: Ask, line: int) -> None:
        if self.frozen:
            self._inbox.append((ask, line))
            return
        self._do(ask)
        self._hours.at(self._hours.now_ns + self.latency_ns, self._answer, ask, line)

    def _do(self, ask: Ask) -> None:
        self.energised = ask.energised
        self._moves += 1
        if self.self_timed_pulse and ask.pulse_ms is not None:
            self._hours.at(self._hours.now_ns + ask.pulse_ms * MS_NS, self._pulse_over, ask.rest, self._moves)

    def _pulse_over(self, rest: bool, moves: int) -> None:
        if moves == self._moves:
            self.energised = rest

    def _answer(self, ask: Ask, line: int) -> None:
        if line == self._line and self._sending is ask:
            self._sending = None
            self._told.append(BusTold(ask.seq, Outcome.DONE, self._hours.now_ns))
            self._send()

    def _give_up(self, ask: Ask, line: int) -> None:
        if line == self._line and self._sending is ask:
            self._sending, self._next = None, None
            self._connected, self.reached_ns = False, None
            self._line += 1
            self._told.append(BusTold(ask.seq, Outcome.TIMEOUT_UNKNOWN, self._hours.now_ns, "no answer"))
            self._hours.at(self._hours.now_ns + REACH_AGAIN_NS, self._reach)
            self._hours.at(self._hours.now_ns + SUPERVISE_MS * MS_NS, self._silence, self._line)

    def _silence(self, line: int) -> None:
        if line == self._line and not self._connected and not self._silent_told:
            self._silent_told = True
            self._told.append(BusLink(online=False, t_ns=self._hours.now_ns))

    def _reach(self) -> None:
        """A new line: the resting level first, then it is read back."""
        if self.frozen:
            self._hours.at(self._hours.now_ns + REACH_AGAIN_NS, self._reach)
            return
        self._moves += 1
        self.energised = self._rest
        self._connected, self._silent_told = True, False
        self.reached_ns = self._hours.now_ns
        self._told.append(BusLink(online=True, t_ns=self._hours.now_ns, energised=self.energised))
        self._send()

    # --- what happens to it --------------------------------------------------------------------------------------------

    def freeze(self, ns: int) -> None:
        if not self.frozen:
            self.frozen, self.reached_ns = True, None
            self._hours.at(self._hours.now_ns + ns, self._thaw)

    def _thaw(self) -> None:
        """Everything that lies in its buffers is done now, however old."""
        self.frozen = False
        late, self._inbox = self._inbox, []
        self.late_done += len(late)
        for ask, line in late:
            self._do(ask)
            self._hours.at(self._hours.now_ns + self.latency_ns, self._answer, ask, line)
        self.reached_ns = self._hours.now_ns if self._connected else None


@dataclass
class Counts:
    asks: int = 0
    late_done: int = 0  # by a device that thawed
    refused: int = 0
    withdrawn: int = 0


class Bench:
    """gate-io's turn over one such lock, as ``edge.gateio.process`` takes it, and who watches it."""

    def __init__(self, dice: random.Random) -> None:
        self.dice, self.hours, self.counts = dice, Hours(), Counts()
        self.hours.now_ns = 100 * S_NS
        self._strike = dice.random() < 0.7
        rules = DoorRules(self._strike, 50, 65_000, rex_unlocks=True, t_rex_ms=3_000, fire_group="g1")
        self.board = Board({DOOR: rules}, frozenset())
        rest = not self._strike
        self.device = Device(self.hours, self_timed=dice.random() < 0.5, rest=rest)
        self.bus = Bus(self.device, energised=rest)
        self._deadline_ns = 0  # of the newest command that releases
        self._free_since = self._shut_since = self.hours.now_ns
        self._beats = True
        self.hours.after_each = self._turn

    def _turn(self, by: int | None = None) -> None:
        now = self.hours.now_ns
        if self._beats:
            self.board.beat(now)
        for said in self.bus.said():
            heard = self.bus.note(said)
            if heard.failed:
                self.counts.withdrawn += 1
                self.board.withdraw(DOOR, now)
        self.board.settle(now)
        wish, before, stood = self.board.wish(DOOR, now), self.bus.seq, self.bus.energised == self._strike
        self.bus.follow(wish, now, by)
        if self.bus.seq != before:
            self._asked(reflex=wish.reflex, stood=stood)
        self._watch(now)

    def _asked(self, *, reflex: bool, stood: bool) -> None:
        """A release that no reflex wants is asked for by its command's deadline; what is released may be renewed."""
        self.counts.asks += 1
        ask = self.device.asked
        if ask.energised == ask.rest or reflex or stood:
            return
        if max(ask.deadline_ns, self.hours.now_ns) > self._deadline_ns:
            raise LateLock(
                f"a release may be sent until {ask.deadline_ns}, its command only {self._deadline_ns}"
            )

    def _watch(self, now: int) -> None:
        """How long has it been what it must not be, while it can be reached?"""
        reasons = self.board._reasons(DOOR, now)
        is_free = self.device.energised == self._strike
        reached = self.device.reached_ns is not None
        if not (reached and is_free and not reasons):
            self._free_since = now
        if not (reached and not is_free and reasons - {Why.PULSE, Why.HOLD}):
            self._shut_since = now
        if now - self._free_since > RELOCKED_NS:
            raise LateLock("the lock is free for more than a second after contact, and nobody wants it")
        if now - self._shut_since > REFLEX_NS:
            raise LateLock(
                f"the lock is shut although {sorted(reasons)} wants it free, and it can be reached"
            )

    # --- a schedule ------------------------------------------------------------------------------------------------------

    def command(self) -> None:
        now = self.hours.now_ns
        cmd = Cmd("c", now + ACK_MS * MS_NS, "test")
        if not self.bus.online:
            self.counts.refused += 1  # a silent lock is refused at once (decision: x:LockSilent)
            return
        kind = self.dice.choice(["pulse", "pulse", "hold", "lock"])
        if kind == "pulse":
            self.board.pulse(DOOR, cmd, self.dice.choice([800, 3_000, 5_000]), now)
        elif kind == "hold":
            self.board.hold(DOOR, cmd, now + self.dice.choice([4, 90]) * S_NS, now)
        else:
            self.board.lock(DOOR, cmd, now)
        if kind != "lock":
            self._deadline_ns = cmd.deadline_ns
        self._turn(cmd.deadline_ns)

    def sense(self, point: Point, on: bool) -> None:
        now = self.hours.now_ns
        self.board.sense(DOOR, point, on, now, now)
        if point is Point.FIRE and not on:
            self.board.reset(DOOR, Cmd("r", now + S_NS, "reset"), Why.FIRE, "somebody", now)

    def beat(self, on: bool) -> None:
        self._beats = on

    def slow(self, ns: int) -> None:
        self.device.latency_ns = ns


def play_schedule(seed: int, k: int) -> Counts:
    """One random schedule of about two minutes.

    Raises:
        LateLock: what it must never do.
    """
    dice = random.Random(night_seed(seed, k) ^ 0xB05)
    bench, at = Bench(dice), 101 * S_NS
    hours = bench.hours
    for _ in range(EVENTS):
        at += dice.choice([0, 40, 250, 700, 3_000, 6_000]) * MS_NS
        match dice.choice(["command"] * 5 + ["rex", "rex", "freeze", "freeze", "slow", "fire", "silence"]):
            case "command":
                hours.at(at, bench.command)
            case "rex":
                hours.at(at, bench.sense, Point.REX, True)
                hours.at(at + 300 * MS_NS, bench.sense, Point.REX, False)
            case "freeze":
                hours.at(at, bench.device.freeze, dice.choice([60, 480, 900, 4_000, 15_000]) * MS_NS)
            case "slow":
                hours.at(at, bench.slow, dice.choice([1, 20, 120, 240]) * MS_NS)
            case "fire":
                hours.at(at, bench.sense, Point.FIRE, True)
                hours.at(at + 5 * S_NS, bench.sense, Point.FIRE, False)
            case _:
                hours.at(at, bench.beat, False)
                hours.at(at + dice.choice([1, 4]) * S_NS, bench.beat, True)
    for look in range(hours.now_ns, at + 40 * S_NS, LOOK_NS):
        hours.at(look, lambda: None)
    hours.play(at + 40 * S_NS)
    bench.counts.late_done = bench.device.late_done
    return bench.counts
