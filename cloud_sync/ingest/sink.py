"""The loop from the broker to the store: drain, one transaction, settle, acknowledge (sync.md §3.2, §6)."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from cloud_sync.errors import StoreError
from cloud_sync.ingest.feed import Feed
from cloud_sync.ingest.frames import Ignored, Read, read
from cloud_sync.ports import BadFrame, Clock, Delivery, EntryLine, EventStore, Inbox, Publisher, Stored, Told
from cloud_sync.protocol.messages import SinkState, encode
from cloud_sync.protocol.topics import NodeTopics, sink_state

# With unbounded transactions an eager gate produced 80,000 duplicates before it heard its first ack (sync.md §3.2).
EVENTS_PER_TRANSACTION = 5_000
DELIVERIES_PER_TURN = 1_000  # the broker's in-flight limit; more never wait here at once
TURN_S = 0.5  # how long an idle turn waits for the first delivery; bounds the delay of a stop
RETRY_S = 1.0  # a full disk or a held lock is tried again at this pace; the gates keep everything meanwhile

log = structlog.get_logger()

Item = tuple[Delivery, Read]


class Post(Inbox, Publisher, Protocol):
    """Both sides of the broker at once."""


@dataclass(slots=True)
class SinkCounters:
    events: int = 0
    duplicates: int = 0
    conflicts: int = 0
    bad_frames: int = 0
    transactions: int = 0
    store_faults: int = 0
    acks: int = 0
    ignored: Counter[str] = field(default_factory=Counter)


class Sink:
    """One writer thread; also the ``EventFeed`` of the pages in the same process."""

    def __init__(self, post: Post, store: EventStore, clock: Clock, tenant: str) -> None:
        self._post = post
        self._store = store
        self._clock = clock
        self._tenant = tenant
        self._feed = Feed()
        self._announced: tuple[int, str] = (0, "")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sink", daemon=True)
        self.counters = SinkCounters()
        self.fault: str | None = None  # the sentence, while the store does not take anything

    def start(self) -> None:
        self._thread.start()

    def stop(self, *, within_s: float = 4.0) -> bool:
        """End after the transaction in hand; False when it did not in time.  Nothing unacknowledged is lost."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(within_s)
        return not self._thread.is_alive()

    def subscribe(self, listener: Callable[[EntryLine], None]) -> Callable[[], None]:
        return self._feed.subscribe(listener)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.turn(within_s=TURN_S)

    def turn(self, *, within_s: float) -> int:
        """Take what has arrived and see it through; returns the number of deliveries settled."""
        self._announce()
        deliveries = self._post.take(most=DELIVERIES_PER_TURN, within_s=within_s)
        items = [(delivery, read(self._tenant, delivery)) for delivery in deliveries]
        return sum(self._see_through(group) for group in _groups(items))

    def _announce(self) -> None:
        """Brokers forget retained state: it is said again with every session and every new generation."""
        try:
            current = (self._post.session, self._store.sink_gen())
        except StoreError as error:
            self._note_fault(error)
            return
        if current[0] and current != self._announced:
            state = SinkState(on=True, sg=current[1])
            self._post.send(sink_state(self._tenant), encode(state), retain=True)
            self._announced = current

    # --- one group: one transaction -------------------------------------------------------------------------

    def _see_through(self, group: list[Item]) -> int:
        """Store until it is stored, or until we are told to stop: then nothing of it is acknowledged."""
        while not self._stopping.is_set():
            try:
                stored = self._stored(_frames(group))
            except StoreError as error:
                self._note_fault(error)
                self._stopping.wait(RETRY_S)
                continue
            self.fault = None
            self._post.settle([delivery for delivery, _ in group])
            self._acknowledge(stored)
            self._count(group, stored)
            for part in stored:
                self._feed.tell(part.lines)
            return len(group)
        return 0

    def _stored(self, frames: list[Told | BadFrame]) -> list[Stored]:
        if not frames:
            return []
        try:
            return [self._store.store(frames, self._clock.now_ms())]
        except StoreError:
            raise
        except (
            Exception
        ):  # a frame nobody foresaw: find it, so that it stalls neither its gate nor the others
            log.exception("transaction_failed", frames=len(frames))
            return [self._store_alone(frame) for frame in frames]

    def _store_alone(self, frame: Told | BadFrame) -> Stored:
        try:
            return self._store.store([frame], self._clock.now_ms())
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - this is the one: it becomes a dead letter
            dead = BadFrame(frame.node, frame.raw, repr(error))
            return self._store.store([dead], self._clock.now_ms())

    def _acknowledge(self, stored: Sequence[Stored]) -> None:
        for part in stored:
            for node, ack in part.acks:
                self._post.send(NodeTopics(self._tenant, node).ack, encode(ack))
                self.counters.acks += 1

    def _note_fault(self, error: StoreError) -> None:
        self.counters.store_faults += 1
        if self.fault != str(error):
            self.fault = str(error)
            log.error("store_refused", problem=self.fault)

    def _count(self, group: list[Item], stored: list[Stored]) -> None:
        counters = self.counters
        counters.transactions += len(stored)
        counters.events += sum(part.events for part in stored)
        counters.duplicates += sum(part.duplicates for part in stored)
        counters.conflicts += sum(part.conflicts for part in stored)
        for _, item in group:
            if isinstance(item.what, Ignored):
                counters.ignored[item.what] += 1
            elif isinstance(item.what, BadFrame):
                counters.bad_frames += 1


def _frames(group: list[Item]) -> list[Told | BadFrame]:
    return [item.what for _, item in group if not isinstance(item.what, Ignored)]


def _groups(items: list[Item]) -> list[list[Item]]:
    """In order of receipt, at most ``EVENTS_PER_TRANSACTION`` events each (a single frame is never split)."""
    groups: list[list[Item]] = []
    room = 0
    for item in items:
        if not groups or item[1].events > room:
            groups.append([])
            room = EVENTS_PER_TRANSACTION
        groups[-1].append(item)
        room -= item[1].events
    return groups
