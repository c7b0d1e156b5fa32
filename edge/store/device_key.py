"""The node's own key, made on the node and never copied from it, and what the service answered to it."""

import base64
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cloud_sync.protocol.messages import BadMessage
from cloud_sync.protocol.topics import zone_cmd
from cloud_sync.protocol.zones import decode_membership, signing_bytes
from edge.core.events import AccessPointId
from edge.errors import ConfigError, StoreError
from edge.store.key_ring import KeyRing


def device_public_key(path: Path) -> str:
    """Base64 of the 32-byte public half; the private half (mode 0600) is made on the first call.

    Raises:
        StoreError: what is there is no key.
    """
    if not path.exists():
        write_private(path, Ed25519PrivateKey.generate().private_bytes_raw())
    try:
        private = Ed25519PrivateKey.from_private_bytes(path.read_bytes())
    except ValueError as error:
        raise StoreError(
            f"{path}: is no device key ({error}). Remove it and join again: 'gatehouse-node join-request'."
        ) from error
    return base64.b64encode(private.public_key().public_bytes_raw()).decode()


def write_private(path: Path, data: bytes) -> None:
    """A new file that only its owner reads, on the disk when this returns; one that is there is never replaced.

    It is whole or not there: a power cut leaves no empty key behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")  # mode 0600
    written = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(written)  # as a rename, but it fails where the file is there already
    finally:
        written.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@dataclass(frozen=True, slots=True)
class Join:
    """The service's answer to a node that joined."""

    community: str
    node: str
    kid: str
    community_key: bytes
    face_doors: frozenset[
        str
    ]  # where the community has switched face on: assessment and sign are on its file
    zone: ZoneInfo  # the community's own; a screen says its times, whatever the machine is set to
    pin_key: bytes = field(repr=False, default=b"")  # empty: this node reads no PINs
    pages_url: str = ""  # where guests reach the community's pages, as far as it told
    pages_ca: str = ""  # PEM: whom to trust there; empty: whom this machine trusts
    command_keys: Mapping[str, bytes] = field(default_factory=dict)  # by key id: who may command doors
    bus_cert: str = ""  # this node's certificate for the bus, PEM, where the community issues them
    bus_ca: str = ""  # and the authority it is from
    ring: KeyRing | None = field(repr=False, default=None)  # what has followed these keys since

    confirm_keys: Mapping[str, bytes] = field(default_factory=dict)  # who signs for a zone's second person
    zones: Mapping[str, frozenset[AccessPointId]] = field(default_factory=dict)  # of this node's doors

    def hears(self, own: tuple[str, ...]) -> tuple[str, ...]:
        """What the node subscribes to: its own filters, and the commands of its zones."""
        return (*own, *(zone_cmd(self.community, zone) for zone in sorted(self.zones)))

    def verify_command(self, kid: str, message: bytes, signature: bytes) -> bool:
        """True when the command key, or the second person's key, of this id signed the message."""
        if self.ring is not None and kid in self.ring.kids["command"]:
            return self.ring.verify("command", kid, message, signature)
        key = self.command_keys.get(kid) or self.confirm_keys.get(kid)
        return key is not None and verify_ed25519(key, message, signature)

    def verify(self, kid: str, message: bytes, signature: bytes) -> bool:
        """True when the community's key signed the message."""
        if self.ring is not None:
            return kid in self.ring.kids["community"] and self.ring.verify(
                "community", kid, message, signature
            )
        return kid == self.kid and verify_ed25519(self.community_key, message, signature)

    def verify_pass(self, kid: str, message: bytes, signature: bytes) -> bool:
        """True when the community signed this; a shown pass names its key by the first digits of the key's id."""
        if self.ring is not None:
            return self.ring.verify("community", kid, message, signature)
        return bool(kid) and self.kid.startswith(kid) and self.verify(self.kid, message, signature)

    def command_kids(self) -> frozenset[str]:
        """The ids of command keys that have followed those of the join file."""
        return frozenset(() if self.ring is None else self.ring.kids["command"])


def verify_ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    """True when the holder of ``public`` (32 bytes) signed the message; anything malformed is False."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def read_join(path: Path) -> Join:
    """Read the join file.

    Raises:
        ConfigError: it is not there, not what the service writes, or names a time zone nobody knows.
    """
    try:
        tree = json.loads(path.read_text())
        bus = tree.get("bus") or {}
        return Join(
            community=str(tree["community"]),
            node=str(tree["node"]),
            kid=str(tree["kid"]),
            community_key=base64.b64decode(tree["community_key"], validate=True),
            face_doors=frozenset(
                door["access_point"] for door in tree["access_points"] if door["face_enabled"]
            ),
            zone=ZoneInfo(str(tree["tz"])),
            command_keys=_keys(tree.get("command_keys", ())),
            confirm_keys=_keys(tree.get("confirm_keys", ())),
            zones=_zones(tree),
            pin_key=base64.b64decode(tree.get("pin_key", ""), validate=True),
            pages_url=str(tree.get("pages_url", "")),
            pages_ca=str(tree.get("pages_ca") or ""),
            bus_cert=str(bus.get("cert", "")),
            bus_ca=str(bus.get("ca", "")),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"join_file {path}",
            f"is not a join file ({error})",
            "Make one: 'gatehouse-node join-request', then 'gatehouse-sync node add' at the service",
        ) from error


def _keys(told: Iterable[Mapping[str, str]]) -> dict[str, bytes]:
    return {str(one["kid"]): base64.b64decode(one["key"], validate=True) for one in told}


def _zones(tree: Mapping[str, Any]) -> dict[str, frozenset[AccessPointId]]:
    """The zones of this node's doors; none where the service is older than they are.

    Raises:
        ValueError: the statement is not the community's, or about another node.
    """
    told = tree.get("zones")
    if told is None:
        return {}
    said = str(told["said"]).encode()
    signature = base64.b64decode(told["sig"], validate=True)
    if not verify_ed25519(
        base64.b64decode(tree["community_key"], validate=True), signing_bytes(said), signature
    ):
        raise ValueError("its zones are not signed by the community")
    try:
        zones = decode_membership(said, tenant=str(tree["community"]), node=str(tree["node"]))
    except BadMessage as error:
        raise ValueError(str(error)) from error
    return {zone: frozenset(AccessPointId(door) for door in doors) for zone, doors in zones.items()}
