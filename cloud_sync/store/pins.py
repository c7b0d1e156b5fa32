"""PINs that are kept apart: nobody's slip or call for help is ever another's PIN (ADR 0033)."""

from typing import Any

from cloud_sync.errors import Refused
from cloud_sync.protocol.pin import pin_credential, pins_too_near
from cloud_sync.store import tables
from cloud_sync.store.house import Act

PIN_DIGITS = 6
PIN_DISTINCT_MIN = 2  # 111111 and 121212 are what people try first
PIN_TRIES_MAX = 50  # of a million; a community with so many taken needs longer PINs
DAY = "day"  # the PIN of a day code: taken, and told to no node


def free_pin(act: Act) -> tuple[str, str, bytes]:
    """Six digits that nobody has or had, nor any digits one beside them: the PIN, its credential id, its verifier.

    Raises:
        Refused: none was found.
    """
    for _ in range(PIN_TRIES_MAX):
        pin = f"{int.from_bytes(act.house.randomness(8), 'big') % 10**PIN_DIGITS:0{PIN_DIGITS}d}"
        cred_id, verifier = pin_credential(act.house.pin_key, pin)
        if len(set(pin)) > PIN_DISTINCT_MIN and not any(
            row_of_pin(act, one) for one in (pin, *pins_too_near(pin))
        ):
            return pin, cred_id, verifier
    raise Refused("credential.pins", "no free PIN was found; ask the staff for another way in.")


def row_of_pin(act: Act, pin: str) -> Any | None:
    """Who has these digits, or had them; None for nobody."""
    cred_id, _ = pin_credential(act.house.pin_key, pin)
    return act.row(tables.credential, cred_id=cred_id)
