"""The ``Lock`` of ``edge.ports`` for a door whose output is driven by gate-io."""

import time
import uuid
from collections.abc import Callable

from edge.core.events import AccessPointId
from edge.errors import LockSilent
from edge.gateio.client import GateIoClient
from edge.ports import Cmd, FailMode, Feedback, LockCaps, LockReading, LockState, Outcome, Point, Result

# gate-io restarts in a fraction of a second and its imports take one more on a slow board.
OPEN_WITHIN_S = 5.0


class HostedLock:
    """One door of a started client; the client outlives it."""

    def __init__(
        self, client: GateIoClient, door: AccessPointId, *, mono_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._client = client
        self._door = door
        self._now = mono_ns

    @property
    def caps(self) -> LockCaps:
        """Known once the client has been connected.

        Raises:
            LockSilent: it never was, or gate-io has no such door.
        """
        caps = self._client.caps.get(self._door)
        if caps is None:
            raise LockSilent(
                f"gate-io has not told of a door {self._door}: {self._client.trouble or 'unknown'}."
            )
        return caps

    async def open(self) -> None:
        await self._client.connected(OPEN_WITHIN_S)
        await self._rest("open")
        await self.state()

    async def pulse(self, cmd: Cmd, ms: int) -> Result:
        return await self._client.pulse(self._door, cmd, ms)

    async def hold(self, cmd: Cmd, until_ns: int) -> Result:
        return await self._client.hold(self._door, cmd, until_ns)

    async def lock(self, cmd: Cmd) -> Result:
        return await self._client.lock(self._door, cmd)

    async def state(self) -> LockReading:
        """BOLT is believed, COIL says what the relay did; without either, and of a silent lock, nothing is known."""
        shot = await self._client.snapshot()
        released = shot.outputs[self._door] == (self.caps.fail_mode is FailMode.SECURE)
        raw = "energised" if shot.outputs[self._door] else "de-energised"
        bolt = shot.points.get((self._door, Point.BOLT))
        if self.caps.feedback is Feedback.BOLT and bolt is not None:
            return LockReading(LockState.UNLOCKED if bolt else LockState.LOCKED, "bolt", 0, raw)
        if self._door in shot.silent:
            return LockReading(LockState.UNKNOWN, "silent", 0, raw)
        if self.caps.feedback is Feedback.COIL:
            return LockReading(LockState.UNLOCKED if released else LockState.LOCKED, "coil", 0, raw)
        return LockReading(LockState.UNKNOWN, "none", 0, raw)

    async def selftest(self) -> str:
        return await self._client.selftest(self._door)

    async def close(self) -> None:
        await self._rest("close")

    async def _rest(self, reason: str) -> None:
        cmd = Cmd(uuid.uuid4().hex, self._now() + self.caps.ack_ms * 1_000_000, reason)
        result = await self.lock(cmd)
        if result.outcome is not Outcome.DONE:
            raise LockSilent(f"{self._door} could not be put to rest ({result.outcome}): {result.detail}.")
