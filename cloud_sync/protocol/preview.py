"""A ticket to look through one door's camera: ``base64url(sig(64) ‖ JSON body)``, signed like a command, used once.

It goes from the service to a browser and from there to the node, on the site's own network; never over the bus, and no
picture ever comes back this way.
"""

import base64
import binascii
from typing import Annotated, Literal

import msgspec

from cloud_sync.protocol.messages import BadMessage, Count

DOMAIN = b"ac-preview-v1\0"
PREVIEW_VERSION: Literal[1] = 1
SIG_BYTES = 64
# Long enough to follow a link and press a button; a ticket that was left lying about is worth nothing.
TTL_MS = 60_000
TEXT_MAX = 1_024

Word = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
TicketId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]


class Ticket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One named person may look through one door's camera, once, soon."""

    v: Literal[1]
    t: Word
    node: Word
    door: Word
    id: TicketId
    iat: Count
    exp: Count
    iss: Word  # who looks; the actor of what is written down
    kid: Word


def encode_ticket(ticket: Ticket) -> bytes:
    """The body, as it is signed."""
    return msgspec.json.encode(ticket)


def signing_bytes(body: bytes) -> bytes:
    """What the key signs."""
    return DOMAIN + body


def text_of(body: bytes, signature: bytes) -> str:
    """As it stands behind the ``#`` of an address."""
    assert len(signature) == SIG_BYTES
    return base64.urlsafe_b64encode(signature + body).decode().rstrip("=")


def read_ticket(text: str) -> tuple[Ticket, bytes, bytes]:
    """The ticket, what was signed, and the signature; nothing is verified yet.

    Raises:
        BadMessage: not a ticket of this version.
    """
    if not text.isascii() or len(text) > TEXT_MAX:
        raise BadMessage("Ticket: too long, or no plain text")
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        ticket = msgspec.json.decode(data[SIG_BYTES:], type=Ticket)
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise BadMessage(f"Ticket: {error}") from error
    return ticket, signing_bytes(data[SIG_BYTES:]), data[:SIG_BYTES]
