"""A short run of ``make cycles``; the long one is a hundred thousand passages."""

import asyncio

import pytest
from rich.progress import Progress

from cloud_sync.protocol import chain
from edge.core.door_types import Drive
from edge.core.events import AccessPointId, Fact, NodeId, Stamp
from edge.link.translate import encode_fact
from edge.store.ballast import Ballast
from edge.store.ledger import SqliteLedger
from sim.cycles import Cycles, Divergence, World, run


@pytest.fixture
def ledger(tmp_path):
    made = SqliteLedger(
        tmp_path / "events.db",
        NodeId("n-cycle"),
        encode=encode_fact,
        chain=chain,
        new_epoch=lambda: "e" * 24,
        ballast=Ballast(tmp_path / "reserve"),
    )
    yield made
    made.close()


def test_three_hundred_passages_leave_machine_ledger_and_lock_agreeing(tmp_path):
    with Progress(disable=True) as progress:
        told = asyncio.run(run(300, tmp_path, progress))
    assert told == {
        "door.boot": 1, "access.granted": 300, "access.taken": 300, "door.closed": 300, "lock_releases": 300,
    }  # fmt: skip


def test_a_lock_that_moves_by_itself_is_noticed_at_the_next_look(ledger):
    async def play() -> None:
        door = Cycles(World(ledger))
        await door.boot()
        door.world.moves += 1
        with pytest.raises(Divergence, match="2 releases"):
            await door.cycle(1)

    asyncio.run(play())


def test_a_machine_that_forgets_to_relock_is_noticed(ledger):
    async def play() -> None:
        door = Cycles(World(ledger))
        await door.boot()
        await door.gate.on_code(door.code(), door.world.at_ns)
        assert door.gate.state.drive is Drive.RELEASED
        with pytest.raises(Divergence, match="expected shut"):
            door._expect(released=False)

    asyncio.run(play())


def test_a_ledger_that_holds_what_nobody_counted_is_noticed(ledger):
    async def play() -> None:
        door = Cycles(World(ledger))
        await door.boot()
        await door.cycle(1)
        now = door.world.read()
        fact = Fact("access.granted", access_point=AccessPointId("elsewhere"))
        ledger.append([fact], Stamp("b", 1, now.wall_ms, now.state, 0))
        with pytest.raises(Divergence, match="ledger at"):
            await door.cycle(2)

    asyncio.run(play())
