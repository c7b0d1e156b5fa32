"""The conversation with everything in it: a node's real ledger on a disk, the sink's real database, and between them a
wire that loses, repeats and reorders.  Events leave by their age and their number, either end dies, databases are
deleted and set back, ledgers are damaged.  Afterwards nothing is lost, doubled or open; or somebody was told.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import TypeVar

import msgspec
import pytest
import sqlalchemy as sa

from cloud_sync.protocol.messages import Ack, Batch, Hello, decode
from cloud_sync.store import tables
from cloud_sync.store.chain_check import verify_node
from cloud_sync.store.engine import open_database, reading
from cloud_sync.store.proof import proofs
from cloud_sync.store.sink import SinkStore
from edge.store.salvage import STORAGE, UNREADABLE
from edge.store.stretch import DAMAGED, RETENTION
from tests.fakes.talking_node import TalkingNode
from tests.fakes.wire_ledger import device_public, told

HOME = "dongfang"
ROUNDS_MAX = 40

T = TypeVar("T")


class Service:
    """The sink on a file that can be deleted and set back."""

    def __init__(self, folder: Path, nodes: list[str]) -> None:
        self.path = folder / "service.db"
        self._nodes = nodes
        self.now_ms = 0
        self._open()

    def _open(self) -> None:
        self.engine = open_database(self.path)
        with self.engine.begin() as db:
            for node in self._nodes:
                row = {
                    "community": HOME,
                    "node": node,
                    "name": node,
                    "device_public_key": device_public(node),
                }
                known = sa.select(tables.node).where(tables.node.c.node == node)
                if db.execute(known).first() is None:
                    db.execute(sa.insert(tables.node).values(registered_ms=1, **row))
        self.sink = SinkStore(self.engine, HOME)
        self.sink._db.execute("pragma synchronous=off")

    def take(self, frames: list[bytes], now_ms: int) -> list[Ack]:
        """One transaction; the acknowledgements that follow its commit."""
        messages = [decode(frame, Batch if b'"head_h"' not in frame else Hello) for frame in frames]
        return [ack for _, ack in self.sink.store([told(message) for message in messages], now_ms).acks]

    def close(self) -> None:
        self.sink.close()
        self.engine.dispose()

    def backup(self, to: Path) -> None:
        self.close()
        shutil.copy(self.path, to)
        self._open()

    def restore(self, backup: Path | None) -> None:
        """An older one in its place; without one it begins from nothing."""
        self.close()
        for left in self.path.parent.glob("service.db*"):
            left.unlink()
        if backup is not None:
            shutil.copy(backup, self.path)
        self._open()

    def rows(self, table: sa.Table) -> list[sa.Row]:
        with reading(self.engine).connect() as db:
            return list(db.execute(sa.select(table)))


class World:
    def __init__(self, folder: Path, seed: int, **ledger: int) -> None:
        self.rng = Random(seed)
        self.folder = folder
        (folder / "node").mkdir(parents=True)
        self.node = TalkingNode(folder / "node", "n1", self.rng, **ledger)
        self.service = Service(folder, ["n1"])
        self.down: list[Ack] = []
        self.backup: Path | None = None
        self.forgotten: set[str] = (
            set()
        )  # ledgers that ended, were told whole, and whose telling the service lost

    def close(self) -> None:
        self.node.ledger.close()
        self.service.close()

    # --- what may happen ---

    def up(self) -> None:
        """A few frames arrive in any order, some twice and some never."""
        frames = [self._drawn(self.node.up) for _ in range(min(len(self.node.up), self.rng.randint(1, 4)))]
        arrived = [frame for frame in frames if frame is not None]
        if arrived:
            self.down += self.service.take(arrived, self.node.now_ms)

    def heard(self) -> None:
        ack = self._drawn(self.down)
        if ack is not None:
            self.node.hear(ack)

    def _drawn(self, queue: list[T]) -> T | None:
        if not queue:
            return None
        frame = queue.pop(self.rng.randrange(min(len(queue), 6)))
        fate = self.rng.random()
        if fate < 0.35 and fate >= 0.2:
            queue.append(frame)
        return None if fate < 0.2 else frame

    def wait(self) -> None:
        self.node.pass_time(self.rng.choice([0.5, 3.5, 31.0]))

    def days(self) -> None:
        self.node.pass_time(60, days=self.rng.choice([1, 8, 35]))
        self.node.keep_house()

    def back_up(self) -> None:
        self.backup = self.folder / "backup.db"
        self.service.backup(self.backup)

    def restore(self) -> None:
        self._forget(self.backup)

    def delete(self) -> None:
        self._forget(None)

    def _forget(self, backup: Path | None) -> None:
        self.forgotten |= set(self.node.written) - set(self.node.epochs)
        self.service.restore(backup)

    def storm(self, steps: int, rare: list[str]) -> None:
        common = [self.node.record, self.node.send, self.node.send, self.node.hello, self.wait]
        carrying = [self.up, self.heard] * 3
        names = {"die": self.node.die, "damage": self.node.damage}
        seldom = [names.get(name) or getattr(self, name) for name in rare]
        for _ in range(steps):
            self.rng.choice(seldom if seldom and self.rng.random() < 0.06 else common + carrying)()

    def calm(self) -> None:
        """What working half minutes do, until everything is told."""
        for _ in range(ROUNDS_MAX):
            self.node.pass_time(31.0)
            self.node.hello()
            self.node.send()
            frames, self.node.up = self.node.up, []
            self.down += self.service.take(frames, self.node.now_ms)
            acks, self.down = self.down, []
            for ack in acks:
                self.node.hear(ack)
            if self._agreed():
                return
        raise AssertionError("the two do not come to agree")

    def _agreed(self) -> bool:
        """The node has nothing left to tell, and it is the database of now that has it."""
        marks = {row.epoch: row.upto for row in self.service.rows(tables.mark)}
        ledger, done = self.node.ledger, all(talk.over for talk in self.node.talks)
        return done and marks.get(ledger.epoch, 0) == ledger.head and not self.service.rows(tables.gap)

    # --- what must be so ---

    def storage_facts(self) -> list[dict]:
        bodies = [msgspec.json.decode(row.body) for row in self.service.rows(tables.event)]
        return [body for body in bodies if body["type"] == STORAGE]

    def lost(self) -> dict[str, set[int]]:
        """What was recorded and stands neither in the database nor under a node's word; by epoch."""
        stored, declared = self.stored(), self.declared()
        return {
            epoch: gone
            for epoch, written in self.node.written.items()
            if epoch not in self.forgotten
            and (
                gone := set(written) - stored.get(epoch, set()) - {seq for seq, _ in declared.get(epoch, ())}
            )
        }

    def stored(self) -> dict[str, set[int]]:
        found: dict[str, set[int]] = {}
        for row in self.service.rows(tables.event):
            found.setdefault(row.epoch, set()).add(row.seq)
            assert self.node.written.get(row.epoch, {}).get(row.seq) in (None, bytes(row.body))
        return found

    def declared(self) -> dict[str, set[tuple[int, str]]]:
        found: dict[str, set[tuple[int, str]]] = {}
        for row in self.service.rows(tables.tombstone):
            found.setdefault(row.epoch, set()).update((seq, row.reason) for seq in range(row.lo, row.hi + 1))
        return found

    def must_be_whole(self) -> None:
        """Nothing double, nothing open, nothing that contradicts; chains follow, anchors agree, effects counted once."""
        service = self.service
        assert not service.rows(tables.gap)
        assert not service.rows(tables.conflict)
        assert not service.rows(tables.deadletter)
        counted = sum(row.n for row in service.rows(tables.counter))
        assert counted == len(service.rows(tables.event))
        assert [check.first_break for check in verify_node(service.engine, HOME, "n1")].count(None) == len(
            service.rows(tables.mark)
        )
        assert [proof.broken for proof in proofs(service.engine)].count(None) == len(
            service.rows(tables.mark)
        )


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def made(worlds: ExitStack, folder: Path, seed: int, **ledger: int) -> World:
    world = World(folder, seed, **ledger)
    worlds.callback(world.close)
    return world


