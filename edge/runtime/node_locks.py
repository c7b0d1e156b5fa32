"""The doors of one node as one ``DoorIO``: those whose wires gate-io drives, and those whose locks the node drives
itself over a radio.

What is told about one door keeps its order.  Nothing here grows without a bound: a reader that falls behind gets the
newest word of each lock instead of all of them.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace

import structlog

from edge.core.delivery import (
    BATTERY_LOW,
    SIGNAL_LOW,
    Arrivals,
    Delivery,
    LockWord,
    Receipt,
    arrivals,
    deliveries,
    low,
)
from edge.core.events import AccessPointId
from edge.core.passes import Pass
from edge.ports import (
    BoltNews,
    Cmd,
    DoorIO,
    IoNews,
    IoSnapshot,
    LockLink,
    LockState,
    Lost,
    NodeLock,
    Outcome,
    Point,
    RadioReading,
    Result,
)

# A lock says a handful of words for one grant; sixteen behind, the way they came about matters to nobody.
WORDS_PER_LOCK = 16
# gate-io's own shelf holds what the node has not read; one item more would only be older.
THEIRS_MAX = 1
CLOSE_S = 5.0  # every lock closes within one second; beside each other they take little more

log = structlog.get_logger()


class NodeLocks:
    """``async with`` it after ``take`` was called for every lock; ``io`` is None where gate-io serves no door."""

    def __init__(self, io: DoorIO | None, *, mono_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._io = io
        self._now = mono_ns
        self._locks: dict[AccessPointId, NodeLock] = {}
        self._bolts: dict[AccessPointId, LockState] = {}
        self._words: deque[BoltNews | LockLink] = deque()
        self._theirs: asyncio.Queue[IoNews] = asyncio.Queue(THEIRS_MAX)
        self._bell = asyncio.Event()
        self._came: Arrivals = {}
        self._passes: tuple[Pass, ...] = ()
        self._pump: asyncio.Task[None] | None = None

    def take(self, door: AccessPointId, lock: NodeLock) -> None:
        """One more lock; before ``async with``."""
        self._locks[door] = lock
        self._bolts[door] = LockState.UNKNOWN

    @property
    def doors(self) -> frozenset[AccessPointId]:
        """The doors whose lock the node drives itself."""
        return frozenset(self._locks)

    async def __aenter__(self) -> "NodeLocks":
        for lock in self._locks.values():
            await lock.open()
        if self._io is not None:
            self._pump = asyncio.get_running_loop().create_task(
                self._pump_news(self._io), name="gate-io news"
            )
        return self

    async def __aexit__(self, *_args: object) -> None:
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        closing = [asyncio.ensure_future(lock.close()) for lock in self._locks.values()]
        if closing:
            _done, slow = await asyncio.wait(closing, timeout=CLOSE_S)
            for task in slow:
                task.cancel()

    # --- what is told -----------------------------------------------------------------------------------------

    def tell(self, word: BoltNews | LockLink) -> None:
        """A lock says something; from its driver, on this loop."""
        if isinstance(word, BoltNews):
            self._bolts[word.door] = word.state
        if len(self._words) >= WORDS_PER_LOCK * max(1, len(self._locks)):
            newest = {(one.door, type(one)): one for one in self._words}
            log.warning("lock_news_dropped", dropped=len(self._words) - len(newest))
            self._words = deque(newest.values())
        self._words.append(word)
        self._bell.set()

    async def _pump_news(self, io: DoorIO) -> None:
        async for news in io.news():
            await self._theirs.put(news)
            self._bell.set()

    async def news(self) -> AsyncIterator[IoNews]:
        """For one reader; no lock speaks before the first snapshot, and only gate-io's absence is told before it."""
        for first in [self._snapshot(EMPTY)] if self._io is None else await self._first():
            yield first
        while True:
            self._bell.clear()
            while not self._theirs.empty():
                yield self._joined(self._theirs.get_nowait())
            while self._words:
                yield self._words.popleft()
            if self._theirs.empty():
                await self._bell.wait()

    async def _first(self) -> list[IoNews]:
        """gate-io's doors and ours boot from one snapshot; while gate-io is away that is told, and ours boot alone."""
        while True:
            match await self._theirs.get():
                case IoSnapshot() as theirs:
                    return [self._snapshot(theirs)]
                case Lost(back=False) as lost:
                    return [lost, replace(self._snapshot(EMPTY), doors=self.doors)]
                case news:
                    log.info("before_the_first_snapshot", news=type(news).__name__)

    def _joined(self, news: IoNews) -> IoNews:
        return self._snapshot(news) if isinstance(news, IoSnapshot) else news

    def _snapshot(self, theirs: IoSnapshot) -> IoSnapshot:
        known = {door: _LEVEL[state] for door, state in self._bolts.items() if state in _LEVEL}
        bolts = {(door, Point.BOLT): level for door, level in known.items()}
        silent = frozenset(door for door, lock in self._locks.items() if not lock.radio.online)
        return replace(
            theirs,
            points={**theirs.points, **bolts},
            outputs={**theirs.outputs, **known},
            silent=theirs.silent | silent,
        )

    async def snapshot(self) -> IoSnapshot:
        return self._snapshot(EMPTY if self._io is None else await self._io.snapshot())

    # --- what is asked ----------------------------------------------------------------------------------------

    async def pulse(self, door: AccessPointId, cmd: Cmd, ms: int) -> Result:
        lock = self._locks.get(door)
        if lock is not None:
            return await lock.pulse(self._patient(lock, cmd), ms)
        return await self._io.pulse(door, cmd, ms) if self._io is not None else self._nobody(door)

    async def hold(self, door: AccessPointId, cmd: Cmd, until_ns: int) -> Result:
        lock = self._locks.get(door)
        if lock is not None:
            return await lock.hold(self._patient(lock, cmd), until_ns)
        return await self._io.hold(door, cmd, until_ns) if self._io is not None else self._nobody(door)

    async def lock(self, door: AccessPointId, cmd: Cmd) -> Result:
        lock = self._locks.get(door)
        if lock is not None:
            return await lock.lock(cmd)
        return await self._io.lock(door, cmd) if self._io is not None else self._nobody(door)

    async def latch(self, door: AccessPointId, cmd: Cmd, kind: str, on: bool, actor: str) -> Result:
        """A latch must hold with the node dead, so a lock of the node has none."""
        if door not in self._locks and self._io is not None:
            return await self._io.latch(door, cmd, kind, on, actor)
        why = f"{door} has a lock the node drives: it cannot be kept open for {kind}"
        return Result(Outcome.REFUSED, self._now(), why)

    def show(self, door: AccessPointId, what: str) -> None:
        if door not in self._locks and self._io is not None:
            self._io.show(door, what)

    def _patient(self, lock: NodeLock, cmd: Cmd) -> Cmd:
        """The gate counts a wire's milliseconds; a radio has half of the lock's own deadline to get its turn.

        A command that is late already stays late.
        """
        if self._now() >= cmd.deadline_ns:
            return cmd
        turn_by_ns = self._now() + lock.caps.ack_ms * 1_000_000 // 2
        return replace(cmd, deadline_ns=max(cmd.deadline_ns, turn_by_ns))

    def _nobody(self, door: AccessPointId) -> Result:
        return Result(Outcome.REFUSED, self._now(), f"nobody drives the lock of {door}")

    # --- how they are -----------------------------------------------------------------------------------------

    def radio(self, door: AccessPointId) -> RadioReading | None:
        lock = self._locks.get(door)
        return None if lock is None else lock.radio

    def note_passes(self, passes: Iterable[Pass]) -> None:
        """The node's passes changed: who is new has to be answered for by the locks anew."""
        self._passes = tuple(passes)
        self._came = arrivals(self._came, self._passes, self._now())

    def deliveries(self) -> list[Delivery]:
        words = {door: self._word(door, lock) for door, lock in self._locks.items()}
        return list(deliveries(self._passes, self._came, words, self._now()))

    def _word(self, door: AccessPointId, lock: NodeLock) -> LockWord:
        radio, jammed = lock.radio, self._bolts[door] is LockState.JAMMED
        return LockWord(
            radio.online, radio.heard_ns, jammed, radio.battery, lock.caps.supervise_ms * 1_000_000
        )

    def rows(self) -> list[dict[str, object]]:
        """One line for each lock, for a technician at the node."""
        said = Counter((one.access_point, one.receipt) for one in self.deliveries())
        return [
            self._row(door) | {state.value: said[door, state] for state in Receipt} for door in self._locks
        ]

    def _row(self, door: AccessPointId) -> dict[str, object]:
        radio = self._locks[door].radio
        heard_s = None if radio.heard_ns is None else (self._now() - radio.heard_ns) // 1_000_000_000
        return {
            "access_point": door,
            "online": radio.online,
            "bolt": self._bolts[door].value,
            "battery": radio.battery,
            "battery_is": low(radio.battery, BATTERY_LOW),
            "signal": radio.linkquality,
            "signal_is": low(radio.linkquality, SIGNAL_LOW),
            "heard_s_ago": heard_s,
        }


EMPTY = IoSnapshot({}, {}, frozenset(), 0)
# Jammed or not known is no level: ``BoltNews`` says it.
_LEVEL = {LockState.LOCKED: False, LockState.UNLOCKED: True}
