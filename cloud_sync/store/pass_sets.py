"""The distributor's memory: versions of pass sets, their receipts, and tombstones still owed."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from cloud_sync.ports import HeldSet, NewVersion, NodeView
from cloud_sync.protocol.messages import EraseItem
from cloud_sync.store.engine import reading
from cloud_sync.store.losses import lost_nodes
from cloud_sync.store.tables import erasure, node, node_state, pass_set, pass_wire

# A node says hello every 30 s; three missed and it is offline (domain.md §5.8).
OFFLINE_AFTER_MS = 90_000

_SAVE = sa.text("""
insert into pass_set (community, node, auth_ver, root, built_ms, erase_ver, receipt_ver, receipt_root, receipt_ms)
values (:community, :node, :auth_ver, :root, :built_ms, 0, 0, '', null)
on conflict (community, node) do update set
    auth_ver = excluded.auth_ver, root = excluded.root, built_ms = excluded.built_ms
where pass_set.auth_ver < excluded.auth_ver
""")


def is_online(online: str | None, hello_ms: int | None, now_ms: int) -> bool:
    """Heard within 90 s, and not declared gone by its own will."""
    return online == "yes" and hello_ms is not None and now_ms - hello_ms <= OFFLINE_AFTER_MS


class StoredPassSets:
    """``PassSets`` on the service's database."""

    def __init__(self, engine: sa.Engine, community: str) -> None:
        self._engine = engine
        self._community = community

    def views(self, now_ms: int) -> list[NodeView]:
        """Every registered node that is not lost, in one consistent picture."""
        with reading(self._engine).connect() as db:
            owed, newest = self._owed(db), self._newest_erasures(db)
            rows = db.execute(self._nodes()).mappings().all()
        return [
            _view(row, now_ms, tuple(owed.get(row["node"], ())), newest.get(row["node"], 0)) for row in rows
        ]

    def save(self, versions: Sequence[NewVersion], now_ms: int) -> None:
        """New versions; the receipt of the one before stays readable until the next arrives.

        Nothing happens when a newer version is already there: another process of the service was first.
        """
        rows = [
            {
                "community": self._community,
                "node": version.node,
                "auth_ver": version.auth_ver,
                "root": version.root,
                "built_ms": now_ms,
            }
            for version in versions
        ]
        if rows:
            with self._engine.begin() as db:
                db.execute(_SAVE, rows)

    def _nodes(self) -> sa.Select[Any]:
        state = (node_state.c.community == node.c.community) & (node_state.c.node == node.c.node)
        held = (pass_set.c.community == node.c.community) & (pass_set.c.node == node.c.node)
        asked = (pass_wire.c.community == node.c.community) & (pass_wire.c.node == node.c.node)
        return (
            sa.select(
                node.c.node,
                node_state.c.online,
                node_state.c.hello_ms,
                node_state.c.auth_ver.label("told_ver"),
                node_state.c.root.label("told_root"),
                pass_set.c.auth_ver,
                pass_set.c.root,
                pass_set.c.receipt_ver,
                pass_set.c.receipt_root,
                node_state.c.wire.label("wv"),
                pass_wire.c.asked_ms,
                pass_wire.c.leaves,
            )
            .select_from(
                node.outerjoin(node_state, state).outerjoin(pass_set, held).outerjoin(pass_wire, asked)
            )
            .where(node.c.community == self._community, node.c.node.not_in(lost_nodes(self._community)))
            .order_by(node.c.node)
        )

    def _owed(self, db: sa.Connection) -> dict[str, list[tuple[int, EraseItem]]]:
        owed: dict[str, list[tuple[int, EraseItem]]] = {}
        rows = db.execute(
            sa.select(erasure)
            .where(erasure.c.community == self._community, erasure.c.acked_ms.is_(None))
            .order_by(erasure.c.node, erasure.c.erase_ver)
        ).mappings()
        for row in rows:
            item = EraseItem(
                template_ref=row["template_ref"],
                pass_id=row["pass_id"],
                reason=row["reason"],
                pass_version=row["pass_version"] or 0,
            )
            owed.setdefault(row["node"], []).append((row["erase_ver"], item))
        return owed

    def _newest_erasures(self, db: sa.Connection) -> dict[str, int]:
        rows = db.execute(
            sa.select(erasure.c.node, sa.func.max(erasure.c.erase_ver))
            .where(erasure.c.community == self._community)
            .group_by(erasure.c.node)
        )
        return {row[0]: row[1] for row in rows}


def _view(
    row: sa.RowMapping, now_ms: int, owed: tuple[tuple[int, EraseItem], ...], erase_ver: int
) -> NodeView:
    held = None
    if row["auth_ver"] is not None:
        held = HeldSet(row["auth_ver"], row["root"], row["receipt_ver"], row["receipt_root"])
    return NodeView(
        node=row["node"],
        online=is_online(row["online"], row["hello_ms"], now_ms),
        told_ver=row["told_ver"] or 0,
        told_root=row["told_root"] or "",
        held=held,
        erase_ver=erase_ver,
        erasures=owed,
        asked_ms=row["asked_ms"] or 0,
        leaves=row["leaves"] or "",
        wv=row["wv"] or 1,
    )