RARE = ["die", "days", "days", "days", "back_up", "restore", "delete"]


@pytest.mark.story("21d")
@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_nothing_is_lost_doubled_or_open(worlds, tmp_path: Path, seed: int) -> None:
    world = made(worlds, tmp_path / "w", seed, capacity=150)
    world.storm(160, RARE)
    world.calm()
    assert world.lost() == {}
    world.must_be_whole()
    for epoch, declared in world.declared().items():
        assert {reason for _, reason in declared} <= {RETENTION}
        assert (
            max((seq for seq, _ in declared), default=0) <= world.node.acked[epoch]
        )  # never what nobody else had


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_ledger_loses_what_was_on_the_page_and_says_so(worlds, tmp_path: Path, seed: int) -> None:
    world = made(worlds, tmp_path / "w", 1_000 + seed)
    world.storm(60, ["die"])
    world.node.damage()
    world.storm(60, ["die", "damage"])
    world.node.record()
    world.calm()
    world.must_be_whole()
    missing = world.lost()
    said = world.storage_facts()
    unreadable = any(fact["reason"] == UNREADABLE for fact in said)
    beside = any(fact["x"].get("beside_lost") for fact in said)
    assert not missing or beside or unreadable
    if beside or len(said) < world.node.salvages:
        return  # what the first salvage said was itself on a page that went later; the tombstones above said it
    for epoch, declared in world.declared().items():
        told_lost = sum(fact["x"].get("lost", 0) for fact in said if fact["x"]["epoch"] == epoch)
        gone = {seq for seq, reason in declared if reason == DAMAGED} - world.stored().get(epoch, set())
        assert len(gone) <= told_lost  # fewer: what was on its way when the page went arrived


