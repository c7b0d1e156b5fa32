"""Somebody at a door calls for help: written down, sent to the staff, and told to the person as it is.

A call never opens a door.  The screen says that the staff were told only once the service has taken the fact over; as
long as it has not, the person gets a telephone number instead of a promise.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from edge.core.events import AccessPointId, ClockState, Fact
from edge.errors import StoreError
from edge.ports import Clock
from edge.runtime.hands import Knowledge

HELP_CALLED = "help.called"
TAKEN_WITHIN_S = 5.0  # somebody stands there and waits
POLL_S = 0.1
# One call a minute for each door, and one fact in ten minutes where nobody takes it: children find every button.
OPEN_S = 60.0
UNHEARD_S = 600.0
RUNG_MAX = 16

CALLING, TOLD, NOT_TOLD, OVER = "calling", "told", "not_told", ""

log = structlog.get_logger()


class Here(Protocol):
    """The node, as far as a call needs it."""

    async def record(self, facts: Sequence[Fact]) -> None: ...

    def knowledge(self) -> Knowledge: ...


class Outbox(Protocol):
    """How far the ledger reaches, and how far the service has taken it over."""

    @property
    def head(self) -> int: ...

    acked: int


@dataclass(slots=True)
class HelpDesk:
    """One node's; everything on the node's event loop, and ``run`` ends when it is cancelled."""

    here: Here
    outbox: Outbox
    clock: Clock
    say: Callable[[AccessPointId, str, int | None], None]  # door, one of the words above, when
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _rung: "asyncio.Queue[AccessPointId]" = field(default_factory=lambda: asyncio.Queue(RUNG_MAX))
    _open: set[AccessPointId] = field(default_factory=set)

    def ring(self, door: AccessPointId) -> None:
        """Somebody pressed; a second press while a call is open changes nothing."""
        if door not in self._open and not self._rung.full():
            self._open.add(door)
            self._rung.put_nowait(door)

    def bell(self) -> Callable[[AccessPointId], object]:
        """``ring`` for the threads of a screen; call this one on the node's loop."""
        loop = asyncio.get_running_loop()
        return lambda door: loop.call_soon_threadsafe(self.ring, door)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as calls:
            while True:
                door = await self._rung.get()
                calls.create_task(self._call(door), name=f"help {door}")

    async def _call(self, door: AccessPointId) -> None:
        self.say(door, CALLING, None)
        try:
            await self.here.record([Fact(HELP_CALLED, access_point=door)])
        except StoreError as error:
            log.error("help_not_recorded", access_point=door, why=str(error))
            self.say(door, NOT_TOLD, None)
            await self.sleep(OPEN_S)
        else:
            await self._follow(door, self.outbox.head)
        self._open.discard(door)
        self.say(door, OVER, None)

    async def _follow(self, door: AccessPointId, seq: int) -> None:
        """Say what is so until it has been read; a call nobody has taken stands longer, and may still be taken."""
        taken = self.here.knowledge().online and await self._is_taken(seq, TAKEN_WITHIN_S)
        if not taken:
            log.warning("help_not_told", access_point=door)
            self.say(door, NOT_TOLD, None)
            taken = await self._is_taken(seq, UNHEARD_S)
        if taken:
            now = self.clock.read()
            self.say(door, TOLD, None if now.state is ClockState.UNTRUSTED else now.wall_ms)
            await self.sleep(OPEN_S)

    async def _is_taken(self, seq: int, within_s: float) -> bool:
        for _ in range(round(within_s / POLL_S)):
            if self.outbox.acked >= seq:
                return True
            await self.sleep(POLL_S)
        return self.outbox.acked >= seq
