"""The sink's transactions: stored once, effects in the same commit, acknowledged only afterwards (sync.md §3, §6).

Plain SQL on one connection: ``bench/bench_sink.py`` shows what that gains.  One writer thread for each store, and one
writer at a time for each node, whatever store it belongs to.
"""

import secrets
from collections.abc import Sequence

import sqlalchemy as sa

from cloud_sync.ports import BadFrame, Stored, Told
from cloud_sync.protocol import chain
from cloud_sync.protocol.delta import Repair
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
from cloud_sync.protocol.versions import HEAD_H_SINCE, WIRE_VERSION, WIRE_VERSION_MIN, common_version
from cloud_sync.store.pg_sink import PostgresSink
from cloud_sync.store.sink_commands import CommandResults
from cloud_sync.store.sink_db import EventRow, SinkDb, SqliteSink
from cloud_sync.store.sink_effects import Effects
from cloud_sync.store.sink_envelopes import Envelopes
from cloud_sync.store.sink_epoch import Epoch, Held, Key, bury, held, save_marks, wall_ms
from cloud_sync.store.sink_learned import Learned
from cloud_sync.store.sink_losses import LOST, Losses
from cloud_sync.store.sink_nodes import Nodes
from cloud_sync.store.sink_vouched import Vouched

# By then every gate has said hello three times: a database that went back in time has been noticed.
STARTUP_MS = 90_000
# One or two gates that claim too much may be faulty; three agree that it is the database (sync.md §3.3).
LIARS_MAX = 2


class SinkStore:
    """``EventStore`` on SQLite or PostgreSQL; several of them may share the latter."""

    def __init__(self, engine: sa.Engine, community: str) -> None:
        self._db = open_sink(engine)
        self._community = community
        self._opened_ms: int | None = None
        self.sink_gen()

    def sink_gen(self) -> str:
        """The generation of this database, made with its first use."""
        try:
            known = read_generation(self._db, self._community)
            return known if known is not None else self._first_generation()
        except Exception as error:
            self._refuse(error)
            raise

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
        opened_ms = now_ms if self._opened_ms is None else self._opened_ms
        try:
            self._db.begin(self._community, sorted({frame.node for frame in frames}))
            turn = Turn(self._db, self._community, now_ms, opened_ms)
            turn.look_up(frames)
            for frame in frames:
                turn.take(frame)
            stored = turn.finish()
            self._db.commit()
        except Exception as error:
            self._refuse(error)
            raise
        finally:
            self._db.abandon()
        self._opened_ms = opened_ms
        return stored

    def _refuse(self, error: Exception) -> None:
        """The one clear sentence for what may succeed later; what is ours or the data's goes on as it is."""
        told = self._db.machine_fault(error)
        if told is not None:
            raise told from error

    def close(self) -> None:
        self._db.close()


def open_sink(engine: sa.Engine) -> SinkDb:
    """The sink's own connection to the database behind ``engine``."""
    return PostgresSink(engine) if engine.dialect.name == "postgresql" else SqliteSink(engine)


