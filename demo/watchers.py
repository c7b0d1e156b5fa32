"""Two onlookers who take no part: one listens to everything on the bus, one has the dashboard open."""

import base64
import json
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

CANARY_TOPIC = "ac/v1/canary"
AGAIN_S = 0.5


class BusTap:
    """Writes every publish to a file as it travels."""

    def __init__(self, port: int, path: Path) -> None:
        self._file = path.open("a")
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bus-tap")
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port, keepalive=20)
        self._client.loop_start()
        assert self._ready.wait(10), "the bus tap could not subscribe"

    def _take(self, _client: Any, _user: Any, message: paho.MQTTMessage) -> None:
        line = {
            "t_ms": time.time_ns() // 1_000_000,
            "topic": message.topic,
            "payload": base64.b64encode(message.payload).decode(),
        }
        with self._lock:
            self._file.write(json.dumps(line) + "\n")

    def plant_canary(self, word: str) -> None:
        """Say a forbidden word aloud once: a count that misses it counts nothing."""
        self._client.publish(CANARY_TOPIC, word.encode(), qos=1).wait_for_publish(5)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        with self._lock:
            self._file.close()


class PageWatcher:
    """Holds the dashboard's live feed open and notes when each event appears."""

    def __init__(self, base_url: str, cookies: httpx.Cookies, path: Path) -> None:
        self._path = path
        self._open = threading.Event()
        self._ended = threading.Event()
        self._client = httpx.Client(base_url=base_url, cookies=cookies, timeout=httpx.Timeout(20, read=60))
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        assert self._open.wait(20), "the live feed did not open"

    def _watch(self) -> None:
        """Read until closed; when the service goes away, come back and catch up from the last line seen."""
        last = ""
        with self._path.open("a") as file:
            while not self._ended.is_set():
                try:
                    with self._client.stream(
                        "GET", "/live.json", headers={"last-event-id": last} if last else {}
                    ) as feed:
                        self._open.set()
                        for line in feed.iter_lines():
                            if line.startswith("id: "):
                                last = line.removeprefix("id: ")
                            elif line.startswith("data: {"):
                                seen = json.loads(line.removeprefix("data: "))
                                file.write(
                                    json.dumps({"seen_ms": time.time_ns() // 1_000_000, **seen}) + "\n"
                                )
                                file.flush()
                except httpx.HTTPError:
                    self._ended.wait(AGAIN_S)  # the service is away for a moment, or for good

    def close(self) -> None:
        self._ended.set()
        self._client.close()
        self._thread.join(5)
