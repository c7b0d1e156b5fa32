"""The node's one client of its own MQTT broker on loopback, on which locks behind a radio or a network stand.

paho's thread only appends and rings; everything a driver hears, it hears on the node's event loop.  What cannot be
said at once is not said: nothing waits in a queue of ours to unlock a door later.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.drivers.airtime import Airtime
from edge.errors import ConfigError, LinkError

if TYPE_CHECKING:
    import paho.mqtt.client as paho

log = logging.getLogger(__name__)

KEEPALIVE_S = 10  # loopback: a broker that is silent for this long is gone

# A building of 250 locks that all speak at once, four times over.  What does not fit is lost like a radio's word, and
# the next look asks again.
INBOX_MAX = 1_000

# How often the broker may come and go between two turns of the loop; only the newest matter.
LINKS_MAX = 4

# The broker is back in a second or two after a fall; locks are out of reach until then.
RECONNECT_S = (1, 5)

Listener = Callable[[str, bytes, bool], None]  # topic, payload, retained


@dataclass(frozen=True, slots=True)
class BenchAddress:
    host: str
    port: int
    user: str = ""
    password_file: Path | None = None


class MqttBench:
    """``async with`` it.  Made by ``open_bench``; all methods belong to the node's event loop."""

    def __init__(self, client: "paho.Client", address: BenchAddress) -> None:
        self._client = client
        self._address = address
        self._listeners: dict[str, list[Listener]] = {}
        self._watchers: list[Callable[[bool], None]] = []
        self._inbox: deque[tuple[str, bytes, bool]] = deque(maxlen=INBOX_MAX)
        self._links: deque[bool] = deque(maxlen=LINKS_MAX)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rung = False
        self._airs: dict[str, Airtime] = {}
        self.up = False

    async def __aenter__(self) -> "MqttBench":
        self._loop = asyncio.get_running_loop()
        self._client.connect_async(self._address.host, self._address.port, keepalive=KEEPALIVE_S)
        self._client.loop_start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._loop = None
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def listen(self, topic: str, listener: Listener) -> None:
        """Hear this topic (no wildcards) from now on, through every reconnection."""
        self._listeners.setdefault(topic, []).append(listener)
        if self.up:
            self._client.subscribe(topic, qos=0)

    def watch(self, watcher: Callable[[bool], None]) -> None:
        """Be told when the broker comes (True) and goes (False)."""
        self._watchers.append(watcher)

    def air(self, radio: str, *, per_s: float, burst: int) -> Airtime:
        """The airtime all locks of this radio share; whoever asks first says how much there is."""
        return self._airs.setdefault(radio, Airtime(per_s=per_s, burst=burst))

    def send(self, topic: str, payload: bytes, *, lives_s: int) -> bool:
        """Hand over once, never retained; False when there is no broker, and then nothing was handed over.

        ``lives_s``: a broker that still has it after this long drops it.
        """
        from paho.mqtt.enums import MQTTErrorCode
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        if not self.up:
            return False
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # as paho ships it
        properties.MessageExpiryInterval = lives_s
        sent = self._client.publish(topic, payload, qos=0, properties=properties)
        return sent.rc is MQTTErrorCode.MQTT_ERR_SUCCESS

    # --- paho's thread -----------------------------------------------------------------------------------------

    def hear(self, word: tuple[str, bytes, bool] | bool) -> None:
        """A message, or whether there is a broker; from paho's thread."""
        if isinstance(word, bool):
            self._links.append(word)
        else:
            self._inbox.append(word)
        loop = self._loop
        if loop is not None and not self._rung:
            self._rung = True
            with suppress(RuntimeError):  # the loop has just closed: nobody listens any more
                loop.call_soon_threadsafe(self._deal)

    # --- the node's loop ---------------------------------------------------------------------------------------

    def _deal(self) -> None:
        self._rung = False
        while self._links:
            self._turn(up=self._links.popleft())
        while self._inbox:
            word = self._inbox.popleft()
            for listener in self._listeners.get(word[0], ()):
                listener(*word)

    def _turn(self, *, up: bool) -> None:
        if up and self._listeners:
            self._client.subscribe([(topic, 0) for topic in self._listeners])
        if up == self.up:
            return
        self.up = up
        log.warning("the broker of the locks is %s", "there" if up else "away")
        for watcher in self._watchers:
            watcher(up)


def open_bench(address: BenchAddress, client_id: str) -> MqttBench:
    """The client of this node's broker; nothing is connected before ``async with``.

    Raises:
        ConfigError: the password cannot be read.
        LinkError: the MQTT library is not installed.
    """
    try:
        import paho.mqtt.client as paho
        from paho.mqtt.enums import CallbackAPIVersion
    except ImportError as error:
        raise LinkError("MQTT locks need paho-mqtt. Install the extra 'edge'.") from error
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5)
    client.reconnect_delay_set(*RECONNECT_S)
    if address.user:
        client.username_pw_set(address.user, _password(address))
    bench = MqttBench(client, address)

    def connected(_client: Any, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if not code.is_failure:
            bench.hear(True)
        else:
            log.error("the broker of the locks refuses this node: %s", code)

    def message(_client: Any, _data: Any, heard: paho.MQTTMessage) -> None:
        bench.hear((heard.topic, bytes(heard.payload), heard.retain))

    client.on_connect = connected
    client.on_disconnect = lambda *_: bench.hear(False)
    client.on_message = message
    return bench


def _password(address: BenchAddress) -> str | None:
    if address.password_file is None:
        return None
    try:
        return address.password_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "mqtt_locks.password_file",
            f"{address.password_file} cannot be read ({error})",
            "Name a file this program can read",
        ) from error
