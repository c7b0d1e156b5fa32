"""A whole set by one request instead of hundreds of frames (ADR 0046): where it is told, asked for, and what is signed.

The bus says that there is one (``Pull``); the node asks for it over HTTPS with a request signed by its device key, and
believes what it gets only by the root that the community's key has signed.
"""

from cloud_sync.protocol.messages import Count, Message

PULL_PATH = "/api/v1/nodes/{node}/passes"
# Signed for this moment: so far may the two clocks be apart, and so long is a nonce remembered.
SKEW_MS = 120_000
NONCE_HEX = 32
SET_BYTES_MAX = 48_000_000  # as in parts
TIME, NONCE, SIGNATURE, VERSION = (
    "x-gatehouse-time",
    "x-gatehouse-nonce",
    "x-gatehouse-signature",
    "x-gatehouse-auth-ver",
)
_DOMAIN = b"ac-pull-v1\0"


class Pull(Message, frozen=True, kw_only=True):
    """``d/{node}/auth/pull``: a whole set of at least version ``auth_ver`` waits at the service's pages.

    Not signed: who invents one makes the node ask where it asks anyhow.
    """

    auth_ver: Count


def request_bytes(community: str, node: str, at_ms: int, nonce: str) -> bytes:
    """What the device key signs: whose set, when, and a word that is said once.  Length before each."""
    said = [word.encode() for word in (community, node, str(at_ms), nonce)]
    return _DOMAIN + b"".join(len(word).to_bytes(4, "big") + word for word in said)
