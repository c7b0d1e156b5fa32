"""Ending a session that stands: mosquitto reads its lists anew at SIGHUP and asks no certificate a second time.

The client's id is its certificate's name there, and a second session under an id ends the first.  So the authority issues
a certificate in the lost node's name for five minutes, connects once with it, and leaves (docs/brokers.md has the
measurements of what else was tried).
"""

import tempfile
import threading
from pathlib import Path

import structlog
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from cloud_sync.identity.authority import KICK_LIFE, Authority
from cloud_sync.web.tls import write_pair

ANSWER_WITHIN_S = 5.0

log = structlog.get_logger()


def end_session(authority: Authority, node: str, host: str, port: int, ca: Path, now_ms: int) -> bool:
    """True when the broker took the second session, and so ended whatever the node had; tried once, for 5 s at most."""
    with tempfile.TemporaryDirectory(prefix="gatehouse-kick-") as place:
        cert, key = Path(place) / "kick.pem", Path(place) / "kick.key"
        write_pair(authority.issue_client(node, now_ms, KICK_LIFE), cert, key)
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=node,
            clean_session=True,
            protocol=mqtt.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = ANSWER_WITHIN_S
        client.tls_set(str(ca), str(cert), str(key))
        return _connected_once(client, host, port)


def _connected_once(client: mqtt.Client, host: str, port: int) -> bool:
    taken = threading.Event()
    client.on_connect = lambda *told: None if told[3].is_failure else taken.set()
    try:
        client.connect(host, port, keepalive=20)
    except (OSError, ValueError) as error:
        log.info("kick_unreachable", host=host, port=port, error=str(error))
        return False
    client.loop_start()
    try:
        return taken.wait(ANSWER_WITHIN_S)
    finally:
        client.disconnect()
        client.loop_stop()
