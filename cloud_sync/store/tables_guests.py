"""What is kept for the care of particular guests; part of the shape of ``tables``."""

from cloud_sync.store.columns import _int, _key, _table, _text

minor_must = _table(
    "minor_must", _key("stay"), _key("must"), _text("done_by"), _int("done_ms"), _text("reason")
)
