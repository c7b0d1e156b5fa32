"""A node as far as its commands go: the real desk, book, ledger and judge; only the doors are counters.

Everything bad is given to it, and now and then a good one, which it has to carry out: a node that obeys nobody would
refuse everything too.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from cloud_sync.protocol import chain
from demo.bad_commands import AGE_MS, DOORS, NODE, NONCE, TENANT, ZONE, ZONE_OPS, Delivery, Forge, Signer
from edge.core.commands import Answer
from edge.core.door_events import Command
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
LIVES = 10  # how often the node starts anew in between, on the same disk
# Often enough that a run of 100,000 goes beyond the rows the book keeps, so that replays meet its floor too.
GOOD_EVERY = 40
T = TypeVar("T")


@dataclass
class CountingDoor:
    told: int = 0

    async def on_command(self, _command: Command) -> Did:
        self.told += 1
        return Did(Mode.LOCKED)


class Target:
    """One life of the node on this folder; make another for the next life."""

    def __init__(self, folder: Path, signer: Signer) -> None:
        self.reading = ClockReading(NOW_MS, 1_000_000_000, ClockState.TRUSTED, 12)
        self.doors = {AccessPointId(name): CountingDoor() for name in DOORS}
        self.said: Counter[str] = Counter()
        self.ledger = SqliteLedger(
            folder / "events.db", NodeId(NODE), encode=encode_fact, chain=chain, new_epoch=lambda: "e" * 24,
            ballast=Ballast(folder / "reserve"),
        )  # fmt: skip
        join = Join(
            TENANT, NODE, "", b"", frozenset(), ZoneInfo("Asia/Shanghai"),
            command_keys={signer.first.kid: signer.first.public},
            confirm_keys={signer.second.kid: signer.second.public},
            zones={ZONE: frozenset(self.doors)},
        )  # fmt: skip
        self.desk = CommandDesk(
            DeskParts(
                place=Place.of(TENANT, NODE, join, AGE_MS),
                clock=self,
                book=SqlCommandBook(self.ledger),
                recorder=self,
                doors=self.doors,
                verify=join.verify_command,
                answer=self._answer,
                nonce_used=lambda: None,
                tell_state=lambda: None,
                new_id=lambda: "g",
            )
        )

    @property
    def executed(self) -> int:
        return sum(door.told for door in self.doors.values())

    def _answer(self, answer: Answer) -> None:
        self.said[answer.why or answer.state.value] += 1

    def read(self) -> ClockReading:
        return self.reading

    async def record(self, facts: Sequence[Fact]) -> None:
        await self.write(lambda at: self.ledger.append(facts, at))

    async def write(self, work: Callable[[Stamp], T]) -> T:
        now = self.reading
        return work(Stamp("b1", now.mono_ns // 1_000_000, now.wall_ms, now.state, now.bound_ms))

    async def hears(self, one: Delivery) -> int:
        """How many doors were moved by it."""
        self.reading = ClockReading(NOW_MS, 1_000_000_000, one.clock, one.bound_ms)
        before = self.executed
        await self.desk._one(received(one.frame, retained=one.retained, nonces=frozenset({NONCE})))
        return self.executed - before


@dataclass
class Verdict:
    """What a run counted; sound when nothing bad and everything good was carried out."""

    bad: Counter[str] = field(default_factory=Counter)
    executed: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    good: int = 0
    good_done: int = 0
    replays_at_start: int = 0
    chain_broken: bool = False

    @property
    def sound(self) -> bool:
        return not self.executed and self.good == self.good_done > 0 and not self.chain_broken

    def told(self) -> dict[str, Any]:
        return {
            "bad": sum(self.bad.values()),
            "bad_executed": sum(self.executed.values()),
            "bad_executed_by_kind": dict(sorted(self.executed.items())),
            "by_kind": dict(sorted(self.bad.items())),
            "answers": dict(sorted(self.said.items())),
            "good": self.good,
            "good_executed": self.good_done,
            "replays_after_a_restart": self.replays_at_start,
            "chain_broken": self.chain_broken,
        }


def attack(folder: Path, mutations: int, seed: int, tick: Callable[[int], None]) -> Verdict:
    """Give it at least so many bad ones, with restarts in between; ``tick`` hears how many since the last call."""
    forge = Forge(Signer(NOW_MS), random.Random(seed))
    verdict = Verdict()
    each = -(-mutations // LIVES)
    for _ in range(LIVES):
        asyncio.run(_one_life(folder, forge, verdict, each, tick))
    return verdict


async def _one_life(
    folder: Path, forge: Forge, verdict: Verdict, each: int, tick: Callable[[int], None]
) -> None:
    target = Target(folder, forge.signer)
    for frame in forge.done:  # what it did in earlier lives, while its memory is empty
        verdict.replays_at_start += 1
        await _bad(target, verdict, "replayed", Delivery(frame))
    for n in range(each):
        if n % GOOD_EVERY == 0:
            await _good(target, forge, verdict)
            tick(min(GOOD_EVERY, each - n))
        await _bad(target, verdict, *forge.make())
    verdict.said += target.said
    verdict.chain_broken |= target.ledger.first_break() is not None
    target.ledger.close()


async def _bad(target: Target, verdict: Verdict, kind: str, one: Delivery) -> None:
    verdict.bad[kind] += 1
    if moved := await target.hears(one):
        verdict.executed[kind] += moved


async def _good(target: Target, forge: Forge, verdict: Verdict) -> None:
    """One door's or a zone's; each of its doors has to be moved, once."""
    zone = forge.dice.random() < 0.2
    words = forge.signer.zone_words(forge.dice.choice(ZONE_OPS)) if zone else forge.words()
    frame = forge.signer.sign(words)
    wanted = len(DOORS) if zone else 1
    verdict.good += wanted
    verdict.good_done += await target.hears(Delivery(frame))
    forge.done.append(frame)
