"""Reports to authorities; part of the shape of ``tables``."""

import sqlalchemy as sa

from cloud_sync.store.columns import _int, _key, _table, _text

upstream_submission = _table(
    "upstream_submission",
    _key("id"),
    _text("connector"),
    _text("op"),
    _text("state"),  # core.lifecycles_upstream
    _text("registration"),
    _text("stay"),
    _text("person"),
    _int("turn"),  # of the reports about this registration to this recipient the first, second …
    _text("reference"),  # what the recipient knows this report by; the same for every try of one round
    _int("round"),  # how often a person has sent it again with a new reference
    _text("legal_basis"),
    _text("facts"),  # digest of what was told, or would be
    _text("body_mac"),  # of the bytes that left; "" before any did
    _int("attempts"),  # conversations about it, questions among them
    _int("sends"),  # of them those in which it left
    _int("uncertain"),  # it left, and no answer says what became of it
    _text("ticket"),  # what to ask with while the recipient judges
    _text("receipt"),
    _text("problem"),
    _text("warned"),  # "" | S2 | S1: how grave the clock was when it was last said
    _text("claim"),  # whose it is until next_ms
    _int("made_ms"),
    _int("due_ms"),  # the legal deadline
    _int("next_ms", null=True),  # none when it is over
    _int("sent_ms", null=True),
    _int("ended_ms", null=True),
    sa.UniqueConstraint("community", "reference"),
    sa.UniqueConstraint("community", "registration", "connector", "turn"),
    sa.Index("upstream_submission_by_next", "community", "next_ms"),
    sa.Index("upstream_submission_by_stay", "community", "stay"),
    sa.Index("upstream_submission_by_state", "community", "state", "due_ms"),
)
# Append-only and chained as the audit is; cut at its beginning by its clock (at least three years, domain.md R15, R27).
upstream_log = _table(
    "upstream_log",
    _key("n", sa.BigInteger),
    _int("at_ms"),
    _text("kind"),  # sent: committed before the first byte | answer: what came back
    _text("submission"),
    _int("attempt"),
    _text("person"),
    _text("registration"),
    _text("connector"),
    _text("recipient"),
    _text("op"),
    _text("fields"),  # JSON list of names, never a value
    _text("legal_basis"),
    _text("outcome"),
    _text("receipt"),
    _text("hash"),
    sa.Index("upstream_log_by_person", "community", "person"),
    sa.Index("upstream_log_by_submission", "community", "submission", "attempt"),
)