class Turn:
    """One transaction from its first frame to just before its commit."""

    def __init__(self, db: SinkDb, community: str, now_ms: int, opened_ms: int) -> None:
        self._db = db
        self._community = community
        self._now_ms = now_ms
        self._opened_ms = opened_ms
        self._learned = Learned(db, community)
        sink_gen = read_generation(db, community)
        assert sink_gen is not None, "opening the store made one"
        self._sink_gen = sink_gen
        self._held: dict[Key, Held] = {}
        self._epochs: dict[tuple[str, str], Epoch] = {}
        self._rows: list[EventRow] = []
        self._effects = Effects(db, community, now_ms)
        self._nodes = Nodes(db, community, now_ms)
        self._commands = CommandResults(db, community, now_ms)
        self._envelopes = Envelopes(db, community, now_ms)
        self._vouched = Vouched(db, community, now_ms, self._bury)
        self._losses = Losses(db, community, now_ms)

    def _bury(self, node: str, epoch: str, seq: int, raw: bytes, why: str) -> None:
        bury(self._db, self._community, node, raw, why, self._now_ms, epoch=epoch, seq=seq)

    def look_up(self, frames: Sequence[Told | BadFrame]) -> None:
        """What is known of everybody who tells something, asked for at once."""
        told = [(frame.node, frame.message) for frame in frames if isinstance(frame, Told)]
        keys = {
            (self._community, node, message.e): None
            for node, message in told
            if isinstance(message, Batch | Hello)
        }
        self._held = held(self._db, list(keys))
        self._learned.look_up([*dict.fromkeys(node for _, node, _ in keys)])

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
            case Repair() as asked:
                self._nodes.repair(node, asked)
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
        if (node, epoch) not in self._epochs:
            key = (self._community, node, epoch)
            self._epochs[node, epoch] = Epoch(self._db, key, self._held[key], self._now_ms, self._rows)
        return self._epochs[node, epoch]

    def _batch(self, node: str, batch: Batch) -> None:
        epoch = self._epoch(node, batch.e)
        if self._learned.of(node).refused is not None:
            return  # acknowledged as far as it is held, with the refusal; nothing of it is believed
        batch = self._vouched.believed(node, batch)
        new = epoch.take(batch)
        self._effects.add(new)
        self._commands.happened(new)
        self._touch_if(node, bool(epoch.conflicts or batch.tomb))

    def _hello(self, node: str, hello: Hello) -> None:
        epoch = self._epoch(node, hello.e)
        self._judge_version(node, hello)
        if hello.sg == generation(self._sink_gen, epoch.peer.bump) and epoch.peer.went_back(hello.acked):
            self._send_again(node, epoch)
        self._vouched.speaks(node, hello, refused=self._learned.of(node).refused is not None)
        if hello.wv >= HEAD_H_SINCE:
            epoch.compare(hello.head, hello.head_h[: chain.SHORT_HEX])
        self._touch_if(node, self._nodes.hello(node, hello) or bool(epoch.conflicts))
        learned = self._learned.of(node)
        learned.waiting = None if _owes_more(hello) else (hello.e, hello.head, self._hello_wall(hello))

    def _judge_version(self, node: str, hello: Hello) -> None:
        refused = "version" if common_version(hello.wv, hello.wv_min) is None else None
        self._learned.of(node).refused = refused

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
        self._learned.of(node).bumped_gen = self._sink_gen
        starting = self._now_ms - self._opened_ms <= STARTUP_MS
        if starting or self._learned.bumped_in(self._sink_gen) > LIARS_MAX:
            self._sink_gen = replace_generation(self._db, self._community)

    # --- the end ------------------------------------------------------------------------------------------

    def finish(self) -> Stored:
        """Settle every epoch, write the effects; what is returned holds once the commit has."""
        stored = self._db.insert_events(self._rows)
        assert stored == len(self._rows), "marks and what lies above them were read in this transaction"
        marks = [mark for epoch in self._epochs.values() if (mark := epoch.settle()) is not None]
        save_marks(self._db, marks)
        for node, _ in self._epochs:
            self._judge_drained(node)
        lines = self._effects.write()
        self._learned.write()
        return Stored(
            acks=tuple((node, self._ack(node, epoch)) for node, epoch in self._epochs),
            lines=lines,
            events=stored,
            duplicates=sum(epoch.duplicates for epoch in self._epochs.values()),
            conflicts=sum(epoch.conflicts for epoch in self._epochs.values()),
        )

    def _judge_drained(self, node: str) -> None:
        """The watermark (§3.7): all that the node had at its last hello is here, and nothing is missing."""
        learned = self._learned.of(node)
        if learned.waiting is None:
            return
        epoch, head, at_ms = learned.waiting
        held = self._epochs.get((node, epoch))
        if held is None or head > held.peer.upto or held.peer.missing():
            return
        self._nodes.drained(node, epoch, at_ms)
        learned.waiting = None

    def _ack(self, node: str, epoch: str) -> Ack:
        peer = self._epochs[node, epoch].peer
        return Ack(
            e=epoch,
            upto=peer.upto,
            sg=generation(self._sink_gen, peer.bump),
            missing=peer.missing(),
            wv=WIRE_VERSION,
            wv_min=WIRE_VERSION_MIN,
            refuse=self._learned.of(node).refused,
            anchored=self._vouched.anchored(node, epoch),
        )


def _owes_more(hello: Hello) -> bool:
    """True while the node has events of an earlier ledger to tell: no hello of the new one says that all is here."""
    return hello.lag.outbox > max(0, hello.head - hello.acked)


def new_generation() -> str:
    return secrets.token_hex(4)


def read_generation(db: SinkDb, community: str) -> str | None:
    row: tuple[str] | None = db.execute(
        "select sink_gen from sink_meta where community = ?", (community,)
    ).fetchone()
    return row[0] if row else None


def replace_generation(db: SinkDb, community: str) -> str:
    """Another life of this database: every gate believes the next ack and sends again what is missing."""
    fresh = new_generation()
    db.execute("update sink_meta set sink_gen = ? where community = ?", (fresh, community))
    return fresh
