"""Sealed templates from node to node, and the roster of who may take part; this end carries and never opens."""

from dataclasses import dataclass, field

import structlog

from cloud_sync.distribute.plan import HEAD_EVERY_MS, Drive
from cloud_sync.ports import Clock, Publisher
from cloud_sync.ports_faces import FaceRelay, Listed, Owed, Waiting
from cloud_sync.protocol.messages import SealedAck, encode
from cloud_sync.protocol.topics import NodeTopics

# 14 KB each: what one node is sent at once stays below what one of its snapshots weighs.
IN_FLIGHT_MAX = 20
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
        nodes = dict(self.relay.online(now_ms))
        self._answer(nodes)  # first: what is over is deleted with the next look
        self._forward(now_ms)
        roster = self.relay.roster(now_ms)
        if roster is not None:
            for node in nodes:
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
        waiting = self.relay.waiting(now_ms, most=IN_FLIGHT_MAX)
        for envelope in waiting:
            self._forward_one(envelope, now_ms)
        self._driven = {one.id: self._driven[one.id] for one in waiting}

    def _forward_one(self, envelope: Waiting, now_ms: int) -> None:
        drive = self._driven.setdefault(envelope.id, Drive())
        if drive.is_due(1, now_ms):
            self.publisher.send(self._topics(envelope.to).sealed, envelope.frame)
            self._driven[envelope.id] = drive.sent(1, now_ms)
            self.counters.forwarded += 1

    def _answer(self, nodes: dict[str, bool]) -> None:
        for owed in self.relay.owed(most=OWED_PER_TICK):
            if nodes.get(owed.sender):
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
