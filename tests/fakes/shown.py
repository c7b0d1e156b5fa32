"""One guest with a code, a card and a PIN, and their hand at the door of ``lone_gate``."""

from cloud_sync.protocol.messages import Cred
from cloud_sync.protocol.pin import card_credential
from edge.ports import Shown
from tests.fakes.bundles import PASS_ID, Phone
from tests.fakes.lone_gate import GATE, KEY, NOW_MS, LoneGate, pass_row

PIN, OTHER_PIN = "482913", "771204"
CARD, CARD_READ = "04A1B2C3", "32:04A1B2C3"
PHONE, CREDENTIAL = Phone(), bytes(range(16))


def everything(pass_id: str = PASS_ID, **changes: object):
    """A pass with a code, a card and a PIN."""
    row = pass_row(pass_id, pin=PIN, **changes)
    more = [Cred("qr", CREDENTIAL.hex(), PHONE.public), Cred("card", *card_credential(KEY, CARD))]
    return type(row)(
        **{n: getattr(row, n) for n in row.__struct_fields__ if n != "creds"}, creds=[*row.creds, *more]
    )


async def show(lone: LoneGate, what: str) -> None:
    """One of: qr, card, pin, other pin, wrong pin, or a text that is shown as it is."""
    gate, now = lone.gate, lone.at_ns
    match what:
        case "qr":
            await gate.on_code(PHONE.code(CREDENTIAL, at_ms=NOW_MS + now // 1_000_000), now)
        case "card":
            await gate.on_shown(Shown(GATE, "card", CARD_READ, now))
        case "pin":
            await gate.on_shown(Shown(GATE, "keys", PIN, now))
        case "other pin":
            await gate.on_pin(OTHER_PIN)
        case "wrong pin":
            await gate.on_pin("000123")
        case _:
            await gate.on_shown(Shown(GATE, "text", what, now))
