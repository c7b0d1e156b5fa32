"""What the sinks of one database tell each other; part of the shape of ``tables``, written by the sink only."""

import sqlalchemy as sa

from cloud_sync.store.tables import metadata

# What one sink learned of a node and the next transaction, there or in another sink, has to know.
sink_node = sa.Table(
    "sink_node",
    metadata,
    sa.Column("community", sa.Text, nullable=False, primary_key=True),
    sa.Column("node", sa.Text, nullable=False, primary_key=True),
    sa.Column("refused", sa.Text),
    sa.Column("waiting_epoch", sa.Text),  # with head and time of the last hello, until the node is drained
    sa.Column("waiting_head", sa.BigInteger),
    sa.Column("waiting_ms", sa.BigInteger),
    sa.Column("bumped_gen", sa.Text),  # the generation in which it was sent back
)
