"""A call for help: one fact with a door and nobody in it, told as it is, at most one at a time, and no door opens."""

import asyncio
from types import SimpleNamespace

import pytest

from edge.core.events import AccessPointId, ClockState
from edge.errors import StoreError
from edge.ports import ClockReading
from edge.runtime.help_desk import HelpDesk

GATE, ROOM = AccessPointId("AP-1"), AccessPointId("AP-2")
NOW_MS = 1_795_241_700_000


class House:
    """A ledger, a service that takes facts over when the test lets it, and a time that passes only by waiting."""

    def __init__(self, *, online=True, takes_after_s=0.0, clock=ClockState.TRUSTED, full=False):
        self.facts, self.said, self.passed_s = [], [], 0.0
        self.head, self.clock_state, self.full = 7, clock, full
        self.takes_after_s, self.online = takes_after_s, online
        self.desk = HelpDesk(
            here=self,
            outbox=self,
            clock=SimpleNamespace(read=self.read),
            say=lambda door, word, at_ms: self.said.append((door, word, at_ms)),
            sleep=self.sleep,
        )

    @property
    def acked(self):
        return self.head if self.passed_s >= self.takes_after_s else self.head - 1

    async def record(self, facts):
        if self.full:
            raise StoreError("the disk is full")
        self.facts += facts
        self.head += 1

    def knowledge(self):
        return SimpleNamespace(online=self.online)

    def read(self):
        return ClockReading(NOW_MS + round(self.passed_s * 1000), 0, self.clock_state, 0)

    async def sleep(self, seconds):
        self.passed_s += seconds
        await asyncio.sleep(0)

    def words(self):
        return [word for _, word, _ in self.said]

    async def run_until(self, done):
        running = asyncio.ensure_future(self.desk.run())
        await settled(done)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def settled(done):
    for _ in range(100_000):
        await asyncio.sleep(0)
        if done():
            return
    raise AssertionError("it did not come to that")


def play(house, *doors, calls=1):
    async def scene():
        for door in doors:
            house.desk.ring(door)
        await house.run_until(lambda: house.words().count("") == calls)

    asyncio.run(scene())
    return house


def test_a_call_is_one_fact_with_a_door_and_nobody_in_it():
    house = play(House(), GATE)
    (fact,) = house.facts
    assert (fact.type, fact.access_point) == ("help.called", GATE)
    assert (fact.subject_ref, fact.pass_id, fact.actor, fact.decision, fact.grant_id, fact.x) == (
        None, None, None, None, None, {},
    )  # fmt: skip
    assert house.said == [(GATE, "calling", None), (GATE, "told", NOW_MS), (GATE, "", None)]


def test_told_is_said_only_when_the_service_has_it():
    house = play(House(takes_after_s=3.0), GATE)
    assert house.words() == ["calling", "told", ""]
    assert NOW_MS + 3_000 <= house.said[1][2] <= NOW_MS + 3_200


def test_a_call_nobody_takes_promises_nothing_and_is_told_when_it_is_taken_after_all():
    house = play(House(takes_after_s=90.0), GATE)
    assert house.words() == ["calling", "not_told", "told", ""]
    assert house.said[2][2] >= NOW_MS + 90_000


@pytest.mark.parametrize("online", [True, False])
def test_a_call_nobody_ever_takes_ends_so_that_another_can_be_made(online):
    house = House(online=online, takes_after_s=1e9)

    async def scene():
        running = asyncio.ensure_future(house.desk.run())
        for calls in (1, 2):
            house.desk.ring(GATE)
            await settled(lambda over=calls: house.words().count("") == over)
            assert house.words()[-3:] == ["calling", "not_told", ""]
            assert calls * 600 <= house.passed_s <= calls * 610
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(scene())
    assert len(house.facts) == 2


def test_offline_nobody_waits_for_an_answer_that_cannot_come():
    house = House(online=False, takes_after_s=1e9)

    async def scene():
        house.desk.ring(GATE)
        await house.run_until(lambda: "not_told" in house.words())

    asyncio.run(scene())
    assert house.passed_s <= 0.2


def test_pressing_on_and_on_is_one_call_a_minute_at_each_door():
    house = play(House(), *[GATE] * 50, ROOM, *[GATE] * 50, calls=2)
    assert sorted(fact.access_point for fact in house.facts) == [GATE, ROOM]
    assert house.passed_s >= 60


def test_more_doors_than_ever_ring_at_once_are_not_queued_without_end():
    house = House()

    async def scene():
        for number in range(100):
            house.desk.ring(AccessPointId(f"AP-{number}"))
        await house.run_until(lambda: house.words().count("") == 16)

    asyncio.run(scene())
    assert len(house.facts) == 16


def test_a_full_disk_is_no_promise_and_no_crash():
    house = play(House(full=True), GATE)
    assert (house.facts, house.words()) == ([], ["calling", "not_told", ""])


def test_a_node_that_is_not_sure_of_the_time_says_none():
    house = play(House(clock=ClockState.UNTRUSTED), GATE)
    assert house.said[1] == (GATE, "told", None)
