"""What left the table of events for files; part of the shape of ``tables``."""

import sqlalchemy as sa

from cloud_sync.store.tables import metadata

archived = sa.Table(
    "archived",
    metadata,
    sa.Column("community", sa.Text, nullable=False, primary_key=True),
    sa.Column("node", sa.Text, nullable=False, primary_key=True),
    sa.Column("epoch", sa.Text, nullable=False, primary_key=True),
    sa.Column("lo", sa.BigInteger, nullable=False, primary_key=True),
    sa.Column("hi", sa.BigInteger, nullable=False),
    sa.Column("h", sa.Text, nullable=False),  # the full chain hash at ``hi``: the rest is verified from here
    sa.Column("kinds", sa.Text, nullable=False),  # JSON: how many events of each type
    sa.Column("newest_ms", sa.BigInteger, nullable=False),  # when the last of them was stored
    sa.Column("file", sa.Text, nullable=False),  # its name in the folder; empty when its time was over
)
