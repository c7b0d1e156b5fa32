"""From the sink's thread to the open pages: a bounded shelf for each, so that no page can slow the sink.

A shelf that is full drops its oldest line and says so; the page then reads the list anew.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from cloud_sync.ports import EntryLine, EventFeed
from cloud_sync.ports_cases import CaseChange, CaseFeed

# A burst of a whole gate's backlog is hundreds of lines, and a page shows fifty: more than this is not read
# line by line by anybody, it is read anew.
SHELF_LINES_MAX = 256

# Every open page costs a task, a shelf and a database session check every heartbeat; 203 were measured (bench_pages).
PAGES_OPEN_MAX = 256


@dataclass(frozen=True, slots=True)
class Taken:
    """What a page missed nothing of, unless ``missed``."""

    lines: tuple[EntryLine, ...]
    missed: bool
    changes: tuple[CaseChange, ...] = ()


class Shelf:
    """One open page's lines; ``put`` from any thread, ``take`` in the loop that made it."""

    def __init__(self, lines_max: int = SHELF_LINES_MAX) -> None:
        self._lines: deque[EntryLine] = deque(maxlen=lines_max)
        self._changes: deque[CaseChange] = deque(maxlen=lines_max)
        self._missed = False
        self._woken = False
        self._lock = Lock()
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self.closed = False

    def put(self, line: EntryLine) -> None:
        with self._lock:
            self._missed = self._missed or len(self._lines) == self._lines.maxlen
            self._lines.append(line)
            self._ring()

    def put_change(self, change: CaseChange) -> None:
        with self._lock:
            self._missed = self._missed or len(self._changes) == self._changes.maxlen
            self._changes.append(change)
            self._ring()

    def close(self) -> None:
        with self._lock:
            self.closed = True
            self._ring()

    def _ring(self) -> None:
        """Wake the taker once, however many lines come before it looks."""
        if not self._woken and not self._loop.is_closed():
            self._woken = True
            self._loop.call_soon_threadsafe(self._wake.set)

    async def take(self, *, within_s: float) -> Taken:
        """All lines that are there, waiting for the first one at most ``within_s``."""
        try:
            async with asyncio.timeout(within_s):
                await self._wake.wait()
        except TimeoutError:
            return Taken((), missed=False)
        with self._lock:
            taken = Taken(tuple(self._lines), self._missed, tuple(self._changes))
            self._lines.clear()
            self._changes.clear()
            self._missed = self._woken = False
            self._wake.clear()
        return taken


class LiveHub:
    """The shelves of all open pages of one community."""

    def __init__(
        self, feed: EventFeed, cases: CaseFeed | None = None, *, pages_max: int = PAGES_OPEN_MAX
    ) -> None:
        self._feed = feed
        self._cases = cases
        self._pages_max = pages_max
        self._open: dict[Shelf, Callable[[], object]] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._open)

    @property
    def full(self) -> bool:
        return len(self._open) >= self._pages_max

    def join(self, *, cases: bool = False) -> Shelf:
        """A shelf that receives every line, and with ``cases`` every change of a case; give it back with ``leave``."""
        shelf = Shelf()
        if self._closed or self.full:
            shelf.close()
            return shelf
        ends = [self._feed.subscribe(shelf.put)]
        if cases and self._cases is not None:
            ends.append(self._cases.subscribe(shelf.put_change))
        self._open[shelf] = lambda: [end() for end in ends]
        return shelf

    def leave(self, shelf: Shelf) -> None:
        unsubscribe = self._open.pop(shelf, None)
        if unsubscribe is not None:
            unsubscribe()

    def close(self) -> None:
        """End every stream, so that the server can stop; callable from any thread."""
        self._closed = True
        for shelf in tuple(self._open):
            shelf.close()
