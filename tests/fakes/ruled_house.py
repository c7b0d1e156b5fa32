"""Gates of one node under its rules, without processes: one clock, one real ledger, and what the screens showed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cloud_sync.protocol import chain
from cloud_sync.protocol.messages import PassRow
from edge.core.door_events import Boot, DpsClose, DpsOpen
from edge.core.door_rules import RuleSet
from edge.core.door_types import Contact
from edge.core.events import AccessPointId, ClockState, Fact, NodeId, Stamp
from edge.errors import DiskFull
from edge.link.translate import encode_fact
from edge.ports import ClockReading, Outcome, Result
from edge.runtime.rules import DoorRules
from edge.store.ballast import Ballast
from edge.store.ledger import SqliteLedger
from edge.store.rule_book import SqlRuleBook
from tests.fakes.lone_gate import NOW_MS, LoneGate

S_NS = 1_000_000_000


class Ruled(LoneGate):
    """A gate whose facts go through the rules."""

    house: "RuledHouse"

    def read(self) -> ClockReading:
        return self.house.read()

    async def _record(self, facts: Sequence[Fact]) -> None:
        await self.house.record(facts)
        self.facts += facts

    async def hold(self, _door, _cmd, _until_ns) -> Result:
        return Result(Outcome.DONE, self.at_ns)


class Book(SqlRuleBook):
    """The real book, which also says what was appended, and can have a full disk."""

    full = False

    def append_rows(self, facts: Sequence[Fact], stamp: Stamp, rows: Mapping[str, str | None]) -> list[int]:
        if self.full:
            raise DiskFull("events.db: the disk is full; nothing was written. Free space.")
        seqs = super().append_rows(facts, stamp, rows)
        self.facts: list[Fact] = [*getattr(self, "facts", []), *facts]
        return seqs


class RuledHouse:
    """``start`` again is a restart: the same ledger, new gates and rules."""

    def __init__(self, folder: Path, rules: RuleSet, rows: list[PassRow]) -> None:
        self.rules_of, self.rows = rules, rows
        self.at_ns, self.clock = 0, ClockState.TRUSTED
        self.ledger = SqliteLedger(
            folder / "events.db", NodeId("n1"), encode=encode_fact, chain=chain,
            new_epoch=lambda: "e" * 24, ballast=Ballast(folder / "reserve"),
        )  # fmt: skip

    async def start(self) -> "RuledHouse":
        self.book = Book(self.ledger)
        self.rules = DoorRules(self.rules_of, self.book, self)
        self.gates: dict[AccessPointId, Ruled] = {}
        for name, rule in self.rules_of.doors.items():
            Ruled.house = self
            made = Ruled(self.rows, door=name)
            made.gate.rules = self.rules
            made.gate.profile = replace(
                made.gate.profile, direction=rule.way.direction if rule.way else "in", rex_unlocks=True
            )
            self.gates[name] = made
        self.rules.take_doors({name: made.gate for name, made in self.gates.items()})
        for made in self.gates.values():
            await made.gate.on_event(Boot("b1", Contact.CLOSED))
            made.facts.clear()
        self.book.facts = []
        return self

    def read(self) -> ClockReading:
        return ClockReading(NOW_MS + self.at_ns // 1_000_000, self.at_ns, self.clock, 0)

    async def record(self, facts: Sequence[Fact]) -> None:
        now = self.read()
        self.rules.append(facts, Stamp("b1", now.mono_ns // 1_000_000, now.wall_ms, now.state, 0))

    async def walk(self, name: AccessPointId, pin: str, *, open_s: float = 2.0) -> None:
        """Type a PIN and walk through, if it opens."""
        gate = self.gates[name].gate
        before = len(self.gates[name].pulses)
        await gate.on_pin(pin)
        if len(self.gates[name].pulses) > before:
            await gate.on_event(DpsOpen())
            self.at_ns += int(open_s * S_NS)
            await gate.on_event(DpsClose())

    def kinds(self) -> list[str]:
        return [fact.type for fact in self.book.facts]

    def close(self) -> None:
        self.ledger.close()
