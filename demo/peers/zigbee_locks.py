"""A house of battery locks behind a zigbee2mqtt, as a program of its own: what a node sees of them over MQTT.

    python -m demo.peers.zigbee_locks --port 1883 --locks r-101,r-102

Each movement of a bolt and each command is printed as a JSON line.  On its standard input it takes ``jam NAME``,
``unjam NAME``, ``offline NAME``, ``online NAME``, ``battery NAME 12``, ``hand NAME`` (somebody turns the knob),
``radio NAME 4000`` (ms until the lock hears what it is told) and ``end``.  It says what zigbee2mqtt says: ``state``
at once and optimistically, ``lock_state`` when the lock has reported; a message about anything repeats all it knows.
"""

import argparse
import heapq
import itertools
import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

ONLINE, OFFLINE = b'{"state":"online"}', b'{"state":"offline"}'
WAITING_MAX = 10_000  # messages on the air; a real stick gives up long before


@dataclass
class Bolt:
    """One lock: where its bolt is, and what zigbee2mqtt last heard of it."""

    bolt: str = "unlocked"  # a house nobody has locked yet: a start has something to do
    told: dict[str, Any] = field(default_factory=dict)
    jammed: bool = False
    offline: bool = False
    battery: int = 90
    linkquality: int = 120
    radio_ms: int | None = None


class House:
    """The gateway and its locks; one thread works, paho's and the keyboard's only hand over."""

    def __init__(
        self, host: str, port: int, base: str, names: list[str], radio_ms: int, version: int
    ) -> None:
        self._base, self._radio_ms = base, radio_ms
        self._locks = {name: Bolt() for name in names}
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._bell = threading.Condition()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"gateway {base}",
            protocol=paho.MQTTProtocolVersion(version),
        )
        self._client.will_set(f"{base}/bridge/state", OFFLINE, qos=1, retain=True)
        self._client.reconnect_delay_set(1, 2)
        self._client.on_connect = self._connected
        self._client.on_message = self._message
        self._client.connect_async(host, port, keepalive=10)

    def run(self) -> None:
        self._client.loop_start()
        threading.Thread(target=self._keyboard, daemon=True).start()
        while (work := self._next()) is not None:
            work()
        self._client.publish(f"{self._base}/bridge/state", OFFLINE, qos=1, retain=True).wait_for_publish(1.0)
        self._client.disconnect()
        self._client.loop_stop()

    # --- one thread works ----------------------------------------------------------------------------------------

    def _next(self) -> Callable[[], None] | None:
        with self._bell:
            while True:
                wait_s = self._due[0][0] - time.monotonic() if self._due else None
                if wait_s is not None and wait_s <= 0:
                    work = heapq.heappop(self._due)[2]
                    return None if work is _END else work
                self._bell.wait(wait_s)

    def _soon(self, work: Callable[[], None], after_ms: int = 0) -> None:
        with self._bell:
            if len(self._due) < WAITING_MAX:
                due = time.monotonic() + after_ms / 1000
                heapq.heappush(self._due, (due, next(self._numbers), work))
                self._bell.notify()

    def _connected(self, client: paho.Client, *_: Any) -> None:
        client.subscribe([(f"{self._base}/+/set", 0), (f"{self._base}/+/get", 0)])
        client.publish(f"{self._base}/bridge/state", ONLINE, qos=1, retain=True)
        self._soon(self._tell_all)

    def _message(self, _client: Any, _data: Any, heard: paho.MQTTMessage) -> None:
        _, name, verb = heard.topic.rsplit("/", 2)
        lock = self._locks.get(name)
        if lock is None:
            return
        try:
            word = json.loads(heard.payload)
        except ValueError:
            return
        if verb == "set" and word.get("state") in {"LOCK", "UNLOCK"}:
            self._soon(lambda: self._set(name, lock, word["state"]))
        elif verb == "get":
            self._say(name, "get")
            self._soon(lambda: self._report(name, lock), self._air(lock))

    def _air(self, lock: Bolt) -> int:
        return self._radio_ms if lock.radio_ms is None else lock.radio_ms

    # --- what happens --------------------------------------------------------------------------------------------

    def _tell_all(self) -> None:
        """A gateway that comes back repeats all it remembers."""
        for name, lock in self._locks.items():
            self._availability(name, lock)
            if lock.told:
                self._publish(name, lock)

    def _set(self, name: str, lock: Bolt, wanted: str) -> None:
        self._say(name, "set", wanted=wanted)
        lock.told["state"] = wanted
        if not lock.offline:
            self._publish(name, lock)
        self._soon(lambda: self._move(name, lock, wanted), self._air(lock))

    def _move(self, name: str, lock: Bolt, wanted: str) -> None:
        if lock.offline:
            return
        if lock.jammed:
            lock.bolt = "not_fully_locked"
        else:
            lock.bolt = "locked" if wanted == "LOCK" else "unlocked"
        self._say(name, "bolt", bolt=lock.bolt)
        self._report(name, lock)

    def _report(self, name: str, lock: Bolt) -> None:
        if lock.offline:
            return
        state = "LOCK" if lock.bolt == "locked" else "UNLOCK"
        lock.told |= {
            "state": state,
            "lock_state": lock.bolt,
            "battery": lock.battery,
            "linkquality": lock.linkquality,
        }
        self._publish(name, lock)

    def _publish(self, name: str, lock: Bolt) -> None:
        self._client.publish(f"{self._base}/{name}", json.dumps(lock.told))

    def _availability(self, name: str, lock: Bolt) -> None:
        word = OFFLINE if lock.offline else ONLINE
        self._client.publish(f"{self._base}/{name}/availability", word, qos=1, retain=True)

    # --- the keyboard --------------------------------------------------------------------------------------------

    def _keyboard(self) -> None:
        for line in sys.stdin:
            words = line.split()
            if words == ["end"]:
                break
            self._soon(lambda words=words: self._told(words))  # type: ignore[misc]
        self._soon(_END)

    def _told(self, words: list[str]) -> None:
        match words:
            case ["jam" | "unjam" as what, name] if name in self._locks:
                self._locks[name].jammed = what == "jam"
            case ["offline" | "online" as what, name] if name in self._locks:
                self._locks[name].offline = what == "offline"
                self._availability(name, self._locks[name])
            case ["battery", name, percent] if name in self._locks and percent.isdigit():
                self._locks[name].battery = int(percent)
                self._report(name, self._locks[name])
            case ["radio", name, ms] if name in self._locks and ms.isdigit():
                self._locks[name].radio_ms = int(ms)
            case ["hand", name] if name in self._locks:
                self._locks[name].bolt = "unlocked"
                self._say(name, "bolt", bolt="unlocked", by="hand")
                self._report(name, self._locks[name])
            case _:
                self._say("", "not understood", words=words)
        self._say("", "told", words=words)

    def _say(self, name: str, what: str, **more: Any) -> None:
        print(json.dumps({"t_ns": time.monotonic_ns(), "lock": name, "what": what, **more}), flush=True)


def _END() -> None:  # noqa: N802  # a mark, not work
    """The last piece of work."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--base", default="zigbee2mqtt")
    parser.add_argument("--locks", required=True, help="names, separated by commas")
    parser.add_argument("--radio-ms", type=int, default=30)
    parser.add_argument("--mqtt", type=int, choices=(4, 5), default=4, help="version: 4 is 3.1.1")
    asked = parser.parse_args()
    House(asked.host, asked.port, asked.base, asked.locks.split(","), asked.radio_ms, asked.mqtt).run()


if __name__ == "__main__":
    main()
