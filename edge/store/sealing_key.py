"""The key that others seal templates to (X25519), made on the node beside its device key and never copied from it."""

import base64
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from edge.store.device_key import device_public_key, write_private


def sealing_private_key(path: Path) -> bytes:
    """The 32-byte private half; made (mode 0600) on the first call."""
    if not path.exists():
        write_private(path, X25519PrivateKey.generate().private_bytes_raw())
    return path.read_bytes()


def public_half(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def device_sign(path: Path, message: bytes) -> bytes:
    """64 bytes by the device key, which is made on the first call."""
    device_public_key(path)
    return Ed25519PrivateKey.from_private_bytes(path.read_bytes()).sign(message)


def device_public_raw(path: Path) -> bytes:
    return base64.b64decode(device_public_key(path))
