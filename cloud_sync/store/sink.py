"""The sink's transactions: stored once, effects in the same commit, acknowledged only afterwards (sync.md §3, §6).

Plain SQL on one sqlite3 connection: ``bench/bench_sink.py`` shows what that gains.  One writer thread at a time.
"""

import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from cloud_sync.ports import BadFrame, Stored, Told
from cloud_sync.protocol.identity import Renew
from cloud_sync.protocol.messages import (
    Ack,
    AuthAck,
    Batch,
    CmdAck,
    EraseAck,
    Hello,
    Sealed,
    SealedAck,
    State,
)
from cloud_sync.protocol.sink_peer import generation
from cloud_sync.protocol.versions import WIRE_VERSION, WIRE_VERSION_MIN, common_version
from cloud_sync.store.engine import driver, is_machine_fault, path_of, store_error
from cloud_sync.store.sink_commands import CommandResults
from cloud_sync.store.sink_effects import Effects
from cloud_sync.store.sink_envelopes import Envelopes
from cloud_sync.store.sink_epoch import Epoch, bury, wall_ms
from cloud_sync.store.sink_losses import LOST, Losses
from cloud_sync.store.sink_nodes import Nodes

# By then every gate has said hello three times: a database that went back in time has been noticed.
STARTUP_MS = 90_000
# One or two gates that claim too much may be faulty; three agree that it is the database (sync.md §3.3).
LIARS_MAX = 2


@dataclass(slots=True)
class Memory:
    """What the sink remembers between transactions and may lose: it is told again with the next hello."""

    opened_ms: int
    bumped: set[str] = field(default_factory=set)  # nodes that were told to send again in this life
    refused: dict[str, str] = field(default_factory=dict)  # nodes we have no wire version in common with
    waiting: dict[str, tuple[str, int, int]] = field(
        default_factory=dict
    )  # node: epoch, head, wall of its hello

    def copy(self) -> "Memory":
        return Memory(self.opened_ms, set(self.bumped), dict(self.refused), dict(self.waiting))


class SinkStore:
    """``EventStore`` on SQLite."""

    def __init__(self, engine: sa.Engine, community: str) -> None:
        self._db = driver(engine)
        self._path = path_of(engine)
        self._community = community
        self._memory: Memory | None = None
        self.sink_gen()

    def sink_gen(self) -> str:
        """The generation of this database, made with its first use."""
        try:
            known = read_generation(self._db, self._community)
            return known if known is not None else self._first_generation()
        except sqlite3.DatabaseError as error:
            raise store_error(self._path, error) from error

    def _first_generation(self) -> str:
        self._db.execute(
            "insert into sink_meta (community, sink_gen) values (?, ?) on conflict (community) do nothing",
            (self._community, new_generation()),
        )
        made = read_generation(self._db, self._community)
        assert made is not None
        return made

    def store(self, frames: Sequence[Told | BadFrame], now_ms: int) -> Stored:
        """Take frames in order of receipt, in one transaction, committed before this returns.

        Raises:
            StoreError: nothing of this call was kept; hand the same frames over again later.
        """
        memory = self._memory.copy() if self._memory else Memory(now_ms)
        try:
            self._db.execute("BEGIN IMMEDIATE")
            turn = Turn(self._db, self._community, now_ms, memory)
            for frame in frames:
                turn.take(frame)
            stored = turn.finish()
            self._db.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            if is_machine_fault(error):
                raise store_error(self._path, error) from error
            raise
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        self._memory = memory
        return stored

    def close(self) -> None:
        self._db.close()


