"""The node's end of gate-io's channel, with what a channel can do: be slow, time out, break, and come back.

It keeps the promises of ``edge.gateio.client``: every wait ends, no answer is TIMEOUT_UNKNOWN and a broken line, and
a line that is back begins with a snapshot.
"""

import asyncio
from collections.abc import AsyncIterator

from edge.core.events import AccessPointId
from edge.gateio.outputs import Why
from edge.gateio.shelf import NewsShelf
from edge.ports import Cmd, IoNews, IoSnapshot, Lost, Outcome, Result
from sim.box import Box, Packet
from sim.loop import Hours

ANSWER_GRACE_S, ANSWER_MOST_S = 0.1, 5.0
AGAIN_NS = 80_000_000  # until a broken line is made anew
QUICK_NS = 1_000_000


class Client:
    """``edge.ports.DoorIO`` of one life of the node."""

    def __init__(self, hours: Hours, box: Box) -> None:
        self._hours = hours
        self._box = box
        self._shelf = NewsShelf()
        self._told_lost = False
        self._line = 0  # which connection this is; what belongs to an older one is not heard
        self.connected = False
        self.lag_ns = QUICK_NS
        self.alive = True

    # --- the line --------------------------------------------------------------------------------------------------

    def connect(self) -> None:
        """Knock; the first word is a snapshot."""
        if self.alive and self._box.alive and self._box.reachable and not self.connected:
            self.connected = True
            self._line += 1
            self._box.step()  # the greeting is a beat
            if self._told_lost:
                self._told_lost = False
                self._shelf.put(Lost(back=True, t_ns=self._hours.now_ns))
            self._shelf.put(self._box.snapshot())

    def lose(self) -> None:
        """The line is broken, whoever broke it."""
        if not self.connected:
            return
        self.connected = False
        self._line += 1
        self._box.silence()
        if not self._told_lost:
            self._told_lost = True
            self._shelf.put(Lost(back=False, t_ns=self._hours.now_ns))
        self._hours.at(self._hours.now_ns + AGAIN_NS, self.connect)

    def hear(self, news: IoNews) -> None:
        """gate-io has something to tell."""
        if self.connected:
            self._hours.at(self._hours.now_ns + self.lag_ns, self._arrive, news, self._line)

    def _arrive(self, news: IoNews, line: int) -> None:
        if self.alive and line == self._line:
            self._shelf.put(news)

    # --- DoorIO ----------------------------------------------------------------------------------------------------

    async def snapshot(self) -> IoSnapshot:
        return self._box.snapshot()

    async def news(self) -> AsyncIterator[IoNews]:
        while True:
            yield await self._shelf.take()

    async def pulse(self, door: AccessPointId, cmd: Cmd, ms: int) -> Result:
        return await self._command(Packet(door, "pulse", cmd, ms))

    async def hold(self, door: AccessPointId, cmd: Cmd, until_ns: int) -> Result:
        return await self._command(Packet(door, "hold", cmd, until_ns))

    async def lock(self, door: AccessPointId, cmd: Cmd) -> Result:
        return await self._command(Packet(door, "lock", cmd))

    async def latch(self, door: AccessPointId, cmd: Cmd, kind: str, on: bool, actor: str) -> Result:
        return await self._command(Packet(door, "latch" if on else "reset", cmd, 0, Why(kind), actor))

    def show(self, door: AccessPointId, what: str) -> None:
        assert door
        assert what

    async def _command(self, packet: Packet) -> Result:
        left_s = (packet.cmd.deadline_ns - self._hours.now_ns) / 1e9
        if left_s <= 0:
            return Result(Outcome.REFUSED, self._hours.now_ns, "late before it was sent")
        if not self.connected:
            return Result(Outcome.OFFLINE, self._hours.now_ns, "gate-io is not there")
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._hours.at(self._hours.now_ns + self.lag_ns, self._deliver, packet, answer, self._box.life)
        try:
            return await asyncio.wait_for(answer, min(left_s + ANSWER_GRACE_S, ANSWER_MOST_S))
        except TimeoutError:
            self.lose()
            return Result(Outcome.TIMEOUT_UNKNOWN, self._hours.now_ns, "gate-io did not answer")

    def _deliver(self, packet: Packet, answer: "asyncio.Future[Result]", life: int) -> None:
        """Also what the node has given up on arrives; gate-io looks at its deadline."""
        if self._box.alive and self._box.life == life:
            result = self._box.obey(packet)
            self._hours.at(self._hours.now_ns + self.lag_ns, self._answered, answer, result)

    def _answered(self, answer: "asyncio.Future[Result]", result: Result) -> None:
        if self.alive and not answer.done():
            answer.set_result(result)
