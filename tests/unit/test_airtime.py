"""The turns on one radio: bounded, the urgent first, and none that comes too late."""

import asyncio
import time

from edge.drivers.airtime import IN_FLIGHT, PLACES, WAITING_MAX, Airtime, Urgency

LONG_NS = 60_000_000_000


def later() -> int:
    return time.monotonic_ns() + LONG_NS


class Radio:
    """An airtime whose commands are answered when the test says so."""

    def __init__(self, *, per_s: float = 1_000_000, burst: int = 1_000) -> None:
        self.air = Airtime(per_s=per_s, burst=burst)
        self.sent: list[str] = []
        self.answer = asyncio.Event()
        self.tasks: list[asyncio.Task[bool]] = []

    def ask(self, name: str, urgency: Urgency, deadline_ns: int | None = None) -> None:
        self.tasks.append(asyncio.create_task(self._ask(name, urgency, deadline_ns)))

    async def _ask(self, name: str, urgency: Urgency, deadline_ns: int | None) -> bool:
        async with self.air.turn(urgency, later() if deadline_ns is None else deadline_ns) as mine:
            if mine:
                self.sent.append(name)
                await self.answer.wait()
            return mine

    async def settled(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


def test_looks_leave_places_to_guests_and_guests_to_doors_that_shall_be_shut():
    async def play() -> None:
        radio = Radio()
        for urgency in (Urgency.LOOK, Urgency.UNLOCK, Urgency.LOCK):
            for number in range(IN_FLIGHT + 2):
                radio.ask(f"{urgency.name} {number}", urgency)
            await radio.settled()
            assert radio.air.in_flight == PLACES[urgency]
        radio.answer.set()
        assert all(await asyncio.gather(*radio.tasks))
        assert radio.air.in_flight == 0

    asyncio.run(play())


def test_the_urgent_go_first():
    async def play() -> None:
        radio = Radio()
        radio.air.in_flight = IN_FLIGHT
        for name, urgency in [("look", Urgency.LOOK), ("unlock", Urgency.UNLOCK), ("lock", Urgency.LOCK)]:
            radio.ask(name, urgency)
            await radio.settled()
        assert radio.sent == []
        radio.answer.set()
        radio.air.in_flight = 0
        radio.ask("last", Urgency.LOOK)
        await asyncio.gather(*radio.tasks)
        assert radio.sent == ["lock", "unlock", "look", "last"]

    asyncio.run(play())


def test_who_did_not_get_a_turn_in_time_gets_none_and_keeps_no_place():
    async def play() -> None:
        radio = Radio(per_s=0.001, burst=1)
        radio.ask("first", Urgency.LOOK)
        radio.ask("late", Urgency.UNLOCK, time.monotonic_ns() + 1_000_000)
        await radio.settled()
        assert await radio.tasks[1] is False
        assert radio.sent == ["first"]
        assert radio.air.in_flight == 1
        radio.answer.set()
        await radio.tasks[0]
        assert radio.air.in_flight == 0

    asyncio.run(play())


def test_a_cancelled_wait_and_a_cancelled_turn_give_their_places_back():
    async def play() -> None:
        radio = Radio(per_s=0.001, burst=1)
        radio.ask("mine", Urgency.LOOK)
        radio.ask("waits", Urgency.LOOK)
        await radio.settled()
        for task in radio.tasks:
            task.cancel()
        await asyncio.gather(*radio.tasks, return_exceptions=True)
        assert radio.air.in_flight == 0

    asyncio.run(play())


def test_more_than_a_building_can_wait_is_refused():
    async def play() -> None:
        radio = Radio(per_s=0.001, burst=1)
        for number in range(WAITING_MAX + 2):
            radio.ask(str(number), Urgency.LOOK)
        await radio.settled()
        assert radio.tasks[-1].done()
        assert radio.tasks[-1].result() is False
        for task in radio.tasks:
            task.cancel()
        await asyncio.gather(*radio.tasks, return_exceptions=True)

    asyncio.run(play())
