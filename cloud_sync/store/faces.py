"""Which nodes take part in faces: approved by a named person, told to the nodes under the community's signature."""

import base64
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec.structs import replace

from cloud_sync.errors import NotFound, Refused, StoreError
from cloud_sync.ports import Signer
from cloud_sync.ports_faces import Listed
from cloud_sync.protocol.messages import PUBLISH_BYTES_MAX, Roster, RosterNode, encode, signing_bytes
from cloud_sync.protocol.sealed import fingerprint
from cloud_sync.store import tables
from cloud_sync.store.engine import reading
from cloud_sync.store.erasing import drop_envelopes
from cloud_sync.store.house import Act, House, acting

STAFF_ROLE = "staff"
WORDS_MAX = 200
_NODES = msgspec.json.Decoder(list[RosterNode])


class SqlFaceNodes:
    """Approvals and the roster; every method is one transaction and safe from any thread."""

    def __init__(self, house: House, signer: Signer) -> None:
        self._house = house
        self._signer = signer

    def approve(self, node: str, *, by: str, reason: str, actor: str) -> str:
        """Let a node send and take sealed templates for its doors with face on; returns its fingerprint.

        Raises:
            NotFound: no such node.
            Refused: no name or no reason, no sealing key, no door with face on, or the roster would grow too long.
        """
        _check_words(by, reason)
        with acting(self._house, actor, STAFF_ROLE) as act:
            held = act.row(tables.node, node=node)
            if held is None:
                raise NotFound(f"there is no node {node}; register it first.")
            if not held.sealing_key:
                raise Refused(
                    "face",
                    f"node {node} has no sealing key; run 'gatehouse-sync node add' again with what "
                    "'gatehouse-node join-request' prints.",
                )
            if not _face_doors(act, node):
                raise Refused("face", f"node {node} has no door with face on; 'face enable' comes first.")
            if act.row(tables.face_node, node=node) is None:
                act.insert(tables.face_node, node=node, approved_by=by, reason=reason, approved_ms=act.now_ms)
            if len(encode(self._roster(_listed(act), 2**62, act.now_ms))) > PUBLISH_BYTES_MAX:
                raise Refused(
                    "face", f"the roster with node {node} is longer than one message; withdraw one first."
                )
            mark = _fingerprint(held)
            act.note("face.approve_node", node, None, mark, f"approved by {by}: {reason}")
        return mark

    def withdraw(self, node: str, *, by: str, reason: str, actor: str) -> None:
        """Take it back: envelopes on their way to it are deleted, and it erases what it got from others.

        Raises:
            NotFound: the node is not approved.
            Refused: no name or no reason.
        """
        _check_words(by, reason)
        with acting(self._house, actor, STAFF_ROLE) as act:
            if act.row(tables.face_node, node=node) is None:
                raise NotFound(f"node {node} is not approved for faces.")
            table = tables.face_node
            mine = (table.c.community == self._house.community, table.c.node == node)
            act.connection.execute(sa.delete(table).where(*mine))
            drop_envelopes(act, tables.envelope.c.to_node == node)
            act.note("face.withdraw_node", node, None, None, f"withdrawn by {by}: {reason}")

    def approved(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """Every approved node: id, fingerprint, and its doors with face on."""
        with reading(self._house.engine).begin() as db:
            act = self._looking(db)
            nodes = {str(row.node): row for row in act.rows(tables.node)}
            return [
                (row.node, _fingerprint(nodes[row.node]), tuple(_face_doors(act, row.node)))
                for row in act.rows(tables.face_node)
            ]

    def roster(self) -> Listed | None:
        """The roster as it has to be now, under a new number where it changed; None before the first approval.

        Raises:
            StoreError: it has grown too long for one message.
        """
        with reading(self._house.engine).begin() as db:
            act = self._looking(db)
            body = msgspec.json.encode(_listed(act))
            held = _held_roster(act)
        if held is None and body == b"[]":
            return None
        ver, body = (held.ver, body) if held is not None and held.body == body else self._renumber()
        frame = encode(self._roster(_NODES.decode(body), ver, ver))
        if len(frame) > PUBLISH_BYTES_MAX:
            raise StoreError(
                f"the roster of nodes for faces has {len(frame)} bytes, one message {PUBLISH_BYTES_MAX}; "
                "withdraw a node or switch face off at doors that do without."
            )
        return Listed(ver, frame)

    def _renumber(self) -> tuple[int, bytes]:
        """A number above all before it; the clock is in it, so that a restored database still overtakes the nodes."""
        with acting(self._house, "service", "system") as act:
            body, held = msgspec.json.encode(_listed(act)), _held_roster(act)
            before = 0 if held is None else int(held.ver)
            ver = max(before + 1, act.now_ms)
            if held is None:
                act.insert(tables.face_roster, ver=ver, body=body)
            else:
                act.update(tables.face_roster, {}, ver=ver, body=body)
        return ver, body

    def _looking(self, connection: sa.Connection) -> Act:
        return Act(self._house, connection, self._house.clock.now_ms(), "service", "system")

    def _roster(self, nodes: list[RosterNode], ver: int, issued_ms: int) -> Roster:
        roster = Roster(
            community=self._house.community, ver=ver, issued=issued_ms, nodes=nodes, kid=self._signer.kid
        )
        signature = self._signer.sign(signing_bytes(roster))
        return replace(roster, sig=base64.b64encode(signature).decode())


def _held_roster(act: Act) -> Any:
    table = tables.face_roster
    mine = table.c.community == act.house.community
    return act.connection.execute(sa.select(table).where(mine)).one_or_none()


def _listed(act: Act) -> list[RosterNode]:
    """Approved, with a sealing key, and with a door where face is on: all three, or not in it."""
    approved = {str(row.node) for row in act.rows(tables.face_node)}
    return [
        RosterNode(
            node=row.node,
            device_key=row.device_public_key,
            sealing_key=row.sealing_key,
            proof=row.sealing_proof,
            doors=doors,
        )
        for row in sorted(act.rows(tables.node), key=lambda row: str(row.node))
        if row.node in approved and row.sealing_key and (doors := _face_doors(act, row.node))
    ]


def _face_doors(act: Act, node: str) -> list[str]:
    rows = act.rows(tables.access_point, node=node)
    return sorted(str(row.access_point) for row in rows if row.face_enabled)


def _fingerprint(row: Any) -> str:
    keys = (base64.b64decode(row.device_public_key), base64.b64decode(row.sealing_key))
    return fingerprint(row.node, *keys)


def _check_words(by: str, reason: str) -> None:
    for what, text in (("name", by), ("reason", reason)):
        if not 0 < len(text.strip()) <= WORDS_MAX:
            raise Refused("face", f"an approval has a {what} of 1 to {WORDS_MAX} characters.")
