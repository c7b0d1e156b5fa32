"""paho behind a small door: callbacks only append to a queue, one thread takes from it (sync.md §16)."""

import random
import ssl
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Literal

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

KEEPALIVE_S = 20
# Inbound frames waiting for the link's thread. A snapshot of 5,248 passes is about 100 parts; what does not fit is
# dropped and sent again by the service, which re-drives everything that has no receipt.
INBOX_MAX = 2_000
# paho never reads the broker's Receive Maximum; the window of the conversation is what bounds us.
INFLIGHT_MAX = 200
# Ten thousand nodes lose one broker in the same moment; each comes back after a time of its own (docs/scale.md).
RETRY_LEAST_S = 0.1
RETRY_FIRST_S = 2.0  # at most, after the first failure; twice as much after each further one
RETRY_MOST_S = 60.0


@dataclass(frozen=True, slots=True)
class Broker:
    host: str
    port: int
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """Something happened on the session."""

    kind: Literal["up", "down", "message"]
    topic: str = ""
    payload: bytes = b""
    retain: bool = False


class Session:
    """One MQTT 3.1.1 session with a will; reconnects by itself for ever, after growing waits drawn by lot."""

    def __init__(
        self, broker: Broker, client_id: str, *, subscribe: str | Sequence[str], will_topic: str, will: bytes
    ) -> None:
        self._broker = broker
        filters = (subscribe,) if isinstance(subscribe, str) else tuple(subscribe)
        self._subscribe = [(one, 1) for one in filters]
        self._inbox: deque[Heard] = deque(maxlen=INBOX_MAX)
        self.bell = Event()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True, protocol=paho.MQTTv311
        )
        self._client.max_inflight_messages_set(INFLIGHT_MAX)
        self._client.max_queued_messages_set(INFLIGHT_MAX * 5)
        self._failures = 0
        self._client.on_connect_fail = self._on_connect_fail
        self._client.will_set(will_topic, will, qos=1, retain=True)
        if broker.ca is not None:
            self._client.tls_set(
                ca_certs=str(broker.ca),
                certfile=None if broker.cert is None else str(broker.cert),
                keyfile=None if broker.key is None else str(broker.key),
                tls_version=ssl.PROTOCOL_TLS_CLIENT,
            )
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message

    def start(self) -> None:
        """Begin trying; never fails, the broker may come later."""
        self._client.connect_async(self._broker.host, self._broker.port, keepalive=KEEPALIVE_S)
        self._client.loop_start()

    def take(self, *, within_s: float) -> list[Heard]:
        """What was heard since the last call; waits at most ``within_s`` for something."""
        self.bell.wait(within_s)
        self.bell.clear()
        taken: list[Heard] = []
        while self._inbox:
            taken.append(self._inbox.popleft())
        return taken

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Hand over at QoS 1; False when there is no session or its queue is full, and nothing was handed over."""
        if not self._client.is_connected():
            return False
        return self._client.publish(topic, payload, qos=1, retain=retain).rc == paho.MQTT_ERR_SUCCESS

    def alive(self) -> bool:
        """False when paho's network thread has died, which it can (sync.md §16)."""
        thread = self._client._thread  # noqa: SLF001  # paho offers no other way to see its thread
        return thread is not None and thread.is_alive()

    def stop(self, *, farewell: tuple[str, bytes] | None = None) -> None:
        """Say goodbye if there is somebody to say it to, and end the thread."""
        if farewell is not None and self._client.is_connected():
            self._client.publish(*farewell, qos=1, retain=True).wait_for_publish(timeout=1.0)
        self._client.disconnect()
        self._client.loop_stop()

    def _put(self, heard: Heard) -> None:
        self._inbox.append(heard)
        self.bell.set()

    def _on_connect(self, client: paho.Client, _user: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if not code.is_failure:
            self._failures = 0
            client.subscribe(self._subscribe)
            self._put(Heard("up"))

    def _on_disconnect(self, *_: Any) -> None:
        self._draw_wait()
        self._put(Heard("down"))

    def _on_connect_fail(self, *_: Any) -> None:
        self._draw_wait()

    def _draw_wait(self) -> None:
        """How long paho waits before its next try; left to itself, all nodes wait the same times and come together."""
        self._failures += 1
        wait_s = retry_after_s(self._failures, random.random())  # noqa: S311  # a lot, not a secret
        self._client.reconnect_delay_set(wait_s, wait_s)  # type: ignore[arg-type]  # added to a time: may be a fraction

    def _on_message(self, _client: Any, _user: Any, message: paho.MQTTMessage) -> None:
        self._put(Heard("message", message.topic, bytes(message.payload), message.retain))


def retry_after_s(failures: int, lot: float) -> float:
    """Seconds to wait after so many failures in a row (one or more); ``lot`` is drawn from 0 to 1."""
    most = min(RETRY_MOST_S, RETRY_FIRST_S * 2.0 ** min(failures - 1, 16))
    return RETRY_LEAST_S + (most - RETRY_LEAST_S) * lot
