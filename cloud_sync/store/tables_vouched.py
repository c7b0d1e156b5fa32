"""The shape of what nodes vouch for: anchors, the words of their tombstones, and the versions they speak."""

from typing import Any

import sqlalchemy as sa

from cloud_sync.store.tables import metadata


def _key(name: str, kind: type[sa.Text] | type[sa.BigInteger] = sa.Text) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, nullable=False)


def _held(name: str, kind: type[sa.Text] | type[sa.BigInteger] = sa.Text) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


anchor = sa.Table(
    "anchor",
    metadata,
    _key("community"),
    _key("node"),
    _key("epoch"),
    _key("seq", sa.BigInteger),
    _held("h"),
    _held("at_ms", sa.BigInteger),  # by the node's own clock
    _held("sig"),
    _held("device_key"),  # the key that verified it when it came
    _held("stored_ms", sa.BigInteger),
)
tombstone_word = sa.Table(
    "tombstone_word",
    metadata,
    _key("community"),
    _key("node"),
    _key("epoch"),
    _key("lo", sa.BigInteger),
    _key("hi", sa.BigInteger),
    _held("kept", sa.BigInteger),
    _held("reason"),
    _held("h"),
    _held("sig"),
    _held("device_key"),
    _held("stored_ms", sa.BigInteger),
)
node_wire = sa.Table(
    "node_wire",
    metadata,
    _key("community"),
    _key("node"),
    _held("wv", sa.BigInteger),
    _held("wv_min", sa.BigInteger),
    _held("refused", sa.BigInteger),  # 1: there is no version both of us speak
    _held("told_ms", sa.BigInteger),
)


def refused_nodes(db: sa.Connection, community: str) -> list[str]:
    """The nodes whose last hello named no version of the wire that is spoken here."""
    mine = (node_wire.c.community == community, node_wire.c.refused == 1)
    return list(db.execute(sa.select(node_wire.c.node).where(*mine).order_by(node_wire.c.node)).scalars())
