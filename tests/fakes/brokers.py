"""The brokers the suites run against: the embedded one, mosquitto, and mosquitto as it is shipped: certificates and all.

Each can be killed and started again.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from cryptography import x509

from cloud_sync.broker import EmbeddedBroker
from cloud_sync.identity.authority import Authority, open_authority, pem_of
from cloud_sync.identity.broker_files import BrokerFolder, write_service_certificates
from edge.store.bus_key import BusKey
from tests.fakes.waiting import eventually

MOSQUITTO = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin") or "mosquitto"

CONFIG = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_inflight_messages 1000
max_queued_messages 100000
set_tcp_nodelay true
log_type warning
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def client_files(place: Path, authority: Authority, name: str, now_ms: int) -> tuple[str, str, str]:
    """Authority, certificate and key; names beginning with ``sync`` are the service's, every other is a node."""
    if name.startswith("sync"):
        bus = place / "bus"
        write_service_certificates(bus, authority, [name], now_ms)
        return str(bus / "ca.pem"), str(bus / f"{name}.pem"), str(bus / f"{name}.key")
    key = BusKey(place / "nodes" / name, name)
    csr = x509.load_pem_x509_csr(key.request().encode())
    assert key.take(pem_of(authority.issue_node(name, csr, now_ms)), authority.pem.decode())
    return str(key.files.ca), str(key.files.cert), str(key.files.key)


class Plain:
    """A broker without TLS."""

    def files(self, _name: str) -> tuple[str, str, str] | tuple[()]:
        """Authority, certificate and key for this name; nothing where there are none."""
        return ()


class Iotcore(Plain):
    def __init__(self, _folder: Path) -> None:
        self.port = free_port()
        self._broker = EmbeddedBroker(self.port)

    def start(self) -> None:
        self._broker.start()

    def kill(self) -> None:
        """SIGKILL: whatever it held is gone."""
        process = self._broker._broker._process
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        self._broker.stop()

    def stop(self) -> None:
        self._broker.stop()


class Mosquitto(Plain):
    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        self._config.write_text(CONFIG.format(port=self.port))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen([MOSQUITTO, "-c", str(self._config)], stderr=subprocess.DEVNULL)
        eventually(lambda: listening(self.port), what="mosquitto did not start")

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)


class Shipped(Mosquitto):
    """Run from what ``broker-config`` writes; names beginning with ``sync`` are the service's, every other is a node."""

    def __init__(self, folder: Path, tenant: str = "dongfang") -> None:
        super().__init__(folder)
        self._place, self._now_ms = folder, time.time_ns() // 1_000_000
        (folder / "keys").mkdir()
        self._authority = open_authority(folder / "keys", self._now_ms)
        broker = BrokerFolder(folder / "broker", tenant)
        broker.write(self._authority, ["localhost", "127.0.0.1"], self.port, ["sync"], self._now_ms)
        broker.write_lists(self._authority, [], [], self._now_ms)
        self._config = broker.folder / "mosquitto.conf"
        text = self._config.read_text().replace(
            f"listener {self.port}\n", f"listener {self.port} 127.0.0.1\n"
        )
        self._config.write_text(text + ("user root\n" if os.getuid() == 0 else ""))

    def files(self, name: str) -> tuple[str, str, str]:
        return client_files(self._place, self._authority, name, self._now_ms)
