"""What a stranger at an open broker says in the names of node and service.  Real brokers refuse it (the ACL); here it
is heard, and must do no harm.

Not planted is a forged event of the present epoch: who may speak for a node may also record for it, and it is the
certificate that keeps others from it.  What becomes of a clone is tried in the tests of the conversation.
"""

import threading

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from cloud_sync.protocol.messages import Ack, Batch, encode
from cloud_sync.protocol.topics import NodeTopics
from cloud_sync.protocol.versions import WIRE_VERSION, WIRE_VERSION_MIN

SAID_S = 5.0


class Stranger:
    """A client of its own; ``with`` it."""

    def __init__(self, port: int, tenant: str, name: str = "stranger") -> None:
        self._tenant = tenant
        self._port = port
        self._up = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=paho.MQTTv311)
        self._client.on_connect = lambda *_: self._up.set()
        self.heard: list[tuple[str, bytes]] = []
        self._client.on_message = lambda _client, _data, message: self.heard.append(
            (message.topic, bytes(message.payload))
        )

    def __enter__(self) -> "Stranger":
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        if not self._up.wait(SAID_S):
            raise TimeoutError(
                f"the broker on port {self._port} did not answer a stranger within {SAID_S:g} s"
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(SAID_S)

    def listen_for_passes(self, node: str) -> None:
        """From now on ``heard`` gets heads and sets of this node."""
        topics = NodeTopics(self._tenant, node)
        self._client.subscribe([(topics.auth, 1), (topics.auth_head, 1)])

    def head_of(self, node: str) -> bytes | None:
        """The newest head of this node's passes that was retained or said; None while there is none."""
        topic = NodeTopics(self._tenant, node).auth_head
        return next((payload for said, payload in reversed(self.heard) if said == topic), None)

    # --- to a node, in the service's name ----------------------------------------------------------------------

    def ack(self, node: str, epoch: str, upto: int, sink_gen: str, *, retain: bool = False) -> None:
        said = Ack(e=epoch, upto=upto, sg=sink_gen, wv=WIRE_VERSION, wv_min=WIRE_VERSION_MIN)
        self.say(NodeTopics(self._tenant, node).ack, encode(said), retain=retain)

    def retained_command(self, node: str, payload: bytes) -> None:
        self.say(NodeTopics(self._tenant, node).cmd, payload, retain=True)

    def head(self, node: str, payload: bytes) -> None:
        self.say(NodeTopics(self._tenant, node).auth_head, payload, retain=True)

    def passes(self, node: str, said: list[tuple[str, bytes]]) -> None:
        """What the service once said to this node, word for word."""
        topics = NodeTopics(self._tenant, node)
        for topic, payload in said:
            if topic in (topics.auth, topics.auth_head):
                self.say(topic, payload, retain=topic == topics.auth_head)

    def forget(self, node: str) -> None:
        """Take back what was retained; an empty payload is a broker's way to forget."""
        topics = NodeTopics(self._tenant, node)
        for topic in (topics.ack, topics.cmd):
            self.say(topic, b"", retain=True)

    # --- to the service, in a node's name ----------------------------------------------------------------------

    def hello(self, node: str, hello: bytes) -> None:
        self.say(NodeTopics(self._tenant, node).up("hello"), hello)

    def poison(self, node: str, bodies: list[bytes]) -> None:
        """Frames nobody can read, and one that speaks for another node."""
        topics = NodeTopics(self._tenant, node)
        for body in bodies:
            self.say(topics.up("ev"), body)
        foreign = Batch(v=WIRE_VERSION, n="n-nobody", e="0" * 24, ev=[])
        self.say(topics.up("ev"), encode(foreign))
