"""A node as far as joining goes: its own keys in a folder, its request, and the service's answer."""

import base64
import json
import secrets
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from cloud_sync.compose import Books, add_node
from cloud_sync.protocol.identity import Claim, Renew, identity_bytes
from cloud_sync.store.places import AccessPointSpec, NodeJoin
from edge.store.bus_key import BusKey
from edge.store.device_key import device_public_key
from edge.store.sealing_key import device_sign


class Joiner:
    def __init__(self, folder: Path, node: str, now_ms: int) -> None:
        self.folder, self.node, self.now_ms = folder / node, node, now_ms
        self.folder.mkdir(parents=True, exist_ok=True)
        self.bus = BusKey(self.folder / "bus", node)

    @property
    def public_key(self) -> str:
        return device_public_key(self.folder / "device.key")

    def sign(self, message: Any) -> Any:
        signature = device_sign(self.folder / "device.key", identity_bytes(message))
        return replace(message, sig=base64.b64encode(signature).decode())

    def claim(self, **more: Any) -> Claim:
        words = {
            "id": secrets.token_hex(16),
            "n": self.node,
            "at": self.now_ms,
            "csr": self.bus.request(),
            **more,
        }
        return self.sign(Claim(**words))

    def renewal(self, now_ms: int, **more: Any) -> Renew:
        words = {"v": 1, "n": self.node, "at": now_ms, "csr": self.bus.request(), **more}
        return self.sign(Renew(**words))

    def join(self, books: Books, door: str = "", claim: Claim | None = None) -> dict[str, Any]:
        """Registered with its claim; the join file, its certificate taken."""
        out = self.folder / "join.json"
        doors = (AccessPointSpec(door, "gate", "门", "Gate"),) if door else ()
        wish = NodeJoin(self.node, self.node, self.public_key, doors)
        add_node(books, wish, out, actor="installer-1", claim=claim or self.claim())
        told: dict[str, Any] = json.loads(out.read_text())
        if told["bus"]:
            assert self.bus.take(told["bus"]["cert"], told["bus"]["ca"])
        return told
