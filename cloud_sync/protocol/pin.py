"""PINs and cards as credentials: keyed, so that a pass set tells nobody which digits or which card open a door.

Both ends compute the same two values from what a person shows: ``cred_id`` finds the pass, ``verifier`` proves it.
The key is the community's PIN key, in the vault of the service and in the join file of its nodes.  Six digits can be
tried out by whoever holds that key, so a stolen node means a new PIN key (domain.md story 37).
"""

import hmac
import re
from hashlib import sha256

PIN = re.compile(r"[0-9]{6,12}", re.ASCII)
CARD = re.compile(r"[0-9A-F]{8,40}", re.ASCII)  # the bytes of a card's id as hex, without separators
CRED_ID_BYTES = 16
_ID, _PROOF = b"-id-v1\0", b"-v1\0"


def pin_credential(key: bytes, pin: str) -> tuple[str, bytes]:
    """(credential id as hex, verifier of 32 bytes) of a PIN of 6 to 12 digits."""
    assert PIN.fullmatch(pin), "a PIN has 6 to 12 digits"
    return _keyed(key, b"ac-pin", pin)


def card_credential(key: bytes, card: str) -> tuple[str, bytes]:
    """(credential id as hex, verifier of 32 bytes) of a card id."""
    assert CARD.fullmatch(card), "a card id is 4 to 20 bytes as capital hex"
    return _keyed(key, b"ac-card", card)


def _keyed(key: bytes, domain: bytes, shown: str) -> tuple[str, bytes]:
    cred_id = hmac.digest(key, domain + _ID + shown.encode(), sha256)[:CRED_ID_BYTES]
    return cred_id.hex(), hmac.digest(key, domain + _PROOF + cred_id + shown.encode(), sha256)
