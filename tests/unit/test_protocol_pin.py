"""PINs and cards: both ends compute the same two values, and without the key nobody computes them."""

import json
from pathlib import Path

import pytest

from cloud_sync.protocol.pin import CARD, PIN, card_credential, pin_credential

KNOWN = json.loads((Path(__file__).parent.parent / "golden" / "vectors" / "pin.json").read_text())
KEY = bytes.fromhex(KNOWN["key"])


@pytest.mark.parametrize(("kind", "compute"), [("pin", pin_credential), ("card", card_credential)])
def test_what_is_shown_gives_the_values_it_always_gave(kind, compute):
    cred_id, verifier = compute(KEY, KNOWN[kind]["shown"])
    assert (cred_id, verifier.hex()) == (KNOWN[kind]["cred_id"], KNOWN[kind]["verifier"])


def test_another_key_another_kind_and_another_pin_share_nothing():
    digits = "12345678"
    found = [
        pin_credential(KEY, digits),
        pin_credential(bytes(32), digits),
        pin_credential(KEY, "12345679"),
        card_credential(KEY, digits),
    ]
    assert len({cred_id for cred_id, _ in found}) == len({verifier for _, verifier in found}) == 4


@pytest.mark.parametrize("text", ["12345", "1234567890123", "12345a", "１２３４５６", "123456\n", ""])
def test_what_is_no_pin_is_none(text):
    assert PIN.fullmatch(text) is None


@pytest.mark.parametrize("text", ["04A2B3C", "04a2b3c4", "04:A2:B3:C4", ""])
def test_what_is_no_card_id_is_none(text):
    assert CARD.fullmatch(text) is None
