"""What the privacy engine remembers; part of the shape of ``tables``."""

import sqlalchemy as sa

from cloud_sync.store.columns import _blob, _int, _key, _table, _text

# The newest line of the nightly proof for each clock; every line of every night is an audit row besides.
retention_proof = _table(
    "retention_proof",
    _key("clock"),
    _int("keep_ms"),
    _int("oldest_ms", null=True),
    _int("overdue"),
    _int("held"),
    _int("removed"),
    _int("ran_ms"),
)
legal_hold = _table(
    "legal_hold",
    _key("hold"),
    _text("kind"),  # clock | stay
    _text("ref"),
    _text("author"),
    _text("reason"),
    _int("made_ms"),
    _int("until_ms"),
    _int("lifted_ms", null=True),
    _text("lifted_by", null=True),
)
# Where a chain begins since its oldest rows have run out: the number and the hash of the last one that went.
chain_cut = _table("chain_cut", _key("chain"), _int("n"), _text("hash"), _int("at_ms"))
# The head of a chain as it was one night, in the community's own hand.
chain_head = _table(
    "chain_head", _key("chain"), _key("n", sa.BigInteger), _text("hash"), _int("at_ms"), _blob("sig")
)
trace_request = _table(
    "trace_request",
    _key("trace"),
    _text("kind"),  # booking | door
    _text("ref"),
    _text("purpose"),
    _text("reason"),
    _text("case_ref"),
    _int("from_ms"),
    _int("until_ms"),
    _text("asked_by"),
    _int("asked_ms"),
    _text("decided_by", null=True),
    _int("decided_ms", null=True),
    _text("state"),  # ASKED | APPROVED | REFUSED | LAPSED
)
# A lost node held faces: numbers only, counted when the loss was told.  Who they are is asked of the books, with a reason.
breach = _table(
    "breach",
    _key("breach"),
    _text("node"),
    _int("told_ms"),
    _text("told_by"),
    _int("enrolled"),  # people of whom the node had said that it has their face
    _int("at_most"),  # people whose face it may have had, said or not
    _int("closed_ms", null=True),
)
breach_step = _table(
    "breach_step", _key("breach"), _key("step"), _text("done_by"), _int("done_ms"), _text("note")
)
# A declared emergency lets further fields be asked until it ends; who was asked is a row, what they said is in the vault.
emergency = _table(
    "emergency",
    _key("emergency"),
    _text("purpose"),
    _text("basis"),
    _text("fields"),  # JSON list
    _text("proposed_by"),
    _int("proposed_ms"),
    _text("approved_by", null=True),
    _int("approved_ms", null=True),
    _int("ends_ms"),
    _text("ended_by", null=True),
    _int("ended_ms", null=True),  # before its day
)
emergency_answer = _table(
    "emergency_answer", _key("emergency"), _key("person"), _key("field"), _text("stay"), _int("taken_ms")
)
# What was decided about telling whoever is in a trace; the newest stands.
trace_telling = _table(
    "trace_telling",
    _key("trace"),
    _key("n", sa.BigInteger),
    _text("rule"),  # told | deferred | not_told
    _text("ground"),
    _int("until_ms", null=True),
    _text("decided_by"),
    _int("at_ms"),
)
