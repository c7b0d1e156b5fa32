"""The life of gate-io: its real board over simulated wires, the latches on its disk, its falls and returns.

The turn is that of ``edge.gateio.process``: settle, drive, tell, persist, and wake at the board's next deadline.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.core.events import AccessPointId
from edge.gateio.board import LEASE_NS, Board, DoorRules, Verdict
from edge.gateio.latches import LatchFile
from edge.gateio.outputs import Why
from edge.gateio.profile import PULSE_MIN_MS
from edge.ports import Cmd, Edge, IoNews, IoSnapshot, Latched, Level, Point, Result
from sim.loop import Handle, Hours
from sim.wires import Wires

DOOR = AccessPointId("AP-gate")
PEER = AccessPointId("AP-peer")
FIRE_GROUP = "g1"
BEAT_NS = 500_000_000
# Half a second's beats of a node that is connected would be most of the night's moments; its lease is told once, as
# lasting, and when it falls silent, as what its last beat has left of it.
LASTING_NS = 1 << 60
TICK_NS = 1_000_000_000
LATCH_NOTES = {"fire_start": ("fire", True), "fire_end": ("fire", False),
               "evacuate_start": ("evacuate", True), "evacuate_end": ("evacuate", False)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Packet:
    """One command of the node on its way; ``value`` is what its verb needs."""

    door: AccessPointId
    verb: str
    cmd: Cmd
    value: int = 0
    kind: Why | None = None
    actor: str = ""

    def put_to(self, board: Board, now: int) -> Verdict:
        match self.verb, self.kind:
            case "pulse", None:
                return board.pulse(self.door, self.cmd, self.value, now)
            case "hold", None:
                return board.hold(self.door, self.cmd, self.value, now)
            case "lock", None:
                return board.lock(self.door, self.cmd, now)
            case "latch", Why() as kind:
                return board.latch(self.door, self.cmd, kind, self.actor, now)
            case "reset", Why() as kind:
                return board.reset(self.door, self.cmd, kind, self.actor, now)
            case _:
                raise AssertionError(f"no such packet: {self}")


class LatchDisk(LatchFile):
    """The real file format on a disk that is a variable."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"))
        self.body = b""

    def read(self, doors: "set[AccessPointId]") -> frozenset[tuple[AccessPointId, Why]]:  # type: ignore[override]
        return self._decode(self.body, doors) if self.body else frozenset()

    def _replace(self, body: bytes) -> None:
        self.body = body


def rules_of(wires: Wires) -> dict[AccessPointId, DoorRules]:
    """As the profile of gate-io would say it."""
    profile = wires.fitted.profile
    rules = DoorRules(
        release_energises=wires.fitted.release_energises,
        min_pulse_ms=PULSE_MIN_MS,
        max_pulse_ms=65_000,
        rex_unlocks=profile.rex_unlocks,
        t_rex_ms=profile.t_rex_ms,
        fire_group=FIRE_GROUP,
        barrier=wires.is_barrier,
    )
    return {DOOR: rules, PEER: rules} if wires.fitted.peer else {DOOR: rules}


