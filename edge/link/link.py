"""The node's end of the bus: events up until they are committed, passes and erasures down, receipts back.

One thread owns the conversation.  It reads what is due from the ledger and never writes facts; the door never
waits for it.
"""

import base64
import random
import secrets
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Protocol

import msgspec
import structlog

from cloud_sync.protocol.messages import (
    Ack,
    BadMessage,
    Erase,
    EraseAck,
    Hello,
    Lag,
    SinkState,
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
from edge.link.identity import IdentityLink
from edge.link.mqtt import Heard, Session
from edge.link.passes import PassLink, PassSide, Verify
from edge.link.talk import Sign, Talk, TalkSource
from edge.link.translate import cmdack, received, wall_text
from edge.ports import ClockReading, LedgerRow, MadeAnchor

HELLO_EVERY_S = 30.0
TICK_S = 0.25  # how often time-outs are looked at while nothing happens
LIVE_WITHIN_MS = 5_000  # a batch is live only on the first sending of events this young (sync.md §5.1)
NONCE_CROSSING_S = 10.0  # how long a command may be on its way while the next hello goes up: T_cmd_age
ANSWERS_MAX = 256  # answers to commands not yet said; the oldest go first, their events say the same
HOUSE_EVERY_S = 60.0  # how often a bounded number of events whose time is over leaves the ledger
# Gates of a city are not to speak at one moment when their service returns; the longer it was away, the wider they spread.
BACK_WITHIN_RTO = 1 / 3
WATCHDOG_S = 90.0  # three hellos without any answer: the session is rebuilt

log = structlog.get_logger()


class LedgerSource(TalkSource, Protocol):
    """What the link reads of the ledger."""

    @property
    def oldest(self) -> int: ...

    def tip(self) -> tuple[int, bytes]: ...

    def pasts(self) -> Sequence[TalkSource]: ...

    def anchor(self, now: ClockReading) -> MadeAnchor | None: ...

    def keep_house(self, now: ClockReading) -> int: ...


@dataclass(frozen=True, slots=True)
class Aboard:
    """What the node has applied, for hello."""

    auth_ver: int
    root: str
    erase_ver: int


class NodeSide(Protocol):
    """What the link asks of the node.  Called on the link's thread; every answer is immediate or on disk."""

    @property
    def passes(self) -> PassSide: ...

    def aboard(self) -> Aboard: ...

    def clock(self) -> ClockReading: ...

    def state(self) -> State: ...

    def free_mb(self) -> int: ...

    def erase(self, pass_ids: Sequence[str], erase_ver: int) -> int:
        """Gone from the disk and from every gallery when it returns; how many templates went."""
        ...

    def link_changed(self, up: bool) -> None: ...

    def command(self, got: Received) -> None:
        """A signed command, not yet judged; only taken over here."""
        ...


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
        open_session: Callable[[tuple[str, ...], str, bytes], Session],
        sign: Sign | None = None,
    ) -> None:
        self._topics = topics
        self._software = software
        self._boot_id = boot_id
        self._ledger = ledger
        self._node = node
        self._verify = verify
        self._open_session = open_session
        self.faces = FaceLink(topics, verify)
        self.identity = IdentityLink(topics)
        self.passes = PassLink(topics, node.passes, verify)
        self._talk = Talk(topics.node, ledger, sign, self._is_young)
        self._pasts = [Talk(topics.node, past, sign, lambda _row: False) for past in ledger.pasts()]
        self._house_at_s = 0.0
        self._up = False
        self._hello_at_s = 0.0
        self._answer_at_s = 0.0
        self._again_at_s = inf
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
        """Events the service does not have, those of ledgers that ended among them."""
        return self._owed(self._ledger.head)

    def _owed(self, head: int) -> int:
        past = sum(talk.peer.head - talk.peer.acked for talk in self._pasts)
        return head - self._talk.peer.acked + past

    def stop(self) -> None:
        """End within two seconds; what is not acknowledged stays in the ledger."""
        self._stop.set()
        self.wake()
        self._thread.join(timeout=2.0)
        self._session.stop(farewell=(self._topics.up("st"), self._will()))

    def _new_session(self) -> Session:
        hears = (self._topics.down_all, self._topics.sink_state)
        return self._open_session(hears, self._topics.up("st"), self._will())

    def _will(self) -> bytes:
        return encode(State(on=False, e=self._ledger.epoch, boot_id=self._boot_id, state="OFFLINE"))

    # --- the loop ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            for heard in self._session.take(within_s=TICK_S):
                self._hear(heard)
            now_s = self._now_s()
            self._keep_house(now_s)
            if self._up:
                if self._state_asked.is_set():
                    self._state_asked.clear()
                    self.tell_state()
                if now_s >= self._again_at_s:
                    self._begin_again(now_s)
                if self._hello_asked.is_set() or now_s - self._hello_at_s >= HELLO_EVERY_S:
                    self._hello(now_s)
                self._send_answers()
                self.faces.send(self._session)
                self.passes.tick(now_s)
                self.passes.send(self._session)
                self.identity.ask(self._session, self._node.clock())
                self._send_due(now_s)
            self._watch_session(now_s)

    def _now_s(self) -> float:
        return self._node.clock().mono_ns / 1e9

    def _hear(self, heard: Heard) -> None:
        now_s = self._now_s()
        if heard.kind == "up":
            self._up = True
            for talk in (*self._pasts, self._talk):
                talk.peer.connected(now_s)
            self.passes.connected(now_s)
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
        """paho's thread can die, a session can go deaf and a certificate can be new; then it is built anew."""
        deaf, renewed = self._up and now_s - self._answer_at_s > WATCHDOG_S, self.identity.renewed()
        if not deaf and not renewed and self._session.alive():
            return
        log.warning("session_rebuilt", deaf=deaf, renewed=renewed)
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
        head, head_h = self._ledger.tip()
        hello = Hello(
            v=self._talk.peer.version,
            n=self._topics.node,
            e=self._ledger.epoch,
            sg=self._talk.peer.sink_gen,
            head=head,
            oldest=self._ledger.oldest,
            acked=self._talk.peer.acked,
            head_h=head_h.hex(),
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
            lag=Lag(outbox=self._owed(head), free_mb=self._node.free_mb()),
        )
        self._session.send(self._topics.up("hello"), encode(hello))
        self._offer_anchor(clock)
        self.tell_state()

    def _offer_anchor(self, clock: ClockReading) -> None:
        try:
            self._talk.offer(self._ledger.anchor(clock))
        except StoreError as error:
            log.error("anchor_not_made", why=str(error))

    def _send_answers(self) -> None:
        while self._answers:
            self._session.send(self._topics.up("cmdack"), encode(cmdack(self._answers.popleft())))

    def tell_state(self) -> None:
        """Publish the node's state (retained), if there is a session."""
        state = self._node.state()
        if faults := self._talk.faults():
            state = msgspec.structs.replace(state, state="DEGRADED", faults=[*state.faults, *faults])
        self._session.send(self._topics.up("st"), encode(state), retain=True)

    def _send_due(self, now_s: float) -> None:
        """What a ledger that ended left unsaid goes first: it is older."""
        for talk in (*self._pasts, self._talk):
            talk.tick(now_s)
            try:
                talk.send(now_s, lambda batch: self._session.send(self._topics.up("ev"), batch))
            except StoreError as error:
                log.error("ledger_not_read", why=str(error))

    def _keep_house(self, now_s: float) -> None:
        if now_s - self._house_at_s < HOUSE_EVERY_S:
            return
        self._house_at_s = now_s
        try:
            self._ledger.keep_house(self._node.clock())
        except StoreError as error:
            log.error("house_not_kept", why=str(error))

    def _is_young(self, row: LedgerRow) -> bool:
        """Recorded within the last moments of this very boot."""
        stamp = msgspec.json.decode(row.body, type=_When)
        age_ms = self._node.clock().mono_ns // 1_000_000 - stamp.mono_ms
        return stamp.boot_id == self._boot_id and age_ms <= LIVE_WITHIN_MS

    # --- down -------------------------------------------------------------------------------------------------

    def _receive(self, heard: Heard, now_s: float) -> None:
        if heard.topic == self._topics.ack and not heard.retain:
            self._on_ack(decode(heard.payload, Ack), now_s)
        elif heard.topic == self._topics.sink_state:
            self._on_sink(decode(heard.payload, SinkState), retained=heard.retain, now_s=now_s)
        elif self.passes.hear(heard, now_s):
            self._note_owed()
        elif heard.topic == self._topics.erase and not heard.retain:
            self._on_erase(decode(heard.payload, Erase))
        elif is_command(heard.topic, self._topics):  # retained too: it is the first thing the judge looks at
            self._node.command(received(heard.payload, retained=heard.retain, nonces=self._nonces(now_s)))
        elif not (self.faces.hear(heard) or self.identity.hear(heard)):
            log.warning("frame_ignored", topic=heard.topic, retained=heard.retain)

    def _nonces(self, now_s: float) -> frozenset[str]:
        """What a command that arrives now may quote."""
        last, until_s = self._last_nonce
        crossing = {last} if now_s < until_s else set()
        return frozenset({self._nonce} | crossing) - {""}

    def _on_ack(self, ack: Ack, now_s: float) -> None:
        self.passes.speaks(min(ack.wv, WIRE_VERSION))
        before = self._talk.faults()
        for talk in (*self._pasts, self._talk):
            talk.hear(ack, now_s)
        self._pasts = [talk for talk in self._pasts if not talk.over]
        if self._talk.faults() != before:
            self.tell_state()

    def _on_sink(self, said: SinkState, *, retained: bool, now_s: float) -> None:
        """What was sent while the sink was away is lost: no time-out, however far it has doubled, is waited for.

        A retained word is older than this session, at whose beginning everything was sent anew.
        """
        if said.on and not retained:
            self._again_at_s = now_s + random.uniform(0, self._talk.peer.rto_s * BACK_WITHIN_RTO)  # noqa: S311

    def _begin_again(self, now_s: float) -> None:
        self._again_at_s = inf
        for talk in (*self._pasts, self._talk):
            talk.peer.connected(now_s)
        self._hello(now_s)

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
        if self.faces.side is not None and self.passes.head is not None:
            known = self.passes.head.erase_ver
            self.faces.side.owes_erasure(known if known > self._node.aboard().erase_ver else 0)

    def _signed(self, message: Erase) -> bool:
        try:
            signature = base64.b64decode(message.sig, validate=True)
        except ValueError:  # not base64, or not even ASCII
            return False
        return self._verify(message.kid, signing_bytes(message), signature)


class _When(msgspec.Struct, frozen=True):
    boot_id: str
    mono_ms: int
