"""Both ends of the conversation, joined by a wire that loses, repeats and reorders; either end dies at any moment.

The storm ends; then the two must agree: everything recorded is stored, once, and the gate knows it.
"""

from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.protocol.gate_peer import WINDOW, GatePeer
from cloud_sync.protocol.sink_peer import SinkPeer, generation

EPOCH = "e" * 24


@dataclass
class Database:
    """What survives a death of the sink, and what a backup brings back."""

    gen: str
    bump: int = 0
    stored: set[int] = field(default_factory=set)
    counted: int = 0  # an effect of each stored event: twice would show

    def copy(self) -> "Database":
        return Database(self.gen, self.bump, set(self.stored), self.counted)

    def peer(self) -> SinkPeer:
        peer = SinkPeer(bump=self.bump)
        peer.store(sorted(self.stored))
        return peer


class World:
    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.now_s = 0.0
        self.head = 0
        self.remembered = (0, "")
        self.gate = GatePeer(EPOCH)
        self.gens = 1
        self.db = Database("g1")
        self.backup = self.db.copy()
        self.up: list[tuple] = []
        self.down: list[tuple] = []

    # --- the gate ---

    def record(self) -> None:
        self.head += self.rng.randint(1, 40)
        self.gate.recorded(self.head)

    def send(self) -> None:
        due = self.gate.due()
        assert due.stop - 1 <= self.gate.acked + WINDOW
        if due:
            through = self.rng.randint(due.start, due.stop - 1)
            self.gate.sending(through, self.now_s)
            self.up.append(("ev", list(range(due.start, through + 1))))

    def hello(self) -> None:
        self.up.append(("hello", self.gate.sink_gen, self.gate.acked))

    def gate_dies(self) -> None:
        acked, gen = self.remembered
        self.gate = GatePeer(EPOCH, head=self.head, acked=acked, sink_gen=gen)
        self.gate.connected(self.now_s)
        self.hello()

    def hear(self, frame: tuple) -> None:
        _, upto, gen = frame
        if self.gate.on_ack(EPOCH, upto, gen, refuse=None, now_s=self.now_s) and self.rng.random() < 0.5:
            self.remembered = (self.gate.acked, self.gate.sink_gen)
        assert 0 <= self.gate.acked <= self.gate.sent <= self.head

    # --- the sink: every frame is one transaction ---

    def take(self, frame: tuple) -> None:
        peer = self.db.peer()
        if frame[0] == "ev":
            fresh = peer.fresh(frame[1])
            self.db.stored |= set(fresh)
            self.db.counted += len(fresh)
            peer.store(fresh)
        elif frame[1] == generation(self.db.gen, self.db.bump) and peer.went_back(frame[2]):
            self.db.bump += 1
        self.down.append(("ack", peer.upto, generation(self.db.gen, self.db.bump)))

    def make_backup(self) -> None:
        self.backup = self.db.copy()

    def restore_stale(self) -> None:
        self.db = self.backup.copy()

    def lose_database(self) -> None:
        self.gens += 1
        self.db = Database(f"g{self.gens}")

    # --- the wire ---

    def carry(self, queue: list[tuple], to: object) -> None:
        if not queue:
            return
        frame = queue.pop(self.rng.randrange(len(queue)))
        fate = self.rng.random()
        if fate < 0.25:
            return
        if fate < 0.45:
            queue.append(frame)
        to(frame)

    def wait(self) -> None:
        self.now_s += self.rng.choice([0.5, 3.0, 31.0])
        self.gate.tick(self.now_s)

    def storm(self, steps: int) -> None:
        common = [self.record, self.send, self.send, self.hello, self.wait]
        carrying = [lambda: self.carry(self.up, self.take), lambda: self.carry(self.down, self.hear)] * 4
        rare = [self.gate_dies, self.make_backup, self.restore_stale, self.lose_database]
        for _ in range(steps):
            self.rng.choice(rare if self.rng.random() < 0.06 else common + carrying)()

    def calm_round(self) -> None:
        """What a working half minute does: time-out, hello, everything due, every answer."""
        self.now_s += 31.0
        self.gate.tick(self.now_s)
        self.hello()
        while due := self.gate.due():
            self.gate.sending(due.stop - 1, self.now_s)
            self.up.append(("ev", list(due)))
        for frame in self.up:
            self.take(frame)
        for frame in self.down:
            self.hear(frame)
        self.up.clear()
        self.down.clear()

    def agreed(self) -> bool:
        return (
            self.gate.acked == self.head
            and self.db.stored == set(range(1, self.head + 1))
            and self.gate.sink_gen == generation(self.db.gen, self.db.bump)
        )


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 250))
@pytest.mark.invariant(5)
def test_whatever_happens_everything_recorded_is_stored_once_and_the_gate_knows(
    seed: int, steps: int
) -> None:
    world = World(Random(seed))
    world.storm(steps)
    rounds = 0
    while not world.agreed():
        world.calm_round()
        rounds += 1
        assert rounds <= world.head // WINDOW + 8, "the two do not come to agree"
    assert world.db.counted == world.head


def test_a_restored_database_is_noticed_by_the_next_hello() -> None:
    world = World(Random(1))
    world.record()
    world.calm_round()
    world.make_backup()
    world.record()
    world.calm_round()
    assert world.agreed()
    world.restore_stale()
    assert not world.agreed()
    world.calm_round()
    world.calm_round()
    assert world.agreed()
    assert world.db.bump == 1


@given(
    gate_says=st.lists(
        st.one_of(
            st.lists(st.integers(1, 60), max_size=8),
            st.tuples(st.integers(1, 60), st.integers(1, 60)),
        ),
        max_size=40,
    )
)
def test_the_sink_holds_exactly_what_it_was_given_or_told_is_lost(gate_says: list) -> None:
    """The peer against the plainest possible model of it: a set of numbers."""
    peer, held = SinkPeer(), set()
    for said in gate_says:
        if isinstance(said, tuple):
            peer.close(*said)
            held |= set(range(said[0], said[1] + 1))
        else:
            assert peer.fresh(said) == sorted(set(said) - held)
            peer.store(peer.fresh(said))
            held |= set(said)
        upto = next(n for n in range(62) if n + 1 not in held)
        assert peer.upto == upto
        gaps = {seq for lo, hi in peer.missing() for seq in range(lo, hi + 1)}
        assert gaps == {seq for seq in range(upto + 1, max(held, default=0)) if seq not in held}
