"""Sealed templates from node to node, and the roster of who may take part; this end carries and never opens."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from cloud_sync.distribute.plan import HEAD_EVERY_MS, Drive
from cloud_sync.ports import Clock, Publisher
from cloud_sync.ports_faces import FaceRelay, Listed, Owed
from cloud_sync.protocol.messages import SealedAck, encode
from cloud_sync.protocol.topics import NodeTopics

# 14 KB each: what one node is sent at once stays below what one of its snapshots weighs.
IN_FLIGHT_MAX = 20
# Of those, sent before and not answered: a node that answers none of a thousand hears 56 KB/s, and the new ones pass.
AGAIN_MAX = 2
OWED_PER_TICK = 200

log = structlog.get_logger()


@dataclass(slots=True)
class FaceCounters:
    rosters: int = 0
    forwarded: int = 0
    told: int = 0


@dataclass(slots=True)
class FaceDriver:
    """Call ``tick`` about twice a second from one thread."""

    relay: FaceRelay
    publisher: Publisher
    clock: Clock
    tenant: str
    counters: FaceCounters = field(default_factory=FaceCounters)
    _rosters: dict[str, tuple[int, int, int]] = field(default_factory=dict)  # node: session, version, when
    _driven: dict[str, Drive] = field(default_factory=dict)  # by envelope

    def tick(self) -> None:
        """Tell the roster, forward what waits, answer senders.

        Raises:
            StoreError: the database did not answer, or the roster is too long; the next tick starts over.
        """
        now_ms = self.clock.now_ms()
        if not self.publisher.session:
            return
        self._answer(now_ms)  # first: what is over is deleted with the next look
        self._forward(now_ms)
        roster = self.relay.roster(now_ms)
        if roster is not None:
            for node, _ in self.relay.online(now_ms):
                self._tell_roster(node, roster, now_ms)

    def _tell_roster(self, node: str, roster: Listed, now_ms: int) -> None:
        """Retained, so that a node that was away finds it; again now and then, for brokers forget."""
        session, ver, at_ms = self._rosters.get(node, (0, 0, 0))
        if (session, ver) == (self.publisher.session, roster.ver) and now_ms - at_ms < HEAD_EVERY_MS:
            return
        self.publisher.send(self._topics(node).faces, roster.frame, retain=True)
        self._rosters[node] = (self.publisher.session, roster.ver, now_ms)
        self.counters.rosters += 1

    def _forward(self, now_ms: int) -> None:
        """Never retained; again, ever more slowly, until its receiver answers."""
        by_receiver: dict[str, list[str]] = {}
        for one in self.relay.waiting(now_ms):
            by_receiver.setdefault(one.to, []).append(one.id)
        left = {envelope for ids in by_receiver.values() for envelope in ids}
        self._driven = {envelope: drive for envelope, drive in self._driven.items() if envelope in left}
        for receiver, ids in by_receiver.items():
            for envelope in self._next(ids, now_ms):
                self._forward_one(envelope, receiver, now_ms)

    def _next(self, ids: Sequence[str], now_ms: int) -> list[str]:
        """What one receiver is sent now: a few it has not answered, longest due first, then new ones by age."""
        again = [one for one in ids if one in self._driven and self._driven[one].is_due(1, now_ms)]
        again.sort(key=lambda one: self._driven[one].due_ms)
        fresh = [one for one in ids if one not in self._driven]
        return [*again[:AGAIN_MAX], *fresh][:IN_FLIGHT_MAX]

    def _forward_one(self, envelope: str, receiver: str, now_ms: int) -> None:
        frame = self.relay.frame(envelope)
        if frame:
            self.publisher.send(self._topics(receiver).sealed, frame)
            self._driven[envelope] = self._driven.get(envelope, Drive()).sent(1, now_ms)
            self.counters.forwarded += 1

    def _answer(self, now_ms: int) -> None:
        for owed in self.relay.owed(now_ms, most=OWED_PER_TICK):
            self._answer_one(owed)

    def _answer_one(self, owed: Owed) -> None:
        match owed.state:
            case "kept" | "refused" | "stored" as state:
                answer = SealedAck(id=owed.id, state=state, why=owed.why)
            case other:
                raise AssertionError(f"an envelope cannot be {other}")
        self.publisher.send(self._topics(owed.sender).sealed_ack, encode(answer))
        self.relay.told(owed)
        self.counters.told += 1

    def _topics(self, node: str) -> NodeTopics:
        return NodeTopics(self.tenant, node)
