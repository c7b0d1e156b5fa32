"""What changes of a node's pass set, instead of the set (sync.md §7.1, ADR 0041).

``Deny`` comes first and takes away; ``Delta`` leads from one version to the next and names the root it must give;
``Repair`` asks for what is missing, by the leaves of the Merkle tree.  Every ``Delta`` and ``Deny`` is signed by the
community's key for one node, so that whoever carries it needs no trust.
"""

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec

from cloud_sync.protocol.messages import BadMessage, Count, Message, PassRow

DELTA_BYTES_MAX = (
    11_000  # rows before base64: with 200 ids that go, one publish stays below PUBLISH_BYTES_MAX
)
DENY_ITEMS_MAX = 100  # about 60 bytes each
GONE_MAX = 60  # ids of at most 64 bytes
# As the nodes have them (``edge.core.passes.DENYING``): nothing shown at a door gives any of it back.
DENYING = frozenset({"REVOKED", "SUSPENDED", "EXIT_ONLY", "EXPIRED"})
LEFT = "LEFT"  # the pass leads to no door of this node any more, or this version of it does not hold any more
HINT_BYTES = (
    8  # of a leaf, in a ``Repair``: whether two hints that are equal were right is for the root to say
)
BUCKETS = 256

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Deny(Message, frozen=True, kw_only=True):
    """``d/{node}/auth/deny``, a file or a code: passes taken away; each item is [pass, version, state].

    A state is REVOKED, SUSPENDED, EXIT_ONLY or EXPIRED from this version on, or LEFT: up to this version.
    ``auth_ver`` is that of the set in which it is so; a node that has this set, or a newer one, refuses it.
    """

    node: str
    auth_ver: Count
    issued: Count
    items: list[tuple[Id, Count, str]]
    kid: str
    sig: str = ""


class Delta(Message, frozen=True, kw_only=True):
    """``d/{node}/auth/delta``: from version ``since`` to ``auth_ver``, which has ``count`` rows and this root.

    ``rows`` is base64 of msgpack rows that are new or take the place of others; ``gone`` are passes that leave.
    """

    node: str
    since: Count
    auth_ver: Count
    count: Count
    root: str
    issued: Count
    lease_until: Count
    gone: list[Id] = []  # noqa: RUF012 - msgspec copies it
    rows: str = ""
    kid: str
    sig: str = ""


class Repair(Message, frozen=True, kw_only=True):
    """``n/{node}/repair``: a node that cannot get to version ``want`` by deltas says what it has.

    ``leaves`` is base64 of the first 8 bytes of each of its 256 leaf hashes.
    """

    auth_ver: Count
    want: Count
    leaves: Annotated[str, msgspec.Meta(max_length=2_736)]


_DOMAINS: dict[type[Message], bytes] = {Deny: b"ac-deny-v1\0", Delta: b"ac-delta-v1\0"}


def signing_bytes(message: Deny | Delta) -> bytes:
    """What is signed: a domain, then the message with an empty signature."""
    return _DOMAINS[type(message)] + msgspec.json.encode(msgspec.structs.replace(message, sig=""))


def unbase64(text: str, what: str) -> bytes:
    """Strict.

    Raises:
        BadMessage: not base64, or not even ASCII.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise BadMessage(f"{what} is not base64: {error}") from error


_raws = msgspec.msgpack.Decoder(list[msgspec.Raw])
_row = msgspec.msgpack.Decoder(PassRow)


def join(raws: Sequence[bytes]) -> bytes:
    """Encoded rows as one msgpack list, byte for byte."""
    return msgspec.msgpack.encode([msgspec.Raw(raw) for raw in raws])


def split(packed: bytes) -> list[tuple[str, bytes]]:
    """(pass id, encoded row) of every row of ``join`` or ``merkle.pack``.

    Raises:
        BadMessage: not a list of pass rows, or a pass is there twice.
    """
    try:
        raws = [bytes(raw) for raw in _raws.decode(packed)] if packed else []
        found = [(_row.decode(raw).pass_id, raw) for raw in raws]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage(f"pass rows: {error}") from error
    if len({pass_id for pass_id, _ in found}) != len(found):
        raise BadMessage("pass rows: one pass is there twice")
    return found


def hints(leaves: Sequence[bytes]) -> str:
    """The leaves as a ``Repair`` carries them."""
    return base64.b64encode(b"".join(leaf[:HINT_BYTES] for leaf in leaves)).decode()


def differing(told: str, leaves: Sequence[bytes]) -> list[int]:
    """The buckets in which a node that said ``told`` differs; all of them where its word cannot be read."""
    try:
        raw = unbase64(told, "leaves")
    except BadMessage:
        raw = b""
    if len(raw) != BUCKETS * HINT_BYTES:
        return list(range(BUCKETS))
    said = [raw[i * HINT_BYTES : (i + 1) * HINT_BYTES] for i in range(BUCKETS)]
    return [i for i, leaf in enumerate(leaves) if leaf[:HINT_BYTES] != said[i]]


def mask_of(buckets: Iterable[int]) -> str:
    """Which buckets a ``Part`` replaces: 256 bits as hex; the empty text for all of them."""
    bits = sum(1 << bucket for bucket in set(buckets))
    return "" if bits == 2**BUCKETS - 1 else f"{bits:064x}"


def buckets_of(mask: str) -> frozenset[int]:
    """Inverse of ``mask_of``.

    Raises:
        BadMessage: not such a text.
    """
    if not mask:
        return frozenset(range(BUCKETS))
    try:
        bits = int(mask, 16) if len(mask) == BUCKETS // 4 else -1
    except ValueError:
        bits = -1
    if bits < 0:
        raise BadMessage("a part names its buckets by 64 hex digits")
    return frozenset(bucket for bucket in range(BUCKETS) if bits >> bucket & 1)
