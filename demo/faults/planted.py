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

    def __init__(self, port: int, tenant: str) -> None:
        self._tenant = tenant
        self._port = port
        self._up = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="stranger", protocol=paho.MQTTv311)
        self._client.on_connect = lambda *_: self._up.set()

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

    # --- to a node, in the service's name ----------------------------------------------------------------------

    def ack(self, node: str, epoch: str, upto: int, sink_gen: str, *, retain: bool = False) -> None:
        said = Ack(e=epoch, upto=upto, sg=sink_gen, wv=WIRE_VERSION, wv_min=WIRE_VERSION_MIN)
        self.say(NodeTopics(self._tenant, node).ack, encode(said), retain=retain)

    def retained_command(self, node: str, payload: bytes) -> None:
        self.say(NodeTopics(self._tenant, node).cmd, payload, retain=True)

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
