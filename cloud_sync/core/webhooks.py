"""What programs can be told, when a delivery is tried again, and how it is signed (Standard Webhooks)."""

import hmac
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from types import MappingProxyType

from cloud_sync.core.policy import HOUR_MS, MINUTE_MS

# What happened to which kind of record, by the first word of its line in the audit log; a case by its own changes.
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "booking": "a booking was received, changed or cancelled",
        "case": "a case was opened, moved or closed",
        "listing": "a listing changed its state, or its file",
        "registration": "somebody of a stay was registered, or proved who they are",
        "stay": "a stay changed its state",
    }
)
# That somebody is in danger is told to no program (domain.md story 15).
UNTOLD = frozenset({"stay.hide", "stay.show"})
TEST = "test"
RETRY_MS = (MINUTE_MS // 2, 5 * MINUTE_MS, HOUR_MS // 2, 2 * HOUR_MS, 6 * HOUR_MS, 12 * HOUR_MS, 24 * HOUR_MS)
SECRET_PREFIX = "whsec_"  # noqa: S105 - how every secret begins
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


def secret_of(k_community: bytes, webhook: str) -> bytes:
    """Made anew each time it is needed, so that it stands nowhere."""
    return hmac.digest(k_community, b"gatehouse webhook\0" + webhook.encode(), sha256)


def shown_secret(secret: bytes) -> str:
    return SECRET_PREFIX + b64encode(secret).decode()


def signed_headers(secret: bytes, delivery: str, at_s: int, body: bytes) -> dict[str, str]:
    """Of this moment: a receiver refuses what was signed long ago, so that nobody plays it back."""
    said = f"{delivery}.{at_s}.".encode() + body
    signature = b64encode(hmac.digest(secret, said, sha256)).decode()
    return {ID: delivery, TIMESTAMP: str(at_s), SIGNATURE: f"v1,{signature}"}
