"""Who may speak on one radio, and when: so many commands a second, so many unanswered at once, the urgent first.

A building's locks share one 250 kbit/s channel and one stick.  A node that started and asked 120 locks at once would
have most of its questions dropped, the answers collide, and the first guest wait behind all of them.
"""

import asyncio
import heapq
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import IntEnum

# One command and its report are four to six frames of some 4 ms, times the hops of a house (two to three), times the
# retries of a bad link: about 100 ms of the channel.  Ten a second would fill it; eight leave room for reports.
PER_S = 8.0
BURST = 4
# Sticks take 8 to 16 requests at once (the weakest, 2, answer busy and are asked again by zigbee2mqtt itself).
IN_FLIGHT = 8
# Every lock of a full building with a command and a look under way.
WAITING_MAX = 500


class Urgency(IntEnum):
    LOCK = 0  # a door that shall be shut
    UNLOCK = 1  # somebody stands before it
    LOOK = 2  # nobody waits for this


# A lock that does not answer holds its place for its whole patience: looks leave places to guests, and guests to
# doors that shall be shut.
PLACES = {Urgency.LOCK: IN_FLIGHT, Urgency.UNLOCK: IN_FLIGHT - 2, Urgency.LOOK: IN_FLIGHT // 2}


class Airtime:
    """One radio.  All calls on one event loop."""

    def __init__(
        self, *, per_s: float = PER_S, burst: int = BURST, mono_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._per_s, self._burst = per_s, burst
        self._now = mono_ns
        self._tokens, self._counted_ns = float(burst), mono_ns()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self.in_flight = 0
        self.most_in_flight = 0

    @asynccontextmanager
    async def turn(self, urgency: Urgency, deadline_ns: int) -> AsyncIterator[bool]:
        """Held from sending a command to its answer; False when the turn did not come before ``deadline_ns``."""
        mine = await self._wait(urgency, deadline_ns)
        try:
            yield mine
        finally:
            if mine:
                self.in_flight -= 1
                self._deal()

    async def _wait(self, urgency: Urgency, deadline_ns: int) -> bool:
        if len(self._waiting) >= WAITING_MAX:
            return False
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (urgency, next(self._numbers), turn))
        self._deal()
        try:
            await asyncio.wait([turn], timeout=max(0.0, (deadline_ns - self._now()) / 1e9))
        except asyncio.CancelledError:
            self._give_back(turn)
            raise
        if turn.done():
            return True
        turn.cancel()
        return False

    def _give_back(self, turn: "asyncio.Future[None]") -> None:
        if not turn.cancel():  # it had come already
            self.in_flight -= 1
            self._deal()

    def _deal(self) -> None:
        """Give turns away while there are any."""
        self._count()
        while self._waiting:
            urgency, _, turn = self._waiting[0]
            if turn.cancelled():
                heapq.heappop(self._waiting)
                continue
            if self.in_flight >= PLACES[Urgency(urgency)]:
                return  # an answer, or the end of a patience, deals again
            if self._tokens < 1:
                self._ring()
                return
            heapq.heappop(self._waiting)
            self._tokens -= 1
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            turn.set_result(None)

    def _count(self) -> None:
        now_ns = self._now()
        grown = (now_ns - self._counted_ns) / 1e9 * self._per_s
        self._tokens = min(float(self._burst), self._tokens + grown)
        self._counted_ns = now_ns

    def _ring(self) -> None:
        if self._timer is None:
            wait_s = max(0.001, (1 - self._tokens) / self._per_s)  # no clock is asked about less
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._rung)

    def _rung(self) -> None:
        self._timer = None
        self._deal()
