"""What is remembered of releases that went out to nodes; part of the shape of ``tables``."""

from cloud_sync.store.columns import _int, _key, _table, _text

rollout = _table(
    "rollout",
    _key("rollout"),
    _text("kind"),  # program | model
    _text("name"),
    _int("n"),
    _text("sha256"),
    _text("begun_by"),
    _int("begun_ms"),
    _text("reason"),
    _text("gone_on_by", null=True),  # who has looked at the first nodes and let the others follow
    _int("ended_ms", null=True),
    _text("state"),  # words of core.rollout.State
)
rollout_node = _table(
    "rollout_node",
    _key("rollout"),
    _key("node"),
    _text("phase"),  # words of core.rollout.Phase
    _int("ordered_ms", null=True),
    _int("told_ms", null=True),
    _text("said"),  # the node's own words, one line
)
