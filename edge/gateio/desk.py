"""The conversation with clients: hello, roles, commands to the board, results back."""

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from edge.core.events import AccessPointId
from edge.gateio import wire
from edge.gateio.board import LEASE_NS, Board, Verdict, refused
from edge.gateio.outputs import Why
from edge.gateio.server import Peer, Server
from edge.gateio.waiting import Ending, Waiting, WaitList
from edge.ports import Cmd, Level, LockCaps, Outcome, Point
from edge.ports_io import BusTold, Show

log = logging.getLogger(__name__)

# A client repeats a command at most once, within its deadline; this many cover every door's last ones.
ANSWERS_KEPT = 128

DETAIL_MAX = 300  # a driver's sentence is cut; a packet stays a packet

SILENT = Verdict(Outcome.OFFLINE, "the lock does not answer")


@dataclass(frozen=True, slots=True)
class House:
    """What a client is told at the door."""

    profile_hash: str
    boot_id: str
    caps: dict[str, LockCaps]


@dataclass(frozen=True, slots=True)
class Order:
    """A command to one door that the board has taken."""

    door: AccessPointId
    deadline_ns: int


@dataclass(frozen=True, slots=True)
class Asked:
    """The newest ask of a lock behind a bus, and whether anybody is there to hear it."""

    seq: int
    energised: bool
    online: bool


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the process lends the desk: the time, one step of the world, and questions about the lines."""

    now: Callable[[], int]
    step: Callable[[Order], str]  # settle, drive, ask, persist; a remark for the answer, or nothing
    energised: Callable[[], dict[AccessPointId, bool]]
    silent: Callable[[], list[AccessPointId]]
    asked: Callable[[AccessPointId], Asked | None]  # None: an output that follows at once
    selftest: Callable[[AccessPointId], str]
    show: Callable[[AccessPointId, Show], None]
    seq: Callable[[], int]


class Desk:
    def __init__(self, board: Board, house: House, hooks: Hooks) -> None:
        self._board = board
        self._house = house
        self._hooks = hooks
        self._answers: OrderedDict[str, wire.Answer] = OrderedDict()
        self._waits = WaitList()
        self.server: Server | None = None

    def hear(self, peer: Peer, said: wire.ToGate) -> None:
        if not peer.greeted and not isinstance(said, wire.Hello):
            self._refuse(peer, "say hello first")
            return
        match said:
            case wire.Hello():
                self._greet(peer, said)
            case wire.Beat():
                self._beat(peer, said)
            case wire.AskSnapshot():
                self._send(peer, self.snapshot(said.id))
            case wire.Command() | wire.LatchReset():
                if answer := self._obey(peer, said):
                    self._send(peer, answer)
            case wire.ShowIt() if peer.commands:
                self._hooks.show(AccessPointId(said.door), said.what)
            case wire.ShowIt():
                pass  # a watcher does not light lamps
            case wire.SelfTest():
                self._send(peer, self._selftest(said))

    def cut_off_the_silent(self, now: int) -> None:
        """A commander that stopped beating loses its place; when it wakes it finds the line closed."""
        for peer in [*self._peers]:
            if peer.commands and now - peer.beat_at >= LEASE_NS:
                log.warning("the node was silent for %d s; its place is free", LEASE_NS // 1_000_000_000)
                self._server.drop(peer)

    # --- hello and beats -------------------------------------------------------------------------------------

    def _greet(self, peer: Peer, hello: wire.Hello) -> None:
        if hello.protocol != wire.PROTOCOL:
            self._refuse(
                peer, f"protocol {hello.protocol} is not {wire.PROTOCOL}: install one version of both"
            )
        elif hello.profile_hash != self._house.profile_hash and not (hello.watch and not hello.profile_hash):
            self._refuse(peer, "another I/O profile: start both programs with the same file")
        elif not hello.watch and any(other.commands for other in self._peers if other is not peer):
            self._refuse(peer, "another client commands these doors")
        else:
            peer.greeted, peer.commands = True, not hello.watch
            if peer.commands:
                self._renew(peer)
            house = self._house
            self._send(
                peer,
                wire.Welcome(wire.PROTOCOL, house.profile_hash, house.boot_id, peer.commands, house.caps),
            )
            self._send(peer, self.snapshot())

    def _beat(self, peer: Peer, beat: wire.Beat) -> None:
        if peer.commands:
            self._renew(peer)
        self._send(peer, wire.BeatBack(beat.seq, self._hooks.now(), self._hooks.seq()))

    def _renew(self, peer: Peer) -> None:
        peer.beat_at = self._hooks.now()
        self._board.beat(peer.beat_at)

    def _refuse(self, peer: Peer, reason: str) -> None:
        self._send(peer, wire.Nack(reason))
        self._server.drop(peer)

    # --- commands --------------------------------------------------------------------------------------------

    def _obey(self, peer: Peer, said: wire.Command | wire.LatchReset) -> wire.Answer | None:
        """Once per id: a repeated command gets the answer of the first.  None: the lock has still to say."""
        if known := self._answers.get(said.id):
            return known
        if not peer.commands:
            return self._answer(said.id, refused("a watcher does not command"))
        if said.id in self._waits:
            self._waits.hand_over(said.id, peer)
            return None
        verdict = self._judge(said, self._hooks.now())
        if verdict.outcome is Outcome.DONE:
            order = Order(AccessPointId(said.door), said.deadline_ns)
            remark = self._hooks.step(order)
            detail = "; ".join(text for text in (verdict.detail, remark) if text)
            verdict = Verdict(Outcome.DONE, detail)
            if asked := self._hooks.asked(order.door):
                return self._wait(peer, said.id, order, asked, detail)
        return self._keep(self._answer(said.id, verdict))

    def _wait(
        self, peer: Peer, command_id: str, order: Order, asked: Asked, detail: str
    ) -> wire.Answer | None:
        if not asked.online:  # taken, and done once the lock is back; nobody shall count on it now
            detail = "; ".join(text for text in (SILENT.detail, detail) if text)
            return self._keep(self._answer(command_id, Verdict(Outcome.OFFLINE, detail)))
        waiting = Waiting(command_id, peer, order.door, asked.seq, asked.energised, order.deadline_ns, detail)
        self._end(self._waits.add(waiting, self._hooks.now()))
        return None

    def told(self, door: AccessPointId, told: BusTold, level: bool | None) -> None:
        """A lock behind a bus said what became of an ask for ``level``: whoever waited for it is answered."""
        if asked := self._hooks.asked(door):
            self._end(self._waits.told(door, told, level, (asked.seq, asked.energised)))

    def expire(self, now: int) -> list[AccessPointId]:
        """Answer those whose deadline is over; the doors whose newest ask was among theirs."""
        endings = self._waits.expired(now)
        self._end(endings)
        newest = {door: asked.seq for e in endings if (asked := self._hooks.asked(door := e.waiting.door))}
        return [e.waiting.door for e in endings if newest.get(e.waiting.door) == e.waiting.seq]

    def next_deadline(self) -> int | None:
        """When to ``expire`` at the latest."""
        return self._waits.next_deadline()

    def _end(self, endings: list[Ending]) -> None:
        for ending in endings:
            answer = wire.Answer(ending.waiting.id, ending.outcome, ending.t_ns, ending.detail[:DETAIL_MAX])
            self._send(ending.waiting.peer, self._keep(answer))

    def _answer(self, command_id: str, verdict: Verdict) -> wire.Answer:
        return wire.Answer(command_id, verdict.outcome, self._hooks.now(), verdict.detail[:DETAIL_MAX])

    def _keep(self, answer: wire.Answer) -> wire.Answer:
        self._answers[answer.id] = answer
        if len(self._answers) > ANSWERS_KEPT:
            self._answers.popitem(last=False)
        return answer

    def _judge(self, said: wire.Command | wire.LatchReset, now: int) -> Verdict:
        door = AccessPointId(said.door)
        if isinstance(said, wire.LatchReset):
            cmd = Cmd(said.id, said.deadline_ns, "latch_reset")
            return self._board.reset(door, cmd, Why(said.kind), said.actor, now)
        cmd = Cmd(said.id, said.deadline_ns, said.reason)
        if said.verb in ("pulse", "hold") and now < cmd.deadline_ns and door in self._hooks.silent():
            return SILENT
        match said:
            case wire.Command(verb="pulse", ms=int(ms)):
                return self._board.pulse(door, cmd, ms, now)
            case wire.Command(verb="hold", until_ns=int(until_ns)):
                return self._board.hold(door, cmd, until_ns, now)
            case wire.Command(verb="lock"):
                return self._board.lock(door, cmd, now)
            case wire.Command(verb="latch", kind=str(kind), on=True):
                return self._board.latch(door, cmd, Why(kind), said.actor, now)
            case wire.Command(verb="latch", on=False):
                return refused("a latch leaves only by latch_reset")
            case _:
                return refused(f"{said.verb} without its value")

    def _selftest(self, said: wire.SelfTest) -> wire.Answer:
        if said.door not in self._house.caps:
            return self._answer(said.id, refused(f"no door {said.door!r} in this profile"))
        sentence = self._hooks.selftest(AccessPointId(said.door))
        return self._answer(said.id, Verdict(Outcome.DONE, sentence))

    def snapshot(self, ask_id: str = "") -> wire.Snapshot:
        points: dict[str, dict[Point, Level]] = {}
        for (door, point), level in self._board.levels().items():
            points.setdefault(door, {})[point] = level
        latches: dict[str, list[wire.LatchKind]] = {}
        for door, kind in sorted(self._board.latched()):
            latches.setdefault(door, []).append("fire" if kind is Why.FIRE else "evacuate")
        outputs = {str(door): level for door, level in self._hooks.energised().items()}
        silent = [str(door) for door in self._hooks.silent()]
        return wire.Snapshot(points, outputs, latches, self._hooks.seq(), ask_id, silent)

    @property
    def commanded(self) -> bool:
        """Somebody is there who may command."""
        return any(peer.commands for peer in self._peers)

    def read(self, news: wire.ReadNews) -> None:
        """What a reader read is the commander's, and nobody else's."""
        for peer in [peer for peer in self._peers if peer.commands]:
            self._send(peer, news)

    @property
    def _server(self) -> Server:
        assert self.server is not None, "the desk is set up before anybody can knock"
        return self.server

    @property
    def _peers(self) -> list[Peer]:
        return self._server.peers

    def _send(self, peer: Peer, message: wire.FromGate) -> None:
        self._server.send(peer, message)
