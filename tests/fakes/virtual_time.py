"""An event loop whose clock jumps to whatever comes next: hours of waiting in milliseconds, the same every time."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class _Jump(selectors.SelectSelector):
    """Nothing outside is waited for; what the loop would wait is how far its clock goes."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None, "everybody waits for something that never comes"
        self.loop.now_s += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.now_s = 0.0
        selector = _Jump()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now_s

    def mono_ns(self) -> int:
        return round(self.now_s * 1e9)


def in_virtual_time(play: Coroutine[Any, Any, None], loop: VirtualLoop) -> None:
    """Run it to its end, and close the loop."""
    try:
        loop.run_until_complete(play)
    finally:
        loop.close()
