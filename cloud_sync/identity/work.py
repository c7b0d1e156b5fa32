"""The service's beat about identity: renewals answered, the broker's lists kept new, the lost thrown out, keys told."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from cloud_sync.config import SyncConfig
from cloud_sync.identity.book import SqlCertificates
from cloud_sync.identity.broker_files import BrokerFolder, write_service_certificates
from cloud_sync.identity.broker_members import bridged_to
from cloud_sync.identity.kick import end_session
from cloud_sync.identity.rotate import key_links
from cloud_sync.ports import Clock, Publisher
from cloud_sync.protocol.identity import SERVICE, Issued, KeyChain
from cloud_sync.protocol.messages import encode
from cloud_sync.protocol.topics import NodeTopics

# A lost node's session is ended when the broker has read its lists, and again: the reading is not acknowledged.
KICKS_AFTER_MS = (500, 3_000, 15_000, 60_000)
DAY_MS = 86_400_000
IDENTITY_EVERY_S = 1.0  # a stolen node is out within two of these

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
    links: Callable[[], KeyChain] = lambda: KeyChain(links=[])
    own: Path | None = None  # the service's certificates, where they are of this authority
    counters: IdentityCounters = field(default_factory=IdentityCounters)
    _kicks: dict[str, list[int]] = field(default_factory=dict)  # lost node: when its session is ended next
    _own_at_ms: int = 0
    # At the start the broker is told in any case: an earlier life may have ended between writing and telling.
    _told: bool = False
    _untold: bool = False  # it was tried in vain, and said
    _linked: tuple[int, bytes, tuple[str, ...]] | None = None  # session, links and nodes they were told to

    def __call__(self) -> None:
        self._answer_renewals()
        self._keep_own()
        self._keep_lists()
        self._end_sessions()
        self._tell_keys()

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

    def _keep_own(self) -> None:
        """Once a day: the service's certificates and the broker's, months before they end."""
        now_ms = self.clock.now_ms()
        if self.own is None or now_ms < self._own_at_ms:
            return
        names = sorted(path.stem for path in self.own.glob(f"{SERVICE}*.pem"))
        write_service_certificates(self.own, self.book.authority, names, now_ms)
        if self.folder is not None and self.folder.renew(self.book.authority, now_ms):
            self._told = False
        self._own_at_ms = now_ms + DAY_MS

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
            self._tell(self.folder)

    def _tell(self, folder: BrokerFolder) -> None:
        """At every beat until the broker has read them; said once."""
        self._told = folder.reload()
        if not self._told and not self._untold:
            log.error("broker_not_told", folder=str(folder.folder), remedy="reload mosquitto")
        self._untold = not self._told

    def _end_sessions(self) -> None:
        if self.end_session is None:
            return
        now_ms = self.clock.now_ms()
        for node, due in self._kicks.items():
            if due and due[0] <= now_ms:
                due.pop(0)
                self.counters.kicks += self.end_session(node)

    def _tell_keys(self) -> None:
        """Retained, and again with every session: a broker forgets what it retains when it is started again."""
        session, frame = self.publisher.session, encode(self.links())
        if not session or frame == encode(KeyChain(links=[])):
            return
        wanted = (session, frame, tuple(self.book.nodes()))
        if wanted == self._linked:
            return
        for node in wanted[2]:
            self.publisher.send(NodeTopics(self.tenant, node).keys, frame, retain=True)
        self._linked = wanted


def identity_work(
    book: SqlCertificates, publisher: Publisher, clock: Clock, config: SyncConfig
) -> IdentityWork:
    """As configured: lists and sessions only where the broker's folder is named."""
    broker, code = config.broker, config.community.code
    folder = None if broker.folder is None else BrokerFolder(broker.folder, code)

    def end(node: str) -> bool:
        """At the broker of this configuration and at those it bridges to: each knows its own sessions only."""
        assert broker.ca_file is not None
        assert broker.folder is not None
        places = ((broker.host, broker.port), *bridged_to(broker.folder))
        now_ms, ca = clock.now_ms(), broker.ca_file
        ended = [end_session(book.authority, node, host, port, ca, now_ms) for host, port in places]
        return any(ended)

    own = config.bus if broker.cert_file is not None and broker.cert_file.parent == config.bus else None
    kick = end if folder is not None and broker.ca_file is not None else None
    return IdentityWork(book, publisher, clock, code, folder, kick, lambda: key_links(config.keys), own)
