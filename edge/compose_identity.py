"""Who this node is on the bus: what it asks for when it joins, and the files TLS is opened with."""

import base64
import secrets

import structlog
from msgspec.json import decode as plain
from msgspec.structs import replace

from cloud_sync.protocol.identity import Claim, identity_bytes
from cloud_sync.protocol.messages import encode
from edge.compose_faces import DEVICE_KEY
from edge.config import NodeConfig
from edge.link.mqtt import Broker
from edge.store.bus_key import BusKey
from edge.store.device_key import Join
from edge.store.sealing_key import device_sign

BUS = "bus"

log = structlog.get_logger()


def bus_key(config: NodeConfig) -> BusKey:
    return BusKey(config.data_dir / BUS, config.node)


def claim_of(config: NodeConfig, now_ms: int) -> dict[str, object]:
    """The one-time part of a join request, as JSON has it: a certificate request under the device key's signature."""
    claim = Claim(id=secrets.token_hex(16), n=config.node, at=now_ms, csr=bus_key(config).request())
    signature = device_sign(config.data_dir / DEVICE_KEY, identity_bytes(claim))
    signed = replace(claim, sig=base64.b64encode(signature).decode())
    shown: dict[str, object] = plain(encode(signed))
    return shown


def join_bus(config: NodeConfig, join: Join) -> BusKey:
    """The node's key for the bus, with the certificate its join file brings, where that is a newer one.

    Raises:
        StoreError: the disk did not keep it.
    """
    key = bus_key(config)
    key.repair()
    if join.bus_cert and key.take(join.bus_cert, join.bus_ca):
        log.info("bus_certificate_taken", node=config.node)
    return key


def bus_broker(config: NodeConfig, key: BusKey) -> Broker:
    """Where the broker is and how TLS is opened: as configured, else with what the community issued."""
    broker = config.broker
    if broker.ca_file is None and key.ready:
        return Broker(broker.host, broker.port, key.files.ca, key.files.cert, key.files.key)
    return Broker(broker.host, broker.port, broker.ca_file, broker.cert_file, broker.key_file)
