"""The embedded broker: iotcore in a child process, on loopback only.

It knows no access lists and keeps nothing across its own end; the conversation needs neither there (sync.md §10).
For nodes on other machines a broker with certificates is configured instead.
"""

import signal
import tempfile
import threading
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType

from iotcore import Broker

from cloud_sync.errors import ConfigError, SyncError

LOOPBACK = "127.0.0.1"
# Memory grows by 550 MB per million messages and filter until these caps hold (sync.md §16).
SEGMENT_BYTES = 8 * 1024 * 1024
SEGMENTS = 4
PAYLOAD_BYTES_MAX = 20_480
INFLIGHT_MAX = 1_000  # one sink transaction; the default of 100 would throttle the group commit
CONNECTIONS_MAX = 1_000
START_WITHIN_S = 10.0

# Only a 3.1.1 listener: nothing here relies on more.
_CONFIG = """\
id = 0

[router]
id = 0
max_connections = {connections}
max_outgoing_packet_count = 200
max_segment_size = {segment_bytes}
max_segment_count = {segments}

[v4.1]
name = "loopback"
listen = "{host}:{port}"
next_connection_delay_ms = 1

[v4.1.connections]
connection_timeout_ms = 60000
max_payload_size = {payload_bytes}
max_inflight_count = {inflight}
dynamic_filters = false
"""


class EmbeddedBroker:
    """Listening between ``start`` and ``stop``, or for the length of a ``with`` block."""

    def __init__(self, port: int, host: str = LOOPBACK) -> None:
        """Nothing is started yet.

        Raises:
            ConfigError: the address is not this machine's own loopback.
        """
        refuse_elsewhere(host)
        self.host = host
        self.port = port
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._broker: Broker | None = None

    def start(self) -> None:
        """Listening when this returns.

        Raises:
            ConfigError: the port is taken.
            SyncError: the broker did not come up.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="gatehouse-broker-")
        config = Path(self._folder.name) / "broker.toml"
        config.write_text(self._config())
        self._broker = Broker(config_path=str(config))
        try:
            self._broker.start(timeout=START_WITHIN_S)
        except OSError as error:
            self.stop()
            raise ConfigError(
                "broker.port",
                f"{self.host}:{self.port} is taken by another program",
                "Stop that program or choose another port",
            ) from error
        except RuntimeError as error:
            self.stop()
            raise SyncError(
                f"The embedded broker on {self.host}:{self.port} did not start: {error}."
            ) from error

    def stop(self) -> None:
        """Ports released when this returns; safe to call twice."""
        if self._broker is not None:
            self._broker.stop()
            self._broker = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    @property
    def running(self) -> bool:
        return self._broker is not None and bool(self._broker.is_running)

    def _config(self) -> str:
        return _CONFIG.format(
            connections=CONNECTIONS_MAX,
            segment_bytes=SEGMENT_BYTES,
            segments=SEGMENTS,
            host=self.host,
            port=self.port,
            payload_bytes=PAYLOAD_BYTES_MAX,
            inflight=INFLIGHT_MAX,
        )

    def __enter__(self) -> "EmbeddedBroker":
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()


def refuse_elsewhere(host: str) -> None:
    """The embedded broker lets everybody in, so it may not listen where others can reach it.

    Raises:
        ConfigError: ``host`` is not a loopback address.
    """
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ConfigError(
            "broker.host",
            f"the embedded broker has no access control and does not listen on {host!r}",
            f"Use {LOOPBACK}, or configure a broker with certificates for nodes on other machines",
        )


def run_broker(port: int, host: str = LOOPBACK) -> None:
    """Serve until told to end (SIGTERM or SIGINT); raises as ``EmbeddedBroker`` does."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with EmbeddedBroker(port, host) as broker:
        while broker.running and not ended.wait(0.5):
            pass
        if not ended.is_set():
            raise SyncError(f"The embedded broker on {host}:{port} ended by itself; start it again.")
