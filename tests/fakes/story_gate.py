"""A gate of the privacy story: the real ledger, pass book, gallery and link of a node, on a clock that is stepped by hand."""

import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from cloud_sync.compose import Books
from cloud_sync.protocol import chain
from cloud_sync.protocol.messages import State
from cloud_sync.protocol.topics import NodeTopics
from edge.compose_passes import BookPasses
from edge.core.commands import Received
from edge.core.events import (
    AccessPointId,
    ClockState,
    CredentialKind,
    Fact,
    NodeId,
    PassId,
    Stamp,
    SubjectRef,
)
from edge.link.link import Aboard, Link
from edge.link.mqtt import Broker, Session
from edge.link.translate import decode_passes, encode_fact
from edge.ports import ClockReading
from edge.store.ballast import Ballast
from edge.store.device_key import verify_ed25519
from edge.store.gallery_store import GalleryStore
from edge.store.ledger import SqliteLedger
from edge.store.pass_book import PassBook
from tests.fakes.community_house import GATE, SteppedClock
from tests.fakes.sealed_nodes import template

NODE = "gate-1"


class StoryGate:
    """What a link asks of its node, and what happens at its one door."""

    def __init__(self, folder: Path, books: Books, clock: SteppedClock) -> None:
        folder.mkdir()
        self.folder, self._stepped = folder, clock
        self.ledger = SqliteLedger(
            folder / "events.db",
            NodeId(NODE),
            encode=encode_fact,
            chain=chain,
            new_epoch=lambda: secrets.token_hex(12),
            ballast=Ballast(folder / "events.reserve"),
        )
        self.book = PassBook(
            folder / "passes.db", decode=decode_passes, ballast=Ballast(folder / "passes.reserve")
        )
        self.gallery = GalleryStore(folder / "gallery.db", folder / "gallery.key")
        self.passes = BookPasses(self.book, self)
        self.erasures = 0
        self._erase_ver = 0
        public = books.keys.signer.public_key
        self.link = Link(
            topics=NodeTopics(books.config.community.code, NODE),
            software="story",
            boot_id="story",
            ledger=self.ledger,
            node=self,
            verify=lambda _kid, message, signature: verify_ed25519(public, message, signature),
            open_session=lambda subscribe, topic, will: Session(
                Broker("127.0.0.1", books.config.broker.port),
                NODE,
                subscribe=subscribe,
                will_topic=topic,
                will=will,
            ),
        )

    # --- what the link asks ------------------------------------------------------------------------------------

    def read(self) -> ClockReading:
        return ClockReading(self._stepped.now_ms(), time.monotonic_ns(), ClockState.TRUSTED, 0)

    def clock(self) -> ClockReading:
        return self.read()

    def aboard(self) -> Aboard:
        return Aboard(self.book.auth_ver, self.book.root, self._erase_ver)

    def state(self) -> State:
        return State(on=True, e=self.ledger.epoch, boot_id="story")

    def free_mb(self) -> int:
        return 1_000

    def erase(self, pass_ids: Sequence[str], erase_ver: int) -> int:
        erased = self.gallery.erase(set(pass_ids))
        self.book.note_erased(erase_ver)
        self._erase_ver = max(self._erase_ver, erase_ver)
        self.erasures += erased
        return erased

    def link_changed(self, up: bool) -> None: ...

    def command(self, got: Received) -> None: ...

    # --- at the door -------------------------------------------------------------------------------------------

    def enrol(self, pass_id: str) -> bytes:
        """Three frames became a template; its bytes, which nobody but this process ever sees in clear."""
        made = template(41).to_bytes()
        self.gallery.put(pass_id, made, not_after_ms=self._stepped.now_ms() + 2 * 86_400_000)
        self.tells("sys.enrolled", pass_id=PassId(pass_id))
        return made

    def goes(self, direction: str, pass_id: str, subject: str) -> None:
        """Through the door by face."""
        who = {
            "pass_id": PassId(pass_id),
            "subject_ref": SubjectRef(subject),
            "cls": "guest",
            "direction": direction,
        }
        for type_ in ("access.granted", "access.taken"):
            self.tells(type_, credential_kind=CredentialKind.FACE, decision="allow", reason="ok", **who)

    def tells(self, type_: str, **more: object) -> None:
        now = self.read()
        stamp = Stamp("story", now.mono_ns // 1_000_000, now.wall_ms, now.state, now.bound_ms)
        self.ledger.append([Fact(type_, access_point=AccessPointId(GATE), **more)], stamp)  # type: ignore[arg-type]
        self.link.wake()

    def keeps_house(self) -> None:
        """As every minute: what has run out leaves the ledger, the pass book and the gallery."""
        self.ledger.keep_house(self.read())
        self.passes.tidy()
        self.gallery.erase(self.gallery.expired(self._stepped.now_ms()))

    def close(self) -> None:
        self.link.stop()
        self.ledger.close()
        self.book.close()
        self.gallery.close()
