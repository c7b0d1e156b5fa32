"""The node's end of the bus: events up until they are committed, passes and erasures down, receipts back.

One thread owns the conversation.  It reads what is due from the ledger and never writes facts; the door never
waits for it.
"""

import base64
import secrets
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
import structlog

from cloud_sync.protocol import chain, merkle
from cloud_sync.protocol.gate_peer import GatePeer
from cloud_sync.protocol.messages import (
    PUBLISH_BYTES_MAX,
    Ack,
    AuthAck,
    BadMessage,
    Batch,
    Erase,
    EraseAck,
    Head,
    Hello,
    Lag,
    Part,
    State,
    decode,
    encode,
    signing_bytes,
)
from cloud_sync.protocol.topics import NodeTopics, is_command
from cloud_sync.protocol.versions import WIRE_VERSION, WIRE_VERSION_MIN
from edge.core.commands import Answer, Received
from edge.errors import StoreError
from edge.link.faces import FaceLink
from edge.link.mqtt import Heard, Session
from edge.link.translate import cmdack, received, wall_text
from edge.ports import ClockReading, LedgerRow

HELLO_EVERY_S = 30.0
TICK_S = 0.25  # how often time-outs are looked at while nothing happens
LIVE_WITHIN_MS = 5_000  # a batch is live only on the first sending of events this young (sync.md §5.1)
PARTS_MAX = 1_000  # a snapshot of 12 MB; more is refused before memory is spent on it
NONCE_CROSSING_S = 10.0  # how long a command may be on its way while the next hello goes up: T_cmd_age
ANSWERS_MAX = 256  # answers to commands not yet said; the oldest go first, their events say the same
WATCHDOG_S = 90.0  # three hellos without any answer: the session is rebuilt

log = structlog.get_logger()


