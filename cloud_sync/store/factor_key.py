"""Secrets of second factors at rest: sealed under a key of their own, which is drawn from the vault's."""

import base64
import hmac
import secrets
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloud_sync.errors import StoreError

NONCE_BYTES = 12


class FactorKey:
    """Whoever has the database alone can neither make a code nor try recovery codes."""

    def __init__(self, vault_key: bytes) -> None:
        def drawn(use: bytes) -> bytes:
            return hmac.new(vault_key, b"gatehouse accounts " + use, sha256).digest()

        self._box = AESGCM(drawn(b"second factor"))
        self._codes, self._handles = drawn(b"recovery codes"), drawn(b"passkey handles")

    def seal(self, user: str, secret: str) -> str:
        """The name is bound in: moved to another person's row it does not open."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return base64.b64encode(nonce + self._box.encrypt(nonce, secret.encode(), user.encode())).decode()

    def open(self, user: str, box: str) -> str:
        """The secret in clear.

        Raises:
            StoreError: it was sealed under another key, or damaged.
        """
        raw = base64.b64decode(box)
        try:
            return self._box.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], user.encode()).decode()
        except InvalidTag as error:
            raise StoreError(
                "a second factor does not open with this vault.key; restore key and database from the same backup."
            ) from error

    def mac(self, user: str, code: str) -> str:
        """What is kept of a recovery code."""
        return hmac.new(self._codes, f"{user}\0{code}".encode(), sha256).hexdigest()

    def handle(self, community: str, user: str) -> bytes:
        """How authenticators know this person: always the same, and it tells them no name."""
        return hmac.new(self._handles, f"{community}\0{user}".encode(), sha256).digest()
