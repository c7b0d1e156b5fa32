"""Bookings as they were told, calendars as they are read, daily returns, and registrations' clocks; part of the shape of ``tables``."""

import sqlalchemy as sa

from cloud_sync.store.columns import _int, _key, _table, _text

# Every telling once: ``times`` counts how often the very same came.
booking_revision = _table(
    "booking_revision",
    _key("booking"),
    _key("revision", sa.BigInteger),
    _key("digest"),
    _text("effect"),  # applied | history
    _text("listing"),
    _text("room"),
    _int("arrival_ms"),
    _int("departure_ms"),
    _int("headcount"),
    _int("cancelled"),
    _text("actor"),
    _int("first_ms"),
    _int("last_ms"),
    _int("times"),
)
booking_feed = _table(
    "booking_feed",
    _key("feed"),
    _text("etag"),  # what the far side called its last good answer, for the next question
    _text("modified"),
    _text("digest"),  # of that answer
    _int("tried_ms"),
    _int("good_ms", null=True),
    _int("misses"),  # empty or failed reads since the last good one
    _text("fault"),
)
feed_entry = _table(
    "feed_entry",
    _key("feed"),
    _key("external_ref"),
    _int("sequence"),
    _int("arrival_ms"),
    _int("departure_ms"),
    _int("absent"),  # good reads in a row without it
    _text("state"),  # live | cancelled | same nights | refused
)
intake_key = _table(
    "intake_key",
    _key("key_hash"),
    _text("name"),
    _text("kind"),  # bookings | returns
    _text("subject"),  # the source, or the operator, that this key speaks for
    _int("made_ms"),
    _text("made_by"),
    _int("ended_ms", null=True),
    sa.UniqueConstraint("community", "name"),
)
daily_return = _table(
    "daily_return",
    _key("operator"),
    _key("day"),  # 2026-05-01
    _int("guests"),  # 0 is a nil return
    _int("filed_ms"),
    _text("filed_by"),
    _int("version"),
)
registration_clock = _table(
    "registration_clock",
    _key("registration"),
    _text("guest_kind"),  # national | foreigner
    _text("jurisdiction"),
    _text("runs_from"),  # the event the earliest clock starts at; empty: nothing has to be reported
    _int("started_ms", null=True),
    _int("due_ms", null=True),
    sa.Index("registration_clock_by_due", "community", "due_ms"),
)
