"""A node as far as commands go: the real desk, book and ledger, and doors that note what they were told."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.protocol import chain, commands
from cloud_sync.protocol.commands import Argument, Command
from edge.core.commands import Answer
from edge.core.door_events import Command as DoorCommand
from edge.core.door_types import Mode
from edge.core.events import AccessPointId, ClockState, Fact, NodeId, Stamp
from edge.link.translate import encode_fact, received
from edge.ports import ClockReading
from edge.runtime.commands import CommandDesk, DeskParts, Place
from edge.runtime.hands import Did
from edge.store.ballast import Ballast
from edge.store.command_book import SqlCommandBook
from edge.store.device_key import Join
from edge.store.ledger import SqliteLedger

NOW_MS = 1_795_277_220_123
T = TypeVar("T")


class Issuer:
    """A command key that counts."""

    def __init__(self, kid: str = "k1") -> None:
        self.kid = kid
        self.key = Ed25519PrivateKey.generate()
        self._counter = itertools.count(1)

    def frame(
        self, op: str = "release", *, issued_ms: int = NOW_MS, lives_ms: int = 10_000, **more: object
    ) -> bytes:
        ctr = next(self._counter)
        words: dict[str, object] = {
            "v": 1,
            "t": "dongfang",
            "node": "n1",
            "door": "AP-1",
            "id": f"{ctr:016x}",
            "ctr": ctr,
            "iat": issued_ms,
            "exp": issued_ms + lives_ms,
            "op": op,
            "arg": Argument(),
            "iss": "st-7",
            "kid": self.kid,
            **more,
        }
        body = commands.encode_command(Command(**words))
        return commands.frame(body, self.signs(body))

    def signs(self, body: bytes) -> bytes:
        return self.key.sign(commands.signing_bytes(body))

    def zone_frame(self, confirmer: "Issuer", zone: str, op: str = "lockdown", **more: object) -> bytes:
        """Two people, two keys, one body."""
        words = {"node": f"zone:{zone}", "door": "*", "iss2": "st-8", "kid2": confirmer.kid, **more}
        single = self.frame(op, **words)
        body = single[commands.SIG_BYTES :]
        return commands.frame(body, self.signs(body) + confirmer.signs(body))


@dataclass
class Door:
    """Says how it did; None is a door at which the node dies."""

    did: Did | None = field(default_factory=lambda: Did(Mode.LOCKED))
    told: list[DoorCommand] = field(default_factory=list)

    async def on_command(self, command: DoorCommand) -> Did:
        self.told.append(command)
        if self.did is None:
            raise KeyboardInterrupt
        return self.did


class CommandNode:
    """One life of a node on this folder; make another for the next life."""

    def __init__(
        self,
        folder: Path,
        *issuers: Issuer,
        door: Door | None = None,
        more_doors: Mapping[str, Door] | None = None,
        zones: Mapping[str, Sequence[str]] | None = None,
        confirmer: Issuer | None = None,
    ) -> None:
        self.reading = ClockReading(NOW_MS, 1_000_000_000, ClockState.TRUSTED, 12)
        self.door = door or Door()
        self.doors = {"AP-1": self.door, **(more_doors or {})}
        self.answers: list[Answer] = []
        self.nonces = frozenset({"c5d2"})
        self.nonces_used = 0
        self.ledger = SqliteLedger(
            folder / "events.db",
            NodeId("n1"),
            encode=encode_fact,
            chain=chain,
            new_epoch=lambda: "e" * 24,
            ballast=Ballast(folder / "reserve"),
        )
        self.book = SqlCommandBook(self.ledger)
        keys = {one.kid: one.key.public_key().public_bytes_raw() for one in issuers}
        seconds = [] if confirmer is None else [confirmer]
        join = Join(
            "dongfang",
            "n1",
            "",
            b"",
            frozenset(),
            ZoneInfo("Asia/Shanghai"),
            command_keys=keys,
            confirm_keys={one.kid: one.key.public_key().public_bytes_raw() for one in seconds},
            zones={zone: frozenset(map(AccessPointId, names)) for zone, names in (zones or {}).items()},
        )
        self.verify = join.verify_command
        self.desk = CommandDesk(
            DeskParts(
                place=Place.of("dongfang", "n1", join, 10_000),
                clock=self,
                book=self.book,
                recorder=self,
                doors={AccessPointId(name): one for name, one in self.doors.items()},
                verify=self.verify,
                answer=self.answers.append,
                nonce_used=self._nonce_used,
                tell_state=lambda: None,
                new_id=lambda: "g",
            )
        )

    def read(self) -> ClockReading:
        return self.reading

    def _nonce_used(self) -> None:
        self.nonces_used += 1

    async def record(self, facts: Sequence[Fact]) -> None:
        await self.write(lambda at: self.ledger.append(facts, at))

    async def write(self, work: Callable[[Stamp], T]) -> T:
        now = self.reading
        return work(Stamp("b1", now.mono_ns // 1_000_000, now.wall_ms, now.state, now.bound_ms))

    async def hears(self, frame: bytes, *, retained: bool = False) -> None:
        await self.desk._one(received(frame, retained=retained, nonces=self.nonces))

    def events(self) -> list[bytes]:
        return [row.body for row in self.ledger.rows(range(1, self.ledger.head + 1), bytes_max=10**9)]
