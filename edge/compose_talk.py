"""The node's ledger, and the key that vouches for what it says of itself and asks for."""

import secrets
from collections.abc import Callable

from cloud_sync.protocol import chain
from edge.compose_faces import DEVICE_KEY
from edge.config import NodeConfig
from edge.core.events import NodeId
from edge.errors import StoreError
from edge.link.pull import HttpsPull, Place
from edge.link.translate import encode_fact
from edge.ports import Clock
from edge.store.ballast import Ballast
from edge.store.device_key import Join
from edge.store.ledger import SqliteLedger
from edge.store.sealing_key import device_sign


def open_ledger(config: NodeConfig, ballast: Ballast) -> SqliteLedger:
    """The ledger of this node; a damaged one is salvaged first.

    Raises:
        StoreError: it cannot be used.
    """
    return SqliteLedger(
        config.data_dir / "events.db",
        NodeId(config.node),
        encode=encode_fact,
        chain=chain,
        new_epoch=lambda: secrets.token_hex(12),
        ballast=ballast,
    )


def device_signer(config: NodeConfig) -> Callable[[bytes], bytes]:
    """Signs tombstones and anchors with the device key, which the service knows since the node joined.

    What it returns raises StoreError where the key cannot be read.
    """

    def sign(message: bytes) -> bytes:
        path = config.data_dir / DEVICE_KEY
        try:
            return device_sign(path, message)
        except OSError as error:
            raise StoreError(
                f"{path}: cannot be read ({error}). Check its owner; it is never made anew."
            ) from error

    return sign


def passes_pull(config: NodeConfig, join: Join, clock: Clock) -> HttpsPull | None:
    """How this node fetches a whole set; None where its join file names no HTTPS pages."""
    if not join.pages_url.startswith("https://"):
        return None
    place = Place(join.pages_url, join.pages_ca, join.community, config.node)
    return HttpsPull(place, device_signer(config), lambda: clock.read().wall_ms)