class LedgerSource(Protocol):
    """What the link reads of the ledger."""

    epoch: str
    acked: int
    sink_gen: str

    @property
    def head(self) -> int: ...

    @property
    def oldest(self) -> int: ...

    def rows(self, seqs: range, *, bytes_max: int) -> list[LedgerRow]: ...

    def hash_at_head(self) -> bytes: ...

    def remember(self, acked: int, sink_gen: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Aboard:
    """What the node has applied, for hello."""

    auth_ver: int
    root: str
    erase_ver: int


class NodeSide(Protocol):
    """What the link asks of the node.  Called on the link's thread; every answer is immediate or on disk."""

    def aboard(self) -> Aboard: ...

    def clock(self) -> ClockReading: ...

    def state(self) -> State: ...

    def free_mb(self) -> int: ...

    def apply_passes(self, auth_ver: int, root: str, packed: bytes) -> bool:
        """Durable when it returns; False for an older version."""
        ...

    def note_head(self, issued_ms: int, lease_until_ms: int) -> None: ...

    def erase(self, pass_ids: Sequence[str], erase_ver: int) -> int:
        """Gone from the disk and from every gallery when it returns; how many templates went."""
        ...

    def link_changed(self, up: bool) -> None: ...

    def command(self, got: Received) -> None:
        """A signed command, not yet judged; only taken over here."""
        ...


Verify = Callable[[str, bytes, bytes], bool]  # (key id, message, signature)


@dataclass(slots=True)
class _Parts:
    """The pieces of one snapshot as they come in."""

    auth_ver: int
    n: int
    got: dict[int, bytes] = field(default_factory=dict)


class Link:
    """Start it once; stop it once; ``wake`` it whenever the ledger has grown."""

    def __init__(
        self,
        *,
        topics: NodeTopics,
        software: str,
        boot_id: str,
        ledger: LedgerSource,
        node: NodeSide,
        verify: Verify,
        open_session: Callable[[str, str, bytes], Session],
    ) -> None:
        self._topics = topics
        self._software = software
        self._boot_id = boot_id
        self._ledger = ledger
        self._node = node
        self._verify = verify
        self._open_session = open_session
        self.faces = FaceLink(topics, verify)
        self._peer = GatePeer(ledger.epoch, head=ledger.head, acked=ledger.acked, sink_gen=ledger.sink_gen)
        self._sent_once = ledger.acked
        self._head: Head | None = None
        self._parts: _Parts | None = None
        self._up = False
        self._hello_at_s = 0.0
        self._answer_at_s = 0.0
        self._nonce = ""
        self._last_nonce = ("", 0.0)
        self._answers: deque[Answer] = deque(maxlen=ANSWERS_MAX)
        self._state_asked = threading.Event()
        self._hello_asked = threading.Event()
        self._stop = threading.Event()
        self._session = self._new_session()
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)

    def start(self) -> None:
        self._session.start()
        self._thread.start()

    def wake(self) -> None:
        """There is something new to send; cheap, from any thread."""
        self._session.bell.set()

    def ask_state(self) -> None:
        """The node's state has changed: publish it at the next turn; cheap, from any thread."""
        self._state_asked.set()
        self.wake()

    def answer(self, answer: Answer) -> None:
        """What became of a command; said at the next turn, from any thread.  Its event says it again, for certain."""
        self._answers.append(answer)
        self.wake()

    def nonce_used(self) -> None:
        """A command has quoted the nonce: the next one has to quote another; from any thread."""
        self._hello_asked.set()
        self.wake()

    @property
    def outbox(self) -> int:
        return self._ledger.head - self._peer.acked

    def stop(self) -> None:
        """End within two seconds; what is not acknowledged stays in the ledger."""
        self._stop.set()
        self.wake()
        self._thread.join(timeout=2.0)
        self._session.stop(farewell=(self._topics.up("st"), self._will()))

    def _new_session(self) -> Session:
        return self._open_session(self._topics.down_all, self._topics.up("st"), self._will())

    def _will(self) -> bytes:
        return encode(State(on=False, e=self._ledger.epoch, boot_id=self._boot_id, state="OFFLINE"))

    # --- the loop ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            for heard in self._session.take(within_s=TICK_S):
                self._hear(heard)
            now_s = self._now_s()
            self._peer.recorded(self._ledger.head)
            if self._up:
                if self._state_asked.is_set():
                    self._state_asked.clear()
                    self.tell_state()
                if self._hello_asked.is_set() or now_s - self._hello_at_s >= HELLO_EVERY_S:
                    self._hello(now_s)
                self._send_answers()
                self.faces.send(self._session)
                if self._peer.tick(now_s):
                    log.info("resending", from_seq=self._peer.acked + 1, rto_s=self._peer.rto_s)
                self._send_due(now_s)
            self._watch_session(now_s)

    def _now_s(self) -> float:
        return self._node.clock().mono_ns / 1e9

    def _hear(self, heard: Heard) -> None:
        now_s = self._now_s()
        if heard.kind == "up":
            self._up = True
            self._peer.connected(now_s)
            self._answer_at_s = now_s
            self._hello(now_s)
            self._node.link_changed(True)
            if self.faces.side is not None:
                self.faces.side.link_up()
        elif heard.kind == "down":
            if self._up:
                self._node.link_changed(False)
            self._up = False
        else:
            self._answer_at_s = now_s
            try:
                self._receive(heard, now_s)
            except BadMessage as error:
                log.warning("frame_not_understood", topic=heard.topic, why=str(error))
            except StoreError as error:
                log.error("could_not_keep", topic=heard.topic, why=str(error))
            except TimeoutError:  # the node is busy; what was not answered is sent again
                log.error("not_done_in_time", topic=heard.topic)

    def _watch_session(self, now_s: float) -> None:
        """paho's thread can die and a session can go deaf; then it is built anew."""
        deaf = self._up and now_s - self._answer_at_s > WATCHDOG_S
        if not deaf and self._session.alive():
            return
        log.warning("session_rebuilt", deaf=deaf)
        self._session.stop()
        self._up = False
        self._answer_at_s = now_s
        self._session = self._new_session()
        self._session.start()

    # --- up ---------------------------------------------------------------------------------------------------

    def _hello(self, now_s: float) -> None:
        self._hello_at_s = now_s
        self._hello_asked.clear()
        # A command held back on its way dies with the nonce it quotes; one that crosses this hello still lives.
        self._last_nonce = (self._nonce, now_s + NONCE_CROSSING_S)
        self._nonce = secrets.token_hex(8)
        aboard, clock = self._node.aboard(), self._node.clock()
        hello = Hello(
            v=WIRE_VERSION,
            n=self._topics.node,
            e=self._ledger.epoch,
            sg=self._peer.sink_gen,
            head=self._ledger.head,
            oldest=self._ledger.oldest,
            acked=self._peer.acked,
            head_h=self._ledger.hash_at_head().hex(),
            sw=self._software,
            wv=WIRE_VERSION,
            wv_min=WIRE_VERSION_MIN,
            auth_ver=aboard.auth_ver,
            root=aboard.root,
            erase_ver=aboard.erase_ver,
            boot_id=self._boot_id,
            mono_ms=clock.mono_ns // 1_000_000,
            wall=wall_text(clock.wall_ms),
            clock_state=clock.state.value,
            clock_bound_ms=clock.bound_ms,
            nonce=self._nonce,
            lag=Lag(outbox=self.outbox, free_mb=self._node.free_mb()),
        )
        self._session.send(self._topics.up("hello"), encode(hello))
        self.tell_state()

    def _send_answers(self) -> None:
        while self._answers:
            self._session.send(self._topics.up("cmdack"), encode(cmdack(self._answers.popleft())))

    def tell_state(self) -> None:
        """Publish the node's state (retained), if there is a session."""
        self._session.send(self._topics.up("st"), encode(self._node.state()), retain=True)

    def _send_due(self, now_s: float) -> None:
        while due := self._peer.due():
            rows = self._ledger.rows(due, bytes_max=PUBLISH_BYTES_MAX - 512)
            if not rows or not self._session.send(self._topics.up("ev"), self._batch(rows)):
                return
            self._peer.sending(rows[-1].seq, now_s)
            self._sent_once = max(self._sent_once, rows[-1].seq)

    def _batch(self, rows: list[LedgerRow]) -> bytes:
        return encode(
            Batch(
                v=WIRE_VERSION,
                n=self._topics.node,
                e=self._ledger.epoch,
                sg=self._peer.sink_gen,
                lv=rows[0].seq > self._sent_once and self._is_young(rows[0]),
                ev=[(row.seq, msgspec.Raw(row.body), chain.short(row.h)) for row in rows],
            )
        )

    def _is_young(self, row: LedgerRow) -> bool:
        """Recorded within the last moments of this very boot."""
        stamp = msgspec.json.decode(row.body, type=_When)
        age_ms = self._node.clock().mono_ns // 1_000_000 - stamp.mono_ms
        return stamp.boot_id == self._boot_id and age_ms <= LIVE_WITHIN_MS

    # --- down -------------------------------------------------------------------------------------------------

    def _receive(self, heard: Heard, now_s: float) -> None:
        if heard.topic == self._topics.ack and not heard.retain:
            self._on_ack(decode(heard.payload, Ack), now_s)
        elif heard.topic == self._topics.auth_head:
            self._on_head(decode(heard.payload, Head))
        elif heard.topic == self._topics.auth and not heard.retain:
            self._on_part(decode(heard.payload, Part))
        elif heard.topic == self._topics.erase and not heard.retain:
            self._on_erase(decode(heard.payload, Erase))
        elif is_command(
            heard.topic, self._topics
        ):  # a retained one too: it is the first thing the judge looks at
            self._node.command(received(heard.payload, retained=heard.retain, nonces=self._nonces(now_s)))
        elif not self.faces.hear(heard):
            log.warning("frame_ignored", topic=heard.topic, retained=heard.retain)

    def _nonces(self, now_s: float) -> frozenset[str]:
        """What a command that arrives now may quote."""
        last, until_s = self._last_nonce
        crossing = {last} if now_s < until_s else set()
        return frozenset({self._nonce} | crossing) - {""}

    def _on_ack(self, ack: Ack, now_s: float) -> None:
        if self._peer.on_ack(ack.e, ack.upto, ack.sg, refuse=ack.refuse, now_s=now_s):
            self._ledger.remember(self._peer.acked, self._peer.sink_gen)

    def _on_head(self, head: Head) -> None:
        if head.node != self._topics.node or not self._signed(head):
            log.error("head_refused", auth_ver=head.auth_ver, why="signature or node is wrong")
            return
        if self._head is not None and head.issued < self._head.issued:
            return
        self._head = head
        self._node.note_head(head.issued, head.lease_until)
        self._note_owed()
        aboard = self._node.aboard()
        if head.auth_ver == aboard.auth_ver and head.root == aboard.root:
            self._receipt(head.auth_ver, head.root)
        else:
            self._try_apply()

    def _on_part(self, part: Part) -> None:
        if not 0 <= part.i < part.n <= PARTS_MAX:
            raise BadMessage(f"part {part.i} of {part.n} cannot be")
        if self._parts is None or (self._parts.auth_ver, self._parts.n) != (part.auth_ver, part.n):
            if self._parts is not None and part.auth_ver < self._parts.auth_ver:
                return
            self._parts = _Parts(part.auth_ver, part.n)
        try:
            self._parts.got[part.i] = base64.b64decode(part.data, validate=True)
        except ValueError as error:
            raise BadMessage(f"part {part.i} is not base64: {error}") from error
        self._try_apply()

    def _try_apply(self) -> None:
        """Apply when head and parts are of one version, whole, and give the signed root; else wait or refuse."""
        head, parts = self._head, self._parts
        if head is None or parts is None or parts.auth_ver != head.auth_ver or len(parts.got) < parts.n:
            return
        self._parts = None
        packed = b"".join(parts.got[i] for i in range(parts.n))
        try:
            root = merkle.root(head.auth_ver, merkle.unpack(packed))
        except msgspec.DecodeError:
            root = "undecodable"
        if root != head.root:
            log.error("passes_refused", auth_ver=head.auth_ver, why="the rows do not give the signed root")
            return
        if self._node.apply_passes(head.auth_ver, root, packed):
            log.info("passes_applied", auth_ver=head.auth_ver, count=head.count)
            self._receipt(head.auth_ver, root)
        else:
            log.error("passes_refused", auth_ver=head.auth_ver, why="older than what was applied before")
            self._receipt(head.auth_ver, root, refused="older")

    def _receipt(self, auth_ver: int, root: str, *, refused: str | None = None) -> None:
        receipt = AuthAck(
            auth_ver=auth_ver, root=root, applied_at=self._node.clock().wall_ms, refused=refused
        )
        self._session.send(self._topics.up("authack"), encode(receipt))

    def _on_erase(self, erase: Erase) -> None:
        if erase.node != self._topics.node or not self._signed(erase):
            log.error("erase_refused", erase_ver=erase.erase_ver, why="signature or node is wrong")
            return
        if self.faces.side is not None:  # before: nothing that was sealed earlier comes in behind the erasure
            self.faces.side.tombstones({item.pass_id: item.pass_version for item in erase.items})
        erased = self._node.erase([item.pass_id for item in erase.items], erase.erase_ver)
        self._note_owed()
        log.info("erased", erase_ver=erase.erase_ver, templates=erased)
        done = EraseAck(erase_ver=erase.erase_ver, done_at=self._node.clock().wall_ms, erased=erased)
        self._session.send(self._topics.up("eraseack"), encode(done))

    def _note_owed(self) -> None:
        """An erasure the head knows of and we do not: the node looks at no face until it is done."""
        if self.faces.side is not None and self._head is not None:
            known = self._head.erase_ver
            self.faces.side.owes_erasure(known if known > self._node.aboard().erase_ver else 0)

    def _signed(self, message: Head | Erase) -> bool:
        try:
            signature = base64.b64decode(message.sig, validate=True)
        except ValueError:  # not base64, or not even ASCII
            return False
        return self._verify(message.kid, signing_bytes(message), signature)


class _When(msgspec.Struct, frozen=True):
    boot_id: str
    mono_ms: int
