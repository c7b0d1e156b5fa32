"""Who is logged in: one row for each browser, with its hashed token, its device in two words, and two limits of time."""

import secrets
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.accounts import AccountRules, Way
from cloud_sync.errors import Refused, StoreError
from cloud_sync.ports import Clock, Session, User
from cloud_sync.ports_accounts import SessionLine
from cloud_sync.store import ceremonies
from cloud_sync.store.ceremonies import hashed
from cloud_sync.store.engine import reading
from cloud_sync.store.off_duty import is_off_duty
from cloud_sync.store.tables_accounts import passkey, session, totp, user

PER_USER_MAX = 20
SEEN_EVERY_MS = 60_000  # a page that is open asks every few seconds; the books need not know each time
ID_CHARS = 16  # of the token's hash: names a session to its owner and opens nothing
DEVICE_MAX = 40


class Logins:
    def __init__(self, engine: sa.Engine, community: str, clock: Clock, rules: AccountRules) -> None:
        self._engine = engine
        self._community = community
        self._clock = clock
        self.rules = rules

    def need_duty(self, name: str) -> None:
        """
        Raises:
            Refused: this person's duties are over, or have not begun.
        """
        mine = (user.c.community == self._community, user.c.name == name)
        with reading(self._engine).connect() as connection:
            off = connection.execute(
                sa.select(user.c.name).where(*mine, is_off_duty(self._clock.now_ms()))
            ).first()
        if off is not None:
            raise Refused("duty", f"{name} has no duty today; ask the community's officer for one.")

    def begin(self, name: str, way: Way, device: str) -> str:
        """A new session; the oldest of too many ends.

        Raises:
            Refused: this person's duties are over, or have not begun.
        """
        self.need_duty(name)
        with self._engine.begin() as connection:
            return self.begin_in(connection, name, way, device)

    def begin_in(self, connection: sa.Connection, name: str, way: Way, device: str) -> str:
        token, now_ms = secrets.token_urlsafe(32), self._clock.now_ms()
        ours = session.c.community == self._community
        connection.execute(sa.delete(session).where(ours, session.c.ends_ms <= now_ms))
        newest = sa.select(session.c.token_hash).where(ours, session.c.user == name)
        newest = newest.order_by(session.c.made_ms.desc()).limit(PER_USER_MAX - 1)
        connection.execute(
            sa.delete(session).where(ours, session.c.user == name, session.c.token_hash.not_in(newest))
        )
        row = {"user": name, "way": way, "device": device[:DEVICE_MAX], "csrf": secrets.token_urlsafe(32)}
        times = {"made_ms": now_ms, "seen_ms": now_ms, "ends_ms": now_ms + self.rules.session_ms}
        connection.execute(
            sa.insert(session).values(community=self._community, token_hash=hashed(token), **row, **times)
        )
        return token

    def rotate_in(self, connection: sa.Connection, token: str, name: str, way: Way) -> str:
        """Another token for the session of this one, which now counts as ``way``; its end stays, and all others end."""
        fresh = secrets.token_urlsafe(32)
        row = {"token_hash": hashed(fresh), "csrf": secrets.token_urlsafe(32), "way": way}
        self._end_others_in(connection, token, name)
        connection.execute(sa.update(session).where(*self._this(token)).values(row))
        return fresh

    def find(self, token: str) -> Session | None:
        """The session behind a token, or None when it ended, was idle for too long, or never was."""
        now_ms = self._clock.now_ms()
        with reading(self._engine).connect() as connection:
            row: Any = connection.execute(self._query(token, now_ms)).first()
        if row is None:
            return None
        if row.seen_ms + SEEN_EVERY_MS <= now_ms:
            self._seen(token, now_ms)
        alone = row.way == Way.PASSWORD
        return Session(
            User(row.name, row.role),
            row.csrf,
            unfinished=alone and self.rules.requires(row.role),
            advised=alone and not row.coded and not row.keyed and self.rules.asks(row.role),
        )

    def _query(self, token: str, now_ms: int) -> sa.Select[Any]:
        own = (user.c.community == session.c.community) & (user.c.name == session.c.user)
        coded, keyed = (
            sa.exists().where(table.c.community == session.c.community, table.c.user == session.c.user)
            for table in (totp, passkey)
        )
        columns = (user.c.name, user.c.role, session.c.csrf, session.c.way, session.c.seen_ms)
        query = sa.select(*columns, coded.label("coded"), keyed.label("keyed")).join(user, own)
        return query.where(
            *self._this(token),
            session.c.ends_ms > now_ms,
            session.c.seen_ms > now_ms - self.rules.idle_ms,
            sa.not_(is_off_duty(now_ms)),
        )

    def _seen(self, token: str, now_ms: int) -> None:
        # A full disk takes nothing down, and whoever comes to see why still gets in.
        with suppress(StoreError), self._engine.begin() as connection:
            connection.execute(sa.update(session).where(*self._this(token)).values(seen_ms=now_ms))

    def lines(self, token: str, name: str) -> tuple[SessionLine, ...]:
        """Everywhere this person is logged in, the newest first."""
        now_ms = self._clock.now_ms()
        live = (session.c.ends_ms > now_ms, session.c.seen_ms > now_ms - self.rules.idle_ms)
        mine = (session.c.community == self._community, session.c.user == name, *live)
        query = sa.select(session).where(*mine).order_by(session.c.made_ms.desc(), session.c.token_hash)
        with reading(self._engine).connect() as connection:
            rows: list[Any] = list(connection.execute(query))
        return tuple(
            SessionLine(
                row.token_hash[:ID_CHARS],
                row.made_ms,
                row.seen_ms,
                row.device,
                row.way,
                row.token_hash == hashed(token),
            )
            for row in rows
        )

    def end(self, token: str) -> None:
        """End this session; ending it twice is fine."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(session).where(*self._this(token)))

    def end_one(self, name: str, id_: str) -> None:
        mine = (session.c.community == self._community, session.c.user == name)
        with self._engine.begin() as connection:
            found = connection.execute(sa.select(session.c.token_hash).where(*mine)).scalars().all()
            ended = [one for one in found if one[:ID_CHARS] == id_]
            connection.execute(sa.delete(session).where(*mine, session.c.token_hash.in_(ended)))

    def end_others(self, token: str, name: str) -> None:
        with self._engine.begin() as connection:
            self._end_others_in(connection, token, name)

    def _end_others_in(self, connection: sa.Connection, token: str, name: str) -> None:
        mine = (session.c.community == self._community, session.c.user == name)
        connection.execute(sa.delete(session).where(*mine, session.c.token_hash != hashed(token)))

    def end_all_in(self, connection: sa.Connection, name: str) -> None:
        """Every session of this person, and what they had begun."""
        connection.execute(
            sa.delete(session).where(session.c.community == self._community, session.c.user == name)
        )
        ceremonies.forget(connection, self._community, name)

    def _this(self, token: str) -> tuple[sa.ColumnElement[bool], ...]:
        return session.c.community == self._community, session.c.token_hash == hashed(token)
