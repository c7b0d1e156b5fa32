"""What a node and its community say to each other about keys: joining, renewing, and keys that follow keys.

Signed by a node's device key: a claim (in its join request) and ``Renew``.  Signed by the key before it: ``KeyLink``.
A certificate needs no signature around it: the community's authority has signed it.
"""

from typing import Annotated, Literal

import msgspec

from cloud_sync.protocol.messages import BadMessage, Count, Message, decode, encode

# A request is carried by hand from a gate to an office; what lies about longer may have been copied.
CLAIM_LIFE_MS = 72 * 3_600_000
# Clocks of two machines on one site; beyond it the node's clock has to be set first.
CLAIM_AHEAD_MS = 600_000
# Names of the service's own certificates; the broker's access list lets them say more than a node may.
SERVICE = "sync"
BROKER = "broker"
# 300 bytes a rotation, and one message at most.  A node that was away for more of them joins anew.
CHAIN_MAX = 40

Use = Literal["community", "command"]
Pem = Annotated[str, msgspec.Meta(max_length=4_000)]
Signature = Annotated[str, msgspec.Meta(max_length=88)]


class Claim(Message, frozen=True, kw_only=True):
    """The one-time part of a join request; ``id`` is honoured once, and only for some days after ``at``."""

    id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
    n: Annotated[str, msgspec.Meta(max_length=64)]
    at: Count
    csr: Pem  # P-256, PEM: not every TLS library takes an Ed25519 certificate
    sig: Signature = ""


class Renew(Message, frozen=True, kw_only=True):
    """``n/{node}/renew``: a certificate for another key, please; asked long before the old one ends."""

    v: int
    n: Annotated[str, msgspec.Meta(max_length=64)]
    at: Count
    csr: Pem
    sig: Signature = ""


class Issued(Message, frozen=True, kw_only=True):
    """``d/{node}/cert``: the answer.  Never retained: whoever still lacks it asks again."""

    node: str
    cert: Pem


class KeyLink(Message, frozen=True, kw_only=True):
    """One key after another: ``kid`` signs from ``since`` on, ``prev`` is believed until ``until`` and never after."""

    community: str
    use: Use
    kid: Annotated[str, msgspec.Meta(max_length=64)]
    key: Annotated[str, msgspec.Meta(max_length=44)]  # base64 of 32 bytes
    prev: Annotated[str, msgspec.Meta(max_length=64)]
    since: Count
    until: Count
    sig: Signature = ""


class KeyChain(Message, frozen=True, kw_only=True):
    """``d/{node}/keys``, retained: every link, oldest first, so that a node that was away finds its way by itself."""

    links: Annotated[list[KeyLink], msgspec.Meta(max_length=CHAIN_MAX)]


_DOMAINS: dict[type[Message], bytes] = {
    Claim: b"ac-claim-v1\0",
    Renew: b"ac-renew-v1\0",
    KeyLink: b"ac-keylink-v1\0",
}


def identity_bytes(message: Claim | Renew | KeyLink) -> bytes:
    """What is signed: a domain, then the message with an empty signature."""
    return _DOMAINS[type(message)] + encode(msgspec.structs.replace(message, sig=""))


def read_claim(tree: object) -> Claim:
    """The claim of a join request's JSON.

    Raises:
        BadMessage: it has none, or one that cannot be read.
    """
    claim = tree.get("claim") if isinstance(tree, dict) else None
    if claim is None:
        raise BadMessage("the join request has no claim; it was made by an older version")
    return decode(msgspec.json.encode(claim), Claim)


def is_reserved(name: str) -> bool:
    """True for names that stand for the service or its broker, and so can be no node's."""
    return name in (BROKER, SERVICE) or name.startswith(f"{SERVICE}-")
