"""Envelopes on their way between nodes: ciphertext until it is receipted, erased or over, and never longer."""

import sqlalchemy as sa

from cloud_sync.ports_faces import Listed, Owed, Waiting
from cloud_sync.store import tables
from cloud_sync.store.engine import reading
from cloud_sync.store.faces import SqlFaceNodes
from cloud_sync.store.house import House
from cloud_sync.store.pass_sets import is_online


class SqlFaceRelay:
    """``FaceRelay`` of ports_faces.py; safe from any thread."""

    def __init__(self, house: House, nodes: SqlFaceNodes) -> None:
        self._house = house
        self._nodes = nodes

    def roster(self, now_ms: int) -> Listed | None:  # noqa: ARG002  # the house's clock numbers it
        return self._nodes.roster()

    def online(self, now_ms: int) -> list[tuple[str, bool]]:
        """Every node with a sealing key, and whether it is there now."""
        node, state = tables.node, tables.node_state
        same = (state.c.community == node.c.community) & (state.c.node == node.c.node)
        found = (
            sa.select(node.c.node, state.c.online, state.c.hello_ms)
            .select_from(node.outerjoin(state, same))
            .where(node.c.community == self._house.community, node.c.sealing_key.is_not(None))
            .order_by(node.c.node)
        )
        with reading(self._house.engine).connect() as db:
            return [(row.node, is_online(row.online, row.hello_ms, now_ms)) for row in db.execute(found)]

    def waiting(self, now_ms: int) -> list[Waiting]:
        """For nodes that are there, oldest first; what is over is deleted first."""
        table = tables.envelope
        mine = table.c.community == self._house.community
        if self._any(mine, table.c.not_after_ms <= now_ms):
            with self._house.engine.begin() as db:
                db.execute(sa.delete(table).where(mine, table.c.not_after_ms <= now_ms))
        found = (
            sa.select(table.c.id, table.c.to_node)
            .where(mine, table.c.state == "stored", table.c.to_node.in_(self._there(now_ms)))
            .order_by(table.c.stored_ms, table.c.id)
        )
        with reading(self._house.engine).connect() as db:
            return [Waiting(row.id, row.to_node) for row in db.execute(found)]

    def frame(self, envelope: str) -> bytes:
        """The ciphertext as it came; empty when it does not wait any more."""
        table = tables.envelope
        found = sa.select(table.c.sealed).where(
            table.c.community == self._house.community, table.c.id == envelope, table.c.state == "stored"
        )
        with reading(self._house.engine).connect() as db:
            return bytes(db.execute(found).scalars().first() or b"")

    def _there(self, now_ms: int) -> list[str]:
        return [node for node, online in self.online(now_ms) if online]

    def owed(self, now_ms: int, *, most: int) -> list[Owed]:
        """What senders that are there have not been told, oldest first."""
        table = tables.envelope
        found = sa.select(table.c.id, table.c.from_node, table.c.state, table.c.why).where(
            table.c.community == self._house.community,
            table.c.told != table.c.state,
            table.c.from_node.in_(self._there(now_ms)),
        )
        with reading(self._house.engine).connect() as db:
            rows = db.execute(found.order_by(table.c.stored_ms).limit(most)).all()
        return [Owed(row.id, row.from_node, row.state, row.why) for row in rows]

    def told(self, owed: Owed) -> None:
        """An envelope at its end is forgotten with this; its sender asks again if the word got lost."""
        table = tables.envelope
        mine = (table.c.community == self._house.community, table.c.id == owed.id)
        with self._house.engine.begin() as db:
            if owed.state == "stored":
                db.execute(sa.update(table).where(*mine).values(told=owed.state))
            else:
                db.execute(sa.delete(table).where(*mine, table.c.state == owed.state))

    def _any(self, *which: sa.ColumnElement[bool]) -> bool:
        with reading(self._house.engine).connect() as db:
            return db.execute(sa.select(tables.envelope.c.id).where(*which).limit(1)).first() is not None
