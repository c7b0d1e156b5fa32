"""What survives a fall of the node: ledger, used codes, commands, passes.  Each call is whole or has not been."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cloud_sync.protocol import chain
from edge.core.clock import MAX_OFFLINE_MS
from edge.core.commands import MODE_OPS, Answer, Order, Past, State
from edge.core.events import Fact, PassId, Stamp
from edge.core.freshness import Lease
from edge.core.open_grants import begins, ends, given_of, kept
from edge.core.passes import Denial, Pass, PassSet
from edge.errors import DiskFull
from edge.link.translate import encode_fact
from edge.runtime.node_parts import StoredTemplate

NODE = "n1"
OF_THE_DOOR = ("door.", "fire.")  # these facts leave their door in the mode they tell
EPOCH = "0" * 24


@dataclass(frozen=True, slots=True)
class Line:
    """One committed event: its number, what it says, and the chain up to here."""

    seq: int
    fact: Fact
    stamp: Stamp
    digest: bytes
    h: bytes


class Ledger:
    """``edge.ports.Ledger`` in memory, with the real encoding and the real chain."""

    epoch = EPOCH

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.disk_alarm = False
        self._modes: dict[str, str] = {}
        self.full = False
        self.written: Callable[[Sequence[Fact], Stamp], None] = lambda _facts, _stamp: None

    @property
    def head(self) -> int:
        return len(self.lines)

    def open_grants(self) -> list[Fact]:
        given: dict[str, str] = {}
        for line in self.lines:
            if begins(line.fact):
                given[str(line.fact.grant_id)] = kept(line.fact)
            elif ends(line.fact):
                given.pop(str(line.fact.grant_id), None)
        return [given_of(text) for text in given.values()]

    def door_modes(self) -> Mapping[str, str]:
        return dict(self._modes)

    def append(self, facts: Sequence[Fact], stamp: Stamp) -> list[int]:
        if self.full:
            self.disk_alarm = True
            raise DiskFull("the disk is full")
        seqs = []
        for fact in facts:
            h = self.lines[-1].h if self.lines else chain.start(NODE, EPOCH)
            digest = chain.digest(encode_fact(fact, stamp))
            self.lines.append(Line(len(self.lines) + 1, fact, stamp, digest, chain.link(h, digest)))
            seqs.append(len(self.lines))
            if fact.mode is not None and fact.access_point is not None and fact.type.startswith(OF_THE_DOOR):
                self._modes[fact.access_point] = fact.mode
        self.written(facts, stamp)
        return seqs


@dataclass
class _Row:
    order: Order
    answer: Answer


class CommandBook:
    """``edge.ports.CommandBook`` in memory, as ``edge.store.command_book`` keeps it on disk."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._rows: dict[tuple[str, str], _Row] = {}  # by command and door: a zone's has one for each

    def past(self, order: Order) -> Past:
        own = [row.order for row in self._rows.values() if row.order.kid == order.kid]
        known = bool(self._of(order.id)) or any(row.ctr == order.ctr for row in own)
        modes = [row.ctr for row in own if row.door == order.door and row.op in MODE_OPS]
        return Past(known, 0, max(modes, default=0))

    def stored(self, command_id: str) -> list[Answer]:
        return [row.answer for row in self._of(command_id)]

    def accept(self, orders: Sequence[Order], at_ms: int) -> list[int]:
        assert at_ms > 0
        if self._ledger.full:
            raise DiskFull("the disk is full")
        assert not self._of(orders[0].id), "a command is accepted once"
        before = len(self._rows)
        for order in orders:
            self._rows[order.id, order.door] = _Row(order, Answer(order.id, State.ACCEPTED))
        return list(range(before + 1, len(self._rows) + 1))

    def finish(self, answer: Answer, fact: Fact, stamp: Stamp) -> int:
        seq = self._ledger.append([fact], stamp)[0]
        for row in self._of(answer.id):
            if answer.door in ("", row.order.door):
                row.answer = replace(answer, seq=seq)
        return seq

    def unfinished(self) -> list[Order]:
        return [row.order for row in self._rows.values() if row.answer.state is State.ACCEPTED]

    def _of(self, command_id: str) -> list[_Row]:
        return [row for (id_, _), row in self._rows.items() if id_ == command_id]


class Codes:
    """Used codes on the disk."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def code_memory(self, cred_id: str) -> str | None:
        return self._kept.get(cred_id)

    def remember_code(self, cred_id: str, memory: str) -> None:
        json.loads(memory)
        self._kept[cred_id] = memory


@dataclass
class Book:
    """Passes as the newest applied snapshot says."""

    auth_ver: int = 1
    passes: tuple[Pass, ...] = ()
    head_issued_ms: int | None = None
    denied: dict[PassId, Denial] = field(default_factory=dict)  # outlives the rows

    @property
    def held(self) -> PassSet:
        return PassSet.build(self.auth_ver, self.passes, self.denied)

    @property
    def lease(self) -> Lease:
        """As the service lends it: the longest limit of the policy from the newest head on."""
        return Lease(None if self.head_issued_ms is None else self.head_issued_ms + MAX_OFFLINE_MS)


class Templates:
    """No face is enrolled at this gate."""

    def put(self, pass_id: str, data: bytes, *, not_after_ms: int) -> str:
        raise AssertionError("nobody enrols in these nights")

    def all(self) -> Sequence[StoredTemplate]:
        return ()

    def erase(self, pass_ids: set[str]) -> int:
        return 0

    def expired(self, now_ms: int) -> set[str]:
        return set()

    def pairs(self) -> Sequence[tuple[str, str]]:
        return ()

    def keep_pairs(self, pairs: Iterable[tuple[str, str]]) -> None:
        assert not list(pairs)


@dataclass
class Disk:
    """Everything that is there again after a fall."""

    ledger: Ledger = field(default_factory=Ledger)
    codes: Codes = field(default_factory=Codes)
    book: Book = field(default_factory=Book)
    templates: Templates = field(default_factory=Templates)
    commands: CommandBook = field(init=False)

    def __post_init__(self) -> None:
        self.commands = CommandBook(self.ledger)
