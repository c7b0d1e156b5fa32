"""Who may log in: argon2 passwords, a second step where one is set up, and a wait after wrong tries."""

import hashlib
import hmac
import secrets
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from cloud_sync.core.accounts import AccountRules, Way
from cloud_sync.core.roles import role_of
from cloud_sync.errors import Refused
from cloud_sync.ports import Clock, FactorNeeded, Session, User
from cloud_sync.store import audit, tables
from cloud_sync.store.brake import Brake
from cloud_sync.store.ceremonies import Ceremonies, Kind
from cloud_sync.store.engine import reading
from cloud_sync.store.factor_key import FactorKey
from cloud_sync.store.logins import Logins
from cloud_sync.store.second_factor import SecondFactors

PASSWORD_MIN = 10
NAME_MAX = 64
REASON_MAX = 200

HASHER = PasswordHasher()  # the library's own parameters: RFC 9106, the profile for little memory


class SqlAccounts:
    """``Accounts`` of ports.py over the service's database."""

    def __init__(
        self,
        engine: sa.Engine,
        community: str,
        clock: Clock,
        setup_token_file: Path,
        key: FactorKey,
        rules: AccountRules | None = None,
    ) -> None:
        self._engine = engine
        self._community = community
        self._clock = clock
        self._token_file = setup_token_file
        self._hasher = HASHER
        self._brake = Brake()
        self.key = key
        self.logins = Logins(engine, community, clock, rules or AccountRules())
        self.ceremonies = Ceremonies(engine, community, clock)
        self.factors = SecondFactors(engine, community, clock, key)

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
            self.logins.end_all_in(connection, before.name)
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
            self.logins.end_all_in(connection, user.name)
            self.factors.forget_in(connection, user.name)
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

    def login(self, name: str, password: str, device: str = "") -> str | FactorNeeded | None:
        """A new session token, what else is needed, or None; the password is checked either way, so that both take as long.

        Raises:
            Refused: the right password of somebody whose duties are over, or have not begun.
        """
        name = name.strip()[:NAME_MAX]
        user = self._proved(name, password)
        if user is None:
            return None
        self.logins.need_duty(name)
        if self.factors.is_on(name):
            return FactorNeeded(self.ceremonies.begin(Kind.STEP, name, ""))
        if self.logins.rules.requires(user.role) and self.factors.has_passkey(name):
            return FactorNeeded("")
        self._brake.succeeded(name)
        return self.logins.begin(name, Way.PASSWORD, device)

    def _proved(self, name: str, password: str) -> User | None:
        """Whose password this is; a wrong one is counted, and a right one during the wait is none."""
        now_ms = self._clock.now_ms()
        known = self._row(name)
        right = self._verifies(known.password_hash if known else self._nobody, password)
        if self._brake.holds(name, now_ms):
            return None
        if known is None or not right:
            self._brake.failed(name, now_ms)
            return None
        return User(known.name, known.role)

    def prove(self, name: str, password: str) -> None:
        """Somebody who is logged in says once more who they are.

        Raises:
            Refused: a wrong password, or one within the wait after several wrong ones.
        """
        if self._proved(name, password) is None:
            raise Refused("account.password", "this is not the password, or it was wrong too often lately.")

    def check_code(self, name: str, code: str) -> Way | None:
        """By what a code lets this person in; a wrong one counts like a wrong password."""
        now_ms = self._clock.now_ms()
        if self._brake.holds(name, now_ms):
            return None
        way = self.factors.take(name, code)
        if way is None:
            self._brake.failed(name, now_ms)
            return None
        self._brake.succeeded(name)
        return way

    def second_step(self, step: str, code: str, device: str = "") -> str | None:
        """A new session token, or None for a wrong code.

        Raises:
            Refused: the step is over: it was taken, it is too old, or the password was changed meanwhile.
        """
        held = self.ceremonies.look(Kind.STEP, step)
        if held is None:
            raise Refused("login.step", "this took too long; begin again with the password.")
        way = self.check_code(held.user, code)
        if way is None or self.ceremonies.take(Kind.STEP, step) is None:
            return None
        return self.logins.begin(held.user, way, device)

    def set_password(self, name: str, new: str, way: Way, device: str) -> str:
        """Another password by its owner: every session ends; the token of a new one.

        Raises:
            Refused: the new one is too short.
        """
        _check_words("account.short", name, new)
        fresh = {"password_hash": self._hasher.hash(new)}
        with self._engine.begin() as connection:
            user = self._known(connection, name)
            connection.execute(sa.update(tables.user).where(*self._mine(name)).values(fresh))
            self.logins.end_all_in(connection, name)
            self._note(connection, audit.Deed(name, user.role, "user.password", name, user.role, user.role))
            return self.logins.begin_in(connection, name, way, device)

    def reset_second_factor(self, name: str, reason: str, *, actor: str) -> None:
        """Code, recovery codes and passkeys of this person are gone, and every session ends: for a lost phone.

        Raises:
            Refused: nobody of this name, nothing to reset, or no reason.
        """
        if not 1 <= len(reason.strip()) <= REASON_MAX:
            raise Refused("user", f"a reset has a reason of 1 to {REASON_MAX} characters.")
        with self._engine.begin() as connection:
            user = self._known(connection, name)
            if not self.factors.forget_in(connection, user.name):
                raise Refused("user", f"{user.name!r} has no second factor.")
            self.logins.end_all_in(connection, user.name)
            deed = audit.Deed(
                actor, "system", "user.second_factor_reset", user.name, None, user.role, reason.strip()
            )
            self._note(connection, deed)
        self._brake.succeeded(user.name)

    def _verifies(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    def _row(self, name: str) -> Any:
        with reading(self._engine).connect() as connection:
            return connection.execute(sa.select(tables.user).where(*self._mine(name))).one_or_none()

    def session(self, token: str) -> Session | None:
        """Who is logged in and may go on; whoever has to set up a second factor first may not."""
        held = self.logins.find(token)
        return None if held is None or held.unfinished else held

    def any_session(self, token: str) -> Session | None:
        """The session behind a token, finished or not, or None when it ended or never was."""
        return self.logins.find(token)

    def logout(self, token: str) -> None:
        """End this session; ending it twice is fine."""
        self.logins.end(token)


def _check_words(rule: str, name: str, password: str) -> None:
    if not 1 <= len(name.strip()) <= NAME_MAX:
        raise Refused(rule, f"a user name has 1 to {NAME_MAX} characters.")
    if len(password) < PASSWORD_MIN:
        raise Refused(rule, f"a password has at least {PASSWORD_MIN} characters.")
