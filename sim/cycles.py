"""``make cycles CYCLES=100000``: one door through many passages, and after each the machine, the ledger and the lock
compared (UL 294 counts a hundred thousand for its highest endurance level).

Virtual time, real parts: the gate's own loop, the door machine, the decision with a fresh signed code every time, the
ledger with its chain on disk, and gate-io's board.  Only the iron is a counter.
"""

import argparse
import asyncio
import itertools
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.progress import Progress

from cloud_sync.protocol import chain, code
from edge.compose_credentials import parse_code
from edge.core.decision_types import Liveness, Policy
from edge.core.door import next_deadline, output
from edge.core.door_events import Boot, DpsClose, DpsOpen, RexPressed, Tick
from edge.core.door_profile import DoorProfile
from edge.core.door_types import Contact, Mode, Output
from edge.core.events import (
    AccessPointId,
    ClockState,
    CredentialKind,
    Fact,
    GrantId,
    NodeId,
    PassId,
    Stamp,
    SubjectRef,
)
from edge.core.passes import ENTRY_PREREQS, Credential, LocationClass, Pass, PassSet, PassState, SubjectClass
from edge.gateio.board import Board, DoorRules
from edge.gateio.outputs import Why
from edge.link.translate import encode_fact
from edge.ports import ClockReading, Cmd, IoNews, IoSnapshot, Outcome, Point, Result
from edge.runtime.gate import Gate
from edge.runtime.hands import Hands, Knowledge
from edge.store.ballast import Ballast
from edge.store.device_key import verify_ed25519
from edge.store.ledger import SqliteLedger

DOOR = AccessPointId("AP-cycle")
S_NS = 1_000_000_000
WALL_MS = 1_790_000_000_000
STEP_S = code.STEP_S
WAYS_OUT_EVERY = 5  # every fifth passage is somebody leaving by the button


class Divergence(AssertionError):
    """Machine, ledger and lock no longer say the same."""


