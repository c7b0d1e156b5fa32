"""Who may log in, by what, and who is logged in; part of the shape of ``tables``."""

import sqlalchemy as sa

from cloud_sync.store.columns import _int, _key, _table, _text

user = _table("user", _key("name"), _text("password_hash"), _text("role"), _int("made_ms"))
session = _table(
    "session",
    _key("token_hash"),
    _text("user"),
    _text("csrf"),
    _int("made_ms"),
    _int("ends_ms"),
    sa.Column("seen_ms", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("device", sa.Text, nullable=False, server_default=sa.text("''")),  # core.accounts.device_of
    sa.Column("way", sa.Text, nullable=False, server_default=sa.text("'password'")),  # core.accounts.Way
)
totp = _table(
    "totp",
    _key("user"),
    _text("box"),  # the secret, sealed
    _int("step"),  # the last step of time whose code was taken; no code is taken twice
    _int("made_ms"),
)
recovery_code = _table("recovery_code", _key("user"), _key("mac"))
passkey = _table(
    "passkey",
    _key("credential"),  # base64url, as browsers name it
    _text("user"),
    _text("name"),
    _text("public_key"),  # base64url of COSE
    _int("counter"),
    _int("made_ms"),
    _int("used_ms", null=True),
)
# Something that was begun and needs an answer: the second step of a login, a code to be set up, a passkey's challenge.
ceremony = _table(
    "ceremony",
    _key("token_hash"),
    _text("kind"),
    _text("user"),  # empty: nobody has said yet who they are
    _text("said"),  # a sealed secret, or a challenge
    _int("ends_ms"),
)