class Turn:
    """One transaction from its first frame to just before its commit."""

    def __init__(self, db: sqlite3.Connection, community: str, now_ms: int, memory: Memory) -> None:
        self._db = db
        self._community = community
        self._now_ms = now_ms
        self._memory = memory
        sink_gen = read_generation(db, community)
        assert sink_gen is not None, "opening the store made one"
        self._sink_gen = sink_gen
        self._epochs: dict[tuple[str, str], Epoch] = {}
        self._effects = Effects(db, community, now_ms)
        self._nodes = Nodes(db, community, now_ms)
        self._commands = CommandResults(db, community, now_ms)
        self._envelopes = Envelopes(db, community, now_ms)
        self._losses = Losses(db, community, now_ms)

    def take(self, frame: Told | BadFrame) -> None:
        if isinstance(frame, BadFrame):
            bury(self._db, self._community, frame.node, frame.raw, frame.error, self._now_ms)
            return
        node = frame.node
        if self._losses.disbelieves(frame):
            if isinstance(frame.message, Batch):
                bury(self._db, self._community, node, frame.raw, LOST, self._now_ms, epoch=frame.message.e)
            return
        match frame.message:
            case Batch() as batch:
                self._batch(node, batch)
            case Hello() as hello:
                self._hello(node, hello)
            case State() as state:
                self._touch_if(node, self._nodes.state(node, state, frame.raw))
            case AuthAck() as receipt:
                self._nodes.receipt(node, receipt)
                self._effects.touch(node)
            case EraseAck() as receipt:
                self._nodes.erased(node, receipt)
                self._effects.touch(node)
            case CmdAck() as answer:
                self._commands.answered(node, answer)
            case Sealed() as sealed:
                self._envelopes.offered(node, sealed)
            case SealedAck() as answer:
                self._envelopes.answered(node, answer)
            case Renew():
                self._losses.wants_certificate(frame)

    def _touch_if(self, node: str, changed: bool) -> None:
        if changed:
            self._effects.touch(node)

    def _epoch(self, node: str, epoch: str) -> Epoch:
        key = (node, epoch)
        if key not in self._epochs:
            self._epochs[key] = Epoch(self._db, self._community, node, epoch, self._now_ms)
        return self._epochs[key]

    def _batch(self, node: str, batch: Batch) -> None:
        epoch = self._epoch(node, batch.e)
        if node in self._memory.refused:
            return  # acknowledged as far as it is held, with the refusal; nothing of it is believed
        new = epoch.take(batch)
        self._effects.add(new)
        self._commands.happened(new)
        self._touch_if(node, bool(epoch.conflicts or batch.tomb))

    def _hello(self, node: str, hello: Hello) -> None:
        epoch = self._epoch(node, hello.e)
        self._judge_version(node, hello)
        if hello.sg == generation(self._sink_gen, epoch.peer.bump) and epoch.peer.went_back(hello.acked):
            self._send_again(node, epoch)
        self._touch_if(node, self._nodes.hello(node, hello))
        self._memory.waiting[node] = (hello.e, hello.head, self._hello_wall(hello))

    def _judge_version(self, node: str, hello: Hello) -> None:
        if common_version(hello.wv, hello.wv_min) is None:
            self._memory.refused[node] = "version"
        else:
            self._memory.refused.pop(node, None)

    def _hello_wall(self, hello: Hello) -> int:
        """The node's own time, never believed to be later than ours."""
        try:
            return min(wall_ms(hello.wall), self._now_ms)
        except (ValueError, OverflowError):
            return 0

    def _send_again(self, node: str, epoch: Epoch) -> None:
        """The database is older than its own acks (§3.3): this node, or all of them, back-fill."""
        epoch.peer.bump += 1
        epoch.changed = True
        self._memory.bumped.add(node)
        starting = self._now_ms - self._memory.opened_ms <= STARTUP_MS
        if starting or len(self._memory.bumped) > LIARS_MAX:
            self._sink_gen = replace_generation(self._db, self._community)
            self._memory.bumped.clear()

    # --- the end ------------------------------------------------------------------------------------------

    def finish(self) -> Stored:
        """Settle every epoch, write the effects; what is returned holds once the commit has."""
        for epoch in self._epochs.values():
            epoch.settle()
        for node, waiting in list(self._memory.waiting.items()):
            self._judge_drained(node, *waiting)
        return Stored(
            acks=tuple((node, self._ack(node, epoch)) for node, epoch in self._epochs),
            lines=self._effects.write(),
            duplicates=sum(epoch.duplicates for epoch in self._epochs.values()),
            conflicts=sum(epoch.conflicts for epoch in self._epochs.values()),
        )

    def _judge_drained(self, node: str, epoch: str, head: int, at_ms: int) -> None:
        """The watermark (§3.7): all that the node had at its last hello is here, and nothing is missing."""
        held = self._epochs.get((node, epoch))
        if held is None or head > held.peer.upto or held.peer.missing():
            return
        self._nodes.drained(node, epoch, at_ms)
        del self._memory.waiting[node]

    def _ack(self, node: str, epoch: str) -> Ack:
        peer = self._epochs[node, epoch].peer
        return Ack(
            e=epoch,
            upto=peer.upto,
            sg=generation(self._sink_gen, peer.bump),
            missing=peer.missing(),
            wv=WIRE_VERSION,
            wv_min=WIRE_VERSION_MIN,
            refuse=self._memory.refused.get(node),
        )


def new_generation() -> str:
    return secrets.token_hex(4)


def read_generation(db: sqlite3.Connection, community: str) -> str | None:
    row: tuple[str] | None = db.execute(
        "select sink_gen from sink_meta where community = ?", (community,)
    ).fetchone()
    return row[0] if row else None


def replace_generation(db: sqlite3.Connection, community: str) -> str:
    """Another life of this database: every gate believes the next ack and sends again what is missing."""
    fresh = new_generation()
    db.execute("update sink_meta set sink_gen = ? where community = ?", (fresh, community))
    return fresh
