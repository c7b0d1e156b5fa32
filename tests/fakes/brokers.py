"""The brokers the suites run against: the embedded one and mosquitto, each killable and startable again."""

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from cloud_sync.broker import EmbeddedBroker
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


class Iotcore:
    def __init__(self, _folder: Path) -> None:
        self.port = free_port()
        self._broker = EmbeddedBroker(self.port)

    def start(self) -> None:
        self._broker.start()

    def kill(self) -> None:
        """SIGKILL: whatever it held is gone."""
        process = self._broker._broker._process
        process.send_signal(signal.SIGKILL)
        process.wait(5)
        self._broker.stop()

    def stop(self) -> None:
        self._broker.stop()


class Mosquitto:
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
        self._process.wait(5)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(5)
