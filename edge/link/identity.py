"""The link's part in who is who: a certificate asked for before the old one ends, and keys that follow keys."""

from typing import Protocol

import structlog

from cloud_sync.protocol.identity import Issued, KeyChain, Renew
from cloud_sync.protocol.messages import decode, encode
from cloud_sync.protocol.topics import NodeTopics
from edge.link.mqtt import Heard, Session
from edge.ports import ClockReading

# The service answers within a second or two, or it is away; there are ten days for it.
ASK_EVERY_S = 600.0

log = structlog.get_logger()


class IdentitySide(Protocol):
    """What the link asks of the node.  Called on the link's thread; every answer is immediate or on the disk."""

    def wish(self, clock: ClockReading) -> Renew | None:
        """Signed; None while the certificate in use has long to live, or the node does not know the time."""
        ...

    def take(self, cert: str) -> bool:
        """True when it is in use from the next session on."""
        ...

    def follow(self, chain: KeyChain) -> bool: ...


class IdentityLink:
    """``side`` is attached once; without one, everything about identity is let pass."""

    def __init__(self, topics: NodeTopics) -> None:
        self._topics = topics
        self._ask_at_s = 0.0
        self._renewed = False
        self.side: IdentitySide | None = None

    def ask(self, session: Session, clock: ClockReading) -> None:
        """Ask for a certificate where one is due; from the link's thread."""
        now_s = clock.mono_ns / 1e9
        if self.side is None or now_s < self._ask_at_s:
            return
        self._ask_at_s = now_s + ASK_EVERY_S
        wish = self.side.wish(clock)
        if wish is not None:
            session.send(self._topics.up("renew"), encode(wish))

    def hear(self, heard: Heard) -> bool:
        """Take a frame that is about identity; False for any other.

        Raises:
            BadMessage: it cannot be read.
            StoreError: the disk did not keep it.
        """
        if heard.topic == self._topics.cert and not heard.retain:
            self._on_cert(decode(heard.payload, Issued))
        elif heard.topic == self._topics.keys:
            chain = decode(heard.payload, KeyChain)
            if self.side is not None and self.side.follow(chain):
                log.info("keys_followed", links=len(chain.links))
                self._renewed = (
                    True  # heads and rosters came before the key they are signed with: hear them again
                )
        else:
            return False
        return True

    def renewed(self) -> bool:
        """True once after a certificate was taken or a new key followed: the session is to be built anew.

        Until then TLS goes on with the old certificate, and what is retained under the new key is not believed.
        """
        renewed, self._renewed = self._renewed, False
        return renewed

    def _on_cert(self, issued: Issued) -> None:
        if self.side is None:
            return
        if issued.node == self._topics.node and self.side.take(issued.cert):
            self._renewed = True
            log.info("bus_certificate_renewed", node=issued.node)
        else:
            log.error("certificate_refused", why="not for this node's key, not the community's, or no newer")
