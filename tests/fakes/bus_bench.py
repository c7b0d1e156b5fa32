"""A community with its shipped mosquitto, its service and three joined nodes, and sessions under their certificates."""

import contextlib
import os
import queue
import secrets
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from typer.testing import CliRunner

from cloud_sync.cli import app
from cloud_sync.compose import Books, Part, open_books
from cloud_sync.config import SyncConfig, load
from cloud_sync.service import Service
from cloud_sync.web.tls import Pair, write_pair
from tests.fakes.brokers import MOSQUITTO, free_port, listening
from tests.fakes.joining import Joiner
from tests.fakes.waiting import eventually

TENANT = "dongfang"
BASE = f"ac/v1/{TENANT}"
WITHIN_S = 40.0
VICTIM, ATTACKER, STOLEN = "gate-1", "gate-2", "gate-3"

CONFIG = """\
data_dir = "data"

[community]
code = "dongfang"
name_zh = "东方新城"
name_en = "Dongfang"
synthetic = true

[web]
tls = false

[broker]
embedded = false
port = {port}
ca_file = "data/bus/ca.pem"
cert_file = "data/bus/sync.pem"
key_file = "data/bus/sync.key"
folder = "broker"
"""


class Bench:
    """A community that was set up, its broker, its service and three nodes that joined; call it inside ``with``."""

    def __init__(self, folder: Path, *, watched: bool = True, served: bool = True) -> None:
        """Without ``watched`` nobody is connected at first but the service; without ``served`` not even that."""
        self._watched, self._served = watched, served
        self.folder, self.port = folder, free_port()
        (folder / "sync.toml").write_text(CONFIG.format(port=self.port))
        self.run("setup")
        self.run("broker-config", "--out", str(folder / "broker"), "--port", str(self.port), "--sinks", "2")
        self.config: SyncConfig = load(folder / "sync.toml")
        self.books: Books = open_books(self.config)
        self._stack = contextlib.ExitStack()
        self.notes: dict[str, str] = {}
        self.nodes = {name: self.joined(name) for name in (VICTIM, ATTACKER, STOLEN)}

    def run(self, *words: str) -> str:
        """One command of ``gatehouse-sync``, as a person types it."""
        done = CliRunner().invoke(app, [*words, "--config", str(self.folder / "sync.toml")])
        assert done.exit_code == 0, (words, done.output, done.exception)
        return done.output

    def joined(self, name: str) -> Joiner:
        node = Joiner(self.folder / "nodes", name, time.time_ns() // 1_000_000)
        node.join(self.books, f"AP-{name}")
        return node

    def __enter__(self) -> "Bench":
        self._stack.enter_context(self._mosquitto())
        if self._served:
            self._stack.enter_context(Service(self.config, (Part.SINK, Part.JOBS)))
        self._stack.callback(self.books.close)
        if self._watched:
            self._connect()
        return self

    def _connect(self) -> None:
        self.sync = self._stack.enter_context(self.client("sync-2"))
        self.victim = self._stack.enter_context(self.client(VICTIM))
        self.attacker = self._stack.enter_context(self.client(ATTACKER))
        self.sync.hear(f"{BASE}/#")
        self.victim.hear(f"{BASE}/d/{VICTIM}/#", f"{BASE}/g/+/cmd", f"{BASE}/s/state")

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextlib.contextmanager
    def _mosquitto(self) -> Iterator[None]:
        conf = self.folder / "broker" / "mosquitto.conf"
        text = conf.read_text().replace(f"listener {self.port}\n", f"listener {self.port} 127.0.0.1\n")
        conf.write_text(text + ("user root\n" if os.getuid() == 0 else ""))
        with (self.folder / "mosquitto.log").open("wb") as errors:
            process = subprocess.Popen([MOSQUITTO, "-c", str(conf)], stderr=errors)
        try:
            eventually(lambda: listening(self.port), what="mosquitto did not start")
            yield
        finally:
            process.terminate()
            process.wait(WITHIN_S)

    def pair(self, name: str) -> tuple[Path, Path]:
        if name in self.nodes:
            return self.nodes[name].bus.files.cert, self.nodes[name].bus.files.key
        return self.config.bus / f"{name}.pem", self.config.bus / f"{name}.key"

    def tls(self, name: str | None = None, pair: tuple[Path, Path] | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.config.bus / "ca.pem"))
        if pair or name:
            context.load_cert_chain(*(pair or self.pair(str(name))))
        return context

    def client(self, name: str, **more: str) -> "Client":
        return Client(self.tls(name), self.port, name, **more)

    def forged(self, made: Pair) -> tuple[Path, Path]:
        place = self.folder / "forged" / secrets.token_hex(4)
        place.mkdir(parents=True)
        write_pair(made, place / "it.pem", place / "it.key")
        return place / "it.pem", place / "it.key"


class Client:
    """A session under a certificate; MQTT 5, so that the broker says why it took no publish."""

    def __init__(
        self, tls: ssl.SSLContext, port: int, name: str, client_id: str = "", user: str = ""
    ) -> None:
        self.got: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.answers: queue.Queue[str] = queue.Queue()
        self.reasons: queue.Queue[str] = queue.Queue()
        self.name, self._port = name, port
        self.mqtt = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id or name,
            protocol=mqtt.MQTTv5,
            reconnect_on_failure=False,
        )
        if user:
            self.mqtt.username_pw_set(user, "guessed")
        self.mqtt.tls_set_context(tls)
        self.mqtt.on_connect = lambda *told: self.answers.put(f"connected: {told[3]}")
        self.mqtt.on_disconnect = lambda *_: self.answers.put("disconnected")
        self.mqtt.on_subscribe = lambda *_: self.answers.put("subscribed")
        self.mqtt.on_publish = lambda *told: self.reasons.put(str(told[3]))
        self.mqtt.on_message = lambda _c, _u, message: self.got.put((message.topic, message.payload))

    def __enter__(self) -> "Client":
        self.mqtt.connect("localhost", self._port, keepalive=20)
        self.mqtt.loop_start()
        assert self.answers.get(timeout=WITHIN_S) == "connected: Success"
        return self

    def __exit__(self, *_: object) -> None:
        self.mqtt.disconnect()
        self.mqtt.loop_stop()
        self.mqtt._reset_sockets()  # paho leaves its wake-up pair to the garbage collector

    def hear(self, *filters: str) -> None:
        for one in filters:
            self.mqtt.subscribe(one, qos=1)
            assert self.answers.get(timeout=WITHIN_S) == "subscribed"

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> str:
        """The broker's answer in its own word."""
        self.mqtt.publish(topic, payload, qos=1, retain=retain)
        return self.reasons.get(timeout=WITHIN_S)

    def until(self, last: bytes) -> list[tuple[str, bytes]]:
        """Everything delivered up to the payload ``last``."""
        heard = []
        while not heard or heard[-1][1] != last:
            heard.append(self.got.get(timeout=WITHIN_S))
        return heard
