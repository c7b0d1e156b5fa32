"""The service's beat about identity: renewals answered, the broker's lists kept new, the lost thrown out, keys told."""

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from cloud_sync.identity.book import SqlCertificates
from cloud_sync.identity.broker_files import BrokerFolder
from cloud_sync.ports import Clock, Publisher
from cloud_sync.protocol.identity import Issued
from cloud_sync.protocol.messages import encode
from cloud_sync.protocol.topics import NodeTopics

# A lost node's session is ended when the broker has read its lists, and again: the reading is not acknowledged.
KICKS_AFTER_MS = (500, 3_000, 15_000, 60_000)

log = structlog.get_logger()


@dataclass(slots=True)
class IdentityCounters:
    issued: int = 0
    refused: int = 0
    lists: int = 0
    kicks: int = 0


@dataclass(slots=True)
class IdentityWork:
    """Call it about once a second from one thread; ``folder`` and ``end_session`` only where a mosquitto is ours."""

    book: SqlCertificates
    publisher: Publisher
    clock: Clock
    tenant: str
    folder: BrokerFolder | None = None
    end_session: Callable[[str], bool] | None = None
    counters: IdentityCounters = field(default_factory=IdentityCounters)
    _kicks: dict[str, list[int]] = field(default_factory=dict)  # lost node: when its session is ended next
    _told: bool = True  # False while the broker could not be told that its lists changed

    def __call__(self) -> None:
        self._answer_renewals()
        self._keep_lists()
        self._end_sessions()

    def _answer_renewals(self) -> None:
        if not self.publisher.session:
            return  # the wish waits; an answer into nowhere would have used it up
        for node in self.book.waiting():
            cert = self.book.renew(node)
            if cert is None:
                self.counters.refused += 1
                log.warning("renewal_refused", node=node)
                continue
            frame = encode(Issued(node=node, cert=cert))
            self.publisher.send(NodeTopics(self.tenant, node).cert, frame)
            self.counters.issued += 1

    def _keep_lists(self) -> None:
        """Revocations and losses to the broker; every newly lost node gets its session ended."""
        lost = self.book.lost()
        now_ms = self.clock.now_ms()
        for node in lost:
            self._kicks.setdefault(node, [now_ms + after for after in KICKS_AFTER_MS])
        self._kicks = {node: due for node, due in self._kicks.items() if node in lost}
        if self.folder is None:
            return
        if self.folder.write_lists(self.book.authority, self.book.revoked(), lost, now_ms):
            self.counters.lists += 1
            self._told = False
        if not self._told:
            self._told = self.folder.reload()
            if not self._told:
                log.error("broker_not_told", folder=str(self.folder.folder), remedy="systemctl reload mosquitto")

    def _end_sessions(self) -> None:
        if self.end_session is None:
            return
        now_ms = self.clock.now_ms()
        for node, due in self._kicks.items():
            if due and due[0] <= now_ms:
                due.pop(0)
                self.counters.kicks += self.end_session(node)
