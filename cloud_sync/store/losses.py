"""Is a node lost, and who took its place."""

from typing import Any

import sqlalchemy as sa

from cloud_sync.errors import Refused
from cloud_sync.store import tables
from cloud_sync.store.house import Act
from cloud_sync.store.tables_identity import node_loss


def open_loss(act: Act, node: str) -> Any | None:
    """The loss of a node whose place nobody has taken yet."""
    return next((row for row in act.rows(node_loss, node=node) if row.replaced_ms is None), None)


def lost_nodes(community: str) -> sa.Select[Any]:
    """The ids of all such nodes."""
    mine = (node_loss.c.community == community, node_loss.c.replaced_ms.is_(None))
    return sa.select(node_loss.c.node).where(*mine)


def take_place(act: Act, node: str, public_key: str) -> bool:
    """A device with a key of its own takes a lost node's place and doors; False where nothing was lost.

    Raises:
        Refused: it is the lost device itself.
    """
    held, loss = act.row(tables.node, node=node), open_loss(act, node)
    if held is None or loss is None:
        return False
    if held.device_public_key == public_key:
        raise Refused(
            "node", f"node {node} is lost, and this is its key; its replacement has a key of its own."
        )
    act.update(tables.node, {"node": node}, device_public_key=public_key)
    act.update(node_loss, {"node": node, "epoch": str(loss.epoch)}, replaced_ms=act.now_ms)
    act.note("node.replace", node, None, None, "another device took its place")
    return True
