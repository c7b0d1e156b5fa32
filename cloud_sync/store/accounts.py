"""Who may log in: argon2 passwords, hashed sessions, and a wait after wrong passwords."""

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from cloud_sync.core.roles import role_of
from cloud_sync.errors import Refused
from cloud_sync.ports import Clock, Session, User
from cloud_sync.store import audit, tables
from cloud_sync.store.engine import reading
from cloud_sync.store.off_duty import is_off_duty

SESSION_MS = 12 * 3_600_000  # one shift; a forgotten screen at the gate closes by itself
PASSWORD_MIN = 10
NAME_MAX = 64
FREE_FAILURES = 5  # a person mistypes a few times
WAIT_FIRST_MS = 30_000
WAIT_MOST_MS = 15 * 60_000
NAMES_WATCHED_MAX = 1_000  # names that failed lately; a flood of new ones pushes the oldest out
SESSIONS_PER_USER_MAX = 20


@dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    until_ms: int


class _Brake:
    """After five wrong passwords for a name, a doubling wait; bounded, and forgotten at restart."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, _Failures] = OrderedDict()
        self._lock = threading.Lock()

    def holds(self, name: str, now_ms: int) -> bool:
        with self._lock:
            held = self._held.get(name)
            return held is not None and now_ms < held.until_ms

    def failed(self, name: str, now_ms: int) -> None:
        with self._lock:
            count = self._held.pop(name, _Failures(0, 0)).count + 1
            over = count - FREE_FAILURES
            wait_ms = min(WAIT_MOST_MS, WAIT_FIRST_MS * 2 ** min(over, 10)) if over >= 0 else 0
            self._held[name] = _Failures(count, now_ms + wait_ms)
            while len(self._held) > NAMES_WATCHED_MAX:
                self._held.popitem(last=False)

    def succeeded(self, name: str) -> None:
        with self._lock:
            self._held.pop(name, None)


HASHER = PasswordHasher()  # the library's own parameters: RFC 9106, the profile for little memory


class SqlAccounts:
    """``Accounts`` of ports.py over the service's database."""

    def __init__(self, engine: sa.Engine, community: str, clock: Clock, setup_token_file: Path) -> None:
        self._engine = engine
        self._community = community
        self._clock = clock
        self._token_file = setup_token_file
        self._hasher = HASHER
        self._brake = _Brake()

    @cached_property
    def _nobody(self) -> str:
        """What an unknown name is checked against, so that it takes as long as a known one."""
        return self._hasher.hash(secrets.token_urlsafe(16))

    def has_users(self) -> bool:
        found = sa.select(tables.user.c.name).where(tables.user.c.community == self._community).limit(1)
        with reading(self._engine).connect() as connection:
            return connection.execute(found).first() is not None

    def has_admin(self) -> bool:
        with reading(self._engine).connect() as connection:
            return self._admins(connection) > 0

    def _admins(self, connection: sa.Connection) -> int:
        mine = tables.user.c.community == self._community
        count = sa.select(sa.func.count()).where(mine, tables.user.c.role == "admin")
        return int(connection.execute(count).scalar_one())

    def create_first_admin(self, name: str, password: str, setup_token: str) -> User:
        """Make the first administrator; the token is used up.

        Raises:
            Refused: somebody exists already, the token is wrong, or name or password is too short or long.
        """
        self._check_token(setup_token)
        _check_words("first-run", name, password)
        user = User(name.strip(), "admin")
        self._insert_first(user, self._hasher.hash(password))
        self._token_file.unlink(missing_ok=True)
        return user

    def _check_token(self, setup_token: str) -> None:
        try:
            wanted = self._token_file.read_text().strip()
        except OSError:
            wanted = ""
        shown = hashlib.sha256(setup_token.strip().encode()).hexdigest()
        if not wanted or not hmac.compare_digest(wanted, shown):
            raise Refused("first-run", "the setup token is not the one that was printed at first run.")

    def _insert_first(self, user: User, password_hash: str) -> None:
        now_ms = self._clock.now_ms()
        with self._engine.begin() as connection:
            if self._admins(connection):
                raise Refused("first-run", "an administrator exists already; log in instead.")
            self._insert(connection, user, password_hash, now_ms)
            deed = audit.Deed(user.name, user.role, "user.first_admin", user.name, None, user.role)
            audit.record(connection, self._community, deed, now_ms)

    def _insert(self, connection: sa.Connection, user: User, password_hash: str, now_ms: int) -> None:
        row = {"name": user.name, "role": user.role, "password_hash": password_hash, "made_ms": now_ms}
        connection.execute(sa.insert(tables.user).values(community=self._community, **row))

    def add(self, name: str, role: str, password: str, *, actor: str) -> User:
        """One more person who may log in, on record.

        Raises:
            Refused: no such role, the name is taken, or name or password is too short or long.
        """
        _check_words("user", name, password)
        if role_of(role) is None:
            raise Refused(
                "user",
                f"there is no role {role!r}; say guard, officer, street, department, operator or admin.",
            )
        user, now_ms = User(name.strip(), role), self._clock.now_ms()
        password_hash = self._hasher.hash(password)
        with self._engine.begin() as connection:
            taken = sa.select(tables.user.c.name).filter_by(community=self._community, name=user.name)
            if connection.execute(taken).first() is not None:
                raise Refused("user", f"{user.name!r} exists already; choose another name.")
            if self._was_somebody(connection, user.name):
                raise Refused("user", f"{user.name!r} was somebody who left; choose another name.")
            self._insert(connection, user, password_hash, now_ms)
            deed = audit.Deed(actor, "system", "user.add", user.name, None, user.role)
            audit.record(connection, self._community, deed, now_ms)
        return user

    def change(self, name: str, *, role: str | None = None, password: str | None = None, actor: str) -> User:
        """Another role, another password, or both; every open session of this person ends.

        Raises:
            Refused: nobody of this name, no such role, a short password, or the last administrator's role.
        """
        if role is not None and role_of(role) is None:
            raise Refused(
                "user",
                f"there is no role {role!r}; say guard, officer, street, department, operator or admin.",
            )
        if password is not None:
            _check_words("user", name, password)
        with self._engine.begin() as connection:
            before = self._known(connection, name)
            after = User(before.name, role or before.role)
            if before.role == "admin" and after.role != "admin":
                self._keep_one_admin(connection)
            fresh = {"role": after.role}
            fresh |= {} if password is None else {"password_hash": self._hasher.hash(password)}
            connection.execute(sa.update(tables.user).where(*self._mine(before.name)).values(fresh))
            self._end_sessions(connection, before.name)
            act = "user.role" if role is not None else "user.password"
            self._note(connection, audit.Deed(actor, "system", act, before.name, before.role, after.role))
        self._brake.succeeded(name)
        return after

    def remove(self, name: str, *, actor: str) -> None:
        """This person logs in no more; what they did stays on record, and the name is not given away again.

        Raises:
            Refused: nobody of this name, or the last administrator.
        """
        with self._engine.begin() as connection:
            user = self._known(connection, name)
            if user.role == "admin":
                self._keep_one_admin(connection)
            self._end_sessions(connection, user.name)
            connection.execute(sa.delete(tables.user).where(*self._mine(user.name)))
            self._note(connection, audit.Deed(actor, "system", "user.remove", user.name, user.role, None))

    def _mine(self, name: str) -> tuple[sa.ColumnElement[bool], ...]:
        return tables.user.c.community == self._community, tables.user.c.name == name

    def _known(self, connection: sa.Connection, name: str) -> User:
        found = connection.execute(
            sa.select(tables.user.c.name, tables.user.c.role).where(*self._mine(name.strip()))
        ).first()
        if found is None:
            raise Refused("user", f"there is nobody named {name!r}; 'user list' says who there is.")
        return User(found.name, found.role)

    def _keep_one_admin(self, connection: sa.Connection) -> None:
        if self._admins(connection) < 2:
            raise Refused("user", "this is the last administrator; make another one first.")

    def _end_sessions(self, connection: sa.Connection, name: str) -> None:
        session = tables.session
        connection.execute(
            sa.delete(session).where(session.c.community == self._community, session.c.user == name)
        )

    def _note(self, connection: sa.Connection, deed: audit.Deed) -> None:
        audit.record(connection, self._community, deed, self._clock.now_ms())

    def _was_somebody(self, connection: sa.Connection, name: str) -> bool:
        held = sa.select(tables.audit.c.object).filter_by(
            community=self._community, action="user.remove", object=name
        )
        return connection.execute(held.limit(1)).first() is not None

    def users(self) -> tuple[User, ...]:
        """Everybody who may log in, by name."""
        table = tables.user
        query = sa.select(table.c.name, table.c.role).where(table.c.community == self._community)
        with reading(self._engine).connect() as connection:
            return tuple(User(row.name, row.role) for row in connection.execute(query.order_by(table.c.name)))

    def login(self, name: str, password: str) -> str | None:
        """A new session token, or None; the password is checked either way, so that both take as long.

        Raises:
            Refused: the right password of somebody whose duties are over, or have not begun.
        """
        now_ms = self._clock.now_ms()
        name = name.strip()[:NAME_MAX]
        known = self._password_hash(name)
        right = self._verifies(known or self._nobody, password) and known is not None
        if self._brake.holds(name, now_ms):
            return None
        if not right:
            self._brake.failed(name, now_ms)
            return None
        self._brake.succeeded(name)
        if self._is_off_duty(name, now_ms):
            raise Refused("duty", f"{name} has no duty today; ask the community's officer for one.")
        return self._new_session(name, now_ms)

    def _is_off_duty(self, name: str, now_ms: int) -> bool:
        asked = sa.select(tables.user.c.name).where(*self._mine(name), is_off_duty(now_ms))
        with reading(self._engine).connect() as connection:
            return connection.execute(asked).first() is not None

    def _verifies(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    def _password_hash(self, name: str) -> str | None:
        wanted = sa.select(tables.user.c.password_hash).where(
            tables.user.c.community == self._community, tables.user.c.name == name
        )
        with reading(self._engine).connect() as connection:
            return connection.execute(wanted).scalar_one_or_none()

    def _new_session(self, name: str, now_ms: int) -> str:
        token, session = secrets.token_urlsafe(32), tables.session
        mine = (session.c.community == self._community, session.c.user == name)
        with self._engine.begin() as connection:
            connection.execute(
                sa.delete(session).where(session.c.community == self._community, session.c.ends_ms <= now_ms)
            )
            newest = (
                sa.select(session.c.token_hash)
                .where(*mine)
                .order_by(session.c.made_ms.desc())
                .limit(SESSIONS_PER_USER_MAX - 1)
            )
            connection.execute(sa.delete(session).where(*mine, session.c.token_hash.not_in(newest)))
            connection.execute(
                sa.insert(session).values(
                    community=self._community,
                    token_hash=_hashed(token),
                    user=name,
                    csrf=secrets.token_urlsafe(32),
                    made_ms=now_ms,
                    ends_ms=now_ms + SESSION_MS,
                )
            )
        return token

    def session(self, token: str) -> Session | None:
        """The session behind a token, or None when it ended or never was, or its person's duties are over."""
        session, user, now_ms = tables.session, tables.user, self._clock.now_ms()
        wanted = (
            sa.select(user.c.name, user.c.role, session.c.csrf)
            .join(user, (user.c.community == session.c.community) & (user.c.name == session.c.user))
            .where(
                session.c.community == self._community,
                session.c.token_hash == _hashed(token),
                session.c.ends_ms > now_ms,
                sa.not_(is_off_duty(now_ms)),
            )
        )
        with reading(self._engine).connect() as connection:
            row = connection.execute(wanted).first()
        return Session(User(row.name, row.role), row.csrf) if row else None

    def logout(self, token: str) -> None:
        """End this session; ending it twice is fine."""
        session = tables.session
        with self._engine.begin() as connection:
            connection.execute(
                sa.delete(session).where(
                    session.c.community == self._community, session.c.token_hash == _hashed(token)
                )
            )


def _check_words(rule: str, name: str, password: str) -> None:
    if not 1 <= len(name.strip()) <= NAME_MAX:
        raise Refused(rule, f"a user name has 1 to {NAME_MAX} characters.")
    if len(password) < PASSWORD_MIN:
        raise Refused(rule, f"a password has at least {PASSWORD_MIN} characters.")


def _hashed(token: str) -> str:
    """Tokens are 256 random bits, so a plain hash is enough: there is nothing to guess."""
    return hashlib.sha256(token.encode()).hexdigest()