@dataclass
class World:
    """Clock, board, iron and books of one door; ``Hands`` is made of it."""

    ledger: SqliteLedger
    at_ns: int = S_NS
    energised: bool = False
    moves: int = 0
    codes: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rules = DoorRules(
            release_energises=True, min_pulse_ms=50, max_pulse_ms=65_000, rex_unlocks=True, t_rex_ms=3_000,
            fire_group=None,
        )  # fmt: skip
        self.board = Board({DOOR: rules}, frozenset())
        self.board.sense(DOOR, Point.CONTACT, False, self.at_ns, self.at_ns)
        self.board.sense(DOOR, Point.REX, False, self.at_ns, self.at_ns)

    # --- time and iron ----------------------------------------------------------------------------------------

    def read(self) -> ClockReading:
        return ClockReading(WALL_MS + self.at_ns // 1_000_000, self.at_ns, ClockState.TRUSTED, 0)

    def drive(self) -> None:
        self.board.beat(self.at_ns)
        self.board.settle(self.at_ns)
        wanted = self.board.wanted(self.at_ns)[DOOR]
        self.moves += wanted and not self.energised
        self.energised = wanted

    # --- what a gate asks of its hands ------------------------------------------------------------------------

    async def snapshot(self) -> IoSnapshot:
        levels = {(door, point): level for (door, point), level in self.board.levels().items()}
        return IoSnapshot(levels, {DOOR: self.energised}, frozenset(), 0)

    def news(self) -> "asyncio.Queue[IoNews]":
        raise NotImplementedError("edges are told to the gate directly")

    async def pulse(self, door: AccessPointId, cmd: Cmd, ms: int) -> Result:
        return self._done(self.board.pulse(door, cmd, ms, self.at_ns).outcome)

    async def hold(self, door: AccessPointId, cmd: Cmd, until_ns: int) -> Result:
        return self._done(self.board.hold(door, cmd, until_ns, self.at_ns).outcome)

    async def lock(self, door: AccessPointId, cmd: Cmd) -> Result:
        return self._done(self.board.lock(door, cmd, self.at_ns).outcome)

    async def latch(self, door: AccessPointId, cmd: Cmd, kind: str, on: bool, actor: str) -> Result:
        verdict = (
            self.board.latch(door, cmd, Why(kind), actor, self.at_ns)
            if on
            else self.board.reset(door, cmd, Why(kind), actor, self.at_ns)
        )
        return self._done(verdict.outcome)

    def _done(self, outcome: Outcome) -> Result:
        self.drive()
        return Result(outcome, self.at_ns)

    def show(self, *_: object) -> None:
        """Screens and lights; nothing depends on them."""

    def code_memory(self, cred_id: str) -> str | None:
        return self.codes.get(cred_id)

    def remember_code(self, cred_id: str, memory: str) -> None:
        self.codes[cred_id] = memory

    async def record(self, facts: Sequence[Fact]) -> None:
        now = self.read()
        self.ledger.append(facts, Stamp("cycles", self.at_ns // 1_000_000, now.wall_ms, now.state, 0))
        for fact in facts:
            self.kinds[fact.type] = self.kinds.get(fact.type, 0) + 1


@dataclass
class Cycles:
    """One guest who comes and goes for ever."""

    world: World
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    credential: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    def __post_init__(self) -> None:
        numbers, world = itertools.count(1), self.world
        hands = Hands(
            io=world,  # type: ignore[arg-type]  # news come by hand
            clock=world,
            screens=world,
            codes=world,
            record=world.record,
            knowledge=self._knowledge,
            parse_code=lambda text: parse_code(text, {DOOR}),
            verify=verify_ed25519,
            new_id=lambda: f"g{next(numbers)}",
            read_pin=lambda _digits: None,
            read_duress=lambda _digits: None,
            read_card=lambda _data: None,
            day_proofs=lambda _salt, _digits: None,
            verify_pass=lambda *_: False,
            sees_faces=lambda _door: False,
        )
        profile = DoorProfile(access_point=DOOR, rex_unlocks=True)
        self.gate = Gate(profile, LocationClass.GATE, hands, Liveness.OFF_DEMO, simulation=True)
        public = self.key.public_key().public_bytes_raw()
        self.passes = PassSet.build(
            1,
            [
                Pass(
                    pass_id=PassId("P-cycle"),
                    pass_version=1,
                    subject_ref=SubjectRef("r-cycle"),
                    cls=SubjectClass.GUEST,
                    state=PassState.ARMED,
                    scope=frozenset({DOOR}),
                    schedule="always",
                    not_before_ms=0,
                    not_after_ms=2**53,
                    prereq=ENTRY_PREREQS,
                    policy=1,
                    creds=(Credential(CredentialKind.QR, self.credential.hex(), public),),
                )
            ],
        )

    def _knowledge(self) -> Knowledge:
        return Knowledge(self.passes, True, 0, 0, Policy(1, 1))

    def code(self) -> str:
        step = code.step_at(self.world.read().wall_ms / 1000)
        return code.compose(self.credential, step, self.key.sign(code.unsigned(self.credential, step)))

    # --- one passage --------------------------------------------------------------------------------------------

    async def boot(self) -> None:
        await self.gate.on_event(Boot("cycles", Contact.CLOSED))
        self.compare()

    async def cycle(self, number: int) -> None:
        """In by a fresh code, or out by the button; the door opens, relocks, closes, and everything is compared."""
        if number % WAYS_OUT_EVERY == 0:
            self.world.board.sense(DOOR, Point.REX, True, self.world.at_ns, self.world.at_ns)
            self.world.drive()
            await self.gate.on_event(RexPressed(GrantId(f"rex{number}")))
            self.world.board.sense(DOOR, Point.REX, False, self.world.at_ns, self.world.at_ns)
        else:
            await self.gate.on_code(self.code(), self.world.at_ns)
        self._expect(released=True)
        await self.pass_s(1.0)
        await self._contact(True)
        await self.pass_s(4.0)  # beyond T_relock_delay and T_rex
        self._expect(released=False)
        await self._contact(False)
        await self.pass_s(STEP_S + 1)  # the next code is another one
        self._expect(released=False)
        self.compare()

    async def _contact(self, is_open: bool) -> None:
        self.world.board.sense(DOOR, Point.CONTACT, is_open, self.world.at_ns, self.world.at_ns)
        await self.gate.on_event(DpsOpen() if is_open else DpsClose())

    async def pass_s(self, seconds: float) -> None:
        """Let time pass, stopping at every deadline of the machine and of the board."""
        until = self.world.at_ns + round(seconds * S_NS)
        while True:
            ends = (next_deadline(self.gate.state), self.world.board.next_deadline(self.world.at_ns))
            due = [at for at in ends if at is not None and at <= until]
            if not due:
                break
            self.world.at_ns = max(self.world.at_ns, min(due))
            self.world.drive()
            await self.gate.on_event(Tick())
        self.world.at_ns = until
        self.world.drive()

    # --- the three books ----------------------------------------------------------------------------------------

    def _expect(self, *, released: bool) -> None:
        machine = output(self.gate.state, self.gate.profile) is Output.RELEASED
        if not machine == self.world.energised == released:
            raise Divergence(
                f"the machine says {'released' if machine else 'secured'}, the lock is "
                f"{'energised' if self.world.energised else 'at rest'}, expected {'open' if released else 'shut'}"
            )

    def compare(self) -> None:
        """Every grant ended, every grant moved the lock once, and the door stands where all three say it does."""
        kinds = self.world.kinds
        granted, taken = kinds.get("access.granted", 0), kinds.get("access.taken", 0)
        if not granted == taken == self.world.moves == kinds.get("door.closed", 0):
            raise Divergence(f"ledger: {granted} granted, {taken} taken; lock: {self.world.moves} releases")
        if self.world.ledger.head != sum(kinds.values()) or self.gate.state.mode is not Mode.LOCKED:
            raise Divergence(f"ledger at {self.world.ledger.head}, door {self.gate.state.mode}")
        if self.gate.fault or self.world.ledger.door_modes() != {DOOR: Mode.LOCKED.value}:
            raise Divergence(f"fault {self.gate.fault!r}, modes kept {self.world.ledger.door_modes()}")


async def run(cycles: int, folder: Path, progress: Progress) -> dict[str, int]:
    """Play them.

    Raises:
        Divergence: at the first passage after which the three do not agree.
    """
    ledger = SqliteLedger(
        folder / "events.db",
        NodeId("n-cycle"),
        encode=encode_fact,
        chain=chain,
        new_epoch=lambda: secrets.token_hex(12),
        ballast=Ballast(folder / "reserve"),
    )
    door = Cycles(World(ledger))
    await door.boot()
    task = progress.add_task("passages", total=cycles)
    for number in range(1, cycles + 1):
        await door.cycle(number)
        if number % 100 == 0:
            progress.update(task, completed=number)
    progress.update(task, completed=cycles)
    broken = ledger.first_break()
    if broken is not None:
        raise Divergence(f"the chain breaks at event {broken}")
    ledger.close()
    return door.world.kinds | {"lock_releases": door.world.moves}


def main() -> int:
    """0 when nothing diverged; the last line is the verdict."""
    parser = argparse.ArgumentParser(prog="sim.cycles", description="One door, many passages.")
    parser.add_argument("--cycles", type=int, default=100_000)
    wanted = parser.parse_args().cycles
    began = time.monotonic()
    try:
        Path("run").mkdir(exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix="cycles-", dir="run") as folder,
            Progress(transient=True) as progress,
        ):
            told = asyncio.run(run(wanted, Path(folder), progress))
    except Divergence as error:
        print(f"DIVERGED: {error}")
        return 1
    seconds = time.monotonic() - began
    print(f"{told} in {seconds:.0f} s, {wanted / seconds:.0f} passages/s")
    print(f"{wanted} cycles, machine, ledger and lock agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