class Box:
    """gate-io, one life after the other."""

    def __init__(self, hours: Hours, wires: Wires) -> None:
        self._hours = hours
        self._wires = wires
        self._disk = LatchDisk()
        self._rules = rules_of(wires)
        self._wake: Handle | None = None
        self._saved: frozenset[tuple[AccessPointId, Why]] = frozenset()
        self._misses: set[Point] = set()
        self.board = Board(self._rules, frozenset())
        self.alive = False
        self.life = 0
        self.seq = 0
        self.peer_fire = False
        self.reachable = True  # whether the node's knock is heard
        self.spoilt = False  # its latch file was damaged while it was down
        self.beating: Callable[[], bool] = lambda: False
        self.told: Callable[[IoNews], None] = lambda _news: None
        self.moved: Callable[[bool], None] = lambda _energised: None
        self.came: Callable[[], None] = lambda: None
        self.went: Callable[[], None] = lambda: None
        self.sensed: Callable[[AccessPointId, Point, Level], None] = lambda _door, _point, _level: None
        self.obeyed: Callable[[Packet, Verdict], None] = lambda _packet, _verdict: None
        self.edges = 0
        self.missed_ns: dict[Point, int] = {}
        wires.tell = self.feel

    # --- life ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._saved = self._disk.read(set(self._rules))
        self.board = Board(self._rules, self._saved)
        self.alive, self.seq = True, 0
        self.life += 1
        self.came()
        self._drive()
        self._read_levels()
        self.step()

    def die(self) -> None:
        """The process is gone; the lines fall to the level nobody drives."""
        if not self.alive:
            return
        self.alive = False
        if self._wake is not None:
            self._wake.cancel()
        self.went()
        self._wires.drive(self._wires.fitted.dead)
        self.moved(self._wires.energised)

    def spoil(self) -> None:
        """Its latch file is no longer what it wrote."""
        self._disk.body = b"x" + self._disk.body
        self.spoilt = True

    # --- the world -------------------------------------------------------------------------------------------------

    def miss(self, point: Point) -> None:
        """The next edge of this point is lost; its level is read within a second."""
        self._misses.add(point)

    def feel(self, point: Point, level: Level) -> None:
        """A wire has changed."""
        self.edges += 1
        if not self.alive:
            return
        if point in self._misses:
            self._misses.discard(point)
            now = self._hours.now_ns
            self.missed_ns[point] = now
            self._hours.at(now - now % TICK_NS + TICK_NS, self._tick, self.life)
            return
        self._sense(DOOR, point, level)
        self.step()

    def burn_at_peer(self, burning: bool) -> None:
        """Fire at the other door of the group."""
        self.peer_fire = burning
        if self.alive and PEER in self._rules:
            self._sense(PEER, Point.FIRE, burning)
            self.step()

    def _tick(self, life: int) -> None:
        if self.alive and self.life == life:
            self._read_levels()
            self.step()

    def _read_levels(self) -> None:
        if PEER in self._rules:
            self._sense(PEER, Point.FIRE, self.peer_fire)
        for point, level in self._wires.levels().items():
            self._sense(DOOR, point, level)

    def _sense(self, door: AccessPointId, point: Point, level: Level) -> None:
        now = self._hours.now_ns
        self.sensed(door, point, level)
        if self.board.sense(door, point, level, now, now):
            self.seq += 1
            self.told(Edge(door, point, level, now, self.seq))

    # --- one turn --------------------------------------------------------------------------------------------------

    def step(self) -> None:
        now = self._hours.now_ns
        if self.beating():
            self.board.beat(LASTING_NS)
        for note in self.board.settle(now):
            if note.kind in LATCH_NOTES and note.door is not None:
                kind, on = LATCH_NOTES[note.kind]
                self.seq += 1
                self.told(Latched(note.door, kind, on, note.t_ns))
        self._drive()
        latched = self.board.latched()
        if latched != self._saved:
            self._disk.write(latched)
            self._saved = latched
        self._sleep()

    def _drive(self) -> None:
        wanted = self.board.wanted(self._hours.now_ns)[DOOR]
        if wanted != self._wires.energised:
            self._wires.drive(wanted)
            self.moved(wanted)

    def _sleep(self) -> None:
        deadline = self.board.next_deadline(self._hours.now_ns)
        if self._wake is not None:
            self._wake.cancel()
        self._wake = None if deadline is None else self._hours.at(deadline, self.step)

    def silence(self) -> None:
        """The commander beats no more; the last beat was the last half second's."""
        if self.alive:
            now = self._hours.now_ns
            self.board.beat(now - now % BEAT_NS)
            self.step()  # what is due in this very moment is not slept over

    # --- commands --------------------------------------------------------------------------------------------------

    def obey(self, packet: Packet) -> Result:
        """One packet of the node has arrived."""
        now = self._hours.now_ns
        if self.beating():
            self.board.beat(LASTING_NS)
        verdict = packet.put_to(self.board, now)
        if packet.door == DOOR:
            self.obeyed(packet, verdict)
        self.step()
        return Result(verdict.outcome, self._hours.now_ns, verdict.detail)

    def snapshot(self) -> IoSnapshot:
        return IoSnapshot(
            points=self.board.levels(),
            outputs=dict.fromkeys(self._rules, self._wires.energised),
            latches=frozenset((door, kind.value) for door, kind in self.board.latched()),
            seq=self.seq,
        )


__all__ = ["DOOR", "LEASE_NS", "PEER", "Box", "LatchDisk", "Packet"]
