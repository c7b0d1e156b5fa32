"""Shifts at the gate, and what staff write down in them; part of the shape of ``tables``."""

import sqlalchemy as sa

from cloud_sync.store.columns import _int, _key, _table, _text

shift = _table(
    "shift",
    _key("shift"),
    _text("user"),
    _text("state"),  # ON | SIGNED | OVER
    _int("from_ms"),
    _text("note", null=True),
    _text("offered_to", null=True),
    _int("signed_ms", null=True),
    _int("over_ms", null=True),
    _text("sheet", null=True),  # JSON: the report as it was signed
    _text("handed", null=True),  # JSON list: the cases that went over
    sa.Index("shift_by_state", "community", "state", "from_ms"),
)
shift_note = _table(
    "shift_note",
    _key("note"),
    _int("at_ms"),
    _text("actor"),
    _text("said"),
    sa.Index("shift_note_by_time", "community", "at_ms"),
)
