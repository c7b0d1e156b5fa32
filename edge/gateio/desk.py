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
from edge.ports import Cmd, Level, LockCaps, Outcome, Point

log = logging.getLogger(__name__)

# A client repeats a command at most once, within its deadline; this many cover every door's last ones.
ANSWERS_KEPT = 128


@dataclass(frozen=True, slots=True)
class House:
    """What a client is told at the door."""

    profile_hash: str
    boot_id: str
    caps: dict[str, LockCaps]


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the process lends the desk: the time, one step of the world, and questions about the lines."""

    now: Callable[[], int]
    step: Callable[[], str]  # settle, drive, persist; a remark for the answer, or nothing
    energised: Callable[[], dict[AccessPointId, bool]]
    selftest: Callable[[AccessPointId], str]
    seq: Callable[[], int]


class Desk:
    def __init__(self, board: Board, house: House, hooks: Hooks) -> None:
        self._board = board
        self._house = house
        self._hooks = hooks
        self._answers: OrderedDict[str, wire.Answer] = OrderedDict()
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
                self._send(peer, self._obey(peer, said))
            case wire.ShowIt():
                pass  # no lights are wired yet
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

    def _obey(self, peer: Peer, said: wire.Command | wire.LatchReset) -> wire.Answer:
        """Once per id: a repeated command gets the answer of the first."""
        if known := self._answers.get(said.id):
            return known
        now = self._hooks.now()
        verdict = self._judge(said, now) if peer.commands else refused("a watcher does not command")
        remark = self._hooks.step() if verdict.outcome is Outcome.DONE else ""
        detail = "; ".join(text for text in (verdict.detail, remark) if text)
        answer = wire.Answer(said.id, verdict.outcome, self._hooks.now(), detail)
        if peer.commands:
            self._keep(answer)
        return answer

    def _keep(self, answer: wire.Answer) -> None:
        self._answers[answer.id] = answer
        if len(self._answers) > ANSWERS_KEPT:
            self._answers.popitem(last=False)

    def _judge(self, said: wire.Command | wire.LatchReset, now: int) -> Verdict:
        door = AccessPointId(said.door)
        if isinstance(said, wire.LatchReset):
            cmd = Cmd(said.id, said.deadline_ns, "latch_reset")
            return self._board.reset(door, cmd, Why(said.kind), said.actor, now)
        cmd = Cmd(said.id, said.deadline_ns, said.reason)
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
            return wire.Answer(
                said.id, Outcome.REFUSED, self._hooks.now(), f"no door {said.door!r} in this profile"
            )
        sentence = self._hooks.selftest(AccessPointId(said.door))
        return wire.Answer(said.id, Outcome.DONE, self._hooks.now(), sentence)

    def snapshot(self, ask_id: str = "") -> wire.Snapshot:
        points: dict[str, dict[Point, Level]] = {}
        for (door, point), level in self._board.levels().items():
            points.setdefault(door, {})[point] = level
        latches: dict[str, list[wire.LatchKind]] = {}
        for door, kind in sorted(self._board.latched()):
            latches.setdefault(door, []).append("fire" if kind is Why.FIRE else "evacuate")
        outputs = {str(door): level for door, level in self._hooks.energised().items()}
        return wire.Snapshot(points, outputs, latches, self._hooks.seq(), ask_id)

    @property
    def _server(self) -> Server:
        assert self.server is not None, "the desk is set up before anybody can knock"
        return self.server

    @property
    def _peers(self) -> list[Peer]:
        return self._server.peers

    def _send(self, peer: Peer, message: wire.FromGate) -> None:
        self._server.send(peer, message)
