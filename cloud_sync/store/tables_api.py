"""Tokens of programs, answers that are given again, and programs that are told; part of the shape of ``tables``."""

import sqlalchemy as sa

from cloud_sync.store.columns import _blob, _int, _key, _table, _text

api_token = _table(
    "api_token",
    _key("token_hash"),
    _text("name"),
    _text("shown"),  # how the token begins: enough to find it again, not to use it
    _text("user"),  # for whom it speaks
    _text("scopes"),  # names of rights, with spaces between
    _int("made_ms"),
    _text("made_by"),
    _int("ends_ms"),
    _int("used_ms", null=True),
    _text("revoked_by", null=True),
    _int("revoked_ms", null=True),
    sa.UniqueConstraint("community", "name"),
)
api_answer = _table(
    "api_answer",
    _key("caller"),  # a hash of what the caller showed
    _key("sent_key"),
    _text("digest"),  # of method, address and body
    _int("made_ms"),
    _int("status", null=True),  # NULL: it is being done
    _text("media_type", null=True),
    _blob("body", null=True),  # zlib; NULL with a status: too large to be kept
    sa.Index("api_answer_by_made", "community", "made_ms"),
)
webhook = _table(
    "webhook",
    _key("webhook"),
    _text("url"),
    _text("kinds"),  # with spaces between
    _int("seen_n"),  # how far of the audit log it has been told,
    _int("seen_rev"),  # and up to which change of a case
    _int("made_ms"),
    _text("made_by"),
    _text("ended_by", null=True),
    _int("ended_ms", null=True),
)
webhook_delivery = _table(
    "webhook_delivery",
    _key("delivery"),
    _text("webhook"),
    _text("kind"),
    _text("body"),
    _text("state"),  # QUEUED | SENT | DEAD | DROPPED
    _int("attempts"),
    _int("next_ms", null=True),
    _int("made_ms"),
    _int("ended_ms", null=True),
    _text("receipt", null=True),
    sa.Index("webhook_delivery_by_next", "community", "next_ms"),
    sa.Index("webhook_delivery_by_webhook", "community", "webhook", "state"),
)
