"""Notices to whoever stays here, on which stays' pages they have stood, and whom they were sent to; part of the shape of ``tables``."""

import sqlalchemy as sa

from cloud_sync.store.columns import _int, _key, _table, _text

bulletin = _table(
    "bulletin",
    _key("bulletin"),
    _text("audience"),  # community | building | unit | listing
    _text("ref"),
    _text("text_zh"),
    _text("text_en"),
    _int("ends_ms"),
    _text("made_by"),
    _int("made_ms"),
    _text("withdrawn_by", null=True),
)
bulletin_receipt = _table(
    "bulletin_receipt",
    _key("bulletin"),
    _key("stay"),
    _int("shown_ms"),  # when it first stood on the guest's page
)
bulletin_letter = _table(
    "bulletin_letter",
    _key("bulletin"),
    _key("stay"),
    _text("notice"),  # the message of the outbox
    _int("written_ms"),
    sa.Index("bulletin_letter_by_notice", "community", "notice"),
)
