"""What stands in the desk's place when this node's sealing key or its book of peers cannot be used.

Nothing is sealed and nothing taken; everything else of the node goes on, and health says why.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from edge.core.peers import AckState, Envelope, Roster
from edge.errors import TrustRefused
from edge.ports import Clock
from edge.runtime.envelopes import TICK_S
from edge.runtime.erasure_hold import ErasureHold, Held


class NoEnvelopes:
    """``fault`` is one sentence: what, where, what to do."""

    def __init__(self, fault: str, host: Held, clock: Clock) -> None:
        self.fault = fault
        self._hold = ErasureHold(host, clock)
        self._loop: asyncio.AbstractEventLoop | None = None

    # --- the link's thread ---------------------------------------------------------------------------------------

    def roster(self, roster: Roster) -> None:
        """Let pass: it is retained, and read after the next start."""

    def sealed(self, envelope: Envelope) -> None:
        """Let pass unanswered: the service sends it again."""

    def answered(self, envelope_id: str, state: AckState, why: str) -> None:
        """Nothing was offered."""

    def tombstones(self, versions: Mapping[str, int]) -> None:
        """Nothing comes in, so nothing has to be kept out; the service does not carry what was erased."""

    def owes_erasure(self, erase_ver: int) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._hold.owe, erase_ver)

    def link_up(self) -> None:
        """Nothing was on its way."""

    # --- the loop ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until cancelled: erasures are waited for here too."""
        self._loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK_S)
            self._hold.tick()

    async def trust(self, *_: str, **__: str) -> None:
        raise TrustRefused(self.fault)

    async def distrust(self, *_: str, **__: str) -> None:
        raise TrustRefused(self.fault)

    def status(self) -> dict[str, Any]:
        """For the technician."""
        return {"fault": self.fault, "nodes": []}