def alarms(world: World, *nodes: TalkingNode) -> bool:
    """Somebody was told: the service holds a contradiction, or a node sees that it is outdone."""
    return bool(world.service.rows(tables.conflict)) or any(node.outdone for node in nodes)


def talk_all(world: World, nodes: list[TalkingNode], rounds: int) -> None:
    """Half minutes in which every one of them says what it has, under the one name they share."""
    for _ in range(rounds):
        for node in nodes:
            node.pass_time(31.0)
            node.hello()
            node.send()
            frames, node.up = node.up, []
            for ack in world.service.take(frames, node.now_ms):
                for other in nodes:
                    other.hear(ack)


@pytest.mark.parametrize("seed", range(10))
def test_a_copied_node_is_never_silent_about_it(worlds, tmp_path: Path, seed: int) -> None:
    world = made(worlds, tmp_path / "w", 2_000 + seed)
    world.storm(30, ["die"])
    world.calm()
    world.node.copy_disk(tmp_path / "copy")
    copy = TalkingNode(tmp_path / "copy", "n1", world.rng)
    worlds.callback(copy.ledger.close)
    nodes = world.rng.sample([world.node, copy], 2)
    talk_all(world, nodes, 1)
    assert not alarms(world, *nodes)  # two that say the same are one
    for node in nodes:
        node.record()
    talk_all(world, nodes, 4)
    assert alarms(world, *nodes)


@pytest.mark.parametrize("seed", range(10))
def test_a_disk_that_was_set_back_is_never_silent_about_it(worlds, tmp_path: Path, seed: int) -> None:
    world = made(worlds, tmp_path / "w", 3_000 + seed)
    world.storm(20, ["die"])
    world.calm()
    world.node.copy_disk(tmp_path / "old")
    world.node.record()
    world.calm()
    world.node.set_back(tmp_path / "old")
    if seed % 2:
        world.node.record()
    talk_all(world, [world.node], 4)
    assert alarms(world, world.node)
