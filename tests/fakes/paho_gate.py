"""A gate of wire version 1 on a real MQTT session: ``GatePeer`` over a ledger in memory, and whole pass sets only."""

import base64
import threading
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from cloud_sync.protocol import merkle
from cloud_sync.protocol.gate_peer import GatePeer
from cloud_sync.protocol.messages import (
    Ack,
    AuthAck,
    Batch,
    Erase,
    EraseAck,
    Head,
    Message,
    Part,
    PassRow,
    State,
    decode,
    encode,
    signing_bytes,
)
from cloud_sync.protocol.topics import NodeTopics
from tests.fakes.wire_ledger import WireLedger, body

HELLO_EVERY_S = 1.0  # a real gate says it every 30 s; here recovery is what is being waited for
EVENTS_PER_PUBLISH = 20  # what 16 KB hold


class PahoGate:
    """``start`` and ``stop`` once; ``record`` from the test; everything else happens on its own thread."""

    def __init__(
        self,
        tenant: str,
        node: str,
        port: int,
        verify: Callable[[bytes, bytes], bool] | None = None,
        tls: Sequence[str] = (),
        host: str = "127.0.0.1",
    ) -> None:
        self.topics = NodeTopics(tenant, node)
        self.ledger = WireLedger(node)
        self.peer = GatePeer(self.ledger.epoch)
        self.rows: list[PassRow] = []
        self.auth_ver, self.root, self.erase_ver = 0, "", 0
        self.erased: list[str] = []
        self.heads: list[Head] = []
        self.acks: list[Ack] = []
        self.deaf_to_parts = False
        self._verify = verify
        self._parts: dict[int, bytes] = {}
        self._heard: deque[tuple[str, bytes]] = deque()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=node, clean_session=True, protocol=paho.MQTTv311
        )
        self.client.reconnect_delay_set(1, 1)
        if tls:
            self.client.tls_set(*tls)
        will = State(on=False, e=self.ledger.epoch, boot_id="b1", state="OFFLINE")
        self.client.will_set(self.topics.up("st"), encode(will), qos=1, retain=True)
        self.client.on_connect = self._on_connect
        self.client.on_message = lambda _client, _data, message: self._heard.append(
            (message.topic, message.payload)
        )
        self.client.connect_async(host, port, keepalive=20)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> "PahoGate":
        self.client.loop_start()
        self._thread.start()
        return self

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(5)
        self.client.disconnect()
        self.client.loop_stop()

    def record(self, count: int = 1, type_: str = "access.granted", **more: object) -> None:
        with self._lock:
            self.ledger.record(*(body(type_, **more) for _ in range(count)))

    def record_raw(self, raw: bytes) -> None:
        with self._lock:
            self.ledger.record(raw)

    @property
    def done(self) -> bool:
        return self.peer.acked == self.ledger.head

    def say(self, kind: str, message: Message | bytes, *, retain: bool = False) -> None:
        data = message if isinstance(message, bytes) else encode(message)
        self.client.publish(self.topics.up(kind), data, qos=1, retain=retain)

    # --- its thread -----------------------------------------------------------------------------------------

    def _on_connect(
        self, client: paho.Client, _data: object, _flags: object, reason, _properties: object
    ) -> None:
        if not reason.is_failure:
            client.subscribe(self.topics.down_all, qos=1)
            self._heard.append(("up", b""))

    def _run(self) -> None:
        hello_s = 0.0
        while not self._ended.wait(0.02):
            while self._heard:
                self._hear(*self._heard.popleft())
            now_s = monotonic()
            if not self.client.is_connected():
                continue
            self.peer.tick(now_s)
            if now_s - hello_s >= HELLO_EVERY_S:
                hello_s = now_s
                self._hello()
            self._send(now_s)

    def _hello(self) -> None:
        with self._lock:
            self.peer.recorded(self.ledger.head)
            aboard = {"auth_ver": self.auth_ver, "root": self.root, "erase_ver": self.erase_ver}
            hello = self.ledger.hello(acked=self.peer.acked, sg=self.peer.sink_gen, v=1, wv=1, **aboard)
        self.say("hello", hello)

    def _send(self, now_s: float) -> None:
        with self._lock:
            self.peer.recorded(self.ledger.head)
            frames: list[Batch] = []
            while due := self.peer.due()[:EVENTS_PER_PUBLISH]:
                frames.append(self.ledger.batch(due, sg=self.peer.sink_gen))
                self.peer.sending(due[-1], now_s)
        for frame in frames:
            self.say("ev", frame)

    def _hear(self, topic: str, payload: bytes) -> None:
        if topic == "up":
            self.peer.connected(monotonic())
            self._hello()
        elif topic == self.topics.ack:
            ack = decode(payload, Ack)
            self.acks.append(ack)
            self.peer.on_ack(ack.e, ack.upto, ack.sg, refuse=ack.refuse, now_s=monotonic())
        elif topic == self.topics.auth_head:
            self._on_head(decode(payload, Head))
        elif topic == self.topics.auth and not self.deaf_to_parts:
            self._on_part(decode(payload, Part))
        elif topic == self.topics.erase:
            self._on_erase(decode(payload, Erase))

    # --- passes ---------------------------------------------------------------------------------------------

    def _signed(self, message: Head | Erase) -> bool:
        return self._verify is None or self._verify(base64.b64decode(message.sig), signing_bytes(message))

    def _on_head(self, head: Head) -> None:
        assert self._signed(head)
        self.heads.append(head)

    def _on_part(self, part: Part) -> None:
        head = self.heads[-1]
        if part.auth_ver != head.auth_ver or part.auth_ver <= self.auth_ver:
            return
        self._parts[part.i] = base64.b64decode(part.data)
        if len(self._parts) < part.n:
            return
        rows = merkle.unpack(b"".join(self._parts[i] for i in range(part.n)))
        self._parts = {}
        assert (merkle.root(head.auth_ver, rows), len(rows)) == (head.root, head.count)
        self.rows, self.auth_ver, self.root = rows, head.auth_ver, head.root
        self.say("authack", AuthAck(auth_ver=self.auth_ver, root=self.root, applied_at=1))

    def _on_erase(self, erase: Erase) -> None:
        assert self._signed(erase)
        self.erased += [item.pass_id for item in erase.items]
        self.erase_ver = erase.erase_ver
        self.say("eraseack", EraseAck(erase_ver=erase.erase_ver, done_at=1, erased=len(erase.items)))
