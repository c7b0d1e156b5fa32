"""What is kept for the care of particular guests and of neighbours; part of the shape of ``tables``."""

import sqlalchemy as sa

from cloud_sync.store.columns import _int, _key, _table, _text

minor_must = _table(
    "minor_must", _key("stay"), _key("must"), _text("done_by"), _int("done_ms"), _text("reason")
)
# Whoever complained is not known here: their link is kept as its hash.
complaint = _table(
    "complaint",
    _key("complaint"),
    _text("listing"),
    _text("topic"),
    _text("said"),
    _text("token_hash"),
    _int("made_ms"),
    _text("state"),  # OPEN | ANSWERED | DISMISSED
    _text("answer", null=True),
    _text("answered_by", null=True),
    _int("answered_ms", null=True),
    _text("proposal", null=True),  # of points that this one was cited for
    sa.Index("complaint_by_token", "community", "token_hash"),
    sa.Index("complaint_by_listing", "community", "listing", "made_ms"),
)
# The hours a guardian chose for a child's pass; ``told_ms`` is when the guardian was last written to.
child_hours = _table(
    "child_hours",
    _key("stay"),
    _key("person"),
    _text("hours"),  # as a pass carries them, such as 07:00-21:00; empty: at any time
    _int("tell"),
    _int("made_ms"),
    _int("told_ms", null=True),
)
# Until when the guests of a stay asked to stay, the last time they did.
stay_wish = _table(
    "stay_wish",
    _key("stay"),
    _int("departure_ms"),
    _text("state"),  # ASKED | AGREED | DECLINED | TAKEN_BACK
    _int("asked_ms"),
    _int("answered_ms", null=True),
    _text("answered_by", null=True),
)
# Whose stay gate and operator see nothing of, because they may be in danger.
hidden_stay = _table(
    "hidden_stay",
    _key("stay"),
    _text("set_by"),
    _text("reason"),
    _int("set_ms"),
    _text("lifted_by", null=True),
    _int("lifted_ms", null=True),
)
# Where the link of a stay was sent; the address stands in the vault until the stay is over.
stay_contact = _table(
    "stay_contact",
    _key("contact"),
    _text("stay"),
    _text("channel"),
    _text("language"),
    _int("made_ms"),
    sa.Index("stay_contact_by_stay", "community", "stay"),
)
