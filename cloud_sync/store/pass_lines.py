"""Where it is kept in which version of a node's set a guest's pass went out; the sink adds when the node has it."""

from collections.abc import Iterator, Sequence
from itertools import islice
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


LINES_PER_ACT = 2_000  # a transaction stays short, so that the sink never waits long

_Line = tuple[SetLines, str, int | None]  # a pass in a set: its version, or None where it goes


class StoredPassLines:
    """``PassLines`` on the service's database: one transaction for a change of all nodes, several for whole sets."""

    def __init__(self, engine: sa.Engine, community: str) -> None:
        self._engine = engine
        self._community = community

    def note(self, lines: Sequence[SetLines], now_ms: int) -> None:
        changes = (change for one in lines for change in self._changes(one))
        while some := list(islice(changes, LINES_PER_ACT)):
            self._write(some, now_ms)

    def _changes(self, one: SetLines) -> Iterator[_Line]:
        """What goes comes first: of a set that is told anew a pass may go and come."""
        held = self._held(one.node) if one.whole else {}
        gone = [pass_id for pass_id, version in one.passes.items() if version is None]
        gone += [pass_id for pass_id in held if one.anew or pass_id not in one.passes]
        yield from ((one, pass_id, None) for pass_id in gone)
        for pass_id, version in one.passes.items():
            if version is not None and (one.anew or held.get(pass_id) != version):
                yield one, pass_id, version

    def _held(self, node: str) -> dict[str, int]:
        mine = sa.select(pass_line.c.pass_id, pass_line.c.pass_version).where(
            pass_line.c.community == self._community, pass_line.c.node == node
        )
        with reading(self._engine).connect() as db:
            return {row.pass_id: row.pass_version for row in db.execute(mine)}

    def _write(self, changes: Sequence[_Line], now_ms: int) -> None:
        with self._engine.begin() as db:
            gone = [
                {"community": self._community, "node": one.node, "pass_id": pass_id}
                for one, pass_id, version in changes
                if version is None
            ]
            if gone:
                db.execute(_GONE, gone)
            proved = self._proved(db)
            put: list[dict[str, Any]] = [
                {
                    "community": self._community,
                    "node": one.node,
                    "pass_id": pass_id,
                    "pass_version": version,
                    "auth_ver": one.auth_ver,
                    "root": one.root,
                    "told_ms": now_ms,
                    "receipt_ms": proved.get((one.node, one.auth_ver, one.root)),
                }
                for one, pass_id, version in changes
                if version is not None
            ]
            if put:
                db.execute(_PUT, put)

    def _proved(self, db: sa.Connection) -> dict[tuple[str, int, str], int | None]:
        """When each node's receipt for this very version came, where it came before these lines."""
        columns = (pass_set.c.node, pass_set.c.receipt_ver, pass_set.c.receipt_root, pass_set.c.receipt_ms)
        found = sa.select(*columns).where(pass_set.c.community == self._community)
        return {
            (row.node, row.receipt_ver, row.receipt_root): row.receipt_ms for row in db.execute(found).all()
        }
