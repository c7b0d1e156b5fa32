"""The work that nobody asks for: time, passes down, reconciliation.  One bounded thread each."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from cloud_sync.core.case_types import OwnerRole
from cloud_sync.core.policy import DAY_MS
from cloud_sync.core.roles import Role
from cloud_sync.distribute.faces import FaceDriver
from cloud_sync.distribute.snapshots import Distributor
from cloud_sync.errors import SyncError
from cloud_sync.ports import Clock, DashboardReader, EntryLine, Publisher, Signer
from cloud_sync.ports_cases import CaseChange, PushSender
from cloud_sync.store.case_intake import CaseIntake
from cloud_sync.store.cases_store import CaseNews
from cloud_sync.store.envelopes import SqlFaceRelay
from cloud_sync.store.faces import SqlFaceNodes
from cloud_sync.store.house import House
from cloud_sync.store.push_store import SqlPushBook
from cloud_sync.store.reconcile_store import Reconciler
from cloud_sync.store.registry import SqlRegistry

# A revocation has a second from the call to the last door of 51 nodes; a tenth of it may be lost here.
PASSES_EVERY_S = 0.1
TIME_EVERY_MS = 500  # what only time changes is counted in minutes
RECONCILE_EVERY_S = 1.0
GUARDIANS_EVERY_S = 10.0  # a look at a small table, unless a guardian asked for it
BULLETINS_EVERY_S = 10.0  # as above: nothing runs mostly, and then nobody is looked for
PROPOSALS_EVERY_S = 5.0  # a person looks at them within days
# A person waits at the door: a tenth of the second that a command has from the page to the lock.
COMMANDS_EVERY_S = 0.1
FEED_EVERY_S = 0.5
FACES_EVERY_S = 0.5  # a guest enrolled at the gate walks some minutes to the house
UPSTREAM_EVERY_S = 2.0  # "at once" in the words of the law; the clocks are counted in hours
HOOKS_EVERY_S = 2.0  # an idle look is two small queries
POST_EVERY_S = 2.0  # the first try is made by whoever invites; this is for the ones after it
# A forced door is to be on the staff page within a second and a half: these two and the page's own look are the wait.
CASES_EVERY_S = 0.25
CASE_NEWS_EVERY_S = 0.2
FIELD_EVERY_S = 60.0  # a task is due on a day
WAKE_EVERY_S = 0.5
WAKES_WAITING_MAX = 100  # a flood wakes nobody a hundred times; the newest are kept
WAKES_TOLD_MAX = 1_000
AT_THE_GATE = frozenset(
    {OwnerRole.GUARD, OwnerRole.SHIFT_LEAD}
)  # rungs that are asked before an officer is woken
LOOK_AROUND_MS = 1_000  # silence is judged in minutes; a discrepancy is as old as reconciliation's second
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
    """What the nodes are to hold, and what time changes: a revocation does not wait for what is counted in minutes."""

    registry: SqlRegistry
    distributor: Distributor
    clock: Clock
    hold_ms: int
    _since_ms: int | None = None

    def __call__(self) -> None:
        if self._since_ms is None:
            self._advance_time(self.clock.now_ms())
        self.distributor.tick()
        now_ms = self.clock.now_ms()
        if self._since_ms is None or not 0 <= now_ms - self._since_ms < TIME_EVERY_MS:
            self._advance_time(now_ms)

    def _advance_time(self, now_ms: int) -> None:
        # Before the first tick everything that a stop of the service may have missed is looked at.
        since_ms = self._since_ms if self._since_ms is not None else now_ms - self.hold_ms
        self.registry.advance_time(since_ms=since_ms)
        self._since_ms = now_ms


def face_driver(house: House, signer: Signer, post: Publisher) -> FaceDriver:
    """What carries sealed templates between the nodes of a community."""
    relay = SqlFaceRelay(house, SqlFaceNodes(house, signer))
    return FaceDriver(relay, post, house.clock, house.community)


@dataclass(slots=True)
class ReconcileWork:
    """Touched subjects at every beat, what time changes now and then, everything and the hash chains once a day."""

    reconciler: Reconciler
    clock: Clock
    due_every_ms: int
    _due_ms: int | None = None
    _full_ms: int | None = None
    _chains_ms: int | None = None

    def __call__(self) -> None:
        self.reconciler.run_touched()
        now_ms = self.clock.now_ms()
        if self._full_ms is None or now_ms - self._full_ms >= DAY_MS:
            self.reconciler.run_full()
            self._full_ms = self._due_ms = now_ms
        if self._due_ms is None or now_ms - self._due_ms >= self.due_every_ms:
            self.reconciler.run_due()
            self._due_ms = now_ms
        if self._chains_ms is None or now_ms - self._chains_ms >= DAY_MS:
            self.reconciler.run_chains()
            self._chains_ms = now_ms


@dataclass(slots=True)
class CaseWork:
    """Alarms at every beat; nodes, discrepancies and clocks once a second."""

    intake: CaseIntake
    clock: Clock
    delivery: Callable[[], object] = lambda: None  # the check of the day's passes
    _looked_ms: int | None = None

    def __call__(self) -> None:
        self.intake.take_alarms()
        now_ms = self.clock.now_ms()
        if self._looked_ms is None or now_ms - self._looked_ms >= LOOK_AROUND_MS:
            self.delivery()
            self.intake.look_around()
            self._looked_ms = now_ms


class WakeWork:
    """Wakes browsers for an alarm nobody has looked at: once per case and rung, the next rung's people with the next."""

    def __init__(self, news: CaseNews, book: SqlPushBook, sender: PushSender) -> None:
        self._news = news
        self._book = book
        self._sender = sender
        self._waiting: deque[CaseChange] = deque(maxlen=WAKES_WAITING_MAX)
        self._told: deque[tuple[str, int]] = deque(maxlen=WAKES_TOLD_MAX)
        news.subscribe(self._note)

    def _note(self, change: CaseChange) -> None:
        if change.sounds and (change.id, change.level) not in self._told:
            self._told.append((change.id, change.level))
            self._waiting.append(change)

    def __call__(self) -> int:
        """How many browsers were woken."""
        self._news()
        woken = 0
        while self._waiting:
            woken += self._wake(self._waiting.popleft())
        return woken

    def _wake(self, change: CaseChange) -> int:
        roles = frozenset({Role.GUARD}) if change.asks in AT_THE_GATE else frozenset(Role)
        payload = json.dumps({"case": change.id, "severity": change.severity, "kind": change.kind}).encode()
        woken = 0
        for role, subscription in self._book.everybody():
            if role not in roles:
                continue
            outcome = self._sender.send(subscription, payload)
            if outcome == "gone":
                self._book.forget(subscription.endpoint)
            woken += outcome == "sent"
        return woken


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
