"""Where it is kept in which version of a node's set a guest's pass went out; the sink adds when the node has it."""

from collections.abc import Sequence
from dataclasses import dataclass
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
_GONE = sa.text("delete from pass_line where community = :community and node = :node and pass_id = :pass_id")


# A transaction stays short, so that the sink never waits long; all nodes of one changed pass fit into one.
LINES_PER_ACT = 2_000


@dataclass(frozen=True, slots=True)
class _Change:
    """What one node's lines become."""

    lines: SetLines
    put: dict[str, int]
    gone: tuple[str, ...]

    @property
    def size(self) -> int:
        return len(self.put) + len(self.gone)


class StoredPassLines:
    """``PassLines`` on the service's database: as many nodes in one transaction as keep it short."""

    def __init__(self, engine: sa.Engine, community: str) -> None:
        self._engine = engine
        self._community = community

    def note(self, lines: Sequence[SetLines], now_ms: int) -> None:
        some: list[_Change] = []
        for one in lines:
            change = self._change(one)
            if change.size:
                some.append(change)
            if sum(waiting.size for waiting in some) >= LINES_PER_ACT:
                self._write(some, now_ms)
                some = []
        if some:
            self._write(some, now_ms)

    def _change(self, one: SetLines) -> _Change:
        held = self._held(one.node) if one.whole else {}
        put = {
            pass_id: version
            for pass_id, version in one.passes.items()
            if version is not None and (one.anew or held.get(pass_id) != version)
        }
        gone = [pass_id for pass_id, version in one.passes.items() if version is None]
        gone += [pass_id for pass_id in held if one.anew or pass_id not in one.passes]
        return _Change(one, put, tuple(gone))

    def _held(self, node: str) -> dict[str, int]:
        mine = sa.select(pass_line.c.pass_id, pass_line.c.pass_version).where(
            pass_line.c.community == self._community, pass_line.c.node == node
        )
        with reading(self._engine).connect() as db:
            return {row.pass_id: row.pass_version for row in db.execute(mine)}

    def _write(self, changes: Sequence[_Change], now_ms: int) -> None:
        with self._engine.begin() as db:
            left = [
                {"community": self._community, "node": change.lines.node, "pass_id": pass_id}
                for change in changes
                for pass_id in change.gone
            ]
            if left:
                db.execute(_GONE, left)
            proved = self._proved(db)
            rows: list[dict[str, Any]] = [
                {
                    "community": self._community,
                    "node": change.lines.node,
                    "pass_id": pass_id,
                    "pass_version": version,
                    "auth_ver": change.lines.auth_ver,
                    "root": change.lines.root,
                    "told_ms": now_ms,
                    "receipt_ms": proved.get((change.lines.node, change.lines.auth_ver, change.lines.root)),
                }
                for change in changes
                for pass_id, version in change.put.items()
            ]
            if rows:
                db.execute(_PUT, rows)

    def _proved(self, db: sa.Connection) -> dict[tuple[str, int, str], int | None]:
        """When each node's receipt for this very version came, where it came before these lines."""
        columns = (pass_set.c.node, pass_set.c.receipt_ver, pass_set.c.receipt_root, pass_set.c.receipt_ms)
        found = sa.select(*columns).where(pass_set.c.community == self._community)
        return {
            (row.node, row.receipt_ver, row.receipt_root): row.receipt_ms for row in db.execute(found).all()
        }
