"""The broker, seen from the service: paho-mqtt behind ``ports.Inbox`` and ``ports.Publisher``.

MQTT 3.1.1, QoS 1, clean session, acknowledged by hand.  One thread of our own does everything with the library: it makes
a client, drives its socket, and makes a new one whenever the connection is gone or anything in it broke.  Everybody
else only appends to a deque and rings.  The library's own thread cost 70 of the 97 µs that storing one publish took
(ADR 0048).  No lock of ours is ever held around a call into the library: that deadlocks (sync.md §16).
"""

import random
import select
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from cloud_sync.ingest.bell import Bell
from cloud_sync.ports import Delivery

KEEPALIVE_S = 20  # as measured (sync.md §3.2)
CONNECT_TIMEOUT_S = 5.0
RETRY_FIRST_S = 0.5
RETRY_MAX_S = 15.0  # a gate says hello every 30 s; the service should be back before the second one
WATCH_S = 0.25  # the longest the network thread sleeps: keepalive and a close are looked at that often
BURST = (
    200  # packets read before what waits to go out has its turn, and frames handed over before reading has
)
FAREWELL_S = 1.0
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
        self._came_bytes = 0  # counted by the network thread only
        self._taken_bytes = 0  # counted by the taker only
        self._room = threading.Event()
        self._something = threading.Event()
        self._outgoing: deque[tuple[str, bytes, bool]] = deque()
        self._heard = 0  # messages the broker has sent us, kept or not
        self._settled: deque[int] = deque()  # tokens; no more than were taken
        self._bell = Bell()
        self._client: mqtt.Client | None = None
        self._generation = 0  # one per client object; a token of another one is void
        self._session = 0
        self._ready = threading.Event()
        self._lost = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep_connected, name="inbox", daemon=True)
        self._thread.start()

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
        self._settled.extend(delivery.token for delivery in deliveries)
        self._bell.ring()

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        if not self._ready.is_set() or len(self._outgoing) >= OUTGOING_MAX:
            self.counters.unsent += 1
            return
        self._outgoing.append((topic, payload, retain))
        self._bell.ring()

    def close(self) -> None:
        """Say good-bye and end the thread; safe to call twice."""
        self._closing.set()
        self._lost.set()
        self._something.set()
        self._room.set()
        self._bell.ring()
        self._thread.join(timeout=CONNECT_TIMEOUT_S * 2)
        self._bell.close()

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
        try:
            while not self._lost.is_set() and self._turn(client):
                pass
        except Exception:  # whatever broke in the library: this thread has to live, and a new client follows
            log.exception("network_failed", port=self._address.port)
        finally:
            self._end(client)

    def _end(self, client: mqtt.Client) -> None:
        was_ready = self._ready.is_set()
        self._ready.clear()
        self._client = None
        self.counters.unsent += len(self._outgoing)
        self._outgoing.clear()
        try:
            if was_ready and self._closing.is_set() and self._will is not None:
                farewell = client.publish(self._will.topic, self._will.payload, qos=1, retain=True)
                self._drive_until(client, farewell.is_published)
            client.disconnect()
            self._drive_until(client, lambda: False)  # ends with the connection
        except Exception:  # it was broken before: the will says the same
            log.exception("no_farewell", port=self._address.port)
        finally:
            _closed(client)

    def _drive_until(self, client: mqtt.Client, done: Callable[[], bool]) -> None:
        """For at most ``FAREWELL_S``, and no longer than the connection stands."""
        end = time.monotonic() + FAREWELL_S
        while not done() and time.monotonic() < end:
            if not self._turn(client):
                return

    # --- what that thread does with the socket ----------------------------------------------------------------

    def _turn(self, client: mqtt.Client) -> bool:
        """Sleep until there is something to do, and do a bounded part of it; False when the connection is gone."""
        held = client.socket()
        if held is None:
            return False
        readable = self._sleep(held, writing=client.want_write())
        self._bell.hush()
        if readable and not self._read(client):
            return False
        self._acknowledge(client)
        self._publish(client)
        if client.want_write() and client.loop_write() != mqtt.MQTT_ERR_SUCCESS:
            return False
        return client.loop_misc() == mqtt.MQTT_ERR_SUCCESS

    def _sleep(self, held: Any, *, writing: bool) -> bool:
        """True when there is something to read: also what TLS has decrypted already, of which the socket says nothing."""
        waits = not self._outgoing and not self._settled and not _pending(held)
        poll = select.poll()
        poll.register(held, select.POLLIN | (select.POLLOUT if writing else 0))
        poll.register(self._bell, select.POLLIN)
        found = dict(poll.poll(WATCH_S * 1000 if waits else 0))
        return bool(found.get(held.fileno(), 0) & ~select.POLLOUT) or _pending(held)

    def _read(self, client: mqtt.Client) -> bool:
        """Until nothing arrives any more, or for a burst; whoever takes is woken once for all of it."""
        for _ in range(BURST):
            heard = self._heard
            if client.loop_read() != mqtt.MQTT_ERR_SUCCESS:
                return False
            if self._heard == heard:
                break
        if self._arrived:
            self._something.set()
        return True

    def _acknowledge(self, client: mqtt.Client) -> None:
        for _ in range(len(self._settled)):
            generation, mid = divmod(self._settled.popleft(), MIDS)
            if mid and generation == self._generation:
                client.ack(mid, 1)

    def _publish(self, client: mqtt.Client) -> None:
        for _ in range(min(BURST, len(self._outgoing))):
            topic, payload, retain = self._outgoing.popleft()
            if client.publish(topic, payload, qos=1, retain=retain).rc != mqtt.MQTT_ERR_SUCCESS:
                self.counters.unsent += 1

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
        client.on_socket_register_write = _later
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

    # --- callbacks, on the same thread ------------------------------------------------------------------------

    def _guarded(self, callback: Callable[..., None]) -> Callable[..., None]:
        """An exception in a callback costs the connection, and is counted."""

        def guarded(client: mqtt.Client, *arguments: Any) -> None:
            if client is not self._client:
                return  # a late word from a client already given up
            try:
                callback(client, *arguments)
            except Exception:  # whatever it is, the thread has to live; a new client follows
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
        self._heard += 1
        if not self._has_room():
            self.counters.overflowed += 1
            return
        self._came_bytes += len(message.payload)
        mid = message.mid if message.qos else 0
        token = self._generation * MIDS + mid
        self._arrived.append(Delivery(message.topic, bytes(message.payload), bool(message.retain), token))

    def _has_room(self) -> bool:
        """Now, or soon: while the network thread waits here, TCP makes the broker wait."""
        if self._came_bytes - self._taken_bytes >= ARRIVED_BYTES_MAX:
            self._something.set()
            self._room.clear()
            self._room.wait(ROOM_WAIT_S)
        return self._came_bytes - self._taken_bytes < ARRIVED_BYTES_MAX

    def _on_disconnect(
        self, _client: mqtt.Client, _data: Any, _flags: Any, _reason: Any, _properties: Any
    ) -> None:
        self._ready.clear()
        self._lost.set()


def _later(_client: mqtt.Client, _data: Any, _socket: Any) -> None:
    """What the library has to write waits for the end of the turn, and goes out with everything else."""


def _pending(held: Any) -> bool:
    """TLS holds bytes that the socket does not show any more."""
    return bool(held.pending()) if isinstance(held, ssl.SSLSocket) else False


def _closed(client: mqtt.Client) -> None:
    held = client.socket()
    if held is not None:
        held.close()
