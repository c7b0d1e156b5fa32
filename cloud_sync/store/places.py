"""Nodes, access points and what has to be on file before a camera may know a face (domain.md R6, R9, invariant 14)."""

import base64
import binascii
import json
import re
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cloud_sync.errors import NotFound, Refused
from cloud_sync.protocol.sealed import proof_bytes
from cloud_sync.store import tables
from cloud_sync.store.house import Act
from cloud_sync.store.losses import take_place

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
KINDS = ("gate", "unit", "room", "garage")
# Where the door's camera looks from; a camera inside a dwelling is refused whatever else is on file.
LOCATION_OF_KIND = {"gate": "entrance", "unit": "stairwell", "room": "corridor", "garage": "garage"}
PLACES = frozenset(LOCATION_OF_KIND.values())
NEVER_WATCHED = frozenset({"inside_guest_room", "bathroom", "changing_room", "toilet"})
DEVICE_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class AccessPointSpec:
    access_point: str
    kind: str
    name_zh: str
    name_en: str
    location_class: str = ""


@dataclass(frozen=True, slots=True)
class NodeJoin:
    """A node that asks to join: its own public key (base64 of 32 bytes) and the doors it will own.

    ``sealing_key`` (likewise) and its ``sealing_proof`` are what others seal templates to; without, it takes none.
    """

    node: str
    name: str
    public_key: str
    access_points: tuple[AccessPointSpec, ...] = ()
    sealing_key: str = ""
    sealing_proof: str = ""


@dataclass(frozen=True, slots=True)
class PiaRecord:
    """The four parts an impact assessment has to have (PIPL 55-56), its author and its review date."""

    purpose: str
    necessity: str
    impact: str
    measures: str
    author: str
    review_ms: int
    synthetic: bool = False


def _checked_id(what: str, text: str) -> str:
    if not ID.fullmatch(text):
        raise Refused(what, f"{what} {text!r} may have letters, digits, '.', '_' and '-' only, at most 64.")
    return text


def _checked_key(text: str) -> str:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != DEVICE_KEY_BYTES:
        raise Refused("node", f"the node's public key has to be base64 of {DEVICE_KEY_BYTES} bytes.")
    return text


def add_node(act: Act, join: NodeJoin) -> None:
    """Register a node and its doors; the same join again changes nothing, another key for it is refused."""
    _checked_id("node", join.node)
    _checked_key(join.public_key)
    take_place(act, join.node, join.public_key)
    held = act.row(tables.node, node=join.node)
    if held is not None and held.device_public_key != join.public_key:
        raise Refused(
            "node",
            f"node {join.node} is registered with another key; if it was lost or replaced, say so first: "
            "'gatehouse-sync node lost'.",
        )
    if held is None:
        act.insert(
            tables.node,
            node=join.node,
            name=join.name,
            device_public_key=join.public_key,
            registered_ms=act.now_ms,
        )
        act.note("node.register", join.node)
    if join.sealing_key:
        _keep_sealing_key(act, join)
    for spec in join.access_points:
        add_access_point(act, join.node, spec)


def _keep_sealing_key(act: Act, join: NodeJoin) -> None:
    """Only with the device key's word for it; another key than before has to be approved for faces anew."""
    _checked_key(join.sealing_key)
    try:
        device = Ed25519PublicKey.from_public_bytes(base64.b64decode(join.public_key))
        proof = base64.b64decode(join.sealing_proof, validate=True)
        device.verify(proof, proof_bytes(join.node, base64.b64decode(join.sealing_key)))
    except (InvalidSignature, ValueError) as error:
        raise Refused(
            "node",
            f"node {join.node}: its device key has not signed this sealing key; take both from one "
            "'gatehouse-node join-request'.",
        ) from error
    held = act.row(tables.node, node=join.node)
    if held is None or held.sealing_key == join.sealing_key:
        return
    act.update(
        tables.node, {"node": join.node}, sealing_key=join.sealing_key, sealing_proof=join.sealing_proof
    )
    table = tables.face_node
    mine = (table.c.community == act.house.community, table.c.node == join.node)
    act.connection.execute(sa.delete(table).where(*mine))
    act.note("node.sealing_key", join.node)


