"""The small broker beside a node that drives locks; MQTT 5 only.

    python -m demo.peers.lock_broker PORT

Stands for the mosquitto of firmware_config/mosquitto/locks.conf on a machine without one.  Loopback only.
"""

import signal
import sys
import tempfile
from pathlib import Path

from iotcore import Broker

CONFIG = """
id = 0
[router]
id = 0
max_connections = 20
max_outgoing_packet_count = 200
max_segment_size = 1048576
max_segment_count = 4
[v5.1]
name = "locks"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = 20480
max_inflight_count = 100
dynamic_filters = false
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "broker.toml")
        config.write_text(CONFIG.format(port=sys.argv[1]))
        broker = Broker(config_path=str(config))
        broker.start(timeout=10)
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
        broker.stop()


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main()
