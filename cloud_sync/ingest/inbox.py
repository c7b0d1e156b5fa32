"""The broker, seen from the service: paho-mqtt behind ``ports.Inbox`` and ``ports.Publisher``.

MQTT 3.1.1, QoS 1, clean session, acknowledged by hand.  Callbacks only append to a deque; one thread publishes; one
thread keeps a client alive and makes a new one whenever the connection, or the library's own thread, is gone.  No
lock of ours is ever held around a call into the library: that deadlocks (sync.md §16).
"""

import queue
import random
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from cloud_sync.ports import Delivery

KEEPALIVE_S = 20  # as measured (sync.md §3.2)
CONNECT_TIMEOUT_S = 5.0
RETRY_FIRST_S = 0.5
RETRY_MAX_S = 15.0  # a gate says hello every 30 s; the service should be back before the second one
WATCH_S = 0.25  # how often the connection is looked at; bounds the delay of noticing a dead network thread
# The library's default of 20 would throttle the group commit; it also never reads the broker's own limit.
INFLIGHT_MAX = 1_000
# Deliveries not yet taken.  mosquitto 2.0.11 does not stop at its own in-flight limit (11,564 were open at 1,000), so
# reading from the broker waits here; what still finds no room is dropped unacknowledged, and the gates send it again.
ARRIVED_BYTES_MAX = 64 * 1024 * 1024
ROOM_WAIT_S = 1.0  # well below the keepalive: between two waits the library answers the broker's pings
OUTGOING_MAX = 20_000  # two full snapshots for a hundred nodes; beyond it frames are dropped and driven again
MIDS = 65_536

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    host: str
    port: int
    client_id: str
    ca_file: str | None = None  # TLS when given
    cert_file: str | None = None
    key_file: str | None = None


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us when we are gone; retained."""

    topic: str
    payload: bytes


@dataclass(slots=True)
class InboxCounters:
    sessions: int = 0
    overflowed: int = 0
    unsent: int = 0
    callback_faults: int = 0


class PahoInbox:
    """Connects by itself, for as long as it lives; ``session`` moves when subscriptions are in place again."""

    def __init__(self, address: BrokerAddress, filters: Sequence[str], will: Will | None = None) -> None:
        self._address = address
        self._filters = tuple(filters)
        self._will = will
        self.counters = InboxCounters()
        self._arrived: deque[Delivery] = deque()
        self._came_bytes = 0  # counted by the library's thread only
        self._taken_bytes = 0  # counted by the taker only
        self._room = threading.Event()
        self._something = threading.Event()
        self._outgoing: queue.Queue[tuple[str, bytes, bool]] = queue.Queue(maxsize=OUTGOING_MAX)
        self._client: mqtt.Client | None = None
        self._generation = 0  # one per client object; a token of another one is void
        self._session = 0
        self._ready = threading.Event()
        self._lost = threading.Event()
        self._closing = threading.Event()
        self._threads = [
            threading.Thread(target=self._keep_connected, name="inbox-watch", daemon=True),
            threading.Thread(target=self._publish, name="inbox-publish", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    # --- the port -----------------------------------------------------------------------------------------

    @property
    def session(self) -> int:
        return self._session

    @property
    def connected(self) -> bool:
        return self._ready.is_set()

    def take(self, *, most: int, within_s: float) -> list[Delivery]:
        """What has arrived, in order; waits for the first one, but never longer than ``within_s``."""
        if not self._arrived:
            self._something.wait(within_s)
        self._something.clear()
        taken: list[Delivery] = []
        while self._arrived and len(taken) < most:
            taken.append(self._arrived.popleft())
        self._taken_bytes += sum(len(delivery.payload) for delivery in taken)
        self._room.set()
        return taken

    def settle(self, deliveries: Sequence[Delivery]) -> None:
        """PUBACK in order; what came in by an earlier connection needs none, its broker side is gone."""
        client = self._client
        for delivery in deliveries:
            generation, mid = divmod(delivery.token, MIDS)
            if client is not None and mid and generation == self._generation:
                client.ack(mid, 1)

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        if not self._ready.is_set():
            self.counters.unsent += 1
            return
        try:
            self._outgoing.put_nowait((topic, payload, retain))
        except queue.Full:
            self.counters.unsent += 1

    def close(self) -> None:
        """Say good-bye and end all threads; safe to call twice."""
        self._closing.set()
        self._lost.set()
        self._something.set()
        for thread in self._threads:
            thread.join(timeout=CONNECT_TIMEOUT_S * 2)

    # --- one thread publishes -----------------------------------------------------------------------------

    def _publish(self) -> None:
        while not self._closing.is_set():
            try:
                topic, payload, retain = self._outgoing.get(timeout=WATCH_S)
            except queue.Empty:
                continue
            client = self._client
            if (
                client is None
                or not self._ready.is_set()
                or not _published(client, topic, payload, retain=retain)
            ):
                self.counters.unsent += 1

    # --- one thread keeps a client alive --------------------------------------------------------------------

    def _keep_connected(self) -> None:
        wait_s = RETRY_FIRST_S
        while not self._closing.is_set():
            before = self._session
            self._one_connection()
            wait_s = RETRY_FIRST_S if self._session > before else min(RETRY_MAX_S, wait_s * 2)
            # Jitter: after a power cut every client of a street comes back at the same moment.
            self._closing.wait(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret

    def _one_connection(self) -> None:
        """A client from its making to its end; returns when it is lost, whatever the reason."""
        client = self._build()
        try:
            client.connect(self._address.host, self._address.port, keepalive=KEEPALIVE_S)
        except (OSError, ValueError) as error:
            log.info("broker_unreachable", host=self._address.host, port=self._address.port, error=str(error))
            return
        client.loop_start()
        network = _network_thread(self._address.client_id)
        try:
            while not self._lost.wait(WATCH_S):
                if network is None or not network.is_alive():
                    log.warning("network_thread_died", port=self._address.port)
                    return
        finally:
            self._end(client)

    def _end(self, client: mqtt.Client) -> None:
        was_ready = self._ready.is_set()
        self._ready.clear()
        self._client = None
        if was_ready and self._closing.is_set() and self._will is not None:
            farewell = client.publish(self._will.topic, self._will.payload, qos=1, retain=True)
            _wait_published(farewell)
        client.disconnect()
        client.loop_stop()

    def _build(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._address.client_id,
            clean_session=True,
            protocol=mqtt.MQTTv311,
            reconnect_on_failure=False,  # a new client instead: what was half-way in the old one is void
            manual_ack=True,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(INFLIGHT_MAX)
        client.max_queued_messages_set(OUTGOING_MAX)
        if self._address.ca_file:
            client.tls_set(self._address.ca_file, self._address.cert_file, self._address.key_file)
        if self._will is not None:
            client.will_set(self._will.topic, self._will.payload, qos=1, retain=True)
        client.on_connect = self._guarded(self._on_connect)
        client.on_subscribe = self._guarded(self._on_subscribe)
        client.on_message = self._guarded(self._on_message)
        client.on_disconnect = self._guarded(self._on_disconnect)
        self._lost.clear()
        if self._closing.is_set():
            self._lost.set()
        self._generation += 1
        self._client = client
        return client

    # --- callbacks, on the library's thread ---------------------------------------------------------------

    def _guarded(self, callback: Callable[..., None]) -> Callable[..., None]:
        """An exception in a callback would end the library's thread for good, silently."""

        def guarded(client: mqtt.Client, *arguments: Any) -> None:
            if client is not self._client:
                return  # a late word from a client already given up
            try:
                callback(client, *arguments)
            except Exception:  # whatever it is, the library's thread has to live; a new client follows
                log.exception("callback_failed")
                self.counters.callback_faults += 1
                self._lost.set()

        return guarded

    def _on_connect(
        self, client: mqtt.Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        if reason.is_failure:
            log.warning("broker_refused", reason=str(reason))
            self._lost.set()
        elif self._filters:
            client.subscribe([(topic, 1) for topic in self._filters])
        else:
            self._be_ready()

    def _on_subscribe(
        self, _client: mqtt.Client, _data: Any, _mid: int, reasons: list[ReasonCode], _properties: Any
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            log.warning("subscription_refused", reasons=[str(reason) for reason in reasons])
            self._lost.set()
        else:
            self._be_ready()

    def _be_ready(self) -> None:
        self._session += 1
        self.counters.sessions += 1
        self._ready.set()
        self._something.set()

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        if not self._has_room():
            self.counters.overflowed += 1
            return
        self._came_bytes += len(message.payload)
        mid = message.mid if message.qos else 0
        token = self._generation * MIDS + mid
        self._arrived.append(Delivery(message.topic, bytes(message.payload), bool(message.retain), token))
        self._something.set()

    def _has_room(self) -> bool:
        """Now, or soon: while the library's thread waits here, TCP makes the broker wait."""
        if self._came_bytes - self._taken_bytes >= ARRIVED_BYTES_MAX:
            self._room.clear()
            self._room.wait(ROOM_WAIT_S)
        return self._came_bytes - self._taken_bytes < ARRIVED_BYTES_MAX

    def _on_disconnect(
        self, _client: mqtt.Client, _data: Any, _flags: Any, _reason: Any, _properties: Any
    ) -> None:
        self._ready.clear()
        self._lost.set()


def _published(client: mqtt.Client, topic: str, payload: bytes, *, retain: bool) -> bool:
    return client.publish(topic, payload, qos=1, retain=retain).rc == mqtt.MQTT_ERR_SUCCESS


def _wait_published(info: mqtt.MQTTMessageInfo) -> None:
    try:
        info.wait_for_publish(timeout=1.0)
    except (RuntimeError, ValueError):
        return  # already disconnected: the will says the same


def _network_thread(client_id: str) -> threading.Thread | None:
    """The library names its thread after the client; it offers no other way to ask whether it lives."""
    name = f"paho-mqtt-client-{client_id}"
    return next((thread for thread in threading.enumerate() if thread.name == name), None)
