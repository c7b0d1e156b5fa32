"""The key that others seal templates to (X25519), made on the node beside its device key and never copied from it."""

import base64
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from edge.errors import StoreError
from edge.store.device_key import device_public_key, write_private

_KEY_BYTES = 32


def sealing_private_key(path: Path) -> bytes:
    """The 32-byte private half; made (mode 0600) on the first call.

    Raises:
        StoreError: it cannot be made or read, or is no key.
    """
    try:
        if not path.exists():
            write_private(path, X25519PrivateKey.generate().private_bytes_raw())
        private = path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be used as the sealing key ({error}). Check the disk and its owner."
        ) from error
    if len(private) != _KEY_BYTES:
        raise StoreError(
            f"{path}: {len(private)} bytes are no sealing key. Templates come from no other node and go to none. "
            "Remove the file, restart, and have the new fingerprint approved and trusted."
        )
    return private


def public_half(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def device_sign(path: Path, message: bytes) -> bytes:
    """64 bytes by the device key, which is made on the first call."""
    device_public_key(path)
    return Ed25519PrivateKey.from_private_bytes(path.read_bytes()).sign(message)


def device_public_raw(path: Path) -> bytes:
    return base64.b64decode(device_public_key(path))
