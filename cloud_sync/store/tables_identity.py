"""Tables about certificates, claims and lost nodes; beside ``tables``, in the same database."""

from cloud_sync.store.columns import _blob, _int, _key, _table, _text

certificate = _table(
    "certificate",
    _key("serial"),  # hex
    _text("node"),
    _text("pem"),
    _int("not_before_ms"),
    _int("not_after_ms"),
    _text("how"),  # join | renewal
    _int("issued_ms"),
    _int("revoked_ms", null=True),
    _text("why", null=True),  # lost | replaced
)
join_claim = _table("join_claim", _key("id"), _text("node"), _int("used_ms"))
renewal = _table(  # asked for and not yet answered, the newest of each node
    "renewal",
    _key("node"),
    _blob("wish"),
    _int("asked_ms"),
)
node_loss = _table(
    "node_loss",
    _key("node"),
    _key(
        "epoch"
    ),  # the ledger it had; nothing of it is believed after ``lost_ms``, whatever joins under its name
    _int("lost_ms"),
    _text("by_whom"),
    _text("reason"),
    _int("replaced_ms", null=True),
    _text("decided", null=True),  # accepted, only while its dead letters are taken in
)
