"""A bounded shelf for news of the doors, between the socket and whoever reads them."""

import asyncio
from collections import deque

from edge.ports import IoNews

# A reader that is this far behind gets the state as it is instead of the way it came about.
NEWS_MAX = 256


class NewsShelf:
    def __init__(self, size: int = NEWS_MAX) -> None:
        self._items: deque[IoNews] = deque()
        self._size = size
        self._something = asyncio.Event()
        self.missed = 0

    def put(self, item: IoNews) -> bool:
        """False when the shelf was full: all older news are gone, and a snapshot has to take their place."""
        kept = len(self._items) < self._size
        if not kept:
            self.missed += len(self._items)
            self._items.clear()
        self._items.append(item)
        self._something.set()
        return kept

    async def take(self) -> IoNews:
        """The oldest; waits as long as it takes."""
        while not self._items:
            self._something.clear()
            await self._something.wait()
        return self._items.popleft()
