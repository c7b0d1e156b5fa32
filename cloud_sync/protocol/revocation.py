"""``ACR:`` codes: one revocation, short enough to type, for a node that no network reaches (sync.md §7.5).

16 characters of Crockford's base32 are 80 bits of HMAC-SHA-256, keyed by the community's PIN key, over
``"ac-revoke-v1\\0" ‖ pass id ‖ "\\0" ‖ version``.  The node finds the pass by trying those it holds: the code names nobody,
says nothing without the key, and can only take away.
"""

import hmac
from collections.abc import Iterable
from hashlib import sha256

PREFIX = "ACR:"
CHARACTERS = 16
# How many versions a pass may be ahead of what the node holds: a stay rarely changes more often.
AHEAD_MAX = 16
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISTAKEN = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
_DOMAIN = b"ac-revoke-v1\0"


def text_of(key: bytes, pass_id: str, version: int) -> str:
    """The code that takes this pass away from this version on."""
    number = int.from_bytes(_proof(key, pass_id, version), "big")
    digits = "".join(_ALPHABET[number >> shift & 31] for shift in range(5 * (CHARACTERS - 1), -1, -5))
    return PREFIX + "-".join(digits[at : at + 4] for at in range(0, CHARACTERS, 4))


def read(text: str) -> bytes | None:
    """What was typed or scanned, with or without its prefix and dashes; None for what is no such code."""
    plain = text.strip().upper().removeprefix(PREFIX).translate(_MISTAKEN)
    if len(plain) != CHARACTERS or not set(plain) <= set(_ALPHABET):
        return None
    number = 0
    for character in plain:
        number = number << 5 | _ALPHABET.index(character)
    return number.to_bytes(5 * CHARACTERS // 8, "big")


def find(key: bytes, code: bytes, held: Iterable[tuple[str, int]]) -> tuple[str, int] | None:
    """(pass id, version from which it is revoked), of passes held as (id, version); None when it is none of them."""
    known = list(held)
    for ahead in range(1, AHEAD_MAX + 1):
        for pass_id, version in known:
            if hmac.compare_digest(_proof(key, pass_id, version + ahead), code):
                return pass_id, version + ahead
    return None


def _proof(key: bytes, pass_id: str, version: int) -> bytes:
    said = _DOMAIN + pass_id.encode() + b"\0" + str(version).encode()
    return hmac.digest(key, said, sha256)[: 5 * CHARACTERS // 8]
