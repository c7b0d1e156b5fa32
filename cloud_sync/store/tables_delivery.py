"""Whether passes have arrived where they will be needed; part of the shape of ``tables``."""

import sqlalchemy as sa

from cloud_sync.store.columns import _int, _key, _table, _text

# Written by the distributor; ``receipt_ms`` by the sink, when the node's word proves that it has that version.
pass_line = _table(
    "pass_line",
    _key("node"),
    _key("pass_id"),
    _int("pass_version"),
    _int("auth_ver"),
    _text("root"),  # of the set at ``auth_ver``
    _int("told_ms"),
    _int("receipt_ms", null=True),
    sa.Index("pass_line_by_pass", "community", "pass_id"),
    sa.Index("pass_line_by_version", "community", "node", "auth_ver"),
    # Nearly always empty: a receipt must not read all passes of its node to find what it proves.
    sa.Index(
        "pass_line_unproved",
        "community",
        "node",
        "auth_ver",
        sqlite_where=sa.text("receipt_ms IS NULL"),
        postgresql_where=sa.text("receipt_ms IS NULL"),
    ),
)
delivery_check = _table("delivery_check", _key("at_ms", sa.BigInteger), _int("until_ms"), _int("ran_ms"))
delivery_unready = _table(
    "delivery_unready",
    _key("at_ms", sa.BigInteger),
    _key("node"),
    _int("missing"),
    _text("why"),  # words of core.delivery.Unready, with spaces between
    _int("found_ms"),
    _int("cleared_ms", null=True),
)
