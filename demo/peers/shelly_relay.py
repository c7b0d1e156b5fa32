"""A Shelly relay of the second generation, as a program of its own: Switch.Set with ``toggle_after`` over MQTT.

    python -m demo.peers.shelly_relay --port 1883 --device shellyplus1-sim

Each movement of the relay is printed as a JSON line.  On its standard input it takes ``press`` (its own button turns
it on), ``wifi MS`` (it hears and says everything this much later) and ``end``.
"""

import argparse
import json
import sys
import threading
import time
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion


class Relay:
    def __init__(self, host: str, port: int, device: str, wifi_ms: int) -> None:
        self._device, self.wifi_ms = device, wifi_ms
        self._on = False
        self._timer: threading.Timer | None = None
        self._turn = threading.RLock()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=device)
        self._client.will_set(f"{device}/online", b"false", qos=1, retain=True)
        self._client.reconnect_delay_set(1, 2)
        self._client.on_connect = self._connected
        self._client.on_message = self._message
        self._client.connect_async(host, port, keepalive=10)

    def start(self) -> None:
        self._client.loop_start()

    def stop(self) -> None:
        with self._turn:
            if self._timer is not None:
                self._timer.cancel()
        self._client.publish(f"{self._device}/online", b"false", qos=1, retain=True).wait_for_publish(1.0)
        self._client.disconnect()
        self._client.loop_stop()

    def press(self) -> None:
        self._switch(on=True, toggle_after=None)

    def _connected(self, client: paho.Client, *_: Any) -> None:
        client.subscribe(f"{self._device}/rpc", qos=1)
        client.publish(f"{self._device}/online", b"true", qos=1, retain=True)

    def _message(self, _client: Any, _data: Any, heard: paho.MQTTMessage) -> None:
        try:
            asked = json.loads(heard.payload)
        except ValueError:
            return
        later = threading.Timer(self.wifi_ms / 1000, self._answer, [asked])
        later.daemon = True
        later.start()

    def _answer(self, asked: dict[str, Any]) -> None:
        params = asked.get("params", {})
        match asked.get("method"):
            case "Switch.Set":
                said = {"result": {"was_on": self._switch(params["on"], params.get("toggle_after"))}}
            case "Switch.GetStatus":
                said = {"result": {"id": params.get("id", 0), "output": self._on}}
            case other:
                said = {"error": {"code": 404, "message": f"No handler for {other}"}}
        reply = {"id": asked.get("id"), "src": self._device, "dst": asked.get("src"), **said}
        self._client.publish(f"{asked.get('src')}/rpc", json.dumps(reply))

    def _switch(self, on: bool, toggle_after: float | None) -> bool:
        with self._turn:
            was = self._on
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if toggle_after is not None:
                self._timer = threading.Timer(toggle_after, self._switch, [not on, None])
                self._timer.daemon = True
                self._timer.start()
            if on != was:
                self._on = on
                self._notify()
            return was

    def _notify(self) -> None:
        print(json.dumps({"t_ns": time.monotonic_ns(), "relay": self._device, "on": self._on}), flush=True)
        status = {
            "src": self._device,
            "method": "NotifyStatus",
            "params": {"switch:0": {"id": 0, "output": self._on}},
        }
        self._client.publish(f"{self._device}/events/rpc", json.dumps(status))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--device", default="shellyplus1-sim")
    parser.add_argument("--wifi-ms", type=int, default=20)
    asked = parser.parse_args()
    relay = Relay(asked.host, asked.port, asked.device, asked.wifi_ms)
    relay.start()
    for line in sys.stdin:
        match line.split():
            case ["press"]:
                relay.press()
            case ["wifi", ms] if ms.isdigit():
                relay.wifi_ms = int(ms)
            case ["end"]:
                break
            case words:
                print(json.dumps({"what": "not understood", "words": words}), flush=True)
        print(json.dumps({"what": "told", "words": line.split()}), flush=True)
    relay.stop()


if __name__ == "__main__":
    main()
