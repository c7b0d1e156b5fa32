"""PINs and cards as credentials: keyed, so that a pass set tells nobody which digits or which card open a door.

Both ends compute the same two values from what a person shows: ``cred_id`` finds the pass, ``verifier`` proves it.
The key is the community's PIN key, in the vault of the service and in the join file of its nodes.  Six digits can be
tried out by whoever holds that key, so a stolen node means a new PIN key (domain.md story 37).
"""

import hmac
import re
from hashlib import sha256

PIN = re.compile(r"[0-9]{6,12}", re.ASCII)
# The bytes of a card's id as hex, without separators; before a stroke its bits, where they do not fill the last byte.
CARD = re.compile(r"(?:[1-9][0-9]{1,2}/)?[0-9A-F]{8,40}", re.ASCII)
READ = re.compile(
    r"([1-9][0-9]{0,2}):([0-9A-Fa-f]{2,64})", re.ASCII
)  # what a reader tells: bits, and them left-aligned
BITS_OF_A_DIGIT = 4
CRED_ID_BYTES = 16
_ID, _PROOF = b"-id-v1\0", b"-v1\0"


def pin_credential(key: bytes, pin: str) -> tuple[str, bytes]:
    """(credential id as hex, verifier of 32 bytes) of a PIN of 6 to 12 digits."""
    assert PIN.fullmatch(pin), "a PIN has 6 to 12 digits"
    return _keyed(key, b"ac-pin", pin)


def card_credential(key: bytes, card: str) -> tuple[str, bytes]:
    """(credential id as hex, verifier of 32 bytes) of a card id."""
    assert CARD.fullmatch(card), (
        "a card id is 4 to 20 bytes as capital hex, with its bits before it where they are odd"
    )
    return _keyed(key, b"ac-card", card)


def card_of_read(data: str) -> str | None:
    """The card id in what a reader tells (``<bits>:<hex, left-aligned>``), as lists of cards have it; None: no card.

    Whole bytes are told as their hex alone, like a card's printed number; 26 or 37 bits keep their count before a stroke.
    """
    found = READ.fullmatch(data)
    if found is None:
        return None
    bits, digits = int(found[1]), found[2].upper()
    if not 0 <= BITS_OF_A_DIGIT * len(digits) - bits < 2 * BITS_OF_A_DIGIT:
        return None
    card = digits if bits % 8 == 0 else f"{bits}/{digits}"
    return card if CARD.fullmatch(card) else None


def read_of_decimal(typed: str, bits: int) -> str | None:
    """What a door's reader tells of the number that one at a desk types in tens; None for what is no such number."""
    if not (typed.isascii() and typed.isdecimal()) or int(typed) >> bits:
        return None
    size = -(-bits // 8)
    return f"{bits}:{(int(typed) << (8 * size - bits)).to_bytes(size, 'big').hex()}"


def duress_pin(pin: str) -> str:
    """What somebody types who is made to: their PIN with the last digit one higher, 9 becoming 0 (ADR 0033)."""
    return pin[:-1] + str((int(pin[-1]) + 1) % 10)


def pin_under_duress(typed: str) -> str:
    """The PIN behind a duress PIN; its inverse."""
    return typed[:-1] + str((int(typed[-1]) - 1) % 10)


def pins_too_near(pin: str) -> tuple[str, str]:
    """PINs nobody else may have beside this one: one's slip must never be another's call for help, nor their PIN."""
    return duress_pin(pin), pin_under_duress(pin)


def _keyed(key: bytes, domain: bytes, shown: str) -> tuple[str, bytes]:
    cred_id = hmac.digest(key, domain + _ID + shown.encode(), sha256)[:CRED_ID_BYTES]
    return cred_id.hex(), hmac.digest(key, domain + _PROOF + cred_id + shown.encode(), sha256)
