"""The node's end of gate-io's socket: ``edge.ports.DoorIO`` for all doors, with beats and reconnection.

Every wait here is bounded.  A command that got no answer is TIMEOUT_UNKNOWN and the connection is dropped: whoever
asked sends ``lock`` next and believes the snapshot.
"""

import asyncio
import logging
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from edge.core.events import AccessPointId
from edge.errors import LockSilent
from edge.gateio import wire
from edge.gateio.channel import Channel, Refused
from edge.gateio.shelf import NewsShelf
from edge.ports import (
    Cmd,
    Edge,
    IoNews,
    IoSnapshot,
    Latched,
    LockCaps,
    LockLink,
    Lost,
    Outcome,
    Result,
    Shown,
)
from edge.ports_io import Show

log = logging.getLogger(__name__)

BEAT_S = 0.5

# Four beats without an answer, as gate-io counts them (board.LEASE_NS).
SILENCE_S = 2.0

# gate-io is back 200 ms after a fall (its unit's RestartSec); a node that waits longer keeps guests waiting.
BACKOFF_FIRST_S, BACKOFF_MOST_S = 0.05, 2.0

# An answer is on its way for a moment after the deadline; longer than this nobody waits at all.
ANSWER_GRACE_S, ANSWER_MOST_S = 0.1, 5.0

# What a client may have under way at once: a few commands for each of sixteen doors.
PENDING_MAX = 64

LATCH_KINDS: dict[str, wire.LatchKind] = {"fire": "fire", "evacuate": "evacuate"}


