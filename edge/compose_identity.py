"""Who this node is on the bus and whom it believes: its certificate and the files TLS is opened with, and the key ring."""

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
from msgspec.json import decode as plain
from msgspec.structs import replace as changed

from cloud_sync.protocol.identity import Claim, KeyChain, Renew, identity_bytes
from cloud_sync.protocol.keychain import Trusted
from cloud_sync.protocol.messages import encode
from cloud_sync.protocol.versions import WIRE_VERSION
from edge.compose_faces import DEVICE_KEY
from edge.config import NodeConfig
from edge.core.events import ClockState
from edge.link.mqtt import Broker, Session
from edge.ports import ClockReading
from edge.store.bus_key import BusKey
from edge.store.device_key import Join, verify_ed25519
from edge.store.key_ring import KeyRing
from edge.store.sealing_key import device_sign

BUS = "bus"
RING = "keys.json"
LOOPBACK = ("127.0.0.1", "::1", "localhost")

log = structlog.get_logger()


def bus_key(config: NodeConfig) -> BusKey:
    return BusKey(config.data_dir / BUS, config.node)


def claim_of(config: NodeConfig, now_ms: int) -> dict[str, object]:
    """The one-time part of a join request, as JSON has it: a certificate request under the device key's signature."""
    claim = Claim(id=secrets.token_hex(16), n=config.node, at=now_ms, csr=bus_key(config).request())
    signature = device_sign(config.data_dir / DEVICE_KEY, identity_bytes(claim))
    signed = changed(claim, sig=base64.b64encode(signature).decode())
    shown: dict[str, object] = plain(encode(signed))
    return shown


def join_bus(config: NodeConfig, join: Join, now_ms: int) -> BusKey:
    """The node's key for the bus, with the certificate its join file brings, where that is a newer one.

    What the bus will not be reached with is said in the log and stops no door.

    Raises:
        StoreError: the disk did not keep it.
    """
    key = bus_key(config)
    key.repair()
    if join.bus_cert and key.take(join.bus_cert, join.bus_ca):
        log.info("bus_certificate_taken", node=config.node)
    life, ask = key.life(), "gatehouse-node join-request, then gatehouse-sync node add --request"
    if config.broker.ca_file is not None:
        return key
    if life is not None and life[1] < now_ms:
        log.error("bus_certificate_ended", remedy=ask)
    elif not key.ready and config.broker.host not in LOOPBACK:
        log.warning("bus_without_tls", host=config.broker.host, remedy=ask)
    return key


def bus_broker(config: NodeConfig, key: BusKey) -> Broker:
    """Where the broker is and how TLS is opened: as configured, else with what the community issued."""
    broker = config.broker
    if broker.ca_file is None and key.ready:
        return Broker(broker.host, broker.port, key.files.ca, key.files.cert, key.files.key)
    return Broker(broker.host, broker.port, broker.ca_file, broker.cert_file, broker.key_file)


def session_opener(
    config: NodeConfig, key: BusKey, join: Join
) -> Callable[[tuple[str, ...], str, bytes], Session]:
    """Opens the link's sessions: filters, topic of the will, will.  Each with the certificate of that moment."""
    return lambda subscribe, topic, will: Session(
        bus_broker(config, key), config.node, subscribe=join.hears(subscribe), will_topic=topic, will=will
    )


def open_identity(config: NodeConfig, join: Join, now_ms: Callable[[], int]) -> tuple[BusKey, Join]:
    """The node's key for the bus, and whom it believes: its join file, with what has followed since.

    Raises:
        StoreError: the disk did not keep the certificate of the join file.
    """
    return join_bus(config, join, now_ms()), with_ring(config, join, now_ms)


def with_ring(config: NodeConfig, join: Join, now_ms: Callable[[], int]) -> Join:
    """The join file's answer, with what has followed its keys since."""
    commander = next(iter(join.command_keys.items()), None)
    ring = KeyRing(
        config.data_dir / RING,
        join.community,
        {
            "community": Trusted(join.kid, join.community_key),
            "command": None if commander is None else Trusted(*commander),
        },
        verify_ed25519,
        now_ms,
    )
    return replace(join, ring=ring)


@dataclass(frozen=True, slots=True)
class Identity:
    """``IdentitySide`` of the link."""

    key: BusKey
    ring: KeyRing | None
    device_key: Path
    node: str
    renews: bool  # False where the owner configured certificates by hand: those are the owner's to renew

    def wish(self, clock: ClockReading) -> Renew | None:
        life = self.key.life() if self.renews else None
        if life is None or clock.state is ClockState.UNTRUSTED:
            return None
        begins_ms, ends_ms = life
        if clock.wall_ms < begins_ms + (ends_ms - begins_ms) * 2 // 3:
            return None
        wish = Renew(v=WIRE_VERSION, n=self.node, at=clock.wall_ms, csr=self.key.request())
        return changed(
            wish, sig=base64.b64encode(device_sign(self.device_key, identity_bytes(wish))).decode()
        )

    def take(self, cert: str) -> bool:
        return self.key.take(cert)

    def follow(self, chain: KeyChain) -> bool:
        return self.ring is not None and self.ring.follow(chain)


def identity_side(config: NodeConfig, key: BusKey, join: Join) -> Identity:
    renews = config.broker.ca_file is None and key.ready
    return Identity(key, join.ring, config.data_dir / DEVICE_KEY, config.node, renews)