def add_access_point(act: Act, node: str, spec: AccessPointSpec) -> None:
    """Add or rename a door of a node; face stays off until what it needs is on file."""
    _checked_id("access point", spec.access_point)
    if spec.kind not in KINDS:
        raise Refused(
            "access point", f"kind {spec.kind!r} of {spec.access_point} is not one of {', '.join(KINDS)}."
        )
    location = spec.location_class or LOCATION_OF_KIND[spec.kind]
    if location in NEVER_WATCHED:
        raise Refused("access point", f"no access point may have a camera in a place of class {location}.")
    if location not in PLACES:  # "Bathroom" or "wc" is a place nobody has judged
        known = ", ".join(sorted(PLACES))
        raise Refused(
            "access point", f"location_class {location!r} of {spec.access_point} is not one of {known}."
        )
    if act.row(tables.node, node=node) is None:
        raise NotFound(f"there is no node {node}; register it first.")
    values = {"kind": spec.kind, "name_zh": spec.name_zh, "name_en": spec.name_en, "location_class": location}
    held = act.row(tables.access_point, access_point=spec.access_point)
    if held is None:
        act.insert(tables.access_point, access_point=spec.access_point, node=node, face_enabled=0, **values)
        act.note("access_point.add", spec.access_point, None, node)
    elif held.node != node:
        raise Refused("access point", f"{spec.access_point} belongs to node {held.node}.")
    else:
        act.update(tables.access_point, {"access_point": spec.access_point}, **values)


def record_pia(act: Act, pia: PiaRecord) -> str:
    """Keep an impact assessment; returns its id."""
    parts = {
        "purpose": pia.purpose,
        "necessity": pia.necessity,
        "impact": pia.impact,
        "measures": pia.measures,
    }
    empty = [name for name, text in (*parts.items(), ("author", pia.author)) if not text.strip()]
    if empty:
        raise Refused("pia", f"an impact assessment needs its {', '.join(empty)}.")
    if pia.synthetic and not act.house.synthetic:
        raise Refused("pia", "a synthetic impact assessment is for a synthetic community only.")
    pia_id = act.new_id("PIA")
    values = {**parts, "author": pia.author, "review_ms": pia.review_ms, "synthetic": int(pia.synthetic)}
    act.insert(tables.pia_record, id=pia_id, made_ms=act.now_ms, **values)
    act.note("pia.record", pia_id)
    return pia_id


def enable_face(act: Act, access_point: str, pia_id: str, signage_by: str) -> None:
    """Switch face on for one door: an assessment that is not past its review, and somebody who saw the sign.

    Raises:
        Refused: one of them is missing.
        NotFound: no such door.
    """
    if act.row(tables.access_point, access_point=access_point) is None:
        raise NotFound(f"there is no access point {access_point}.")
    pia = act.row(tables.pia_record, id=pia_id)
    if pia is None:
        raise Refused("face", f"face at {access_point} needs an impact assessment, and {pia_id!r} is none.")
    if pia.review_ms <= act.now_ms:
        raise Refused("face", f"the impact assessment {pia_id} is past its review date; review it first.")
    if not signage_by.strip():
        raise Refused("face", f"face at {access_point} needs the name of who attests that the sign is up.")
    act.update(
        tables.access_point,
        {"access_point": access_point},
        face_enabled=1,
        pia_id=pia_id,
        signage_by=signage_by,
    )
    act.note("access_point.face", access_point, "off", "on", f"assessment {pia_id}, sign attested")


def disable_face(act: Act, access_point: str) -> None:
    if act.row(tables.access_point, access_point=access_point) is None:
        raise NotFound(f"there is no access point {access_point}.")
    act.update(tables.access_point, {"access_point": access_point}, face_enabled=0)
    act.note("access_point.face", access_point, "on", "off")


def set_near(act: Act, access_point: str, near: str) -> None:
    """Write down which entrance is next to this one; empty: none is.

    Raises:
        Refused: a door is not next to itself.
        NotFound: one of the two is no access point.
    """
    held = act.row(tables.access_point, access_point=access_point)
    for name, row in ((access_point, held), (near, near and act.row(tables.access_point, access_point=near))):
        if row is None:
            raise NotFound(f"there is no access point {name}.")
    if near == access_point:
        raise Refused("access point", f"{access_point} is not next to itself; name another entrance.")
    assert held is not None
    act.update(tables.access_point, {"access_point": access_point}, near=near or None)
    act.note("access_point.near", access_point, held.near, near or None)


def nodes_of(act: Act, access_points: list[str]) -> list[str]:
    """The nodes that own these doors, each once."""
    return sorted(set(owners_of(act, access_points).values()))


def owners_of(act: Act, access_points: Collection[str]) -> dict[str, str]:
    """By door its node, of those that there are."""
    table = tables.access_point
    found = sa.select(table.c.access_point, table.c.node).where(
        table.c.community == act.house.community, table.c.access_point.in_(access_points)
    )
    return {row.access_point: row.node for row in act.connection.execute(found)}


def scope_of(text: str) -> list[str]:
    """The access points of a ``scope`` or ``access_points`` column."""
    scope: list[str] = json.loads(text)
    return scope
