"""The work that nobody asks for: time, passes down, reconciliation.  One bounded thread each."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from cloud_sync.core.policy import DAY_MS
from cloud_sync.distribute.snapshots import Distributor
from cloud_sync.errors import SyncError
from cloud_sync.ports import Clock, DashboardReader, EntryLine
from cloud_sync.store.reconcile_store import Reconciler
from cloud_sync.store.registry import SqlRegistry

# A revocation has 5 s from the page to the door (domain.md invariant 15); half a second of it may be lost here.
PASSES_EVERY_S = 0.5
RECONCILE_EVERY_S = 1.0
FEED_EVERY_S = 0.5
FEED_LINES_MAX = 6_000  # more than one sink transaction stores in one millisecond
STOP_WITHIN_S = 4.0

log = structlog.get_logger()


class SystemClock:
    """The machine's clock, the one place where the service reads it."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


class Beat:
    """Calls one piece of work again and again until stopped; what the store refuses is tried again next time."""

    def __init__(self, name: str, every_s: float, work: Callable[[], object]) -> None:
        self._name = name
        self._every_s = every_s
        self._work = work
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.fault: str | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end; ``join`` waits."""
        self._stopping.set()

    def join(self, within_s: float = STOP_WITHIN_S) -> bool:
        """False when the work in hand did not end in time; its transaction then ends with the process."""
        if self._thread.ident is not None:
            self._thread.join(within_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._once()
            self._stopping.wait(self._every_s)

    def _once(self) -> None:
        try:
            self._work()
            self.fault = None
        except SyncError as error:
            if self.fault != str(error):
                log.error("job_failed", job=self._name, problem=str(error))
            self.fault = str(error)
        except Exception as error:  # one bad record must not stop every pass of the community
            if self.fault != repr(error):
                log.exception("job_broke", job=self._name)
            self.fault = repr(error)


@dataclass(slots=True)
class PassWork:
    """What time changes, then what the nodes are to hold."""

    registry: SqlRegistry
    distributor: Distributor
    clock: Clock
    hold_ms: int
    _since_ms: int | None = None

    def __call__(self) -> None:
        now_ms = self.clock.now_ms()
        # At the first beat everything that a stop of the service may have missed is looked at.
        since_ms = self._since_ms if self._since_ms is not None else now_ms - self.hold_ms
        self.registry.advance_time(since_ms=since_ms)
        self._since_ms = now_ms
        # Another process may have changed the books (an import), so the rows are always asked for.
        self.distributor.tick(changed=True)


@dataclass(slots=True)
class ReconcileWork:
    """Touched subjects at every beat, everything now and then, the hash chains once a day."""

    reconciler: Reconciler
    clock: Clock
    full_every_ms: int
    _full_ms: int | None = None
    _chains_ms: int | None = None

    def __call__(self) -> None:
        self.reconciler.run_touched()
        now_ms = self.clock.now_ms()
        if self._full_ms is None or now_ms - self._full_ms >= self.full_every_ms:
            self.reconciler.run_full()
            self._full_ms = now_ms
        if self._chains_ms is None or now_ms - self._chains_ms >= DAY_MS:
            self.reconciler.run_chains()
            self._chains_ms = now_ms


class PolledFeed:
    """``EventFeed`` for pages that run without the sink: asks the database for what is new."""

    def __init__(self, reader: DashboardReader, community: str, clock: Clock) -> None:
        self._reader = reader
        self._community = community
        self._since_ms = clock.now_ms()
        self._told: frozenset[tuple[str, str, int]] = frozenset()
        self._listeners: dict[object, Callable[[EntryLine], None]] = {}

    def subscribe(self, listener: Callable[[EntryLine], None]) -> Callable[[], None]:
        token = object()
        self._listeners = {**self._listeners, token: listener}

        def unsubscribe() -> None:
            self._listeners = {key: value for key, value in self._listeners.items() if key is not token}

        return unsubscribe

    def __call__(self) -> None:
        """One look; lines of the newest millisecond are remembered, so that none is told twice or lost."""
        lines = self._reader.entries_after(self._community, self._since_ms, most=FEED_LINES_MAX)
        for line in lines:
            if (line.node, line.epoch, line.seq) not in self._told:
                for listener in self._listeners.values():
                    listener(line)
        if lines:
            self._remember(lines)

    def _remember(self, lines: Sequence[EntryLine]) -> None:
        newest_ms = lines[-1].stored_ms
        again = self._told if newest_ms == self._since_ms else frozenset()
        self._told = again | {
            (line.node, line.epoch, line.seq) for line in lines if line.stored_ms == newest_ms
        }
        self._since_ms = newest_ms
