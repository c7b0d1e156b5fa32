"""Where it is kept in which version of a node's set a guest's pass went out; the sink adds when the node has it."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from cloud_sync.ports_delivery import SetLines
from cloud_sync.store.engine import reading
from cloud_sync.store.tables import pass_set
from cloud_sync.store.tables_delivery import pass_line

# A pass that is told anew in the same version is where it was; what its node said of it still holds.
_PUT = sa.text("""
insert into pass_line (community, node, pass_id, pass_version, auth_ver, root, told_ms, receipt_ms)
values (:community, :node, :pass_id, :pass_version, :auth_ver, :root, :told_ms, :receipt_ms)
on conflict (community, node, pass_id) do update set
    pass_version = excluded.pass_version, auth_ver = excluded.auth_ver, root = excluded.root,
    told_ms = excluded.told_ms, receipt_ms = excluded.receipt_ms
where pass_line.pass_version <> excluded.pass_version
""")


class StoredPassLines:
    """``PassLines`` on the service's database: one transaction for each node."""

    def __init__(self, engine: sa.Engine, community: str) -> None:
        self._engine = engine
        self._community = community

    def note(self, lines: Sequence[SetLines], now_ms: int) -> None:
        for one in lines:
            with reading(self._engine).connect() as db:
                held = self._held(db, one.node) if one.whole else {}
            put = {
                pass_id: version
                for pass_id, version in one.passes.items()
                if version is not None and (one.anew or held.get(pass_id) != version)
            }
            gone = [pass_id for pass_id, version in one.passes.items() if version is None]
            gone += [pass_id for pass_id in held if one.anew or pass_id not in one.passes]
            if put or gone:
                self._write(one, put, gone, now_ms)

    def _held(self, db: sa.Connection, node: str) -> dict[str, int]:
        mine = sa.select(pass_line.c.pass_id, pass_line.c.pass_version).where(*self._of(node))
        return {row.pass_id: row.pass_version for row in db.execute(mine)}

    def _of(self, node: str) -> tuple[sa.ColumnElement[bool], ...]:
        return pass_line.c.community == self._community, pass_line.c.node == node

    def _write(self, one: SetLines, put: dict[str, int], gone: Iterable[str], now_ms: int) -> None:
        mine = {"community": self._community, "node": one.node}
        with self._engine.begin() as db:
            left = [{"one_node": one.node, "one_pass": pass_id} for pass_id in gone]
            if left:
                where = (
                    pass_line.c.community == self._community,
                    pass_line.c.node == sa.bindparam("one_node"),
                    pass_line.c.pass_id == sa.bindparam("one_pass"),
                )
                db.execute(sa.delete(pass_line).where(*where), left)
            told = {
                **mine,
                "auth_ver": one.auth_ver,
                "root": one.root,
                "told_ms": now_ms,
                "receipt_ms": self._proved_ms(db, one),
            }
            if put:
                rows: list[dict[str, Any]] = [
                    {**told, "pass_id": pass_id, "pass_version": version} for pass_id, version in put.items()
                ]
                db.execute(_PUT, rows)

    def _proved_ms(self, db: sa.Connection, one: SetLines) -> int | None:
        """When the node's receipt for this very version came, where it came before this line."""
        held = db.execute(
            sa.select(pass_set.c.receipt_ms).where(
                pass_set.c.community == self._community,
                pass_set.c.node == one.node,
                pass_set.c.receipt_ver == one.auth_ver,
                pass_set.c.receipt_root == one.root,
            )
        ).one_or_none()
        return None if held is None else held.receipt_ms
