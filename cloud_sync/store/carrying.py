"""What a person carries to a node that no network reaches: what was taken away there, signed, or one code."""

import sqlalchemy as sa

from cloud_sync.errors import NotFound
from cloud_sync.protocol import revocation
from cloud_sync.protocol.delta import DENYING, LEFT
from cloud_sync.store import tables
from cloud_sync.store.engine import reading
from cloud_sync.store.house import House
from cloud_sync.store.issuing import held_row

Item = tuple[str, int, str]  # of ``Deny``


def taken_away_at(house: House, node: str) -> tuple[int, list[Item]]:
    """The node's newest version, and every pass that is taken away there as the books stand now.

    A pass that still leads to one of its doors, but to fewer, is not among them: that takes the network.

    Raises:
        NotFound: there is no such node, or it never had passes.
    """
    table, now_ms = tables.pass_, house.clock.now_ms()
    with reading(house.engine).begin() as db:
        newest = db.execute(
            sa.select(tables.pass_set.c.auth_ver).where(
                tables.pass_set.c.community == house.community, tables.pass_set.c.node == node
            )
        ).scalar()
        if newest is None:
            raise NotFound(f"node {node} never had passes; nothing is to be carried there.")
        point = tables.access_point
        doors = set(
            db.execute(
                sa.select(point.c.access_point).where(
                    point.c.community == house.community, point.c.node == node
                )
            ).scalars()
        )
        wires = db.execute(
            sa.select(table.c.wire).where(
                table.c.community == house.community,
                table.c.version > 1,
                table.c.not_after_ms + house.profile.erase_after_ms > now_ms,
            )
        ).scalars()
        items = [item for wire in wires if (item := _item(bytes(wire), doors)) is not None]
    return newest, sorted(items)


def _item(wire: bytes, doors: set[str]) -> Item | None:
    row = held_row(wire)
    if row is None:
        return None
    if row.state in DENYING:
        return row.pass_id, row.pass_version, row.state
    return None if doors & set(row.scope) else (row.pass_id, row.pass_version - 1, LEFT)


def code_for(house: House, pass_id: str) -> str:
    """The code that takes one revoked pass away wherever it is typed or shown.

    Raises:
        NotFound: there is no such pass, or it is not revoked.
    """
    table = tables.pass_
    with reading(house.engine).begin() as db:
        wire = db.execute(
            sa.select(table.c.wire).where(table.c.community == house.community, table.c.pass_id == pass_id)
        ).scalar()
    row = None if wire is None else held_row(bytes(wire))
    if row is None or row.state != "REVOKED":
        raise NotFound(f"pass {pass_id} is not revoked. Revoke it first, then carry it.")
    return revocation.text_of(house.pin_key, pass_id, row.pass_version)
