"""Zones, what two people told them, and what each door made of it."""

import sqlalchemy as sa

from cloud_sync.store.columns import _blob, _int, _key, _table, _text

zone = _table(
    "zone",
    _key("zone"),
    _text("kind"),  # fire | building | other
    _text("name_zh"),
    _text("name_en"),
)
zone_door = _table("zone_door", _key("zone"), _key("access_point"))
zone_command = _table(
    "zone_command",
    _key("id"),
    _text("zone"),
    _text("op"),
    _text("issuer"),
    _text("second"),  # empty until somebody else has said the same
    _text("reason"),
    _text("kid"),
    _int("ctr"),
    _int("proposed_ms"),
    _int("iat_ms"),
    _int("exp_ms"),
    _text("state"),  # PROPOSED | SENT | OVER | LAPSED
    _blob("bytes"),  # empty until two have signed
    sa.Index("zone_command_by_state", "community", "state"),
)
zone_result = _table(
    "zone_result",
    _key("id"),
    _key("access_point"),
    _text("node"),
    _text("state"),  # as a command's to one door
    _text("why"),
    _text("mode"),
    _int("told_ms", null=True),
)
