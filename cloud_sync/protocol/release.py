"""Releases and the orders to take them: ``sig(64) ‖ JSON`` each, received strictly, as commands are (sync.md §8).

A release names one tar file by its digest and is signed by the key of whoever makes releases.  An order names one node and one
release, is signed by the service's command key, counted, and ends; nothing of it is ever retained anywhere.  Two keys: whoever
holds the service makes no release, and whoever makes releases orders none.
"""

from typing import Annotated, Literal, TypeVar

import msgspec

from cloud_sync.protocol.messages import BadMessage, Count, Seq

RELEASE_DOMAIN, ORDER_DOMAIN = b"ac-release-v1\0", b"ac-order-v1\0"
SIG_BYTES = 64
FRAME_BYTES_MAX = 2_048
ORDER_TTL_MS = 600_000  # the file was brought before; a node takes it at once or not at all

Kind = Literal["program", "model"]
Word = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Release(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``n`` rises with every release of a kind: by it a node knows which of two is older."""

    v: Literal[1] = 1
    kind: Kind
    name: Word
    n: Seq
    sha256: Digest
    size: Count


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``do`` install: take this release.  back: the release before it, which the node has kept; ``n`` is the one to leave."""

    v: Literal[1] = 1
    t: Name
    node: Name
    ctr: Seq
    iat: Count
    exp: Count
    do: Literal["install", "back"]
    kind: Kind
    n: Seq
    sha256: Digest
    iss: Name
    kid: Name


M = TypeVar("M", Release, Order)


def encode(message: Release | Order) -> bytes:
    return msgspec.json.encode(message)


def signing_bytes(message: type[Release] | type[Order], body: bytes) -> bytes:
    """What the key signs: no signature of one kind stands under the other."""
    return (RELEASE_DOMAIN if message is Release else ORDER_DOMAIN) + body


def split(data: bytes, message: type[M]) -> tuple[bytes, bytes, M]:
    """Signature, body and message; nothing is verified yet.

    Raises:
        BadMessage: too short, too long, or not such a message.
    """
    if not SIG_BYTES < len(data) <= FRAME_BYTES_MAX:
        raise BadMessage(f"{message.__name__}: {len(data)} bytes are not a frame")
    body = data[SIG_BYTES:]
    try:
        return data[:SIG_BYTES], body, msgspec.json.decode(body, type=message)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage(f"{message.__name__}: {error}") from error
