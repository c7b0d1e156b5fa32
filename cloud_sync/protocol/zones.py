"""Which doors of a node belong to which zones: said by the community's key, kept in the node's join file.

A zone is a fire section, a building, or the whole site; a broadcast reaches a door only through this statement.
Whoever could forge it could lock down doors that two people never meant.  ``site`` is every door.
"""

from typing import Annotated, Literal

import msgspec

from cloud_sync.protocol.messages import BadMessage

DOMAIN = b"ac-zones-v1\0"
SITE = "site"

ZoneName = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,58}$")]


class Membership(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    v: Literal[1]
    t: str
    node: str
    doors: dict[str, list[ZoneName]]  # door -> its zones


def signing_bytes(said: bytes) -> bytes:
    """What the community's key signs: a domain and the very bytes of the statement."""
    return DOMAIN + said


def encode_membership(tenant: str, node: str, doors: dict[str, list[str]]) -> bytes:
    return msgspec.json.encode(Membership(v=1, t=tenant, node=node, doors=doors), order="sorted")


def decode_membership(said: bytes, *, tenant: str, node: str) -> dict[str, frozenset[str]]:
    """Zone -> its doors at this node; call it only with what was verified.

    Raises:
        BadMessage: not a statement of this version, or one about another node.
    """
    try:
        membership = msgspec.json.decode(said, type=Membership)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage(f"Membership: {error}") from error
    if (membership.t, membership.node) != (tenant, node):
        raise BadMessage(f"Membership: these are the zones of node {membership.node} of {membership.t}")
    zones: dict[str, set[str]] = {}
    for door, names in membership.doors.items():
        for name in names:
            zones.setdefault(name, set()).add(door)
    return {name: frozenset(doors) for name, doors in zones.items()}