class GateIoClient:
    """``async with`` it; one reader of ``news``.  ``trouble`` says why there is no connection."""

    def __init__(
        self, socket_path: Path, profile_hash: str, *, mono_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._path = socket_path
        self._hash = profile_hash
        self._now = mono_ns
        self._shelf = NewsShelf()
        self._pending: dict[str, asyncio.Future[wire.Answer | wire.Snapshot]] = {}
        self._channel: Channel | None = None
        self._connected = asyncio.Event()
        self._told_lost = False
        self._seq = 0
        self._caps: dict[AccessPointId, LockCaps] = {}
        self._task: asyncio.Task[None] | None = None
        self.trouble = "not started"

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def start(self) -> None:
        """Connect in the background, again and again, until ``close``."""
        assert self._task is None, "a client is started once"
        self._task = asyncio.create_task(self._keep_connected(), name="gate-io client")

    async def close(self) -> None:
        """gate-io ends what we held when the lease runs out; repeatable."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def connected(self, within_s: float) -> None:
        """Wait for the connection.

        Raises:
            LockSilent: there is none, and the sentence says why.
        """
        try:
            await asyncio.wait_for(self._connected.wait(), within_s)
        except TimeoutError as error:
            raise LockSilent(f"gate-io at {self._path} is not there: {self.trouble}.") from error

    @property
    def caps(self) -> Mapping[AccessPointId, LockCaps]:
        """Of every door, as gate-io last told; empty before the first connection."""
        return self._caps

    # --- DoorIO ----------------------------------------------------------------------------------------------

    async def snapshot(self) -> IoSnapshot:
        """The levels now.

        Raises:
            LockSilent: no connection, or no answer in time.
        """
        ask = wire.AskSnapshot(uuid.uuid4().hex)
        answer = await self._ask(ask.id, ask, SILENCE_S)
        if not isinstance(answer, wire.Snapshot):
            raise LockSilent(f"gate-io at {self._path} gave no snapshot: {self.trouble}.")
        return _snapshot(answer)

    async def news(self) -> AsyncIterator[IoNews]:
        """For one reader; begins with a snapshot, and a gap is followed by a fresh one."""
        while True:
            yield await self._shelf.take()

    async def pulse(self, door: AccessPointId, cmd: Cmd, ms: int) -> Result:
        return await self._command(wire.Command(cmd.id, "pulse", door, cmd.deadline_ns, cmd.reason, ms=ms))

    async def hold(self, door: AccessPointId, cmd: Cmd, until_ns: int) -> Result:
        said = wire.Command(cmd.id, "hold", door, cmd.deadline_ns, cmd.reason, until_ns=until_ns)
        return await self._command(said)

    async def lock(self, door: AccessPointId, cmd: Cmd) -> Result:
        return await self._command(wire.Command(cmd.id, "lock", door, cmd.deadline_ns, cmd.reason))

    async def latch(self, door: AccessPointId, cmd: Cmd, kind: str, on: bool, actor: str) -> Result:
        """Set a latch, or reset it: both need an actor."""
        latch = LATCH_KINDS.get(kind)
        if latch is None:
            return Result(Outcome.REFUSED, self._now(), f"no latch {kind!r}; there are fire and evacuate")
        if not on:
            return await self._command(wire.LatchReset(cmd.id, door, latch, actor, cmd.deadline_ns))
        return await self._command(
            wire.Command(cmd.id, "latch", door, cmd.deadline_ns, cmd.reason, kind=latch, on=True, actor=actor)
        )

    def show(self, door: AccessPointId, what: str) -> None:
        """Fire and forget; without a connection nobody is told."""
        if self._channel is not None:
            with suppress(OSError):  # the reader notices a broken line and says so
                self._channel.send(wire.ShowIt(door, Show(what)))

    async def selftest(self, door: AccessPointId) -> str:
        """One sentence about the line; never unlocks.

        Raises:
            LockSilent: no answer in time.
        """
        ask = wire.SelfTest(uuid.uuid4().hex, door)
        answer = await self._ask(ask.id, ask, SILENCE_S)
        if not isinstance(answer, wire.Answer):
            raise LockSilent(f"gate-io at {self._path} did not test {door}: {self.trouble}.")
        return answer.detail

    # --- asking ----------------------------------------------------------------------------------------------

    async def _command(self, said: wire.Command | wire.LatchReset) -> Result:
        left_s = (said.deadline_ns - self._now()) / 1e9
        if left_s <= 0:
            return Result(Outcome.REFUSED, self._now(), "the command was late before it was sent")
        if self._channel is None:
            return Result(Outcome.OFFLINE, self._now(), f"gate-io is not there: {self.trouble}")
        answer = await self._ask(said.id, said, min(left_s + ANSWER_GRACE_S, ANSWER_MOST_S))
        if isinstance(answer, wire.Answer):
            return Result(answer.outcome, answer.done_ns, answer.detail)
        return Result(Outcome.TIMEOUT_UNKNOWN, self._now(), "gate-io did not answer; lock, then read back")

    async def _ask(
        self, ask_id: str, said: wire.ToGate, within_s: float
    ) -> wire.Answer | wire.Snapshot | None:
        """The answer, or None: not connected, lost on the way, or silent, and then the channel is closed."""
        channel = self._channel
        if channel is None:
            return None
        if len(self._pending) >= PENDING_MAX:
            raise LockSilent(f"gate-io at {self._path} owes {PENDING_MAX} answers; no more is asked of it.")
        waiter = self._pending[ask_id] = asyncio.get_running_loop().create_future()
        try:
            channel.send(said)
            return await asyncio.wait_for(waiter, within_s)
        except (OSError, TimeoutError) as error:
            self.trouble = f"it did not answer ({str(error) or 'time ran out'})"
            channel.hang_up()
            return None
        finally:
            if self._pending.get(ask_id) is waiter:  # the same command asked again has its own
                del self._pending[ask_id]

    # --- the connection --------------------------------------------------------------------------------------

    async def _keep_connected(self) -> None:
        backoff_s = BACKOFF_FIRST_S
        while True:
            try:
                await self._one_connection()
            except (OSError, TimeoutError, Refused) as error:
                self.trouble = str(error) or "it fell silent"
            finally:
                had_one = self._connected.is_set()
                self._lose()
            backoff_s = BACKOFF_FIRST_S if had_one else min(backoff_s * 2, BACKOFF_MOST_S)
            await asyncio.sleep(backoff_s * random.uniform(0.5, 1.0))  # noqa: S311 — spreads, keeps no secret

    async def _one_connection(self) -> None:
        async with asyncio.timeout(SILENCE_S):
            channel = await Channel.open(self._path)
        try:
            async with asyncio.timeout(SILENCE_S):
                welcome = await channel.greet(wire.Hello(wire.PROTOCOL, self._hash))
            self._caps = {AccessPointId(door): caps for door, caps in welcome.caps.items()}
            await self._converse(channel)
        finally:
            channel.close()

    async def _converse(self, channel: Channel) -> None:
        beats = asyncio.create_task(self._beat(channel), name="gate-io beats")
        try:
            while True:
                async with asyncio.timeout(SILENCE_S):
                    self._take(channel, await channel.receive())
        finally:
            beats.cancel()
            await asyncio.gather(beats, return_exceptions=True)

    async def _beat(self, channel: Channel) -> None:
        seq = 0
        while True:
            seq += 1
            try:
                channel.send(wire.Beat(seq))
            except OSError:
                channel.hang_up()  # the reader notices and says so
                return
            await asyncio.sleep(BEAT_S)

    def _take(self, channel: Channel, said: wire.FromGate | wire.Malformed) -> None:
        match said:
            case wire.Answer() | wire.Snapshot(id=str()) if said.id in self._pending:
                waiter = self._pending[said.id]
                if not waiter.done():
                    waiter.set_result(said)
            case wire.Snapshot():
                self._arrive(channel, said)
            case wire.EdgeNews():
                edge = Edge(AccessPointId(said.door), said.point, said.level, said.t_ns, said.seq)
                self._pass_on(channel, edge, said.seq)
            case wire.LatchNews():
                latched = Latched(AccessPointId(said.door), said.kind, said.on, said.t_ns)
                self._pass_on(channel, latched, said.seq)
            case wire.LockNews():
                link = LockLink(AccessPointId(said.door), said.online, said.t_ns, said.detail)
                self._pass_on(channel, link, said.seq)
            case wire.ReadNews():
                shown = Shown(AccessPointId(said.door), said.kind, said.data, said.t_ns)
                self._pass_on(channel, shown, said.seq)
            case wire.BeatBack():
                if said.news_seq > self._seq:  # told, and not heard
                    channel.send(wire.AskSnapshot())
            case wire.Nack() | wire.Malformed():
                log.warning("gate-io did not understand us, or we it: %s", said.reason)
            case _:
                pass  # an answer that came after its waiter left

    def _arrive(self, channel: Channel, said: wire.Snapshot) -> None:
        if self._channel is None:
            self._channel, self.trouble = channel, ""
            self._connected.set()
            if self._told_lost:
                self._told_lost = False
                self._shelf.put(Lost(back=True, t_ns=self._now()))
        self._seq = said.seq
        self._shelf.put(_snapshot(said))

    def _pass_on(self, channel: Channel, item: IoNews, seq: int) -> None:
        whole = self._shelf.put(item) and seq == self._seq + 1
        self._seq = seq
        if not whole:
            channel.send(wire.AskSnapshot())

    def _lose(self) -> None:
        self._channel = None
        self._connected.clear()
        for waiter in self._pending.values():
            if not waiter.done():
                waiter.set_exception(ConnectionResetError("the connection was lost"))
        if not self._told_lost:
            self._told_lost = True
            self._shelf.put(Lost(back=False, t_ns=self._now()))


def _snapshot(said: wire.Snapshot) -> IoSnapshot:
    return IoSnapshot(
        points={
            (AccessPointId(door), point): level
            for door, levels in said.points.items()
            for point, level in levels.items()
        },
        outputs={AccessPointId(door): level for door, level in said.outputs.items()},
        latches=frozenset(
            (AccessPointId(door), kind) for door, kinds in said.latches.items() for kind in kinds
        ),
        seq=said.seq,
        silent=frozenset(AccessPointId(door) for door in said.silent),
    )
