"""What was begun and waits for its answer: known by a token whose hash is kept, short-lived, and bounded."""

import hashlib
import secrets
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from cloud_sync.ports import Clock
from cloud_sync.store.engine import reading
from cloud_sync.store.tables_accounts import ceremony as table

LIFE_MS = 5 * 60_000
PER_USER_MAX = 10
ANONYMOUS_MAX = (
    1_000  # login pages that were asked for a passkey and have not answered; a flood pushes the oldest out
)


class Kind(StrEnum):
    STEP = "step"  # the password was right, the code is asked for
    TOTP = "totp"  # a secret is shown, its first code is asked for
    REGISTER = "register"  # a new passkey
    SIGN_IN = "sign_in"  # a passkey that is known


def hashed(token: str) -> str:
    """Tokens are 256 random bits, so a plain hash is enough: there is nothing to guess."""
    return hashlib.sha256(token.encode()).hexdigest()


class Ceremonies:
    def __init__(self, engine: sa.Engine, community: str, clock: Clock) -> None:
        self._engine = engine
        self._community = community
        self._clock = clock

    def begin(self, kind: Kind, user: str, said: str) -> str:
        """The token its answer has to bring."""
        token, now_ms = secrets.token_urlsafe(32), self._clock.now_ms()
        mine = (table.c.community == self._community, table.c.kind == kind, table.c.user == user)
        most = PER_USER_MAX if user else ANONYMOUS_MAX
        newest = sa.select(table.c.token_hash).where(*mine).order_by(table.c.ends_ms.desc()).limit(most - 1)
        row = {"kind": kind, "user": user, "said": said, "ends_ms": now_ms + LIFE_MS}
        with self._engine.begin() as connection:
            over = (table.c.community == self._community, table.c.ends_ms <= now_ms)
            connection.execute(sa.delete(table).where(*over))
            connection.execute(sa.delete(table).where(*mine, table.c.token_hash.not_in(newest)))
            connection.execute(
                sa.insert(table).values(community=self._community, token_hash=hashed(token), **row)
            )
        return token

    def look(self, kind: Kind, token: str) -> Any:
        """Its row while it waits; None once it is over, or of another kind."""
        with reading(self._engine).connect() as connection:
            return connection.execute(sa.select(table).where(*self._this(kind, token))).one_or_none()

    def take(self, kind: Kind, token: str) -> Any:
        """Its row, once: whoever comes second gets None."""
        held = self.look(kind, token)
        if held is None:
            return None
        with self._engine.begin() as connection:
            gone = connection.execute(sa.delete(table).where(*self._this(kind, token))).rowcount
        return held if gone == 1 else None

    def _this(self, kind: Kind, token: str) -> tuple[sa.ColumnElement[bool], ...]:
        return (
            table.c.community == self._community,
            table.c.token_hash == hashed(token),
            table.c.kind == kind,
            table.c.ends_ms > self._clock.now_ms(),
        )


def forget(connection: sa.Connection, community: str, user: str) -> None:
    """Whatever this person had begun is over."""
    connection.execute(sa.delete(table).where(table.c.community == community, table.c.user == user))
